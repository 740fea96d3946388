"""Paths, types and functions that the tests share."""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import checksig
from checksig import _installation, _preflight
from checksig._engine import make_request
from checksig._helper import HelperJob
from checksig._wire import Kind

CHECKOUT = Path(__file__).resolve().parent.parent
PACKAGE = Path(checksig.__file__).resolve().parent
LIBRARY = Path(checksig.get_library()).name
HELPER = Path(_installation.HELPER).name
LOGS = CHECKOUT / "testdata" / "logs"
MISMATCH = f'"{LOGS}/httpd-08.log" - mismatch'

ENGINE = checksig.get_engine().name
MANY = 1000 if ENGINE == "library" else 50  # calls, each of which may start a process
LOADS = not _preflight.find_obstacle()
loads_library = pytest.mark.skipif(not LOADS, reason="the library cannot be loaded here")
needs_library = pytest.mark.skipif(ENGINE != "library", reason="it is about the library in this process")
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has not what it is about")
# The environment variables that change what the command prints.
SETTINGS = ("COLUMNS", "FORCE_COLOR", "GITHUB_STEP_SUMMARY", "NO_COLOR", "PYTHONIOENCODING", "TERM")


def verify(path: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> str | None:
    """Return the message of ``checksig_verify``, or, without the library, of a job in a helper."""
    if ENGINE == "library":
        return _verify_by_c(os.fsencode(path))
    job = HelperJob()
    try:
        outcome = job.start(make_request(path))
        while outcome.kind == Kind.MORE:
            outcome = job.next().outcome
        return outcome.message or None
    finally:
        job.close(0)


def _verify_by_c(path: bytes) -> str | None:
    library = ctypes.CDLL(checksig.get_library())
    library.checksig_verify.restype = ctypes.c_void_p
    library.checksig_free.argtypes = [ctypes.c_void_p]
    pointer = library.checksig_verify(path)
    try:
        return ctypes.string_at(pointer).decode() if pointer else None
    finally:
        library.checksig_free(pointer)


Python = Callable[..., "subprocess.CompletedProcess[str]"]
Directory = Callable[[Mapping[str, bytes]], Path]


def copy_checkout(target: Path) -> Path:
    """Copy the checkout without files that were built or installed in it."""
    left_out = (".*", "build", "dist", "*.egg-info", "__pycache__", "_checksig.*", HELPER, "include")
    shutil.copytree(CHECKOUT, target, ignore=shutil.ignore_patterns(*left_out))
    for hidden in (".ci", ".github"):
        shutil.copytree(CHECKOUT / hidden, target / hidden)
    shutil.copy(CHECKOUT / ".readthedocs.yaml", target)
    return target


# For code that runs in a child: find the processes that it started and did not wait for.
CHILDREN = """
import glob
def children():
    found = []
    for path in glob.glob("/proc/self/task/*/children"):
        try:
            with open(path) as file:
                found += file.read().split()
        except (FileNotFoundError, ProcessLookupError):  # the children of an ended thread move to another
            return children()
    return found
"""

# Also for code that runs in a child: find the files below a folder that it or its helpers have open.
OPEN_BELOW = (
    CHILDREN
    + """
import os
def open_below(folder):
    names = []
    for path in [path for pid in ["self", *children()] for path in glob.glob(f"/proc/{pid}/fd/*")]:
        try:
            names.append(os.readlink(path))
        except OSError:
            pass
    return [name for name in names if name.startswith(folder)]
"""
)


def open_below(folder: Path) -> list[str]:
    """Return the files below a folder that this process or its helpers have open."""
    namespace: dict[str, Any] = {}
    exec(OPEN_BELOW, namespace)
    return list(namespace["open_below"](str(folder)))


def blocks(page: str, language: str) -> list[str]:
    """Return the code blocks of a page in one language. There must be at least one."""
    found = re.findall(
        rf"^```{language}\n(.*?)^```", (CHECKOUT / page).read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    assert found, f"{page} has no {language}"
    return found


def environment(package: Path = PACKAGE) -> dict[str, str]:
    """Return an environment in which Python finds the package under test, or another copy of it."""
    return {**os.environ, "PYTHONPATH": str(package.parent)}


def timeless(line: str) -> str:
    """Return a line without times, and without the progress of an interrupted run."""
    line = re.sub(r"( in|·) \d[\d.]* m?s( \([^)]*/s\))?", r"\1 TIME", line)
    return re.sub(r"(interrupted: .* checked), [\d.]+ [kMGT]?B", r"\1", line)


def install_command(folder: Path) -> str:
    """Make a folder with the command under test, and return a PATH that begins with the folder."""
    folder.mkdir()
    (folder / "checksig").write_text(f'#!/bin/sh\nexec {sys.executable} -m checksig "$@"\n')
    (folder / "checksig").chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def command(
    *arguments: str | os.PathLike[str],
    cwd: Path,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run the command ``checksig``, without a terminal, and return its output without times."""
    plain = {name: value for name, value in environment().items() if name not in SETTINGS}
    done = subprocess.run(
        [sys.executable, "-m", "checksig", *arguments],
        cwd=cwd,
        env={**plain, **(env or {})},
        input=stdin,
        capture_output=True,
        check=False,
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, *(timeless(text.decode()) for text in (done.stdout, done.stderr))
    )


def with_state(manifest: checksig.Manifest) -> checksig.Manifest:
    """Return the record of a manifest that is a file, with its digest, size and times."""
    content, status = Path(manifest.path).read_bytes(), os.stat(manifest.path)
    return replace(
        manifest,
        digest=hashlib.sha256(content).hexdigest(),
        size=len(content),
        mtime_ns=status.st_mtime_ns,
        ctime_ns=status.st_ctime_ns,
    )

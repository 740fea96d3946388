"""Fixtures: directories to verify, child interpreters, and a build that panics on demand."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import toolchain
from stubs import StubGo
from support import HELPER, LIBRARY, PACKAGE, Directory, Python, copy_checkout, environment

import checksig


def pytest_configure() -> None:
    """Stop ignoring SIGINT, so that Ctrl-C reaches child processes even if pytest runs in the background."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    """Return a function that makes a directory of files and the sha1sum.txt for them."""

    def make(files: Mapping[str, bytes]) -> Path:
        root = tmp_path / "directory"
        root.mkdir()
        lines = []
        for name, content in files.items():
            (root / name).write_bytes(content)
            lines.append(f"{hashlib.sha1(content).hexdigest()}  {name}\n")
        (root / "sha1sum.txt").write_text("".join(lines), "utf-8")
        return root

    return make


@pytest.fixture
def public_directory() -> Iterator[Path]:
    """Return an empty directory that every user may search, unlike tmp_path."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def python() -> Python:
    """Return a function that runs code in a fresh interpreter, as ``python -c`` does."""

    def run(
        code: str,
        *arguments: str | os.PathLike[str],
        package: Path = PACKAGE,
        engine: str | None = None,
        variables: Mapping[str, str] = {},
        timeout: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        env = {**environment(package), "PYTHONFAULTHANDLER": "1", **variables}
        if engine is not None:
            env["CHECKSIG_ENGINE"] = engine
        return subprocess.run(
            [sys.executable, "-c", code, *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=env,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
        )

    return run


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a copy of the checkout without built files."""
    return copy_checkout(tmp_path / "a checkout")


@pytest.fixture
def stub_go(tmp_path: Path) -> StubGo:
    """Return a ``go`` that copies the package under test instead of compiling."""
    return StubGo(tmp_path / "stub")


@pytest.fixture
def package_copy(tmp_path: Path) -> Path:
    """Return a copy of the package, which a test may damage."""
    return shutil.copytree(PACKAGE, tmp_path / "copy" / "checksig")


@pytest.fixture(scope="session")
def injected_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the package whose library and helper panic on demand; see inject.go."""
    package = shutil.copytree(PACKAGE, tmp_path_factory.mktemp("injected") / "checksig")
    for name, build in ((LIBRARY, toolchain.build_library), (HELPER, toolchain.build_helper)):
        (package / name).unlink(missing_ok=True)
        build(checksig.__version__, package, tags="checksig_inject")
    return package

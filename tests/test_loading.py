"""Loading the library: it happens late, and an unusable library is refused with advice."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
import toolchain
from support import LIBRARY, LOGS, MISMATCH, PACKAGE, Python

import checksig

CHECK = "import sys, checksig; checksig.check_signatures(sys.argv[1])"


def test_import_does_not_load_the_library(python: Python) -> None:
    code = """
import sys, checksig
loaded = lambda: "_checksig" in open("/proc/self/maps").read()
print(loaded(), "ctypes" in sys.modules)
try:
    checksig.check_signatures(sys.argv[1])
except checksig.VerificationError as error:
    print(error, loaded())
"""
    done = python(code, LOGS, engine="library")
    assert done.stdout == f"False True\n{MISMATCH} True\n", done.stderr


def refusal(python: Python, package: Path) -> str:
    """Return the message of the ImportError that a check with this package raises."""
    done = python(CHECK, LOGS, package=package, engine="library")
    assert done.returncode == 1, done
    kind, message = done.stderr.splitlines()[-1].split(": ", 1)
    assert kind == "ImportError"
    assert str(package / LIBRARY) in message
    assert "reinstall checksig" in message
    assert "pip install -e ." in message
    return message


def test_a_missing_library_is_an_import_error(python: Python, package_copy: Path) -> None:
    (package_copy / LIBRARY).unlink()
    assert "No such file" in refusal(python, package_copy)


@pytest.mark.parametrize("share", [0, 0.00001, 0.001, 0.25, 0.5, 0.75, 0.99])
def test_a_truncated_library_is_an_import_error(python: Python, package_copy: Path, share: float) -> None:
    library = package_copy / LIBRARY
    whole = library.read_bytes()
    library.write_bytes(whole[: int(len(whole) * share)])
    assert "truncated" in refusal(python, package_copy) or share < 0.0001


@pytest.mark.parametrize(("offset", "value"), [(4, 1), (18, 0xB7), (18, 3)])
def test_a_library_for_another_machine_is_an_import_error(
    python: Python, package_copy: Path, offset: int, value: int
) -> None:
    library = package_copy / LIBRARY
    content = bytearray(library.read_bytes())
    content[offset] = 0xF3 if content[offset] == value else value
    library.write_bytes(content)
    refusal(python, package_copy)


def test_a_file_that_is_not_a_library_is_an_import_error(python: Python, package_copy: Path) -> None:
    (package_copy / LIBRARY).write_text("version https://git-lfs.github.com/spec/v1\n" * 40)
    refusal(python, package_copy)


def test_another_library_is_an_import_error(python: Python, package_copy: Path) -> None:
    import _ctypes

    shutil.copy(_ctypes.__file__, package_copy / LIBRARY)
    assert "undefined symbol: checksig_" in refusal(python, package_copy)


def test_a_library_of_another_version_is_an_import_error(python: Python, package_copy: Path) -> None:
    (package_copy / LIBRARY).unlink()
    toolchain.build_library("0.0.9", package_copy)
    message = refusal(python, package_copy)
    assert "version 0.0.9" in message
    assert checksig.__version__ in message


def test_the_header_is_in_the_package() -> None:
    assert "char" in Path(checksig.get_include(), "checksig.h").read_text("utf-8")


def test_the_package_needs_nothing_but_the_standard_library(python: Python) -> None:
    code = """
import sys
before = set(sys.modules)
import checksig
print(checksig.check(sys.argv[1]).message)
imported = {name.split(".")[0] for name in set(sys.modules) - before}
print(*imported - set(sys.stdlib_module_names))
"""
    done = python(code, LOGS)
    assert done.stdout == f"{MISMATCH}\nchecksig\n", done.stderr


def test_the_library_is_in_the_package_under_a_plain_name() -> None:
    assert Path(checksig.get_library()).parent == PACKAGE
    assert Path(checksig.get_library()).name == (
        "_checksig.dll" if sys.platform == "win32" else "_checksig.so"
    )


# Runs before checksig is imported, and removes what Python lacks on Windows.
AS_ON_WINDOWS = """
import ctypes, mmap, os, select, signal, socket, subprocess, sys, threading
os.O_NOINHERIT, os.O_BINARY = os.O_CLOEXEC, 0
for name in ("fork", "memfd_create", "register_at_fork", "posix_spawn", "confstr", "fchmod", "O_CLOEXEC",
             "O_NOFOLLOW", "O_NONBLOCK", "O_DIRECTORY", "WNOHANG", "geteuid"):
    delattr(os, name)
del mmap.MAP_PRIVATE, mmap.MAP_ANONYMOUS, select.poll, signal.SIGKILL
sys.modules["fcntl"] = sys.modules["resource"] = sys.modules["termios"] = None
sys.platform = "win32"
load = ctypes.CDLL
def only_named(name):
    assert name, "on Windows there is no library without a name"
    return load(name)
ctypes.CDLL = only_named
"""


def test_checksig_needs_nothing_that_windows_lacks(
    python: Python, package_copy: Path, tmp_path: Path
) -> None:
    (package_copy / LIBRARY).rename(package_copy / "_checksig.dll")
    (tmp_path / "files").mkdir()
    (tmp_path / "files/a").write_text("1")
    code = f"""{AS_ON_WINDOWS}
import checksig
print(checksig.get_engine().name, [str(r.status) for r in checksig.iter_check(sys.argv[1])].count("OK"))
try:
    checksig.check_signatures(sys.argv[1])
except checksig.VerificationError as error:
    print(error)
os.chdir(sys.argv[2])
print(checksig.create(".").entries, checksig.check(".").ok)
os.rename("a", "b")
print(checksig.update(".").renamed, checksig.check(".").ok, sorted(os.listdir()))
"""
    done = python(code, LOGS, tmp_path / "files", package=package_copy, engine="")
    assert done.stdout.splitlines() == [
        "library 9",
        MISMATCH,
        "1 True",
        "(('a', 'b'),) True ['SHA256SUMS', 'b']",
    ], done.stderr

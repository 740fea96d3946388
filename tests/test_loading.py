"""Loading the library: it happens late, and an unusable library is refused with advice."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import toolchain
from support import HELPER, LIBRARY, LOADS, LOGS, MISMATCH, PACKAGE, Python, loads_library

import checksig
from checksig._installation import REMEDY

BUILT = [
    (kind, name) for kind, name in (("library", LIBRARY), ("helper", HELPER)) if (PACKAGE / name).exists()
]
SHOW = """
import sys, checksig
print(checksig.get_engine().name)
print(checksig.check(sys.argv[1]).message)
"""
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
    assert done.stdout == f"False False\n{MISMATCH} True\n", done.stderr


def test_import_does_not_load_what_is_seldom_needed(python: Python) -> None:
    code = "import sys, checksig; print({'filecmp', 'hashlib', 'tqdm', 'click'} & set(sys.modules))"
    assert python(code).stdout == "set()\n"


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


def test_the_build_lists_the_digests_of_library_and_helper(package_copy: Path) -> None:
    built = [name for name in (LIBRARY, HELPER) if (package_copy / name).exists()]
    assert built
    report = checksig.check(package_copy, package_copy / "_checksig.sha256")
    assert report.ok
    assert report.files == len(built)


@loads_library
def test_version_says_whether_library_and_helper_are_as_built(python: Python, package_copy: Path) -> None:
    show = "import sys, checksig.__main__ as m; sys.argv[1:] = ['--version', '-v']; m.main()"
    done = python(show, package=package_copy, engine="helper")
    lines = [f"{kind}: {package_copy / name} (as built)" for kind, name in BUILT]
    assert done.stdout.splitlines()[2:] == lines, done.stderr
    for (_, name), position in zip(BUILT, (-1, 200_000), strict=True):
        content = bytearray((package_copy / name).read_bytes())
        content[position] ^= 1
        (package_copy / name).write_bytes(content)
    done = python(show, package=package_copy, engine="helper")
    advice = f"not as built: {REMEDY}"
    assert done.stdout.splitlines()[2:] == [line.replace("as built", advice) for line in lines], done.stderr


@pytest.mark.parametrize("engine", ["", "library", "helper"])
def test_in_an_archive_the_message_says_to_install(python: Python, package_copy: Path, engine: str) -> None:
    archive = shutil.make_archive(str(package_copy.parent / "zipped"), "zip", package_copy.parent)
    done = python(CHECK, LOGS, package=Path(archive, "checksig"), engine=engine)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError: cannot "), done.stderr
    assert last.endswith("; checksig cannot be imported from an archive: install it into a directory")


@pytest.mark.parametrize("engine", ["", "library", "helper"])
def test_in_a_frozen_program_the_message_does_not_say_reinstall(
    python: Python, package_copy: Path, engine: str
) -> None:
    for name in (LIBRARY, HELPER):
        (package_copy / name).unlink(missing_ok=True)
    done = python(f"import sys\nsys.frozen = True\n{CHECK}", LOGS, package=package_copy, engine=engine)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError: cannot "), done.stderr
    assert "build this program again with the files of the package checksig" in last
    assert "reinstall" not in last


@pytest.mark.packaging
def test_pyinstaller_puts_library_and_helper_into_a_program(python: Python, tmp_path: Path) -> None:
    pytest.importorskip("PyInstaller")
    (tmp_path / "program.py").write_text(f"{SHOW}\n", "utf-8")
    left_out = [f"--exclude-module={name}" for name in ("click", "tqdm")]
    subprocess.run(
        [sys.executable, "-m", "PyInstaller", "--log-level=ERROR", *left_out, "program.py"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    program = tmp_path / "dist/program/program"
    for engine in ("library", "helper") if LOADS else ("helper",):
        done = subprocess.run(
            [program, LOGS], capture_output=True, text=True, check=False, env={"CHECKSIG_ENGINE": engine}
        )
        assert done.stdout == f"{engine}\n{MISMATCH}\n", done.stderr

"""Directories that are made to harm: what a case file cannot describe. testdata/cases has the others."""

from __future__ import annotations

import hashlib
import os
import pty
import stat
import threading
import time
from pathlib import Path

import pytest
from support import Python

import checksig
from checksig import Status

DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "tty": (5, 0), "loop0": (7, 0)}


def make_special(path: Path, name: str) -> None:
    kind = stat.S_IFBLK if name == "loop0" else stat.S_IFCHR
    try:
        os.mknod(path, kind | 0o666, os.makedev(*DEVICES[name]))
    except PermissionError:
        pytest.skip("only root makes devices")


def entry(name: str, content: bytes = b"") -> str:
    return f"{hashlib.sha1(content).hexdigest()}  {name}\n"


@pytest.mark.parametrize("name", DEVICES)
def test_a_device_is_never_read(name: str, tmp_path: Path) -> None:
    make_special(tmp_path / name, name)
    (tmp_path / "sha1sum.txt").write_text(entry(name))
    (failure,) = checksig.check(tmp_path).failures
    assert (failure.status, failure.reason) == (Status.ERROR, "is a device")
    (tmp_path / "sha1sum.txt").unlink()
    (tmp_path / name).rename(tmp_path / "sha1sum.txt")
    with pytest.raises(checksig.ManifestError, match="is a device"):
        checksig.check(tmp_path)


def test_a_terminal_does_not_become_the_one_that_controls_the_process(python: Python, tmp_path: Path) -> None:
    controller, terminal = pty.openpty()
    device = os.fstat(terminal).st_rdev
    try:
        os.mknod(tmp_path / "terminal", stat.S_IFCHR | 0o666, device)
    except PermissionError:
        pytest.skip("only root makes devices")
    (tmp_path / "sha1sum.txt").write_text(entry("terminal"))
    code = """
import os, sys, checksig
os.setsid()
print(checksig.check(sys.argv[1]).failures[0].reason)
try:
    os.open("/dev/tty", os.O_RDONLY)
except OSError as error:
    print("none")
"""
    assert python(code, tmp_path).stdout == "is a device\nnone\n"
    os.close(controller)
    os.close(terminal)


def test_nobody_is_waited_for_at_the_other_end_of_a_fifo(tmp_path: Path) -> None:
    for name in ("sha1sum.txt", "fifo"):
        os.mkfifo(tmp_path / name)
    with pytest.raises(checksig.ManifestError, match="is a FIFO"):
        checksig.check(tmp_path)
    (tmp_path / "sha1sum.txt").unlink()
    (tmp_path / "sha1sum.txt").write_text(entry("fifo"))
    assert checksig.check(tmp_path).failures[0].reason == "is a FIFO"


def test_a_file_below_the_longest_path_cannot_be_named(tmp_path: Path) -> None:
    """The kernel takes 4,095 bytes at once, and a tree may go deeper."""
    names = []
    here = os.open(tmp_path, os.O_RDONLY)
    path = ""
    for depth in range(30):
        element = f"{depth:02}".ljust(200, "x")
        path = f"{path}{element}/"
        os.mkdir(element, dir_fd=here)
        below = os.open(element, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
        with os.fdopen(os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=here), "wb") as file:
            file.write(b"1")
        names.append(f"{path}f")
    os.close(here)
    (tmp_path / "sha1sum.txt").write_text("".join(entry(name, b"1") for name in names))
    for name, result in zip(names, checksig.iter_check(tmp_path), strict=True):
        fits = len(name) < 4096
        assert result.path == name
        assert (result.status, result.reason) == (
            (Status.OK, "") if fits else (Status.ERROR, "name too long")
        )


@pytest.mark.parametrize("name", ["self/environ", "self/maps", "kmsg", "self/mem", "sys/kernel/hostname"])
def test_what_proc_serves_is_never_ok_nor_waited_for(name: str, tmp_path: Path) -> None:
    """Such a file tells no size, and some have no end; the manifest is bound into the directory."""
    content = b"" if name in ("kmsg", "self/mem") else Path("/proc", name).read_bytes()
    root = Path("/proc", name).parent
    assert not checksig_of(root, entry(Path(name).name, content), tmp_path)


def checksig_of(root: Path, manifest: str, scratch: Path) -> bool:
    """Return whether the files below a directory that cannot be written to match a manifest."""
    (scratch / "link").symlink_to(root)
    (scratch / "sha1sum.txt").write_text(manifest.replace("  ", "  link/"))
    return checksig.check(scratch).ok


def test_a_tree_that_is_rebuilt_all_the_time_never_leads_out(tmp_path: Path) -> None:
    """A directory turns into a symlink out of the root and back, while files in it are verified."""
    root, secret = tmp_path / "root", tmp_path / "secret"
    for folder in (root / "d", secret):
        folder.mkdir(parents=True)
    (root / "d" / "f").write_bytes(b"inside")
    (secret / "f").write_bytes(b"secret")
    (root / "link").symlink_to(secret)
    (root / "sha1sum.txt").write_text(entry("d/f", b"secret"))
    end = time.monotonic() + 2

    def exchange() -> None:
        while time.monotonic() < end:
            (root / "d").rename(root / "e")
            (root / "link").rename(root / "d")
            (root / "d").rename(root / "link")
            (root / "e").rename(root / "d")

    thread = threading.Thread(target=exchange)
    thread.start()
    seen = set()
    while thread.is_alive():
        (failure,) = checksig.check(root, extra="report").failures[:1]
        seen.add((failure.status, failure.reason))
        assert failure.actual in (None, hashlib.sha1(b"inside").hexdigest())
    thread.join()
    assert (Status.FAILED, "mismatch") in seen
    assert (Status.ERROR, "symlink out of the directory") in seen

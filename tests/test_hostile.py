"""Hostile directories that a case file cannot describe. The others are in testdata/cases."""

from __future__ import annotations

import hashlib
import os
import pty
import stat
import sys
import threading
import time
from pathlib import Path

import pytest
from support import Python

import checksig
from checksig import Status

DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "tty": (5, 0), "loop0": (7, 0)}

# The reasons of the kernel and of os.Root, which resolve names in turn in tests/test_faults.py.
MAGIC_LINK = ("too many symlinks or a symlink loop", "symlink out of the directory")


def make_device(path: Path, name: str) -> None:
    """Create one of DEVICES; skip the test if that is not allowed."""
    kind = stat.S_IFBLK if name == "loop0" else stat.S_IFCHR
    try:
        os.mknod(path, kind | 0o666, os.makedev(*DEVICES[name]))
    except PermissionError:
        pytest.skip("only root can create devices")


def entry(name: str, content: bytes = b"") -> str:
    """Return a line of a manifest."""
    return f"{hashlib.sha1(content).hexdigest()}  {name}\n"


@pytest.mark.parametrize("name", DEVICES)
def test_a_device_is_never_read(name: str, tmp_path: Path) -> None:
    make_device(tmp_path / name, name)
    (tmp_path / "sha1sum.txt").write_text(entry(name))
    (failure,) = checksig.check(tmp_path).failures
    assert (failure.status, failure.reason) == (Status.ERROR, "is a device")
    (tmp_path / "sha1sum.txt").unlink()
    (tmp_path / name).rename(tmp_path / "sha1sum.txt")
    with pytest.raises(checksig.ManifestError, match="is a device"):
        checksig.check(tmp_path)


def test_opening_a_terminal_does_not_make_it_the_controlling_one(python: Python, tmp_path: Path) -> None:
    """The terminal is opened in /dev/pts, because it cannot be opened through another node."""
    controller, terminal = pty.openpty()
    path = Path(os.ttyname(terminal))
    (tmp_path / "sha1sum.txt").write_text(entry(path.name))
    code = """
import os, sys, checksig
os.setsid()
print(checksig.check(sys.argv[1], sys.argv[2]).failures[0].reason)
try:
    os.open("/dev/tty", os.O_RDONLY)
except OSError as error:
    print("none")
os.open(sys.argv[3], os.O_RDONLY)  # without O_NOCTTY
os.open("/dev/tty", os.O_RDONLY)
"""
    done = python(code, path.parent, tmp_path / "sha1sum.txt", path)
    assert (done.stdout, done.returncode) == ("is a device\nnone\n", 0), done.stderr
    os.close(controller)
    os.close(terminal)


def test_a_fifo_without_a_writer_is_not_waited_for(tmp_path: Path) -> None:
    for name in ("sha1sum.txt", "fifo"):
        os.mkfifo(tmp_path / name)
    with pytest.raises(checksig.ManifestError, match="is a FIFO"):
        checksig.check(tmp_path)
    (tmp_path / "sha1sum.txt").unlink()
    (tmp_path / "sha1sum.txt").write_text(entry("fifo"))
    assert checksig.check(tmp_path).failures[0].reason == "is a FIFO"


def test_a_name_longer_than_the_longest_path_is_an_error(tmp_path: Path) -> None:
    """The kernel accepts 4,095 bytes in one path, but a tree may be deeper."""
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


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/proc/PID/environ", {Status.CHANGED}),
        ("/proc/PID/maps", {Status.CHANGED}),
        ("/proc/sys/kernel/hostname", {Status.CHANGED}),
        ("/proc/PID/mem", {Status.ERROR}),
        ("/proc/kmsg", {Status.ERROR, Status.CHANGED}),  # depends on the user and on new messages
    ],
)
def test_a_file_of_proc_is_never_ok_and_never_waited_for(
    path: str, allowed: set[Status], tmp_path: Path
) -> None:
    """Such a file has content but the size 0. Some have no end."""
    file = Path(path.replace("PID", str(os.getpid())))
    readable = file.name not in ("mem", "kmsg")
    (tmp_path / "sha1sum.txt").write_text(entry(file.name, file.read_bytes() if readable else b""))
    (failure,) = checksig.check(file.parent, tmp_path / "sha1sum.txt").failures
    assert failure.status in allowed


def test_a_magic_link_of_proc_is_never_followed(tmp_path: Path) -> None:
    """The links lead to a file that is listed with its right digest, but not by way of a path."""
    (tmp_path / "f").write_bytes(b"secret")
    descriptor = os.open(tmp_path / "f", os.O_RDONLY)
    folder = os.open(tmp_path, os.O_RDONLY)
    links = {
        f"fd/{descriptor}": b"secret",
        f"fd/{folder}/f": b"secret",
        "exe": Path(sys.executable).resolve().read_bytes(),
    }
    (tmp_path / "sha1sum.txt").write_text("".join(entry(name, content) for name, content in links.items()))
    failures = checksig.check(f"/proc/{os.getpid()}", tmp_path / "sha1sum.txt").failures
    assert [failure.path for failure in failures] == list(links)
    assert all(f.status is Status.ERROR and f.reason in MAGIC_LINK for f in failures), failures
    os.close(descriptor)
    os.close(folder)


def test_a_directory_that_turns_into_a_symlink_never_leads_out(tmp_path: Path) -> None:
    """A directory turns into a symlink out of the root and back while a file in it is verified."""
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

"""Manifests on file systems that have no locks, hard links, modes or times, or cannot flush."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import syscalls
from support import Python, command, environment
from test_write import plant

import checksig
from checksig._atomic import Replacement

TESTS = Path(__file__).parent
supervised = pytest.mark.skipif(not syscalls.supported(), reason="needs seccomp user notifications")

UNSUPPORTED = {
    "flock": "ENOSYS ENOLCK EOPNOTSUPP EINVAL EBADF EPERM EACCES",
    "linkat": "EPERM ENOTSUP ENOSYS EOPNOTSUPP EMLINK EACCES EINVAL EXDEV",
    "fsync": "EINVAL ENOSYS EBADF EROFS EOPNOTSUPP EPERM EACCES",
    "fchmod": "EPERM ENOSYS EOPNOTSUPP EINVAL EROFS",
    "utimensat": "EPERM EACCES ENOSYS EOPNOTSUPP EINVAL",
}

# For each error: writes, replaces and updates a manifest, and prints what is there then.
WRITE = """
import errno, json, os, sys
sys.path.insert(0, sys.argv[1])
import checksig, syscalls
root, call = sys.argv[2:4]
def appear(_):
    with open(f"{root}/SHA256SUMS", "w") as file:
        file.write("precious")
for name in sys.argv[4:]:
    if os.fork() == 0:
        syscalls.refuse(call, getattr(errno, name))
        try:
            checksig.create(root, progress=appear)
        except FileExistsError as error:
            kept = open(f"{root}/SHA256SUMS").read() == "precious" and error.filename == f"{root}/SHA256SUMS"
        os.unlink(f"{root}/SHA256SUMS")
        counts = [checksig.create(root).entries, checksig.create(root, overwrite=True).entries]
        counts.append(checksig.update(root, all=True).unchanged)
        print(json.dumps([name, kept, counts, checksig.check(root).ok, sorted(os.listdir(root))]), flush=True)
        os.unlink(f"{root}/SHA256SUMS")
        os._exit(0)
    os.wait()
"""


@supervised
@pytest.mark.parametrize("call", UNSUPPORTED)
def test_a_call_that_the_file_system_does_not_support_is_no_failure(
    call: str, python: Python, tmp_path: Path
) -> None:
    root = plant(tmp_path / "root", {"a": b"1", "b": b"2"})
    errors = UNSUPPORTED[call].split()
    done = python(WRITE, TESTS, root, call, *errors)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert found == [[name, True, [2, 2, 2], True, ["SHA256SUMS", "a", "b"]] for name in errors], done.stderr


@pytest.fixture
def poor_file_system(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system that can do little more than files in one directory; see fuse.py."""
    folder = tmp_path / "mounted"
    folder.mkdir()
    server = subprocess.Popen(
        [sys.executable, TESTS / "fuse.py", folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdout is not None
    with server.stdout:
        if not server.stdout.readline():
            server.wait()
            pytest.skip("only root mounts a file system with FUSE")
        yield folder
        subprocess.run(["umount", folder], check=True)
        assert server.wait() == 0


def test_a_file_system_that_can_do_little_is_enough(poor_file_system: Path) -> None:
    root = plant(poor_file_system, {"a": b"1", "b": bytes(100_000)})

    def appear(_: object) -> None:
        (root / "SHA256SUMS").write_bytes(b"precious")

    with pytest.raises(FileExistsError):
        checksig.create(root, progress=appear)
    assert (root / "SHA256SUMS").read_bytes() == b"precious"
    (root / "SHA256SUMS").unlink()
    assert checksig.create(root).entries == 2
    assert checksig.create(root, overwrite=True).entries == 2
    (root / "b").write_bytes(b"2")
    assert checksig.update(root).modified == ("b",)
    assert checksig.check(root, extra="fail").ok
    assert sorted(os.listdir(root)) == ["SHA256SUMS", "a", "b"]


FLUSH = """
import sys
sys.path.insert(0, sys.argv[1])
import checksig, syscalls
checksig.get_algorithms()
syscalls.supervise(("fsync",), int(sys.argv[2]))
try:
    checksig.create(sys.argv[3])
except OSError as error:
    print(error.errno, error.filename, error.strerror, sep="\\n")
"""


@supervised
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("what", ["file", "directory"])
def test_a_manifest_that_cannot_be_flushed_is_an_error_which_says_whether_it_is_in_place(
    what: str, number: int, tmp_path: Path
) -> None:
    root = plant(tmp_path / "root", {"a": b"1"})

    def decide(call: syscalls.Call) -> int | None:
        is_directory = os.path.isdir(syscalls.path_of(call))
        return -number if is_directory == (what == "directory") else None

    with syscalls.Supervisor(decide) as supervisor:
        arguments = [str(TESTS), str(supervisor.descriptor), str(root)]
        done = subprocess.run(
            [sys.executable, "-c", FLUSH, *arguments],
            env=environment(),
            pass_fds=[supervisor.descriptor],
            capture_output=True,
            text=True,
            check=True,
        )
    in_place = " (the file is in place, but a power failure may undo that)" if what == "directory" else ""
    expected = [str(number), f"{root}/SHA256SUMS", f"{os.strerror(number)}{in_place}"]
    assert done.stdout.splitlines() == expected, done.stderr
    assert sorted(os.listdir(root)) == (["SHA256SUMS", "a"] if in_place else ["a"])
    assert not in_place or checksig.check(root).ok


# Writes a manifest or a bag, and kills itself before one of the calls that put files in place.
KILLED = """
import os, signal, sys, checksig
root, format, links, number = sys.argv[1], sys.argv[2], sys.argv[3] == "links", int(sys.argv[4])
def count(call):
    def counted(*arguments, **options):
        global number
        if call is os_link and not links:
            raise PermissionError(1, "Operation not permitted")
        if number == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        number -= 1
        return call(*arguments, **options)
    return counted
os_link = os.link
os.link, os.replace = count(os.link), count(os.replace)
checksig.create(root, format=format)
"""


def kill(root: Path, format: str, links: bool, number: int) -> None:
    arguments = [str(root), format, "links" if links else "no links", str(number)]
    done = subprocess.run([sys.executable, "-c", KILLED, *arguments], env=environment(), check=False)
    assert done.returncode == -signal.SIGKILL


def test_without_hard_links_a_kill_leaves_an_empty_file_which_the_next_run_removes(tmp_path: Path) -> None:
    root = plant(tmp_path, {"a": b"1"})
    kill(root, "gnu", False, 0)
    assert (root / "SHA256SUMS").read_bytes() == b""
    with pytest.raises(checksig.ManifestError, match="lists no files"):
        checksig.check(root)
    assert command("check", cwd=root).returncode == 2
    checksig.create(root)
    assert checksig.check(root, extra="fail").ok


def test_an_empty_file_stays_unless_it_is_known_to_be_of_a_killed_run(tmp_path: Path) -> None:
    root = plant(tmp_path, {"a": b"1", "SHA256SUMS": b""})
    with pytest.raises(FileExistsError):
        checksig.create(root)
    stray = root / f".checksig-{'0' * 16}.tmp"
    with Replacement(os.fsencode(root / "other")):
        stray.touch()
        with pytest.raises(FileExistsError):
            checksig.create(root)
        assert not stray.exists()
    (root / "SHA256SUMS").write_bytes(b"precious")
    stray.touch()
    with pytest.raises(FileExistsError):
        checksig.create(root)
    assert (root / "SHA256SUMS").read_bytes() == b"precious"


@pytest.mark.parametrize("failure", [OSError(errno.EIO, "Input/output error"), KeyboardInterrupt()])
@pytest.mark.parametrize("reserved", [True, False])
def test_without_hard_links_a_failure_leaves_nothing(
    reserved: bool, failure: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes when the name is reserved, or right after the call that reserves it."""
    call = os.open

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    def fail(*_: object) -> None:
        raise failure

    def reserve_and_fail(path: Any, *arguments: int) -> int:
        opened = call(path, *arguments)
        if path == os.fsencode(tmp_path / "SHA256SUMS"):
            os.close(opened)
            raise failure
        return opened

    plant(tmp_path, {"a": b"1"})
    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(*((os, "replace", fail) if reserved else (os, "open", reserve_and_fail)))
    with pytest.raises(type(failure)):
        checksig.create(tmp_path)
    assert os.listdir(tmp_path) == ["a"]


def test_without_locks_what_a_killed_run_left_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    stray = f".checksig-{'0' * 16}.tmp"
    plant(tmp_path, {"a": b"1", stray: b"perhaps of a live run"})
    assert checksig.create(tmp_path).entries == 1
    assert sorted(os.listdir(tmp_path)) == [stray, "SHA256SUMS", "a"]


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("number", range(4))
def test_a_bag_that_was_interrupted_is_not_one_and_the_next_run_finishes_it(
    number: int, links: bool, tmp_path: Path
) -> None:
    root = plant(tmp_path, {"data/a": b"1", "data/b/c": b"2", "bag-info.txt": b"Contact-Name: precious\n"})
    kill(root, "bagit", links, number)
    assert not (root / "bagit.txt").exists()
    with pytest.raises(checksig.ManifestNotFoundError):
        checksig.check(root)
    checksig.create(root, format="bagit")
    report = checksig.check(root, extra="fail")
    assert (report.ok, report.files) == (True, 2 + 3)
    assert (root / "bag-info.txt").read_bytes() == b"Contact-Name: precious\nPayload-Oxum: 2.2\n"
    names = "bag-info.txt bagit.txt data manifest-sha256.txt tagmanifest-sha256.txt"
    assert sorted(os.listdir(root)) == names.split()


def test_a_bag_that_was_interrupted_is_not_replaced_if_its_manifest_lists_other_content(
    tmp_path: Path,
) -> None:
    root = plant(tmp_path, {"data/a": b"1"})
    kill(root, "bagit", True, 1)
    listed = (root / "manifest-sha256.txt").read_bytes()
    (root / "data" / "a").write_bytes(b"2")
    with pytest.raises(FileExistsError, match=r"bag without bagit\.txt, whose manifest lists other content"):
        checksig.create(root, format="bagit")
    assert (root / "manifest-sha256.txt").read_bytes() == listed
    assert sorted(os.listdir(root)) == ["data", "manifest-sha256.txt"]
    checksig.create(root, format="bagit", overwrite=True)
    assert checksig.check(root, extra="fail").ok

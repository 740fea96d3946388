"""Replaces a file atomically: other processes see the old content or the new, never a part."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator

if sys.platform != "win32":
    import fcntl

    _NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
else:
    _NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOINHERIT | os.O_BINARY

# The names of temporary files. The run that writes one holds a lock on it until it ends. Windows
# needs no lock, because an open file cannot be removed there.
TEMPORARY = re.compile(rb"\.checksig-[0-9a-f]{16}\.tmp")


class Replacement:
    """A temporary file that can take the place of a target file.

    It is in the same directory. If it is not committed, it is removed. Temporary files of runs
    that were killed are removed, too.

    Args:
        target: the path of the target, which need not exist. A symlink is followed.

    Attributes:
        name: the path of the temporary file.

    Raises:
        OSError: the target is not a regular file, or the directory cannot be written to.
    """

    def __init__(self, target: bytes) -> None:
        self._target = os.path.realpath(target) if os.path.islink(target) else target
        self._folder = os.path.dirname(self._target) or b"."
        if not os.path.basename(self._target) or os.path.isdir(self._target):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fsdecode(target))
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISREG(os.lstat(self._target).st_mode):
                raise OSError(errno.EINVAL, "not a regular file", os.fsdecode(target))
        _remove_strays(self._folder)
        self.name, self._file = _temporary(self._folder)
        self._begun = os.fstat(self._file).st_mtime_ns

    def __enter__(self) -> Replacement:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.name)

    def _close(self) -> None:
        if self._file >= 0:
            file, self._file = self._file, -1
            os.close(file)

    def write(self, pieces: Iterable[bytes]) -> None:
        """Append content to the temporary file.

        Raises:
            OSError: the content cannot be written.
        """
        try:
            for piece in _joined(pieces):
                _write(self._file, piece)
        except OSError as error:
            raise OSError(error.errno, error.strerror, os.fsdecode(self._target)) from None

    def commit(self, overwrite: bool) -> None:
        """Put the temporary file in the place of the target, and flush it to the disk.

        Its mtime is the time at which this object was made, so that files that were touched since
        then are newer.

        Args:
            overwrite: replace a target that exists.

        Raises:
            FileExistsError: the target exists, and overwrite is False.
            OSError: the file cannot be put there.
        """
        try:
            if sys.platform == "win32":
                os.fsync(self._file)
                self._close()
                os.utime(self.name, ns=(self._begun, self._begun))
            else:
                with contextlib.suppress(FileNotFoundError):
                    os.fchmod(self._file, os.stat(self._target).st_mode & 0o777)
                os.utime(self._file, ns=(self._begun, self._begun))
                os.fsync(self._file)
        except OSError as error:
            raise OSError(error.errno, error.strerror, os.fsdecode(self._target)) from None
        self._put(overwrite)
        if sys.platform != "win32":
            _sync(self._folder)

    def _put(self, overwrite: bool) -> None:
        if overwrite:
            os.replace(self.name, self._target)
            return
        if sys.platform == "win32":
            os.rename(self.name, self._target)  # on Windows, this does not replace a file
            return
        try:
            os.link(self.name, self._target, follow_symlinks=False)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS):
                raise OSError(error.errno, error.strerror, os.fsdecode(self._target)) from None
            if os.path.lexists(self._target):  # the file system has no hard links
                raise FileExistsError(
                    errno.EEXIST, os.strerror(errno.EEXIST), os.fsdecode(self._target)
                ) from None
            os.replace(self.name, self._target)


def _temporary(folder: bytes) -> tuple[bytes, int]:
    """Make and lock a temporary file; return its path and its descriptor."""
    while True:
        name = os.path.join(folder, b".checksig-%s.tmp" % os.urandom(8).hex().encode())
        try:
            file = os.open(name, _NEW, 0o666)
        except OSError as error:
            raise OSError(error.errno, error.strerror, os.fsdecode(folder)) from None
        if sys.platform == "win32":
            return name, file
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(file), os.stat(name)):
                return name, file
        except FileNotFoundError:  # another run removed it as a stray before it was locked
            pass
        except BaseException:
            os.unlink(name)
            os.close(file)
            raise
        os.close(file)


def _remove_strays(folder: bytes) -> None:
    """Remove the temporary files of killed runs, which are those that nobody has locked."""
    for found in os.listdir(folder):
        if not TEMPORARY.fullmatch(found):
            continue
        stray = os.path.join(folder, found)
        with contextlib.suppress(OSError):
            if sys.platform == "win32":
                os.unlink(stray)
                continue
            file = os.open(stray, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(stray)
            finally:
                os.close(file)


def _sync(folder: bytes) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _joined(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the same bytes in larger pieces."""
    held = bytearray()
    for piece in pieces:
        held += piece
        if len(held) >= 1 << 20:
            yield bytes(held)
            held.clear()
    yield bytes(held)


def _write(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]

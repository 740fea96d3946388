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
# needs no lock, because an open file cannot be removed there. On a file system without locks,
# nobody can tell a temporary file in use from one that a killed run left, so both stay.
TEMPORARY = re.compile(rb"\.checksig-[0-9a-f]{16}\.tmp")

# The errors with which file systems refuse what they cannot do: locks, hard links, modes, times,
# flushing. The manifest is right without these.
_UNSUPPORTED = frozenset(
    {
        *(errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOTTY, errno.EPERM),
        *(errno.EACCES, errno.EBADF, errno.EROFS, errno.ENOLCK, errno.EMLINK, errno.EXDEV),
    }
)


@contextlib.contextmanager
def _if_supported() -> Iterator[None]:
    """Ignore the errors of a file system that cannot do what is asked."""
    try:
        yield
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise


class Replacement:
    """A temporary file that can take the place of a target file.

    It is in the same directory. If it is not committed, it is removed. What killed runs left is
    removed, too.

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
        _remove_leftovers(self._folder, self._target)
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
            OSError: the file cannot be put there, or cannot be flushed there.
        """
        try:
            if sys.platform == "win32":
                os.fsync(self._file)
                self._close()
                os.utime(self.name, ns=(self._begun, self._begun))
            else:
                with contextlib.suppress(FileNotFoundError), _if_supported():
                    os.fchmod(self._file, os.stat(self._target).st_mode & 0o777)
                with _if_supported():
                    os.utime(self._file, ns=(self._begun, self._begun))
                with _if_supported():
                    os.fsync(self._file)
        except OSError as error:
            raise OSError(error.errno, error.strerror, os.fsdecode(self._target)) from None
        self._put(overwrite)
        if sys.platform != "win32":
            self._flush_name()

    def _put(self, overwrite: bool) -> None:
        if overwrite:
            os.replace(self.name, self._target)
            return
        if sys.platform == "win32":
            os.rename(self.name, self._target)  # on Windows, this does not replace a file
            return
        try:
            with _if_supported():
                os.link(self.name, self._target, follow_symlinks=False)
                return
            self._put_without_link()
        except OSError as error:
            raise OSError(error.errno, error.strerror, os.fsdecode(self._target)) from None

    def _put_without_link(self) -> None:
        """Reserve the target with an empty file, which is not a manifest, and replace that file."""
        try:
            os.close(os.open(self._target, _NEW, 0o666))
            os.replace(self.name, self._target)
        except FileExistsError:
            raise
        except BaseException:
            if os.path.lexists(self.name) and _is_empty_file(self._target):
                os.unlink(self._target)
            raise

    def _flush_name(self) -> None:
        """Flush the directory, so that the target has its new content after a power failure."""
        try:
            with _if_supported():
                folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                try:
                    os.fsync(folder)
                finally:
                    os.close(folder)
        except OSError as error:
            why = f"{error.strerror} (the file is in place, but a power failure may undo that)"
            raise OSError(error.errno, why, os.fsdecode(self._target)) from None


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
            with _if_supported():
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


def _remove_leftovers(folder: bytes, target: bytes) -> None:
    """Remove what killed runs left: their temporary files, and an empty file in the target's place.

    The latter is left where a manifest cannot be linked into its place. It is known by the
    temporary file beside it, and it is removed only if no other run may have made it.
    """
    found = [os.path.join(folder, name) for name in os.listdir(folder) if TEMPORARY.fullmatch(name)]
    if sys.platform == "win32":
        for name in found:
            with contextlib.suppress(OSError):  # it is in use
                os.unlink(name)
        return
    with contextlib.ExitStack() as stack:
        strays = [name for name in found if _lock_stray(name, stack)]
        if strays == found != [] and _is_empty_file(target):
            os.unlink(target)
        for name in strays:
            with contextlib.suppress(OSError):
                os.unlink(name)


def _lock_stray(name: bytes, stack: contextlib.ExitStack) -> bool:
    """Lock a temporary file until the stack is left. Return False if that fails: it is in use."""
    with contextlib.suppress(OSError):
        # Over NFS, only a file that is open for writing can be locked exclusively.
        file = os.open(name, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        stack.callback(os.close, file)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _is_empty_file(path: bytes) -> bool:
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size == 0


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

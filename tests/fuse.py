"""A file system in memory that has no locks, hard links, modes or times, and flushes no directory.

python tests/fuse.py DIRECTORY mounts it, prints a line, and serves it until it is unmounted. It
speaks the protocol of <linux/fuse.h>. Only root can mount it.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
import subprocess
import sys
import time

# From linux/fuse.h.
_LOOKUP, _FORGET, _GETATTR, _SETATTR, _UNLINK, _RENAME, _LINK = 1, 2, 3, 4, 10, 12, 13
_OPEN, _READ, _WRITE, _RELEASE, _FLUSH, _INIT, _OPENDIR, _READDIR = 14, 15, 16, 18, 25, 26, 27, 28
_RELEASEDIR, _FSYNC, _FSYNCDIR, _SETLK, _SETLKW, _CREATE, _BATCH_FORGET = 29, 20, 30, 32, 33, 35, 42
_FLOCK_LOCKS = 1 << 10
_ROOT = 1
_SIZE, _MODE_OR_TIMES = 8, 1 | 16 | 32 | 128 | 256

_REFUSED = {
    _LINK: errno.EPERM,
    _FSYNCDIR: errno.EINVAL,
    _SETLK: errno.ENOLCK,
    _SETLKW: errno.ENOLCK,
}


class _File:
    def __init__(self, mode: int) -> None:
        self.mode = mode
        self.content = b""
        self.time = time.time_ns()


class _FileSystem:
    """The files by number, and the numbers by name, all in one directory."""

    def __init__(self) -> None:
        self.files = {_ROOT: _File(stat.S_IFDIR | 0o755)}
        self.names: dict[bytes, int] = {}

    def answer(self, operation: int, number: int, body: bytes) -> bytes:
        """Return the answer to a request, or raise OSError."""
        if operation in _REFUSED:
            raise OSError(_REFUSED[operation], "")
        if operation == _INIT:
            return struct.pack("=IIIIHHIIHHI28x", 7, 31, 65536, _FLOCK_LOCKS, 1, 1, 65536, 1, 0, 0, 0)
        if operation in (_RELEASE, _RELEASEDIR, _FLUSH, _FSYNC):
            return b""
        if operation in (_OPEN, _OPENDIR):
            return bytes(16)
        return self._answer(operation, number, body)

    def _answer(self, operation: int, number: int, body: bytes) -> bytes:
        if operation == _LOOKUP:
            return self._entry(body[:-1])
        if operation == _GETATTR:
            return struct.pack("=QII", 0, 0, 0) + self._attributes(number)
        if operation == _SETATTR:
            return self._set(number, body)
        if operation == _CREATE:
            self.names[body[16:-1]] = created = max(self.files) + 1
            self.files[created] = _File(stat.S_IFREG | 0o644)
            return self._entry(body[16:-1]) + bytes(16)
        if operation == _UNLINK:
            del self.names[body[:-1]]
            return b""
        if operation == _RENAME:
            old, new, _ = body[8:].split(b"\0")
            self.names[new] = self.names.pop(old)
            return b""
        if operation == _READ:
            start, size = struct.unpack_from("=8xQI", body)
            return self.files[number].content[start : start + size]
        if operation == _WRITE:
            return self._write(number, body)
        if operation == _READDIR:
            return self._list(*struct.unpack_from("=8xQI", body))
        raise OSError(errno.ENOSYS, "")

    def _entry(self, name: bytes) -> bytes:
        if name not in self.names:
            raise OSError(errno.ENOENT, "")
        number = self.names[name]
        return struct.pack("=QQQQII", number, 0, 0, 0, 0, 0) + self._attributes(number)

    def _attributes(self, number: int) -> bytes:
        file = self.files[number]
        seconds, rest = divmod(file.time, 10**9)
        times = (*(seconds,) * 3, *(rest,) * 3)
        return struct.pack(
            "=QQQQQQIIIIIIIIII", number, len(file.content), 0, *times, file.mode, 1, 0, 0, 0, 4096, 0
        )

    def _set(self, number: int, body: bytes) -> bytes:
        which, size = struct.unpack_from("=I12xQ", body)
        if which & _MODE_OR_TIMES:
            raise OSError(errno.EPERM, "")
        if which & _SIZE:
            self.files[number].content = self.files[number].content[:size]
        return struct.pack("=QII", 0, 0, 0) + self._attributes(number)

    def _write(self, number: int, body: bytes) -> bytes:
        file, (start, size) = self.files[number], struct.unpack_from("=8xQI", body)
        file.content = file.content[:start].ljust(start, b"\0") + body[40 : 40 + size]
        file.time = time.time_ns()
        return struct.pack("=II", size, 0)

    def _list(self, start: int, size: int) -> bytes:
        listed = b""
        for place, (name, number) in list(enumerate(sorted(self.names.items()), 1))[start:]:
            entry = struct.pack("=QQII", number, place, len(name), stat.S_IFREG >> 12) + name
            entry += bytes(-len(entry) % 8)
            if len(listed) + len(entry) > size:
                break
            listed += entry
        return listed


def _serve(device: int) -> None:
    files = _FileSystem()
    while True:
        try:
            request = os.read(device, 1 << 20)
        except OSError as error:
            if error.errno == errno.ENODEV:  # it was unmounted
                return
            raise
        _, operation, unique, number = struct.unpack_from("=IIQQ", request)
        if operation in (_FORGET, _BATCH_FORGET):
            continue
        try:
            answer, code = files.answer(operation, number, request[40:]), 0
        except OSError as refused:
            answer, code = b"", refused.errno or errno.EIO
        os.write(device, struct.pack("=IiQ", 16 + len(answer), -code, unique) + answer)


def _main(folder: str) -> None:
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0"
    subprocess.run(
        ["mount", "-i", "-t", "fuse", "-o", options, "fuse", folder], pass_fds=[device], check=True
    )
    print("mounted", flush=True)
    _serve(device)


if __name__ == "__main__":
    _main(sys.argv[1])

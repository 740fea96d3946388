"""System calls that fail on demand, by seccomp(2): for tests of faults that no real disk shows.

A child process calls :func:`refuse`, or :func:`supervise`, before it loads the
library, whose threads inherit the filter. :class:`Supervisor` decides, in the
parent, on each call that a supervised child makes.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import platform
import select
import socket
import struct
import sys
import threading
from collections.abc import Callable
from typing import NamedTuple

# The numbers of the system calls, and of seccomp itself.
_NUMBERS = {
    "x86_64": {
        "read": 0,
        "close": 3,
        "fstat": 5,
        "flock": 73,
        "fsync": 74,
        "fchmod": 91,
        "getdents64": 217,
        "fadvise64": 221,
        "preadv2": 327,
        "openat": 257,
        "newfstatat": 262,
        "linkat": 265,
        "utimensat": 280,
        "io_uring_setup": 425,
        "io_uring_enter": 426,
        "openat2": 437,
        "seccomp": 317,
    },
    "aarch64": {
        "read": 63,
        "close": 57,
        "fstat": 80,
        "flock": 32,
        "fsync": 82,
        "fchmod": 52,
        "getdents64": 61,
        "fadvise64": 223,
        "preadv2": 286,
        "openat": 56,
        "newfstatat": 79,
        "linkat": 37,
        "utimensat": 88,
        "io_uring_setup": 425,
        "io_uring_enter": 426,
        "openat2": 437,
        "seccomp": 277,
    },
}
NUMBERS = _NUMBERS.get(platform.machine(), {})
NAMES = {number: name for name, number in NUMBERS.items()}

# From linux/seccomp.h, linux/filter.h, linux/prctl.h.
_PR_SET_NO_NEW_PRIVS = 38
_SET_MODE_FILTER = 1
_NEW_LISTENER, _WAIT_KILLABLE = 8, 32
_ALLOW, _ERRNO, _USER_NOTIF = 0x7FFF0000, 0x00050000, 0x7FC00000
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_RECEIVE, _SEND, _CONTINUE = 0xC0502100, 0xC0182101, 1
_PIDFD_GETFD = 438

_libc = ctypes.CDLL(None, use_errno=True)


class _Program(ctypes.Structure):
    """sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def supported() -> bool:
    """Return whether this kernel lets a process supervise another's system calls."""
    try:
        with open("/proc/sys/kernel/seccomp/actions_avail") as file:
            return bool(NUMBERS) and "user_notif" in file.read().split()
    except OSError:
        return False


def _install(names: tuple[str, ...], action: int, flags: int) -> int:
    """Make each of the calls have an outcome, in this thread and those that it starts."""
    rows = [(_LOAD, 0, 0, 0)]  # the call's number
    rows += [(_JUMP_IF_EQUAL, len(names) - i, 0, NUMBERS[name]) for i, name in enumerate(names)]
    rows += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, action)]
    code = b"".join(struct.pack("=HBBI", *row) for row in rows)
    program = _Program(len(rows), code)
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    result = int(_libc.syscall(NUMBERS["seccomp"], _SET_MODE_FILTER, flags, ctypes.byref(program)))
    if result < 0:
        raise OSError(ctypes.get_errno(), "seccomp")
    return result


def refuse(name: str, error: int) -> None:
    """Make a system call fail, in this thread and those that it starts."""
    _install((name,), _ERRNO | error, 0)


def supervise(names: tuple[str, ...], descriptor: int) -> None:
    """Let the Supervisor at the other end of a socket decide on each of these calls."""
    with socket.socket(fileno=descriptor) as parent:
        listener = _install(names, _USER_NOTIF, _NEW_LISTENER | _WAIT_KILLABLE)
        socket.send_fds(parent, [b"!"], [listener])
    os.close(listener)


class Call(NamedTuple):
    """A system call that waits for its outcome."""

    thread: int
    name: str
    arguments: tuple[int, ...]


# What becomes of a call: None lets it go on; an int, if negative an error's number, is its result.
Decision = Callable[[Call], int | None]


class Supervisor:
    """Decides on the system calls of a child, on a thread of its own.

    Its ``descriptor`` is what the child hands to :func:`supervise`.
    """

    def __init__(self, decide: Decision) -> None:
        self._decide = decide
        self._ours, theirs = socket.socketpair()
        self._theirs = theirs
        self.descriptor = theirs.fileno()
        self._stop, self._stopped = os.pipe()
        self._thread = threading.Thread(target=self._run)
        self._failure: Exception | None = None

    def __enter__(self) -> Supervisor:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._stopped)
        self._thread.join()
        os.close(self._stop)
        self._ours.close()
        self._theirs.close()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        select.select([self._ours.fileno(), self._stop], [], [])
        self._ours.setblocking(False)
        try:
            _, (listener, *_), _, _ = socket.recv_fds(self._ours, 1, 1)
        except (BlockingIOError, ValueError):
            return
        poll = select.poll()
        poll.register(listener, select.POLLIN)
        poll.register(self._stop, select.POLLHUP)
        while True:
            for descriptor, event in poll.poll():
                if descriptor == self._stop or event & select.POLLHUP:
                    os.close(listener)
                    return
                self._answer(listener)

    def _outcome(self, call: Call) -> int | None:
        try:
            return self._decide(call)
        except Exception as failure:  # raised where the supervisor is left: the child must not hang
            self._failure = failure
            return None

    def _answer(self, listener: int) -> None:
        notification = bytearray(80)
        try:
            fcntl.ioctl(listener, _RECEIVE, notification)
            ident, thread, _, number, *_, a, b, c, d, e, f = struct.unpack("=QIIiIQ6Q", notification)
            outcome = self._outcome(Call(thread, NAMES[number], (a, b, c, d, e, f)))
            if outcome is None:
                answer = struct.pack("=QqiI", ident, 0, 0, _CONTINUE)
            else:
                answer = struct.pack("=QqiI", ident, max(outcome, 0), min(outcome, 0), 0)
            fcntl.ioctl(listener, _SEND, answer)
        except OSError as error:
            if error.errno != errno.ENOENT:  # the caller is gone
                print(f"supervisor: {error}", file=sys.stderr)


def path_of(call: Call) -> str:
    """Return the path of the descriptor that is the first argument of a call."""
    try:
        return os.readlink(f"/proc/{call.thread}/fd/{call.arguments[0]}")
    except OSError:
        return ""


def name_of(call: Call) -> str:
    """Return the path that is the second argument of a call, such as openat2(2)."""
    with open(f"/proc/{call.thread}/mem", "rb", buffering=0) as memory:
        memory.seek(call.arguments[1])
        return os.fsdecode(memory.read(4096).partition(b"\0")[0])


def give(call: Call, data: bytes) -> int:
    """Put data into the buffer that is the second argument of a call, such as getdents64(2)."""
    with open(f"/proc/{call.thread}/mem", "wb", buffering=0) as memory:
        memory.seek(call.arguments[1])
        memory.write(data)
    return len(data)


def short_read(call: Call, count: int) -> int:
    """Do a read(2) or a preadv2(2) for its caller, of at most count bytes; return what it returns."""
    descriptor, place, wanted = call.arguments[:3]
    with open(f"/proc/{call.thread}/status") as status:
        (process,) = (int(line.split()[1]) for line in status if line.startswith("Tgid:"))
    process_descriptor = os.pidfd_open(process)
    copy = int(_libc.syscall(_PIDFD_GETFD, process_descriptor, descriptor, 0))  # shares the offset
    os.close(process_descriptor)
    if call.name == "preadv2":
        with open(f"/proc/{call.thread}/mem", "rb", buffering=0) as memory:
            memory.seek(place)
            place, wanted = struct.unpack("=QQ", memory.read(16))
    data = os.read(copy, min(wanted, count))
    os.close(copy)
    return give(call._replace(arguments=(descriptor, place)), data)

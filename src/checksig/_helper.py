"""The helper: the engine in a process of its own, for where a Go runtime cannot live in this one.

A helper serves one job, over a socket, as ``go/internal/wire/pipe.go`` describes. Whatever
becomes of it, there is no verdict before the last frame has come: a helper that dies is an
exception. It ends when its job has ended, when the job is closed, and with this process.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import io
import itertools
import os
import select
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import checksig
from checksig.errors import InternalError

if sys.platform != "win32":
    import resource

PATH = Path(__file__).resolve().parent / "_checksig-helper"
REMEDY = "reinstall checksig, or in a checkout run 'pip install -e .' again"
FORKED = "this verification was started before this process was forked"

# A frame: its length, behind that checksig_progress and checksig_error, which has lengths for pointers.
_LENGTH = struct.Struct("<I")
_HEAD = struct.Struct("<14q iiq3Q")
_MOST = 1 << 24  # of a frame's bytes: its records have some hundred thousand
_CANCELLED = 7  # CHECKSIG_CANCELLED

# How long a helper that has closed its socket may take to end, and how much of its last words is kept.
_DEATH = 2.0  # seconds
_WORDS = 1 << 14

# How long one that was killed may take to end, even if nobody wants to wait.
_MOMENT = 0.01  # seconds

# With 1200 MiB in all the Go runtime was seen to end while it starts.
_ADDRESS_SPACE = 1500 << 20

# What Go says when it ends the process because the system refuses it something.
_REFUSALS = {
    "failed to create new OS thread": (errno.EAGAIN, "too few threads: the limit on processes is reached"),
    "pthread_create failed": (errno.EAGAIN, "too few threads: the limit on processes is reached"),
    "out of memory": (errno.ENOMEM, "too little memory"),
    "cannot allocate memory": (errno.ENOMEM, "too little memory"),
    "failed to reserve": (errno.ENOMEM, "too little memory"),
}


class Failure(NamedTuple):
    """checksig_error. A string that says nothing is empty; paths are as :func:`os.fsdecode` gives them."""

    kind: int
    errno: int = 0
    line: int = 0
    message: str = ""
    path: str = ""
    reason: str = ""


class Frame(NamedTuple):
    """What comes at once: the counters of checksig_progress, how the job stands, and records."""

    progress: tuple[int, ...]
    failure: Failure
    records: bytes


# By id: those that a forked child must let go of.
_running: dict[int, Helper] = {}
_unreaped: list[int] = []

# A child that is forked while another thread starts a helper would keep its sockets.
_starting = threading.RLock()


class Helper:
    """A process that does one job. It must be closed.

    Sockets and files close themselves when they are dropped; what has no such object yet is
    stored without a step of the interpreter between, by iterators that are written in C. So a
    signal at any moment leaves nothing behind.
    """

    def __init__(self) -> None:
        self.closed = False
        self._owner = os.getpid()
        self._pids: list[int] = []
        self._sockets: list[socket.socket] = []  # ours, for the frames
        self._pipe: list[io.FileIO] = []  # for what it has to say when it dies
        self._words = b""
        self._reading = threading.RLock()

    def start(self, request: bytes, few_threads: bool = False) -> tuple[str, ...]:
        """Start the process with a request, as :func:`pack` makes it; return the names of its algorithms.

        Raises:
            ImportError: it cannot be run, or is of another version.
            OSError: descriptors, threads or address space are too scarce.
            InternalError: it died.
        """
        _reap(list(_unreaped), os.WNOHANG)
        _require_address_space()
        try:
            self._start(few_threads)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE):
                raise
            raise ImportError(f"cannot run {PATH}: {error.strerror}; {REMEDY}", path=str(PATH)) from error
        self._send(request)
        hello = self.receive().failure
        if hello.message != checksig.__version__:
            raise ImportError(
                f"{PATH} is of version {hello.message}, the package of {checksig.__version__}; {REMEDY}",
                path=str(PATH),
            )
        return tuple(hello.reason.split(", "))

    def _start(self, few_threads: bool) -> None:
        with _starting, contextlib.ExitStack() as held:
            _occupy_standard_streams(held)
            _running[id(self)] = self
            ours, theirs = _pair()
            self._sockets.append(ours)
            held.enter_context(theirs)
            pipe = itertools.chain.from_iterable(itertools.starmap(os.pipe, [()]))
            self._pipe.extend(map(io.FileIO, pipe, ("r", "w")))
            held.enter_context(self._pipe[1])
            self._spawn(theirs.fileno(), self._pipe[1].fileno(), few_threads)

    def _spawn(self, stream: int, words: int, few_threads: bool) -> None:
        command = [str(PATH), "few-threads"] if few_threads else [str(PATH)]
        environment = os.environ | {"GOMAXPROCS": "1"} if few_threads else os.environ
        actions = [
            (os.POSIX_SPAWN_DUP2, source, target) for target, source in enumerate((stream, stream, words))
        ]
        spawn = functools.partial(
            os.posix_spawn,
            command[0],
            command,
            environment,
            file_actions=actions,
            setpgroup=0,  # Ctrl-C is for this process alone
            setsigmask=(),
        )
        self._pids.extend(itertools.starmap(spawn, [()]))

    def _send(self, request: bytes) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # receive tells why it died
            self._sockets[0].sendall(request, getattr(socket, "MSG_NOSIGNAL", 0))

    def receive(self) -> Frame:
        """Wait for the next frame; one of a helper that was closed meanwhile says that it was cancelled.

        Raises:
            RuntimeError: another process started this helper.
            OSError: it died since the system refuses it memory or threads.
            InternalError: it died.
        """
        if self._owner != os.getpid():
            raise RuntimeError(FORKED)
        with self._reading:
            frame = self._frame()
            if frame:
                return _parse(frame)
            if self.closed:
                return Frame((), Failure(_CANCELLED), b"")
            raise self._death()

    def _frame(self) -> bytes:
        """Return a frame, or b"" if none comes any more, or what comes is none."""
        length = self._read(_LENGTH.size)
        size = _LENGTH.unpack(length)[0] if length else 0
        return self._read(size) if _HEAD.size <= size <= _MOST else b""

    def _read(self, size: int) -> bytes:
        """Return so many bytes, or b"" if they do not come any more."""
        data = bytearray(size)
        rest = memoryview(data)
        try:
            while rest:
                count = self._sockets[0].recv_into(rest)
                if count == 0:
                    return b""
                rest = rest[count:]
        except (OSError, IndexError):  # reset by its death, or closed in a handler of a signal
            return b""
        return bytes(data)

    def _death(self) -> Exception:
        """Return the exception that says why it died."""
        self._ended(_DEATH)
        words = self._words.decode("utf-8", "replace").strip()
        for refusal, (number, why) in _REFUSALS.items():
            if refusal in words:
                return OSError(number, f"{why} ({words.splitlines()[0]})")
        return InternalError(
            f"the helper process ended without a verdict; please report it: {words or 'it said nothing'}"
        )

    def close(self, seconds: float) -> None:
        """End the process, if it has not ended, and wait so long for that, or a moment."""
        if self._owner != os.getpid():
            return
        self.closed = True
        if self._sockets:
            _shut(self._sockets[0])  # a thread that reads reads no more
        if not self._reading.acquire(timeout=1):
            return
        try:
            ended = True
            if self._pids and not self._ended(0):
                _kill(self._pids[0])
                ended = self._ended(max(seconds, _MOMENT))
            self.forget()
            _unreaped.extend(self._pids)
            _reap(self._pids, 0 if ended else os.WNOHANG)
            self._pids.clear()
            _running.pop(id(self), None)
        finally:
            self._reading.release()

    def forget(self) -> None:
        """Close what is open here."""
        for opened in (self._sockets, self._pipe):
            while opened:
                opened.pop().close()

    def _ended(self, seconds: float) -> bool:
        """Wait so long for the end of the process; keep its last words."""
        if not self._pipe:
            return True
        end = select.poll()
        end.register(self._pipe[0], select.POLLIN)
        limit = time.monotonic() + seconds
        while end.poll(max(limit - time.monotonic(), 0) * 1000):
            said = self._pipe[0].read(_WORDS)
            if not said:
                return True
            self._words = (self._words + said)[:_WORDS]
        return False


def pack(members: Mapping[str, bytes | int | None]) -> bytes:
    """Return a request: checksig_request, whose members that are None are NULL."""
    packed = []
    for name, value in members.items():
        if value is not None:
            content = str(value).encode() if isinstance(value, int) else value
            packed.append(struct.pack("<B", len(name)) + name.encode() + struct.pack("<Q", len(content)))
            packed.append(content)
    return b"".join([struct.pack("<Q", sum(map(len, packed))), *packed])


def algorithms() -> tuple[str, ...]:
    """Return the names of the algorithms of a helper."""
    asked = Helper()
    try:
        return asked.start(b"")
    finally:
        asked.close(_DEATH)


def _parse(frame: bytes) -> Frame:
    *progress, kind, number, line, message, path, reason = _HEAD.unpack_from(frame)
    at, parts = _HEAD.size, []
    for length in (message, path, reason):
        parts.append(frame[at : at + length])
        at += length
    failure = Failure(kind, number, line, text(parts[0]), os.fsdecode(parts[1]), text(parts[2]))
    return Frame(tuple(progress), failure, frame[at:])


def text(message: bytes) -> str:
    """Return a message, which is UTF-8 but for what a panic may hold."""
    return message.decode("utf-8", "backslashreplace")


def _occupy_standard_streams(held: contextlib.ExitStack) -> None:
    """Open something as each standard stream that is closed here: no end of ours may have its number."""
    lowest = io.FileIO(PATH)
    while lowest.fileno() < 3:
        held.enter_context(lowest)
        lowest = io.FileIO(PATH)
    lowest.close()


def _pair() -> tuple[socket.socket, socket.socket]:
    """Return two connected sockets."""
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setblocking(True)  # whatever socket.setdefaulttimeout says
    return ours, theirs


def _shut(stream: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the other end is closed
        stream.shutdown(socket.SHUT_RDWR)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # somebody else has waited for it
        os.kill(pid, signal.SIGKILL)


def _reap(pids: Iterable[int], flags: int) -> None:
    """Let those of the processes go that have ended; flags are those of waitpid."""
    for pid in pids:
        with contextlib.suppress(ChildProcessError):  # somebody else has waited for it
            if os.waitpid(pid, flags) == (0, 0):
                continue
        with contextlib.suppress(ValueError):  # another thread was quicker
            _unreaped.remove(pid)


def _require_address_space() -> None:
    if sys.platform == "win32":
        raise ImportError(f"there is no helper on Windows; {REMEDY}")
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY and limit < _ADDRESS_SPACE:
        raise OSError(
            errno.ENOMEM,
            f"checksig needs {_ADDRESS_SPACE >> 20} MiB of address space, and 'ulimit -v' leaves less",
        )


def _let_go() -> None:
    """Forget the helpers of the parent: to hold their sockets would keep them alive behind its back."""
    for helper in list(_running.values()):
        helper.forget()
    _running.clear()
    _unreaped.clear()
    _starting.release()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(before=_starting.acquire, after_in_parent=_starting.release, after_in_child=_let_go)

"""The helper: the engine in a process of its own, where a Go runtime cannot live in this one.

A helper serves one job over a socket, as ``go/internal/wire/pipe.go`` describes. There is no
verdict before the last frame has arrived: a helper that dies is an exception. A helper ends
when its job has ended, when the job is closed, and when this process ends.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import io
import itertools
import os
import signal
import socket
import threading
import time
from collections.abc import Iterable, Mapping, Sequence

from checksig import _preflight
from checksig._installation import HELPER, REMEDY, find_remedy
from checksig._lazy import importing
from checksig._version import __version__
from checksig._wire import (
    FRAME_LENGTH,
    LARGEST_FRAME,
    NO_COUNTERS,
    SMALLEST_FRAME,
    Frame,
    Kind,
    Outcome,
    Request,
    pack_request,
    unpack_frame,
)
from checksig.checksig import FORKED_JOB
from checksig.errors import InternalError

_CLOSE = 0.05  # seconds that a helper has to end before another one replaces it

# How long a helper that has closed its socket may take to end, and how much of its last words
# is kept.
_DEATH = 2.0  # seconds
_LAST_WORDS = 1 << 14  # bytes

# How long a killed helper may take to end, even if the caller does not want to wait.
_KILL = 0.01  # seconds

# What Go says when it ends the process because the system refuses it something.
_REFUSALS = {
    "failed to create new OS thread": (errno.EAGAIN, "too few threads: the limit on processes is reached"),
    "pthread_create failed": (errno.EAGAIN, "too few threads: the limit on processes is reached"),
    "out of memory": (errno.ENOMEM, "too little memory"),
    "cannot allocate memory": (errno.ENOMEM, "too little memory"),
    "failed to reserve": (errno.ENOMEM, "too little memory"),
}

# By id: the helpers whose descriptors a forked child must close.
_running: dict[int, Helper] = {}

# Processes that were killed, and had not ended when their job was closed.
_unreaped: list[int] = []

# Without this lock, a child that is forked while another thread starts a helper would keep its
# sockets open.
_starting = importing


class Helper:
    """A process that serves one job. It must be closed."""

    def __init__(self) -> None:
        self.closed = False
        self._owner = os.getpid()
        self._pids: list[int] = []
        self._stream: socket.socket | None = None  # our end, for the request and the frames
        self._stderr: socket.socket | None = None
        self._last_words = b""
        self._reading = threading.RLock()

    def start(self, request: bytes, few_threads: bool = False) -> str:
        """Start the process, send it a packed request, and return the names of its algorithms.

        Raises:
            ImportError: the helper cannot be run, or has another version.
            OSError: too few descriptors, threads or too little address space.
            InternalError: the process died.
        """
        _reap(list(_unreaped), os.WNOHANG)
        _preflight.check_helper()
        try:
            self._start(few_threads)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE):
                raise
            message = f"cannot run {HELPER}: {error.strerror}; {find_remedy(HELPER)}"
            raise ImportError(message, path=HELPER) from error
        self._send(request)
        hello = self.receive().outcome
        if hello.message != __version__:
            message = f"{HELPER} has version {hello.message}, but the package has {__version__}; {REMEDY}"
            raise ImportError(message, path=HELPER)
        return hello.reason

    def _start(self, few_threads: bool) -> None:
        command = [HELPER, *(["few-threads"] if few_threads else [])]
        environment = _preflight.helper_environment() | ({b"GOMAXPROCS": b"1"} if few_threads else {})
        with _starting, contextlib.ExitStack() as theirs:
            _occupy_standard_streams(theirs)
            _running[id(self)] = self
            self._stream, stream = _pair(theirs)
            self._stderr, stderr = _pair(theirs)
            stderr.setblocking(False)  # a long crash message must not block the helper
            self._spawn(command, environment, (stream.fileno(), stream.fileno(), stderr.fileno()))

    def _spawn(self, command: list[str], environment: Mapping[bytes, bytes], streams: Sequence[int]) -> None:
        """Start the process, and store its number before any signal handler can run.

        A handler may raise between two steps of the interpreter. subprocess.Popen would lose the
        number then; this iterator is written in C.
        """
        spawn = functools.partial(
            os.posix_spawn,
            command[0],
            command,
            environment,
            file_actions=[(os.POSIX_SPAWN_DUP2, source, target) for target, source in enumerate(streams)],
            setpgroup=0,  # Ctrl-C at the terminal is for this process only
            setsigmask=(),
        )
        self._pids.extend(itertools.starmap(spawn, [()]))

    def _send(self, request: bytes) -> None:
        assert self._stream is not None
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # receive says why it died
            self._stream.sendall(request, getattr(socket, "MSG_NOSIGNAL", 0))

    def receive(self) -> Frame:
        """Wait for the next frame; the outcome is ``Kind.CANCELLED`` if this helper was closed.

        Raises:
            RuntimeError: another process started this helper.
            OSError: the process died because the system refused it memory or threads.
            InternalError: the process died for another reason.
        """
        if self._owner != os.getpid():
            raise RuntimeError(FORKED_JOB)
        with self._reading:
            frame = self._read_frame()
            if frame:
                return unpack_frame(frame)
            if self.closed:
                return Frame(NO_COUNTERS, Outcome(Kind.CANCELLED), b"")
            raise self._explain_death()

    def _read_frame(self) -> bytes:
        """Return a frame; b"" at the end of the stream, or if what comes is not a frame."""
        length = self._read(FRAME_LENGTH.size)
        size = FRAME_LENGTH.unpack(length)[0] if length else 0
        return self._read(size) if SMALLEST_FRAME <= size <= LARGEST_FRAME else b""

    def _read(self, size: int) -> bytes:
        """Return ``size`` bytes, or b"" if the stream ends before."""
        data = bytearray(size)
        rest = memoryview(data)
        try:
            while rest:
                count = self._stream.recv_into(rest) if self._stream else 0
                if count == 0:
                    return b""
                rest = rest[count:]
        except OSError:  # reset by the death of the process, or closed in a signal handler
            return b""
        return bytes(data)

    def _explain_death(self) -> Exception:
        """Return the exception that says why the process died."""
        self._await_end(_DEATH)
        words = self._last_words.decode("utf-8", "replace").strip()
        for refusal, (number, why) in _REFUSALS.items():
            if refusal in words:
                return OSError(number, f"{why} ({words.splitlines()[0]})")
        return InternalError(
            f"the helper process ended without a verdict; please report it: {words or 'it printed nothing'}"
        )

    def close(self, seconds: float) -> None:
        """Kill the process if it is running, and wait up to ``seconds`` for its end."""
        if self._owner != os.getpid():
            return
        self.closed = True
        if self._stream:
            _shut_down(self._stream)  # a thread that is reading returns
        if not self._reading.acquire(timeout=1):
            return
        try:
            if self._pids:
                self._kill(self._pids[0], max(seconds, _KILL))
                self._pids.clear()
            self._close_streams()
            _running.pop(id(self), None)
        finally:
            self._reading.release()

    def _kill(self, pid: int, seconds: float) -> None:
        """Kill the process if it is running, and reap it if it ends within ``seconds``."""
        ended = self._await_end(0)
        if not ended:
            with contextlib.suppress(ProcessLookupError):  # another thread has reaped it
                os.kill(pid, signal.SIGKILL)
            ended = self._await_end(seconds)
        _unreaped.append(pid)
        _reap([pid], 0 if ended else os.WNOHANG)

    def forget(self) -> None:
        """Let go of the process in a forked child, where it is not a child of this process."""
        self._close_streams()
        self._pids.clear()

    def _close_streams(self) -> None:
        for stream in (self._stream, self._stderr):
            if stream:
                stream.close()
        self._stream = self._stderr = None

    def _await_end(self, seconds: float) -> bool:
        """Wait up to ``seconds`` for the end of the process, and keep its last words."""
        if self._stderr is None:
            return True
        limit = time.monotonic() + seconds
        try:
            self._stderr.settimeout(seconds)
            while words := self._stderr.recv(_LAST_WORDS):
                self._last_words = (self._last_words + words)[:_LAST_WORDS]
                self._stderr.settimeout(max(limit - time.monotonic(), 0))
        except (TimeoutError, BlockingIOError):
            return False
        except OSError:  # reset by the death of the process
            pass
        return True


class HelperJob:
    """A job in a helper.

    If the helper dies of too few threads before its first result, another one with fewer
    threads begins the job again.
    """

    def __init__(self) -> None:
        self._request = b""
        self._helper = Helper()
        self._may_restart = True
        self.closed = False

    def start(self, request: Request) -> Outcome:
        """Start the job; the outcome is ``Kind.MORE``, or why it was not started."""
        self._request = pack_request(request)
        try:
            self._helper.start(self._request)
            return self._helper.receive().outcome
        except OSError as error:
            return self._restart(error)

    def next(self) -> Frame:
        """Wait a short time for records; the outcome of the last frame says how the job ended."""
        try:
            frame = self._helper.receive()
        except OSError as error:
            return Frame(NO_COUNTERS, self._restart(error), b"")
        self._may_restart = self._may_restart and not frame.records
        return frame

    def _restart(self, error: OSError) -> Outcome:
        if error.errno != errno.EAGAIN or not self._may_restart:
            raise error
        self._may_restart = False
        self._helper.close(_CLOSE)
        self._helper = Helper()
        self._helper.start(self._request, few_threads=True)
        if self.closed:  # meanwhile, by another thread
            self._helper.close(_CLOSE)
        return self._helper.receive().outcome

    def close(self, seconds: float) -> None:
        """Cancel the job if it is running, wait up to ``seconds`` for its end, and release it."""
        self.closed = True
        self._helper.close(seconds)


def get_algorithms() -> str:
    """Return the names of the algorithms that the helper computes, separated by ", "."""
    helper = Helper()
    try:
        return helper.start(b"")
    finally:
        helper.close(_DEATH)


def _occupy_standard_streams(theirs: contextlib.ExitStack) -> None:
    """Open a file for each closed standard stream, so that no socket of ours gets its number."""
    lowest = io.FileIO(HELPER)
    while lowest.fileno() < 3:
        theirs.enter_context(lowest)
        lowest = io.FileIO(HELPER)
    lowest.close()


def _pair(theirs: contextlib.ExitStack) -> tuple[socket.socket, socket.socket]:
    """Return two connected sockets, of which ``theirs`` closes the second one."""
    our_end, their_end = socket.socketpair()
    for end in (our_end, their_end):
        end.setblocking(True)  # whatever socket.setdefaulttimeout says
    return our_end, theirs.enter_context(their_end)


def _shut_down(stream: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the other end is closed
        stream.shutdown(socket.SHUT_RDWR)


def _reap(pids: Iterable[int], flags: int) -> None:
    """Reap those of the processes that have ended; ``flags`` are those of waitpid."""
    for pid in pids:
        with contextlib.suppress(ChildProcessError):  # another thread has reaped it
            if os.waitpid(pid, flags) == (0, 0):
                continue
        with contextlib.suppress(ValueError):  # another thread was faster
            _unreaped.remove(pid)


def _forget_all() -> None:
    """Forget the helpers of the parent: its forked child must not keep their sockets open."""
    for helper in list(_running.values()):
        helper.forget()
    _running.clear()
    _unreaped.clear()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_forget_all)

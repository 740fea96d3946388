"""The boundary to C: this module finds, loads and calls the shared library with ctypes.

``include/checksig.h`` is the contract of every call. :func:`load` returns the library;
:class:`LibraryJob` starts a job, takes its frames and closes it. This module copies and frees
at once what the library allocates. No other module imports ctypes.
"""

from __future__ import annotations

import ctypes
import os
import sys

from checksig import _wire
from checksig._installation import LIBRARY, PACKAGE, REMEDY
from checksig._version import __version__
from checksig._wire import BUFFER_SIZE, Frame, Kind, Outcome, Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

FORKED_JOB = "this job was started before the process was forked"
_FORKED_LIBRARY = (
    "checksig was used before this process was forked, and its Go runtime does not survive a fork: use"
    " the start method 'spawn' or 'forkserver', or use checksig only after the fork"
)

# Between two waits the interpreter handles signals. Each wait wakes three threads.
_WAIT = 75  # milliseconds


def get_include() -> str:
    """Return the directory that contains the C header ``checksig.h``."""
    return os.path.join(PACKAGE, "include")


def get_library() -> str:
    """Return the path of the shared library."""
    return LIBRARY


_TYPES = {
    "I": ctypes.c_uint32,
    "i": ctypes.c_int32,
    "q": ctypes.c_int64,
    "8q": ctypes.c_int64 * 8,
    "N": ctypes.c_size_t,
    "P": ctypes.c_void_p,  # not c_char_p, which forgets the pointer that must be freed
    "z": ctypes.c_char_p,
}


def _structure(members: Mapping[str, str]) -> list[tuple[str, Any]]:
    return [(name, _TYPES[letter]) for name, letter in members.items()]


class _Request(ctypes.Structure):
    _fields_ = _structure(_wire.REQUEST_MEMBERS)


class _Error(ctypes.Structure):
    _fields_ = _structure(_wire.ERROR_MEMBERS)


class _Progress(ctypes.Structure):
    _fields_ = _structure(_wire.PROGRESS_MEMBERS)


_HANDLE, _INT, _SIZE, _TO_ERROR = ctypes.c_uint64, ctypes.c_int32, ctypes.c_size_t, ctypes.POINTER(_Error)
_PROTOTYPES = {
    "checksig_start": (_INT, ctypes.POINTER(_Request), ctypes.POINTER(_HANDLE), _TO_ERROR),
    "checksig_next": (
        *(_INT, _HANDLE, ctypes.c_void_p, _SIZE, _INT),
        *(ctypes.POINTER(_SIZE), ctypes.POINTER(_Progress), _TO_ERROR),
    ),
    "checksig_close": (_INT, _HANDLE, _INT),
    "checksig_error_free": (None, _TO_ERROR),
    "checksig_algorithms": (ctypes.c_char_p,),
    "checksig_version": (ctypes.c_char_p,),
}  # the result, then the arguments


class Library:
    """The loaded library.

    Args:
        path: the file. The linker returns what it has loaded from the same file or path before.

    Attributes:
        calls: the functions, with their prototypes.
        buffers: by 0, the buffer of a job that has ended.

    Raises:
        OSError: the file cannot be loaded.
        AttributeError, ValueError: it lacks a symbol of ``checksig.h``.
    """

    def __init__(self, path: str) -> None:
        self.calls: ctypes.CDLL = ctypes.CDLL(path)
        for name, (result, *arguments) in _PROTOTYPES.items():
            function = getattr(self.calls, name)
            function.restype, function.argtypes = result, arguments
        self._forked = ctypes.c_int32.in_dll(self.calls, "checksig_forked")
        self.buffers: dict[int, ctypes.Array[ctypes.c_char]] = {}

    @property
    def forked(self) -> bool:
        """Whether this process is a forked child, in which no function may be called."""
        return self._forked.value != 0

    @property
    def version(self) -> str:
        """The version of the library."""
        return str(self.calls.checksig_version().decode())

    @property
    def algorithms(self) -> str:
        """The names of the algorithms that the library computes, separated by ", "."""
        return str(self.calls.checksig_algorithms().decode())


_copies = 0  # that this process and its ancestors have loaded


def load() -> Library:
    """Load the library, or in a forked child a copy of it, with a Go runtime of its own.

    Raises:
        ImportError: the library has another version than the package.
        OSError, AttributeError, ValueError: as :class:`Library`.
        RuntimeError: this is a forked child, and no copy can be loaded here.
    """
    library = Library(LIBRARY)
    if library.forked:
        library = _load_copy()
    if library.version != __version__:
        message = f"{LIBRARY} has version {library.version}, but the package has {__version__}; {REMEDY}"
        raise ImportError(message, path=LIBRARY)
    return library


def _load_copy() -> Library:
    """Load a copy from a new file in memory, under a name that no ancestor used."""
    global _copies
    _copies += 1
    try:
        with os.fdopen(os.memfd_create("checksig"), "wb") as copy, open(LIBRARY, "rb") as file:
            copy.write(file.read())
            copy.flush()
            library = Library(f"/proc/{os.getpid()}/fd/{'./' * _copies}{copy.fileno()}")
    except (AttributeError, OSError) as error:
        raise RuntimeError(_FORKED_LIBRARY) from error
    if library.forked:
        raise RuntimeError(_FORKED_LIBRARY)
    return library


class LibraryJob:
    """A job in the library. It must be closed."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._handle = ctypes.c_uint64()  # the library stores it, so that no signal comes between
        self._written = ctypes.c_size_t()
        self._error = _Error(ctypes.sizeof(_Error))
        self._progress = _Progress(ctypes.sizeof(_Progress))
        self._buffer: ctypes.Array[ctypes.c_char] | None = None
        self.closed: bool = False

    def start(self, request: Request) -> Outcome:
        """Start the job; the outcome is ``Kind.MORE``, or why it was not started."""
        given = {name: value for name, value in request._asdict().items() if value not in (None, 0)}
        lengths = {f"{name}_length": len(given[name]) for name in ("root", "list", "keys") if name in given}
        asked = _Request(ctypes.sizeof(_Request), **given, **lengths)
        kind = self._library.calls.checksig_start(
            ctypes.byref(asked), ctypes.byref(self._handle), ctypes.byref(self._error)
        )
        return self._outcome(kind)

    def next(self) -> Frame:
        """Wait a short time for records; the outcome of the last frame says how the job ended.

        Raises:
            RuntimeError: the process was forked since the job was started.
        """
        if self._library.forked:
            raise RuntimeError(FORKED_JOB)
        spare = self._buffer or self._library.buffers.pop(0, None)  # at once, whatever threads do
        buffer, self._buffer = spare or ctypes.create_string_buffer(BUFFER_SIZE), None
        out = map(ctypes.byref, (self._written, self._progress, self._error))
        kind = self._library.calls.checksig_next(self._handle, buffer, BUFFER_SIZE, _WAIT, *out)
        records = ctypes.string_at(buffer, self._written.value)
        if kind == Kind.MORE:
            self._buffer = buffer
        else:
            self._library.buffers[0] = buffer
        return Frame(_wire.unpack_counters(self._progress), self._outcome(kind), records)  # type: ignore[arg-type]

    def _outcome(self, kind: int) -> Outcome:
        """Return how a call ended; copy the strings of its error, and free them."""
        if kind in (Kind.OK, Kind.MORE):
            return Outcome(kind)
        error = self._error
        pointers = (error.message, error.path, error.reason)
        strings = [ctypes.string_at(pointer) if pointer else b"" for pointer in pointers]
        self._library.calls.checksig_error_free(ctypes.byref(error))
        return _wire.make_outcome(kind, error.os_errno, error.line, strings)

    def close(self, seconds: float) -> None:
        """Cancel the job if it is running, wait up to ``seconds`` for its end, and release it."""
        self.closed = True
        if self._handle and not self._library.forked:
            self._library.calls.checksig_close(self._handle, int(seconds * 1000))
        self._handle.value = 0


_semaphores: list[ctypes.Array[ctypes.c_char]] = []


def count_startable_threads(wanted: int) -> int:
    """Start threads on Linux, let them end, and return how many could be started.

    They do not run Python: an interpreter that is shutting down starts no threads.
    """
    libc = ctypes.CDLL(None)
    semaphore = ctypes.create_string_buffer(64)  # sem_t has at most 32 bytes
    _semaphores.append(semaphore)  # a signal may end this function while threads wait
    libc.sem_init(semaphore, 0, 0)
    threads = []
    try:
        for _ in range(wanted):
            thread = ctypes.c_ulong()
            if libc.pthread_create(ctypes.byref(thread), None, libc.sem_wait, semaphore) != 0:
                break
            threads.append(thread)
    finally:
        for _ in range(wanted):
            libc.sem_post(semaphore)
        for thread in threads:
            libc.pthread_join(thread, None)
    return len(threads)


def system_message(number: int) -> str:
    """Return the operating system's text for one of its error numbers."""
    if sys.platform == "win32":
        return ctypes.FormatError(number)
    return os.strerror(number)

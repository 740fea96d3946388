"""The boundary between Python and Go: the only module that imports ctypes.

``checksig.h``, in the folder that :func:`get_include` names, is the contract
of the calls made here. The library is loaded at the first call that needs it;
where it cannot be, a helper process takes its place (:mod:`checksig._helper`).
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import operator
import os
import struct
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, NoReturn, Protocol

import checksig
from checksig import _helper as helper
from checksig._helper import FORKED, REMEDY, Failure, Helper, text
from checksig.errors import InternalError, ManifestError, ManifestNotFoundError

AnyPath = str | bytes | os.PathLike[str] | os.PathLike[bytes]

_PACKAGE = Path(__file__).resolve().parent
_LIBRARY = _PACKAGE / ("_checksig.dll" if sys.platform == "win32" else "_checksig.so")

_FORKED_MESSAGE = (
    "checksig was used before this process was forked; its Go runtime does not survive a fork, and no"
    " second one can be loaded here: use the 'spawn' or 'forkserver' start method, or call checksig only"
    " after the fork"
)

# What calls return, and checksig_error.kind.
_OK, _FAILED, _MANIFEST, _NOT_FOUND, _OS, _ARGUMENT, _INTERNAL, _CANCELLED, _MORE = range(9)

_GOING_ON = Failure(_MORE)

# checksig_request.flags
ALL_RESULTS, IGNORE_MISSING, TOTALS, REPORT_EXTRA, FAIL_EXTRA, READ_ENTRIES, FIND_MANIFESTS = (
    1 << bit for bit in range(7)
)
FIND_FILES, HASH_FILES, TEXT = 128, 256, 512

# checksig_record: length, kind, status, three lengths, bad, errno, number, two lengths.
_RECORD = struct.Struct("<IBBBBBB2xiqII")
FILE, BAD_LINE, MANIFEST, ENTRY = range(4)
_BUFFER = 135168  # CHECKSIG_BUFFER

# Between two slices of waiting the interpreter sees signals; each costs the waking of three threads.
_SLICE = 75  # milliseconds

# How long the end of an abandoned job is waited for. One that reads ends within its current read.
_CLOSE = 50  # milliseconds

# With 2,000 MiB in all the Go runtime was seen to end the process; its threads' stacks need more.
_ADDRESS_SPACE = 3200 << 20 if sys.maxsize > 1 << 32 and sys.platform != "win32" else 0


# The Go runtime ends the process when it gets no thread while it loads, and may start some for each
# processor; what a run needs, the library itself looks for.
_WANTED = os.environ.get("GOMAXPROCS", "")
_PROCESSORS = max(os.cpu_count() or 1, int(_WANTED) if _WANTED.isdecimal() else 0)
_THREADS = 2 * _PROCESSORS + 24 if sys.platform == "linux" else 0


class _Error(ctypes.Structure):
    """checksig_error. The strings are pointers, not c_char_p: they must be freed."""

    _fields_ = (
        ("kind", ctypes.c_int32),
        ("os_errno", ctypes.c_int32),
        ("line", ctypes.c_int64),
        ("message", ctypes.c_void_p),
        ("path", ctypes.c_void_p),
        ("reason", ctypes.c_void_p),
    )


class _Request(ctypes.Structure):
    """checksig_request."""

    _fields_ = (
        ("root", ctypes.c_char_p),
        ("root_length", ctypes.c_size_t),
        ("algorithm", ctypes.c_char_p),
        ("manifest", ctypes.c_char_p),
        ("name", ctypes.c_char_p),
        ("format", ctypes.c_char_p),
        ("list", ctypes.c_char_p),
        ("list_length", ctypes.c_size_t),
        ("workers", ctypes.c_int32),
        ("flags", ctypes.c_int32),
        ("shard", ctypes.c_int32),
        ("shards", ctypes.c_int32),
    )


class Counters(ctypes.Structure):
    """checksig_progress."""

    _fields_ = (
        ("files", ctypes.c_int64),
        ("total_files", ctypes.c_int64),
        ("bytes", ctypes.c_int64),
        ("total_bytes", ctypes.c_int64),
        ("failed", ctypes.c_int64),
        ("counts", ctypes.c_int64 * 8),
        ("bad_lines", ctypes.c_int64),
    )

    files: int
    total_files: int
    bytes: int
    total_bytes: int
    failed: int
    counts: ctypes.Array[ctypes.c_int64]
    bad_lines: int


class Record(NamedTuple):
    """checksig_record. Names and paths are as :func:`os.fsdecode` gives them, digests are bytes."""

    kind: int
    status: int
    bad: bool
    errno: int
    number: int
    name: str
    reason: str
    algorithm: str
    expected: bytes
    actual: bytes


class Request(NamedTuple):
    """What a job is to do: checksig_request, but for the directory.

    Attributes:
        manifest: its path; None: the directory has it.
        name: what the manifest is to be read as if it were called; None: its path.
        entries: a list of entries instead of a manifest, in the format that checksig.h tells; with
            the flag TEXT, the content of a manifest.
        format: of the manifest; None: the manifest tells.
        algorithm: of its digests; None: the manifest tells.
        workers: how many files are read at once; 0: as many as pay off.
        flags: ALL_RESULTS, IGNORE_MISSING, TOTALS, REPORT_EXTRA, FAIL_EXTRA, READ_ENTRIES, FIND_MANIFESTS,
            FIND_FILES, HASH_FILES, TEXT.
        shard: the number of a shard, from 1, and how many there are; 0 and 0: all files.
    """

    manifest: AnyPath | None = None
    name: AnyPath | None = None
    entries: bytes | None = None
    format: str | None = None
    algorithm: str | None = None
    workers: int = 0
    flags: int = 0
    shard: tuple[int, int] = (0, 0)


class Job:
    """A verification that goes on in Go while its records are taken here.

    It must be closed, best by ``with``; a job that is left because of an
    exception, Ctrl-C among them, ends within its current read.

    Args:
        path: the directory.
        request: what else is wanted.

    Raises:
        ValueError: an argument is not allowed.
        TypeError: an argument is of the wrong type.
        RuntimeError: this is a forked child, in which no engine can be had.
        ImportError: the engine of this installation cannot be had.
        OSError: the process may have too few descriptors or threads, or too little address space.
        InternalError: a fault of checksig.
    """

    _run: _Run | None = None

    def __init__(self, path: AnyPath, request: Request) -> None:
        asked = _members(path, request)
        library = _choose()
        self.failure: str | None = None
        self.hint: str | None = None
        self.cancelled = False
        # It is here before anything is started: no signal comes between.
        self._run = _LibraryRun(library) if library else _HelperRun()
        failure = self._run.start(asked)
        if failure.kind != _MORE:
            _raise(failure)

    def __enter__(self) -> Job:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close(0)

    @property
    def counters(self) -> Counters:
        """How far the job has come."""
        assert self._run is not None
        return self._run.counters

    def batches(self) -> Iterator[list[Record]]:
        """Yield lists of records, in order; an empty one when none came for a while.

        After each ``counters`` are up to date. At the end ``failure`` is the
        message that says what is bad, or None if all is well, and ``hint`` its last
        line if that is a hint.

        A job that is closed yields no more, and is ``cancelled`` if it had not ended.

        Raises:
            ManifestNotFoundError: there is no manifest.
            ManifestError: the manifest is unusable.
            OSError: the directory or the manifest cannot be opened or read.
            InternalError: a fault of checksig.
        """
        assert self._run is not None
        failure = _GOING_ON
        while failure.kind == _MORE and not self._run.closed:
            failure, records = self._run.next()
            yield list(unpack_records(records))
        if failure.kind == _FAILED:
            self.failure, self.hint = failure.message, failure.reason or None
        elif failure.kind not in (_OK, _MORE, _CANCELLED):
            _raise(failure)
        self.cancelled = failure.kind in (_MORE, _CANCELLED)

    def close(self, milliseconds: int = _CLOSE) -> None:
        """Cancel the job if it goes on, wait for its end a while, and release it."""
        if self._run is not None:
            self._run.close(milliseconds)


def _members(path: AnyPath, request: Request) -> dict[str, bytes | int | None]:
    """Return the members of checksig_request, but for lengths."""
    root = _encode(path)
    _require_int32("the number of workers", request.workers)
    for number in request.shard:
        _require_int32("the number of a shard", number)
    return {
        "root": root,
        "algorithm": _word("algorithm", request.algorithm),
        "manifest": None if request.manifest is None else _encode(request.manifest, "manifest"),
        "name": None if request.name is None else _encode(request.name, "manifest"),
        "format": _word("format", request.format),
        "list": request.entries,
        "workers": request.workers,
        "flags": request.flags,
        "shard": request.shard[0],
        "shards": request.shard[1],
    }


def _raise(failure: Failure) -> NoReturn:
    message, path, reason = failure.message, failure.path, failure.reason
    if failure.kind == _MANIFEST:
        raise ManifestError(message, path, failure.line or None, reason)
    if failure.kind == _NOT_FOUND:
        raise ManifestNotFoundError(message, path, None, reason)
    if failure.kind == _OS:
        raise os_error(failure.errno, reason, path)
    if failure.kind == _ARGUMENT:
        raise ValueError(message)
    raise InternalError(message)


def os_error(number: int, reason: str, path: str) -> OSError:
    """Return the exception for the system's number of an error."""
    if sys.platform == "win32":  # the number is one of Windows' own; Python finds the errno for it
        return OSError(0, reason or ctypes.FormatError(number), path, number)
    return OSError(number, reason or os.strerror(number), path)


def errno_of(number: int) -> int | None:
    """Return the errno for the system's number of an error."""
    return os_error(number, " ", "").errno if sys.platform == "win32" else number


class _Run(Protocol):
    """A job in one of the engines."""

    counters: Counters
    closed: bool

    def start(self, asked: Mapping[str, bytes | int | None]) -> Failure: ...

    def next(self) -> tuple[Failure, bytes]: ...

    def close(self, milliseconds: int) -> None: ...


class _LibraryRun:
    """A job in the library."""

    def __init__(self, library: _Library) -> None:
        self._library = library
        self._handle = ctypes.c_uint64()  # the library itself stores it
        self._written, self._error = ctypes.c_size_t(), _Error()
        self._buffer: ctypes.Array[ctypes.c_char] | None = None
        self.closed = False
        self.counters = Counters(total_files=-1, total_bytes=-1)

    def start(self, asked: Mapping[str, bytes | int | None]) -> Failure:
        lengths = {f"{name}_length": len(asked[name] or b"") for name in ("root", "list")}  # type: ignore[arg-type]
        kind = self._library.calls.checksig_start(
            ctypes.byref(_Request(**asked, **lengths)), ctypes.byref(self._handle), ctypes.byref(self._error)
        )
        return _GOING_ON if kind == _MORE else self._failure()

    def next(self) -> tuple[Failure, bytes]:
        if self._library.forked.value:
            raise RuntimeError(FORKED)
        if self._buffer is None:
            self._buffer = ctypes.create_string_buffer(_BUFFER)
        kind = self._library.calls.checksig_next(
            self._handle,
            self._buffer,
            _BUFFER,
            _SLICE,
            ctypes.byref(self._written),
            ctypes.byref(self.counters),
            ctypes.byref(self._error),
        )
        failure = Failure(kind) if kind in (_OK, _MORE) else self._failure()
        return failure, ctypes.string_at(self._buffer, self._written.value)

    def _failure(self) -> Failure:
        error = self._error
        message, path, reason = (
            _take(self._library.calls, pointer) for pointer in (error.message, error.path, error.reason)
        )
        return Failure(error.kind, error.os_errno, error.line, text(message), _decode(path), text(reason))

    def close(self, milliseconds: int) -> None:
        self.closed = True
        if self._handle and not self._library.forked.value:
            self._library.calls.checksig_close(self._handle, milliseconds)
        self._handle.value = 0


class _HelperRun:
    """A job in a helper. One that dies of too few threads, without a result, is begun again with fewer."""

    def __init__(self) -> None:
        self._request = b""
        self._helper = Helper()
        self._may_restart = True
        self.closed = False
        self.counters = Counters(total_files=-1, total_bytes=-1)

    def start(self, asked: Mapping[str, bytes | int | None]) -> Failure:
        self._request = helper.pack(asked)
        try:
            self._helper.start(self._request)
            return self._helper.receive().failure
        except OSError as error:
            return self._restart(error)

    def next(self) -> tuple[Failure, bytes]:
        try:
            progress, failure, records = self._helper.receive()
        except OSError as error:
            return self._restart(error), b""
        self._may_restart = self._may_restart and not records
        if progress:
            *first, bad_lines = progress
            self.counters = Counters(*first[:5], (ctypes.c_int64 * 8)(*first[5:]), bad_lines)
        return failure, records

    def _restart(self, error: OSError) -> Failure:
        if error.errno != errno.EAGAIN or not self._may_restart:
            raise error
        self._may_restart = False
        self._helper.close(_CLOSE / 1000)
        self._helper = Helper()
        self._helper.start(self._request, few_threads=True)
        if self.closed:  # meanwhile, by another thread
            self._helper.close(_CLOSE / 1000)
        return self._helper.receive().failure

    def close(self, milliseconds: int) -> None:
        self.closed = True
        self._helper.close(milliseconds / 1000)


def unpack_records(data: bytes) -> Iterator[Record]:
    """Yield the records of checksig_next."""
    at = 0
    while at < len(data):
        _, kind, status, *short, bad, errno_, number, name, reason = _RECORD.unpack_from(data, at)
        parts = []
        at += _RECORD.size
        for length in (name, reason, *short):
            parts.append(data[at : at + length])
            at += length
        name, reason, algorithm, expected, actual = parts
        yield Record(
            kind,
            status,
            bool(bad),
            errno_,
            number,
            _decode(name),
            sys.intern(text(reason)),  # a million files have few reasons
            sys.intern(algorithm.decode()),
            expected,
            actual,
        )


def verify(path: AnyPath) -> str | None:
    """Verify a directory by the library's simplest call, which nothing interrupts.

    Args:
        path: the directory.

    Returns:
        None when all is well, else the message.

    Raises:
        ValueError: path is empty or has a NUL in it.
        TypeError: path is no path.
        RuntimeError: this is a forked child, in which no engine can be had.
        ImportError: the engine of this installation cannot be had.
    """
    root = _encode(path)
    library = _choose()
    if library is None:
        return _verify_by_helper(path)
    pointer = library.calls.verify(root)
    return text(_take(library.calls, pointer)) if pointer else None


def _verify_by_helper(path: AnyPath) -> str | None:
    run = _HelperRun()
    try:
        failure = run.start(_members(path, Request()))
        while failure.kind == _MORE:
            failure, _ = run.next()
        return failure.message or None
    finally:
        run.close(_CLOSE)


_algorithms: tuple[str, ...] = ()


def get_algorithms() -> tuple[str, ...]:
    """Return the names of the algorithms that the engine computes, the strongest first.

    BLAKE2b and BLAKE3 are among them if the build had their Go modules.
    """
    global _algorithms
    if not _algorithms:
        library = _choose()
        if library is None:
            _algorithms = helper.algorithms()
        else:
            _algorithms = tuple(library.calls.checksig_algorithms().decode().split(", "))
    return _algorithms


def get_include() -> str:
    """Return the directory that holds the library's headers, ``checksig.h`` and ``_checksig.h``."""
    return str(_PACKAGE / "include")


def get_library() -> str:
    """Return the path of the shared library."""
    return str(_LIBRARY)


def _encode(path: AnyPath, what: str = "directory") -> bytes:
    encoded = os.fsencode(path)
    if not encoded:
        raise ValueError(f"the path of the {what} is empty")
    if b"\0" in encoded:
        raise ValueError(f"the path of the {what} has a NUL in it: {path!r}")
    return encoded


def _decode(path: bytes) -> str:
    try:
        return os.fsdecode(path)
    except UnicodeDecodeError:  # on Windows, of a name that a manifest lists and no file can have
        return path.decode("utf-8", "surrogateescape")


def _require_int32(what: str, number: int) -> None:
    if not 0 <= operator.index(number) < 1 << 31:
        raise ValueError(f"{what} is out of range: {number}")


def _word(what: str, word: str | None) -> bytes | None:
    if word is None:
        return None
    if not isinstance(word, str):
        raise TypeError(f"{what} is a str, not {word!r}")
    if "\0" in word:
        raise ValueError(f"unknown {what} {word!r}")
    return word.encode("utf-8", "backslashreplace")


def _take(library: ctypes.CDLL, pointer: int | None) -> bytes:
    """Return a string of the library's, which is freed; b"" for NULL."""
    if not pointer:
        return b""
    try:
        return ctypes.string_at(pointer)
    finally:
        library.checksig_free(pointer)


class _Library(NamedTuple):
    """The loaded library."""

    calls: ctypes.CDLL
    forked: ctypes.c_int32  # not 0 in a forked child, where no call of this copy may be made


_loaded: _Library | None = None
_semaphores: list[ctypes.Array[ctypes.c_char]] = []
_copies = 0  # that this process and its ancestors have loaded

# A child that is forked while another thread loads would find half a library.
_loading = threading.RLock()
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(
        before=_loading.acquire, after_in_parent=_loading.release, after_in_child=_loading.release
    )


class Engine(NamedTuple):
    """What does the work.

    Attributes:
        name: "library", in this process; or "helper", a process of its own for each job.
        reason: why this one.
    """

    name: str
    reason: str


_engine: Engine | None = None


def get_engine() -> Engine:
    """Return what does the work in this process, and why; it is chosen at the first call of any function.

    The environment variable CHECKSIG_ENGINE, ``library`` or ``helper``, chooses it.

    Raises:
        ValueError: CHECKSIG_ENGINE is something else.
        ImportError: there is no engine, or the library cannot be loaded.
        OSError: descriptors, threads or address space are too scarce.
        RuntimeError: this is a forked child, in which no engine can be had.
    """
    _choose()
    assert _engine is not None
    return _engine


def _choose() -> _Library | None:
    """Return the library, or None where the helper is to do the work; see :func:`get_engine`."""
    global _engine
    if not _is_chosen():
        with _loading:
            if not _is_chosen():
                _engine = _fitting()
    return _loaded if _engine is not None and _engine.name == "library" else None


def _is_chosen() -> bool:
    if _engine is None:
        return False
    return _engine.name == "helper" or (_loaded is not None and not _loaded.forked.value)


def _fitting() -> Engine:
    """Return the engine that serves in this process; the library is loaded then."""
    wanted = os.environ.get("CHECKSIG_ENGINE", "")
    if wanted not in ("", "library", "helper"):
        raise ValueError(f'CHECKSIG_ENGINE: "{wanted}" is not to be had; there are library, helper')
    if wanted == "helper":
        return Engine("helper", "CHECKSIG_ENGINE asks for it")
    if wanted == "library":
        _load()
        return Engine("library", "CHECKSIG_ENGINE asks for it")
    why_not = _misfit()
    if why_not and helper.PATH.exists():
        return Engine("helper", why_not)
    try:
        _load()
    except (OSError, RuntimeError) as error:
        scarce = getattr(error, "errno", None) in (None, errno.EAGAIN, errno.ENOMEM)
        if not scarce or not helper.PATH.exists():
            raise
        return Engine("helper", f"the library cannot be loaded here: {error}")
    return Engine("library", "it can be loaded here")


def _misfit() -> str:
    """Return why the library is not to be tried at all, or ""."""
    if not _LIBRARY.exists():
        return "this package has no library"
    if sys.platform == "linux" and not _is_glibc():
        return "the C library is not glibc, and cannot load a Go runtime"
    return ""


def _is_glibc() -> bool:
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (OSError, ValueError):  # musl knows no such name
        return False


def _load() -> _Library:
    """Return the library, which is loaded at the first call, and once more in each forked child.

    Raises:
        ImportError: it is missing, damaged, built for another machine, or of another version.
        OSError: descriptors, threads or address space are too scarce to load it.
        RuntimeError: this is a forked child, and no copy can be loaded here.
    """
    global _loaded
    if _loaded is None or _loaded.forked.value:
        with _loading:
            if _loaded is None or _loaded.forked.value:
                _loaded = _open()
    return _loaded


def _open() -> _Library:
    _require_address_space()
    _require_threads()
    try:
        _refuse_truncated(_LIBRARY)
        library = _link(str(_LIBRARY))
        if library.forked.value:
            library = _link_copy()
        version = library.calls.checksig_version().decode()
        _declare(library.calls)
    except (OSError, AttributeError, ValueError) as error:
        if getattr(error, "errno", None) in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
            raise
        cause = getattr(error, "strerror", None) or error
        raise ImportError(f"cannot load {_LIBRARY}: {cause}; {REMEDY}", path=str(_LIBRARY)) from error
    if version != checksig.__version__:
        raise ImportError(
            f"{_LIBRARY} is of version {version}, the package of {checksig.__version__}; {REMEDY}",
            path=str(_LIBRARY),
        )
    return library


def _link(path: str) -> _Library:
    """Load a library, or find it where this process has it already; call nothing of it."""
    calls = ctypes.CDLL(path)
    calls.checksig_version.restype = ctypes.c_char_p
    return _Library(calls, ctypes.c_int32.in_dll(calls, "checksig_forked"))


def _link_copy() -> _Library:
    """Load a copy of the library, with a Go runtime of its own.

    The linker returns what it has loaded under the same name, or from the same
    file: the copy is a new file in memory, under a name that no ancestor used.
    """
    global _copies
    _copies += 1
    try:
        with os.fdopen(os.memfd_create("checksig"), "wb") as copy:
            copy.write(_LIBRARY.read_bytes())
            copy.flush()
            library = _link(f"/proc/{os.getpid()}/fd/{'./' * _copies}{copy.fileno()}")
    except (AttributeError, OSError) as error:
        raise RuntimeError(_FORKED_MESSAGE) from error
    if library.forked.value:
        raise RuntimeError(_FORKED_MESSAGE)
    return library


def _require_address_space() -> None:
    """Raise OSError where the limit on address space would make Go end the process while it loads."""
    if not _ADDRESS_SPACE:
        return
    try:
        mmap.mmap(-1, _ADDRESS_SPACE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=0).close()
    except OSError as error:
        message = f"checksig needs {_ADDRESS_SPACE >> 20} MiB of address space, and 'ulimit -v' leaves less"
        raise OSError(error.errno, message) from None


def _require_threads() -> None:
    """Raise OSError where a limit on threads would make Go end the process while it loads.

    The threads that are started here wait for a semaphore and know no Python: an
    interpreter that is shutting down would refuse to start others.
    """
    if not _THREADS:
        return
    libc = ctypes.CDLL(None)
    semaphore = ctypes.create_string_buffer(64)  # sem_t has at most 32 bytes
    _semaphores.append(semaphore)  # a signal may end this function while threads wait
    libc.sem_init(semaphore, 0, 0)
    threads = []
    try:
        for _ in range(_THREADS):
            thread = ctypes.c_ulong()
            if libc.pthread_create(ctypes.byref(thread), None, libc.sem_wait, semaphore) != 0:
                break
            threads.append(thread)
    finally:
        for _ in range(_THREADS):
            libc.sem_post(semaphore)
        for thread in threads:
            libc.pthread_join(thread, None)
    if len(threads) < _THREADS:
        raise OSError(
            errno.EAGAIN,
            f"too few threads: checksig needs {_THREADS}, and the limit on processes"
            " (ulimit -u, or the container's) leaves fewer",
        )


def _declare(library: ctypes.CDLL) -> None:
    """Set the prototypes, as checksig.h has them."""
    library.verify.argtypes = [ctypes.c_char_p]
    library.verify.restype = ctypes.c_void_p
    library.checksig_start.argtypes = [
        ctypes.POINTER(_Request),
        ctypes.POINTER(ctypes.c_uint64),
        ctypes.POINTER(_Error),
    ]
    library.checksig_start.restype = ctypes.c_int32
    library.checksig_next.argtypes = [
        ctypes.c_uint64,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_int32,
        ctypes.POINTER(ctypes.c_size_t),
        ctypes.POINTER(Counters),
        ctypes.POINTER(_Error),
    ]
    library.checksig_next.restype = ctypes.c_int32
    library.checksig_close.argtypes = [ctypes.c_uint64, ctypes.c_int32]
    library.checksig_close.restype = ctypes.c_int32
    library.checksig_algorithms.argtypes = []
    library.checksig_algorithms.restype = ctypes.c_char_p
    library.checksig_free.argtypes = [ctypes.c_void_p]
    library.checksig_free.restype = None


def _refuse_truncated(path: Path) -> None:
    """Raise OSError for an ELF file that ends before its last segment.

    The dynamic linker maps the segments without a look at the file's size, and
    the process dies at the first page that is not there. ELF-64, figure 3.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        header = file.read(64)
        if len(header) < 64 or header[:5] != b"\x7fELF\x02":
            return  # the linker itself refuses what is shorter; other formats' linkers look at the size
        order = "<" if header[5] == 1 else ">"
        (start,) = struct.unpack_from(order + "Q", header, 32)
        entry_size, count = struct.unpack_from(order + "HH", header, 54)
        file.seek(start)
        table = file.read(entry_size * count)
    if entry_size < 56 or len(table) < entry_size * count:
        raise OSError("the file is truncated or damaged")
    for at in range(0, len(table), entry_size):
        offset, stored = struct.unpack_from(order + "8xQ16xQ", table, at)
        if offset + stored > size:
            raise OSError(f"the file is truncated: {size} bytes, and a segment ends at {offset + stored}")

"""The boundary between Python and the Go library: the only module that imports ctypes.

``checksig.h``, in the folder that :func:`get_include` names, is the contract
of the calls made here. The library is loaded at the first call that needs it.
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
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, NoReturn

import checksig
from checksig.errors import InternalError, ManifestError, ManifestNotFoundError

AnyPath = str | bytes | os.PathLike[str] | os.PathLike[bytes]

_PACKAGE = Path(__file__).resolve().parent
_LIBRARY = _PACKAGE / ("_checksig.dll" if sys.platform == "win32" else "_checksig.so")
_REMEDY = "reinstall checksig, or in a checkout run 'pip install -e .' again"

_FORKED_MESSAGE = (
    "checksig was used before this process was forked; its Go runtime does not survive a fork, and no"
    " second one can be loaded here: use the 'spawn' or 'forkserver' start method, or call checksig only"
    " after the fork"
)

# What calls return, and checksig_error.kind.
_OK, _FAILED, _MANIFEST, _NOT_FOUND, _OS, _ARGUMENT, _INTERNAL, _CANCELLED, _MORE = range(9)

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
_ADDRESS_SPACE = 3200 << 20 if sys.maxsize > 1 << 32 else 0


# The Go runtime ends the process when it gets no thread while it loads, and may start some for each
# processor; what a run needs, the library itself looks for.
_WANTED = os.environ.get("GOMAXPROCS", "")
_PROCESSORS = max(os.cpu_count() or 1, int(_WANTED) if _WANTED.isdecimal() else 0)
_THREADS = 2 * _PROCESSORS + 20 if sys.platform == "linux" else 0


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
        RuntimeError: this is a forked child, and no copy of the library can be loaded.
        ImportError: the library of this installation cannot be loaded.
        OSError: the process may have too few descriptors or threads, or too little address space.
    """

    def __init__(self, path: AnyPath, request: Request) -> None:
        # The library itself stores the handle: no signal comes between its call and that.
        self._handle = ctypes.c_uint64()
        root = _encode(path)
        _require_int32("the number of workers", request.workers)
        for number in request.shard:
            _require_int32("the number of a shard", number)
        manifest = None if request.manifest is None else _encode(request.manifest, "manifest")
        entries = request.entries
        asked, error = (
            _Request(
                root,
                len(root),
                _word("algorithm", request.algorithm),
                manifest,
                None if request.name is None else _encode(request.name, "manifest"),
                _word("format", request.format),
                entries,
                0 if entries is None else len(entries),
                request.workers,
                request.flags,
                *request.shard,
            ),
            _Error(),
        )
        self._library = _load()
        self.counters = Counters(total_files=-1, total_bytes=-1)
        self.failure: str | None = None
        self.hint: str | None = None
        self.cancelled = False
        kind = self._library.calls.checksig_start(
            ctypes.byref(asked), ctypes.byref(self._handle), ctypes.byref(error)
        )
        if kind != _MORE:
            self._raise(error)

    def __enter__(self) -> Job:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close(0)

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
        buffer = ctypes.create_string_buffer(_BUFFER)
        written, error = ctypes.c_size_t(), _Error()
        kind = _MORE
        while kind == _MORE and self._handle:
            if self._library.forked.value:
                raise RuntimeError("this verification was started before this process was forked")
            kind = self._library.calls.checksig_next(
                self._handle,
                buffer,
                _BUFFER,
                _SLICE,
                ctypes.byref(written),
                ctypes.byref(self.counters),
                ctypes.byref(error),
            )
            yield list(_records(ctypes.string_at(buffer, written.value)))
        if kind == _FAILED:
            self.failure, _, hint = self._strings(error)
            self.hint = hint or None
        elif kind not in (_OK, _MORE, _CANCELLED):
            self._raise(error)
        self.cancelled = kind in (_MORE, _CANCELLED)

    def close(self, milliseconds: int = _CLOSE) -> None:
        """Cancel the job if it goes on, wait for its end a while, and release it."""
        if self._handle and not self._library.forked.value:
            self._library.calls.checksig_close(self._handle, milliseconds)
        self._handle.value = 0

    def _strings(self, error: _Error) -> tuple[str, str, str]:
        message, path, reason = (
            _take(self._library.calls, pointer) for pointer in (error.message, error.path, error.reason)
        )
        return _text(message), os.fsdecode(path), _text(reason)

    def _raise(self, error: _Error) -> NoReturn:
        message, path, reason = self._strings(error)
        if error.kind == _MANIFEST:
            raise ManifestError(message, path, error.line or None, reason)
        if error.kind == _NOT_FOUND:
            raise ManifestNotFoundError(message, path, None, reason)
        if error.kind == _OS:
            raise OSError(error.os_errno, reason or os.strerror(error.os_errno), path)
        if error.kind == _ARGUMENT:
            raise ValueError(message)
        raise InternalError(message)


def _records(data: bytes) -> Iterator[Record]:
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
            os.fsdecode(name),
            sys.intern(_text(reason)),  # a million files have few reasons
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
        RuntimeError: this is a forked child, and no copy of the library can be loaded.
        ImportError: the library of this installation cannot be loaded.
    """
    root = _encode(path)
    library = _load().calls
    pointer = library.verify(root)
    return _text(_take(library, pointer)) if pointer else None


def get_algorithms() -> tuple[str, ...]:
    """Return the names of the algorithms that the library computes, the strongest first.

    BLAKE2b and BLAKE3 are among them if the build had their Go modules.
    """
    return tuple(_load().calls.checksig_algorithms().decode().split(", "))


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


def _text(message: bytes) -> str:
    # Messages are UTF-8, but for what a panic may hold.
    return message.decode("utf-8", "backslashreplace")


class _Library(NamedTuple):
    """The loaded library."""

    calls: ctypes.CDLL
    forked: ctypes.c_int32  # not 0 in a forked child, where no call of this copy may be made


_loaded: _Library | None = None
_semaphores: list[ctypes.Array[ctypes.c_char]] = []
_copies = 0  # that this process and its ancestors have loaded

# A child that is forked while another thread loads would find half a library.
_loading = threading.RLock()
os.register_at_fork(
    before=_loading.acquire, after_in_parent=_loading.release, after_in_child=_loading.release
)


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
        raise ImportError(f"cannot load {_LIBRARY}: {cause}; {_REMEDY}", path=str(_LIBRARY)) from error
    if version != checksig.__version__:
        raise ImportError(
            f"{_LIBRARY} is of version {version}, the package of {checksig.__version__}; {_REMEDY}",
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

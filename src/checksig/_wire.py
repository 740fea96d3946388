"""``checksig.h`` in Python, without ctypes: numbers, requests, records, counters and outcomes.

The library and the helper take the same request and give the same frames. Each member of a
structure is written once, here, in the order of the header; ``tests/test_c_interface.py``
compares this module with the header. ``go/internal/wire/pipe.go`` describes the pipe to the helper.
"""

from __future__ import annotations

import os
import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import NamedTuple
else:
    from checksig._tuples import NamedTuple


class Kind:
    """How a call or a job ended: what calls return, and ``checksig_error.kind``."""

    OK = 0
    FAILED = 1
    MANIFEST = 2
    NOT_FOUND = 3
    OS = 4
    ARGUMENT = 5
    INTERNAL = 6
    CANCELLED = 7
    MORE = 8
    NOT_SIGNED = 9


# checksig_record.status is an index into these names of checksig.Status.
STATUSES = ("OK", "FAILED", "MISSING", "CHANGED", "ERROR", "CONFLICT", "EXTRA")

# checksig_record.kind
FILE, BAD_LINE, MANIFEST, ENTRY, SIGNATURE, NOTE, LINES, NAMES = range(8)

# checksig_request.flags
ALL_RESULTS = 1
IGNORE_MISSING = 2
TOTALS = 4
REPORT_EXTRA = 8
FAIL_EXTRA = 16
READ_ENTRIES = 32
FIND_MANIFESTS = 64
FIND_FILES = 128
HASH_FILES = 256
CONTENT = 512
RECEIPTS = 1024
COUNT_RECEIPTS = 2048
WRITE_ENTRIES = 4096
DIGEST_ENTRIES = 8192
PACK_NAMES = 16384

EXTRA_FLAGS = {"ignore": 0, "report": REPORT_EXTRA, "fail": FAIL_EXTRA}  # of the option ``extra``

BUFFER_SIZE = 135168  # CHECKSIG_BUFFER: bytes for the records of one frame

# The structures: the members in order, with their types in the letters of the struct module. A
# "z" is a string of ours, a "P" is a string that the receiver of the structure releases.
REQUEST_MEMBERS = {
    "struct_size": "I",
    "flags": "i",
    "workers": "i",
    "shard": "i",
    "shards": "i",
    "min_signers": "i",
    "root": "z",
    "root_length": "N",
    "algorithm": "z",
    "manifest": "z",
    "name": "z",
    "format": "z",
    "list": "z",
    "list_length": "N",
    "strip_prefix": "z",
    "keys": "z",
    "keys_length": "N",
    "signature": "z",
    "name_space": "z",
    "receipts": "z",
    "max_age": "q",
}
ERROR_MEMBERS = {
    "struct_size": "I",
    "kind": "i",
    "os_errno": "i",
    "reserved": "i",
    "line": "q",
    "message": "P",
    "path": "P",
    "reason": "P",
}
PROGRESS_MEMBERS = {
    "struct_size": "I",
    "reserved": "i",
    "files": "q",
    "total_files": "q",
    "bytes": "q",
    "total_bytes": "q",
    "bad": "q",
    "counts": "8q",
    "bad_lines": "q",
    "by_receipt": "q",
    "oldest_receipt": "q",
    "listed": "q",
    "nanoseconds": "q",
}
RECORD_MEMBERS = {
    "struct_size": "I",
    "length": "I",
    "kind": "B",
    "status": "B",
    "algorithm_length": "B",
    "expected_length": "B",
    "actual_length": "B",
    "bad": "B",
    "reserved": "2x",
    "os_errno": "i",
    "name_length": "I",
    "number": "q",
    "reason_length": "I",
    "reserved_end": "4x",
    "receipt": "q",
    "touched": "q",
    "place": "q",
    "mtime_ns": "q",
    "ctime_ns": "q",
}


def _packed(members: Mapping[str, str]) -> struct.Struct:
    """Return a structure without padding; in the place of a pointer it has a length of 8 bytes."""
    return struct.Struct("=" + "".join(members.values()).replace("P", "Q"))


def _only(members: Mapping[str, str], *wanted: str) -> struct.Struct:
    """Return the structure of which only some members are unpacked."""
    skipped = {name: f"{_packed({name: letter}).size}x" for name, letter in members.items()}
    return _packed(skipped | {name: members[name] for name in wanted})


_PROGRESS, _ERROR, _RECORD = map(_packed, (PROGRESS_MEMBERS, ERROR_MEMBERS, RECORD_MEMBERS))
_OF_FILE = _only(
    RECORD_MEMBERS,
    *(
        "struct_size",
        "length",
        "kind",
        "status",
        "algorithm_length",
        "name_length",
        "reason_length",
    ),
)
FRAME_LENGTH = struct.Struct("=I")
SMALLEST_FRAME = _PROGRESS.size + _ERROR.size
LARGEST_FRAME = 1 << 24  # bytes; the records of a frame have some hundred thousand


class Request(NamedTuple):
    """What a job has to do: the members of ``checksig_request``, except lengths. None is NULL."""

    root: bytes
    algorithm: bytes | None = None
    manifest: bytes | None = None
    name: bytes | None = None
    format: bytes | None = None
    list: bytes | None = None
    strip_prefix: bytes | None = None
    keys: bytes | None = None
    signature: bytes | None = None
    name_space: bytes | None = None
    workers: int = 0
    flags: int = 0
    shard: int = 0
    shards: int = 0
    min_signers: int = 0
    receipts: bytes | None = None
    max_age: int = 0


class Outcome(NamedTuple):
    """How a call or a job ended, as ``checksig_error`` says. Empty strings say nothing.

    Paths are strings as :func:`decode_path` returns them.
    """

    kind: int
    os_errno: int = 0
    line: int = 0
    message: str = ""
    path: str = ""
    reason: str = ""


class Counters(NamedTuple):
    """How far a job has come, as ``checksig_progress`` says."""

    files: int
    total_files: int
    bytes: int
    total_bytes: int
    bad: int
    counts: tuple[int, ...]
    bad_lines: int
    by_receipt: int
    oldest_receipt: int
    listed: int
    nanoseconds: int


class Record(NamedTuple):
    """A ``checksig_record``. Names and paths are strings as :func:`decode_path` returns them."""

    kind: int
    status: int
    bad: bool
    os_errno: int
    number: int
    name: str
    reason: str
    algorithm: str
    expected: bytes
    actual: bytes
    receipt: int
    touched: int
    place: int
    mtime_ns: int
    ctime_ns: int


class Frame(NamedTuple):
    """An answer of the library or the helper: how the job stands, and packed records."""

    counters: Counters
    outcome: Outcome
    records: bytes


_IS_UTF_8 = sys.getfilesystemencoding() == "utf-8"
_IS_UTF_8_WITH_SURROGATES = _IS_UTF_8 and sys.getfilesystemencodeerrors() == "surrogateescape"

NO_COUNTERS = Counters(0, -1, 0, -1, 0, (0,) * 8, 0, 0, 0, -1, 0)  # of a job that has not begun


def pack_request(request: Request) -> bytes:
    """Return a request as the helper reads it."""
    packed = []
    for name, value in zip(request._fields, request, strict=True):
        if value is not None:
            content = str(value).encode() if isinstance(value, int) else value
            packed.append(struct.pack("=B", len(name)) + name.encode() + struct.pack("=Q", len(content)))
            packed.append(content)
    return b"".join([struct.pack("=Q", sum(map(len, packed))), *packed])


def unpack_counters(progress: bytes) -> Counters:
    """Return the counters at the beginning of ``progress``, a buffer with a ``checksig_progress``."""
    _, _, files, total_files, hashed, total_bytes, bad, *rest = _PROGRESS.unpack_from(progress)
    return Counters(files, total_files, hashed, total_bytes, bad, tuple(rest[:8]), *rest[8:])


def make_outcome(kind: int, os_errno: int, line: int, strings: list[bytes]) -> Outcome:
    """Return an outcome from the members of a ``checksig_error``, whose strings are bytes."""
    message, path, reason = strings
    return Outcome(kind, os_errno, line, decode_message(message), decode_path(path), decode_message(reason))


def unpack_frame(frame: bytes) -> Frame:
    """Return a frame of the helper, which has at least SMALLEST_FRAME bytes."""
    _, kind, os_errno, _, line, *lengths = _ERROR.unpack_from(frame, _PROGRESS.size)
    at, strings = SMALLEST_FRAME, []
    for length in lengths:
        strings.append(frame[at : at + length])
        at += length
    return Frame(unpack_counters(frame), make_outcome(kind, os_errno, line, strings), frame[at:])


def unpack_records(data: bytes) -> Iterator[Record]:
    """Yield the records of a frame."""
    unpack, start = _RECORD.unpack_from, 0
    words = {b"": ""}  # a million files have few reasons and algorithms
    while start < len(data):
        members = unpack(data, start)
        size, length, kind, status, algorithm_size, expected_size, actual_size = members[:7]
        bad, os_errno, name_size, number, reason_size = members[7:12]
        at = start + size
        start += length
        name = data[at : (at := at + name_size)]
        reason = data[at : (at := at + reason_size)]
        algorithm = data[at : (at := at + algorithm_size)]
        expected = data[at : (at := at + expected_size)]
        for word in (reason, algorithm):
            if word not in words:
                words[word] = sys.intern(decode_message(word))
        yield Record(
            kind,
            status,
            bad != 0,
            os_errno,
            number,
            decode_path(name),
            words[reason],
            words[algorithm],
            expected,
            data[at : at + actual_size],
            *members[12:],
        )


def unpack_digests(data: bytes) -> tuple[dict[bytes, bytes], list[Record]]:
    """Return the digests of files that a frame has, by encoded name, and the other records.

    This takes a fifth of the time of :func:`unpack_records`.
    """
    digests: dict[bytes, bytes] = {}
    others: list[Record] = []
    start = 0
    while start < len(data):
        size, length, kind, status, algorithm_size, name_size, reason_size = _OF_FILE.unpack_from(data, start)
        at, end = start + size, start + length
        if kind != FILE or status or reason_size:
            others += unpack_records(data[start:end])
        else:
            digests[data[at : at + name_size]] = data[at + name_size + algorithm_size : end]
        start = end
    return digests, others


def unpack_parts(data: bytes) -> tuple[list[bytes], list[Record]]:
    """Return the contents of the records with lines or names in a frame, and the other records."""
    parts: list[bytes] = []
    others: list[Record] = []
    start = 0
    while start < len(data):
        size, length, kind, _, _, name_size, _ = _OF_FILE.unpack_from(data, start)
        if kind in (LINES, NAMES):
            parts.append(data[start + size : start + size + name_size])
        else:
            others += unpack_records(data[start : start + length])
        start += length
    return parts, others


def decode_message(message: bytes) -> str:
    """Return a message. It is UTF-8, except where it quotes a panic."""
    return message.decode("utf-8", "backslashreplace")


def decode_path(path: bytes) -> str:
    """Return the string from which :func:`os.fsencode` makes these bytes.

    That is what :func:`os.fsdecode` returns, except where the encoding of the locale has two byte
    sequences for one character: there each byte beyond ASCII becomes a surrogate.
    """
    if _IS_UTF_8_WITH_SURROGATES:
        return path.decode("utf-8", "surrogateescape")
    try:
        name = os.fsdecode(path)
        if _IS_UTF_8 or os.fsencode(name) == path:
            return name
    except UnicodeError:  # on Windows, for a listed name that no file can have
        if sys.platform == "win32":
            return path.decode("utf-8", "surrogateescape")
    return path.decode("ascii", "surrogateescape")

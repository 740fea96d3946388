"""The functions that find and read manifests, without verifying anything."""

from __future__ import annotations

import functools
import os
import re
from _thread import get_ident
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, Self, TypeVar, cast

from checksig._content import as_content
from checksig._engine import Job, make_request
from checksig._options import AnyPath, SignedByOption
from checksig._receipts import as_time
from checksig._trust import Trust, make_trust
from checksig._wire import (
    BAD_LINE,
    CONTENT,
    DIGEST_ENTRIES,
    ENTRY,
    FIND_MANIFESTS,
    MANIFEST,
    READ_ENTRIES,
    SIGNATURE,
    Record,
    Request,
)
from checksig.errors import CancelledError, ManifestError
from checksig.report import BadLine, Entry, Manifest, Signature

_T = TypeVar("_T")


def read_manifest(
    path: AnyPath | BinaryIO,
    *,
    format: str | None = None,
    algorithm: str | None = None,
    strip_prefix: AnyPath | None = None,
    signed_by: SignedByOption = None,
    min_signers: int | None = None,
    signature: AnyPath | None = None,
    namespace: str | None = None,
) -> Entries:
    """Yield the entries of a manifest, or of all manifests of a directory, in order.

    A bad line does not hide the good ones: the exception comes after the last entry.

    Args:
        path: the path of a manifest, or of a directory that has manifests; or a binary file that
            contains a manifest.
        format: as in :func:`checksig.check_signatures`.
        algorithm: as there.
        strip_prefix: as there.
        signed_by: as there.
        min_signers: as there.
        signature: as there.
        namespace: as there.

    Returns:
        An iterator, which after the last entry also says how the manifests were read, and who has
        signed them.

    Raises:
        ManifestNotFoundError: path is a directory without a manifest.
        SignatureError: a manifest is not shown to be signed. It is a ManifestError.
        ManifestError: a line is bad, and the exception has its number; or there are no entries.
        OSError: a manifest cannot be opened or read. BlockingIOError: a file object returns None
            for "no data yet", and has no descriptor to wait for.
        ValueError: an argument is not allowed.
        TypeError: an argument has the wrong type.
    """
    trust = make_trust(signed_by, min_signers, signature, namespace)
    request = functools.partial(
        make_request, format=format, algorithm=algorithm, strip_prefix=strip_prefix, trust=trust
    )
    if not isinstance(path, (str, bytes, os.PathLike)):
        name, content = as_content(path)
        return Entries(Job(request(".", name=name, entries=content, flags=READ_ENTRIES | CONTENT)))
    return read_path(path, request)


def read_path(path: AnyPath, request: Callable[..., Request]) -> Entries:
    """Yield the entries of a manifest, or of all manifests of a directory; request makes the request."""
    if os.path.isdir(path):
        return Entries(Job(request(path, flags=READ_ENTRIES)))
    return Entries(Job(request(_folder(path), manifest=path, flags=READ_ENTRIES)))


class JobIterator(Iterator[_T]):
    """An iterator over what a job finds, and a context manager that closes the job.

    Args:
        job: the job.
        items: what to yield. It must not refer to this object, because dropping the last reference
            to this object must end the job.
    """

    def __init__(self, job: Job, items: Iterator[_T]) -> None:
        self._job = job
        self._items = items
        self._ended = False
        self._closer = 0  # the thread that closed this object

    def __next__(self) -> _T:
        if self._ended or self._closer == get_ident():
            raise StopIteration
        if self._closer:
            raise CancelledError("another thread closed this iterator before its end")
        try:
            return next(self._items)
        except StopIteration:
            self._ended = True
            raise
        except CancelledError:
            if self._closer != get_ident():
                raise
            raise StopIteration from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Cancel the work if it is not done, and end the iteration. Closing again has no effect.

        Leaving a ``with`` block closes, too, and so does dropping the last reference. If another
        thread is iterating, it gets a CancelledError.
        """
        self._closer = self._closer or get_ident()
        self._job.close()


class Entries(JobIterator[Entry]):
    """The entries that :func:`read_manifest` yields, and how they were read.

    It is an iterator and a context manager.

    Attributes:
        manifests (list[Manifest]): what was understood of each manifest; complete after the last
            entry.
        bad_lines (list[BadLine]): the first 20 bad lines of each manifest; complete after the last
            entry.
        signatures (list[Signature]): the signatures that count, if keys were given; complete after
            the last entry.
    """

    def __init__(self, job: Job) -> None:
        self.manifests: list[Manifest] = []
        self.bad_lines: list[BadLine] = []
        self.signatures: list[Signature] = []
        super().__init__(job, _entries(job, self.manifests, self.bad_lines, self.signatures))

    @property
    def authentic(self) -> bool | None:
        """True if the manifests are signed by the keys that were given; None if none were given."""
        return True if self.signatures else None

    @property
    def bad_line_count(self) -> int:
        """How many bad lines there are so far."""
        return self._job.counters.bad_lines


def _entries(
    job: Job, manifests: list[Manifest], bad_lines: list[BadLine], signatures: list[Signature]
) -> Iterator[Entry]:
    with job:
        for batch in job.batches():
            for record in batch:
                if record.kind == ENTRY:
                    yield _entry(record)
                elif record.kind == BAD_LINE:
                    bad_lines.append(as_bad_line(record))
                elif record.kind == SIGNATURE:
                    signatures.append(as_signature(record, manifests))
                else:
                    manifests.append(as_manifest(record))
    if bad_lines:
        line = bad_lines[0]
        raise ManifestError(f'"{line.path}" - {line}', line.path, line.line, line.reason)


def _folder(path: AnyPath) -> bytes:
    return os.path.dirname(os.fsencode(path)) or b"."


def _entry(record: Record) -> Entry:
    size = None if record.number < 0 else record.number
    return Entry(record.name, record.algorithm, record.expected.hex(), size)


def read_whole(
    path: AnyPath,
    *,
    strip_prefix: AnyPath | None = None,
    root: AnyPath | None = None,
    trust: Trust | None = None,
) -> tuple[Manifest, list[Entry], list[Signature]]:
    """Read a manifest at once, and return how it was understood, its entries and its signatures.

    Args:
        path: the manifest.
        strip_prefix: as in :func:`read_manifest`.
        root: the directory whose files it lists. None: its own.
        trust: whose signatures it must have.

    Raises:
        Exception: as :func:`read_manifest`.
    """
    request = make_request(
        _folder(path) if root is None else root,
        manifest=path,
        strip_prefix=strip_prefix,
        trust=trust,
        flags=READ_ENTRIES,
    )
    found = Entries(Job(request))
    entries = list(found)
    return found.manifests[0], entries, found.signatures


def request_new(path: AnyPath, name: AnyPath, is_bag: bool) -> Request:
    """Return the request to read a new manifest, which gives the digest of its entries.

    Args:
        path: where it is.
        name: the path that it will have.
        is_bag: it belongs to a bag whose bagit.txt is not written yet: one of the current version.

    Raises:
        OSError: the manifest cannot be read.
    """
    flags = READ_ENTRIES | DIGEST_ENTRIES
    if not is_bag:
        return make_request(_folder(path), manifest=path, name=name, flags=flags)
    with open(path, "rb") as file:
        content = file.read()
    return make_request(".", name=name, entries=content, format="bagit", flags=flags | CONTENT)


def find_manifests(path: AnyPath) -> list[str]:
    """Return the paths of the manifests that :func:`checksig.check` reads in a directory, in order.

    Args:
        path: the directory.

    Raises:
        ManifestNotFoundError: the directory has no manifest.
        OSError: the directory cannot be opened or listed.
        ValueError: path is empty or contains NUL.
    """
    return [manifest.path for manifest in discover_manifests(path)]


def discover_manifests(path: AnyPath, assumed: AnyPath | None = None) -> list[Manifest]:
    """Return the manifests of a directory. A note says which were found by their extension.

    Args:
        path: the directory.
        assumed: a name that is looked for as if the directory had it. None: only what it has.
    """
    return [manifest for manifest, _ in find_signatures(path, assumed=assumed)]


def find_signatures(
    path: AnyPath, manifest: AnyPath | None = None, assumed: AnyPath | None = None
) -> list[tuple[Manifest, list[str]]]:
    """Return the manifests of a directory, or one that is named, with the paths of their signatures."""
    found: list[tuple[Manifest, list[str]]] = []
    request = make_request(path, manifest=manifest, name=assumed, flags=FIND_MANIFESTS)
    with Job(request) as job:
        for batch in job.batches():
            for record in batch:
                if record.kind == MANIFEST:
                    found.append((as_manifest(record), []))
                elif record.kind == SIGNATURE:
                    found[-1][1].append(record.name)
    return found


def has_entry(path: AnyPath) -> bool:
    """Return whether a file can be read as a manifest: at least one of its lines is an entry."""
    try:
        with Entries(Job(make_request(_folder(path), manifest=path, flags=READ_ENTRIES))) as entries:
            return any(True for _ in entries)
    except (ManifestError, OSError):
        return False


def as_entries(manifest: Iterable[Entry] | BinaryIO) -> tuple[AnyPath | None, bytes, int]:
    """Return the name of a manifest that is not a path, its content, and the flag for that.

    Raises:
        Exception: as :func:`checksig.check_signatures`.
    """
    if hasattr(manifest, "read"):
        name, content = as_content(cast(BinaryIO, manifest))
        return name, content, CONTENT
    return None, pack(manifest), 0


def pack(entries: Iterable[Entry]) -> bytes:
    """Return entries as ``checksig_request.list`` takes them.

    Raises:
        TypeError: an item is not an Entry.
        ValueError: there are no entries, or one has a path, algorithm or digest that is not allowed.
    """
    packed = b"".join(map(_pack_entry, entries))
    if not packed:
        raise ValueError("manifest must have at least one entry")
    return packed


def _pack_entry(entry: Entry) -> bytes:
    if not isinstance(entry, Entry):
        raise TypeError(f"manifest must be a path, a binary file or Entry objects, not {entry!r}")
    if not entry.path or "\0" in entry.path:
        raise ValueError(f"the path of an entry must not be empty or contain NUL: {entry!r}")
    if re.search(r"[\s\0]", entry.algorithm + entry.digest):
        raise ValueError(f"the algorithm and digest of an entry must not contain blanks: {entry!r}")
    size = -1 if entry.size is None else entry.size
    return f"{entry.algorithm} {size} {entry.digest} ".encode() + os.fsencode(entry.path) + b"\0"


def as_manifest(record: Record) -> Manifest:
    """Return the manifest that a record describes."""
    algorithms, *notes = record.reason.split("\n")
    names = tuple(filter(None, algorithms.split(",")))
    read = [None if number < 0 else number for number in (record.place, record.mtime_ns, record.ctime_ns)]
    digest = record.actual.hex() or None
    return Manifest(record.name, record.algorithm, names, record.number, tuple(notes), (), digest, *read)


def as_bad_line(record: Record) -> BadLine:
    """Return the bad line that a record describes."""
    return BadLine(record.name, record.number or None, record.reason)


def as_signature(record: Record, manifests: list[Manifest]) -> Signature:
    """Return the signature that a record describes. It is of the last manifest."""
    created = as_time(max(record.number, 0))
    key, name, note = record.reason.split("\n")
    return Signature(manifests[-1].path, record.name, record.algorithm, key, name, created, note)

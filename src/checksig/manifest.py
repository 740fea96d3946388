"""The functions that read manifests, and verify nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from typing import NoReturn

from checksig.checksig import (
    BAD_LINE,
    ENTRY,
    FIND_MANIFESTS,
    MANIFEST,
    READ_ENTRIES,
    AnyPath,
    Job,
    Record,
    Request,
)
from checksig.errors import ManifestError
from checksig.report import BadLine, Entry, Manifest


def read_manifest(
    path: AnyPath, *, format: str | None = None, algorithm: str | None = None
) -> Iterator[Entry]:
    """Yield the entries of a manifest, or of all manifests of a directory, in order.

    A line that is no entry does not hide the good ones: it is an exception behind
    the last of them.

    Args:
        path: the manifest, or a directory that has some.
        format: as :func:`checksig.check_signatures` takes it.
        algorithm: as that takes it.

    Raises:
        ManifestNotFoundError: path is a directory without a manifest.
        ManifestError: there is a bad line, whose number it tells; or no entry at all.
        OSError: the manifest cannot be opened or read.
        ValueError: an argument is not allowed.
        TypeError: an argument is of the wrong type.
    """
    if os.path.isdir(path):
        root, manifest = path, None
    else:
        root, manifest = os.path.dirname(os.fsencode(path)) or b".", path
    job = Job(root, Request(manifest, format=format, algorithm=algorithm, flags=READ_ENTRIES))
    return _entries(job)


def _entries(job: Job) -> Iterator[Entry]:
    bad_lines: list[BadLine] = []
    with job:
        for batch in job.batches():
            for record in batch:
                if record.kind == ENTRY:
                    yield _entry(record)
                elif record.kind == BAD_LINE:
                    bad_lines.append(as_bad_line(record))
    if bad_lines:
        _refuse(bad_lines[0])


def _entry(record: Record) -> Entry:
    size = None if record.number < 0 else record.number
    return Entry(record.name, record.algorithm, record.expected.hex(), size)


def _refuse(line: BadLine) -> NoReturn:
    raise ManifestError(f'"{line.path}" - {line}', line.path, line.line, line.reason)


def read_whole(path: AnyPath, name: AnyPath | None = None) -> tuple[Manifest, list[Entry]]:
    """Return what was understood of a manifest, as if it were called ``name``, and its entries.

    Raises:
        As :func:`read_manifest`.
    """
    root = os.path.dirname(os.fsencode(path)) or b"."
    entries: list[Entry] = []
    with Job(root, Request(path, name, flags=READ_ENTRIES)) as job:
        for batch in job.batches():
            for record in batch:
                if record.kind == ENTRY:
                    entries.append(_entry(record))
                elif record.kind == MANIFEST:
                    manifest = as_manifest(record)
                else:
                    _refuse(as_bad_line(record))
    return manifest, entries


def find_manifests(path: AnyPath) -> list[str]:
    """Return the paths of the manifests of a directory, as :func:`checksig.check` would read them.

    Args:
        path: the directory.

    Raises:
        ManifestNotFoundError: there is none.
        OSError: the directory cannot be opened or listed.
        ValueError: path is empty or has a NUL in it.
    """
    return [manifest.path for manifest in found_manifests(path)]


def found_manifests(path: AnyPath) -> list[Manifest]:
    """Return the manifests of a directory; their notes say if they were found by their extension."""
    with Job(path, Request(flags=FIND_MANIFESTS)) as job:
        return [as_manifest(record) for batch in job.batches() for record in batch if record.kind == MANIFEST]


def pack(entries: Iterable[Entry]) -> bytes:
    """Return entries as checksig_request.list takes them.

    Raises:
        TypeError: what is given is no entry.
        ValueError: there is none; or a path is empty or has a NUL in it.
    """
    packed = []
    for entry in entries:
        if not isinstance(entry, Entry):
            raise TypeError(f"manifest is a path, or entries, not {entry!r}")
        if not entry.path or "\0" in entry.path:
            raise ValueError(f"the path of an entry is empty, or has a NUL in it: {entry!r}")
        if re.search(r"[\s\0]", entry.algorithm + entry.digest):
            raise ValueError(f"the algorithm and the digest of an entry have no blanks: {entry!r}")
        size = -1 if entry.size is None else entry.size
        packed.append(f"{entry.algorithm} {size} {entry.digest} ".encode() + os.fsencode(entry.path) + b"\0")
    if not packed:
        raise ValueError("manifest has no entry")
    return b"".join(packed)


def as_manifest(record: Record) -> Manifest:
    """Return what a record says of a manifest."""
    algorithms, *notes = record.reason.split("\n")
    names = tuple(filter(None, algorithms.split(",")))
    return Manifest(record.name, record.algorithm, names, record.number, tuple(notes))


def as_bad_line(record: Record) -> BadLine:
    """Return what a record says of a bad line."""
    return BadLine(record.name, record.number or None, record.reason)

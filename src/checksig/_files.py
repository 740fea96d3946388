"""Finds the files of a directory that a manifest should list, and hashes them."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from checksig._atomic import TEMPORARY, Replacement
from checksig._engine import Job, begin, make_request, os_error
from checksig._options import ProgressOption
from checksig._progress import Reporter
from checksig._read import discover_manifests, find_signatures, has_entry
from checksig._wire import (
    ALL_RESULTS,
    FILE,
    FIND_FILES,
    HASH_FILES,
    MANIFEST,
    PACK_NAMES,
    STATUSES,
    TOTALS,
    WRITE_ENTRIES,
    Record,
    decode_path,
    unpack_digests,
    unpack_parts,
)
from checksig.errors import ManifestError, ManifestNotFoundError

Filter = Callable[[str], bool]  # of names


class Written(NamedTuple):
    """What was written to a manifest.

    Attributes:
        digest: the SHA-256 of its entries, as ``checksig.h`` describes it.
        size: how many bytes were hashed for it.
    """

    digest: bytes
    size: int


def find_files(
    root: bytes,
    target: bytes,
    follow_symlinks: bool,
    workers: int | None,
    wanted: Filter | None,
    listed: Collection[bytes] = (),
    temporary: bytes | None = None,
) -> tuple[list[bytes], list[bytes]]:
    """Return the sorted names of the wanted files below a directory, and of those left out.

    Left out are the other manifests that are read together with the target, signatures, and the
    temporary files of other runs. The target and our own temporary file are in neither list. Files
    that the target lists are never left out, not even symlinks.
    """
    names, links = _walk(root, follow_symlinks, workers)
    gone = set(listed).difference(names)
    links |= {name for name in gone if os.path.isfile(os.path.join(root, name))}
    own, base = _own_files(root, target), os.path.realpath(root)
    target, ours = real_path(target), real_path(temporary or target)
    left_out: list[bytes] = []
    dropped: set[bytes] = set()
    names = choose_names(wanted, sorted({*names, *links} if links else names))
    for name in _may_be_own(names, links, {target, ours, *own}, base):
        path = os.path.normcase(os.path.join(base, name))
        real = real_path(path) if name in links else path
        if real in (target, ours):
            dropped.add(name)
        elif name not in listed and (real in own or _is_temporary(path, target)):
            left_out.append(name)
    dropped.update(left_out)
    return [name for name in names if name not in dropped] if dropped else names, left_out


def choose_names(wanted: Filter | None, names: list[bytes]) -> list[bytes]:
    """Return the names that are wanted; all if wanted is None."""
    return names if wanted is None else [name for name in names if wanted(decode_path(name))]


def _walk(root: bytes, follow_symlinks: bool, workers: int | None) -> tuple[list[bytes], set[bytes]]:
    """Return the names of the files below a directory, and of those of its symlinks that count."""
    names: list[bytes] = []
    links: set[bytes] = set()
    with begin(make_request(root, workers=workers, flags=FIND_FILES | PACK_NAMES)) as job:
        for frame in job.frames():
            parts, others = unpack_parts(frame)
            for part in parts:
                names += part[:-1].split(b"\0")
            for record in others:
                if STATUSES[record.status] == "ERROR":
                    raise os_error(record.os_errno, record.reason, join_name(root, record.name))
                name = os.fsencode(record.name)
                if follow_symlinks and os.path.isfile(os.path.join(root, name)):
                    links.add(name)
    return names, links


def _may_be_own(
    names: list[bytes], links: Collection[bytes], paths: Iterable[bytes], base: bytes
) -> list[bytes]:
    """Return the names below ``base`` that may lead to one of the paths, or to a file beside one."""
    if sys.platform == "win32":
        return names
    prefix = os.path.join(base, b"")
    folders = (os.path.dirname(path) + b"/" for path in paths)
    beside = {folder[len(prefix) : -1] for folder in folders if folder.startswith(prefix)}
    if not beside and not links:
        return []
    return [name for name in names if name.rpartition(b"/")[0] in beside or name in links]


def _is_temporary(path: bytes, target: bytes) -> bool:
    folder, name = os.path.split(path)
    return folder == os.path.dirname(target) and TEMPORARY.fullmatch(name) is not None


def _own_files(root: bytes, target: bytes) -> set[bytes]:
    """Return the paths of a manifest, of those that are read together with it, and of signatures."""
    manifests = {target}
    if os.path.realpath(os.path.dirname(target) or b".") == os.path.realpath(root):
        found = {real_path(path): path for path in _usual_manifests(root, os.path.basename(target))}
        if found.pop(real_path(target), None):
            manifests.update(filter(has_entry, found.values()))
    signatures = {path for manifest in manifests for path in signatures_of(root, manifest)}
    return {real_path(path) for path in manifests} | {_real_folder(path) for path in signatures}


def _usual_manifests(root: bytes, assumed: bytes | None = None) -> list[bytes]:
    """Return the manifests with usual names. Others, such as sidecars, are listed like any file."""
    try:
        found = discover_manifests(root, assumed)
    except ManifestNotFoundError:
        return []
    return [os.fsencode(manifest.path) for manifest in found if not manifest.notes]


def signatures_of(root: bytes, manifest: bytes) -> list[bytes]:
    """Return the paths of the signatures beside a manifest."""
    return [os.fsencode(path) for path in find_signatures(root, manifest)[0][1]]


def real_path(path: bytes) -> bytes:
    return os.path.normcase(os.path.realpath(path))


def _real_folder(path: bytes) -> bytes:
    """Return a path whose folder is resolved, but whose last name is not."""
    folder, name = os.path.split(path)
    return os.path.normcase(os.path.join(os.path.realpath(folder or b"."), name))


def join_name(root: bytes, name: str) -> str:
    return os.path.join(decode_path(root), name)


def hash_files(
    root: bytes, names: list[bytes], algorithm: str, workers: int | None, progress: ProgressOption
) -> dict[bytes, bytes]:
    """Hash files, and return their digests by name, in the order of the names.

    Raises:
        OSError: a file cannot be read.
        ManifestError: a file changed while it was read, or must not be read.
    """
    digests: dict[bytes, bytes] = {}
    if not names:
        return digests
    flags = ALL_RESULTS | HASH_FILES | (TOTALS if progress else 0)
    request = make_request(root, entries=pack_names(names, algorithm), workers=workers, flags=flags)
    with Job(request) as job, Reporter(progress) as reporter:
        for frame in job.frames():
            found, others = unpack_digests(frame)
            for record in others:
                if record.kind == FILE:
                    raise _fault(root, record)
            digests.update(found)
            reporter.update(job.counters)
        reporter.finish(job.counters)
    return digests


def pack_names(names: list[bytes], algorithm: str) -> bytes:
    """Return a list for a request, in which no digest is known."""
    entry = f"{algorithm} -1 - ".encode()
    return b"".join([entry, (b"\0" + entry).join(names), b"\0"])


def pack_digests(digests: Iterable[tuple[bytes, bytes]], algorithm: str) -> bytes:
    """Return a list for a request, from names and digests."""
    entry = f"{algorithm} -1 ".encode()
    return b"".join(b"%s%s %s\0" % (entry, digest.hex().encode(), name) for name, digest in digests)


def write_entries(
    root: bytes,
    entries: bytes,
    format: str,
    replacement: Replacement,
    workers: int | None = None,
    progress: ProgressOption = None,
) -> Written:
    """Hash the files of a packed list whose digests are not known, and write a manifest of it.

    Raises:
        OSError: a file cannot be read, or the manifest cannot be written.
        ManifestError: a file changed while it was read, or must not be read.
        ValueError: the format cannot represent a name.
    """
    flags = WRITE_ENTRIES | (TOTALS if progress else 0)
    request = make_request(root, entries=entries, format=format, workers=workers, flags=flags)
    digest = b""
    with Job(request) as job, Reporter(progress) as reporter:
        for frame in job.frames():
            lines, others = unpack_parts(frame)
            for record in others:
                if record.kind == FILE:
                    raise _fault(root, record)
                if record.kind == MANIFEST:
                    digest = record.expected
            replacement.write(lines)
            reporter.update(job.counters)
        reporter.finish(job.counters)
    return Written(digest, job.counters.bytes)


def _fault(root: bytes, record: Record) -> Exception:
    path = join_name(root, record.name)
    error = os_error(record.os_errno, record.reason, path)
    if record.os_errno and error.errno != errno.EXDEV:  # EXDEV is our own refusal
        return error
    return ManifestError(f'"{path}" - {record.reason}', path, None, record.reason)

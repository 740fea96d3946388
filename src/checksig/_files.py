"""Finds the files of a directory that a manifest should list, and hashes them."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator

from checksig._atomic import TEMPORARY
from checksig._engine import Job, make_request, os_error
from checksig._options import ProgressOption
from checksig._progress import Reporter
from checksig._read import discover_manifests, find_signatures, has_entry
from checksig._wire import (
    ALL_RESULTS,
    FILE,
    FIND_FILES,
    HASH_FILES,
    STATUSES,
    TOTALS,
    Digests,
    Record,
    decode_path,
    unpack_digests,
)
from checksig.errors import ManifestError, ManifestNotFoundError

Filter = Callable[[str], bool]  # of names


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
    kept: list[bytes] = []
    left_out: list[bytes] = []
    beside = _names_beside({target, ours, *own}, base)
    for name in choose_names(wanted, sorted({*names, *links} if links else names)):
        if sys.platform != "win32" and name not in links and name.rpartition(b"/")[0] not in beside:
            kept.append(name)
            continue
        path = os.path.normcase(os.path.join(base, name))
        real = real_path(path) if name in links else path
        if real not in (target, ours):
            out = name not in listed and (real in own or _is_temporary(path, target))
            (left_out if out else kept).append(name)
    return kept, left_out


def choose_names(wanted: Filter | None, names: list[bytes]) -> list[bytes]:
    """Return the names that are wanted; all if wanted is None."""
    return names if wanted is None else [name for name in names if wanted(decode_path(name))]


def _walk(root: bytes, follow_symlinks: bool, workers: int | None) -> tuple[list[bytes], set[bytes]]:
    """Return the names of the files below a directory, and of those of its symlinks that count."""
    names: list[bytes] = []
    links: set[bytes] = set()
    with Job(make_request(root, workers=workers, flags=FIND_FILES)) as job:
        for frame in job.frames():
            found = unpack_digests(frame)
            names += found.names
            for record in found.others:
                if STATUSES[record.status] == "ERROR":
                    raise os_error(record.os_errno, record.reason, join_name(root, record.name))
                name = os.fsencode(record.name)
                if follow_symlinks and os.path.isfile(os.path.join(root, name)):
                    links.add(name)
    return names, links


def _names_beside(paths: Iterable[bytes], base: bytes) -> set[bytes]:
    """Return the names, below ``base``, of the directories that have these paths."""
    prefix = os.path.join(base, b"")
    folders = (os.path.dirname(path) + b"/" for path in paths)
    return {folder[len(prefix) : -1] for folder in folders if folder.startswith(prefix)}


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
) -> Iterator[Digests]:
    """Hash files, and yield their digests, in the order of the names.

    Raises:
        OSError: a file cannot be read.
        ManifestError: a file changed while it was read, or must not be read.
    """
    if not names:
        return
    flags = ALL_RESULTS | HASH_FILES | (TOTALS if progress else 0)
    entry = f"{algorithm} -1 - ".encode()
    listed = b"".join([entry, (b"\0" + entry).join(names), b"\0"])
    request = make_request(root, entries=listed, workers=workers, flags=flags)
    with Job(request) as job, Reporter(progress) as reporter:
        for frame in job.frames():
            digests = unpack_digests(frame)
            for record in digests.others:
                if record.kind == FILE:
                    raise _fault(root, record)
            yield digests
            reporter.update(job.counters)
        reporter.finish(job.counters)


def _fault(root: bytes, record: Record) -> Exception:
    path = join_name(root, record.name)
    error = os_error(record.os_errno, record.reason, path)
    if record.os_errno and error.errno != errno.EXDEV:  # EXDEV is our own refusal
        return error
    return ManifestError(f'"{path}" - {record.reason}', path, None, record.reason)

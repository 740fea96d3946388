"""Finds the files of a directory that a manifest should list, and hashes them."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Collection, Iterable

from checksig._atomic import TEMPORARY
from checksig._engine import Job, make_request, os_error
from checksig._lists import sort_names
from checksig._options import ProgressOption
from checksig._progress import Reporter
from checksig._read import discover_manifests, find_signatures, has_entry, pack
from checksig._wire import (
    ALL_RESULTS,
    FILE,
    FIND_FILES,
    HASH_FILES,
    STATUSES,
    TOTALS,
    Record,
    decode_path,
)
from checksig.errors import ManifestError, ManifestNotFoundError
from checksig.report import Entry


def find_files(
    root: bytes,
    target: bytes,
    follow_symlinks: bool,
    workers: int | None,
    wanted: Callable[[str], bool],
    listed: Collection[str] = (),
    temporary: bytes | None = None,
) -> tuple[list[str], list[str]]:
    """Return the sorted names of the wanted files below a directory, and of those left out.

    Left out are the other manifests that are read together with the target, signatures, and the
    temporary files of other runs. The target and our own temporary file are in neither list. Files
    that the target lists are never left out, not even symlinks.
    """
    names, links = _walk(root, follow_symlinks, workers)
    gone = set(listed).difference(names)
    links |= {name for name in gone if os.path.isfile(os.path.join(root, os.fsencode(name)))}
    own, base = _own_files(root, target), os.path.realpath(root)
    target, ours = real_path(target), real_path(temporary or target)
    kept: list[str] = []
    left_out: list[str] = []
    beside = _names_beside({target, ours, *own}, base)
    for name in filter(wanted, sort_names({*names, *links})):
        if sys.platform != "win32" and name not in links and name.rpartition("/")[0] not in beside:
            kept.append(name)
            continue
        path = os.path.normcase(os.path.join(base, os.fsencode(name)))
        real = real_path(path) if name in links else path
        if real not in (target, ours):
            out = name not in listed and (real in own or _is_temporary(path, target))
            (left_out if out else kept).append(name)
    return kept, left_out


def _walk(root: bytes, follow_symlinks: bool, workers: int | None) -> tuple[list[str], set[str]]:
    """Return the names of the files below a directory, and of those of its symlinks that count."""
    names, links = [], set()
    with Job(make_request(root, workers=workers, flags=FIND_FILES)) as job:
        for batch in job.batches():
            for record in batch:
                if STATUSES[record.status] == "ERROR":
                    raise os_error(record.os_errno, record.reason, join_name(root, record.name))
                if not record.reason:
                    names.append(record.name)
                elif follow_symlinks and _leads_to_file(root, record):
                    links.add(record.name)
    return names, links


def _leads_to_file(root: bytes, record: Record) -> bool:
    return os.path.isfile(os.path.join(root, os.fsencode(record.name)))


def _names_beside(paths: Iterable[bytes], base: bytes) -> set[str]:
    """Return the names, below ``base``, of the directories that have these paths."""
    prefix = os.path.join(base, b"")
    folders = (os.path.dirname(path) + b"/" for path in paths)
    return {decode_path(folder[len(prefix) : -1]) for folder in folders if folder.startswith(prefix)}


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
    root: bytes, names: list[str], algorithm: str, workers: int | None, progress: ProgressOption
) -> list[Entry]:
    """Hash files, and return their entries in the order of the names.

    Raises:
        OSError: a file cannot be read.
        ManifestError: a file changed while it was read, or must not be read.
    """
    flags = ALL_RESULTS | HASH_FILES | (TOTALS if progress else 0)
    listed = pack(Entry(name, algorithm, "-") for name in names) if names else None
    request = make_request(root, entries=listed, workers=workers, flags=flags)
    if not names:
        return []
    entries = []
    with Job(request) as job, Reporter(progress) as reporter:
        for batch in job.batches():
            for record in batch:
                if record.kind == FILE:
                    entries.append(_entry(root, record))
            reporter.update(job.counters)
        reporter.finish(job.counters)
    return entries


def _entry(root: bytes, record: Record) -> Entry:
    if record.actual:
        return Entry(record.name, record.algorithm, record.actual.hex(), record.number)
    path = join_name(root, record.name)
    error = os_error(record.os_errno, record.reason, path)
    if record.os_errno and error.errno != errno.EXDEV:  # EXDEV is our own refusal
        raise error
    raise ManifestError(f'"{path}" - {record.reason}', path, None, record.reason)

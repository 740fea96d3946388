"""The functions that write manifests, and tell what differs from one."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from fnmatch import translate

from checksig._atomic import TEMPORARY, Replacement
from checksig._engine import Job, get_algorithms, make_request, os_error
from checksig._lines import LINES
from checksig._options import AnyPath, ProgressOption, WriteFormat
from checksig._progress import Reporter
from checksig._read import find_manifests, found_manifests, pack, read_whole
from checksig._wire import ALL_RESULTS, FILE, FIND_FILES, HASH_FILES, STATUSES, TOTALS, Record
from checksig.errors import ManifestError, ManifestNotFoundError
from checksig.report import Changes, Entry, Manifest

_SYMLINK = "is a symlink"
_PAYLOAD = "data/"
_SHORT = {"blake2b": "b2", "blake3": "b3"}


def create(
    path: AnyPath,
    *,
    algorithm: str | None = None,
    manifest: AnyPath | None = None,
    format: WriteFormat = "gnu",
    include: Collection[str] = (),
    exclude: Collection[str] = (),
    follow_symlinks: bool = False,
    overwrite: bool = False,
    workers: int | None = None,
    progress: ProgressOption = None,
) -> Manifest:
    """Write a manifest of every file in a directory and below it.

    Listed are regular files, their names sorted by bytes, but no manifest of the
    directory's own. The manifest appears at one stroke, complete, or not at all;
    with ``overwrite`` the old one stays until then.

    Args:
        path: the directory.
        algorithm: of the digests. None: sha256; for sfv crc32.
        manifest: the manifest's path. None: in the directory, ``SHA256SUMS`` and the like.
        format: gnu, as sha256sum writes it; tag, as its --tag; sfv; or bagit, which makes a bag of
            a directory with the payload in ``data``: bagit.txt, bag-info.txt, and two manifests.
        include: patterns, of which a file must match one: ``*.csv`` matches names in any
            directory, ``logs/*`` whole paths; ``*`` matches slashes, too.
        exclude: patterns, of which it must match none.
        follow_symlinks: list symlinks to files in the directory, too, as the files that they are.
        overwrite: replace a manifest that is there.
        workers: how many files are read at once. None: as many as pay off.
        progress: as :func:`checksig.check` takes it.

    Returns:
        What was written.

    Raises:
        FileExistsError: the manifest is there, and overwrite is False.
        OSError: a file cannot be read, a directory cannot be listed, the manifest cannot be written.
        ManifestError: there is no file to list; or a file changed while it was read.
        ValueError: an argument is not allowed.
    """
    root = os.fsencode(path)
    algorithm = algorithm or ("crc32" if format == "sfv" else "sha256")
    target = _target(root, manifest, algorithm, format)
    if not overwrite and os.path.lexists(target):
        why = "there is a manifest already, which only overwrite replaces"
        raise FileExistsError(errno.EEXIST, why, os.fsdecode(target))
    wanted = _filter(include, exclude)
    with Replacement(target) as replacement:
        names = _files(root, target, follow_symlinks, wanted)
        if format == "bagit":
            names = [name for name in names if name.startswith(_PAYLOAD)]
        entries = _hashed(root, names, algorithm, workers, progress)
        if not entries:
            raise ManifestError(f'"{os.fsdecode(root)}" - has no file to list', os.fsdecode(target))
        _fill(replacement, target, entries, format)
        replacement.commit(overwrite)
    if format == "bagit":
        _complete_bag(root, target, entries, algorithm)
    return Manifest(os.fsdecode(target), format, (algorithm,), len(entries))


def update(
    path: AnyPath,
    manifest: AnyPath | None = None,
    *,
    include: Collection[str] = (),
    exclude: Collection[str] = (),
    follow_symlinks: bool = False,
    workers: int | None = None,
    progress: ProgressOption = None,
) -> Changes:
    """Bring a manifest up to date: hash what is new or was touched, drop what is gone.

    A file was touched if its times of change are not before the manifest's, or its
    size is not the listed one. What was not touched is not read: silent damage, and a
    directory that was renamed to take another's place, are found by :func:`diff` and
    :func:`checksig.check`. The manifest keeps its format, but no comments.
    Arguments and exceptions are those of :func:`create`.

    Args:
        path: the directory.
        manifest: the manifest. None: the one that the directory has.
        include: as :func:`create` takes it; what is listed and matches no more is dropped.
        exclude: as that takes it.
        follow_symlinks: as that takes it.
        workers: as that takes it.
        progress: as that takes it.

    Returns:
        What has changed, and is written.

    Raises:
        ManifestNotFoundError: there is no manifest.
        ManifestError: a line of it is bad, or it lists several algorithms for a file.
        ValueError: the directory has several manifests; or it is of a format that is not written.
    """
    root = os.fsencode(path)
    target, info, old = _read(root, manifest)
    if info.format not in ("gnu", "tag", "sfv") or info.notes:
        why = ", ".join([f"format {info.format}", *info.notes])
        raise ValueError(f"this manifest cannot be updated, but it can be written anew: {info.path} ({why})")
    written = os.stat(target).st_mtime_ns
    wanted = _filter(include, exclude)
    with Replacement(target) as replacement:
        names = _files(root, target, follow_symlinks, wanted)
        touched = [name for name in names if name not in old or _is_touched(root, old[name], written)]
        new = {name: old[name] for name in names if name in old}
        new |= {e.path: e for e in _hashed(root, touched, info.algorithms[0], workers, progress)}
        if not new:
            raise ManifestError(f'"{os.fsdecode(root)}" - has no file to list', info.path)
        changes = _compare(old, new)
        if changes or touched:
            _fill(replacement, target, [new[name] for name in _sorted(new)], info.format)
            replacement.commit(overwrite=True)
    return changes


def diff(
    path: AnyPath,
    manifest: AnyPath | None = None,
    *,
    include: Collection[str] = (),
    exclude: Collection[str] = (),
    follow_symlinks: bool = False,
    workers: int | None = None,
    progress: ProgressOption = None,
) -> Changes:
    """Tell what differs between a directory and its manifest, by the content of every file.

    Nothing is written. A file that is gone and one that is new and has its content
    are a file that was renamed. Arguments and exceptions are those of :func:`update`.
    """
    root = os.fsencode(path)
    target, info, old = _read(root, manifest)
    wanted = _filter(include, exclude)
    names = _files(root, target, follow_symlinks, wanted)
    new = {e.path: e for e in _hashed(root, names, info.algorithms[0], workers, progress)}
    return _compare(old, new)


def _target(root: bytes, manifest: AnyPath | None, algorithm: str, format: str) -> bytes:
    """Return the path of the manifest to write."""
    if format not in LINES:
        raise ValueError(f'format must be "gnu", "tag", "sfv" or "bagit", not {format!r}')
    if (format == "sfv") != (algorithm == "crc32"):
        raise ValueError("crc32 is written in the format sfv, and nothing else is")
    if algorithm not in get_algorithms() or algorithm == "git-sha1":
        raise ValueError(f"unknown algorithm {algorithm!r}; known are {', '.join(get_algorithms())}")
    if format == "bagit":
        if manifest is not None:
            raise ValueError("the manifests of a bag have names of their own: none can be given")
        return os.path.join(root, f"manifest-{algorithm}.txt".encode())
    default = "checksums.sfv" if format == "sfv" else f"{_SHORT.get(algorithm, algorithm).upper()}SUMS"
    if manifest is None:
        return os.path.join(root, default.encode())
    return os.fsencode(manifest)


def _filter(include: Collection[str], exclude: Collection[str]) -> Callable[[str], bool]:
    if isinstance(include, str) or isinstance(exclude, str):
        raise TypeError("include and exclude are lists of patterns")
    wanted, unwanted = _matcher(include), _matcher(exclude)
    return lambda name: (not include or wanted(name)) and not unwanted(name)


def _matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    whole = [re.compile(translate(pattern)) for pattern in patterns if "/" in pattern]
    last = [re.compile(translate(pattern)) for pattern in patterns if "/" not in pattern]
    return lambda name: (
        any(p.match(name) for p in whole) or any(p.match(name.rpartition("/")[2]) for p in last)
    )


def _fill(replacement: Replacement, target: bytes, entries: list[Entry], format: str) -> None:
    """Write entries; raise ValueError if under the target's name they would be read as something else."""
    replacement.write(map(LINES[format], entries))
    reason = "other entries"
    try:
        _, found = read_whole(replacement.name, target)
        if [(e.path, e.algorithm, e.digest) for e in found] == [
            (e.path, e.algorithm, e.digest) for e in entries
        ]:
            return
    except ManifestError as error:
        reason = error.reason
    why = "under this name it would not be read as it is written; take another name or another format"
    raise ValueError(f"{os.fsdecode(target)}: {why} ({reason})")


def _files(root: bytes, target: bytes, follow_symlinks: bool, wanted: Callable[[str], bool]) -> list[str]:
    """Return the names of the wanted regular files below a directory, sorted, without its manifests."""
    names, links = [], set()
    with Job(make_request(root, flags=FIND_FILES)) as job:
        for batch in job.batches():
            for record in batch:
                if STATUSES[record.status] == "ERROR":
                    raise os_error(record.os_errno, record.reason, _join(root, record.name))
                if not record.reason or (follow_symlinks and _leads_to_file(root, record)):
                    names.append(record.name)
                    if record.reason:
                        links.add(record.name)
    own = {_real(found) for found in (target, *_manifests(root))}
    base, folder = os.path.realpath(root), os.path.dirname(_real(target))

    def is_own(name: str) -> bool:
        path = os.path.normcase(os.path.join(base, os.fsencode(name)))
        temporary = TEMPORARY.fullmatch(os.path.basename(path)) and os.path.dirname(path) == folder
        return bool(temporary) or (_real(path) if name in links else path) in own

    return [name for name in _sorted(names) if wanted(name) and not is_own(name)]


def _real(path: bytes) -> bytes:
    return os.path.normcase(os.path.realpath(path))


def _leads_to_file(root: bytes, record: Record) -> bool:
    return record.reason == _SYMLINK and os.path.isfile(os.path.join(root, os.fsencode(record.name)))


def _join(root: bytes, name: str) -> str:
    return os.path.join(os.fsdecode(root), name)


def _manifests(root: bytes) -> list[bytes]:
    """Return the manifests of usual names. Others, such as sidecars, are files beside one of those."""
    try:
        return [os.fsencode(manifest.path) for manifest in found_manifests(root) if not manifest.notes]
    except ManifestNotFoundError:
        return []


def _sorted(names: Iterable[str]) -> list[str]:
    return sorted(names, key=os.fsencode)


def _hashed(
    root: bytes, names: list[str], algorithm: str, workers: int | None, progress: ProgressOption
) -> list[Entry]:
    """Hash files, and return their entries in the order of the names.

    Raises:
        OSError: a file cannot be read.
        ManifestError: it changed while it was read.
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
    path = _join(root, record.name)
    error = os_error(record.os_errno, record.reason, path)
    if record.os_errno and error.errno != errno.EXDEV:  # which is our refusal
        raise error
    raise ManifestError(f'"{path}" - {record.reason}', path, None, record.reason)


def _read(root: bytes, manifest: AnyPath | None) -> tuple[bytes, Manifest, dict[str, Entry]]:
    """Return the path of a manifest, how it was read, and its entries by name."""
    if manifest is None:
        found = find_manifests(root)
        if len(found) > 1:
            raise ValueError(
                f"the directory has several manifests, of which one must be named: {', '.join(found)}"
            )
        manifest = found[0]
    target = os.fsencode(manifest)
    info, entries = read_whole(target)
    if len(info.algorithms) != 1:
        raise ManifestError(f'"{info.path}" - lists several algorithms', info.path)
    by_name: dict[str, Entry] = {}
    for entry in entries:
        name = entry.plain_path
        if ".." in name.split("/") or entry.path.startswith("/"):
            raise ManifestError(f'"{info.path}" - lists what is not below the directory: {name}', info.path)
        if name in by_name and by_name[name].digest != entry.digest:
            raise ManifestError(f'"{info.path}" - lists two digests of one file: {name}', info.path)
        by_name[name] = replace(entry, path=name)
    return target, info, by_name


def _is_touched(root: bytes, entry: Entry, written: int) -> bool:
    path = os.path.join(root, os.fsencode(entry.path))
    found = os.stat(path)
    return max(found.st_mtime_ns, found.st_ctime_ns, os.lstat(path).st_ctime_ns) >= written or (
        entry.size is not None and entry.size != found.st_size
    )


def _compare(old: dict[str, Entry], new: dict[str, Entry]) -> Changes:
    added = _sorted(new.keys() - old.keys())
    removed = _sorted(old.keys() - new.keys())
    modified = [name for name in _sorted(old.keys() & new.keys()) if old[name].digest != new[name].digest]
    places: dict[str, list[str]] = {}
    for name in reversed(added):
        places.setdefault(new[name].digest, []).append(name)
    renamed = [(name, places[old[name].digest].pop()) for name in removed if places.get(old[name].digest)]
    gone, come = {before for before, _ in renamed}, {after for _, after in renamed}
    return Changes(
        added=tuple(name for name in added if name not in come),
        removed=tuple(name for name in removed if name not in gone),
        modified=tuple(modified),
        renamed=tuple(renamed),
        unchanged=len(old.keys() & new.keys()) - len(modified),
    )


def _complete_bag(root: bytes, manifest: bytes, entries: list[Entry], algorithm: str) -> None:
    """Write the tag files of a bag, RFC 8493."""
    size = sum(entry.size or 0 for entry in entries)
    tags = {
        "bagit.txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
        "bag-info.txt": b"%sPayload-Oxum: %d.%d\n" % (_bag_info(root), size, len(entries)),
    }
    for name, content in tags.items():
        with Replacement(os.path.join(root, name.encode())) as replacement:
            replacement.write([content])
            replacement.commit(overwrite=True)
    listed = _hashed(root, _sorted([*tags, os.fsdecode(os.path.basename(manifest))]), algorithm, None, None)
    with Replacement(os.path.join(root, f"tagmanifest-{algorithm}.txt".encode())) as replacement:
        replacement.write(map(LINES["bagit"], listed))
        replacement.commit(overwrite=True)


def _bag_info(root: bytes) -> bytes:
    """Return what a bag-info.txt that is there says, but for its totals."""
    try:
        with open(os.path.join(root, b"bag-info.txt"), "rb") as file:
            text = file.read()
    except FileNotFoundError:
        return b""
    text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    text = re.sub(rb"(?im)^payload-oxum[ \t]*:.*\n?(?:^[ \t].*\n?)*", b"", text)
    return text if not text or text.endswith(b"\n") else text + b"\n"

"""The functions that write manifests, and that compare a directory with one."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Collection, Iterable
from dataclasses import replace
from fnmatch import translate

from checksig._atomic import Replacement
from checksig._bag import (
    PAYLOAD,
    TAG_FILES,
    TAG_MANIFEST,
    bag_manifest,
    check_bag,
    check_payload,
    commit_bag,
    is_bag,
    is_unfinished_bag,
    part_of_bag,
)
from checksig._engine import Job, get_algorithms, make_request
from checksig._files import (
    Filter,
    choose_names,
    find_files,
    hash_files,
    pack_digests,
    pack_names,
    signatures_of,
    write_entries,
)
from checksig._lists import compare_lists, read_list
from checksig._options import AnyPath, ManifestOption, ProgressOption, SignedByOption, WriteFormat
from checksig._progress import check_progress
from checksig._read import discover_manifests, has_entry, read_whole, request_new
from checksig._trust import Trust, make_trust
from checksig._wire import BAD_LINE, MANIFEST, decode_path
from checksig.errors import ManifestError
from checksig.report import Changes, Manifest, Signature

_FORMATS = ("gnu", "tag", "sfv", "bagit")
_NOT_WRITTEN = {"git-sha1", "crc", "bsd", "sysv"}
_SHORT = {"blake2b": "b2", "blake3": "b3"}
_NOT_CHECKED = "signature not checked"  # the note of a manifest that may have signatures


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
    """Write a manifest of the files in a directory and below it.

    The manifest lists regular files, sorted by the bytes of their names. It leaves out the other
    manifests that :func:`checksig.check` reads together with it, and signatures of these manifests,
    such as ``SHA256SUMS.asc``; ``Manifest.left_out`` names them. It is written atomically: with
    ``overwrite``, the old manifest stays until the new one is complete. A bag gets ``bagit.txt``
    last; if it was interrupted before that, and its manifest is as it would be written now, the bag
    is finished without ``overwrite``.

    Args:
        path: the directory.
        algorithm: the algorithm of the digests. None: crc32 for the format sfv, else sha256.
        manifest: the path of the manifest. None: a usual name in the directory, such as
            ``SHA256SUMS``.
        format: gnu as ``sha256sum`` writes it, tag as ``sha256sum --tag`` writes it, sfv, or
            bagit. The latter makes the directory, with its payload in ``data``, a bag: it writes
            bagit.txt, bag-info.txt and two manifests.
        include: patterns; list only files that match one of them. ``*.csv`` matches names in any
            directory, ``logs/*`` matches whole paths. ``*`` matches slashes, too.
        exclude: patterns; list no files that match one of them.
        follow_symlinks: list symlinks to files in the directory, too, as if they were those files.
        overwrite: replace a manifest that exists.
        workers: how many files are read, or directories listed, at the same time, at most 256. None:
            automatic.
        progress: as in :func:`checksig.check_signatures`.

    Returns:
        The manifest that was written.

    Raises:
        FileExistsError: the manifest exists, and overwrite is False; or there is a manifest of a bag
            with another algorithm.
        OSError: a file cannot be read, a directory cannot be listed, or the manifest cannot be
            written.
        ManifestError: there are no files to list, a file changed while it was read, or a bag would not
            be valid, for example because its payload has symlinks that are left out.
        ValueError: an argument is not allowed, or the manifest would not be read back as written.
        TypeError: an argument has the wrong type.
    """
    if algorithm is None:
        algorithm = "crc32" if format == "sfv" else "sha256"
    usual = _usual_name(algorithm, format)
    if format == "bagit" and manifest is not None:
        raise ValueError(f'manifest must be None with format "bagit", not {manifest!r}')
    root, chosen, wanted = _check_options(path, manifest, include, exclude, workers, progress)
    target = chosen or os.path.join(root, usual.encode())
    if format == "bagit":
        check_bag(root, algorithm)
    with Replacement(target) as replacement:
        unfinished = format == "bagit" and is_unfinished_bag(root, target)
        if not (overwrite or unfinished) and os.path.lexists(target):
            why = "manifest already exists (overwrite replaces it)"
            raise FileExistsError(errno.EEXIST, why, decode_path(target))
        names, left_out = find_files(root, target, follow_symlinks, workers, wanted, (), replacement.name)
        if format == "bagit":
            tags = {tag.encode() for tag in (*TAG_FILES, f"tag{bag_manifest(algorithm)}")}
            others = [name for name in names if not name.startswith(PAYLOAD)]
            left_out = sorted({*left_out, *others} - tags)
            names = [name for name in names if name.startswith(PAYLOAD)]
            check_payload(root, names)
        if not names:
            raise ManifestError(f'"{decode_path(root)}" - contains no files to list', decode_path(target))
        entries = pack_names(names, algorithm)
        written = write_entries(root, entries, format, replacement, workers, progress)
        _read_back(replacement, target, format == "bagit", written.digest)
        if not overwrite and unfinished and not _have_same_content(replacement.name, target):
            why = "bag without bagit.txt, whose manifest lists other content (overwrite replaces it)"
            raise FileExistsError(errno.EEXIST, why, decode_path(target))
        if format == "bagit":
            commit_bag(root, replacement, f"{written.size}.{len(names)}", algorithm, overwrite or unfinished)
        else:
            replacement.commit(overwrite)
    out = tuple(map(decode_path, left_out))
    return Manifest(decode_path(target), format, (algorithm,), len(names), (), out)


def update(
    path: AnyPath,
    manifest: AnyPath | None = None,
    *,
    all: bool = False,
    include: Collection[str] = (),
    exclude: Collection[str] = (),
    follow_symlinks: bool = False,
    workers: int | None = None,
    progress: ProgressOption = None,
) -> Changes:
    """Update a manifest: hash new and touched files, and drop files that no longer exist.

    A listed file that exists is never dropped, unless ``include`` or ``exclude`` says so, or it is the
    manifest itself, whose digest no manifest can have. Among the files that are not listed,
    manifests and their signatures are left out as by :func:`create`.

    A file counts as touched if its mtime or ctime is not older than the mtime of the manifest; for a
    symlink, the ctime of the link itself counts, too. Files that were not touched are not read, and
    ``Changes.unread`` counts them. Whatever sets the mtime of the manifest later, such as an editor,
    ``touch`` or ``git checkout``, hides the changes before that, unless ``all`` is true. So are
    silent damage, and a directory that was renamed to take the place of another.

    The manifest keeps its format but loses its comments. It is written atomically.

    Args:
        path: the directory.
        manifest: the path of the manifest. None: the only one in the directory, without the tag
            manifests of a bag.
        all: hash every file, not only new and touched ones.
        include: as in :func:`create`. Listed files that no longer match are dropped.
        exclude: as in :func:`create`, with the same effect.
        follow_symlinks: as in :func:`create`.
        workers: as in :func:`create`.
        progress: as in :func:`checksig.check_signatures`.

    Returns:
        The changes that were written.

    Raises:
        ManifestNotFoundError: the directory has no manifest.
        ManifestError: a line of the manifest is bad, or it lists several algorithms, two digests
            for one file, or a file outside the directory.
        ValueError: the directory has several manifests, it is a bag, or the format cannot be updated.
        Exception: as :func:`create`, except FileExistsError.
    """
    root, chosen, wanted = _check_options(path, manifest, include, exclude, workers, progress)
    target, info, old, _ = _read_manifest(root, chosen)
    if info.format == "bagit":
        raise ValueError(f"{info.path}: a bag cannot be updated; create it again (format bagit, overwrite)")
    notes = [note for note in info.notes if note != _NOT_CHECKED or _has_signature_inside(target)]
    if info.format not in ("gnu", "tag", "sfv") or notes:
        why = ", ".join([f"format {info.format}", *notes])
        raise ValueError(f"{info.path}: this manifest cannot be updated ({why}); create a new one")
    written = os.stat(target).st_mtime_ns
    with Replacement(target) as replacement:
        names, left_out = find_files(root, target, follow_symlinks, workers, wanted, old, replacement.name)
        touched = [n for n in names if all or n not in old or _is_touched(root, n, written)]
        new = {name: old[name] for name in names if name in old}
        new |= hash_files(root, touched, info.algorithms[0], workers, progress)
        if not new:
            raise ManifestError(f'"{decode_path(root)}" - contains no files to list', info.path)
        compared = _compare(old, new)
        out = tuple(map(decode_path, left_out))
        changes = replace(compared, unread=len(names) - len(touched), left_out=out)
        if changes or touched:
            entries = pack_digests(sorted(new.items()), info.algorithms[0])
            now = write_entries(root, entries, info.format, replacement)
            _read_back(replacement, target, False, now.digest)
            replacement.commit(overwrite=True)
            outdated = map(decode_path, signatures_of(root, target))
            changes = replace(changes, outdated=tuple(outdated) if changes else ())
    return changes


def diff(
    path: AnyPath,
    manifest: AnyPath | None = None,
    *,
    other: ManifestOption = None,
    format: str | None = None,
    algorithm: str | None = None,
    include: Collection[str] = (),
    exclude: Collection[str] = (),
    follow_symlinks: bool = False,
    strip_prefix: AnyPath | None = None,
    other_prefix: AnyPath | None = None,
    signed_by: SignedByOption = None,
    min_signers: int | None = None,
    signature: AnyPath | None = None,
    namespace: str | None = None,
    workers: int | None = None,
    progress: ProgressOption = None,
) -> Changes:
    """Compare a directory with its manifest, by the content of every file. Nothing is written.

    A file that no longer exists and a new file with its content count as one renamed file.

    With ``other``, compare the manifest with another one, or with a listing of an object store,
    by name and digest; no data file is read. A file is unchanged if its digests agree in all
    algorithms that both list, at least one. If there is none, it is in ``Changes.uncompared``, and
    the changes are true. ``path`` may then be a manifest, and a directory may have several.

    Args:
        path: as in :func:`update`, like all arguments.
        manifest: as there.
        other: the path of a manifest, of a listing, or of a directory that has manifests; entries;
            or a binary file. What only ``other`` lists is added. Not with follow_symlinks or
            workers.
        format: that of ``other``. None: detected.
        algorithm: that of the digests in ``other``. None: detected.
        include: as there.
        exclude: as there.
        follow_symlinks: as there.
        strip_prefix: as in :func:`checksig.check_signatures`.
        other_prefix: the same for the names in ``other``.
        signed_by: as in :func:`checksig.check_signatures`.
        min_signers: as there.
        signature: as there.
        namespace: as there.
        workers: as in :func:`update`.
        progress: as there.

    Returns:
        The differences.

    Raises:
        ManifestError: ``other`` or the manifest has a bad line, lists no files, lists two digests
            for one file, or is a part of a listing.
        SignatureError: the manifest is not shown to be signed by the keys that were given.
        Exception: as :func:`update`, except that every format can be compared.
    """
    if other is not None:
        if follow_symlinks or workers is not None:
            raise ValueError("other cannot be used with follow_symlinks or workers: no file is read")
        _, chosen, wanted = _check_options(path, manifest, include, exclude, workers, progress)
        for prefix in (strip_prefix, other_prefix):
            make_request(path, strip_prefix=prefix)
        trust = make_trust(signed_by, min_signers, signature, namespace)
        mine = read_list(chosen or path, strip_prefix, trust=trust)
        theirs = read_list(other, other_prefix, format=format, algorithm=algorithm)
        return compare_lists(mine, theirs, wanted or (lambda name: True))
    if not format is algorithm is other_prefix is None:
        raise ValueError("format, algorithm and other_prefix are for other, which is None")
    root, chosen, wanted = _check_options(path, manifest, include, exclude, workers, progress)
    trust = make_trust(signed_by, min_signers, signature, namespace)
    target, info, old, signatures = _read_manifest(root, chosen, strip_prefix, trust)
    names, left_out = find_files(root, target, follow_symlinks, workers, wanted, old)
    if info.format == "bagit":
        names = part_of_bag(root, target, names, choose_names(wanted, [*old]))
        left_out = []
    new = hash_files(root, names, info.algorithms[0], workers, progress)
    return replace(
        _compare(old, new),
        left_out=tuple(map(decode_path, left_out)),
        authentic=True if signatures else None,
        signatures=tuple(signatures),
    )


def get_writable_algorithms() -> list[str]:
    """Return the names of the algorithms that a format can be written with."""
    return [name for name in get_algorithms() if name not in _NOT_WRITTEN]


def _usual_name(algorithm: str, format: str) -> str:
    """Return the usual name of a manifest, once its algorithm and its format are checked."""
    for what, word in (("format", format), ("algorithm", algorithm)):
        if not isinstance(word, str):
            raise TypeError(f"{what} must be a str, not {word!r}")
    if format not in _FORMATS:
        raise ValueError(f'format must be "gnu", "tag", "sfv" or "bagit", not {format!r}')
    if (format == "sfv") != (algorithm == "crc32"):
        raise ValueError(
            f'format "sfv" and algorithm "crc32" must be used together, not {format!r} with {algorithm!r}'
        )
    writable = get_writable_algorithms()
    if algorithm not in writable:
        raise ValueError(f'unknown algorithm "{algorithm}" (known: {", ".join(writable)})')
    if format == "bagit":
        return bag_manifest(algorithm)
    return "checksums.sfv" if format == "sfv" else f"{_SHORT.get(algorithm, algorithm).upper()}SUMS"


def _check_options(
    path: AnyPath,
    manifest: AnyPath | None,
    include: Collection[str],
    exclude: Collection[str],
    workers: int | None,
    progress: ProgressOption,
) -> tuple[bytes, bytes | None, Filter | None]:
    """Check arguments before anything is looked at; return the paths, and which names are wanted."""
    check_progress(progress)
    request = make_request(path, manifest=manifest, workers=workers)
    return request.root, request.manifest, _make_filter(include, exclude)


def _make_filter(include: Iterable[str], exclude: Iterable[str]) -> Filter | None:
    """Return which names the patterns leave; None: all."""
    include, exclude = _check_patterns("include", include), _check_patterns("exclude", exclude)
    if not include and not exclude:
        return None
    wanted, unwanted = _make_matcher(include), _make_matcher(exclude)
    return lambda name: (not include or wanted(name)) and not unwanted(name)


def _check_patterns(what: str, patterns: Iterable[str]) -> tuple[str, ...]:
    if not isinstance(patterns, str) and isinstance(patterns, Iterable):
        listed = tuple(patterns)
        if all(isinstance(pattern, str) for pattern in listed):
            return listed
    raise TypeError(f"{what} must be a list of patterns, not {patterns!r}")


def _make_matcher(patterns: Collection[str]) -> Filter:
    whole = [re.compile(translate(pattern)) for pattern in patterns if "/" in pattern]
    last = [re.compile(translate(pattern)) for pattern in patterns if "/" not in pattern]
    return lambda name: (
        any(p.match(name) for p in whole) or any(p.match(name.rpartition("/")[2]) for p in last)
    )


def _read_back(replacement: Replacement, target: bytes, is_bag: bool, digest: bytes) -> None:
    """Raise ValueError if a new manifest would be read differently under the target's name."""
    reason = "other entries"
    found = []
    try:
        with Job(request_new(replacement.name, target, is_bag)) as job:
            for batch in job.batches():
                found += batch
    except ManifestError as error:
        reason = error.reason
    else:
        bad = [record.reason for record in found if record.kind == BAD_LINE]
        if not bad and [record.expected for record in found if record.kind == MANIFEST] == [digest]:
            return
        reason = bad[0] if bad else reason
    raise ValueError(
        f"{decode_path(target)}: under this name the manifest would not be read back as written"
        f" ({reason}): choose another name or format"
    )


def _read_manifest(
    root: bytes, manifest: AnyPath | None, strip_prefix: AnyPath | None = None, trust: Trust | None = None
) -> tuple[bytes, Manifest, dict[bytes, bytes], list[Signature]]:
    """Return the path of a manifest, how it was understood, its digests by name, and its signatures."""
    found = [] if manifest is not None else discover_manifests(root)
    if len(found) > 1 and is_bag(root):
        found = [each for each in found if not os.path.basename(each.path).startswith(TAG_MANIFEST)]
    target = os.fsencode(manifest) if manifest is not None else _choose(found)
    info, entries, signatures = read_whole(target, strip_prefix=strip_prefix, root=root, trust=trust)
    if len(info.algorithms) != 1:
        raise ManifestError(f'"{info.path}" - lists several algorithms', info.path)
    by_name: dict[bytes, bytes] = {}
    for entry in entries:
        name = entry.plain_path
        if ".." in name.split("/") or entry.path.startswith("/"):
            raise ManifestError(f'"{info.path}" - lists a file outside the directory: {name}', info.path)
        digest = bytes.fromhex(entry.digest)
        if by_name.setdefault(os.fsencode(name), digest) != digest:
            raise ManifestError(f'"{info.path}" - lists two digests for one file: {name}', info.path)
    others = [os.fsencode(each.path) for each in found if not each.notes]
    if any(os.path.basename(path) not in by_name for path in others if path != target):
        raise _several(found)
    return target, info, by_name, signatures


def _has_signature_inside(manifest: bytes) -> bool:
    with open(manifest, "rb") as file:
        return file.read(32).startswith((b"-----BEGIN PGP", b"untrusted comment: "))


def _choose(found: list[Manifest]) -> bytes:
    """Return the path of the only manifest of a directory; files that only have such a name do not count."""
    readable = found if len(found) == 1 else [each for each in found if has_entry(each.path)]
    if len(readable) != 1:
        raise _several(readable or found)
    return os.fsencode(readable[0].path)


def _several(found: list[Manifest]) -> ValueError:
    paths = ", ".join(manifest.path for manifest in found)
    return ValueError(f"the directory has several manifests; choose one: {paths}")


def _is_touched(root: bytes, name: bytes, written: int) -> bool:
    path = os.path.join(root, name)
    found = os.stat(path)
    return max(found.st_mtime_ns, found.st_ctime_ns, os.lstat(path).st_ctime_ns) >= written


def _compare(old: dict[bytes, bytes], new: dict[bytes, bytes]) -> Changes:
    """Compare digests by name."""
    added = sorted(new.keys() - old.keys())
    removed = sorted(old.keys() - new.keys())
    modified = [name for name in sorted(old.keys() & new.keys()) if old[name] != new[name]]
    places: dict[bytes, list[bytes]] = {}
    for name in reversed(added):
        places.setdefault(new[name], []).append(name)
    renamed = [(name, places[old[name]].pop()) for name in removed if places.get(old[name])]
    gone, come = {before for before, _ in renamed}, {after for _, after in renamed}
    return Changes(
        added=tuple(decode_path(name) for name in added if name not in come),
        removed=tuple(decode_path(name) for name in removed if name not in gone),
        modified=tuple(map(decode_path, modified)),
        renamed=tuple((decode_path(before), decode_path(after)) for before, after in renamed),
        unchanged=len(old.keys() & new.keys()) - len(modified),
    )


def _have_same_content(one: bytes, other: bytes) -> bool:
    import filecmp  # nearly never needed

    return filecmp.cmp(one, other, shallow=False)

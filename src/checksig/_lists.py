"""Compares two manifests, or listings of object stores, by name and digest. No listed file is read."""

from __future__ import annotations

import functools
import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import BinaryIO, cast

from checksig._content import as_content, read_content
from checksig._engine import Job, get_algorithms, make_request
from checksig._listing import is_listing, parse_listing
from checksig._options import AnyPath, ManifestOption
from checksig._read import Entries, pack, read_path
from checksig._trust import Trust
from checksig._wire import CONTENT, READ_ENTRIES
from checksig.errors import ManifestError
from checksig.report import Changes, Signature

_HEAD = 1 << 16  # bytes that show whether a file is a listing
_IN_BLOCKS = ("bsd", "sysv")  # algorithms beside which sizes are not in bytes


@dataclass
class File:
    """What a list says of a file: its size, or None, and its digests in hexadecimal, by algorithm."""

    size: int | None = None
    digests: dict[str, str] = field(default_factory=dict)


@dataclass
class FileList:
    """A manifest or a listing.

    Attributes:
        path: what errors call it.
        files: its files, by name.
        keys: whether the names are keys of an object store, in which every character counts.
        signatures: the signatures that count, if keys were given.
    """

    path: str
    files: dict[str, File] = field(default_factory=dict)
    keys: bool = False
    signatures: list[Signature] = field(default_factory=list)

    def fault(self, why: str) -> ManifestError:
        """Return the error that says what is wrong with the list."""
        return ManifestError(f'"{self.path}" - {why}', self.path, None, why)

    def add(self, name: str, size: int | None, digests: dict[str, str]) -> None:
        """Add what one entry says of a file."""
        file = self.files.setdefault(name, File())
        for algorithm, digest in digests.items():
            if file.digests.setdefault(algorithm, digest) != digest:
                raise self.fault(f"lists two digests for one file: {name}")
        if size is not None and file.size not in (None, size):
            raise self.fault(f"lists two sizes for one file: {name}")
        file.size = size if file.size is None else file.size

    def strip(self, prefix: AnyPath) -> None:
        """Take a directory off the names that begin with it."""
        plain = _plain(os.fsdecode(prefix))
        plain += "" if plain in ("", "/") else "/"
        names = {name: name.removeprefix(plain) or name for name in self.files}
        if all(before == after for before, after in names.items()):
            raise self.fault(f'no name begins with "{os.fsdecode(prefix)}"')
        if len(set(names.values())) < len(names):
            raise self.fault(f'without "{plain}", two names are one')
        self.files = {names[name]: file for name, file in self.files.items()}

    def check(self) -> None:
        """Raise ManifestError for a name that leads out of the directory."""
        for name in self.files:
            if not self.keys and (name.startswith("/") or ".." in name.split("/")):
                raise self.fault(f"lists a file outside the directory: {name}")


def read_list(
    source: ManifestOption,
    prefix: AnyPath | None,
    *,
    format: str | None = None,
    algorithm: str | None = None,
    trust: Trust | None = None,
) -> FileList:
    """Read a manifest, the manifests of a directory, entries, or a listing.

    With trust, the source must be a path of what can be signed: a manifest, or a directory.
    """
    if isinstance(source, (str, bytes, os.PathLike)):
        found = _read_path(source, format, algorithm, trust)
    elif source is not None and hasattr(source, "read"):
        name, content = as_content(cast(BinaryIO, source))
        found = _read_content(name, content, format, algorithm)
    else:
        entries = pack(source or ())
        job = Job(make_request(".", entries=entries, algorithm=algorithm, flags=READ_ENTRIES))
        found = _of_entries("the given entries", Entries(job))
    if prefix is not None:
        found.strip(prefix)
    found.check()
    return found


def _read_path(path: AnyPath, format: str | None, algorithm: str | None, trust: Trust | None) -> FileList:
    """Read a path. Of files, only regular ones and pipes are opened, and opening one never blocks."""
    mode = os.stat(path).st_mode
    if trust is None and (stat.S_ISFIFO(mode) or (stat.S_ISREG(mode) and format is None)):
        with open(path, "rb", opener=_open_at_once) as file:
            opened = os.fstat(file.fileno())
            head = file.read(_HEAD) if stat.S_ISREG(opened.st_mode) else b""
            if stat.S_ISFIFO(opened.st_mode) or is_listing(head):
                content = head + read_content(file)
                if _version(os.fstat(file.fileno())) != _version(opened):
                    raise FileList(os.fsdecode(path)).fault("changed while it was read")
                return _read_content(path, content, format, algorithm)
    request = functools.partial(make_request, format=format, algorithm=algorithm, trust=trust)
    return _of_entries(os.fsdecode(path), read_path(path, request))


def _version(found: os.stat_result) -> tuple[int, int] | None:
    return (found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _read_content(
    name: AnyPath | None, content: bytes, format: str | None, algorithm: str | None
) -> FileList:
    called = os.fsdecode(name or "the given manifest")
    if format is None and is_listing(content[:_HEAD]):
        if algorithm is not None and algorithm not in get_algorithms():
            raise ValueError(f'unknown algorithm "{algorithm}"')
        found = FileList(called, keys=True)
        for item in parse_listing(content, called):
            found.add(item.name, item.size, _only(algorithm, item.digests))
        return found
    flags = READ_ENTRIES | CONTENT
    request = make_request(".", name=name, entries=content, format=format, algorithm=algorithm, flags=flags)
    return _of_entries(called, Entries(Job(request)))


def _only(algorithm: str | None, digests: dict[str, str]) -> dict[str, str]:
    return {name: digest for name, digest in digests.items() if algorithm in (None, name)}


def _of_entries(path: str, entries: Entries) -> FileList:
    found = FileList(path)
    for entry in entries:
        size = None if entry.algorithm in _IN_BLOCKS else entry.size
        found.add(_plain(entry.path), size, {entry.algorithm: entry.digest})
    found.signatures = entries.signatures
    return found


def _plain(path: str) -> str:
    """Return a path without meaningless elements; an absolute one stays absolute."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    return "/" * path.startswith("/") + "/".join(parts)


def compare_lists(before: FileList, after: FileList, wanted: Callable[[str], bool]) -> Changes:
    """Compare two lists.

    Raises:
        ManifestError: neither list has a wanted name.
    """
    old = {name: file for name, file in before.files.items() if wanted(name)}
    new = {name: file for name, file in after.files.items() if wanted(name)}
    if not old and not new:
        raise before.fault("lists no file that include and exclude leave")
    both = sort_names(old.keys() & new.keys())
    added, removed = sort_names(new.keys() - old.keys()), sort_names(old.keys() - new.keys())
    equal = {name: _equal(old[name], new[name]) for name in both}
    renamed = _renamed({name: old[name] for name in removed}, {name: new[name] for name in added})
    come = {name for _, name in renamed}
    gone = {name for name, _ in renamed}
    by = {a for name in both if equal[name] for a in old[name].digests.keys() & new[name].digests.keys()}
    return Changes(
        added=tuple(name for name in added if name not in come),
        removed=tuple(name for name in removed if name not in gone),
        modified=tuple(name for name in both if equal[name] is False),
        renamed=tuple(renamed),
        unchanged=sum(1 for name in both if equal[name]),
        uncompared=tuple(name for name in both if equal[name] is None),
        algorithms=tuple(sorted(by)),
        authentic=True if before.signatures else None,
        signatures=tuple(before.signatures),
    )


def _equal(old: File, new: File) -> bool | None:
    """Return whether size and all digests agree, or None if no algorithm is in both lists."""
    if old.size is not None and new.size is not None and old.size != new.size:
        return False
    common = old.digests.keys() & new.digests.keys()
    return all(old.digests[each] == new.digests[each] for each in common) if common else None


def _renamed(removed: dict[str, File], added: dict[str, File]) -> list[tuple[str, str]]:
    """Return pairs of a removed name and an added one whose files are equal."""
    places: dict[tuple[str, str], list[str]] = {}
    for name in reversed(added):
        for digest in added[name].digests.items():
            places.setdefault(digest, []).append(name)
    taken: set[str] = set()
    pairs = []
    for before, file in removed.items():
        for digest in file.digests.items():
            candidates = places.get(digest, [])
            while candidates and candidates[-1] in taken:
                candidates.pop()
            if candidates and _equal(file, added[candidates[-1]]):
                taken.add(candidates[-1])
                pairs.append((before, candidates.pop()))
                break
    return pairs


def sort_names(names: Iterable[str]) -> list[str]:
    """Return names in the order of their bytes."""
    return sorted(names, key=os.fsencode)

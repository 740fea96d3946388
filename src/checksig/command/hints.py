"""Heuristics that suggest why a file failed or is missing.

A hint states what was seen, not what may have happened. Files are opened only below the directory,
never through a symlink, and only if they are regular files. Nothing is written, and no manifest is
read. What is examined is limited, so that hints take little time however many files are bad.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import stat
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from checksig._text import date, printable
from checksig.report import FileResult, Report, Status

# The limits of a run, which may have several directories.
MAX_FILES = 1000  # bad files that are examined
MAX_BYTES = 64 << 20  # bytes that are read and hashed to try other line endings
MAX_HASHED = 1000  # files that are hashed to find one with a listed digest
MAX_LISTED = 100_000  # names that are listed to find a similar one

MAX_CONVERTED = 16 << 20  # size in bytes of a file that is tried with other line endings
MAX_DEPTH = 64  # elements of the name of a file that is examined
_EXAMINED = (Status.FAILED, Status.MISSING)
_UPDATED = ("gnu", "tag", "sfv")  # formats that update can write
_START = 8192  # bytes that are read from the start of a file; they have no NUL if it is text
_POINTER = 1024  # a Git LFS pointer is shorter than this number of bytes

_FOLDER = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_DIRECTORY", 0)
_LFS = b"version https://git-lfs.github.com/spec/v1\n"
_HTML = re.compile(rb"(?i)(\xef\xbb\xbf)?\s*<(!doctype\s+html|html)[\s>]")
_HTML_NAMES = (".htm", ".html", ".xhtml")


@dataclass(frozen=True, slots=True)
class Hint:
    """What was seen of a bad file.

    Attributes:
        kind: git-lfs-pointer, html-page, empty, other-entry, line-ends, similar-name, other-name,
            lists-itself, rot, changed-since.
        text: a sentence about the file, without its subject.
    """

    kind: str
    text: str


class Hints:
    """Finds hints for bad files, within the limits of one run."""

    def __init__(self) -> None:
        self._files = MAX_FILES
        self._bytes = MAX_BYTES
        self._listed = MAX_LISTED
        self._hashed = MAX_HASHED
        self._digests: dict[tuple[str, str, str], str | None] = {}  # by root, algorithm and name
        self._folders: dict[tuple[str, ...], dict[str, str]] = {}  # by root, algorithm and folder

    def find(self, root: str, results: Sequence[FileResult], report: Report | None = None) -> dict[str, Hint]:
        """Return the hints for the files of a directory that failed or are missing, by name.

        Args:
            root: the directory.
            results: its bad files.
            report: the report on it. None: the verification ended early.
        """
        hints: dict[str, Hint] = {}
        if os.open not in os.supports_dir_fd:
            return hints
        expected = {(result.algorithm, result.expected): result.path for result in reversed(results)}
        folders: dict[tuple[str, ...], dict[str, str]] = {}
        for result in results:
            parts = result.path.split("/")
            refused = result.status is Status.ERROR and not _is_inside(parts)
            if not refused and (result.status not in _EXAMINED or not _is_below(parts)):
                continue
            if self._files == 0:
                break
            self._files -= 1
            with contextlib.suppress(OSError, UnicodeError, MemoryError):
                if refused:
                    hint = self._other_name(root, parts, result)
                elif result.status is Status.MISSING:
                    hint = self._missing(root, parts, result, folders)
                else:
                    hint = (
                        _rotten(result)
                        or _lists_itself(root, result, report)
                        or self._failed(root, parts, result, expected)
                    )
                if hint is not None:
                    hints[result.path] = hint
            if result.path not in hints and (hint := _changed_since(result)):
                hints[result.path] = hint
        return hints

    def _missing(
        self,
        root: str,
        parts: list[str],
        result: FileResult,
        folders: dict[tuple[str, ...], dict[str, str]],
    ) -> Hint | None:
        with contextlib.suppress(OSError):  # a folder does not exist either, or must not be entered
            if hint := self._similar(root, parts, folders):
                return hint
        return _with_slashes(root, result.path) or self._other_name(root, parts, result)

    def _other_name(self, root: str, parts: list[str], result: FileResult) -> Hint | None:
        """Return a hint if a file has the listed digest: in the directory, or where the missing one was.

        A file of the same name is tried first.
        """
        if _digest(result.algorithm, b"") is None:
            return None
        *folder, last = parts
        places = [[], folder] if folder and _is_below(parts) else [[]]
        for place in places:
            if self._digest_of(root, [*place, last], result.algorithm) == result.expected:
                return _named([*place, last])
        for place in places:
            found = self._by_digest(root, place, result.algorithm).get(result.expected)
            if found is not None:
                return _named([*place, found])
        return None

    def _by_digest(self, root: str, folder: list[str], algorithm: str) -> dict[str, str]:
        """Return the names of the files in a folder by their digests; it is listed and hashed once.

        An empty file tells nothing.
        """
        key = (root, algorithm, *folder)
        if key not in self._folders:
            found = self._folders[key] = {}
            for name in self._files_in(root, folder):
                if digest := self._digest_of(root, [*folder, name], algorithm):
                    found.setdefault(digest, name)
            found.pop(_digest(algorithm, b"") or "", None)
        return self._folders[key]

    def _files_in(self, root: str, folder: list[str]) -> list[str]:
        """Return the sorted names of the regular files in a folder."""
        with contextlib.suppress(OSError), contextlib.closing(_Walk(root)) as walk:
            for part in folder:
                walk.enter(part)
            with os.scandir(walk.folder) as items:
                listed = list(itertools.islice(items, self._listed))
            self._listed -= len(listed)
            return sorted(item.name for item in listed if item.is_file(follow_symlinks=False))
        return []

    def _digest_of(self, root: str, parts: list[str], algorithm: str) -> str | None:
        """Return the digest of a file, which is hashed once; None if the file cannot be hashed."""
        key = (root, algorithm, "/".join(parts))
        if key not in self._digests:
            self._digests[key] = None
            if self._hashed == 0:
                return None
            with contextlib.suppress(OSError), _opened(root, parts) as file:
                size = os.fstat(file).st_size
                if size <= self._bytes:
                    self._hashed -= 1
                    self._bytes -= size
                    self._digests[key] = _digest(algorithm, os.pread(file, size, 0))
        return self._digests[key]

    def _failed(
        self, root: str, parts: list[str], result: FileResult, expected: dict[tuple[str, str], str]
    ) -> Hint | None:
        with _opened(root, parts) as file:
            size = os.fstat(file).st_size
            start = os.pread(file, _START, 0)
            return (
                _of_content(result, start, size)
                or _other_entry(result, expected)
                or self._line_ends(result, file, start, size)
            )

    def _line_ends(self, result: FileResult, file: int, start: bytes, size: int) -> Hint | None:
        if b"\0" in start or size > min(MAX_CONVERTED, self._bytes):
            return None
        self._bytes -= size
        content = os.pread(file, size, 0)
        unix = content.replace(b"\r", b"")  # much faster than the replacement of pairs
        returns = len(content) - len(unix)
        if returns > 0 and self._matches(result, unix):
            return Hint("line-ends", "matches with LF line endings")
        if returns < content.count(b"\n") and self._matches(result, unix.replace(b"\n", b"\r\n")):
            return Hint("line-ends", "matches with CRLF line endings")
        return None

    def _matches(self, result: FileResult, content: bytes) -> bool:
        """Return whether these bytes have the listed digest; False once MAX_BYTES is reached."""
        self._bytes -= len(content)
        return self._bytes >= 0 and _digest(result.algorithm, content) == result.expected

    def _similar(
        self, root: str, parts: list[str], folders: dict[tuple[str, ...], dict[str, str]]
    ) -> Hint | None:
        """Return a hint if a path exists that differs only in case or Unicode normalization.

        Args:
            root: the directory.
            parts: the elements of the missing path.
            folders: the names in each folder that was listed, by what they have in common.
        """
        found: list[str] = []
        with contextlib.closing(_Walk(root)) as walk:
            for part in parts:
                if found:
                    walk.enter(found[-1])
                alike = part if walk.has(part) else self._names(walk, found, folders).get(_fold(part))
                if alike is None:
                    return None
                found.append(alike)
        if found == parts:
            return None
        name = "/".join(found)
        composed = {unicodedata.normalize("NFC", path) for path in (name, "/".join(parts))}
        differs = "Unicode normalization" if len(composed) == 1 else "case"
        return Hint("similar-name", f"exists as {printable(name)} (different {differs})")

    def _names(
        self, walk: _Walk, parts: list[str], folders: dict[tuple[str, ...], dict[str, str]]
    ) -> dict[str, str]:
        """Return the names in a folder, which is listed once, by what similar names have in common."""
        if tuple(parts) not in folders:
            names = folders[tuple(parts)] = {}
            with os.scandir(walk.folder) as items:
                for item in itertools.islice(items, self._listed):
                    self._listed -= 1
                    names.setdefault(_fold(item.name), item.name)
        return folders[tuple(parts)]


def _is_inside(parts: list[str]) -> bool:
    return parts[0] != "" and ".." not in parts


def _is_below(parts: list[str]) -> bool:
    return _is_inside(parts) and len(parts) <= MAX_DEPTH


def _named(parts: list[str]) -> Hint:
    return Hint("other-name", f"is listed with the digest of {printable('/'.join(parts))}, which exists")


def _with_slashes(root: str, path: str) -> Hint | None:
    """Return a hint if a missing file exists with slashes in place of the backslashes of its name."""
    name = path.replace("\\", "/")
    parts = name.split("/")
    if name == path or not _is_below(parts):
        return None
    with contextlib.suppress(OSError), _opened(root, parts):
        return Hint("similar-name", f"exists as {printable(name)} (slashes in place of backslashes)")
    return None


def _lists_itself(root: str, result: FileResult, report: Report | None) -> Hint | None:
    """Return a hint if a file that failed is the manifest that lists it."""
    if report is None:
        return None
    path = os.path.abspath(os.path.join(root, result.path))
    for manifest in report.manifests:
        if os.path.abspath(manifest.path) == path:
            text = "is the manifest; no manifest can have its own digest"
            alone = len(report.manifests) == report.bad == report.files - report.counts[Status.OK] == 1
            plain = not report.bad_line_count and len(manifest.algorithms) == 1 and not manifest.notes
            if (
                alone
                and plain
                and report.files > 1
                and "/" not in result.path
                and manifest.format in _UPDATED
            ):
                text += "; 'checksig update' drops the line"
            return Hint("lists-itself", text)
    return None


def _rotten(result: FileResult) -> Hint | None:
    """Return a hint if a file is as it was when it was OK, except for its content."""
    if result.receipt is None or result.touched is not None:
        return None
    return Hint("rot", f"was OK on {date(result.receipt)}, and its size, times and inode are as then")


def _changed_since(result: FileResult) -> Hint | None:
    if result.receipt is None or result.touched is None:
        return None
    since = f"after it was OK on {date(result.receipt)}"
    return Hint("changed-since", f"changed on {date(result.touched)}, {since}")


def _of_content(result: FileResult, start: bytes, size: int) -> Hint | None:
    if size == 0:
        return Hint("empty", "is empty")
    if start.startswith(_LFS) and size < _POINTER:
        return Hint("git-lfs-pointer", "is a Git LFS pointer; run 'git lfs pull'")
    if _HTML.match(start) and not result.path.lower().endswith(_HTML_NAMES):
        return Hint("html-page", "is an HTML page, perhaps an error or login page")
    return None


def _other_entry(result: FileResult, expected: dict[tuple[str, str], str]) -> Hint | None:
    other = expected.get((result.algorithm, result.actual or ""))
    return Hint("other-entry", f"matches the digest listed for {printable(other)}") if other else None


def _digest(algorithm: str, content: bytes) -> str | None:
    """Return a digest in hexadecimal; None if hashlib does not have the algorithm."""
    import hashlib  # slow, and needed only for files that are bad

    name, _, bits = algorithm.partition("-")
    if name == "crc32":
        return f"{zlib.crc32(content):08x}"
    if name == "git":
        return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    if name == "blake2b":
        return hashlib.blake2b(content, digest_size=int(bits or 512) // 8).hexdigest()
    try:
        return hashlib.new(algorithm.replace("-", "_"), content, usedforsecurity=False).hexdigest()
    except ValueError:
        return None


class _Walk:
    """A way to a folder below a directory, which follows no symlink.

    Attributes:
        folder: the descriptor of the folder that was reached.
    """

    def __init__(self, root: str) -> None:
        self.folder = os.open(root, _FOLDER)

    def enter(self, name: str) -> None:
        """Go to a folder in this one."""
        below = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=self.folder)
        self.close()
        self.folder = below

    def has(self, name: str) -> bool:
        """Return whether this folder has a file, folder or symlink of this name."""
        try:
            os.stat(name, dir_fd=self.folder, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def close(self) -> None:
        """Close the folder."""
        os.close(self.folder)


@contextlib.contextmanager
def _opened(root: str, parts: list[str]) -> Iterator[int]:
    """Open a regular file below a directory, without following symlinks and without blocking."""
    *folders, name = parts
    with contextlib.closing(_Walk(root)) as walk:
        for folder in folders:
            walk.enter(folder)
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
        file = os.open(name, flags, dir_fd=walk.folder)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(f"not a regular file: {'/'.join(parts)}")
        yield file
    finally:
        os.close(file)


def _fold(name: str) -> str:
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())

"""Heuristics that suggest why a file failed or is missing.

A hint states what was seen, not what may have happened. Files are opened only below the directory,
never through a symlink, and only if they are regular files.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from checksig._text import count, printable
from checksig._verify import check
from checksig.errors import ManifestError
from checksig.report import Entry, FileResult, Status

MAX_HINTS = 1000  # bad files that are examined in one directory
MAX_ENTRIES = 200_000  # entries that are searched for the digest of a bad file
MAX_LISTED = 100_000  # names in one folder that are searched for a similar one
MAX_CONVERTED = 16 << 20  # size in bytes of a file that is tried with other line endings
_START = 1024  # bytes that are read from the start of a file

_HINTED = (Status.FAILED, Status.MISSING)
_LFS = b"version https://git-lfs.github.com/spec/v1\n"
_HTML = re.compile(rb"(?i)(\xef\xbb\xbf)?\s*<(!doctype\s+html|html)[\s>]")
_HTML_NAMES = (".htm", ".html", ".xhtml")


@dataclass(frozen=True, slots=True)
class Hint:
    """What was seen of a bad file.

    Attributes:
        kind: git-lfs-pointer, html-page, empty, shorter, other-entry, line-ends, similar-name.
        text: a sentence about the file, without its subject.
    """

    kind: str
    text: str


class Hints:
    """Finds hints for the bad files of one directory.

    Args:
        root: the directory.
        entries: returns the entries of its manifests; called at most once.
    """

    def __init__(self, root: str, entries: Callable[[], Iterable[Entry]]) -> None:
        self._root = root
        self._entries = entries
        self._names: dict[str, Entry] | None = None
        self._digests: dict[str, str] = {}
        self._examined = 0

    def find(self, result: FileResult) -> Hint | None:
        """Return a hint for a bad file; None if there is none or ``MAX_HINTS`` is reached.

        Args:
            result: the result for the file.
        """
        if os.open not in os.supports_dir_fd or not result.bad or result.status not in _HINTED:
            return None
        self._examined += 1
        if self._examined > MAX_HINTS or ".." in result.path.split("/") or result.path.startswith("/"):
            return None
        with contextlib.suppress(OSError):
            return self._similar(result) if result.status is Status.MISSING else self._failed(result)
        return None

    def _failed(self, result: FileResult) -> Hint | None:
        with _opened(self._root, result.path) as file:
            size = os.fstat(file).st_size
            start = os.pread(file, _START, 0)
            return (
                _of_content(result, start, size)
                or self._shorter(result, size)
                or self._other_entry(result)
                or _line_ends(result, file, size)
            )

    def _shorter(self, result: FileResult, size: int) -> Hint | None:
        entry = self._listed().get(result.path)
        if entry is None or entry.size is None or size >= entry.size:
            return None
        return Hint("shorter", f"is shorter than listed: {size:,} of {count(entry.size, 'byte')}")

    def _other_entry(self, result: FileResult) -> Hint | None:
        self._listed()
        other = self._digests.get(f"{result.algorithm}:{result.actual}")
        if other is None:
            return None
        return Hint("other-entry", f"matches the digest listed for {printable(other)}")

    def _similar(self, result: FileResult) -> Hint | None:
        found = _similar(self._root, result.path.split("/"))
        if found is None or found == result.path or found in self._listed():
            return None
        composed = {unicodedata.normalize("NFC", name) for name in (found, result.path)}
        differs = "Unicode normalization" if len(composed) == 1 else "case"
        return Hint("similar-name", f"exists as {printable(found)} (different {differs})")

    def _listed(self) -> dict[str, Entry]:
        """Return the entries by name, and index them by digest; {} if there are too many."""
        if self._names is None:
            self._names = {}
            with contextlib.suppress(ManifestError):  # a bad line, raised after the last entry
                for entry in self._entries():
                    if len(self._names) == MAX_ENTRIES:
                        self._names, self._digests = {}, {}
                        break
                    self._names[entry.plain_path] = entry
                    self._digests.setdefault(f"{entry.algorithm}:{entry.digest}", entry.plain_path)
        return self._names


def _of_content(result: FileResult, start: bytes, size: int) -> Hint | None:
    if size == 0:
        return Hint("empty", "is empty")
    if start.startswith(_LFS) and size < _START:
        return Hint("git-lfs-pointer", "is a Git LFS pointer; run 'git lfs pull'")
    if _HTML.match(start) and not result.path.lower().endswith(_HTML_NAMES):
        return Hint("html-page", "is an HTML page, perhaps an error or login page")
    return None


def _line_ends(result: FileResult, file: int, size: int) -> Hint | None:
    if size > MAX_CONVERTED:
        return None
    content = os.pread(file, size, 0)
    unix = content.replace(b"\r\n", b"\n")
    for converted, ends in ((unix, "LF"), (unix.replace(b"\n", b"\r\n"), "CRLF")):
        if converted != content and _matches(result, converted):
            return Hint("line-ends", f"matches with {ends} line endings")
    return None


def _matches(result: FileResult, content: bytes) -> bool:
    """Return whether these bytes have the digest listed for the file."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="checksig-") as folder:
        with open(os.path.join(folder, "content"), "wb") as file:
            file.write(content)
        return check(folder, [Entry("content", result.algorithm, result.expected)]).ok


@contextlib.contextmanager
def _opened(root: str, path: str) -> Iterator[int]:
    """Open a regular file below a directory, without following symlinks and without blocking."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
    *folders, name = path.split("/")
    with contextlib.ExitStack() as stack:

        def step(part: str, flags: int, below: int | None) -> int:
            opened = os.open(part, flags, dir_fd=below)
            stack.callback(os.close, opened)
            return opened

        below = step(root, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY, None)
        for folder in folders:
            below = step(folder, flags | os.O_DIRECTORY, below)
        file = step(name, flags | os.O_NONBLOCK | os.O_NOCTTY, below)
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(f"not a regular file: {path}")
        yield file


def _similar(root: str, parts: list[str]) -> str | None:
    """Return an existing path that differs only in case or Unicode normalization."""
    found: list[str] = []
    for part in parts:
        folder = os.path.join(root, *found)
        if os.path.lexists(os.path.join(folder, part)):
            found.append(part)
            continue
        if found and os.path.islink(folder):
            return None
        alike = next((name for name in _names(folder) if _fold(name) == _fold(part)), None)
        if alike is None:
            return None
        found.append(alike)
    return "/".join(found)


def _names(folder: str) -> Iterator[str]:
    with os.scandir(folder) as items:
        for _, item in zip(range(MAX_LISTED), items, strict=False):
            yield item.name


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())

"""What a verification found: statuses, results, reports, progress."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from checksig._render import change_lines, change_summary, report_html, report_summary, report_text
from checksig.errors import VerificationError


class Status(StrEnum):
    """The verdict on one file."""

    OK = "OK"  # the bytes have the listed digest
    FAILED = "FAILED"  # they have not
    MISSING = "MISSING"  # nothing is there; a dangling symlink too
    CHANGED = "CHANGED"  # the file changed while it was read
    ERROR = "ERROR"  # it is there, but cannot or must not be read
    CONFLICT = "CONFLICT"  # the manifest lists two digests of one algorithm for it
    EXTRA = "EXTRA"  # it is there, and the manifest does not list it


@dataclass(frozen=True, slots=True)
class FileResult:
    """The verdict on one file.

    Attributes:
        path: the file's name, as the manifest lists it, without ``.`` elements.
            Bytes that are not UTF-8 are surrogates, as :func:`os.fsdecode` makes them.
        status: the verdict.
        algorithm: of the digests; "" for an extra file.
        expected: the listed digest, in hexadecimal digits; of several the one that
            decided; "" for an extra file.
        actual: the file's digest; None if it was not computed.
        size: the file's size in bytes; None if it was not read to its end.
        reason: why it is not OK, in a word or two; "" if it is.
        errno: the operating system's error number, if there is one.
        bad: whether it keeps the whole from being OK: a missing file does not with
            ``ignore_missing``, an extra one only with ``extra="fail"`` or in the payload of a bag.
    """

    path: str
    status: Status
    algorithm: str
    expected: str
    actual: str | None = None
    size: int | None = None
    reason: str = ""
    errno: int | None = None
    bad: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """What a manifest says of one file.

    Attributes:
        path: the file's name, relative to the directory.
        algorithm: of the digest, such as "sha256".
        digest: in hexadecimal digits.
        size: of the file, in bytes; None if it is not listed.
    """

    path: str
    algorithm: str
    digest: str
    size: int | None = None

    @property
    def plain_path(self) -> str:
        """The path without meaningless elements, because ``./a`` and ``a`` are one file."""
        return "/".join(part for part in self.path.split("/") if part not in ("", "."))


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was understood of a manifest.

    Attributes:
        path: the manifest.
        format: of its lines: gnu, bagit, hashdeep, …; "" if it has none, as bag-info.txt.
        algorithms: of its digests.
        entries: how many it has.
        notes: what else there is to know: a signature that was not checked, backslashes that
            separate directories.
    """

    path: str
    format: str = ""
    algorithms: tuple[str, ...] = ()
    entries: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BadLine:
    """What is wrong with a line of a manifest, or with the whole.

    Attributes:
        path: the manifest.
        line: counted from 1; None if it is the whole.
        reason: what is wrong.
    """

    path: str
    line: int | None
    reason: str

    def __str__(self) -> str:
        return self.reason if self.line is None else f"line {self.line}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs between a manifest and a directory, or two states of it. It is false if nothing does.

    Attributes:
        added: files that are there, and were not listed.
        removed: files that were listed, and are not there.
        modified: files with another content.
        renamed: pairs of names: a file that is not there, and one with its content that is new.
        unchanged: how many files are as they were.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    modified: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    unchanged: int = 0

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.modified or self.renamed)

    def lines(self) -> list[str]:
        """Return a line for each change."""
        return change_lines(self)

    def summary(self) -> str:
        """Return how many changes there are of each kind, in a line."""
        return change_summary(self)

    def __str__(self) -> str:
        return "\n".join([*self.lines(), f"unchanged: {self.unchanged:,}"])


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a verification has come.

    Attributes:
        files: how many are done.
        total_files: how many the manifest lists; None until it is read.
        bytes: how many were hashed.
        total_bytes: how many the listed files have; None until that is known.
        bad: how many files are bad so far.
        seconds: since the start.
    """

    files: int
    total_files: int | None
    bytes: int
    total_bytes: int | None
    bad: int
    seconds: float


@dataclass(frozen=True)
class Report:
    """The outcome of a verification. Only what is not OK is kept, so that good files cost no memory.

    Attributes:
        root: the directory, as it was given.
        manifests: those that were read, and how.
        files: how many files they list.
        counts: how many files have each status.
        bad: how many keep the whole from being OK.
        bytes: how many were hashed.
        seconds: how long it took.
        failures: the bad files, in the manifest's order; extra ones last.
        extra: the files that the manifest does not list, if they were asked for, bad or not.
        bad_lines: lines of the manifests that are no entries, the first of each.
        bad_line_count: how many there are in all.
        message: what is bad, a line each, the first 20; None if all is well.
        hint: its last line, if that tells of another algorithm that fits where no file matches.
        shard: which part of the files was verified, as (K, N); None: all of them.
    """

    root: str
    manifests: tuple[Manifest, ...]
    files: int
    counts: Mapping[Status, int] = field(hash=False)
    bad: int
    bytes: int
    seconds: float
    failures: tuple[FileResult, ...]
    extra: tuple[FileResult, ...]
    bad_lines: tuple[BadLine, ...]
    bad_line_count: int
    message: str | None
    hint: str | None = None
    shard: tuple[int, int] | None = None

    @property
    def ok(self) -> bool:
        """Whether a file is OK, no other is bad, and every line of the manifest was read."""
        return self.message is None

    def raise_for_failures(self) -> None:
        """Raise VerificationError, with this report, unless all is well."""
        if self.message is not None:
            raise VerificationError(self.message, self)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return the bad files as dicts, such as pandas and json take."""
        return [asdict(failure) for failure in self.failures]

    def __str__(self) -> str:
        return report_text(self)

    def summary(self) -> str:
        """Return a line that says whether all is well, of what, by which algorithms, and how fast."""
        return report_summary(self)

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the failures and extra files, grouped by directory."""
        return report_html(self)

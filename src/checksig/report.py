"""The data that the public functions return: statuses, results, reports, entries, changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from checksig._render import (
    change_lines,
    change_summary,
    change_text,
    report_html,
    report_summary,
    report_text,
)
from checksig._version import __version__
from checksig.errors import VerificationError

if TYPE_CHECKING:
    import datetime


class Status(StrEnum):
    """The verdict on one file."""

    OK = "OK"
    """The content has the listed digest."""
    FAILED = "FAILED"
    """The content does not have the listed digest."""
    MISSING = "MISSING"
    """The file does not exist, or it is a dangling symlink."""
    CHANGED = "CHANGED"
    """The file changed while it was read."""
    ERROR = "ERROR"
    """The file exists but cannot, or must not, be read."""
    CONFLICT = "CONFLICT"
    """The manifests list two digests of one algorithm for the file."""
    EXTRA = "EXTRA"
    """The file exists, but no manifest lists it."""


@dataclass(frozen=True, slots=True)
class FileResult:
    """The verdict on one file, with its details.

    Attributes:
        path: the name of the file as the manifest lists it, without ``.`` elements. Bytes that are
            not UTF-8 are surrogates, as :func:`os.fsdecode` returns them.
        status: the verdict.
        algorithm: the algorithm of the digests; "" for an extra file.
        expected: the listed digest in hexadecimal; the one that decided, if there are several; ""
            for an extra file.
        actual: the digest of the file in hexadecimal; None if it was not computed.
        size: the size of the file in bytes; None if it was not read to its end.
        reason: why the file is not OK, in a few words; "" if it is.
        errno: the error number of the operating system; None if there is none.
        bad: whether the file keeps the whole from being OK. A missing file does not with
            ``ignore_missing``. An extra file does only with ``extra="fail"``, or in the payload of
            a bag.
        receipt: when the file was hashed, if it is OK by a receipt, and None if it was hashed now.
            For a file that failed: when it was last OK, as a receipt says; None if that is not known.
        touched: when a file that failed was touched after ``receipt``. None if its size, times and
            inode are as they were then, so that the storage has damaged it.
        place: the number of the file among all files, from 0, whatever the shard is. Listed files
            are in the order of the manifest, and extra files come after them.
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
    receipt: datetime.datetime | None = None
    touched: datetime.datetime | None = None
    place: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """What a manifest lists for one file.

    Attributes:
        path: the name of the file, relative to the directory.
        algorithm: the algorithm of the digest, such as "sha256".
        digest: the digest in hexadecimal.
        size: the size of the file in bytes, for bsd and sysv rounded up to whole blocks; None if it
            is not listed.
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
    """How a manifest was understood.

    Attributes:
        path: the path of the manifest.
        format: the format of its lines, such as gnu, bagit or hashdeep; "" for a file without
            one, such as bag-info.txt, and for a manifest that is unusable.
        algorithms: the algorithms of its digests.
        entries: the number of entries.
        notes: remarks, for example that a signature was not checked, or that backslashes separate
            directories.
        left_out: after :func:`checksig.create`, the files that the manifest does not list: other
            manifests, signatures of manifests, and for a bag the files outside its payload.
        digest: the SHA-256 of the bytes that were read, in hexadecimal; None if it was not read as
            one file.
        size: the size of its file in bytes; None if the caller gave the content or the entries.
        mtime_ns: when the content of its file was changed last, in nanoseconds since 1970; None if
            that is not known.
        ctime_ns: the same for its content or status; None if that is not known, as on Windows.
    """

    path: str
    format: str = ""
    algorithms: tuple[str, ...] = ()
    entries: int = 0
    notes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    digest: str | None = None
    size: int | None = None
    mtime_ns: int | None = None
    ctime_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature of a manifest that counts, because it is by a key that the caller gave.

    Attributes:
        manifest: the path of the manifest.
        path: the path of the file that has the signature, which may be the manifest.
        scheme: openpgp, ssh, minisign or signify.
        key: the ID of the key: for openpgp the fingerprint of the primary key, for ssh
            ``SHA256:...``, else the number of the key.
        name: what the key file calls the owner of the key, such as a user ID or a comment; "" if it
            says nothing. Characters that act on a terminal or are invisible are escaped.
        created: when the signature was made, as it says itself; None if it does not.
        note: what else is worth knowing, for example that the key has expired since; "" if nothing
            is. It is escaped like the name.
    """

    manifest: str
    path: str
    scheme: str
    key: str
    name: str = ""
    created: datetime.datetime | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A manifest line that cannot be understood, or a fault of the manifest as a whole.

    A manifest that is unusable, while another one is usable, has such a fault, and no entries.

    Attributes:
        path: the path of the manifest.
        line: the number of the line, from 1; None if the fault concerns the whole manifest.
        reason: what is wrong.
    """

    path: str
    line: int | None
    reason: str

    def __str__(self) -> str:
        return self.reason if self.line is None else f"line {self.line}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Changes:
    """The differences between a manifest and a directory, or another manifest. Without any, it is false.

    Attributes:
        added: files that exist but were not listed.
        removed: files that were listed but do not exist, and the manifest if it lists itself.
        modified: files whose content is not as listed.
        renamed: pairs of names: a listed file that does not exist, and a new file with its content.
        unchanged: the number of files that are as listed, or were not read.
        unread: how many of the unchanged files :func:`checksig.update` did not read, because they
            are older than the manifest. Equality ignores it.
        left_out: other manifests and signatures of manifests, which are not compared. Equality
            ignores it.
        outdated: the signatures of the manifest that :func:`checksig.update` has changed, which no
            longer fit it. Equality ignores it.
        authentic: for :func:`checksig.diff`, as ``Report.authentic``. Equality ignores it.
        signatures: for :func:`checksig.diff`, as ``Report.signatures``. Equality ignores it.
        uncompared: files that two manifests list, but with digests of different algorithms, so that
            nothing is known about them.
        algorithms: those by which two manifests were compared. Equality ignores it.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    modified: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    unchanged: int = 0
    unread: int = field(default=0, compare=False)
    left_out: tuple[str, ...] = field(default=(), compare=False)
    outdated: tuple[str, ...] = field(default=(), compare=False)
    authentic: bool | None = field(default=None, compare=False)
    signatures: tuple[Signature, ...] = field(default=(), compare=False)
    uncompared: tuple[str, ...] = ()
    algorithms: tuple[str, ...] = field(default=(), compare=False)

    def __bool__(self) -> bool:
        return bool(self.differ or self.uncompared)

    @property
    def differ(self) -> bool:
        """Whether something is known to differ."""
        return bool(self.added or self.removed or self.modified or self.renamed)

    def lines(self) -> list[str]:
        """Return a line for each change."""
        return change_lines(self)

    def summary(self) -> str:
        """Return a line that counts the changes of each kind, and the unchanged files."""
        return change_summary(self)

    def __str__(self) -> str:
        return change_text(self)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a verification has come.

    Attributes:
        files: the number of files that are done.
        total_files: the number of files that the manifests list; None until they are read.
        bytes: the number of bytes that were hashed.
        total_bytes: the size of all listed files in bytes; None until it is known.
        bad: the number of bad files so far.
        seconds: the time since the start, in seconds.
    """

    files: int
    total_files: int | None
    bytes: int
    total_bytes: int | None
    bad: int
    seconds: float


@dataclass(frozen=True)
class Report:
    """What a verification found. Only bad and extra files are kept, so good files cost no memory.

    Attributes:
        root: the path of the directory, as it was given.
        manifests: the manifests, and how each was understood.
        files: the number of files that they list.
        counts: the number of files with each status.
        bad: the number of bad files.
        bytes: the number of bytes that were hashed.
        seconds: how long the verification took, in seconds.
        failures: the bad files, in the order of the manifests; extra files come last.
        extra: the extra files, bad or not, if they were asked for.
        bad_lines: the first 20 bad lines of each manifest.
        bad_line_count: the number of all bad lines.
        message: what is bad: at most 20 lines, one that counts the rest, and the hint; None if all
            is well.
        hint: the last line of the message if it names another algorithm that fits, because no file
            matches; else None.
        shard: the part of the files that was verified, as (K, N); None for all files.
        authentic: True if the manifests are signed by the keys that were given as ``signed_by``;
            None if none were given.
        signatures: the signatures that count, if keys were given.
        by_receipt: the number of files that are OK by receipts, and were not hashed.
        oldest_receipt: when the first of these files was hashed; None if there are none.
        notes: what else is worth knowing, for example why receipts were not used.
        listed: the number of files that the manifests list, in all shards together.
        options: the options that say what is verified and what is bad, such as "extra=fail".
        version: the version of checksig that made the report.
        directory: for a shard, when the content and the status of the directory were changed last,
            in nanoseconds since 1970.
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
    authentic: bool | None = None
    signatures: tuple[Signature, ...] = ()
    by_receipt: int = 0
    oldest_receipt: datetime.datetime | None = None
    notes: tuple[str, ...] = ()
    listed: int | None = None
    options: tuple[str, ...] = ()
    version: str = __version__
    directory: tuple[int, int] | None = None

    @property
    def ok(self) -> bool:
        """Whether at least one file is OK, no file is bad, and no line is bad."""
        found = self.message is not None or self.bad or self.bad_line_count
        return not found and self.counts.get(Status.OK, 0) > 0

    def raise_for_failures(self) -> None:
        """Raise VerificationError with this report, unless all is well.

        Raises:
            VerificationError: a file or a line is bad, or none of the listed files exist.
        """
        if not self.ok:
            raise VerificationError(self.message or "no file was verified", self)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return the bad files as dicts, for pandas or json."""
        fields = [asdict(failure) for failure in self.failures]
        for failure in fields:
            for name in ("receipt", "touched"):
                failure[name] = failure[name] and failure[name].isoformat()
        return fields

    def __str__(self) -> str:
        return report_text(self)

    def summary(self) -> str:
        """Return a line with the verdict, the algorithms, the size, the speed and the manifests."""
        return report_summary(self)

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the bad files and the extra files, grouped by directory."""
        return report_html(self)

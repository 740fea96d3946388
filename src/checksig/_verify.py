"""The functions that verify a directory."""

from __future__ import annotations

import operator
import os
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, BinaryIO, cast

from checksig._content import as_content
from checksig._engine import Job, errno_of, make_request
from checksig._options import AnyPath, ExtraOption, ManifestOption, ProgressOption, SignedByOption
from checksig._progress import Reporter, as_progress, check_progress
from checksig._read import JobIterator, as_bad_line, as_manifest, as_signature, pack
from checksig._receipts import Receipts, as_time, make_receipts
from checksig._trust import Trust, make_trust
from checksig._wire import (
    ALL_RESULTS,
    BAD_LINE,
    CONTENT,
    FAIL_EXTRA,
    FILE,
    IGNORE_MISSING,
    NOTE,
    REPORT_EXTRA,
    SIGNATURE,
    STATUSES,
    TOTALS,
    Record,
    Request,
    decode_path,
)
from checksig.report import BadLine, FileResult, Manifest, Progress, Report, Signature, Status

if TYPE_CHECKING:
    import concurrent.futures
    import datetime

_STATUSES = tuple(map(Status, STATUSES))
_EXTRA_FLAGS = {"ignore": 0, "report": REPORT_EXTRA, "fail": FAIL_EXTRA}


def check_signatures(
    path: AnyPath,
    manifest: ManifestOption = None,
    *,
    format: str | None = None,
    algorithm: str | None = None,
    workers: int | None = None,
    ignore_missing: bool = False,
    extra: ExtraOption = "ignore",
    shard: tuple[int, int] | None = None,
    strip_prefix: AnyPath | None = None,
    signed_by: SignedByOption = None,
    min_signers: int | None = None,
    signature: AnyPath | None = None,
    namespace: str | None = None,
    progress: ProgressOption = None,
) -> None:
    """Verify a directory against its manifests, and raise an exception unless all is well.

    A *signature* is a checksum in the name of this function: the digest that a manifest lists for a
    file. With ``signed_by``, the manifests must also have cryptographic signatures.

    The manifests are the files of the directory that have usual names, such as ``sha1sum.txt``,
    ``SHA256SUMS`` or ``MD5SUMS``. A file that several manifests list is read once, and must match
    all of them. Files are read in parallel on all cores. The GIL is released meanwhile, and Ctrl-C
    takes effect at once.

    Args:
        path: the directory.
        manifest: the path of a manifest, which need not be in the directory; or entries; or a
            binary file that contains a manifest, such as ``sys.stdin.buffer``. None: the manifests
            in the directory.
        format: the format of the manifest: gnu, bagit, sfv, pooch, hashdeep, record,
            sidecar, colon, debian, sum, gpg, certutil or get-filehash. None: detected from its
            name or its lines.
        algorithm: the algorithm of the manifest's digests, such as md5, sha1 or sha256. None:
            detected from the manifest's name, its lines, or the length of the digests.
        workers: how many files are read at the same time, at most 256. None: automatic.
        ignore_missing: do not count missing files as bad. At least one file must exist.
        extra: how to treat files in the directory or below it that no manifest lists. "ignore"
            does not look for them. "report" lists them in the report. "fail" counts them as bad.
            With "report" and "fail", a directory that cannot be listed is bad.
        shard: (K, N): verify only every N-th file, starting with the K-th. The shards (1, N) to
            (N, N) together cover all files, and also the files that no manifest lists.
        strip_prefix: a directory, such as ``target/release`` or ``/mnt/old``, that is taken off the
            names that begin with it. The others stay as they are. It is a ManifestError if no name
            begins with it.
        signed_by: the keys that you trust: paths of key files, binary files, or lines that are keys;
            one, or a list of them. Keys of OpenPGP, SSH (``id_*.pub``, ``allowed_signers``), minisign
            and signify are told apart by their content. A manifest counts only if one of them has
            signed it. If none has, no listed file is read. A key file must not be in the directory.
        min_signers: how many of these keys must have signed each manifest. None: one.
        signature: the path of the signature of the manifest. None: the signatures in the manifest,
            and beside it, such as ``SHA256SUMS.asc``.
        namespace: the namespace of SSH signatures. None: ``file``.
        progress: True to show a tqdm progress bar, or a function that is called with a
            :class:`Progress` on this thread, at most ten times a second.

    Raises:
        VerificationError: a file or a line is bad, or one of several manifests is unusable; the
            message names each with its reason. It is a ValueError.
        ManifestNotFoundError: the directory has no manifest. It is a ManifestError and a
            FileNotFoundError.
        SignatureError: a manifest is not shown to be signed by the keys that were given. It is a
            ManifestError.
        ManifestError: the manifest is unusable as a whole, or all that were found are, or the shard
            is empty. It is a ValueError.
        OSError: the directory or a manifest cannot be opened or read, or the process has too few
            descriptors or threads, or too little address space.
        ValueError: an argument is not allowed, or a path is empty or contains NUL.
        TypeError: an argument has the wrong type.
        RuntimeError: this is a forked child of a process that used checksig, and neither a copy of
            the library nor a helper can be started here.
        InternalError: a bug in checksig.
        ImportError: the library of this installation cannot be loaded.
    """
    check(
        path,
        manifest,
        format=format,
        algorithm=algorithm,
        workers=workers,
        ignore_missing=ignore_missing,
        extra=extra,
        shard=shard,
        strip_prefix=strip_prefix,
        signed_by=signed_by,
        min_signers=min_signers,
        signature=signature,
        namespace=namespace,
        progress=progress,
    ).raise_for_failures()


def check(
    path: AnyPath,
    manifest: ManifestOption = None,
    *,
    format: str | None = None,
    algorithm: str | None = None,
    workers: int | None = None,
    ignore_missing: bool = False,
    extra: ExtraOption = "ignore",
    shard: tuple[int, int] | None = None,
    strip_prefix: AnyPath | None = None,
    signed_by: SignedByOption = None,
    min_signers: int | None = None,
    signature: AnyPath | None = None,
    namespace: str | None = None,
    receipts: bool = False,
    max_age: float | datetime.timedelta | None = None,
    progress: ProgressOption = None,
    executor: concurrent.futures.Executor | None = None,
    shards: int = 16,
) -> Report:
    """Verify a directory against its manifests, and return a report.

    Bad files and bad lines are data in the report, not exceptions: ask ``Report.ok``. Only bad
    files are kept, so memory does not grow with the number of good files.

    The exceptions are those of :func:`check_signatures`, except VerificationError.

    Args:
        path: as in :func:`check_signatures`, like all arguments that are not described here.
        manifest: as there.
        format: as there.
        algorithm: as there.
        workers: as there.
        ignore_missing: as there.
        extra: as there.
        shard: as there.
        strip_prefix: as there.
        signed_by: as there.
        min_signers: as there.
        signature: as there.
        namespace: as there.
        receipts: do not hash a file that was hashed before, had the listed digests, and is
            untouched since; and remember the files that are OK now. A receipt says *untouched
            since*, not *intact now*: only hashing finds damage that changes no time.
        max_age: with ``receipts``, hash a file again if that was so many seconds ago, at most 366
            days. None: 30 days. 0: hash every file.
        progress: as there.
        executor: verify the files in shards on this executor of :mod:`concurrent.futures`, such as
            Dask's ``Client.get_executor()``, whose workers must see the directory under the same
            path. The report is the same. ``progress`` is then told of shards that have ended. It is
            an OSError if workers do not see the same directory, and a ChecksigError if one ends
            before its shard is verified.
        shards: with ``executor``, into how many parts the files are divided.

    Returns:
        What was found.
    """
    flags = _flags(ignore_missing, extra, progress)
    trust = make_trust(signed_by, min_signers, signature, namespace)
    known = make_receipts(receipts, max_age)
    request = _request(path, manifest, format, algorithm, workers, shard, strip_prefix, trust, known, flags)
    if executor is not None:
        return _check_on(executor, request, shards, path, progress)
    return _check(path, request, Reporter(progress))


def _check(path: AnyPath, request: Request, reporter: Reporter) -> Report:
    run = _Run(path, request, reporter)
    failures: list[FileResult] = []
    extras: list[FileResult] = []
    for result in run:
        if result.bad:
            failures.append(result)
        if result.status is Status.EXTRA:
            extras.append(result)
    return run.report(failures, extras)


def _check_on(
    executor: concurrent.futures.Executor,
    request: Request,
    shards: int,
    path: AnyPath,
    progress: ProgressOption,
) -> Report:
    from checksig._executor import check_on  # slow, and needed only here

    if request.shards or operator.index(shards) < 1:
        raise ValueError("executor demands shards of 1 or more, and no shard")
    root = path if isinstance(path, str) else decode_path(request.root)
    request = request._replace(flags=request.flags & ~TOTALS)
    return check_on(executor, _check_shard, request, shards, root, progress)


def _check_shard(request: Request, reporter: Reporter) -> Report:
    """Verify a shard on a worker."""
    return _check(request.root, request, reporter)


def iter_check(
    path: AnyPath,
    manifest: ManifestOption = None,
    *,
    format: str | None = None,
    algorithm: str | None = None,
    workers: int | None = None,
    ignore_missing: bool = False,
    extra: ExtraOption = "ignore",
    shard: tuple[int, int] | None = None,
    strip_prefix: AnyPath | None = None,
    signed_by: SignedByOption = None,
    min_signers: int | None = None,
    signature: AnyPath | None = None,
    namespace: str | None = None,
    receipts: bool = False,
    max_age: float | datetime.timedelta | None = None,
    progress: ProgressOption = None,
    only_bad: bool = False,
) -> Results:
    """Verify a directory against its manifests, and yield the result of each file.

    Results come in the order of the manifest, good ones too. Extra files come after the listed
    ones. Bad lines come last, as results with the path of the manifest and the status ERROR: the
    first 20 each, then a result that counts the rest. With ``ignore_missing``, such a result also
    says that none of the listed files exist.

    Memory is bounded, however many files there are: a slow consumer applies back-pressure. To
    cancel the verification, close the iterator, leave its ``with`` block, or drop it.

    Args:
        path: as in :func:`check_signatures`, like all arguments that are not described here.
        manifest: as there.
        format: as there.
        algorithm: as there.
        workers: as there.
        ignore_missing: as there.
        extra: as there; "report" yields the extra files.
        shard: as there.
        strip_prefix: as there.
        signed_by: as there.
        min_signers: as there.
        signature: as there.
        namespace: as there.
        receipts: as in :func:`check`.
        max_age: as in :func:`check`.
        progress: as there.
        only_bad: do not yield results of files that are OK.

    Returns:
        An iterator, which also has the progress and, after the last result, the report.

    Raises:
        Exception: as :func:`check_signatures`, except VerificationError. Iteration can raise it,
            too.
    """
    flags = _flags(ignore_missing, extra, progress) | (0 if only_bad else ALL_RESULTS)
    trust = make_trust(signed_by, min_signers, signature, namespace)
    known = make_receipts(receipts, max_age)
    request = _request(path, manifest, format, algorithm, workers, shard, strip_prefix, trust, known, flags)
    return Results(_Run(path, request, Reporter(progress)))


class Results(JobIterator[FileResult]):
    """The results that :func:`iter_check` yields, the progress, and at the end the report.

    It is an iterator and a context manager.
    """

    def __init__(self, run: _Run) -> None:
        self._run = run
        super().__init__(run.job, _results(run))

    def close(self) -> None:
        """Cancel the verification if it is not done, and end the iteration.

        Closing again has no effect. Leaving a ``with`` block closes, too, and so does dropping the
        last reference.
        """
        super().close()
        self._run.reporter.close()

    @property
    def progress(self) -> Progress:
        """How far the verification has come."""
        return self._run.progress

    @property
    def report(self) -> Report | None:
        """The report, once the result of every file was taken; None until then.

        Its ``failures`` and ``extra`` are empty, because they were yielded.
        """
        return self._run.report() if self._run.ended else None


def _results(run: _Run) -> Iterator[FileResult]:
    failed = False
    for result in run:
        failed = failed or result.bad
        yield result
    report = run.report()
    for line in report.bad_lines:
        yield _of_manifest(line.path, str(line))
    if report.bad_line_count > len(report.bad_lines):
        more = report.bad_line_count - len(report.bad_lines)
        yield _of_manifest(report.bad_lines[-1].path, f"{more} more bad lines")
    if not report.ok and not failed and not report.bad_line_count:
        yield _of_manifest(report.manifests[0].path, "none of the listed files exist")


class _Run:
    """A job that verifies, and what it has found."""

    def __init__(self, path: AnyPath, request: Request, reporter: Reporter) -> None:
        self._request = request
        self._directory = _times(request.root) if request.shards else None
        self.job: Job = Job(request)
        self._root = path if isinstance(path, str) else decode_path(request.root)
        self._shard = (request.shard, request.shards) if request.shards else None
        self.reporter: Reporter = reporter
        self._start = time.monotonic()
        self._seconds = 0.0  # from start to end
        self.ended: bool = False
        self._manifests: list[Manifest] = []
        self._bad_lines: list[BadLine] = []
        self._signatures: list[Signature] = []
        self._notes: list[str] = []

    def __iter__(self) -> Iterator[FileResult]:
        with self.job as job, self.reporter as reporter:
            for batch in job.batches():
                for record in batch:
                    if record.kind == FILE:
                        yield _result(record)
                    elif record.kind == BAD_LINE:
                        self._bad_lines.append(as_bad_line(record))
                    elif record.kind == SIGNATURE:
                        self._signatures.append(as_signature(record, self._manifests))
                    elif record.kind == NOTE:
                        self._notes.append(record.reason)
                    else:
                        self._manifests.append(as_manifest(record))
                reporter.update(job.counters)
            reporter.finish(job.counters)
        self._seconds = time.monotonic() - self._start
        self.ended = True

    @property
    def progress(self) -> Progress:
        """How far the job has come."""
        seconds = self._seconds if self.ended else time.monotonic() - self._start
        return as_progress(self.job.counters, seconds)

    def report(self, failures: Iterable[FileResult] = (), extra: Iterable[FileResult] = ()) -> Report:
        """Return the report of a job that has ended."""
        counters = self.job.counters
        return Report(
            root=self._root,
            manifests=tuple(self._manifests),
            files=counters.total_files,
            counts=dict(zip(_STATUSES, counters.counts, strict=False)),
            bad=counters.bad,
            bytes=counters.bytes,
            seconds=self._seconds,
            failures=tuple(failures),
            extra=tuple(extra),
            bad_lines=tuple(self._bad_lines),
            bad_line_count=counters.bad_lines,
            message=self.job.message,
            hint=self.job.hint,
            shard=self._shard,
            authentic=True if self._signatures else None,
            signatures=tuple(self._signatures),
            by_receipt=counters.by_receipt,
            oldest_receipt=as_time(counters.oldest_receipt),
            notes=tuple(self._notes),
            listed=counters.listed,
            options=_options(self._request),
            directory=self._directory,
        )


def _of_manifest(path: str, reason: str) -> FileResult:
    return FileResult(path, Status.ERROR, "", "", reason=reason, bad=True)


def _flags(ignore_missing: bool, extra: str, progress: ProgressOption) -> int:
    if extra not in _EXTRA_FLAGS:
        raise ValueError(f'extra must be "ignore", "report" or "fail", not {extra!r}')
    check_progress(progress)
    return (IGNORE_MISSING if ignore_missing else 0) | _EXTRA_FLAGS[extra] | (TOTALS if progress else 0)


def _request(
    path: AnyPath,
    manifest: ManifestOption,
    format: str | None,
    algorithm: str | None,
    workers: int | None,
    shard: tuple[int, int] | None,
    strip_prefix: AnyPath | None,
    trust: Trust,
    receipts: Receipts,
    flags: int,
) -> Request:
    entries: bytes | None = None
    place: AnyPath | None = None
    name: AnyPath | None = None
    if manifest is None or isinstance(manifest, (str, bytes, os.PathLike)):
        place = manifest
    elif hasattr(manifest, "read"):
        name, entries = as_content(cast(BinaryIO, manifest))
        flags |= CONTENT
    else:
        entries = pack(manifest)
    return make_request(
        path,
        manifest=place,
        name=name,
        entries=entries,
        format=format,
        algorithm=algorithm,
        workers=workers,
        shard=shard,
        strip_prefix=strip_prefix,
        trust=trust,
        receipts=receipts,
        flags=flags,
    )


def _result(record: Record) -> FileResult:
    return FileResult(
        record.name,
        _STATUSES[record.status],
        record.algorithm,
        record.expected.hex(),
        record.actual.hex() if record.actual else None,
        None if record.number < 0 else record.number,
        record.reason,
        errno_of(record.os_errno) if record.os_errno else None,
        record.bad,
        as_time(record.receipt),
        as_time(record.touched),
        record.place,
    )


def _times(root: bytes) -> tuple[int, int] | None:
    """Return when a directory was changed last, as ``Report.directory``."""
    try:
        state = os.stat(root)
    except OSError:
        return None  # the job says why
    return state.st_mtime_ns, state.st_ctime_ns


def _options(request: Request) -> tuple[str, ...]:
    """Return the options of a request as ``Report.options``."""
    extra = next((name for name, flag in _EXTRA_FLAGS.items() if flag & request.flags), None)
    named = {
        "algorithm": request.algorithm,
        "extra": extra.encode() if extra else None,
        "format": request.format,
        "ignore_missing": b"True" if request.flags & IGNORE_MISSING else None,
        "max_age": str(request.max_age).encode() if request.max_age else None,
        "min_signers": str(request.min_signers).encode() if request.min_signers else None,
        "namespace": request.name_space,
        "strip_prefix": request.strip_prefix,
    }
    return tuple(f"{name}={decode_path(value)}" for name, value in named.items() if value is not None)

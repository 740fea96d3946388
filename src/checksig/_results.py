"""What a verification finds: results while it runs, and its report at the end."""

from __future__ import annotations

import operator
import os
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from checksig._engine import Job, begin, errno_of
from checksig._lazy import importing
from checksig._progress import Reporter, as_progress
from checksig._read import JobIterator, as_bad_line, as_manifest, as_signature
from checksig._receipts import as_time
from checksig._wire import (
    BAD_LINE,
    EXTRA_FLAGS,
    FILE,
    IGNORE_MISSING,
    NOTE,
    SIGNATURE,
    STATUSES,
    TOTALS,
    Record,
    Request,
    decode_path,
    unpack_records,
)
from checksig.report import BadLine, FileResult, Manifest, Progress, Report, Signature, Status

if TYPE_CHECKING:
    import concurrent.futures

    from checksig._options import AnyPath, ProgressOption

_STATUSES = tuple(map(Status, STATUSES))


def check(path: AnyPath, request: Request, progress: ProgressOption) -> Report:
    """Verify a directory, and return the report."""
    return _report(Run(path, request, Reporter(progress)))


def start(path: AnyPath, request: Request, progress: ProgressOption) -> Results:
    """Begin to verify a directory, and return an iterator over the results."""
    return Results(Run(path, request, Reporter(progress), begin(request)))


def complete(path: AnyPath, request: Request, job: Job) -> Report:
    """Take the records of a job, and return the report.

    Args:
        path: the directory as the caller named it.
        request: what the job does.
        job: the job.
    """
    return _report(Run(path, request, Reporter(None), job))


def _report(run: Run) -> Report:
    failures: list[FileResult] = []
    extras: list[FileResult] = []
    for result in run:
        if result.bad:
            failures.append(result)
        if result.status is Status.EXTRA:
            extras.append(result)
    return run.report(failures, extras)


def check_on(
    executor: concurrent.futures.Executor,
    request: Request,
    shards: int,
    path: AnyPath,
    progress: ProgressOption,
) -> Report:
    """Verify a directory on an executor, and return the report."""
    with importing:
        from checksig import _executor  # slow, and needed only here

    if request.shards or operator.index(shards) < 1:
        raise ValueError("executor demands shards of 1 or more, and no shard")
    root = path if isinstance(path, str) else decode_path(request.root)
    request = request._replace(flags=request.flags & ~TOTALS)
    return _executor.check_on(executor, _check_shard, request, shards, root, progress)


def _check_shard(request: Request, reporter: Reporter) -> Report:
    """Verify a shard on a worker."""
    return _report(Run(request.root, request, reporter))


class Results(JobIterator[FileResult]):
    """The results that :func:`iter_check` yields, the progress, and at the end the report.

    It is an iterator and a context manager.
    """

    def __init__(self, run: Run) -> None:
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


def _results(run: Run) -> Iterator[FileResult]:
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


class Run:
    """A job that verifies, and what it has found."""

    def __init__(self, path: AnyPath, request: Request, reporter: Reporter, job: Job | None = None) -> None:
        self._request = request
        self._directory = _times(request.root) if request.shards else None
        self.job: Job = job or Job(request)
        self._root = path if isinstance(path, str) else decode_path(request.root)
        self._shard = (request.shard, request.shards) if request.shards else None
        self.reporter: Reporter = reporter
        self.ended: bool = False
        self._manifests: list[Manifest] = []
        self._bad_lines: list[BadLine] = []
        self._signatures: list[Signature] = []
        self._notes: list[str] = []

    def __iter__(self) -> Iterator[FileResult]:
        with self.job as job, self.reporter as reporter:
            for records in job.frames():
                for record in unpack_records(records):
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
        self.ended = True

    @property
    def progress(self) -> Progress:
        """How far the job has come."""
        seconds = self._took if self.ended else time.monotonic() - self.job.start
        return as_progress(self.job.counters, seconds)

    @property
    def _took(self) -> float:
        return self.job.counters.nanoseconds / 1e9

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
            seconds=self._took,
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
    extra = next((name for name, flag in EXTRA_FLAGS.items() if flag & request.flags), None)
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

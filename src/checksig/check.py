"""The functions that verify a directory."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Literal

from checksig.checksig import (
    ALL_RESULTS,
    BAD_LINE,
    FAIL_EXTRA,
    FILE,
    IGNORE_MISSING,
    MANIFEST,
    REPORT_EXTRA,
    TOTALS,
    AnyPath,
    Job,
    Record,
)
from checksig.progress import ProgressOption, Reporter
from checksig.report import BadLine, FileResult, Report, Status

ExtraOption = Literal["ignore", "report", "fail"]

_STATUSES = tuple(Status)
_EXTRA_FLAGS = {"ignore": 0, "report": REPORT_EXTRA, "fail": FAIL_EXTRA}


def check_signatures(
    path: AnyPath,
    *,
    algorithm: str | None = None,
    workers: int | None = None,
    ignore_missing: bool = False,
    extra: ExtraOption = "ignore",
    progress: ProgressOption = None,
) -> None:
    """Verify every file that the manifest of a directory lists; raise unless all is well.

    The manifest is ``sha1sum.txt`` or, where there is none, the first of the
    other usual names (``SHA256SUMS``, ``MD5SUMS``, …). The files are read in
    parallel, on all cores; the GIL is released, and Ctrl-C is seen at once.

    Args:
        path: the directory.
        algorithm: of the manifest's digests: md5, sha1, sha224, sha256, sha384 or
            sha512. None: the manifest's name tells it, or the digests' length.
        workers: how many files are read at once. None: as many as pay off.
        ignore_missing: a file that is not there is not bad; but one has to be there.
        extra: what becomes of files in the directory, or below it, that the manifest does not
            list: "ignore" does not look for them, with "report" they are in the report, with
            "fail" they are bad. If it looks, a directory that cannot be listed is bad.
        progress: True shows a progress bar, by tqdm; a function is called with a
            :class:`Progress`, at most ten times a second, on this thread.

    Raises:
        VerificationError: a ValueError that names each bad file, with its reason.
        ManifestNotFoundError: a ValueError and FileNotFoundError; there is no manifest.
        ManifestError: a ValueError; the manifest is unusable as a whole.
        OSError: the directory or the manifest cannot be opened or read.
        ValueError: an argument is not allowed; path is empty or has a NUL in it.
        TypeError: an argument is of the wrong type.
        RuntimeError: this is a forked child of a process that used checksig, and no copy can be loaded here.
        InternalError: a fault of checksig itself.
        ImportError: the library of this installation, or tqdm, cannot be loaded.
    """
    check(
        path,
        algorithm=algorithm,
        workers=workers,
        ignore_missing=ignore_missing,
        extra=extra,
        progress=progress,
    ).raise_for_failures()


def check(
    path: AnyPath,
    *,
    algorithm: str | None = None,
    workers: int | None = None,
    ignore_missing: bool = False,
    extra: ExtraOption = "ignore",
    progress: ProgressOption = None,
) -> Report:
    """Verify every file that the manifest of a directory lists, and report what is bad.

    Bad files, and bad lines of the manifest, are data here, and no exception:
    look at ``Report.ok``. Arguments and other exceptions are those of
    :func:`check_signatures`.
    """
    start = time.monotonic()
    flags = _flags(ignore_missing, extra, progress)
    failures: list[FileResult] = []
    extras: list[FileResult] = []
    bad_lines: list[BadLine] = []
    manifests: list[str] = []
    with _job(path, algorithm, workers, flags) as job, Reporter(progress) as reporter:
        for batch in job.batches():
            for record in batch:
                if record.kind == FILE:
                    result = _result(record)
                    if result.status is Status.EXTRA:
                        extras.append(result)
                    if result.status is not Status.EXTRA or extra == "fail":
                        failures.append(result)
                elif record.kind == BAD_LINE:
                    bad_lines.append(BadLine(record.number, record.reason))
                else:
                    manifests.append(record.name)
            reporter.update(job.counters)
        reporter.finish(job.counters)
        return Report(
            root=os.fsdecode(path),
            manifests=tuple(manifests),
            files=job.counters.total_files,
            counts=dict(zip(_STATUSES, job.counters.counts, strict=False)),
            bytes=job.counters.bytes,
            seconds=time.monotonic() - start,
            failures=tuple(failures),
            extra=tuple(extras),
            bad_lines=tuple(bad_lines),
            bad_line_count=job.counters.bad_lines,
            message=job.failure,
        )


def iter_check(
    path: AnyPath,
    *,
    algorithm: str | None = None,
    workers: int | None = None,
    ignore_missing: bool = False,
    extra: ExtraOption = "ignore",
    progress: ProgressOption = None,
) -> _Results:
    """Verify a directory and yield the result of every file, good ones too, in the manifest's order.

    With ``extra``, those that it does not list come behind them. Memory is bounded,
    however many the files are: who takes results slowly makes the verification
    wait. Closing the iterator, by its ``close``, or dropping it cancels the
    verification. What is wrong with the manifest comes last, as results of the
    manifest's path with the status ERROR: a bad line, the first 20 each and the
    rest as a number; or that none of the listed files is there, with
    ignore_missing. Arguments and exceptions are those of :func:`check_signatures`,
    but for VerificationError.
    """
    good = {Status.OK}
    if ignore_missing:
        good.add(Status.MISSING)
    if extra == "report":
        good.add(Status.EXTRA)
    flags = ALL_RESULTS | _flags(ignore_missing, extra, progress)
    return _Results(_job(path, algorithm, workers, flags), progress, good)


class _Results(Iterator[FileResult]):
    """What iter_check returns. A generator that has not begun would not know that it was closed."""

    def __init__(self, job: Job, progress: ProgressOption, good: set[Status]) -> None:
        self._job = job
        self._closed = False
        self._results = _results(job, progress, good)

    def __next__(self) -> FileResult:
        if self._closed:
            raise StopIteration
        return next(self._results)

    def close(self) -> None:
        """Cancel the verification, if it goes on; there are no more results."""
        self._closed = True
        self._job.close()


def _results(job: Job, progress: ProgressOption, good: set[Status]) -> Iterator[FileResult]:
    manifest, bad_lines, failed = "", 0, False
    lines: list[Record] = []
    with job, Reporter(progress) as reporter:
        for batch in job.batches():
            for record in batch:
                if record.kind == FILE:
                    result = _result(record)
                    failed = failed or result.status not in good
                    yield result
                elif record.kind == BAD_LINE:
                    lines.append(record)
                elif record.kind == MANIFEST:
                    manifest = record.name
            reporter.update(job.counters)
        reporter.finish(job.counters)
        bad_lines = job.counters.bad_lines
    for line in lines:
        yield _of_manifest(manifest, f"line {line.number}: {line.reason}")
    if bad_lines > len(lines):
        yield _of_manifest(manifest, f"{bad_lines - len(lines)} more bad lines")
    if job.failure is not None and not failed and not bad_lines:
        yield _of_manifest(manifest, "none of the listed files is there")


def _of_manifest(path: str, reason: str) -> FileResult:
    return FileResult(path, Status.ERROR, "", "", reason=reason)


def _flags(ignore_missing: bool, extra: str, progress: ProgressOption) -> int:
    if extra not in _EXTRA_FLAGS:
        raise ValueError(f'extra must be "ignore", "report" or "fail", not {extra!r}')
    if not (progress is None or isinstance(progress, bool) or callable(progress)):
        raise TypeError(f"progress is True, False, None or a function, not {progress!r}")
    return (IGNORE_MISSING if ignore_missing else 0) | _EXTRA_FLAGS[extra] | (TOTALS if progress else 0)


def _job(path: AnyPath, algorithm: str | None, workers: int | None, flags: int) -> Job:
    if workers is not None and workers < 1:
        raise ValueError(f"workers must be 1 or more, not {workers}")
    return Job(path, algorithm, workers or 0, flags)


def _result(record: Record) -> FileResult:
    return FileResult(
        record.name,
        _STATUSES[record.status],
        record.algorithm,
        record.expected.hex(),
        record.actual.hex() if record.actual else None,
        None if record.number < 0 else record.number,
        record.reason,
        record.errno or None,
    )

"""The functions that verify a directory."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from checksig.checksig import (
    ALL_RESULTS,
    BAD_LINE,
    FILE,
    IGNORE_MISSING,
    MANIFEST,
    TOTALS,
    AnyPath,
    Job,
    Record,
)
from checksig.progress import ProgressOption, Reporter
from checksig.report import BadLine, FileResult, Report, Status

_STATUSES = tuple(Status)


def check_signatures(
    path: AnyPath,
    *,
    algorithm: str | None = None,
    workers: int | None = None,
    ignore_missing: bool = False,
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
        progress: True shows a progress bar, by tqdm; a function is called with a
            :class:`Progress`, at most ten times a second, on this thread.

    Raises:
        VerificationError: a ValueError that names each bad file, with its reason.
        ManifestNotFoundError: a ValueError and FileNotFoundError; there is no manifest.
        ManifestError: a ValueError; the manifest is unusable as a whole.
        OSError: the directory or the manifest cannot be opened or read.
        ValueError: an argument is not allowed; path is empty or has a NUL in it.
        TypeError: an argument is of the wrong type.
        RuntimeError: this process is a forked child of one that used checksig.
        InternalError: a fault of checksig itself.
        ImportError: the library of this installation, or tqdm, cannot be loaded.
    """
    check(
        path, algorithm=algorithm, workers=workers, ignore_missing=ignore_missing, progress=progress
    ).raise_for_failures()


def check(
    path: AnyPath,
    *,
    algorithm: str | None = None,
    workers: int | None = None,
    ignore_missing: bool = False,
    progress: ProgressOption = None,
) -> Report:
    """Verify every file that the manifest of a directory lists, and report what is bad.

    Bad files, and bad lines of the manifest, are data here, and no exception:
    look at ``Report.ok``. Arguments and other exceptions are those of
    :func:`check_signatures`.
    """
    start = time.monotonic()
    flags = IGNORE_MISSING if ignore_missing else 0
    failures: list[FileResult] = []
    bad_lines: list[BadLine] = []
    manifests: list[str] = []
    with _job(path, algorithm, workers, flags, progress) as job, Reporter(progress) as reporter:
        for batch in job.batches():
            for record in batch:
                if record.kind == FILE:
                    failures.append(_result(record))
                elif record.kind == BAD_LINE:
                    bad_lines.append(BadLine(record.number, record.reason))
                else:
                    manifests.append(record.name)
            reporter.update(job.counters)
        reporter.finish(job.counters)
        return Report(
            root=os.fsdecode(path),
            manifests=tuple(manifests),
            counts=dict(zip(_STATUSES, job.counters.counts, strict=False)),
            bytes=job.counters.bytes,
            seconds=time.monotonic() - start,
            failures=tuple(failures),
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
    progress: ProgressOption = None,
) -> Iterator[FileResult]:
    """Verify a directory and yield the result of every file, good ones too, in the manifest's order.

    Memory is bounded, however many the files are: who takes results slowly makes
    the verification wait. Closing the iterator cancels it. A bad line of the
    manifest comes, after the files, as a result of the manifest's path with the
    status ERROR. Arguments and exceptions are those of :func:`check_signatures`,
    but for VerificationError.
    """
    flags = ALL_RESULTS | (IGNORE_MISSING if ignore_missing else 0)
    job = _job(path, algorithm, workers, flags, progress)
    return _results(job, progress)


def _job(
    path: AnyPath, algorithm: str | None, workers: int | None, flags: int, progress: ProgressOption
) -> Job:
    if workers is not None and workers < 1:
        raise ValueError(f"workers must be 1 or more, not {workers}")
    return Job(path, algorithm, workers or 0, flags | (TOTALS if progress else 0))


def _results(job: Job, progress: ProgressOption) -> Iterator[FileResult]:
    bad_lines: list[Record] = []
    with job, Reporter(progress) as reporter:
        for batch in job.batches():
            for record in batch:
                if record.kind == FILE:
                    yield _result(record)
                elif record.kind == BAD_LINE:
                    bad_lines.append(record)
                elif record.kind == MANIFEST:
                    yield from (_bad_line(record.name, bad) for bad in bad_lines)
            reporter.update(job.counters)
        reporter.finish(job.counters)


def _bad_line(manifest: str, record: Record) -> FileResult:
    reason = f"line {record.number}: {record.reason}"
    return FileResult(manifest, Status.ERROR, "", "", reason=reason)


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

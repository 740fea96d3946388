"""The functions that verify a directory."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from typing import Literal

from checksig.checksig import (
    ALL_RESULTS,
    BAD_LINE,
    FAIL_EXTRA,
    FILE,
    IGNORE_MISSING,
    REPORT_EXTRA,
    TOTALS,
    AnyPath,
    Job,
    Record,
    Request,
)
from checksig.manifest import as_bad_line, as_manifest, pack
from checksig.progress import ProgressOption, Reporter
from checksig.report import BadLine, Entry, FileResult, Manifest, Report, Status

ExtraOption = Literal["ignore", "report", "fail"]
ManifestOption = AnyPath | Iterable[Entry] | None

_STATUSES = tuple(Status)
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
    progress: ProgressOption = None,
) -> None:
    """Verify every file that the manifests of a directory list; raise unless all is well.

    The manifests are all files of the directory that have usual names:
    ``sha1sum.txt``, ``SHA256SUMS``, ``MD5SUMS``, …; a file that several of them
    list is read once, and must match all. The files are read in parallel, on all
    cores; the GIL is released, and Ctrl-C is seen at once.

    Args:
        path: the directory.
        manifest: the path of a manifest, which need not lie in the directory; or entries.
        format: of the manifest: gnu, bagit, sfv, pooch, hashdeep, record, sidecar. None: its
            name tells it, or its lines.
        algorithm: of the manifest's digests: md5, sha1, sha256, … None: the manifest's name
            tells it, or the lines do, or the digests' length.
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
        ManifestError: a ValueError; a manifest is unusable as a whole.
        OSError: the directory or a manifest cannot be opened or read.
        ValueError: an argument is not allowed; path is empty or has a NUL in it.
        TypeError: an argument is of the wrong type.
        RuntimeError: this is a forked child of a process that used checksig, and no copy can be loaded here.
        InternalError: a fault of checksig itself.
        ImportError: the library of this installation, or tqdm, cannot be loaded.
    """
    check(
        path,
        manifest,
        format=format,
        algorithm=algorithm,
        workers=workers,
        ignore_missing=ignore_missing,
        extra=extra,
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
    progress: ProgressOption = None,
) -> Report:
    """Verify every file that the manifests of a directory list, and report what is bad.

    Bad files, and bad lines of a manifest, are data here, and no exception:
    look at ``Report.ok``. Arguments and other exceptions are those of
    :func:`check_signatures`.
    """
    start = time.monotonic()
    failures: list[FileResult] = []
    extras: list[FileResult] = []
    bad_lines: list[BadLine] = []
    manifests: list[Manifest] = []
    flags = _flags(ignore_missing, extra, progress)
    job = Job(path, _request(manifest, format, algorithm, workers, flags))
    with job, Reporter(progress) as reporter:
        for batch in job.batches():
            for record in batch:
                if record.kind == FILE:
                    result = _result(record)
                    if record.bad:
                        failures.append(result)
                    if result.status is Status.EXTRA:
                        extras.append(result)
                elif record.kind == BAD_LINE:
                    bad_lines.append(as_bad_line(record))
                else:
                    manifests.append(as_manifest(record))
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
    manifest: ManifestOption = None,
    *,
    format: str | None = None,
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
    verification. What is wrong with a manifest comes last, as results of the
    manifest's path with the status ERROR: a bad line, the first 20 each and the
    rest as a number; or that none of the listed files is there, with
    ignore_missing. Arguments and exceptions are those of :func:`check_signatures`,
    but for VerificationError.
    """
    flags = ALL_RESULTS | _flags(ignore_missing, extra, progress)
    job = Job(path, _request(manifest, format, algorithm, workers, flags))
    return _Results(job, progress)


class _Results(Iterator[FileResult]):
    """What iter_check returns. A generator that has not begun would not know that it was closed."""

    def __init__(self, job: Job, progress: ProgressOption) -> None:
        self._job = job
        self._closed = False
        self._results = _results(job, progress)

    def __next__(self) -> FileResult:
        if self._closed:
            raise StopIteration
        return next(self._results)

    def close(self) -> None:
        """Cancel the verification, if it goes on; there are no more results."""
        self._closed = True
        self._job.close()


def _results(job: Job, progress: ProgressOption) -> Iterator[FileResult]:
    failed = False
    manifests: list[Manifest] = []
    lines: list[BadLine] = []
    with job, Reporter(progress) as reporter:
        for batch in job.batches():
            for record in batch:
                if record.kind == FILE:
                    failed = failed or record.bad
                    yield _result(record)
                elif record.kind == BAD_LINE:
                    lines.append(as_bad_line(record))
                else:
                    manifests.append(as_manifest(record))
            reporter.update(job.counters)
        reporter.finish(job.counters)
        bad_lines = job.counters.bad_lines
    for line in lines:
        yield _of_manifest(line.path, str(line))
    if bad_lines > len(lines):
        yield _of_manifest(lines[-1].path, f"{bad_lines - len(lines)} more bad lines")
    if job.failure is not None and not failed and not bad_lines:
        yield _of_manifest(manifests[0].path, "none of the listed files is there")


def _of_manifest(path: str, reason: str) -> FileResult:
    return FileResult(path, Status.ERROR, "", "", reason=reason)


def _flags(ignore_missing: bool, extra: str, progress: ProgressOption) -> int:
    if extra not in _EXTRA_FLAGS:
        raise ValueError(f'extra must be "ignore", "report" or "fail", not {extra!r}')
    if not (progress is None or isinstance(progress, bool) or callable(progress)):
        raise TypeError(f"progress is True, False, None or a function, not {progress!r}")
    return (IGNORE_MISSING if ignore_missing else 0) | _EXTRA_FLAGS[extra] | (TOTALS if progress else 0)


def _request(
    manifest: ManifestOption, format: str | None, algorithm: str | None, workers: int | None, flags: int
) -> Request:
    if workers is not None and workers < 1:
        raise ValueError(f"workers must be 1 or more, not {workers}")
    path, entries = None, None
    if manifest is None or isinstance(manifest, (str, bytes, os.PathLike)):
        path = manifest
    else:
        entries = pack(manifest)
    return Request(path, None, entries, format, algorithm, workers or 0, flags)


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

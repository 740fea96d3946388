"""The functions that verify a directory."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from typing import BinaryIO, cast

from checksig._engine import Job, errno_of, make_request
from checksig._options import AnyPath, ExtraOption, ManifestOption, ProgressOption
from checksig._progress import Reporter, as_progress
from checksig._read import JobIterator, as_bad_line, as_content, as_manifest, pack
from checksig._wire import (
    ALL_RESULTS,
    BAD_LINE,
    CONTENT,
    FAIL_EXTRA,
    FILE,
    IGNORE_MISSING,
    REPORT_EXTRA,
    STATUSES,
    TOTALS,
    Record,
    Request,
)
from checksig.report import BadLine, FileResult, Manifest, Progress, Report, Status

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
    progress: ProgressOption = None,
) -> None:
    """Verify every file that the manifests of a directory list; raise unless all is well.

    The manifests are all files of the directory that have usual names:
    ``sha1sum.txt``, ``SHA256SUMS``, ``MD5SUMS``, …; a file that several of them
    list is read once, and must match all. The files are read in parallel, on all
    cores; the GIL is released, and Ctrl-C is seen at once.

    Args:
        path: the directory.
        manifest: the path of a manifest, which need not lie in the directory; or entries; or a binary
            file with a manifest in it, such as ``sys.stdin.buffer``.
        format: of the manifest: gnu, bagit, sfv, pooch, hashdeep, record, sidecar. None: its
            name tells it, or its lines.
        algorithm: of the manifest's digests: md5, sha1, sha256, … None: the manifest's name
            tells it, or the lines do, or the digests' length.
        workers: how many files are read at once. None: as many as pay off.
        ignore_missing: a file that is not there is not bad; but one has to be there.
        extra: what becomes of files in the directory, or below it, that the manifest does not
            list: "ignore" does not look for them, with "report" they are in the report, with
            "fail" they are bad. If it looks, a directory that cannot be listed is bad.
        shard: (K, N) verifies every N-th file, beginning with the K-th: the shards (1, N) to
            (N, N) are together all files, and those that the manifest does not list.
        progress: True shows a progress bar, by tqdm; a function is called with a
            :class:`Progress`, at most ten times a second, on this thread.

    Raises:
        VerificationError: a ValueError that names each bad file, with its reason.
        ManifestNotFoundError: a ValueError and FileNotFoundError; there is no manifest.
        ManifestError: a ValueError; a manifest is unusable as a whole, or the shard is empty.
        OSError: the directory or a manifest cannot be opened or read.
        ValueError: an argument is not allowed; path is empty or has a NUL in it.
        TypeError: an argument is of the wrong type.
        RuntimeError: this is a forked child of a process that used checksig, and no copy can be loaded here.
        InternalError: a fault of checksig itself.
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
    progress: ProgressOption = None,
) -> Report:
    """Verify every file that the manifests of a directory list, and report what is bad.

    Bad files, and bad lines of a manifest, are data here, and no exception:
    look at ``Report.ok``. Arguments and other exceptions are those of
    :func:`check_signatures`.
    """
    flags = _flags(ignore_missing, extra, progress)
    run = _Run(path, _request(path, manifest, format, algorithm, workers, shard, flags), progress)
    failures: list[FileResult] = []
    extras: list[FileResult] = []
    for result in run:
        if result.bad:
            failures.append(result)
        if result.status is Status.EXTRA:
            extras.append(result)
    return run.report(failures, extras)


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
    progress: ProgressOption = None,
    only_bad: bool = False,
) -> Results:
    """Verify a directory and yield the result of every file, good ones too, in the manifest's order.

    With ``extra``, those that it does not list come behind them. Memory is bounded,
    however many the files are: who takes results slowly makes the verification
    wait. Closing the iterator, by its ``close``, or dropping it cancels the
    verification. What is wrong with a manifest comes last, as results of the
    manifest's path with the status ERROR: a bad line, the first 20 each and the
    rest as a number; or that none of the listed files exist, with
    ignore_missing. With ``only_bad`` no results of files that are OK are yielded, nor
    made. Other arguments and exceptions are those of :func:`check_signatures`, but
    for VerificationError.
    """
    flags = _flags(ignore_missing, extra, progress) | (0 if only_bad else ALL_RESULTS)
    return Results(_Run(path, _request(path, manifest, format, algorithm, workers, shard, flags), progress))


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
        """How far the verification has come, also after it was closed."""
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
    if not run.ended:
        return
    report = run.report()
    for line in report.bad_lines:
        yield _of_manifest(line.path, str(line))
    if report.bad_line_count > len(report.bad_lines):
        more = report.bad_line_count - len(report.bad_lines)
        yield _of_manifest(report.bad_lines[-1].path, f"{more} more bad lines")
    if not report.ok and not failed and not report.bad_line_count:
        yield _of_manifest(report.manifests[0].path, "none of the listed files exist")


class _Run:
    """A verification under way."""

    def __init__(self, path: AnyPath, request: Request, progress: ProgressOption) -> None:
        self.job = Job(request)
        self._root = os.fsdecode(path)
        self._shard = (request.shard, request.shards) if request.shards else None
        self.reporter = Reporter(progress)
        self._start = time.monotonic()
        self._seconds = 0.0  # in all
        self.ended = False
        self._manifests: list[Manifest] = []
        self._bad_lines: list[BadLine] = []

    def __iter__(self) -> Iterator[FileResult]:
        with self.job as job, self.reporter as reporter:
            for batch in job.batches():
                for record in batch:
                    if record.kind == FILE:
                        yield _result(record)
                    elif record.kind == BAD_LINE:
                        self._bad_lines.append(as_bad_line(record))
                    else:
                        self._manifests.append(as_manifest(record))
                reporter.update(job.counters)
            reporter.finish(job.counters)
        self._seconds = time.monotonic() - self._start
        self.ended = not self.job.cancelled

    @property
    def progress(self) -> Progress:
        """How far it has come."""
        seconds = self._seconds if self.ended else time.monotonic() - self._start
        return as_progress(self.job.counters, seconds)

    def report(self, failures: Iterable[FileResult] = (), extra: Iterable[FileResult] = ()) -> Report:
        """Return what was found, when that is all."""
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
        )


def _of_manifest(path: str, reason: str) -> FileResult:
    return FileResult(path, Status.ERROR, "", "", reason=reason, bad=True)


def _flags(ignore_missing: bool, extra: str, progress: ProgressOption) -> int:
    if extra not in _EXTRA_FLAGS:
        raise ValueError(f'extra must be "ignore", "report" or "fail", not {extra!r}')
    if not (progress is None or isinstance(progress, bool) or callable(progress)):
        raise TypeError(f"progress is True, False, None or a function, not {progress!r}")
    return (IGNORE_MISSING if ignore_missing else 0) | _EXTRA_FLAGS[extra] | (TOTALS if progress else 0)


def _request(
    path: AnyPath,
    manifest: ManifestOption,
    format: str | None,
    algorithm: str | None,
    workers: int | None,
    shard: tuple[int, int] | None,
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
    )

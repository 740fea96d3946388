"""``check(…, executor=E)``: verifies the shards of a directory on any executor, such as Dask's.

Each worker reads the manifests itself, and says in its report which bytes it read; ``_join.py``
gives no verdict unless these are the same everywhere.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from concurrent.futures import CancelledError as FutureCancelledError
from dataclasses import replace
from typing import Any, NamedTuple

from checksig._join import Part, join_parts
from checksig._options import ProgressOption
from checksig._progress import Reporter
from checksig._trust import absolute_keys
from checksig._wire import NO_COUNTERS, Counters, Request, decode_path
from checksig.errors import CancelledError, ChecksigError, InternalError, ManifestError, SignatureError
from checksig.report import Progress, Report

_LOOK = 0.0  # seconds between two looks whether the caller still waits: one for each list of records
_WAIT = 0.1  # seconds between two looks at Ctrl-C, where it does not interrupt a wait

Verify = Callable[[Request, Reporter], Report]


class Answer(NamedTuple):
    """What a worker returns: for which call, from where, and its report."""

    nonce: str
    host: str
    report: Report


def check_on(
    executor: Executor, verify: Verify, request: Request, shards: int, root: str, progress: ProgressOption
) -> Report:
    """Verify the shards of a directory on an executor, and return the report on the whole.

    Args:
        executor: of concurrent.futures.
        verify: the function that verifies a shard. A worker must be able to import it.
        request: what to verify.
        shards: into how many parts the files are divided.
        root: the directory as the caller named it.
        progress: as for :func:`checksig.check`; it is called with what whole shards have found.
    """
    start = time.monotonic()
    nonce = os.urandom(16).hex()  # else an executor that keeps results may return an older one
    futures: dict[Future[Answer], int] = {}
    with _lease() as lease, Reporter(progress) as reporter:
        try:
            for number in range(1, shards + 1):
                part = _absolute(request)._replace(shard=number, shards=shards)
                futures[executor.submit(verify_shard, verify, part, nonce, lease)] = number
            answers = _collect(futures, shards, reporter)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(lease)  # first, because to cancel may take long
            for future in futures:
                future.cancel()
            raise
    parts = []
    for number, answer in sorted(answers.items()):
        if answer.nonce != nonce or answer.report.shard != (number, shards):
            raise InternalError(f"the executor returned for shard {number} what it was not asked for")
        name = f"shard {number} of {shards} (on {answer.host})"
        parts.append(Part(_renamed(answer.report, request, root), name))
    try:
        whole = join_parts(parts)
    except ValueError as error:
        raise OSError(errno.ESTALE, str(error), root) from None
    return replace(whole, seconds=time.monotonic() - start)


@contextlib.contextmanager
def _lease() -> Iterator[str]:
    """Yield the path of a file that exists as long as the caller waits."""
    descriptor, path = tempfile.mkstemp(prefix="checksig-")
    os.close(descriptor)
    try:
        yield path
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path)


def _collect(futures: dict[Future[Answer], int], shards: int, reporter: Reporter) -> dict[int, Answer]:
    """Wait for the answers, by the number of the shard. A shard without a file has none."""
    answers: dict[int, Answer] = {}
    empty: dict[int, ManifestError] = {}
    listed = 0
    pending = set(futures)
    while pending:
        done, pending = wait(pending, _WAIT, FIRST_COMPLETED)
        for future in done:
            number = futures[future]
            try:
                answers[number] = _result(future)
                listed = answers[number].report.listed or 0
            except ManifestError as error:
                if isinstance(error, (OSError, SignatureError)) or number == 1:
                    raise
                empty[number] = error
        for number in sorted(empty):
            if number <= listed:
                raise empty[number]
        reporter.update(_counters(answers))
    reporter.finish(_counters(answers))
    if not answers:
        raise InternalError("the executor returned no answer")
    return answers


def _result(future: Future[Answer]) -> Answer:
    try:
        return future.result()
    except FutureCancelledError as error:
        raise CancelledError("a shard was cancelled before its end, so there is no verdict") from error
    except Exception as error:
        if isinstance(error, BrokenExecutor) or type(error).__name__ == "KilledWorker":  # Dask's
            raise ChecksigError(
                f"a worker ended before its shard was verified, so there is no verdict: {error}"
            ) from error
        raise


def _counters(answers: dict[int, Answer]) -> Counters:
    """Return how far all shards have come that have ended."""
    reports = [answer.report for answer in answers.values()]
    if not reports:
        return NO_COUNTERS
    files, listed = sum(report.files for report in reports), reports[0].listed or 0
    hashed = sum(report.bytes for report in reports)
    return NO_COUNTERS._replace(
        files=files,
        total_files=listed,
        bytes=hashed,
        total_bytes=hashed if files == listed else -1,
        bad=sum(report.bad for report in reports),
    )


def _absolute(request: Request) -> Request:
    """Return a request that means the same in any current directory."""
    here = os.getcwdb()
    manifest, signature = (
        None if path is None else os.path.join(here, path) for path in (request.manifest, request.signature)
    )
    keys = None if request.keys is None else absolute_keys(request.keys, here)
    root = os.path.join(here, request.root)
    return request._replace(root=root, manifest=manifest, signature=signature, keys=keys)


def _renamed(report: Report, request: Request, root: str) -> Report:
    """Return a report with the paths that it would have here."""
    here = os.path.join(decode_path(os.getcwdb()), "")
    if os.path.isabs(request.manifest or request.root):
        here = ""

    def rename(path: str) -> str:
        return path.removeprefix(here)

    return replace(
        report,
        root=root,
        manifests=tuple(replace(manifest, path=rename(manifest.path)) for manifest in report.manifests),
        bad_lines=tuple(replace(line, path=rename(line.path)) for line in report.bad_lines),
        signatures=tuple(
            replace(signature, manifest=rename(signature.manifest), path=rename(signature.path))
            for signature in report.signatures
        ),
    )


def verify_shard(verify: Verify, request: Request, nonce: str, lease: str) -> Answer:
    """Verify a shard on a worker; errors name the worker.

    Raises:
        CancelledError: the caller waits no more.
        Exception: as :func:`checksig.check`.
    """
    host = f"{socket.gethostname()}, process {os.getpid()}"
    try:
        return Answer(nonce, host, verify(request, Reporter(Watch(lease), _LOOK)))
    except ManifestError as error:
        error.args = (f"{error.args[0]} (on {host})", *error.args[1:])
        error.reason = f"{error.reason} (on {host})"
        raise
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror or error} (on {host})", error.filename) from error
    except Exception as error:
        error.add_note(f"on {host}")
        raise


class Watch:
    """Ends a shard when nobody waits for it, which is found out while it is verified.

    Args:
        lease: the path of a file that exists as long as the caller waits, if it is on this machine.
    """

    def __init__(self, lease: str) -> None:
        self._lease = lease if os.path.exists(lease) else None

    def __call__(self, progress: Progress) -> None:
        """Raise CancelledError if nobody waits."""
        if (self._lease is not None and not os.path.exists(self._lease)) or _dask_cancelled():
            raise CancelledError("the caller waits no more, so there is no verdict")


def _dask_cancelled() -> bool:
    """Return whether this is a task of Dask that was cancelled, of which Dask does not tell it."""
    dask: Any = sys.modules.get("distributed.worker")
    if dask is None:
        return False
    try:
        worker = dask.get_worker()
        task = worker.state.tasks.get(worker.get_current_task())
        return task is None or task.state == "cancelled"
    except Exception:  # not a task, or another version of Dask
        return False

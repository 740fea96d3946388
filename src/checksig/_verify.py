"""The functions that verify a directory.

A check of a directory that is all well needs neither results nor a report. So this module imports
only what such a check needs; the rest is imported where it is needed.
"""

from __future__ import annotations

import os

import checksig  # whose types are loaded if somebody evaluates the annotations
from checksig._engine import Job, make_request
from checksig._lazy import importing
from checksig._state import Receipts, state_directory
from checksig._wire import ALL_RESULTS, EXTRA_FLAGS, IGNORE_MISSING, TOTALS, Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    import concurrent.futures
    import datetime

    from checksig._trust import Trust


def check_signatures(
    path: checksig.AnyPath,
    manifest: checksig.ManifestOption = None,
    *,
    format: str | None = None,
    algorithm: str | None = None,
    workers: int | None = None,
    ignore_missing: bool = False,
    extra: checksig.ExtraOption = "ignore",
    shard: tuple[int, int] | None = None,
    strip_prefix: checksig.AnyPath | None = None,
    signed_by: checksig.SignedByOption = None,
    min_signers: int | None = None,
    signature: checksig.AnyPath | None = None,
    namespace: str | None = None,
    progress: checksig.ProgressOption = None,
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
    flags = _flags(ignore_missing, extra, progress)
    trust = _trust(signed_by, min_signers, signature, namespace)
    known = _receipts(False, None)
    request = _request(path, manifest, format, algorithm, workers, shard, strip_prefix, trust, known, flags)
    if progress or request.shards:
        _check(path, request, progress).raise_for_failures()
        return
    with Job(request) as job:
        if not job.goes_well():
            with importing:
                from checksig._results import complete
            complete(path, request, job).raise_for_failures()


def check(
    path: checksig.AnyPath,
    manifest: checksig.ManifestOption = None,
    *,
    format: str | None = None,
    algorithm: str | None = None,
    workers: int | None = None,
    ignore_missing: bool = False,
    extra: checksig.ExtraOption = "ignore",
    shard: tuple[int, int] | None = None,
    strip_prefix: checksig.AnyPath | None = None,
    signed_by: checksig.SignedByOption = None,
    min_signers: int | None = None,
    signature: checksig.AnyPath | None = None,
    namespace: str | None = None,
    receipts: bool = False,
    max_age: float | datetime.timedelta | None = None,
    progress: checksig.ProgressOption = None,
    executor: concurrent.futures.Executor | None = None,
    shards: int = 16,
) -> checksig.Report:
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
    trust = _trust(signed_by, min_signers, signature, namespace)
    known = _receipts(receipts, max_age)
    request = _request(path, manifest, format, algorithm, workers, shard, strip_prefix, trust, known, flags)
    if executor is not None:
        with importing:
            from checksig._results import check_on
        return check_on(executor, request, shards, path, progress)
    return _check(path, request, progress)


def _check(path: checksig.AnyPath, request: Request, progress: checksig.ProgressOption) -> checksig.Report:
    with importing:
        from checksig._results import check
    return check(path, request, progress)


def iter_check(
    path: checksig.AnyPath,
    manifest: checksig.ManifestOption = None,
    *,
    format: str | None = None,
    algorithm: str | None = None,
    workers: int | None = None,
    ignore_missing: bool = False,
    extra: checksig.ExtraOption = "ignore",
    shard: tuple[int, int] | None = None,
    strip_prefix: checksig.AnyPath | None = None,
    signed_by: checksig.SignedByOption = None,
    min_signers: int | None = None,
    signature: checksig.AnyPath | None = None,
    namespace: str | None = None,
    receipts: bool = False,
    max_age: float | datetime.timedelta | None = None,
    progress: checksig.ProgressOption = None,
    only_bad: bool = False,
) -> checksig.Results:
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
    trust = _trust(signed_by, min_signers, signature, namespace)
    known = _receipts(receipts, max_age)
    request = _request(path, manifest, format, algorithm, workers, shard, strip_prefix, trust, known, flags)
    with importing:
        from checksig._results import start
    return start(path, request, progress)


def _flags(ignore_missing: bool, extra: str, progress: checksig.ProgressOption) -> int:
    if extra not in EXTRA_FLAGS:
        raise ValueError(f'extra must be "ignore", "report" or "fail", not {extra!r}')
    if progress is not None:
        with importing:
            from checksig._progress import check_progress
        check_progress(progress)
    return (IGNORE_MISSING if ignore_missing else 0) | EXTRA_FLAGS[extra] | (TOTALS if progress else 0)


def _trust(
    signed_by: checksig.SignedByOption,
    min_signers: int | None,
    signature: checksig.AnyPath | None,
    namespace: str | None,
) -> Trust | None:
    if signed_by is None and min_signers is None and signature is None and namespace is None:
        return None
    with importing:
        from checksig._trust import make_trust
    return make_trust(signed_by, min_signers, signature, namespace)


def _receipts(use: bool, max_age: float | datetime.timedelta | None) -> Receipts:
    if use is False and max_age is None:
        return Receipts(state_directory())
    with importing:
        from checksig._receipts import make_receipts
    return make_receipts(use, max_age)


def _request(
    path: checksig.AnyPath,
    manifest: checksig.ManifestOption,
    format: str | None,
    algorithm: str | None,
    workers: int | None,
    shard: tuple[int, int] | None,
    strip_prefix: checksig.AnyPath | None,
    trust: Trust | None,
    receipts: Receipts,
    flags: int,
) -> Request:
    entries: bytes | None = None
    name: checksig.AnyPath | None = None
    if manifest is not None and not isinstance(manifest, (str, bytes, os.PathLike)):
        with importing:
            from checksig._read import as_entries
        name, entries, flag = as_entries(manifest)
        manifest, flags = None, flags | flag
    return make_request(
        path,
        manifest=manifest,
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

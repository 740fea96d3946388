"""Chooses how to reach the engine, runs jobs, and turns their outcomes into exceptions.

The engine is the Go code that does the work. It is reached in one of two ways: the library,
loaded into this process (:mod:`checksig.checksig`), or the helper, a process for each job
(:mod:`checksig._helper`). The choice is made at the first call that needs the engine.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from operator import index

from checksig import _preflight
from checksig._installation import HELPER, LIBRARY, find_remedy, is_as_built
from checksig._lazy import importing
from checksig._state import NO_RECEIPTS, Receipts
from checksig._wire import (
    NO_COUNTERS,
    RECEIPTS,
    Counters,
    Kind,
    Outcome,
    Record,
    Request,
    unpack_records,
)
from checksig.checksig import Library, LibraryJob, load, system_message
from checksig.errors import (
    CancelledError,
    InternalError,
    ManifestError,
    ManifestNotFoundError,
    SignatureError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NamedTuple, NoReturn

    from checksig._helper import HelperJob
    from checksig._options import AnyPath
    from checksig._trust import Trust
else:
    from checksig._tuples import NamedTuple

# How long to wait for the end of a closed job. A job that is reading ends after its current read.
_CLOSE = 0.05  # seconds


class Engine(NamedTuple):
    """How this process reaches the engine.

    Attributes:
        name: "library", loaded into this process, or "helper", a separate process for each job.
        reason: why this one was chosen.
    """

    name: str
    reason: str


_engine: Engine | None = None
_library: Library | None = None
_algorithms: tuple[str, ...] = ()

# Without this lock, a child that is forked while another thread loads the library would have
# half of it. It is the lock of imports, because a fork that has begun takes no further lock.
_choosing = importing


def get_engine() -> Engine:
    """Return how this process reaches the engine, and why.

    The choice is made at the first call of any function that needs the engine. The environment
    variable CHECKSIG_ENGINE, ``library`` or ``helper``, forces it.

    Raises:
        ValueError: CHECKSIG_ENGINE has another value.
        ImportError: this installation has neither, or the library cannot be loaded.
        OSError: too few descriptors, threads or too little address space.
        RuntimeError: this is a forked child in which neither can be used.
    """
    _choose()
    assert _engine is not None
    return _engine


def get_algorithms() -> tuple[str, ...]:
    """Return the names of the algorithms that the engine computes, the strongest first.

    BLAKE2b and BLAKE3 are among them if the build had their Go modules.

    Raises:
        Exception: as :func:`get_engine`.
    """
    global _algorithms
    if not _algorithms:
        library = _choose()
        names = library.algorithms if library else _ask_helper()
        _algorithms = tuple(names.split(", "))
    return _algorithms


def _ask_helper() -> str:
    with importing:
        from checksig._helper import get_algorithms as ask
    return ask()


def _choose() -> Library | None:
    """Return the library, or None if the helper serves."""
    global _engine
    if not _is_chosen():
        with _choosing:
            if not _is_chosen():
                _engine = _find_engine()
    return _library if _engine is not None and _engine.name == "library" else None


def _is_chosen() -> bool:
    if _engine is None:
        return False
    return _engine.name == "helper" or (_library is not None and not _library.forked)


def _find_engine() -> Engine:
    """Return how to reach the engine; if that is the library, load it."""
    wanted = os.environ.get("CHECKSIG_ENGINE", "")
    if wanted not in ("", "library", "helper"):
        raise ValueError(f'invalid CHECKSIG_ENGINE "{wanted}" (choose "library" or "helper")')
    if wanted == "helper":
        return Engine("helper", "CHECKSIG_ENGINE selects it")
    if wanted == "library":
        _load()
        return Engine("library", "CHECKSIG_ENGINE selects it")
    obstacle = _preflight.find_obstacle()
    if obstacle and os.path.exists(HELPER):
        return Engine("helper", obstacle)
    try:
        _load()
    except (ImportError, OSError, RuntimeError) as error:
        if not os.path.exists(HELPER) or not _is_obstacle(error):
            raise
        why = f"the library cannot be loaded into this process: {error.__cause__ or error}"
        return Engine("helper", why)
    return Engine("library", "it can be loaded into this process")


def _is_obstacle(error: Exception) -> bool:
    """Return whether a library that cannot be loaded is as it was built, so that a helper can serve."""
    if isinstance(error, ImportError):
        return is_as_built(LIBRARY)
    return getattr(error, "errno", None) in (None, errno.EAGAIN, errno.ENOMEM)


def _load() -> None:
    """Load the library: once in a process, and once more in each forked child.

    Raises:
        ImportError: it is missing, damaged, built for another machine, or has another version.
        OSError: too few descriptors, threads or too little address space.
        RuntimeError: this is a forked child, and no copy can be loaded here.
    """
    global _library
    try:
        _preflight.check_library()
        _library = load()
    except (OSError, AttributeError, ValueError) as error:
        if getattr(error, "errno", None) in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN):
            raise
        cause = str(getattr(error, "strerror", None) or error).removeprefix(f"{LIBRARY}: ")
        message = f"cannot load {LIBRARY}: {cause}; {find_remedy(LIBRARY)}"
        raise ImportError(message, path=LIBRARY) from error


def make_request(
    root: AnyPath,
    *,
    manifest: AnyPath | None = None,
    name: AnyPath | None = None,
    entries: bytes | None = None,
    format: str | None = None,
    algorithm: str | None = None,
    workers: int | None = None,
    shard: tuple[int, int] | None = None,
    strip_prefix: AnyPath | None = None,
    trust: Trust | None = None,
    receipts: Receipts = NO_RECEIPTS,
    flags: int = 0,
) -> Request:
    """Check the arguments of a job, and return them as bytes and numbers.

    Args:
        root: the directory.
        manifest: the path of the manifest. None: found in the directory.
        name: the file name to assume when detecting format and algorithm. None: the manifest's path.
        entries: entries instead of a manifest, as ``checksig.h`` describes them; with the flag
            CONTENT, the content of a manifest.
        format: of the manifest. None: detected.
        algorithm: of the digests. None: detected.
        workers: how many files are read at the same time. None: automatic.
        shard: the number of a shard, from 1, and the number of shards. None: all files.
        strip_prefix: a directory that is taken off the listed names. None: they stay as they are.
        trust: whose signatures the manifest must have. None: it need not be signed.
        receipts: what to do with receipts.
        flags: of ``checksig_request``.

    Raises:
        ValueError: an argument is not allowed.
        TypeError: an argument has the wrong type.
    """
    if workers is not None and workers < 1:
        raise ValueError(f"workers must be 1 or more, not {workers}")
    if shard is not None and not 1 <= shard[0] <= shard[1]:
        raise ValueError(f"shard must be (K, N) with K from 1 to N, not {shard}")
    number, shards = shard or (0, 0)
    for what, value in (("workers", workers or 0), ("the number of shards", shards)):
        if index(value) >= 1 << 31:
            raise ValueError(f"{what} is too large: {value}")
    keys, signature, name_space, min_signers = trust or (None, None, None, 0)
    return Request(
        root=_encode("directory", root),
        algorithm=_encode_word("algorithm", algorithm),
        manifest=None if manifest is None else _encode("manifest", manifest),
        name=None if name is None else _encode("manifest", name),
        format=_encode_word("format", format),
        list=entries,
        strip_prefix=None if strip_prefix is None else _encode("prefix", strip_prefix),
        keys=keys,
        signature=None if signature is None else _encode("signature", signature),
        name_space=_encode_word("namespace", name_space),
        workers=workers or 0,
        flags=flags | (RECEIPTS if receipts.use else 0),
        shard=index(number),
        shards=shards,
        min_signers=min_signers,
        receipts=receipts.directory,
        max_age=receipts.max_age,
    )


def _encode(what: str, path: AnyPath) -> bytes:
    encoded = os.fsencode(path)
    if not encoded:
        raise ValueError(f"the path of the {what} is empty")
    if b"\0" in encoded:
        raise ValueError(f"the path of the {what} contains NUL: {path!r}")
    return encoded


def _encode_word(what: str, word: str | None) -> bytes | None:
    if word is None:
        return None
    if not isinstance(word, str):
        raise TypeError(f"{what} must be a str, not {word!r}")
    if "\0" in word:
        raise ValueError(f"unknown {what} {word!r}")
    return word.encode("utf-8", "backslashreplace")


class Job:
    """A job of the engine, whose records are taken while it is running.

    Close it, preferably with a ``with`` block. A job that is dropped because of an exception,
    such as Ctrl-C, ends after its current read.

    Args:
        request: what to do, from :func:`make_request`.

    Attributes:
        start: the value of :func:`time.monotonic` when it began.
        counters: how far the job has come.
        message: what is bad, once the job has ended; None if everything is good.
        hint: the last line of the message, if that is a hint.
        interrupted: Ctrl-C came while :meth:`goes_well` was waiting, and :meth:`frames` is to raise it.

    Raises:
        ValueError: the engine does not allow an argument.
        Exception: as :func:`get_engine`.
        InternalError: a bug in checksig.
    """

    _job: LibraryJob | HelperJob | None = None

    def __init__(self, request: Request) -> None:
        library = _choose()
        self.start: float = time.monotonic()
        self.counters: Counters = NO_COUNTERS
        self.message: str | None = None
        self.hint: str | None = None
        self.interrupted: bool = False
        self._seen: list[bytes] = []  # by goes_well
        # Nothing is running yet, so no signal can leave a running job behind.
        self._job = LibraryJob(library) if library else _make_helper_job()
        try:
            self._outcome = self._job.start(request)
        except BaseException:
            self._job.close(0)  # a reference cycle of the exception may keep this object for long
            raise
        if self._outcome.kind != Kind.MORE:
            _raise(self._outcome)

    def __enter__(self) -> Job:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close(0)

    def batches(self) -> Iterator[list[Record]]:
        """Yield lists of records, in order; an empty list if none came for a short time.

        ``counters`` are up to date after each list. After the last one, ``message`` and
        ``hint`` say what is bad.

        Raises:
            CancelledError: the job was closed before its end.
            ManifestNotFoundError: the directory has no manifest.
            SignatureError: a manifest is not shown to be signed.
            ManifestError: a manifest is unusable.
            OSError: the directory or a manifest cannot be opened or read.
            InternalError: a bug in checksig.
        """
        return map(list, map(unpack_records, self.frames()))

    def frames(self) -> Iterator[bytes]:
        """Yield what :meth:`batches` yields, but packed. Another call goes on where one was left.

        Raises:
            Exception: as :meth:`batches`.
        """
        assert self._job is not None
        seen, self._seen = self._seen, []
        yield from seen
        if self.interrupted:
            self.interrupted = False
            raise KeyboardInterrupt
        while self._outcome.kind == Kind.MORE and not self._job.closed:
            self.counters, self._outcome, records = self._job.next()
            yield records
        outcome = self._outcome
        if outcome.kind == Kind.FAILED:
            self.message, self.hint = outcome.message, outcome.reason or None
        elif outcome.kind != Kind.OK:
            if self._job.closed:
                raise CancelledError("this job was closed before its end, so there is no verdict")
            _raise(outcome)

    def goes_well(self) -> bool:
        """Wait for the first bad file or the end of the job, and return whether all is well.

        That is so if at least one file is OK, no file is bad, and no line is bad. :meth:`frames` yields
        what was taken for this.

        Raises:
            Exception: as :meth:`batches`.
        """
        for records in self.frames():
            if records:
                self._seen.append(records)
            if self.counters.bad:
                break
        counters = self.counters
        is_bad = self._outcome.kind != Kind.OK or counters.bad or counters.bad_lines
        return not is_bad and counters.counts[0] > 0

    def close(self, seconds: float = _CLOSE) -> None:
        """Cancel the job if it is running, wait up to ``seconds`` for its end, and release it."""
        if self._job is not None:
            self._job.close(seconds)


_ahead: tuple[Request, Job] | None = None


def begin_ahead(request: Request) -> Job | None:
    """Begin a job that :func:`begin` returns later. If that fails, :func:`begin` will say why."""
    global _ahead
    try:
        job = Job(request)
    except Exception:
        return None
    _ahead = request, job
    return job


def begin(request: Request) -> Job:
    """Begin a job, unless :func:`begin_ahead` has begun one for an equal request.

    Raises:
        Exception: as :class:`Job`.
    """
    global _ahead
    ahead, _ahead = _ahead, None
    if ahead is not None:
        if ahead[0] == request:
            return ahead[1]
        ahead[1].close(0)
    return Job(request)


def _make_helper_job() -> HelperJob:
    with importing:
        from checksig._helper import HelperJob
    return HelperJob()


def _raise(outcome: Outcome) -> NoReturn:
    """Raise the exception for an outcome without a verdict."""
    message, path, reason = outcome.message, outcome.path, outcome.reason
    if outcome.kind == Kind.MANIFEST:
        raise ManifestError(message, path, outcome.line or None, reason)
    if outcome.kind == Kind.NOT_FOUND:
        raise ManifestNotFoundError(message, path, None, reason)
    if outcome.kind == Kind.NOT_SIGNED:
        reason, *claimed = reason.split("\n")
        raise SignatureError(message, path, None, reason, tuple(claimed))
    if outcome.kind == Kind.OS:
        raise os_error(outcome.os_errno, reason, path)
    if outcome.kind == Kind.ARGUMENT:
        raise ValueError(message)
    raise InternalError(message)


def os_error(number: int, reason: str, path: str) -> OSError:
    """Return the exception for an error number of the operating system."""
    reason = reason or system_message(number)
    if sys.platform == "win32":  # the number is one of Windows, for which Python finds the errno
        return OSError(0, reason, path, number)
    return OSError(number, reason, path)


def errno_of(number: int) -> int | None:
    """Return the errno for an error number of the operating system."""
    return os_error(number, " ", "").errno if sys.platform == "win32" else number

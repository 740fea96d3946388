"""Begins the first job of a command before the modules of the command are imported.

Their import takes a tenth of a second. The engine works meanwhile, and a quiet check that goes well
ends without it. So this module imports only what :func:`checksig.check_signatures` needs, too.
"""

from __future__ import annotations

import os
import sys

from checksig._engine import begin as take
from checksig._engine import begin_ahead, make_request
from checksig._state import Receipts, state_directory
from checksig._wire import (
    ALL_RESULTS,
    EXTRA_FLAGS,
    FIND_FILES,
    IGNORE_MISSING,
    PACK_NAMES,
    TOTALS,
    Request,
)

# The options of a simple check, and the flags of its request.
_CHECK = {
    **{f"--extra={how}": flag for how, flag in EXTRA_FLAGS.items()},
    **dict.fromkeys(("-v", "--verbose"), ALL_RESULTS),
    **dict.fromkeys(("-q", "--quiet", "--status"), 0),
    "--ignore-missing": IGNORE_MISSING,
}

# Those that let a check print nothing if all is well, and those that do not.
_QUIET = {"-q", "--quiet", "--status"}
_LOUD = {"-v", "--verbose", "--extra=report"}

# The options, with and without a value, that do not change which files are below a directory.
_WITH_VALUE = {"--algorithm", "--color", "--exclude", "--format", "--include", "--manifest", "-a", "-f", "-m"}
_WITHOUT = {"--all", "--follow-symlinks", "--json", "--no-progress", "--overwrite", "--progress"}


def begin(arguments: list[str]) -> int | None:
    """Begin the first job of a command if its arguments are simple.

    The command then takes this job, but only if its own request is equal. So a case that is not
    foreseen here takes time, but gets no other result.

    Args:
        arguments: those of the process.

    Returns:
        The exit status, if the command was a quiet check and all is well; otherwise None. The command
        then takes the job, with all that it has found.
    """
    command, *words = arguments or [""]
    if command == "check":
        options, paths = _split(words)
        request = _request_check(options, paths)
        if request is not None and _prints_nothing(request, options):
            return _finish(request)
    elif command in ("create", "update", "diff"):
        request = _request_names(words)
    else:
        return None
    if request is not None:
        begin_ahead(request)
    return None


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    """Return the options of a check that are known here, and everything else."""
    options: list[str] = []
    others: list[str] = []
    following = iter(words)
    for word in following:
        option = f"{word}={next(following, '')}" if word == "--extra" else word
        (options if option in _CHECK else others).append(option)
    return options, others


def _request_check(options: list[str], paths: list[str]) -> Request | None:
    """Return the request of a check; None if it is not simple."""
    path, manifest = _only(paths), None
    if path is None:
        return None
    if not os.path.isdir(path):
        path, manifest = os.path.dirname(path) or ".", path
    if os.path.abspath(path).endswith(".dist-info"):
        return None  # perhaps an installed package
    flags = 0
    for option in options:
        flags |= _CHECK[option]
    if "--status" not in options and sys.stderr is not None and sys.stderr.isatty():
        flags |= TOTALS  # for the progress bar
    return make_request(path, manifest=manifest, receipts=Receipts(state_directory()), flags=flags)


def _prints_nothing(request: Request, options: list[str]) -> bool:
    """Return whether a check shows nothing if all is well: no line, no progress bar, no summary.

    If standard output is closed, the command says so.
    """
    is_quiet = not _QUIET.isdisjoint(options) and _LOUD.isdisjoint(options) and sys.stdout is not None
    return is_quiet and not request.flags & TOTALS and not os.environ.get("GITHUB_STEP_SUMMARY")


def _finish(request: Request) -> int | None:
    """Begin a check and wait for it; return the exit status if all is well, otherwise None."""
    job = begin_ahead(request)
    if job is None:
        return None
    try:
        if job.goes_well():
            take(request).close()  # the command would take it otherwise
            return 0
    except KeyboardInterrupt:
        job.interrupted = True
    except Exception:
        pass  # the command gets it, too
    return None


def _request_names(words: list[str]) -> Request | None:
    """Return the request for the names below the directory of a command; None if it is not simple."""
    paths = []
    following = iter(words)
    for word in following:
        if word in _WITH_VALUE:
            next(following, None)
        elif word not in _WITHOUT:
            paths.append(word)
    path = _only(paths)
    return make_request(path, flags=FIND_FILES | PACK_NAMES) if path is not None else None


def _only(paths: list[str]) -> str | None:
    """Return the one path, or the default; None if there are more, an option, or standard input."""
    path, *others = paths or ["."]
    return None if others or not path or path.startswith("-") else path

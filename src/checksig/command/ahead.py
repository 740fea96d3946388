"""Begins the first job of a command before the modules of the command are imported.

Their import takes a tenth of a second, in which the engine works. For that, this module imports only
what :func:`checksig.check_signatures` needs, too.
"""

from __future__ import annotations

import os
import sys

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

# The options, with and without a value, that do not change which files are below a directory.
_WITH_VALUE = {"--algorithm", "--color", "--exclude", "--format", "--include", "--manifest", "-a", "-f", "-m"}
_WITHOUT = {"--all", "--follow-symlinks", "--json", "--no-progress", "--overwrite", "--progress"}


def begin(arguments: list[str]) -> None:
    """Begin the first job of a command if its arguments are simple.

    The command then takes this job, but only if its own request is equal. So a case that is not
    foreseen here takes time, but gets no other result.

    Args:
        arguments: those of the process.
    """
    command, *words = arguments or [""]
    request = None
    if command == "check":
        request = _request_check(words)
    elif command in ("create", "update", "diff"):
        request = _request_names(words)
    if request is not None:
        begin_ahead(request)


def _request_check(words: list[str]) -> Request | None:
    """Return the request of a check; None if it is not simple."""
    flags, paths = 0, []
    following = iter(words)
    for word in following:
        option = f"{word}={next(following, '')}" if word == "--extra" else word
        if option in _CHECK:
            flags |= _CHECK[option]
        else:
            paths.append(option)
    path, manifest = _only(paths), None
    if path is None:
        return None
    if not os.path.isdir(path):
        path, manifest = os.path.dirname(path) or ".", path
    if "--status" not in words and sys.stderr is not None and sys.stderr.isatty():
        flags |= TOTALS  # for the progress bar
    return make_request(path, manifest=manifest, receipts=Receipts(state_directory()), flags=flags)


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

"""Begins a check before the modules of the command are imported.

Their import takes a tenth of a second, in which the engine verifies files. For that, this module
imports only what :func:`checksig.check_signatures` needs, too.
"""

from __future__ import annotations

import os
import sys

from checksig._engine import begin_ahead, make_request
from checksig._state import Receipts, state_directory
from checksig._wire import ALL_RESULTS, EXTRA_FLAGS, IGNORE_MISSING, TOTALS

_FLAGS = {
    **{f"--extra={how}": flag for how, flag in EXTRA_FLAGS.items()},
    **dict.fromkeys(("-v", "--verbose"), ALL_RESULTS),
    **dict.fromkeys(("-q", "--quiet", "--status"), 0),
    "--ignore-missing": IGNORE_MISSING,
}


def begin(arguments: list[str]) -> None:
    """Begin the check that ``checksig check`` will ask for, if its arguments are simple.

    The command then takes this job, but only if its own request is equal. So a case that is not
    foreseen here takes time, but gets no other verdict.

    Args:
        arguments: those of ``checksig check``.
    """
    flags, paths = 0, []
    words = iter(arguments)
    for word in words:
        option = f"{word}={next(words, '')}" if word == "--extra" else word
        if option in _FLAGS:
            flags |= _FLAGS[option]
        elif option.startswith("-"):
            return
        else:
            paths.append(option)
    if len(paths) > 1 or paths == [""]:
        return
    path, manifest = paths[0] if paths else ".", None
    if not os.path.isdir(path):
        path, manifest = os.path.dirname(path) or ".", path
    if "--status" not in arguments and sys.stderr is not None and sys.stderr.isatty():
        flags |= TOTALS  # for the progress bar
    begin_ahead(make_request(path, manifest=manifest, receipts=Receipts(state_directory()), flags=flags))

"""Reports an exception that nothing else handles, which is a bug in checksig."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback

from checksig._text import printable

ISSUES = "https://github.com/checksig/checksig/issues"


def report(error: BaseException) -> None:
    """Write what happened, and how to report it, to standard error.

    The environment variable CHECKSIG_TRACEBACK adds the traceback.
    """
    with contextlib.suppress(Exception):  # the exit status must be ours, even if this fails
        lines = []
        if os.environ.get("CHECKSIG_TRACEBACK"):
            lines = "".join(traceback.format_exception(error)).splitlines()
        lines.append(f"checksig: {_message(error)}")
        sys.stderr.write("".join(f"{printable(line)}\n" for line in lines))
        sys.stderr.flush()


def _message(error: BaseException) -> str:
    what = "".join(traceback.format_exception_only(error)).strip()
    where = traceback.extract_tb(error.__traceback__)[-1:]
    at = "".join(f" ({frame.filename}, line {frame.lineno})" for frame in where)
    return (
        f"this is a bug in checksig: {what}{at}; please report it at {ISSUES}, with the traceback that"
        " CHECKSIG_TRACEBACK=1 in the environment shows"
    )

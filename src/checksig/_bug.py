"""Reports an exception that nothing else handles, even if the package cannot be imported."""

import os
import sys

ISSUES = "https://github.com/checksig/checksig/issues"


def report(error: BaseException) -> None:
    """Write what happened, and how to report it, to standard error.

    The environment variable CHECKSIG_TRACEBACK adds the traceback.
    """
    try:
        text = f"checksig: {_message(error)}\n"
        if os.environ.get("CHECKSIG_TRACEBACK"):
            import traceback

            text = "".join(traceback.format_exception(error)) + text
        sys.stderr.write("".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text))
        sys.stderr.flush()
    except Exception:  # the exit status must be ours, even if nothing can be written
        pass


def _message(error: BaseException) -> str:
    what = "it cannot import what it needs" if isinstance(error, ImportError) else "this is a bug in checksig"
    remedy = "reinstall checksig; if that does not help, " if isinstance(error, ImportError) else ""
    return (
        f"{what}: {error!r}{_place(error)}; {remedy}please report it at {ISSUES}, with the traceback that"
        " CHECKSIG_TRACEBACK=1 in the environment shows"
    )


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    if trace is None:
        return ""
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f" ({trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno})"

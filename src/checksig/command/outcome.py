"""How a run of the command ends: its exit status, and what happens if its output is lost."""

from __future__ import annotations

import os
import sys
from enum import IntEnum

from checksig.command.terminal import OutputError, cause, complain, flush, waiting_streams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO


class ExitStatus(IntEnum):
    """The exit status of the command."""

    OK = 0  # all is well, and something was verified; for diff: nothing differs
    BAD = 1  # a file is bad; for diff: something differs
    ERROR = 2  # bad usage, unusable manifest, bad manifest line, nothing verified, or output lost
    INTERRUPTED = 130


def run_command(dispatch: Callable[[], int]) -> int:
    """Do the work of the command, and return the exit status.

    Args:
        dispatch: does the work, and returns the exit status that it deserves.
    """
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    with waiting_streams():
        status = _run_and_flush(dispatch)
        try:
            sys.stderr.flush()
        except OSError:  # Python would flush again when it exits, and change the exit status
            _discard(sys.stderr)
    return int(status)


def _run_and_flush(dispatch: Callable[[], int]) -> int:
    """Run the command; a failure of standard output is an error."""
    if sys.stdout is None:
        return fail("standard output is closed")
    try:
        status = dispatch()
        flush()
        return status
    except OutputError as error:
        return _output_lost(error.__cause__)
    except OSError as error:  # click's, when it prints a help text
        return _output_lost(error)
    except KeyboardInterrupt:
        complain("interrupted")
        return ExitStatus.INTERRUPTED


def fail(message: str) -> int:
    """Complain, and return the exit status of an error."""
    complain(message)
    return ExitStatus.ERROR


def _output_lost(error: BaseException | None) -> int:
    """Report that standard output cannot be written to, unless the reader closed the pipe."""
    _discard(sys.stdout)
    if isinstance(error, BrokenPipeError):
        return ExitStatus.ERROR
    return fail(f"standard output: {cause(error)}")


def _discard(stream: TextIO) -> None:
    """Redirect a stream to the null device, with what it has not flushed."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())

"""``checksig --version``, without the modules that other commands need."""

from __future__ import annotations

from checksig._version import __version__
from checksig.command.outcome import ExitStatus, run_command
from checksig.command.terminal import Out


def run() -> int:
    """Show the version, and return the exit status."""
    return run_command(_show)


def _show() -> int:
    """Write the version to standard output."""
    Out(color=False).line(f"checksig {__version__}")
    return ExitStatus.OK

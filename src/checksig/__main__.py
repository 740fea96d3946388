"""Runs the command: ``python -m checksig``."""

from __future__ import annotations

import gc
import os
import signal
import sys

from checksig._bug import report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_INTERRUPTED = 130


def main() -> None:
    """Run the command, and exit with its exit status; after Ctrl-C, end by SIGINT."""
    try:
        status = _import_command()()
    except KeyboardInterrupt:  # while modules were being imported
        status = _INTERRUPTED
    except Exception as error:
        report(error)
        status = 2
    if status == _INTERRUPTED and sys.platform != "win32":
        # A shell ends its loop only if a command dies of SIGINT; its $? is 130.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    sys.exit(status)


def _import_command() -> Callable[[], int]:
    """Return the function that runs the command.

    If the check has already ended, that function only returns its exit status. Modules are no garbage,
    so nothing is collected while they are imported, and no collection looks at them later. That saves
    a fifth of the time of a small check.
    """
    gc.disable()
    try:
        if sys.argv[1:] == ["--version"]:
            from checksig.command.version import run
        else:
            from checksig.command.ahead import begin

            if (status := begin(sys.argv[1:])) is not None:
                return lambda: status
            from checksig.command.cli import run
    finally:
        gc.freeze()
        gc.enable()
    return run


if __name__ == "__main__":
    main()

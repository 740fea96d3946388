"""Runs the command: ``python -m checksig``."""

from __future__ import annotations

import os
import signal
import sys

from checksig._bug import report

_INTERRUPTED = 130


def main() -> None:
    """Run the command, and exit with its exit status; after Ctrl-C, end by SIGINT."""
    try:
        if sys.argv[1:] == ["--version"]:
            from checksig.command.version import run
        else:
            from checksig.command.cli import run
        status = run()
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


if __name__ == "__main__":
    main()

"""Runs the command: ``python -m checksig``."""

from __future__ import annotations

import sys

from checksig.command.bug import report


def main() -> None:
    """Run the command, and exit with its exit status."""
    try:
        from checksig.command.cli import run

        status = run()
    except KeyboardInterrupt:  # while modules were being imported
        status = 130
    except Exception as error:
        report(error)
        status = 2
    sys.exit(status)


if __name__ == "__main__":
    main()

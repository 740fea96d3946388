"""Answers requests to verify, in a process that has already imported checksig.

Each line of the input is a JSON array with the arguments of ``check_signatures``. Each line of the
output is a JSON object with the seconds that the call took and the error message, if any.
"""

from __future__ import annotations

import json
import sys
import time

import checksig


def main() -> None:
    """Answer until the input ends."""
    for line in sys.stdin:
        arguments = json.loads(line)
        message = ""
        start = time.perf_counter()
        try:
            checksig.check_signatures(*arguments)
        except (OSError, RuntimeError, ValueError) as error:
            message = f"{type(error).__name__}: {error}"
        seconds = time.perf_counter() - start
        print(json.dumps({"seconds": seconds, "message": message}), flush=True)


if __name__ == "__main__":
    main()

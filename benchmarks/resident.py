"""Answers requests to verify, in a process that has already imported checksig.

Each line of the input is a JSON array with the arguments of ``check_signatures``: an array and an
object. Each line of the output is a JSON object with the seconds that the call took, its processor
time and the error message, if any.
"""

from __future__ import annotations

import json
import sys
import time

import checksig


def main() -> None:
    """Answer until the input ends."""
    for line in sys.stdin:
        arguments, options = json.loads(line)
        message = ""
        cpu, start = time.process_time(), time.perf_counter()
        try:
            checksig.check_signatures(*arguments, **options)
        except (OSError, RuntimeError, ValueError) as error:
            message = f"{type(error).__name__}: {error}"
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        print(json.dumps({"seconds": seconds, "cpu_seconds": cpu, "message": message}), flush=True)


if __name__ == "__main__":
    main()

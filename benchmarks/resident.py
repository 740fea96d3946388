"""A process that has imported checksig already, and verifies what it is told to.

Each line of its input is a JSON array, the arguments of ``check_signatures``; each
line of its output a JSON object: the seconds that the call took, and what was wrong.
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

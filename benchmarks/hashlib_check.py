"""Checks a manifest with hashlib, in the usual ways: a loop, threads, or processes.

python benchmarks/hashlib_check.py {serial,threads,processes} WORKERS ALGORITHM MANIFEST

The names in the manifest are relative to the working directory.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import multiprocessing.pool
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path

CHUNK = 64  # number of lines that a worker takes at a time


def is_good(algorithm: str, line: str) -> bool:
    """Return whether a file has the digest that its line lists."""
    digest, name = line.rstrip("\n").split("  ", 1)
    with open(name, "rb") as file:  # noqa: PTH123 - a Path costs more than opening a small file
        return hashlib.file_digest(file, algorithm).hexdigest() == digest


def main() -> None:
    """Exit with 1 if a file does not match the manifest."""
    mode, workers, algorithm, manifest = sys.argv[1:]
    check = partial(is_good, algorithm)
    with Path(manifest).open() as lines:
        if mode == "serial":
            finish(map(check, lines))
            return
        kind = multiprocessing.pool.ThreadPool if mode == "threads" else multiprocessing.Pool
        with kind(int(workers)) as pool:
            finish(pool.imap_unordered(check, lines, chunksize=CHUNK))


def finish(verdicts: Iterable[bool]) -> None:
    """End the process if a verdict is bad."""
    if not all(verdicts):
        raise SystemExit("a file is not as listed")


if __name__ == "__main__":
    main()

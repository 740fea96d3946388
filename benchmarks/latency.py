"""Measures how many files to read at once where storage is slow to answer.

The script mounts a FUSE file system that waits before each open and each read, and verifies 1,000
files of 4 KiB in it: with fixed numbers of workers, and with as many as checksig chooses. It needs
Linux, a C compiler, /dev/fuse, and root or fusermount3.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import tempfile
import time
from pathlib import Path

import storage
from builds import build_c

import checksig

FILES = 1000
SIZE = 4096
WORKERS = (1, 2, 4, 8, 16, 32, 64, None)


def make_files(folder: Path) -> Path:
    """Make the files and return their manifest, which is beside the folder."""
    folder.mkdir()
    lines = []
    for number in range(FILES):
        content = os.urandom(SIZE)
        (folder / f"f{number}").write_bytes(content)
        lines.append(f"{hashlib.sha256(content).hexdigest()}  f{number}\n")
    manifest = folder.with_suffix(".sha256")
    manifest.write_text("".join(lines), "utf-8")
    return manifest


def measure(manifest: Path, mount: Path, rounds: int) -> dict[int | None, float]:
    """Return the median seconds for each number of workers, after a round that is not timed."""
    seconds: dict[int | None, list[float]] = {workers: [] for workers in WORKERS}
    for number in range(rounds + 1):
        for workers, values in seconds.items():
            start = time.perf_counter()
            checksig.check_signatures(mount, manifest, workers=workers)
            if number:
                values.append(time.perf_counter() - start)
    return {workers: statistics.median(values) for workers, values in seconds.items()}


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description="Measure how many files to read at once.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--delays", type=float, nargs="+", default=[0.1, 0.3, 1, 2], metavar="MILLISECONDS")
    options = parser.parse_args()
    columns = []
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch, "files")
        manifest = make_files(source)
        program = build_c("slow", Path(scratch))
        if program is None:
            raise SystemExit("this needs Linux and a C compiler")
        for delay in options.delays:
            with storage.slow(program, delay / 1000, source) as mount:
                columns.append(measure(manifest, mount, options.rounds))
    print("| workers |", " | ".join(f"{delay:g} ms" for delay in options.delays), "|")
    print("| --- |", " | ".join("---:" for _ in options.delays), "|")
    for workers in WORKERS:
        name = workers or "checksig's choice"
        print(f"| {name} |", " | ".join(f"{c[workers]:.3f} s" for c in columns), "|")
    print("| one worker / checksig's choice |", " | ".join(f"{c[1] / c[None]:.1f}" for c in columns), "|")


if __name__ == "__main__":
    main()

"""Measures checks with receipts: first and second run, in memory and not, killed and resumed.

The files are made, and left alone for a minute, because younger ones get no receipts. Between cold
runs their pages are dropped; inodes and directories stay in memory. The directory must be on a file
system on which receipts are used.

    python benchmarks/receipts.py [--folder DIR] [--rounds N] [--scale F]
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import checksig

LAYOUTS = {"tiny": (3, 4096), "small": (100_000, 4096), "large": (8, 512 << 20)}

CHILD = """
import json, sys, time, resource, checksig
start = time.perf_counter()
report = checksig.check(sys.argv[1], **json.loads(sys.argv[2]))
used = resource.getrusage(resource.RUSAGE_SELF)
taken = time.perf_counter() - start
print(json.dumps([taken, used.ru_utime + used.ru_stime, report.ok, report.by_receipt, report.bytes]))
"""


def make(root: Path, count: int, size: int) -> None:
    """Make a directory of files and its manifest."""
    root.mkdir()
    for number in range(count):
        folder = root / f"{number // 1000:03}"
        folder.mkdir(exist_ok=True)
        start = number.to_bytes(8, "little")
        with (folder / f"{number:06}").open("wb") as file:
            for _ in range(0, size, 1 << 20):
                file.write(start + bytes(min(size, 1 << 20) - 8))
    checksig.create(root)


def drop(root: Path) -> None:
    """Drop the pages of all files from memory."""
    os.sync()
    for path in root.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def run(root: Path, state: Path, kill: float = 0, **options: object) -> list[float]:
    """Run one check in a new process; kill it after some seconds, unless that is 0."""
    env = {**os.environ, "XDG_STATE_HOME": str(state)}
    child = [sys.executable, "-c", CHILD, str(root), json.dumps(options)]
    with subprocess.Popen(child, env=env, stdout=subprocess.PIPE, text=True) as process:
        if kill:
            time.sleep(kill)
            process.send_signal(signal.SIGKILL)
        output = process.communicate()[0]
    return list(json.loads(output)) if output else []


def measure(name: str, root: Path, state: Path, rounds: int) -> None:
    """Print the rows of a layout."""
    for cold in (False, True):
        for what, options in (
            ("without receipts", {}),
            ("receipts, first run", {"receipts": True, "max_age": 0}),
            ("receipts, second run", {"receipts": True}),
        ):
            found = []
            for _ in range(rounds):
                if cold:
                    drop(root)
                found.append(run(root, state, **options))
            wall, cpu = (statistics.median(column) for column in list(zip(*found, strict=True))[:2])
            _, _, ok, used, size = found[-1]
            assert ok
            where = "cold" if cold else "warm"
            print(f"| {name}, {where} | {what} | {wall:.3f} | {cpu:.3f} | {used:,} | {size / 1e6:,.1f} |")


def main() -> None:
    """Make the directories, measure, and print the table."""
    parser = argparse.ArgumentParser(description="Measure checks with receipts.")
    parser.add_argument("--folder", help="where to make the files (default: the temporary directory)")
    parser.add_argument("--rounds", type=int, default=3, help="number of runs of each kind (default 3)")
    parser.add_argument("--scale", type=float, default=1, help="factor for the number of files")
    parser.add_argument("--kill", type=float, default=0, help="also kill a cold run after so many seconds")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        state = Path(folder, "state")
        for name, (count, size) in LAYOUTS.items():
            make(Path(folder, name), max(1, int(count * options.scale)), size)
        time.sleep(61)
        print("| files | check | s | CPU s | by receipts | MB hashed |")
        print("| --- | --- | ---: | ---: | ---: | ---: |")
        for name in LAYOUTS:
            measure(name, Path(folder, name), state, options.rounds)
        if options.kill:
            fresh = Path(folder, "fresh")
            drop(Path(folder, "large"))
            run(Path(folder, "large"), fresh, options.kill, receipts=True, workers=1)
            taken, cpu, _, used, hashed = run(Path(folder, "large"), fresh, receipts=True)
            row = f"{taken:.3f} | {cpu:.3f} | {used:,} | {hashed / 1e6:,.1f} |"
            print(f"| large, cold | killed after {options.kill} s, then | {row}")


if __name__ == "__main__":
    main()

"""Compares the helper with the library: a small directory, many results, small files, a large file.

    python benchmarks/helper_cost.py [--rounds N]

Library and helper take turns, each in a new process; the numbers are medians.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

CHILD = """
import statistics, sys, time
import checksig
root, kind, repeat = sys.argv[1], sys.argv[2], int(sys.argv[3])
call = {
    "check": lambda: checksig.check(root),
    "iter_check": lambda: sum(1 for _ in checksig.iter_check(root)),
}[kind]
call()
times = []
for _ in range(repeat):
    start = time.perf_counter()
    call()
    times.append(time.perf_counter() - start)
print(statistics.median(times) * 1000)
"""


def make_small(root: Path) -> None:
    """Make one file of 5 bytes."""
    (root / "a").write_bytes(b"12345")
    (root / "sha1sum.txt").write_text("8cb2237d0679ca88db6464eac60da96345513964  a\n")


def make_results(root: Path) -> None:
    """Make a manifest of 100,000 files that do not exist."""
    lines = (f"{'0' * 40}  some/directory/file-{number:07}\n" for number in range(100_000))
    (root / "sha1sum.txt").write_text("".join(lines))


def make_files(root: Path) -> None:
    """Make 20,000 files of 4 KiB of zeros."""
    for number in range(20_000):
        (root / str(number)).write_bytes(bytes(4096))
    digest = "1ceaf73df40e531df3bfb26b4fb7cd95fb7bff1d"
    (root / "sha1sum.txt").write_text("".join(f"{digest}  {number}\n" for number in range(20_000)))


def make_large(root: Path) -> None:
    """Make one sparse file of 512 MiB; its listed digest is wrong, which costs no time."""
    (root / "a").touch()
    os.truncate(root / "a", 512 << 20)
    (root / "sha1sum.txt").write_text(f"{'0' * 40}  a\n")


WORKLOADS: dict[str, tuple[Callable[[Path], None], str, int]] = {
    "`check` of one file of 5 bytes": (make_small, "check", 200),
    "`iter_check` of 100,000 files that are missing": (make_results, "iter_check", 5),
    "`check` of 20,000 files of 4 KiB, sha1": (make_files, "check", 5),
    "`check` of one file of 512 MiB, sha1": (make_large, "check", 3),
}


def measure(root: Path, engine: str, kind: str, repeat: int) -> float:
    """Return the milliseconds that a call takes."""
    env = {**os.environ, "CHECKSIG_ENGINE": engine}
    command = [sys.executable, "-c", CHILD, str(root), kind, str(repeat)]
    return float(subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    """Measure the workloads and print the table."""
    parser = argparse.ArgumentParser(description="Compare the helper with the library.")
    parser.add_argument("--rounds", type=int, default=5, help="number of measurements of each (default 5)")
    options = parser.parse_args()
    print("| | library, ms | helper, ms |\n| --- | ---: | ---: |")
    for name, (make, kind, repeat) in WORKLOADS.items():
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder))
            found: dict[str, list[float]] = {"library": [], "helper": []}
            for _ in range(options.rounds):
                for engine, times in found.items():
                    times.append(measure(Path(folder), engine, kind, repeat))
        medians = [statistics.median(times) for times in found.values()]
        cells = [f"{value:,.0f}" if value >= 100 else f"{value:.2g}" for value in medians]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()

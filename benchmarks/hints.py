"""Measures what hints add to a check with many bad files.

    python benchmarks/hints.py [--rounds N]

``checksig check``, which prints a line and perhaps a hint for each bad file, and ``checksig check
--status``, which prints nothing and looks for no hints, take turns; the numbers are medians.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

MIB = 1 << 20
LINE = b"0,1,2,3,4,5,6,7,8,9\r\n"


def list_files(root: Path, names: Iterable[str]) -> None:
    """Write a manifest whose digests are all wrong."""
    (root / "SHA256SUMS").write_text("".join(f"{'0' * 64}  {name}\n" for name in names))


def make_files(root: Path, count: int, content: bytes) -> None:
    """Make bad files, all with the same content."""
    for number in range(count):
        (root / str(number)).write_bytes(content)
    list_files(root, map(str, range(count)))


def make_text(root: Path) -> None:
    """Make 1,000 text files of one line."""
    make_files(root, 1000, LINE)


def make_large_text(root: Path) -> None:
    """Make 300 text files of 1 MiB."""
    make_files(root, 300, LINE * (MIB // len(LINE)))


def make_binary(root: Path) -> None:
    """Make 20 binary files of 16 MiB."""
    make_files(root, 20, bytes(range(256)) * (16 * MIB // 256))


def make_missing(root: Path) -> None:
    """Make 100,000 files, and list 1,000 other names."""
    for number in range(100_000):
        (root / f"file-{number}").touch()
    list_files(root, (f"missing-{number}" for number in range(1000)))


WORKLOADS: dict[str, Callable[[Path], None]] = {
    "1,000 text files of one line": make_text,
    "300 text files of 1 MiB": make_large_text,
    "20 binary files of 16 MiB": make_binary,
    "1,000 missing files, in a directory of 100,000 others": make_missing,
}


def measure(root: Path, *options: str) -> float:
    """Return the seconds that the command takes."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "checksig", "check", *options, str(root)]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return time.perf_counter() - start


def main() -> None:
    """Measure the workloads and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    print("| bad files | with hints s | without s | more s |\n| --- | ---: | ---: | ---: |")
    for name, make in WORKLOADS.items():
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder))
            measure(Path(folder))
            pairs = [(measure(Path(folder)), measure(Path(folder), "--status")) for _ in range(rounds)]
        with_hints, without = (statistics.median(times) for times in zip(*pairs, strict=True))
        print(f"| {name} | {with_hints:.2f} | {without:.2f} | {with_hints - without:.2f} |", flush=True)


if __name__ == "__main__":
    main()

"""Compares shards on Dask workers with one process, for small and for large files.

Usage: python benchmarks/shards.py [--workers 2] [--files 20000] [--large 16]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import distributed

import checksig


def make(root: Path, count: int, size: int) -> Path:
    """Create a directory of files of one size, and its manifest."""
    root.mkdir()
    content = bytes(range(256)) * (size // 256)
    for number in range(count):
        (root / f"{number:06}").write_bytes(content)
    checksig.create(root)
    return root


def best(verify: Callable[[], checksig.Report]) -> float:
    """Return the seconds of the fastest of three runs."""
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        assert verify().ok
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--files", type=int, default=20_000, help="of 4 KiB")
    parser.add_argument("--large", type=int, default=16, help="files of 128 MiB")
    options = parser.parse_args()
    counts = (options.workers, 16, 64)
    print("| files | one process |", " | ".join(f"{count} shards" for count in counts), "|")
    print("| --- |", " | ".join(["---"] * (len(counts) + 1)), "|")
    with (
        tempfile.TemporaryDirectory() as folder,
        distributed.LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=options.workers, threads_per_worker=1, dashboard_address=None, silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,  # type: ignore[no-untyped-call]
    ):
        pool = client.get_executor()
        for count, size, name in ((options.files, 4 << 10, "4 KiB"), (options.large, 128 << 20, "128 MiB")):
            root = make(Path(folder) / str(size), count, size)
            checksig.check(root, executor=pool, shards=options.workers)  # load the library in each worker
            times = [best(lambda root=root: checksig.check(root))]  # type: ignore[misc]
            for shards in counts:
                n = min(shards, count)
                times.append(best(lambda root=root, n=n: checksig.check(root, executor=pool, shards=n)))  # type: ignore[misc]
            cells = " | ".join(f"{seconds:.2f}" for seconds in times)
            print(f"| {count:,} x {name} | {cells} |", flush=True)


if __name__ == "__main__":
    main()

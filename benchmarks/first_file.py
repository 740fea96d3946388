"""Measures how long it takes to the first file, and the memory beside the manifest.

Usage: python benchmarks/first_file.py ENTRIES [sorted | shuffled]
"""

from __future__ import annotations

import random
import resource
import sys
import tempfile
import time
from pathlib import Path

import checksig


def main() -> None:
    """Verify the last file of a manifest, in a shard that has nothing else, and print the cost."""
    count = int(sys.argv[1])
    names = [f"{number:016x}" for number in range(count)]
    if sys.argv[2:] == ["shuffled"]:
        random.Random(1).shuffle(names)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        with (root / "SHA256SUMS").open("w") as manifest:
            manifest.writelines(f"{'0' * 64}  {name}\n" for name in names)
        size = (root / "SHA256SUMS").stat().st_size
        del names
        checksig.get_engine()
        before = resource.getrusage(resource.RUSAGE_SELF)
        start = time.perf_counter()
        with checksig.iter_check(root, shard=(count, count)) as results:
            assert next(results).status == "MISSING"
        seconds = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    peak = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
    print(
        f"{count:,} entries: {seconds:.2f} s to the first file, {cpu:.2f} s CPU, manifest {size / 1e6:.0f} MB"
        f", peak {int(peak) / 1e3:.0f} MB"
    )


if __name__ == "__main__":
    main()

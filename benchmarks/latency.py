"""Measures how many files to read at once where storage is slow to answer.

The script mounts a FUSE file system that waits before each open and each read, and verifies 1,000
files of 4 KiB in it: with fixed numbers of workers, and with as many as checksig chooses. It needs
fuse3 and mfusepy.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import checksig

FILES = 1000
SIZE = 4096
WORKERS = (1, 2, 4, 8, 16, 32, 64, None)
MOUNT_SECONDS = 20


def serve(source: Path, mount: Path, delay: float) -> None:
    """Show the files of ``source`` in ``mount``, with a delay of each open and each read."""
    import mfusepy

    class Slow(mfusepy.Operations):  # type: ignore[misc]
        use_ns = True

        def getattr(self, path: str, fh: int | None = None) -> dict[str, int]:
            status = os.lstat(source / path[1:])
            times = {name: getattr(status, f"{name}_ns") for name in ("st_mtime", "st_ctime", "st_atime")}
            return {
                "st_mode": status.st_mode,
                "st_size": status.st_size,
                "st_nlink": status.st_nlink,
                **times,
            }

        def readdir(self, path: str, fh: int) -> list[str]:
            return [".", "..", *(entry.name for entry in (source / path[1:]).iterdir())]

        def open(self, path: str, flags: int) -> int:
            time.sleep(delay)
            return os.open(source / path[1:], os.O_RDONLY)

        def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
            time.sleep(delay)
            return os.pread(fh, size, offset)

        def release(self, path: str, fh: int) -> int:
            os.close(fh)
            return 0

    mfusepy.FUSE(Slow(), str(mount), foreground=True, nothreads=False, max_threads=128)


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


def wait_for(mount: Path) -> None:
    """Wait until the file system is mounted."""
    end = time.monotonic() + MOUNT_SECONDS
    while not mount.is_mount():
        if time.monotonic() > end:
            sys.exit("the file system is not mounted: install fuse3 and mfusepy, and check /dev/fuse")
        time.sleep(0.05)


def measure(manifest: Path, source: Path, mount: Path, delay: float, rounds: int) -> dict[int | None, float]:
    """Return the median seconds for each number of workers."""
    command = [sys.executable, __file__, "--serve", str(source), str(mount), str(delay)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
        try:
            wait_for(mount)
            seconds: dict[int | None, list[float]] = {workers: [] for workers in WORKERS}
            for _ in range(rounds):
                for workers, values in seconds.items():
                    start = time.perf_counter()
                    checksig.check_signatures(mount, manifest, workers=workers)
                    values.append(time.perf_counter() - start)
        finally:
            subprocess.run(["fusermount3", "-u", str(mount)], check=False)
            server.wait()
    return {workers: statistics.median(values) for workers, values in seconds.items()}


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--delays", type=float, nargs="+", default=[0.0005, 0.002, 0.01], metavar="SECONDS")
    parser.add_argument("--serve", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        source, mount, delay = options.serve
        serve(Path(source), Path(mount), float(delay))
        return
    print("| workers |", " | ".join(f"{1000 * delay:g} ms" for delay in options.delays), "|")
    print("| --- |", " | ".join("---:" for _ in options.delays), "|")
    with tempfile.TemporaryDirectory() as scratch:
        source, mount = Path(scratch, "files"), Path(scratch, "mount")
        mount.mkdir()
        manifest = make_files(source)
        columns = [measure(manifest, source, mount, delay, options.rounds) for delay in options.delays]
    for workers in WORKERS:
        name = workers or "checksig's choice"
        print(f"| {name} |", " | ".join(f"{c[workers]:.2f} s" for c in columns), "|")


if __name__ == "__main__":
    main()

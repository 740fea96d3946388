"""Where the files of a case are: in memory, on a disk, or in a file system that is slow to answer."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DROP = Path("/proc/sys/vm/drop_caches")
MOUNT_SECONDS = 20


def need(storage: str, built: dict[str, Path]) -> None:
    """End the run if this process cannot have a storage."""
    if storage == "disk" and not os.access(DROP, os.W_OK):
        raise SystemExit(f"--storage disk needs the right to write to {DROP}; use --storage fuse instead")
    if storage == "fuse" and "slow" not in built:
        raise SystemExit("--storage fuse needs Linux and a C compiler")


def forget() -> None:
    """Drop the cached contents, names and attributes of all files."""
    os.sync()
    DROP.write_text("3")


@contextmanager
def slow(program: Path, seconds: float, source: Path) -> Iterator[Path]:
    """Yield a place that shows ``source``, where each open and each read takes so long."""
    with tempfile.TemporaryDirectory() as scratch:
        mount = Path(scratch, "mount")
        mount.mkdir()
        with subprocess.Popen([program, str(round(seconds * 1e6)), source, mount]) as server:
            try:
                wait_for(mount, server)
                yield mount
            finally:
                server.terminate()


def wait_for(mount: Path, server: subprocess.Popen[bytes]) -> None:
    """Wait until the file system is mounted."""
    end = time.monotonic() + MOUNT_SECONDS
    while not mount.is_mount():
        if server.poll() is not None or time.monotonic() > end:
            raise SystemExit("the file system is not mounted: it needs /dev/fuse, and root or fusermount3")
        time.sleep(0.05)

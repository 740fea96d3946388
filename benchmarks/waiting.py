"""Measures what it costs to wait for a verification whose disk is slow.

The script holds up a read of the verified file for some seconds, by seccomp. It measures the
processor time of the process during the wait, in percent of one core, and compares it with a loop of
``threading.Event.wait`` in slices of the same length. It also measures one poll of a job, without
waiting.

    python benchmarks/waiting.py [--seconds S] [--rounds N]
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path.insert(0, str(TESTS))

import syscalls  # noqa: E402

CHILD = """
import ctypes, os, sys, threading, time
sys.path.insert(0, sys.argv[1])
import checksig, syscalls
from checksig._wire import BUFFER_SIZE, Request
from checksig.checksig import LibraryJob, load
root, seconds = sys.argv[3], float(sys.argv[4])

def share(wait):
    cpu, wall = time.process_time(), time.monotonic()
    wait()
    return 100 * (time.process_time() - cpu) / (time.monotonic() - wall)

def slices():
    end, event = time.monotonic() + seconds, threading.Event()
    while time.monotonic() < end:
        event.wait(0.05)

def poll_cost():
    library = load()
    job = LibraryJob(library)
    job.start(Request(root=os.fsencode(root)))
    job.next()  # makes the buffer
    call = library.calls.checksig_next
    rest = [ctypes.byref(out) for out in (job._written, job._progress, job._error)]
    start = time.perf_counter()
    for _ in range(10_000):
        call(job._handle, job._buffer, BUFFER_SIZE, 0, *rest)
    taken = time.perf_counter() - start
    job.close(0)
    return taken / 10_000 * 1e6

syscalls.supervise(("read",), int(sys.argv[2]))
checksig.check(root)
print(share(slices), share(lambda: checksig.check(root)), poll_cost(), flush=True)
"""


def main() -> None:
    """Measure the waits and print the table."""
    parser = argparse.ArgumentParser(description="Measure what it costs to wait for a verification.")
    parser.add_argument("--seconds", type=float, default=5, help="duration of each wait (default 5)")
    parser.add_argument("--rounds", type=int, default=5, help="number of measurements of each (default 5)")
    options = parser.parse_args()
    found = [measure(options.seconds) for _ in range(options.rounds)]
    print("| | median | min-max |\n| --- | --- | --- |")
    names = (
        "Event.wait(0.05) in a loop, % of a core",
        "check, its disk waiting, % of a core",
        "one poll, µs",
    )
    for name, values in zip(names, zip(*found, strict=True), strict=True):
        print(f"| {name} | {statistics.median(values):.2f} | {min(values):.2f}-{max(values):.2f} |")


def measure(seconds: float) -> list[float]:
    """Return the numbers of a child whose reads of the file, except the first, are held up."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "file")
        file.write_bytes(b"hello")
        Path(folder, "sha1sum.txt").write_text(f"{hashlib.sha1(b'hello').hexdigest()}  file\n")
        reads = 0

        def hold_up(call: syscalls.Call) -> None:
            nonlocal reads
            if syscalls.path_of(call) == str(file):
                reads += 1
                if reads > 1:
                    time.sleep(seconds)

        with syscalls.Supervisor(hold_up) as supervisor:
            arguments = [str(TESTS), str(supervisor.descriptor), folder, str(seconds)]
            done = subprocess.run(
                [sys.executable, "-c", CHILD, *arguments],
                pass_fds=[supervisor.descriptor],
                stdout=subprocess.PIPE,
                check=True,
            )
    return [float(number) for number in done.stdout.split()]


if __name__ == "__main__":
    main()

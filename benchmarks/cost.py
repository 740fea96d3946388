"""Measures the costs besides hashing: a call, the import, memory, each entry of a manifest.

    python benchmarks/cost.py [--scale F] [--rounds N] [--workload NAME]... [--data DIR]

Every measurement is repeated, and the medians are printed. The costs of starting a process are
measured in new processes, taking turns with processes that do nothing. Where other programs run on
the machine, processor time says more than time.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from by_ctypes import load, verify
from workloads import WORKLOADS, Tree, make

import checksig

Rows = dict[str, list[float]]
Clock = Callable[[], float]

SIGNED = Path(__file__).resolve().parent.parent / "testdata" / "signed"
KEY = "RWTp/ioeTqt5N51adbHHRcpx6eOLG3oOyYkVzkfFg5ayuD0s2YfNt3Ws"  # of SIGNED

FIRST = """
import sys, time
start = time.perf_counter()
import checksig
imported = time.perf_counter()
checksig.check_signatures(sys.argv[1])
called = time.perf_counter()
checksig.check_signatures(sys.argv[1])
again = time.perf_counter()
print(1e3 * (imported - start), 1e3 * (called - imported), 1e3 * (again - called))
"""

# The peak is reset before each step, so that it is the peak of that step alone.
MEMORY = """
import sys
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
def set_back():
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
set_back()
start = peak()
import checksig
checksig.check_signatures(sys.argv[1])
ready = peak()
set_back()
before = peak()
checksig.check_signatures(sys.argv[2])
print((ready - start) / 1024, (peak() - before) / 1024)
"""


def main() -> None:
    """Measure the costs and print the tables."""
    options = parse()
    options.data.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        one = Path(folder)
        (one / "file").write_bytes(b"hello")
        (one / "sha1sum.txt").write_text(f"{hashlib.sha1(b'hello').hexdigest()}  file\n")
        print(f"checksig {checksig.__version__}, Python {sys.version.split()[0]}, scale {options.scale:g}")
        os.environ["XDG_STATE_HOME"] = str(one / "state")
        for clock, what in ((time.perf_counter, "a call"), (time.process_time, "processor time of a call")):
            table(f"{what}, of a directory with one file", "µs", call_costs(folder, options.rounds, clock))
            table(f"{what}, of testdata/signed", "µs", option_costs(options.rounds, clock))
        for index, what in enumerate(("a process", "processor time of a process")):
            table(what, "ms", process_costs(folder, options.rounds, index))
        table("its first steps", "ms", first_costs(folder, options.rounds))
        table("peak memory above what was there before", "MiB", memory_costs(folder, options))
    table("an entry, of a file of about 100 bytes", "µs", entry_costs(options))


def parse() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description="Measure what checksig costs besides hashing.")
    parser.add_argument(
        "--scale", type=float, default=1, help="factor for the workloads, for a trial (default 1)"
    )
    parser.add_argument("--rounds", type=int, default=7, help="number of measurements of each (default 7)")
    parser.add_argument(
        "--workload",
        action="append",
        choices=list(WORKLOADS),
        help="workload to measure memory with (default all)",
    )
    default = Path(tempfile.gettempdir(), "checksig-benchmarks")
    parser.add_argument(
        "--data", type=Path, default=default, help=f"directory that keeps the files ({default})"
    )
    options = parser.parse_args()
    if options.rounds < 1 or not 0 < options.scale <= 1:
        parser.error("--rounds must be at least 1, --scale at most 1")
    options.data = options.data.resolve()
    return options


def in_turn(rounds: int, measurements: Mapping[str, Callable[[], float]]) -> Rows:
    """Return the values of each measurement, round by round; the measurements take turns."""
    rows: Rows = {name: [] for name in measurements}
    for _ in range(rounds):
        for name, measure in measurements.items():
            rows[name].append(measure())
    return rows


def table(title: str, unit: str, rows: Rows) -> None:
    """Print a table of medians."""
    print(f"\n| {title} | median {unit} | min-max {unit} |\n| --- | ---: | ---: |")
    for name, values in rows.items():
        print(f"| {name} | {statistics.median(values):,.2f} | {min(values):,.2f}-{max(values):,.2f} |")
    sys.stdout.flush()


def call_costs(folder: str, rounds: int, clock: Clock) -> Rows:
    """Return the microseconds of a call."""
    library = load()
    return in_turn(
        rounds,
        {
            "`check_signatures`": lambda: microseconds(lambda: checksig.check_signatures(folder), clock),
            "`check`": lambda: microseconds(lambda: checksig.check(folder), clock),
            "`checksig_verify`, the C function": lambda: microseconds(lambda: verify(library, folder), clock),
        },
    )


def option_costs(rounds: int, clock: Clock) -> Rows:
    """Return the microseconds of a call with options that cost nothing where they are not given."""
    calls: dict[str, Callable[[], object]] = {
        "`check`": lambda: checksig.check(SIGNED),
        "`check` with `signed_by`": lambda: checksig.check(SIGNED, signed_by=KEY),
        "`check` with `receipts`": lambda: checksig.check(SIGNED, receipts=True),
        "`check` with `extra`": lambda: checksig.check(SIGNED, extra="report"),
    }
    return in_turn(rounds, {name: partial(microseconds, call, clock) for name, call in calls.items()})


def microseconds(call: Callable[[], object], clock: Clock, count: int = 1000) -> float:
    """Return the mean time of many calls."""
    start = clock()
    for _ in range(count):
        call()
    return 1e6 * (clock() - start) / count


def process_costs(folder: str, rounds: int, index: int) -> Rows:
    """Return the milliseconds of whole processes: the time for index 0, the processor time for 1."""
    processes = {
        "that does nothing": ["-c", "pass"],
        "that imports checksig": ["-c", "import checksig"],
        "that verifies one file": ["-c", f"import checksig; checksig.check_signatures({folder!r})"],
        "`checksig --version`": ["-m", "checksig", "--version"],
        "`checksig check`": ["-m", "checksig", "check", folder],
    }

    def milliseconds(*arguments: str) -> float:
        before = (time.perf_counter(), processor_time())
        python(*arguments)
        return 1e3 * ((time.perf_counter(), processor_time())[index] - before[index])

    return in_turn(rounds, {name: partial(milliseconds, *process) for name, process in processes.items()})


def processor_time() -> float:
    """Return the processor time of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def first_costs(folder: str, rounds: int) -> Rows:
    """Return the milliseconds of the first steps in a new process."""
    found = [child(FIRST, folder) for _ in range(rounds)]
    names = ("`import checksig`", "the first call, which loads the library", "the second call")
    return {name: [steps[number] for steps in found] for number, name in enumerate(names)}


def memory_costs(folder: str, options: argparse.Namespace) -> Rows:
    """Return the peak MiB of the import with a first call, and then of each workload."""
    rows: Rows = {"import, and a call of one file": []}
    for name in options.workload or WORKLOADS:
        tree = make(options.data, WORKLOADS[name], options.scale)
        found = [child(MEMORY, folder, str(tree.root)) for _ in range(options.rounds)]
        rows["import, and a call of one file"] += [ready for ready, _ in found]
        rows[f"then {name}, files: {tree.files:,}"] = [above for _, above in found]
    return rows


def entry_costs(options: argparse.Namespace) -> Rows:
    """Return the microseconds per entry, for directories of 1,000 to 1,000,000 files."""
    counts = [count for count in (10**3, 10**4, 10**5, 10**6) if count <= 10**6 * options.scale]
    trees = [make(options.data, WORKLOADS["tiny"], count / 10**6) for count in counts]

    def per_entry(tree: Tree) -> float:
        call = partial(checksig.check_signatures, tree.root)
        return microseconds(call, time.perf_counter, 1) / tree.files

    for tree in trees:
        per_entry(tree)  # so that the files are in memory
    measurements = {f"of {tree.files:,}": partial(per_entry, tree) for tree in trees}
    return in_turn(options.rounds, measurements)


def child(code: str, *arguments: str) -> list[float]:
    """Run Python code in a new process and return the numbers that it prints."""
    return [float(word) for word in python("-c", code, *arguments).split()]


def python(*arguments: str) -> str:
    """Run a new interpreter, which caches bytecode as usual, and return what it prints."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment).stdout


if __name__ == "__main__":
    main()

"""Measures how fast one core hashes: checksig's kernels with many streams, and openssl with one.

    python benchmarks/rates.py [--rounds N] [--seconds S]

The kernels' rates come from Go benchmarks named BenchmarkStreams/ALGORITHM/KERNEL/STREAMS; each is
the rate of all streams together.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from machine import cpu_info, first_line

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "build_backend"))

import toolchain  # noqa: E402

LINE = re.compile(r"^BenchmarkStreams/([^/\s]+)/([^/\s]+)/(\d+)(?:-\d+)?\s.*?([\d.]+) MB/s", re.MULTILINE)
OPENSSL_NAMES = {"blake2b": "blake2b512", "blake3": None, "crc32": None}

Kernel = tuple[str, str, int]  # algorithm, name, streams


def main() -> None:
    """Measure the rates and print the table."""
    parser = argparse.ArgumentParser(description="Measure how fast one core hashes.")
    parser.add_argument("--rounds", type=int, default=5, help="number of measurements of each (default 5)")
    parser.add_argument("--seconds", type=float, default=1, help="duration of each measurement (default 1)")
    options = parser.parse_args()
    ours: dict[Kernel, list[float]] = {}
    theirs: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for _ in range(options.rounds):
            for kernel, rate in streams(Path(scratch), options.seconds):
                ours.setdefault(kernel, []).append(rate)
            for algorithm in dict.fromkeys(kernel[0] for kernel in ours):
                theirs.setdefault(algorithm, []).extend(openssl(algorithm, options.seconds))
    if not ours:
        raise SystemExit("there is no Go benchmark BenchmarkStreams")
    report(ours, theirs)


def streams(scratch: Path, seconds: float) -> list[tuple[Kernel, float]]:
    """Run the Go benchmarks once; return their rates, in GB/s."""
    go, cc = toolchain.go_command(), toolchain.cc_command()
    env = toolchain.environment(go, cc, scratch)
    tags = toolchain.MODULES_TAG if toolchain.has_modules(go, env) else ""
    command = [go, "test", f"-tags={tags}", "-run=^$", "-bench=Streams", "-cpu=1", f"-benchtime={seconds:g}s"]
    done = subprocess.run(
        [*command, "./internal/digest/..."],
        cwd=toolchain.GO_SOURCES,
        env=env,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"go test failed:\n{done.stdout}")
    return parse(done.stdout)


def parse(text: str) -> list[tuple[Kernel, float]]:
    """Return the rates in the output of Go benchmarks, in GB/s."""
    return [((alg, kernel, int(n)), float(rate) / 1000) for alg, kernel, n, rate in LINE.findall(text)]


def openssl(algorithm: str, seconds: float) -> list[float]:
    """Return openssl's rate, in GB/s, or an empty list if it does not have the algorithm."""
    name = OPENSSL_NAMES.get(algorithm, algorithm)
    if name is None or shutil.which("openssl") is None:
        return []
    length = str(max(1, round(seconds)))
    command = ["openssl", "speed", "-mr", "-seconds", length, "-bytes", "16384", "-evp", name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"^\+F:\d+:[^:]+:([\d.]+)", done.stdout, re.MULTILINE)
    return [float(found[1]) / 1e9] if done.returncode == 0 and found else []


def report(ours: dict[Kernel, list[float]], theirs: dict[str, list[float]]) -> None:
    """Print the table."""
    version = first_line("openssl", "version") or "no openssl"
    print(f"One core of {cpu_info().get('model name', 'unknown')}, {version}, GB/s:\n")
    print("| algorithm | kernel | streams | median | min-max | openssl, one stream | times openssl |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for (algorithm, kernel, count), rates in ours.items():
        middle = statistics.median(rates)
        spread = f"{min(rates):.2f}-{max(rates):.2f}"
        beside = "| "
        if theirs[algorithm]:
            other = statistics.median(theirs[algorithm])
            beside = f"{other:.2f} | {middle / other:.2f}"
        print(f"| {algorithm} | {kernel} | {count} | {middle:.2f} | {spread} | {beside} |")


if __name__ == "__main__":
    main()

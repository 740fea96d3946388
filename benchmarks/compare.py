"""Measures how long checksig and its peers take to verify the same files.

    python benchmarks/compare.py [--scale F] [--rounds N] [--workload NAME[/ALGORITHM]]...
        [--data DIR] [--json FILE] [--chart FILE.svg] [--openssl-coreutils DIR]

All peers take turns, in a different order each round, after an untimed round that leaves the files
in memory. Before that, each peer has to accept a small copy of the workload, and to reject it after
one bit has been changed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
from pathlib import Path

import machine
from builds import build
from chart import draw
from peers import BASE, PEERS, Case, Peer, Setting, find_openssl_coreutils
from results import CaseResult, Results, table
from run import Runner, runner
from workloads import WORKLOADS, Tree, make

import checksig

LEAST_ROUNDS = 5

Selected = list[tuple[str, str]]


def main() -> None:
    """Measure, print the tables, and write the files that were asked for."""
    options = parse()
    options.data.mkdir(parents=True, exist_ok=True)
    built = build(options.data / "programs")
    setting = Setting(machine.cores(), built, find_openssl_coreutils(options.openssl_coreutils))
    missing = {peer.label("sha1"): peer.package for peer in PEERS if not peer.is_there(setting)}
    there = [peer for peer in PEERS if peer.is_there(setting) and chosen(peer, options.peer)]
    for name, package in missing.items():
        print(f"missing: {name} - needs {package}")
    results: Results = {
        "machine": machine.describe(options.data),
        "versions": {peer.label("sha1"): peer.version(setting) for peer in there},
        "missing": missing,
        "scale": options.scale,
        "rounds": options.rounds,
        "cases": [],
    }
    cases = results["cases"]
    with runner() as running:
        for workload, algorithm in options.selected:
            peers = [peer for peer in there if peer.takes_part(workload, algorithm)]
            if algorithm not in checksig.get_algorithms():
                print(f"left out: {workload}, {algorithm} - this build of checksig does not have it")
                continue
            if algorithm == "blake3" and "b3sum -c" in missing:
                print(f"left out: {workload}, blake3 - b3sum writes its manifest")
                continue
            cases.append(measure(workload, algorithm, peers, setting, options, running))
            print(f"\n{table(cases[-1])}", flush=True)
            if options.json:  # after each case, because a later one may fail
                options.json.write_text(json.dumps(results, indent=1) + "\n")
    if options.chart:
        draw(results, options.chart)
    if any(case["failed"] for case in cases):
        raise SystemExit("a peer failed")


def parse() -> argparse.Namespace:
    """Return the options; ``selected`` is a list of pairs of workload and algorithm."""
    parser = argparse.ArgumentParser(description="Measure how long checksig and its peers take.")
    parser.add_argument(
        "--scale", type=float, default=1, help="factor for counts and sizes, for a trial (default 1)"
    )
    parser.add_argument(
        "--rounds", type=int, default=LEAST_ROUNDS, help="number of timed rounds (default and minimum 5)"
    )
    parser.add_argument(
        "--workload",
        action="append",
        default=[],
        help=f"one of {', '.join(WORKLOADS)}, default all; append /sha256 and so on to choose an algorithm",
    )
    parser.add_argument("--peer", action="append", default=[], help="run only peers whose names contain this")
    default = Path(tempfile.gettempdir(), "checksig-benchmarks")
    parser.add_argument(
        "--data", type=Path, default=default, help=f"directory that keeps the files ({default})"
    )
    parser.add_argument("--json", type=Path, help="write all samples to this file")
    parser.add_argument("--chart", type=Path, help="draw a chart to this file, an SVG")
    parser.add_argument("--openssl-coreutils", type=Path, help="folder with a sha1sum that uses libcrypto")
    options = parser.parse_args()
    if options.rounds < LEAST_ROUNDS or not 0 < options.scale <= 1:
        parser.error(f"--rounds must be at least {LEAST_ROUNDS}, --scale at most 1")
    options.data = options.data.resolve()
    try:
        options.selected = select(options.workload)
    except KeyError as error:
        parser.error(f"no such workload: {error}")
    return options


def select(names: list[str]) -> Selected:
    """Return the named workloads, each with its algorithms; raise KeyError for an unknown name."""
    selected: Selected = []
    for name in names or WORKLOADS:
        workload, _, algorithm = name.partition("/")
        algorithms = WORKLOADS[workload].algorithms
        if algorithm and algorithm not in algorithms:
            raise KeyError(name)
        selected += [(workload, each) for each in algorithms if algorithm in ("", each)]
    return selected


def chosen(peer: Peer, parts: list[str]) -> bool:
    """Return whether to run a peer; the one that the others are compared with always runs."""
    return not parts or peer.name == BASE or any(part in peer.label("sha1") for part in parts)


def measure(
    workload: str,
    algorithm: str,
    peers: list[Peer],
    setting: Setting,
    options: argparse.Namespace,
    running: Runner,
) -> CaseResult:
    """Return the seconds of each peer, round by round, and the peers that failed."""
    failed = find_wrong_verdicts(workload, algorithm, peers, setting, options.data, running)
    say(f"{workload}, {algorithm}: files")
    tree = make(options.data, WORKLOADS[workload], options.scale)
    case = Case(workload, algorithm, tree, setting)
    commands = {peer.label(algorithm): peer.command(case) for peer in peers}
    os.sync()
    if tree.bytes + 4096 * tree.files > 0.8 * machine.available_bytes():
        say("warning: the files hardly fit into memory")
    samples: dict[str, list[float]] = {name: [] for name in commands if name not in failed}
    for number in range(options.rounds + 1):
        order = list(samples)
        random.Random(number).shuffle(order)
        for name in order:
            say(f"{workload}, {algorithm}: round {number} of {options.rounds}: {name}")
            outcome = running.run(commands[name])
            if outcome.error:
                failed[name] = outcome.error
                del samples[name]
            elif number:
                samples[name].append(outcome.seconds)
    say("")
    running.close()
    return {
        "workload": workload,
        "algorithm": algorithm,
        "summary": WORKLOADS[workload].summary,
        "files": tree.files,
        "bytes": tree.bytes,
        "samples": samples,
        "failed": failed,
    }


def find_wrong_verdicts(
    workload: str, algorithm: str, peers: list[Peer], setting: Setting, data: Path, running: Runner
) -> dict[str, str]:
    """Return why a peer is wrong: it rejects a good copy of a workload, or accepts a bad one."""
    failed = {}
    with tempfile.TemporaryDirectory(dir=data) as folder:
        tree = make(Path(folder), WORKLOADS[workload], WORKLOADS[workload].trial)
        case = Case(workload, algorithm, tree, setting)
        commands = {peer.label(algorithm): peer.command(case) for peer in peers if peer.verifies}
        for name, command in commands.items():
            say(f"{workload}, {algorithm}: trial: {name}")
            if error := running.run(command).error:
                failed[name] = f"rejects good files: {error}"
        tree.flip()
        for name, command in commands.items():
            if not running.run(command).error:
                failed[name] = "does not notice a changed bit"
        check_rejection(tree, running.run(commands[BASE]).error)
    return failed


def check_rejection(tree: Tree, error: str) -> None:
    """End the run unless checksig reports the changed file, and no other."""
    if not error.startswith("VerificationError: ") or error.count("mismatch") != 1:
        raise SystemExit(f"checksig on one changed bit in {tree.files} files: {error!r}")


def say(text: str) -> None:
    """Show on a terminal what the run is doing."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)

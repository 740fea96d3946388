"""Measures how long checksig and its peers take to verify, or to list, the same files.

    python benchmarks/compare.py [--action NAME]... [--workload NAME[/ALGORITHM]]... [--storage NAME]...
        [--quick] [--rounds N] [--scale F] [--peer PART]... [--data DIR] [--json FILE]
        [--openssl-coreutils DIR] [--uutils DIR] [--b3sum FILE]

All peers take turns, in a different order each round. Files in memory get there in an untimed round;
files on a disk are forgotten by the kernel before each run. Before that, each peer has to accept a
small copy of the workload, and to reject it after one bit has been changed.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import itertools
import json
import os
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import machine
import storage
from builds import build
from commands import Case
from peers import OURS, PEERS, RUNNING, STORAGES, Peer
from programs import Setting, find_b3sum, find_sums
from results import CaseResult, Results, ratios, table
from run import Command, Runner, runner
from workloads import WORKLOADS, Tree, make

import checksig

LEAST_ROUNDS = 5
ACTIONS = ("check", "create", "extra")


class Task(NamedTuple):
    """What to measure: an action on a workload, with an algorithm, on a storage."""

    action: str
    workload: str
    algorithm: str
    storage: str

    def __str__(self) -> str:
        return f"{self.action} {self.workload}, {self.algorithm}, {self.storage}"


QUICK = (
    Task("check", "small", "sha1", "disk"),
    Task("create", "small", "sha1", "disk"),
    Task("extra", "nested", "sha1", "disk"),
    Task("check", "few", "sha1", "fuse"),
    Task("check", "small", "sha1", "memory"),
    Task("check", "medium", "sha1", "memory"),
    Task("check", "medium", "sha256", "memory"),
    Task("check", "medium", "md5", "memory"),
)


def main() -> None:
    """Measure, print the tables and the ratios, and write the file that was asked for."""
    options = parse()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # or each new process would compile all modules
    if (
        options.b3sum
    ):  # the manifests of the workloads are made with it, too; last, for it may be beside uutils
        os.environ["PATH"] += os.pathsep + str(Path(options.b3sum).parent.resolve())
    options.data.mkdir(parents=True, exist_ok=True)
    sums = find_sums(options.openssl_coreutils, options.uutils)
    setting = Setting(machine.cores(), build(options.data / "programs"), sums, find_b3sum(options.b3sum))
    for name in {task.storage for task in options.tasks}:
        storage.need(name, setting.built)
    missing = {peer.label("sha1"): peer.package for peer in PEERS if not peer.is_there(setting)}
    there = [peer for peer in PEERS if peer.is_there(setting)]
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
        for task in options.tasks:
            peers = [peer for peer in there if peer.takes_part(*task) and chosen(peer, task, options)]
            if task.algorithm not in checksig.get_algorithms():
                print(f"left out: {task} - this build of checksig does not have {task.algorithm}")
                continue
            if task.algorithm == "blake3" and setting.b3sum is None:
                print(f"left out: {task} - b3sum writes its manifest")
                continue
            cases.append(measure(task, peers, setting, options, running))
            print(f"\n{table(cases[-1])}", flush=True)
            if options.json:  # after each case, because a later one may fail
                options.json.write_text(json.dumps(results, indent=1) + "\n")
    print(f"\n{ratios(cases)}")
    if any(case["failed"] for case in cases):
        raise SystemExit("a peer failed")


def parse() -> argparse.Namespace:
    """Return the options; ``tasks`` is a list of what to measure."""
    parser = argparse.ArgumentParser(description="Measure how long checksig and its peers take.")
    parser.add_argument(
        "--action", action="append", choices=ACTIONS, help="what to do with the files (default check)"
    )
    parser.add_argument(
        "--workload",
        action="append",
        default=[],
        help=f"one of {', '.join(WORKLOADS)}, default all; append /sha256 and so on to choose an algorithm",
    )
    parser.add_argument(
        "--storage",
        action="append",
        choices=STORAGES,
        help="where the files are: in memory (the default), on a disk, which needs root, or in a FUSE file "
        "system that is slow to answer",
    )
    parser.add_argument(
        "--quick", action="store_true", help="measure the eight cases of the ratios, without slow peers"
    )
    parser.add_argument(
        "--delay", type=float, default=0.3, help="milliseconds for an open or a read with FUSE (default 0.3)"
    )
    parser.add_argument(
        "--scale", type=float, default=1, help="factor for counts and sizes, for a trial (default 1)"
    )
    parser.add_argument(
        "--rounds", type=int, default=LEAST_ROUNDS, help="number of timed rounds (default and minimum 5)"
    )
    parser.add_argument("--peer", action="append", default=[], help="run only peers whose names contain this")
    default = Path(tempfile.gettempdir(), "checksig-benchmarks")
    parser.add_argument(
        "--data", type=Path, default=default, help=f"directory that keeps the files ({default})"
    )
    parser.add_argument("--json", type=Path, help="write all samples to this file")
    parser.add_argument("--openssl-coreutils", type=Path, help="folder with a sha1sum that uses libcrypto")
    parser.add_argument("--uutils", type=Path, help="folder with the sha1sum of uutils")
    parser.add_argument("--b3sum", type=Path, help="path of b3sum")
    options = parser.parse_args()
    if options.rounds < LEAST_ROUNDS or not 0 < options.scale <= 1:
        parser.error(f"--rounds must be at least {LEAST_ROUNDS}, --scale at most 1")
    options.data = options.data.resolve()
    try:
        options.tasks = select(options)
    except KeyError as error:
        parser.error(f"no such workload: {error}")
    return options


def select(options: argparse.Namespace) -> list[Task]:
    """Return what to measure; raise KeyError for an unknown workload."""
    if options.quick:
        return list(QUICK)
    tasks = []
    places = itertools.product(options.storage or ["memory"], options.action or ["check"])
    for (place, action), name in itertools.product(places, options.workload or WORKLOADS):
        workload, _, algorithm = name.partition("/")
        algorithms = WORKLOADS[workload].algorithms
        if algorithm and algorithm not in algorithms:
            raise KeyError(name)
        tasks += [Task(action, workload, each, place) for each in algorithms if algorithm in ("", each)]
    return tasks


def chosen(peer: Peer, task: Task, options: argparse.Namespace) -> bool:
    """Return whether to run a peer; checksig, which the others are compared with, always runs."""
    if peer.name in OURS:
        return True
    if options.peer:
        return any(part in peer.label("sha1") for part in options.peer)
    return not (options.quick and task.storage in peer.slow)


def measure(
    task: Task, peers: list[Peer], setting: Setting, options: argparse.Namespace, running: Runner
) -> CaseResult:
    """Return what each peer took, round by round, and the peers that failed."""
    failed = find_wrong_verdicts(task, peers, setting, options.data, running)
    say(f"{task}: files")
    workload = WORKLOADS[task.workload]
    tree = make(options.data, workload, options.scale)
    with contextlib.ExitStack() as stack:
        case = stack.enter_context(placed(task, tree, setting, options.delay / 1000))
        commands = {peer.label(task.algorithm): peer.command(case) for peer in peers}
        before: dict[str, Callable[[], None]] = {}
        if task.storage == "disk":
            small = Case(task.action, task.workload, task.algorithm, trial(options.data, task), setting)
            for peer in peers:
                before[peer.label(task.algorithm)] = make_cold(peer.command(small), running)
        os.sync()
        if task.storage != "disk" and tree.bytes + 4096 * tree.files > 0.8 * machine.available_bytes():
            say("warning: the files hardly fit into memory")
        samples: dict[str, list[float]] = {name: [] for name in commands if name not in failed}
        cpu: dict[str, list[float]] = {name: [] for name in samples}
        for number in range(1 if before else 0, options.rounds + 1):
            order = list(samples)
            random.Random(number).shuffle(order)
            for name in order:
                say(f"{task}: round {number} of {options.rounds}: {name}")
                if before:
                    before[name]()
                outcome = running.run(commands[name])
                if outcome.error:
                    failed[name] = outcome.error
                    del samples[name], cpu[name]
                elif number:
                    samples[name].append(outcome.seconds)
                    cpu[name].append(outcome.cpu_seconds)
        say("")
        running.close()
    return {
        "action": task.action,
        "workload": task.workload,
        "algorithm": task.algorithm,
        "storage": task.storage,
        "summary": workload.summary,
        "files": tree.files,
        "bytes": tree.bytes,
        "samples": samples,
        "cpu": cpu,
        "failed": failed,
    }


@contextmanager
def placed(task: Task, tree: Tree, setting: Setting, delay: float) -> Iterator[Case]:
    """Yield the case of a tree, whose root is a FUSE file system if the task wants it."""
    if task.storage != "fuse":
        yield Case(task.action, task.workload, task.algorithm, tree, setting)
        return
    with storage.slow(setting.built["slow"], delay, tree.root) as mount:
        seen = dataclasses.replace(tree, mount=mount)
        yield Case(task.action, task.workload, task.algorithm, seen, setting)


def trial(data: Path, task: Task) -> Tree:
    """Return a small copy of a workload."""
    return make(data, WORKLOADS[task.workload], WORKLOADS[task.workload].trial)


def make_cold(command: Command, running: Runner) -> Callable[[], None]:
    """Return a function that drops all caches, and then runs a command on a small copy.

    That brings the programs of a peer back into memory, but not the files.
    """

    def run() -> None:
        storage.forget()
        running.run(command)

    return run


def find_wrong_verdicts(
    task: Task, peers: list[Peer], setting: Setting, data: Path, running: Runner
) -> dict[str, str]:
    """Return why a peer is wrong: it rejects a good copy of a workload, or accepts a bad one."""
    failed = {}
    with tempfile.TemporaryDirectory(dir=data) as folder:
        tree = trial(Path(folder), task)
        case = Case(task.action, task.workload, task.algorithm, tree, setting)
        commands = {peer.label(task.algorithm): peer.command(case) for peer in peers if peer.verifies}
        for name, command in commands.items():
            say(f"{task}: trial: {name}")
            if error := running.run(command).error:
                failed[name] = f"rejects good files: {error}"
        tree.flip()
        for name, command in commands.items():
            if not running.run(command).error:
                failed[name] = "does not notice a changed bit"
        if RUNNING in commands:
            check_rejection(tree, running.run(commands[RUNNING]).error)
        if task.action == "extra":
            tree.flip()
            tree.add()
            for name, command in commands.items():
                if not running.run(command).error:
                    failed[name] = "does not notice an extra file"
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

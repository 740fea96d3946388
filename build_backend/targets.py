"""The platforms that release wheels are made for, a row each.

The environment variable CHECKSIG_TARGET names one; without it a build is for the
machine, and the Python, that it runs on.
"""

from __future__ import annotations

import dataclasses
import os
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

VARIABLE = "CHECKSIG_TARGET"

# What Go's linker asks of macOS, by Go's minor version: the wheel's tag says so.
MACOS = {26: 12, 27: 13}

# Files that stand for those of macOS that Go names and the compiler does not bring.
MACOS_STUBS = Path(__file__).resolve().parent / "macos"

# What sysconfig.get_platform() ends with, and Go's word for it.
ARCHITECTURES = {
    "amd64": "amd64",
    "x86_64": "amd64",
    "aarch64": "arm64",
    "arm64": "arm64",
    "i386": "386",
    "i686": "386",
    "win32": "386",
    "armv6l": "arm",
    "armv7l": "arm",
    "loongarch64": "loong64",
    "ppc64le": "ppc64le",
    "riscv64": "riscv64",
    "s390x": "s390x",
}


class UnknownTargetError(Exception):
    """A name is no target's, or no tag is known for it."""


@dataclass(frozen=True)
class Target:
    """A platform.

    Attributes:
        name: what CHECKSIG_TARGET says.
        goos: Go's word for the system.
        goarch: Go's word for the processor.
        triple: what zig's compiler is asked for; ``{macos}`` stands for a version.
        tag: the platform in the wheel's name, likewise.
        engine: "helper" where no library can be loaded, and the wheel has the helper alone.
    """

    name: str
    goos: str
    goarch: str
    triple: str
    tag: str
    engine: Literal["library", "helper"] = "library"

    @property
    def library(self) -> str:
        """The name of the library's file."""
        return library_name(self.goos == "windows")

    @property
    def has_library(self) -> bool:
        """Whether a library can be loaded there."""
        return self.engine == "library"

    @property
    def has_helper(self) -> bool:
        """Whether there is a helper for it, as for all but Windows."""
        return self.goos != "windows"

    @property
    def compiler_options(self) -> tuple[str, ...]:
        """What follows ``zig cc``."""
        stubs = (f"-L{MACOS_STUBS}", f"-F{MACOS_STUBS}") if self.goos == "darwin" else ()
        return ("-target", self.triple, *stubs)

    @property
    def helper_options(self) -> tuple[str, ...]:
        """What follows ``zig cc`` for the helper, which on Linux has the C library in it: musl."""
        return ("-target", musl_triple(self.goarch)) if self.goos == "linux" else self.compiler_options

    def for_go(self, version: tuple[int, ...]) -> Target:
        """Return the target as a version of Go builds it.

        Raises:
            UnknownTargetError: it is not known what macOS that version asks for.
        """
        if self.goos != "darwin":
            return self
        if version[:1] != (1,) or version[1] not in MACOS:
            number = ".".join(map(str, version))
            raise UnknownTargetError(f"it is unknown which macOS Go {number} asks for: {__file__} is to say")
        macos = str(MACOS[version[1]])
        triple, tag = (text.replace("{macos}", macos) for text in (self.triple, self.tag))
        return dataclasses.replace(self, triple=triple, tag=tag)


TARGETS = {
    target.name: target
    for target in (
        Target("manylinux_x86_64", "linux", "amd64", "x86_64-linux-gnu.2.17", "manylinux_2_17_x86_64"),
        Target("manylinux_aarch64", "linux", "arm64", "aarch64-linux-gnu.2.17", "manylinux_2_17_aarch64"),
        Target("musllinux_x86_64", "linux", "amd64", "x86_64-linux-musl", "musllinux_1_2_x86_64", "helper"),
        Target(
            "musllinux_aarch64", "linux", "arm64", "aarch64-linux-musl", "musllinux_1_2_aarch64", "helper"
        ),
        Target("macosx_x86_64", "darwin", "amd64", "x86_64-macos.{macos}.0", "macosx_{macos}_0_x86_64"),
        Target("macosx_arm64", "darwin", "arm64", "aarch64-macos.{macos}.0", "macosx_{macos}_0_arm64"),
        Target("win_amd64", "windows", "amd64", "x86_64-windows-gnu", "win_amd64"),
        Target("win_arm64", "windows", "arm64", "aarch64-windows-gnu", "win_arm64"),
    )
}


def named_target() -> Target | None:
    """Return the target that the environment names, or None for a build for this machine.

    Raises:
        UnknownTargetError: there is no such target.
    """
    name = os.environ.get(VARIABLE)
    if not name:
        return None
    if name not in TARGETS:
        raise UnknownTargetError(f"{VARIABLE}={name} is no target; targets are {', '.join(TARGETS)}")
    return TARGETS[name]


def musl_triple(goarch: str | None) -> str:
    """Return what zig's compiler is asked for to make a program for any Linux; "" where that is not known."""
    processor = {"amd64": "x86_64", "arm64": "aarch64"}.get(goarch or "", "")
    return f"{processor}-linux-musl" if processor else ""


def library_name(windows: bool) -> str:
    """Return the name of the library's file."""
    return "_checksig.dll" if windows else "_checksig.so"


def native_goarch() -> str | None:
    """Return Go's word for the processor that the running Python is built for, or None if it is not known.

    That is not always the one that Go is built for: a Python of 32 bits loads no library of 64.
    """
    return ARCHITECTURES.get(sysconfig.get_platform().rpartition("-")[2])


LIBRARY = library_name(sys.platform == "win32")

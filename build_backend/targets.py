"""The platforms of the release wheels, one row each.

The environment variable CHECKSIG_TARGET names one. Without it, a build is for the machine and the
Python that it runs on.
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

# The macOS that Go's linker requires, by Go's minor version. It is part of the wheel's tag.
MACOS = {26: 12, 27: 13}

# Stubs of the macOS libraries that Go links with and zig does not include.
MACOS_STUBS = Path(__file__).resolve().parent / "macos"

# The last part of sysconfig.get_platform(), and Go's name for it.
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
    """There is no target of that name, or its tag is not known for this version of Go."""


@dataclass(frozen=True)
class Target:
    """A platform.

    Attributes:
        name: the value of CHECKSIG_TARGET.
        goos: Go's name for the system.
        goarch: Go's name for the processor.
        triple: the platform for ``zig cc -target``; ``{macos}`` stands for a version.
        tag: the platform in the wheel's name; ``{macos}`` stands for a version.
        engine: "helper" if no library can be loaded there, so that the wheel has only the helper.
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
        """Whether there is a helper for it: for every system except Windows."""
        return self.goos != "windows"

    @property
    def compiler_options(self) -> tuple[str, ...]:
        """The options for ``zig cc``."""
        stubs = (f"-L{MACOS_STUBS}", f"-F{MACOS_STUBS}") if self.goos == "darwin" else ()
        return ("-target", self.triple, *stubs)

    @property
    def helper_options(self) -> tuple[str, ...]:
        """The options for ``zig cc`` for the helper; on Linux it is linked statically with musl."""
        return ("-target", musl_triple(self.goarch)) if self.goos == "linux" else self.compiler_options

    def for_go(self, version: tuple[int, ...]) -> Target:
        """Return the target as a version of Go builds it.

        Raises:
            UnknownTargetError: it is not known which macOS that version requires.
        """
        if self.goos != "darwin":
            return self
        if version[:1] != (1,) or version[1] not in MACOS:
            number = ".".join(map(str, version))
            raise UnknownTargetError(f"no macOS is known for Go {number}: add it to {__file__}")
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
        raise UnknownTargetError(f'invalid {VARIABLE} "{name}" (choose from {", ".join(TARGETS)})')
    return TARGETS[name]


def musl_triple(goarch: str | None) -> str:
    """Return the target of zig for a program that runs on any Linux, or "" if it is not known."""
    processor = {"amd64": "x86_64", "arm64": "aarch64"}.get(goarch or "", "")
    return f"{processor}-linux-musl" if processor else ""


def library_name(windows: bool) -> str:
    """Return the name of the library's file."""
    return "_checksig.dll" if windows else "_checksig.so"


def native_goarch() -> str | None:
    """Return Go's name for the processor of the running Python, or None if it is not known.

    It can differ from the processor that Go is built for: a 32-bit Python cannot load a 64-bit library.
    """
    return ARCHITECTURES.get(sysconfig.get_platform().rpartition("-")[2])


LIBRARY = library_name(sys.platform == "win32")

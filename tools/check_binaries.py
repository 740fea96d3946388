"""Looks into libraries and helpers for systems that are not to be had here, as their loaders would.

A look, at a package that a wheel holds, returns what it found, in a few words, or raises :class:`WrongError`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lief

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT / "build_backend"))

from targets import Target  # noqa: E402
from toolchain import HELPER  # noqa: E402

# What checksig.py calls, and the datum that it reads.
EXPORTS = {
    "verify",
    *(f"checksig_{name}" for name in ("algorithms", "close", "forked", "free", "next", "start", "version")),
}

# What every macOS, and every Windows from 10 on, has.
MACOS_LIBRARIES = {
    "/usr/lib/libSystem.B.dylib",
    "/usr/lib/libresolv.9.dylib",
    "/System/Library/Frameworks/CoreFoundation.framework/Versions/A/CoreFoundation",
}
WINDOWS_LIBRARY = "kernel32.dll"
WINDOWS_RUNTIME = "api-ms-win-crt-"


lief.logging.disable()  # it complains of what Go's linker leaves empty; what matters is required below


class WrongError(Exception):
    """A program is not what its wheel's tag says."""


def _require(what: str, got: Any, wanted: Any) -> None:
    if got != wanted:
        raise WrongError(f"{what}: {got}, not {wanted}")


def macos(package: Path, target: Target) -> str:
    """Check library and helper for macOS: processor, oldest system, what they need, exports, signature."""
    library = _mach_o(package / target.library, target, lief.MachO.Header.FILE_TYPE.DYLIB)
    exported = {symbol.name.removeprefix("_") for symbol in library.exported_symbols}
    _require("exports that are not there", EXPORTS - exported, set())
    helper = _mach_o(package / HELPER, target, lief.MachO.Header.FILE_TYPE.EXECUTE)
    _require("position of the helper is free", helper.is_pie, True)
    oldest = ".".join(map(str, library.build_version.minos[:2]))
    signed = ", signed ad hoc" if library.has_code_signature and helper.has_code_signature else ""
    return f"Mach-O {target.goarch}, macOS {oldest}, {len(EXPORTS)} exports, and the helper{signed}"


def _mach_o(path: Path, target: Target, kind: Any) -> Any:
    parsed: Any = lief.MachO.parse(str(path))
    if parsed is None:
        raise WrongError(f"{path.name} is no Mach-O file")
    program = parsed.at(0)
    arm = target.goarch == "arm64"
    processor = lief.MachO.Header.CPU_TYPE.ARM64 if arm else lief.MachO.Header.CPU_TYPE.X86_64
    _require("processor", program.header.cpu_type, processor)
    _require("kind", program.header.file_type, kind)
    _require(
        "oldest macOS",
        program.build_version.minos[:2],
        [int(number) for number in target.tag.split("_")[1:3]],
    )
    _require("symbols behind the table", beyond_the_symbols(program), 0)
    needed = {command.name for command in program.libraries} - {path.name}
    _require("libraries that macOS has not", needed - MACOS_LIBRARIES, set())
    _require("signature, which arm64 asks for", program.has_code_signature or not arm, True)
    return program


def beyond_the_symbols(library: Any) -> int:
    """Return how many of the indirect symbols are none of the symbol table."""
    table = library.dynamic_symbol_command
    return int(table.nb_indirect_symbols) - len(list(table.indirect_symbols))


def windows(package: Path, target: Target) -> str:
    """Check a library for Windows: processor, oldest system, what it needs, exports."""
    path = package / target.library
    library: Any = lief.PE.parse(str(path))
    if library is None:
        raise WrongError(f"{path.name} is no PE file")
    arm = target.goarch == "arm64"
    processor = lief.PE.Header.MACHINE_TYPES.ARM64 if arm else lief.PE.Header.MACHINE_TYPES.AMD64
    _require("processor", library.header.machine, processor)
    kinds = library.header.characteristics_list
    _require("is a DLL", lief.PE.Header.CHARACTERISTICS.DLL in kinds, True)
    needed = {entry.name.lower() for entry in library.imports}
    others = {name for name in needed - {WINDOWS_LIBRARY} if not name.startswith(WINDOWS_RUNTIME)}
    _require("libraries that Windows has not", others, set())
    exported = {str(entry.name) for entry in library.get_export().entries}
    _require("exports", exported, EXPORTS | {"checksig_cancel"})
    head = library.optional_header
    oldest = f"{head.major_subsystem_version}.{head.minor_subsystem_version}"
    needs = "kernel32 and Windows 10's C runtime"
    return f"PE {target.goarch}, subsystem {oldest}, needs {needs}, {len(exported)} exports"


LOOKS: dict[str, Callable[[Path, Target], str]] = {
    "macosx_x86_64": macos,
    "macosx_arm64": macos,
    "win_amd64": windows,
    "win_arm64": windows,
}

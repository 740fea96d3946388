"""Inspects libraries and helpers for other systems, as the loaders of those systems would.

Each inspection takes the package of a wheel, and returns a few words on it or raises
:class:`WrongError`.
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

# The functions that checksig.py calls, and the variable that it reads.
EXPORTS = {
    "verify",
    *(f"checksig_{name}" for name in ("algorithms", "close", "forked", "free", "next", "start", "version")),
}

# Every macOS, and every Windows since 10, has these.
MACOS_LIBRARIES = {
    "/usr/lib/libSystem.B.dylib",
    "/usr/lib/libresolv.9.dylib",
    "/System/Library/Frameworks/CoreFoundation.framework/Versions/A/CoreFoundation",
}
WINDOWS_LIBRARY = "kernel32.dll"
WINDOWS_RUNTIME = "api-ms-win-crt-"


lief.logging.disable()  # it warns of fields that Go leaves empty


class WrongError(Exception):
    """A program does not match the tag of its wheel."""


def _require(what: str, got: Any, wanted: Any) -> None:
    if got != wanted:
        raise WrongError(f"{what}: {got}, not {wanted}")


def macos(package: Path, target: Target) -> str:
    """Inspect library and helper for macOS: processor, oldest system, libraries, exports, signature."""
    library = _mach_o(package / target.library, target, lief.MachO.Header.FILE_TYPE.DYLIB)
    exported = {symbol.name.removeprefix("_") for symbol in library.exported_symbols}
    _require("missing exports", EXPORTS - exported, set())
    helper = _mach_o(package / HELPER, target, lief.MachO.Header.FILE_TYPE.EXECUTE)
    _require("the helper is position-independent", helper.is_pie, True)
    oldest = ".".join(map(str, library.build_version.minos[:2]))
    signed = ", signed ad hoc" if library.has_code_signature and helper.has_code_signature else ""
    return f"Mach-O {target.goarch}, macOS {oldest}, {len(EXPORTS)} exports, and the helper{signed}"


def _mach_o(path: Path, target: Target, kind: Any) -> Any:
    parsed: Any = lief.MachO.parse(str(path))
    if parsed is None:
        raise WrongError(f"{path.name} is not a Mach-O file")
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
    _require("indirect symbols outside the symbol table", beyond_the_symbols(program), 0)
    needed = {command.name for command in program.libraries} - {path.name}
    _require("libraries that macOS does not have", needed - MACOS_LIBRARIES, set())
    _require("signature, which arm64 requires", program.has_code_signature or not arm, True)
    return program


def beyond_the_symbols(library: Any) -> int:
    """Return how many indirect symbols are not in the symbol table."""
    table = library.dynamic_symbol_command
    return int(table.nb_indirect_symbols) - len(list(table.indirect_symbols))


def windows(package: Path, target: Target) -> str:
    """Inspect a library for Windows: processor, oldest system, libraries, exports."""
    path = package / target.library
    library: Any = lief.PE.parse(str(path))
    if library is None:
        raise WrongError(f"{path.name} is not a PE file")
    arm = target.goarch == "arm64"
    processor = lief.PE.Header.MACHINE_TYPES.ARM64 if arm else lief.PE.Header.MACHINE_TYPES.AMD64
    _require("processor", library.header.machine, processor)
    kinds = library.header.characteristics_list
    _require("is a DLL", lief.PE.Header.CHARACTERISTICS.DLL in kinds, True)
    needed = {entry.name.lower() for entry in library.imports}
    others = {name for name in needed - {WINDOWS_LIBRARY} if not name.startswith(WINDOWS_RUNTIME)}
    _require("libraries that Windows does not have", others, set())
    exported = {str(entry.name) for entry in library.get_export().entries}
    _require("exports", exported, EXPORTS | {"checksig_cancel"})
    head = library.optional_header
    oldest = f"{head.major_subsystem_version}.{head.minor_subsystem_version}"
    needs = "kernel32 and Windows 10's C runtime"
    return f"PE {target.goarch}, subsystem {oldest}, needs {needs}, {len(exported)} exports"


INSPECTIONS: dict[str, Callable[[Path, Target], str]] = {
    "macosx_x86_64": macos,
    "macosx_arm64": macos,
    "win_amd64": windows,
    "win_arm64": windows,
}

"""Finds the programs that the peers run, and their versions."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import ssl
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from machine import first_line

import checksig

SUMS = ("sha1sum", "md5sum", "sha256sum", "sha512sum")


@dataclass(frozen=True)
class Setting:
    """The cores of a run, the programs built here, and those that the caller named.

    ``sums`` has the folder of the coreutils of each kind: ``own``, not linked with OpenSSL;
    ``openssl``; ``uutils``. What is missing is not in it.
    """

    cores: int
    built: dict[str, Path]
    sums: dict[str, Path]
    b3sum: Path | None


def find_sums(openssl: Path | None, uutils: Path | None) -> dict[str, Path]:
    """Return the folders of the coreutils, with the machine's own under its kind."""
    found = {}
    own = shutil.which("sha1sum")
    if own:
        found["openssl" if links_libcrypto(own) else "own"] = Path(own).parent
    for kind, named in (("openssl", openssl), ("uutils", uutils)):
        if named is None:
            continue
        for name in SUMS:
            if shutil.which(named / name) is None:
                raise SystemExit(f"{named} has no program {name}")
        found[kind] = named.resolve()
    return found


def find_b3sum(named: Path | None) -> Path | None:
    """Return the path of b3sum: the named one, or that of the machine."""
    found = shutil.which(named or "b3sum")
    if named is not None and found is None:
        raise SystemExit(f"{named} is no program")
    return Path(found).resolve() if found else None


def links_libcrypto(program: str) -> bool:
    """Return whether ldd shows that a program is linked with OpenSSL's libcrypto."""
    path = shutil.which(program)
    if path is None or shutil.which("ldd") is None:
        return False
    return "libcrypto" in subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout


# Functions that return functions which return whether a peer's programs are there.


def programs(*names: str) -> Callable[[Setting], bool]:
    """Return a function that returns whether all of the programs are installed."""
    return lambda _: all(map(shutil.which, names))


def built(name: str) -> Callable[[Setting], bool]:
    """Return a function that returns whether a program could be built."""
    return lambda setting: name in setting.built


def has_sums(kind: str) -> Callable[[Setting], bool]:
    """Return a function that returns whether there are coreutils of a kind."""
    return lambda setting: kind in setting.sums


def has_b3sum(setting: Setting) -> bool:
    """Return whether b3sum is installed."""
    return setting.b3sum is not None


def has_bagit(_: Setting) -> bool:
    """Return whether bagit-python is installed."""
    return importlib.util.find_spec("bagit") is not None


def always(_: Setting) -> bool:
    """Return True."""
    return True


# Functions that return the version of a peer's programs, or functions that do.


def prints(*command: str) -> Callable[[Setting], str]:
    """Return a function that returns the first line that a command prints."""
    return lambda _: first_line(*command)


def of_checksig(_: Setting) -> str:
    """Return the version of checksig."""
    return checksig.__version__


def of_python(_: Setting) -> str:
    """Return the versions of Python and its OpenSSL."""
    return f"Python {platform.python_version()}, {ssl.OPENSSL_VERSION}"


def of_sums(kind: str) -> Callable[[Setting], str]:
    """Return a function that returns the version of the coreutils of a kind."""
    beside = ("openssl", "version") if kind == "openssl" else ()

    def version(setting: Setting) -> str:
        found = [first_line(str(setting.sums[kind] / "sha1sum"), "--version")]
        return ", ".join(found + ([first_line(*beside)] if beside else []))

    return version


def of_b3sum(setting: Setting) -> str:
    """Return the version of b3sum."""
    return first_line(str(setting.b3sum), "--version")


def of_bagit(_: Setting) -> str:
    """Return the version of bagit-python."""
    return metadata.version("bagit")

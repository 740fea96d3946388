"""Finds the packages that are installed in a Python environment."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass

from checksig._options import AnyPath

_PREFIX = r"(.*?)/(?:lib\d*/(?:python|pypy)[^/]*/(?:site|dist)|Lib/site)-packages"
_SITES = (
    "lib*/python*/site-packages",
    "lib*/python*/dist-packages",
    "lib*/pypy*/site-packages",
    "Lib/site-packages",
)
_KINDS = (".dist-info", ".egg-info", ".egg")


@dataclass(frozen=True, slots=True)
class Package:
    """A package that is installed in a Python environment.

    To verify it, call ``checksig.check(package.environment, package.record)``. Lines of a RECORD
    without a digest, such as those of compiled files, are passed over, and a note counts them.

    Attributes:
        name: its name, as the installation spells it.
        version: its version; "" if it is not known.
        environment: the path of the environment, which contains its files.
        record: the path of its RECORD, which lists its files; None if it has none, so that it
            cannot be verified.
    """

    name: str
    version: str
    environment: str
    record: str | None

    def __str__(self) -> str:
        return f"{self.name} {self.version}".rstrip()


def find_packages(environment: AnyPath | None = None) -> list[Package]:
    """Return the packages that are installed in a Python environment, sorted by name.

    Args:
        environment: the path of the environment, or of a ``site-packages``. None: the environment of
            this process, ``sys.prefix``.

    Raises:
        OSError: the environment cannot be listed.
    """
    root = os.fsdecode(sys.prefix if environment is None else environment)
    names = os.listdir(root)
    if any(name.endswith(_KINDS) for name in names):
        sites, root = [root], _environment_of(root)
    else:
        from pathlib import Path  # slow, and needed only here

        sites = sorted({str(found) for pattern in _SITES for found in Path(root).glob(pattern)})
    packages: dict[str, Package] = {}
    for site in sites:
        for name in os.listdir(site):
            if name.endswith(_KINDS):
                found = _package(root, site, name)
                packages.setdefault(os.path.realpath(os.path.join(site, name)), found)  # lib64 may be lib
    return sorted(packages.values(), key=lambda package: (package.name.lower(), package.version))


def _package(environment: str, site: str, folder: str) -> Package:
    name, version = _split(folder)
    record = os.path.join(site, folder, "RECORD")
    return Package(name, version, environment, record if os.path.lexists(record) else None)


def _split(folder: str) -> tuple[str, str]:
    name, _, version = os.path.splitext(os.path.basename(folder))[0].partition("-")
    return name, version


def _environment_of(site: str) -> str:
    """Return the environment to which the files of a ``site-packages`` belong.

    That is the folder above it with ``pyvenv.cfg``; or else the one in which Python has its ``lib``;
    or else ``site``, for an unpacked wheel.
    """
    path = os.path.abspath(site)
    folder, below = path, ""
    while folder != below:
        if os.path.isfile(os.path.join(folder, "pyvenv.cfg")):
            return _as_given(site, folder)
        folder, below = os.path.dirname(folder), folder
    found = re.fullmatch(_PREFIX, path.replace(os.sep, "/"))
    return _as_given(site, found[1] or "/") if found else site


def _as_given(site: str, folder: str) -> str:
    """Return the path of a folder above ``site``: relative if that is, and if it is short."""
    relative = folder if os.path.isabs(site) else os.path.relpath(folder)
    return folder if relative.startswith("..") else relative


def package_at(path: str) -> Package | None:
    """Return the installed package to which a RECORD, or the folder with it, belongs, else None."""
    record = path if os.path.basename(path) == "RECORD" else os.path.join(path, "RECORD")
    folder = os.path.dirname(os.path.abspath(record))
    if not folder.endswith(".dist-info") or not os.path.isfile(record):
        return None
    site = os.path.dirname(folder)
    site = site if os.path.isabs(path) else os.path.relpath(site)
    name, version = _split(folder)
    return Package(name, version, _environment_of(site), record)

"""The files of this installation that Go built: where they are, and whether they are as built."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
LIBRARY = PACKAGE / ("_checksig.dll" if sys.platform == "win32" else "_checksig.so")
HELPER = PACKAGE / "_checksig-helper"
MANIFEST = PACKAGE / "_checksig.sha256"  # written by setup.py


def _remedy() -> str:
    if getattr(sys, "frozen", False):
        return "build this program again with the files of the package checksig, as docs/packaging.md says"
    if not PACKAGE.is_dir():
        return "checksig cannot be imported from an archive: install it into a directory"
    return "reinstall checksig, or run 'pip install -e .' again in a checkout"


REMEDY = _remedy()


def find_remedy(path: Path) -> str:
    """Return what to do about a file of the package that this process cannot load or run."""
    return f"{path.name} is as it was built, but cannot be used here" if is_as_built(path) else REMEDY


def is_as_built(path: Path) -> bool:
    """Return whether a file of the package is there, with the SHA-256 that the build wrote down."""
    import hashlib  # slow, and nearly never needed

    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        listed = f"{digest}  {path.name}" in MANIFEST.read_text("utf-8").splitlines()
        return listed and (path != HELPER or path.stat().st_mode & stat.S_IXUSR != 0)
    except OSError:
        return False

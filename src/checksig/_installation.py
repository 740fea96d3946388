"""The files of this installation that Go built: where they are, and whether they are as built."""

from __future__ import annotations

import os
import stat
import sys

PACKAGE = os.path.dirname(os.path.realpath(__file__))
LIBRARY = os.path.join(PACKAGE, "_checksig.dll" if sys.platform == "win32" else "_checksig.so")
HELPER = os.path.join(PACKAGE, "_checksig-helper")
MANIFEST = os.path.join(PACKAGE, "_checksig.sha256")  # written by setup.py


def _remedy() -> str:
    if getattr(sys, "frozen", False):
        return "build this program again with the files of the package checksig, as docs/packaging.md says"
    if not os.path.isdir(PACKAGE):
        return "checksig cannot be imported from an archive: install it into a directory"
    return "reinstall checksig, or run 'pip install -e .' again in a checkout"


REMEDY = _remedy()


def find_remedy(path: str) -> str:
    """Return what to do about a file of the package that this process cannot load or run."""
    return (
        f"{os.path.basename(path)} is as it was built, but cannot be used here"
        if is_as_built(path)
        else REMEDY
    )


def is_as_built(path: str) -> bool:
    """Return whether a file of the package is there, with the SHA-256 that the build wrote down."""
    import hashlib  # slow, and nearly never needed

    try:
        with open(path, "rb") as file, open(MANIFEST, encoding="utf-8") as manifest:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            listed = f"{digest}  {os.path.basename(path)}" in manifest.read().splitlines()
        return listed and (path != HELPER or os.stat(path).st_mode & stat.S_IXUSR != 0)
    except OSError:
        return False

"""Writes archives whose bytes depend only on their content, not on who makes them, where, or when.

Every member has the time in the environment variable SOURCE_DATE_EPOCH, which many packagers set.
Without the variable, each file keeps its own time.
"""

from __future__ import annotations

import gzip
import os
import stat
import tarfile
from pathlib import Path


def write_sdist(folder: Path, archive: Path) -> None:
    """Write a tar file of a folder, compressed with gzip. Its members are below the folder's name.

    Args:
        folder: the folder to pack.
        archive: the file to write.
    """
    with (
        archive.open("wb") as file,
        gzip.GzipFile("", "wb", mtime=_epoch() or 0, fileobj=file) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in [folder, *sorted(folder.rglob("*"))]:
            tar.add(path, str(path.relative_to(folder.parent)), recursive=False, filter=_plain)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Return a member without an owner, with one of two modes, and with the time from _epoch."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o755 if member.isdir() or member.mode & stat.S_IXUSR else 0o644
    epoch = _epoch()
    member.mtime = int(member.mtime) if epoch is None else epoch
    return member


def _epoch() -> int | None:
    value = os.environ.get("SOURCE_DATE_EPOCH")
    return int(value) if value else None


def plain_modes(folder: Path) -> None:
    """Give every file below a folder one of two modes: 755 if its owner may execute it, else 644."""
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)

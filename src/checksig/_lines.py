"""How each format writes a line of a manifest."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from checksig.report import Entry


def _gnu(entry: Entry) -> bytes:
    mark, name = _escaped(entry.path)
    return mark + entry.digest.encode() + b"  " + name + b"\n"


def _tag(entry: Entry) -> bytes:
    mark, name = _escaped(entry.path)
    tag = (
        entry.algorithm.replace("blake2b", "BLAKE2b")
        if "blake2" in entry.algorithm
        else entry.algorithm.upper()
    )
    return b"%s%s (%s) = %s\n" % (mark, tag.encode(), name, entry.digest.encode())


def _escaped(name: str) -> tuple[bytes, bytes]:
    """Return the mark that the line begins with, and the name, both as coreutils writes them."""
    plain = os.fsencode(name)
    escaped = plain.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    return b"" if escaped == plain else b"\\", escaped


def _sfv(entry: Entry) -> bytes:
    name = os.fsencode(entry.path)
    if re.search(rb"[\r\n]|[ \t]$|^[;#]|^\xef\xbb\xbf|^\xff\xfe|^\xfe\xff", name):
        raise ValueError(f'the format "sfv" cannot represent the name {entry.path!r}')
    return name + b" " + entry.digest.upper().encode() + b"\n"


def _bagit(entry: Entry) -> bytes:
    name = os.fsencode(entry.path).replace(b"%", b"%25").replace(b"\n", b"%0A").replace(b"\r", b"%0D")
    return entry.digest.encode() + b"  " + name + b"\n"


LINES: dict[str, Callable[[Entry], bytes]] = {"gnu": _gnu, "tag": _tag, "sfv": _sfv, "bagit": _bagit}

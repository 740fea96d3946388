"""How each format writes a line of a manifest."""

from __future__ import annotations

import os
import re
from collections.abc import Callable


def _gnu(name: bytes, digest: bytes, algorithm: str) -> bytes:
    mark, escaped = _escaped(name)
    return b"%s%s  %s\n" % (mark, digest.hex().encode(), escaped)


def _tag(name: bytes, digest: bytes, algorithm: str) -> bytes:
    mark, escaped = _escaped(name)
    tag = algorithm.replace("blake2b", "BLAKE2b") if "blake2" in algorithm else algorithm.upper()
    return b"%s%s (%s) = %s\n" % (mark, tag.encode(), escaped, digest.hex().encode())


def _escaped(name: bytes) -> tuple[bytes, bytes]:
    """Return the mark that the line begins with, and the name, both as coreutils writes them."""
    escaped = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    return b"" if escaped == name else b"\\", escaped


def _sfv(name: bytes, digest: bytes, algorithm: str) -> bytes:
    if re.search(rb"[\r\n]|[ \t]$|^[;#]|^\xef\xbb\xbf|^\xff\xfe|^\xfe\xff", name):
        raise ValueError(f'the format "sfv" cannot represent the name {os.fsdecode(name)!r}')
    return name + b" " + digest.hex().upper().encode() + b"\n"


def _bagit(name: bytes, digest: bytes, algorithm: str) -> bytes:
    escaped = name.replace(b"%", b"%25").replace(b"\n", b"%0A").replace(b"\r", b"%0D")
    return digest.hex().encode() + b"  " + escaped + b"\n"


# By format: the line of a file, from its encoded name, its digest and the algorithm.
LINES: dict[str, Callable[[bytes, bytes, str], bytes]] = {
    "gnu": _gnu,
    "tag": _tag,
    "sfv": _sfv,
    "bagit": _bagit,
}

"""Reads the content of binary files that a caller passes, to their real end."""

from __future__ import annotations

import errno
import os
import selectors
import sys
from typing import BinaryIO

from checksig._options import AnyPath
from checksig._text import count

_MAX_SIZE = 1 << 30  # bytes of a manifest, as in docs/format.md


def as_content(
    file: BinaryIO, most: int = _MAX_SIZE, what: str = "a manifest"
) -> tuple[AnyPath | None, bytes]:
    """Return the name of a binary file, or None, and its content."""
    name = getattr(file, "name", None)
    called = name if name and isinstance(name, (str, bytes, os.PathLike)) else None
    return called, read_content(file, most, what)


def read_content(file: BinaryIO, most: int = _MAX_SIZE, what: str = "a manifest") -> bytes:
    """Return the content of a binary file, up to a size at which it is too large.

    Args:
        file: the file.
        most: how many bytes it may have.
        what: what it is, for messages.

    Raises:
        BlockingIOError: the file has no data yet, and cannot be waited for.
        OSError: the file cannot be read.
        TypeError: the file is not a binary file.
    """
    pieces, size = [], 0
    while size <= most:
        piece: object = file.read(1 << 20)
        if piece is None:  # no data yet: only b"" is the end
            _wait_for_data(file)
            continue
        if not isinstance(piece, bytes):
            raise TypeError(f"{what} must be a binary file, not {file!r}")
        if not piece:
            _refuse_incomplete(file)
            break
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)


def _refuse_incomplete(file: BinaryIO) -> None:
    """Raise OSError for an HTTP response that ended early, of which read(n) says nothing."""
    client = sys.modules.get("http.client")
    if client is not None and isinstance(file, client.HTTPResponse) and file.length:
        raise OSError(errno.EIO, f"the HTTP response ended {count(file.length, 'byte')} too early")


def _wait_for_data(file: BinaryIO) -> None:
    """Wait until a file that does not block has data, or ends."""
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(file.fileno(), selectors.EVENT_READ)
            selector.select()
    except (AttributeError, ValueError, PermissionError) as error:
        message = "no data yet, and the file has no descriptor to wait for: pass a file that has all data"
        raise BlockingIOError(errno.EAGAIN, message) from error

"""Receipts: where they are, and which of them a run uses. ``docs/receipts.md`` explains them."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from checksig._options import AnyPath

DEFAULT_AGE = 30 * 86400  # seconds
GREATEST_AGE = 366 * 86400  # older receipts are dropped


class Receipts(NamedTuple):
    """What a job does with receipts.

    Attributes:
        directory: what has the journals of all directories. None: receipts are left alone.
        use: whether files that have a receipt are not hashed.
        max_age: the age of the oldest receipt that is used, in seconds.
    """

    directory: bytes | None = None
    use: bool = False
    max_age: int = 0


NO_RECEIPTS = Receipts()


def make_receipts(use: bool, max_age: float | timedelta | None) -> Receipts:
    """Check the options about receipts.

    Raises:
        ValueError: ``max_age`` is not allowed.
        TypeError: an argument has the wrong type.
    """
    if not isinstance(use, bool):
        raise TypeError(f"receipts must be True or False, not {use!r}")
    if max_age is None:
        return Receipts(state_directory(), use, DEFAULT_AGE if use else 0)
    if not use:
        raise ValueError("max_age needs receipts=True")
    seconds = max_age if isinstance(max_age, (int, float)) else max_age.total_seconds()
    if not 0 <= seconds <= GREATEST_AGE:
        raise ValueError(f"max_age must be 0 to 366 days, not {max_age!r}")
    return Receipts(state_directory(), use, int(seconds))


def state_directory() -> bytes | None:
    """Return the directory of the journals; None if the environment does not say where it is."""
    if sys.platform == "win32":
        return None
    for variable, below in (("XDG_STATE_HOME", "checksig"), ("HOME", ".local/state/checksig")):
        if (value := os.environ.get(variable, "")).startswith("/"):
            return os.fsencode(os.path.join(value, below))
    return None


def journal_of(path: AnyPath) -> bytes | None:
    """Return the path of the journal of a directory, which need not exist."""
    import hashlib  # slow, and needed only here

    directory = state_directory()
    if directory is None:
        return None
    return os.path.join(directory, hashlib.sha256(os.path.realpath(os.fsencode(path))).hexdigest().encode())


def as_time(seconds: int) -> datetime | None:
    """Return the time of a receipt or a signature; None for 0."""
    if not seconds:
        return None
    from datetime import UTC, datetime  # slow, and needed only with receipts

    return datetime.fromtimestamp(seconds, UTC)

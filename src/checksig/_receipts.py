"""Receipts: which of them a run uses. ``docs/receipts.md`` explains them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from checksig._state import Receipts, state_directory

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from checksig._options import AnyPath

DEFAULT_AGE = 30 * 86400  # seconds
GREATEST_AGE = 366 * 86400  # older receipts are dropped


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

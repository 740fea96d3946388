"""Where checksig keeps what outlives a run, and what a job does with it."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from checksig._tuples import NamedTuple


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


def state_directory() -> bytes | None:
    """Return the directory of the journals; None if the environment does not say where it is."""
    if sys.platform == "win32":
        return None
    for variable, below in (("XDG_STATE_HOME", "checksig"), ("HOME", ".local/state/checksig")):
        if (value := os.environ.get(variable, "")).startswith("/"):
            return os.fsencode(f"{value.rstrip('/')}/{below}")
    return None

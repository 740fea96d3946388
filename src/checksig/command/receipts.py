"""One run of ``checksig receipts``: shows the receipts of directories, or forgets them."""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from checksig._engine import Job, make_request
from checksig._receipts import GREATEST_AGE, as_time, journal_of
from checksig._state import Receipts, state_directory
from checksig._wire import COUNT_RECEIPTS

if TYPE_CHECKING:
    from datetime import datetime

_MAGIC = b"checksig receipts 1\n"
_LONGEST_PATH = 1 << 16


@dataclass(frozen=True, slots=True)
class Stored:
    """The receipts of a directory.

    Attributes:
        root: the directory, as it was given; with all directories, its absolute path.
        journal: the path of the file that has the receipts.
        count: how many there are; None if the directory cannot be opened.
        oldest: when the oldest of them was written.
        notes: why there are none, for example.
    """

    root: str
    journal: str
    count: int | None
    oldest: datetime | None
    notes: tuple[str, ...]


def find(path: str) -> Stored:
    """Return the receipts of a directory, which need not exist any more.

    Raises:
        OSError: the environment does not say where receipts are.
    """
    journal = journal_of(path)
    if journal is None:
        raise _no_state()
    return _stored(path, os.fsdecode(journal))


def _stored(path: str, journal: str) -> Stored:
    receipts = Receipts(state_directory(), False, GREATEST_AGE)
    try:
        return _counted(path, journal, receipts)
    except OSError as error:
        return Stored(path, journal, None, None, (f"{error.strerror or error}".lower(),))


def _counted(path: str, journal: str, receipts: Receipts) -> Stored:
    with Job(make_request(path, receipts=receipts, flags=COUNT_RECEIPTS)) as job:
        notes = tuple(record.reason for batch in job.batches() for record in batch)
        counters = job.counters
    return Stored(path, journal, counters.by_receipt, as_time(counters.oldest_receipt), notes)


def find_all() -> Iterator[Stored]:
    """Yield the receipts of all directories of this user, in the order of their paths."""
    directory = state_directory()
    if directory is None:
        raise _no_state()
    journals = []
    with contextlib.suppress(FileNotFoundError):
        journals = [os.path.join(directory, name) for name in os.listdir(directory)]
    roots = {root: journal for journal in journals if (root := _root_of(journal))}
    for root, journal in sorted(roots.items()):
        yield _stored(os.fsdecode(root), os.fsdecode(journal))


def forget(stored: Stored) -> bool:
    """Remove the receipts of a directory, and return whether there was a journal."""
    try:
        os.unlink(stored.journal)
    except FileNotFoundError:
        return False
    return True


def _no_state() -> OSError:
    return OSError("receipts need a state directory: set XDG_STATE_HOME or HOME")


def _root_of(journal: bytes) -> bytes | None:
    """Return the directory that a journal is about; None if the file is no journal."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
    with contextlib.suppress(OSError, struct.error):
        with open(os.open(journal, flags), "rb") as file:
            start = file.read(len(_MAGIC) + 4 + _LONGEST_PATH)
        (length,) = struct.unpack_from("<I", start, len(_MAGIC))
        if start.startswith(_MAGIC) and length <= _LONGEST_PATH:
            return start[len(_MAGIC) + 4 :][:length]
    return None

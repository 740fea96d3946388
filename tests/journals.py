"""Reads and writes journals of receipts, as go/internal/receipts/record.go describes them."""

from __future__ import annotations

import hashlib
import os
import struct
import subprocess
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

MAGIC = b"checksig receipts 1\n"
RECORD = struct.Struct("<8s16s16sII")


class Record(NamedTuple):
    """A receipt, or a revocation, whose listing and stamp are zeros."""

    name: bytes
    listing: bytes
    stamp: bytes
    time: int

    def pack(self) -> bytes:
        """Return the record with its checksum."""
        plain = RECORD.pack(*self, 0)[:-4]
        return plain + struct.pack("<I", zlib.crc32(plain))


def receipt(root: Path, name: str, digests: Mapping[str, str], time: float) -> Record:
    """Return a receipt for a file as it is now, whatever its content is."""
    found = (root / name).stat()
    listed = struct.pack("<I", len(os.fsencode(name))) + os.fsencode(name)
    for algorithm, digest in sorted(digests.items()):
        plain = bytes.fromhex(digest)
        listed += struct.pack("<I", len(algorithm)) + algorithm.encode()
        listed += struct.pack("<qI", -1, len(plain)) + plain
    times = [part for ns in (found.st_mtime_ns, found.st_ctime_ns) for part in divmod(ns, 10**9)]
    stamp = struct.pack("<6q", found.st_size, found.st_ino, *times)
    return Record(key(name), _first(listed, 16), _first(stamp, 16), int(time))


def revocation(name: str, time: float) -> Record:
    """Return a revocation of all receipts of a name."""
    return Record(key(name), bytes(16), bytes(16), int(time))


def key(name: str) -> bytes:
    """Return what stands for a name in a record."""
    return _first(os.fsencode(name), 8)


def _first(content: bytes, count: int) -> bytes:
    return hashlib.sha256(content).digest()[:count]


def path_of(state: Path, root: Path) -> Path:
    """Return the path of the journal of a directory, if this is the state directory."""
    return state / "checksig" / hashlib.sha256(os.fsencode(root.resolve())).hexdigest()


def header(root: Path) -> bytes:
    """Return the header of the journal of a directory."""
    path = os.fsencode(root.resolve())
    plain = MAGIC + struct.pack("<I", len(path)) + path
    return plain + struct.pack("<I", zlib.crc32(plain))


def write(state: Path, root: Path, *records: Record) -> Path:
    """Write the journal of a directory."""
    journal = path_of(state, root)
    journal.parent.mkdir(mode=0o700, exist_ok=True)
    journal.unlink(missing_ok=True)
    journal.touch(0o600)
    journal.write_bytes(header(root) + b"".join(record.pack() for record in records))
    return journal


def read(state: Path, root: Path) -> list[Record]:
    """Return the records of the journal of a directory, all of which must be whole."""
    content = path_of(state, root).read_bytes()
    start = header(root)
    assert content.startswith(start)
    records = []
    for *fields, checksum in RECORD.iter_unpack(content[len(start) :]):
        records.append(Record(*fields))
        assert records[-1].pack()[-4:] == struct.pack("<I", checksum)
    return records


def is_trusted(folder: Path) -> bool:
    """Return whether receipts are used on the file system of a folder."""
    done = subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True, text=True, check=False)
    return done.stdout.strip() in ("ext2/ext3", "xfs", "btrfs", "zfs", "f2fs", "bcachefs")

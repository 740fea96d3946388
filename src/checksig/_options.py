"""The types of the options that several public functions share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import BinaryIO, Literal

from checksig.report import Entry, Progress

AnyPath = str | bytes | os.PathLike[str] | os.PathLike[bytes]
"""A path. It must not be empty or contain NUL."""

ManifestOption = AnyPath | Iterable[Entry] | BinaryIO | None
"""The path of a manifest, entries, or a binary file. None: the manifests in the directory."""

KeyOption = AnyPath | BinaryIO
"""A key file, as a path or a binary file; or a line that is a key, as a str."""

SignedByOption = KeyOption | Iterable[KeyOption] | None
"""The keys whose signatures a manifest must have. None: it need not be signed."""

ExtraOption = Literal["ignore", "report", "fail"]
"""How to treat files that no manifest lists."""

ProgressOption = bool | Callable[[Progress], object] | None
"""True for a progress bar, or a function to call with the progress."""

WriteFormat = Literal["gnu", "tag", "sfv", "bagit"]
"""A format that :func:`checksig.create` writes."""

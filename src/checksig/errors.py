"""The exceptions of checksig.

ChecksigError
├── VerificationError      (a ValueError)
├── ManifestError          (a ValueError)
│   └── ManifestNotFoundError  (a FileNotFoundError too)
└── InternalError          (a RuntimeError)

What the operating system refuses, such as a directory that is not there, is the
OSError that Python itself would raise. All of them can be pickled.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from checksig.report import Report


class ChecksigError(Exception):
    """The base of checksig's own exceptions."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class VerificationError(ChecksigError, ValueError):
    """The directory is not as its manifest says.

    The message has one line for each bad file, in the manifest's order, then one
    for each bad line of the manifest; after 20 lines the rest is counted.

    Attributes:
        report (checksig.Report | None): everything that was found.
    """

    def __init__(self, message: str, report: Report | None = None) -> None:
        super().__init__(message)
        self.report = report

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.args[0], self.report)


class ManifestError(ChecksigError, ValueError):
    """The manifest is unusable: it has no valid line, it is a FIFO, it changed while it was read.

    Attributes:
        path (str | None): the manifest.
        line (int | None): the line to blame, counted from 1.
        reason (str): the message without path and line.
    """

    def __init__(
        self, message: str, path: str | None = None, line: int | None = None, reason: str | None = None
    ) -> None:
        super().__init__(message)
        self.path = path
        self.line = line
        self.reason = message if reason is None else reason

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.args[0], self.path, self.line, self.reason)


class ManifestNotFoundError(ManifestError, FileNotFoundError):
    """The directory, which is ``path`` and ``filename`` here, holds no manifest under a usual name."""

    def __init__(
        self, message: str, path: str | None = None, line: int | None = None, reason: str | None = None
    ) -> None:
        super().__init__(message, path, line, reason)
        self.errno = errno.ENOENT
        self.strerror = self.reason
        self.filename = path


class InternalError(ChecksigError, RuntimeError):
    """A fault of checksig itself. It says nothing about the files; please report it."""

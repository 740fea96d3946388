"""The exceptions of checksig.

ChecksigError
├── VerificationError      (a ValueError)
├── ManifestError          (a ValueError)
│   ├── ManifestNotFoundError  (a FileNotFoundError too)
│   └── SignatureError
├── CancelledError         (a RuntimeError)
└── InternalError          (a RuntimeError)

An error of the operating system, such as a directory that does not exist, is the OSError that
Python itself would raise. All these exceptions can be pickled.
"""

from __future__ import annotations

import errno

TYPE_CHECKING = False
if TYPE_CHECKING:
    from checksig.report import Report


class ChecksigError(Exception):
    """The base class of the exceptions of checksig."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""

    def _state(self) -> dict[str, list[str]] | None:
        """Return what pickle sets besides the arguments: the notes."""
        notes = getattr(self, "__notes__", None)
        return {"__notes__": notes} if notes else None


class VerificationError(ChecksigError, ValueError):
    """The directory does not match its manifest.

    The message has a line for each bad file, in the order of the manifest, then one for each bad
    line of the manifest. After 20 lines, it counts the rest.

    Attributes:
        report (checksig.Report | None): what was found.
    """

    def __init__(self, message: str, report: Report | None = None) -> None:
        super().__init__(message)
        self.report = report

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.args[0], self.report), self._state()


class ManifestError(ChecksigError, ValueError):
    """The manifest is unusable; for example, it has no valid line, or it changed while it was read.

    Attributes:
        path (str | None): the path of the manifest, or of the file that is at fault.
        line (int | None): the number of the line that is at fault, from 1.
        reason (str): the message without path and line.
    """

    def __init__(
        self, message: str, path: str | None = None, line: int | None = None, reason: str | None = None
    ) -> None:
        super().__init__(message)
        self.path = path
        self.line = line
        self.reason: str = message if reason is None else reason

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.args[0], self.path, self.line, self.reason), self._state()


class ManifestNotFoundError(ManifestError, FileNotFoundError):
    """The directory, which is ``path`` and ``filename``, has no manifest with a usual name."""

    def __init__(
        self, message: str, path: str | None = None, line: int | None = None, reason: str | None = None
    ) -> None:
        super().__init__(message, path, line, reason)
        self.errno: int | None = errno.ENOENT
        self.strerror: str | None = self.reason
        self.filename = path


class SignatureError(ManifestError):
    """A manifest is not shown to be signed by the keys that were given. No listed file was read.

    The key itself may be at fault, too: ``path`` is then the key file.

    Attributes:
        claimed (tuple[str, ...]): the IDs of the keys that the signatures name. They are not
            verified.
    """

    def __init__(
        self,
        message: str,
        path: str | None = None,
        line: int | None = None,
        reason: str | None = None,
        claimed: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message, path, line, reason)
        self.claimed = claimed

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.args[0], self.path, self.line, self.reason, self.claimed), self._state()


class CancelledError(ChecksigError, RuntimeError):
    """Another thread or a signal handler closed the job before its end. There is no verdict."""


class InternalError(ChecksigError, RuntimeError):
    """A bug in checksig, which says nothing about the files. Please report it."""

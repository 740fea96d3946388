"""Verify that every file in a directory matches its checksum manifest.

>>> import checksig
>>> checksig.check_signatures("testdata/example")
Traceback (most recent call last):
    ...
checksig.errors.VerificationError: "testdata/example/measurements/2025.csv" - mismatch
"""

from checksig import _startup as _startup  # before all others
from checksig._lazy import attach
from checksig._version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from checksig._engine import Engine, get_algorithms, get_engine
    from checksig._installed import Package, find_packages
    from checksig._join import join
    from checksig._options import (
        AnyPath,
        ExtraOption,
        KeyOption,
        ManifestOption,
        ProgressOption,
        SignedByOption,
        WriteFormat,
    )
    from checksig._read import Entries, find_manifests, read_manifest
    from checksig._results import Results
    from checksig._verify import check, check_signatures, iter_check
    from checksig._write import create, diff, update
    from checksig.checksig import get_include, get_library
    from checksig.errors import (
        CancelledError,
        ChecksigError,
        InternalError,
        ManifestError,
        ManifestNotFoundError,
        SignatureError,
        VerificationError,
    )
    from checksig.report import (
        BadLine,
        Changes,
        Entry,
        FileResult,
        Manifest,
        Progress,
        Report,
        Signature,
        Status,
    )

__all__ = [
    "AnyPath",
    "BadLine",
    "CancelledError",
    "Changes",
    "ChecksigError",
    "Engine",
    "Entries",
    "Entry",
    "ExtraOption",
    "FileResult",
    "InternalError",
    "KeyOption",
    "Manifest",
    "ManifestError",
    "ManifestNotFoundError",
    "ManifestOption",
    "Package",
    "Progress",
    "ProgressOption",
    "Report",
    "Results",
    "Signature",
    "SignatureError",
    "SignedByOption",
    "Status",
    "VerificationError",
    "WriteFormat",
    "__version__",
    "check",
    "check_signatures",
    "create",
    "diff",
    "find_manifests",
    "find_packages",
    "get_algorithms",
    "get_engine",
    "get_include",
    "get_library",
    "iter_check",
    "join",
    "read_manifest",
    "update",
]

if not TYPE_CHECKING:  # for which any name would then be one of the package
    __getattr__, __dir__ = attach(
        __name__,
        {
            "_engine": ("Engine", "get_algorithms", "get_engine"),
            "_installed": ("Package", "find_packages"),
            "_join": ("join",),
            "_options": (
                "AnyPath",
                "ExtraOption",
                "KeyOption",
                "ManifestOption",
                "ProgressOption",
                "SignedByOption",
                "WriteFormat",
            ),
            "_read": ("Entries", "find_manifests", "read_manifest"),
            "_results": ("Results",),
            "_verify": ("check", "check_signatures", "iter_check"),
            "_write": ("create", "diff", "update"),
            "checksig": ("get_include", "get_library"),
            "errors": (
                "CancelledError",
                "ChecksigError",
                "InternalError",
                "ManifestError",
                "ManifestNotFoundError",
                "SignatureError",
                "VerificationError",
            ),
            "report": (
                "BadLine",
                "Changes",
                "Entry",
                "FileResult",
                "Manifest",
                "Progress",
                "Report",
                "Signature",
                "Status",
            ),
        },
        modules=("checksig", "errors", "report"),
    )

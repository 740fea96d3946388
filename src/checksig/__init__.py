"""Verify that every file of a directory is what its checksum manifest says.

>>> import checksig
>>> checksig.check_signatures("testdata/logs")
Traceback (most recent call last):
    ...
checksig.errors.VerificationError: "testdata/logs/httpd-08.log" - mismatch
"""

from checksig.checksig import check_signatures, get_include, get_library
from checksig.errors import (
    ChecksigError,
    InternalError,
    ManifestError,
    ManifestNotFoundError,
    VerificationError,
)

__version__ = "0.1.0"

__all__ = [
    "ChecksigError",
    "InternalError",
    "ManifestError",
    "ManifestNotFoundError",
    "VerificationError",
    "__version__",
    "check_signatures",
    "get_include",
    "get_library",
]

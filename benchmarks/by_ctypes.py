"""Calls the C functions of the library directly with ctypes, as docs/ctypes.md shows."""

from __future__ import annotations

import ctypes
import os

import checksig


def load() -> ctypes.CDLL:
    """Return the library with the prototypes of the functions that are measured."""
    library = ctypes.CDLL(checksig.get_library())
    library.checksig_verify.argtypes = [ctypes.c_char_p]
    library.checksig_verify.restype = ctypes.c_void_p
    library.checksig_version.restype = ctypes.c_char_p
    library.checksig_free.argtypes = [ctypes.c_void_p]
    library.checksig_free.restype = None
    return library


def verify(library: ctypes.CDLL, path: str | bytes) -> str | None:
    """Return the message of checksig_verify, or None if all is well."""
    message = library.checksig_verify(os.fsencode(path))
    if message is None:
        return None
    try:
        return ctypes.string_at(message).decode()
    finally:
        library.checksig_free(message)

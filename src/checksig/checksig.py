"""The boundary between Python and the Go library: the only module that imports ctypes.

``checksig.h``, in the folder that :func:`get_include` names, is the contract
of the calls made here. The library is loaded at the first call that needs it.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import struct
import sys
import threading
from pathlib import Path

import checksig
from checksig.errors import InternalError, ManifestError, ManifestNotFoundError, VerificationError

_PACKAGE = Path(__file__).resolve().parent
_LIBRARY = _PACKAGE / ("_checksig.dll" if sys.platform == "win32" else "_checksig.so")
_REMEDY = "reinstall checksig, or in a checkout run 'pip install -e .' again"

_FORKED_MESSAGE = (
    "checksig was used before this process was forked, and its Go runtime does not survive a fork:"
    " use the 'spawn' or 'forkserver' start method, or call checksig only after the fork"
)

# checksig_error.kind
_OK, _FAILED, _MANIFEST, _NOT_FOUND, _OS, _ARGUMENT, _INTERNAL = range(7)

# With 2,000 MiB in all the Go runtime was seen to end the process, with 2,200 it was not.
_ADDRESS_SPACE = 2560 << 20 if sys.maxsize > 1 << 32 else 0

_loaded: tuple[ctypes.CDLL, ctypes.c_int32] | None = None


class _Error(ctypes.Structure):
    """checksig_error. The strings are pointers, not c_char_p: they must be freed."""

    _fields_ = (
        ("kind", ctypes.c_int32),
        ("os_errno", ctypes.c_int32),
        ("line", ctypes.c_int64),
        ("message", ctypes.c_void_p),
        ("path", ctypes.c_void_p),
        ("reason", ctypes.c_void_p),
    )


def check_signatures(path: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> None:
    """Verify every file that the manifest of a directory lists.

    The manifest is ``sha1sum.txt`` or, where there is none, the first of the
    other usual names (``SHA256SUMS``, ``MD5SUMS``, …). The files are read in
    parallel, on all cores; the GIL is released.

    Args:
        path: the directory.

    Raises:
        VerificationError: a ValueError that names each bad file, with its reason.
        ManifestNotFoundError: a ValueError and FileNotFoundError; there is no manifest.
        ManifestError: a ValueError; the manifest cannot serve as a whole.
        OSError: the directory or the manifest cannot be opened or read.
        ValueError: path is empty or has a NUL in it.
        TypeError: path is no path.
        InternalError: a fault of checksig itself.
        ImportError: the library of this installation cannot be loaded.
    """
    root = _encode(path)
    library = _load()
    error = _Error()
    if library.checksig_check(root, len(root), ctypes.byref(error)) != _OK:
        message, subject, reason = (
            _take(library, pointer) for pointer in (error.message, error.path, error.reason)
        )
        _raise(error, _text(message), os.fsdecode(subject), _text(reason))


def verify(path: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> str | None:
    """Verify a directory by the library's simplest call.

    Args:
        path: the directory.

    Returns:
        None when all is well, else the message.

    Raises:
        ValueError: path is empty or has a NUL in it.
        TypeError: path is no path.
        ImportError: the library of this installation cannot be loaded.
    """
    root = _encode(path)
    library = _load()
    pointer = library.verify(root)
    return _text(_take(library, pointer)) if pointer else None


def get_include() -> str:
    """Return the directory that holds the library's headers, ``checksig.h`` and ``_checksig.h``."""
    return str(_PACKAGE / "include")


def get_library() -> str:
    """Return the path of the shared library."""
    return str(_LIBRARY)


def _encode(path: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> bytes:
    root = os.fsencode(path)
    if not root:
        raise ValueError("the path of the directory is empty")
    if b"\0" in root:
        raise ValueError(f"the path of the directory has a NUL in it: {path!r}")
    return root


def _take(library: ctypes.CDLL, pointer: int | None) -> bytes:
    """Return a string of the library's, which is freed; b"" for NULL."""
    if not pointer:
        return b""
    try:
        return ctypes.string_at(pointer)
    finally:
        library.checksig_free(pointer)


def _text(message: bytes) -> str:
    # Messages are UTF-8, but for what a panic may hold.
    return message.decode("utf-8", "backslashreplace")


def _raise(error: _Error, message: str, path: str, reason: str) -> None:
    kind = error.kind
    if kind == _FAILED:
        raise VerificationError(message)
    if kind == _MANIFEST:
        raise ManifestError(message, path, error.line or None, reason)
    if kind == _NOT_FOUND:
        raise ManifestNotFoundError(message, path, None, reason)
    if kind == _OS:
        raise OSError(error.os_errno, os.strerror(error.os_errno), path)
    if kind == _ARGUMENT:
        raise ValueError(message)
    raise InternalError(message)


def _load() -> ctypes.CDLL:
    """Return the library, which is loaded at the first call.

    Raises:
        ImportError: it is missing, damaged, built for another machine, or of another version.
        OSError: descriptors or address space are too scarce to load it.
        RuntimeError: this process is a forked child of one that loaded it.
    """
    library, forked = _loaded or _load_once()
    if forked.value:
        raise RuntimeError(_FORKED_MESSAGE)
    return library


def _load_once() -> tuple[ctypes.CDLL, ctypes.c_int32]:
    """Load the library, and return it with its variable that tells a forked child."""
    global _loaded
    with _loading:
        if _loaded is None:
            _loaded = _open()
        return _loaded


# A child that is forked while another thread loads would find half a library.
_loading = threading.RLock()
os.register_at_fork(
    before=_loading.acquire, after_in_parent=_loading.release, after_in_child=_loading.release
)


def _open() -> tuple[ctypes.CDLL, ctypes.c_int32]:
    _require_address_space()
    try:
        _refuse_truncated(_LIBRARY)
        library = ctypes.CDLL(str(_LIBRARY))
        library.checksig_version.restype = ctypes.c_char_p
        forked = ctypes.c_int32.in_dll(library, "checksig_forked")
        if forked.value:  # another user of the library loaded it before the fork
            raise RuntimeError(_FORKED_MESSAGE)
        version = library.checksig_version().decode()
        _declare(library)
    except (OSError, AttributeError, ValueError) as error:
        if getattr(error, "errno", None) in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
            raise
        cause = getattr(error, "strerror", None) or error
        raise ImportError(f"cannot load {_LIBRARY}: {cause}; {_REMEDY}", path=str(_LIBRARY)) from error
    if version != checksig.__version__:
        raise ImportError(
            f"{_LIBRARY} is of version {version}, the package of {checksig.__version__}; {_REMEDY}",
            path=str(_LIBRARY),
        )
    return library, forked


def _require_address_space() -> None:
    """Raise OSError where the limit on address space would make Go end the process while it loads."""
    if not _ADDRESS_SPACE:
        return
    try:
        mmap.mmap(-1, _ADDRESS_SPACE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=0).close()
    except OSError as error:
        message = f"checksig needs {_ADDRESS_SPACE >> 20} MiB of address space, and 'ulimit -v' leaves less"
        raise OSError(error.errno, message) from None


def _declare(library: ctypes.CDLL) -> None:
    """Set the prototypes, as checksig.h has them."""
    library.verify.argtypes = [ctypes.c_char_p]
    library.verify.restype = ctypes.c_void_p
    library.checksig_check.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(_Error)]
    library.checksig_check.restype = ctypes.c_int32
    library.checksig_free.argtypes = [ctypes.c_void_p]
    library.checksig_free.restype = None


def _refuse_truncated(path: Path) -> None:
    """Raise OSError for an ELF file that ends before its last segment.

    The dynamic linker maps the segments without a look at the file's size, and
    the process dies at the first page that is not there. ELF-64, figure 3.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        header = file.read(64)
        if len(header) < 64 or header[:5] != b"\x7fELF\x02":
            return  # the linker itself refuses what is shorter; other formats' linkers look at the size
        order = "<" if header[5] == 1 else ">"
        (start,) = struct.unpack_from(order + "Q", header, 32)
        entry_size, count = struct.unpack_from(order + "HH", header, 54)
        file.seek(start)
        table = file.read(entry_size * count)
    if entry_size < 56 or len(table) < entry_size * count:
        raise OSError("the file is truncated or damaged")
    for at in range(0, len(table), entry_size):
        offset, stored = struct.unpack_from(order + "8xQ16xQ", table, at)
        if offset + stored > size:
            raise OSError(f"the file is truncated: {size} bytes, and a segment ends at {offset + stored}")

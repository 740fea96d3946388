"""Checks whether a Go runtime can start here, because it ends the process if it cannot.

The library needs threads and address space of this process; the helper needs address space
of its own.
"""

from __future__ import annotations

import errno
import mmap
import os
import struct
import sys
from pathlib import Path

from checksig import checksig

if sys.platform != "win32":
    import resource

# The library: with 2000 MiB in all, the runtime ended the process; the stacks of its threads
# need more.
_LIBRARY_SPACE = 3200 << 20 if sys.maxsize > 1 << 32 and sys.platform != "win32" else 0

# The helper: with 1200 MiB in all, the runtime ended the process.
_HELPER_SPACE = 1500 << 20

# While it is loaded, the runtime may start threads for each processor. Later, the library
# checks for itself how many threads it can have.
_WANTED = os.environ.get("GOMAXPROCS", "")
_PROCESSORS = max(os.cpu_count() or 1, int(_WANTED) if _WANTED.isdecimal() else 0)
_THREADS = 2 * _PROCESSORS + 24 if sys.platform == "linux" else 0


def find_obstacle() -> str:
    """Return why the library cannot serve in any process here; "" if it can."""
    if not checksig.LIBRARY.exists():
        return "this package contains no library"
    if sys.platform == "linux" and not _is_glibc():
        return "the C library is not glibc, and cannot load a Go runtime"
    return ""


def _is_glibc() -> bool:
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (OSError, ValueError):  # musl does not know the name
        return False


def check_library() -> None:
    """Raise OSError if the library must not be loaded into this process now.

    Raises:
        OSError: ENOMEM or EAGAIN: the limits on address space or on threads are too low;
            otherwise the file is truncated or cannot be read.
    """
    if _LIBRARY_SPACE:
        _require_address_space()
    if _THREADS:
        _require_threads()
    _refuse_truncated(checksig.LIBRARY)


def check_helper() -> None:
    """Raise OSError if the limit on address space is too low for the helper.

    Raises:
        ImportError: there is no helper on Windows.
    """
    if sys.platform == "win32":
        raise ImportError(f"there is no helper on Windows; {checksig.REMEDY}")
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY and limit < _HELPER_SPACE:
        raise _too_little_space(_HELPER_SPACE)


def _require_address_space() -> None:
    try:
        mmap.mmap(-1, _LIBRARY_SPACE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=0).close()
    except OSError:
        raise _too_little_space(_LIBRARY_SPACE) from None


def _too_little_space(needed: int) -> OSError:
    message = f"checksig needs {needed >> 20} MiB of address space, and 'ulimit -v' leaves less"
    return OSError(errno.ENOMEM, message)


def _require_threads() -> None:
    if checksig.count_startable_threads(_THREADS) < _THREADS:
        raise OSError(
            errno.EAGAIN,
            f"too few threads: checksig needs {_THREADS}, and the limit on processes"
            " (ulimit -u, or the container's) leaves fewer",
        )


def _refuse_truncated(path: Path) -> None:
    """Raise OSError for an ELF file that ends before its last segment.

    The dynamic linker maps the segments without looking at the size of the file, and the
    process dies when it touches a page that does not exist. See figure 3 of ELF-64.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        header = file.read(64)
        if len(header) < 64 or header[:5] != b"\x7fELF\x02":
            return  # the linker refuses a shorter file; linkers of other formats look at the size
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
            raise OSError(
                f"the file is truncated: it has {size} bytes, but a segment ends at {offset + stored}"
            )

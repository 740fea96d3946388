"""Checks whether a Go runtime can start here, because it ends the process if it cannot.

The library needs threads and address space of this process; the helper needs address space
of its own.
"""

from __future__ import annotations

import errno
import os
import struct
import sys

from checksig._installation import LIBRARY, REMEDY
from checksig.checksig import count_startable_threads

if sys.platform != "win32":
    import resource

# The library: with 2000 MiB in all, the runtime ended the process; the stacks of its threads
# need more.
_LIBRARY_SPACE = 3200 << 20 if sys.maxsize > 1 << 32 and sys.platform != "win32" else 0
_LIBRARY_DATA = 320 << 20  # with 200 MiB in all, threads could not be started

# The helper: with 1200 MiB of address space or 100 MiB of data, the runtime ended the process.
_HELPER_SPACE = 1500 << 20
_HELPER_DATA = 200 << 20

# The variables of the environment that a Go runtime reads. They are meant for other programs.
# On Linux the library hides them from its runtime.
_GO_VARIABLES = (b"GODEBUG", b"GOGC", b"GOMAXPROCS", b"GOMEMLIMIT", b"GOTRACEBACK")


def find_obstacle() -> str:
    """Return why the library cannot serve in any process here; "" if it can."""
    if not os.path.exists(LIBRARY):
        return "this package contains no library"
    if sys.platform == "linux" and not _is_glibc():
        return "the C library is not glibc, and cannot load a Go runtime"
    if sys.platform == "darwin" and (found := os.environb.keys() & set(_GO_VARIABLES)):
        return f"the environment has {min(found).decode()}, which a Go runtime in this process would read"
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
    if sys.platform != "win32":
        if _LIBRARY_SPACE and _is_limited(resource.RLIMIT_AS):
            _require_memory(_LIBRARY_SPACE, False, "address space", "ulimit -v")
        if _is_limited(resource.RLIMIT_DATA):
            _require_memory(_LIBRARY_DATA, True, "data", "ulimit -d")
    if sys.platform == "linux":
        _require_threads(_count_threads())
    _refuse_truncated(LIBRARY)


def check_helper() -> None:
    """Raise OSError if the limits on memory are too low for the helper.

    Raises:
        ImportError: there is no helper on Windows.
    """
    if sys.platform == "win32":
        raise ImportError(f"there is no helper on Windows; {REMEDY}")
    for limit, needed, kind, command in (
        (resource.RLIMIT_AS, _HELPER_SPACE, "address space", "ulimit -v"),
        (resource.RLIMIT_DATA, _HELPER_DATA, "data", "ulimit -d"),
    ):
        allowed = resource.getrlimit(limit)[0]
        if allowed != resource.RLIM_INFINITY and allowed < needed:
            raise _too_little_memory(needed, kind, command)


def helper_environment() -> dict[bytes, bytes]:
    """Return the environment of this process without the variables of a Go runtime."""
    return {name: value for name, value in os.environb.items() if name not in _GO_VARIABLES}


def _is_limited(kind: int) -> bool:
    return resource.getrlimit(kind)[0] != resource.RLIM_INFINITY


def _require_memory(needed: int, writable: bool, kind: str, command: str) -> None:
    import mmap  # needed only with a limit

    protection = mmap.PROT_READ | mmap.PROT_WRITE if writable else 0
    try:
        mmap.mmap(-1, needed, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=protection).close()
    except OSError:
        raise _too_little_memory(needed, kind, command) from None


def _too_little_memory(needed: int, kind: str, command: str) -> OSError:
    message = f"checksig needs {needed >> 20} MiB of {kind}, and '{command}' leaves less"
    return OSError(errno.ENOMEM, message)


def _count_threads() -> int:
    """Return how many threads the runtime may start while it is loaded.

    Later, the library checks for itself how many threads it can have.
    """
    return 2 * (len(os.sched_getaffinity(0)) + 1) + 24  # the runtime has a spare processor


def _require_threads(needed: int) -> None:
    import _signal as signal  # type: ignore[import-not-found]  # without enum, whose import is slow

    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:  # the new threads must take no signals
        startable = count_startable_threads(needed)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    if startable < needed:
        raise OSError(
            errno.EAGAIN,
            f"too few threads: checksig needs {needed}, and the limit on processes"
            " (ulimit -u, or the container's) leaves fewer",
        )


def _refuse_truncated(path: str) -> None:
    """Raise OSError for an ELF file that ends before its last segment.

    The dynamic linker maps the segments without looking at the size of the file, and the
    process dies when it touches a page that does not exist. See figure 3 of ELF-64.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
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

"""Imports the modules of the package when a name of theirs is first asked for (PEP 562).

An import that another thread has begun never ends in a forked child, which would wait for it. So the
package imports its modules under a lock, and a fork waits for the lock. The modules that are imported
at the top of another one need no lock of their own.
"""

from __future__ import annotations

import os
import sys
from _thread import RLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

importing = RLock()
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(
        before=importing.acquire, after_in_parent=importing.release, after_in_child=importing.release
    )


def attach(
    package: str, names: Mapping[str, Sequence[str]], modules: Sequence[str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` of the package.

    Args:
        package: the name of the package.
        names: the public names, by the module that has them.
        modules: the modules that are public themselves.
    """
    homes = {name: module for module, public in names.items() for name in public}
    members = vars(sys.modules[package])

    def find(name: str) -> Any:
        module = homes.get(name, name if name in modules else None)
        if module is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name)
        full = f"{package}.{module}"
        with importing:
            __import__(full)
        found = sys.modules[full]
        return members.setdefault(name, getattr(found, name)) if name in homes else found

    return find, lambda: sorted({*members, *homes, *modules})

"""Prepares a process that runs the command. The package imports this module before all others.

``python -m`` puts the current directory first on sys.path. If that is the directory to verify, its
``click.py`` or ``json.py`` would run. So this module imports nothing that Python does not have yet,
not even ``__future__``. What ``python -m`` itself runs before the package is out of reach: a
``checksig.py``, an ``importlib.py``, and in some versions others. The script ``checksig`` has no
such problem.

An exception during the import of the package would end the process with the status 1, which says
that a file is bad.
"""

import os
import sys

from checksig._bug import report


def _prepare() -> None:
    if _is_module():
        _drop_current_directory()
    elif os.path.basename(sys.argv[0] if sys.argv else "").removesuffix(".exe") != "checksig":
        return
    sys.excepthook = _end


def _is_module() -> bool:
    """Return whether this is ``python -m checksig``."""
    if sys.argv[:1] != ["-m"]:  # what it is while Python looks for the module
        return False
    word = sys.orig_argv[-len(sys.argv)]  # "checksig", or with options as in "-mchecksig"
    return (word.partition("m")[2] if word.startswith("-") else word) in ("checksig", "checksig.__main__")


def _drop_current_directory() -> None:
    try:
        current = os.getcwd()
    except FileNotFoundError:  # it was removed, and is not on sys.path
        return
    if not sys.flags.safe_path and sys.path[0] == current:
        del sys.path[0]


def _end(kind: type[BaseException], error: BaseException, _: object) -> None:
    """End a process that could not import the package; treat later exceptions as usual."""
    if "checksig" in sys.modules:
        sys.__excepthook__(kind, error, error.__traceback__)
    elif not issubclass(kind, KeyboardInterrupt):  # after which Python ends the process by SIGINT
        report(error)
        sys.exit(2)


_prepare()

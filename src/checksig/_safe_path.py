"""Keeps ``python -m checksig`` from running code of the current directory.

``python -m`` puts the current directory first on sys.path. If that is the directory to verify, its
``click.py`` or ``json.py`` would run. The package imports this module before all others, and this
module imports nothing that Python does not have yet, not even ``__future__``.

What ``python -m`` itself runs before the package is out of reach: a ``checksig.py``, an
``importlib.py``, and in some versions others. The command ``checksig`` has no such problem.
"""

import os
import sys


def _drop_current_directory() -> None:
    if sys.argv[:1] != ["-m"] or sys.flags.safe_path:  # "-m" while Python looks for the module
        return
    word = sys.orig_argv[-len(sys.argv)]  # "checksig", or with options as in "-mchecksig"
    module = word.partition("m")[2] if word.startswith("-") else word
    if module not in ("checksig", "checksig.__main__"):
        return
    try:
        current = os.getcwd()
    except FileNotFoundError:  # it was removed, and is not on sys.path
        return
    if sys.path[0] == current:
        del sys.path[0]


_drop_current_directory()

"""What PyInstaller adds to a program that imports checksig: the files that Go built.

PyInstaller reads the names ``binaries`` and ``datas``; see "Understanding PyInstaller Hooks" in its
documentation.
"""

from __future__ import annotations

import os

from checksig._installation import HELPER, LIBRARY, MANIFEST

binaries = [(path, "checksig") for path in (LIBRARY, HELPER) if os.path.exists(path)]
datas = [(MANIFEST, "checksig")]

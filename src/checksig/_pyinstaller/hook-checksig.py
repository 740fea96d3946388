"""What PyInstaller adds to a program that imports checksig: the files that Go built.

PyInstaller reads the names ``binaries`` and ``datas``; see "Understanding PyInstaller Hooks" in its
documentation.
"""

from __future__ import annotations

from checksig._installation import HELPER, LIBRARY, MANIFEST

binaries = [(str(path), "checksig") for path in (LIBRARY, HELPER) if path.exists()]
datas = [(str(MANIFEST), "checksig")]

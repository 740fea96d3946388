"""A ``go`` that compiles nothing, for tests of everything around it."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import stub_go
from support import HELPER, LIBRARY, PACKAGE


def write_program(folder: Path, name: str, script: str) -> None:
    """Write a program that runs a shell script."""
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


class StubGo:
    """Puts tests/stub_go.py into a folder as ``go``; its builds are copies of the package under test.

    Attributes:
        folder: the directory with the program, and with what it reads and writes.
        env: this process's environment, with the folder first on PATH.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "library").symlink_to(PACKAGE / LIBRARY)
        (folder / "helper").symlink_to(PACKAGE / HELPER)
        command = [sys.executable, "-I", "-S", stub_go.__file__, str(folder)]
        write_program(folder, "go", f'exec {shlex.join(command)} "$@"')
        self.env = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}

    def builds(self) -> list[dict[str, Any]]:
        """Return the arguments, the environment, and the directory of each ``go build``, in order."""
        calls = map(json.loads, (self.folder / "calls.jsonl").read_text("utf-8").splitlines())
        return [call for call in calls if call["arguments"][0] == "build"]

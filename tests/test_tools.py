"""The scripts of tools/ that write what is committed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support import CHECKOUT, environment


def run(tool: str, target: Path) -> None:
    """Run a script of tools/."""
    command = [sys.executable, str(CHECKOUT / "tools" / tool), str(target)]
    subprocess.run(command, env=environment(), check=True)


def test_the_man_pages_say_what_the_help_says(tmp_path: Path) -> None:
    run("man.py", tmp_path)
    pages = {path.name: path.read_text("utf-8") for path in tmp_path.iterdir()}
    assert len(pages) == 6
    assert pages == {path.name: path.read_text("utf-8") for path in (CHECKOUT / "docs/man").iterdir()}, (
        "run 'python tools/man.py'"
    )


def test_the_picture_is_drawn_from_a_run(tmp_path: Path) -> None:
    run("picture.py", tmp_path / "picture.svg")
    text = (tmp_path / "picture.svg").read_text("utf-8").replace("&#160;", " ")
    for shown in (
        "6 files listed",
        "6 files OK",
        "FAILED",
        "2 of 6 files FAILED, 1 missing",
        "Git LFS pointer",
    ):
        assert shown in text
    assert "https://" not in text

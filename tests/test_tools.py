"""The scripts in tools/ that write committed files."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from pathlib import Path

from support import CHECKOUT, environment, timeless


def run(tool: str, target: Path) -> None:
    """Run a script in tools/."""
    command = [sys.executable, str(CHECKOUT / "tools" / tool), str(target)]
    subprocess.run(command, env=environment(), check=True)


def test_the_man_pages_are_up_to_date(tmp_path: Path) -> None:
    run("man.py", tmp_path)
    pages = {path.name: path.read_text("utf-8") for path in tmp_path.iterdir()}
    assert len(pages) == 8
    assert pages == {path.name: path.read_text("utf-8") for path in (CHECKOUT / "docs/man").iterdir()}, (
        "run 'python tools/man.py'"
    )


def words(picture: Path) -> list[str]:
    """Return the lines of a picture's terminal, without times."""
    lines: dict[str, str] = {}
    for y, text in re.findall(r'<text .*? y="([\d.]+)".*?>(.*?)</text>', picture.read_text("utf-8")):
        lines[y] = lines.get(y, "") + html.unescape(text).replace("\xa0", " ").rstrip("\n")
    return [timeless(line) for line in lines.values()]


def test_the_screenshot_is_up_to_date(tmp_path: Path) -> None:
    run("screenshot.py", tmp_path / "new.svg")
    committed = CHECKOUT / "docs" / "command.svg"
    assert words(tmp_path / "new.svg") == words(committed), "run 'python tools/screenshot.py'"
    assert "2 of 6 files FAILED, 1 missing · sha256 · 95 B in TIME · data/SHA256SUMS" in words(committed)
    assert "https://" not in committed.read_text("utf-8")


def test_the_tests_that_each_wheel_must_pass_exist() -> None:
    source = (CHECKOUT / "tools/check_wheels.py").read_text("utf-8")
    lists = re.findall(r"^(?:PUBLIC|ON_MUSL|ON_WINDOWS_TOO) = \((.*)\)$", source, re.MULTILINE)
    names = set(re.findall(r'"(\w+)"', "".join(lists)))
    assert len(lists) == 3
    assert [name for name in names if not (CHECKOUT / f"tests/test_{name}.py").exists()] == []

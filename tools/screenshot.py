"""Draws docs/command.svg, a screenshot of the command for the README, from a real run.

python tools/screenshot.py [FILE]
"""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

SCREENSHOT = Path(__file__).resolve().parent.parent / "docs" / "command.svg"
COLUMNS = 96

FILES = {
    "model.safetensors": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
    "labels.csv": b"id,label\r\n1,cat\r\n",
    "images/train.tar": b"train",
    "images/val.tar": b"val",
    "README.md": b"# Data\n",
}
LISTED = {"model.safetensors": b"weights", "labels.csv": b"id,label\n1,cat\n", "images/test.tar": b"test"}
RUNS = (["create", "data"], ["check", "data"], ["check", "data"])


def write(folder: Path, files: dict[str, bytes]) -> None:
    """Write files into a folder."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def run(folder: Path, *arguments: str) -> bytes:
    """Run the command in a pseudo-terminal, and return its output."""
    master, slave = pty.openpty()
    env = {
        name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "GITHUB_STEP_SUMMARY")
    }
    command = [sys.executable, "-m", "checksig", *arguments]
    child = subprocess.Popen(command, cwd=folder, env={**env, "TERM": "xterm"}, stdout=slave, stderr=slave)
    os.close(slave)
    written = b""
    while True:
        try:
            piece = os.read(master, 1 << 16)
        except OSError:  # the end, on Linux
            break
        if not piece:
            break
        written += piece
    child.wait()
    os.close(master)
    return written


def draw(target: Path) -> None:
    """Create a manifest, verify it, damage some files, verify again, and draw the terminal."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "data", {**FILES, **LISTED})
        for number, arguments in enumerate(RUNS):
            if number == 2:
                console.print("[bold]$[/] rm data/images/test.tar  # and damage two others")
                (folder / "data/images/test.tar").unlink()
                write(folder / "data", FILES)
            console.print(f"[bold]$[/] checksig {' '.join(arguments)}", highlight=False)
            console.print(Text.from_ansi(run(folder, *arguments).decode().replace("\r\n", "\n").rstrip()))
    picture = console.export_svg(title="checksig", theme=MONOKAI, unique_id="checksig")
    target.write_text(without_remote_fonts(picture), "utf-8")


def without_remote_fonts(picture: str) -> str:
    """Return a picture that loads no font, but uses the viewer's monospace font."""
    picture = re.sub(r"<!--.*?-->\s*", "", picture, flags=re.DOTALL)
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
    return picture.replace("Fira Code, monospace", "monospace")


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else SCREENSHOT)

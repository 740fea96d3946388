"""Writes the man pages, docs/man/*.1, from the help texts of the commands.

python tools/man.py [FOLDER]
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click
from click_man.core import write_man_pages  # type: ignore[import-untyped]

import checksig
from checksig.command.cli import main as commands

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "man"
EXIT_STATUS = """.SH EXIT STATUS
.TP
0
All is well, and something was verified. For diff: nothing differs.
.TP
1
A file is bad. For diff: something differs.
.TP
2
An error: bad usage, unusable manifest, bad manifest line, nothing verified, or output lost.
.TP
130
Interrupted. The command ends by SIGINT, so that a loop in a shell ends, too.
"""


def write(folder: Path) -> None:
    """Write all pages into a folder; create it if necessary."""
    folder.mkdir(parents=True, exist_ok=True)
    write_man_pages("checksig", commands, version=checksig.__version__, target_dir=str(folder))
    for command in [commands, *commands.commands.values()]:
        name = "checksig" if command is commands else f"checksig-{command.name}"
        page = folder / f"{name}.1"
        # Without the date, which would change every day.
        text = re.sub(r'^(\.TH "[^"]*" "1") "[^"]*"', r'\1 ""', page.read_text("utf-8"))
        page.write_text(text.rstrip("\n") + "\n" + examples(command) + EXIT_STATUS, "utf-8")


def examples(command: click.Command) -> str:
    """Return the examples in the help text of a command as a section."""
    lines = (command.epilog or "").replace("\b\nExamples:\n", "").splitlines()
    shown = "\n.br\n".join(line.strip().replace("-", "\\-").replace("'", "\\(aq") for line in lines)
    return f".SH EXAMPLES\n{shown}\n"


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)

"""Compares ``sha256sum -c`` with ``checksig check`` for the same manifests and options.

``python tests/coreutils.py`` runs both, and rewrites the table in docs/from-sha256sum.md.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "from-sha256sum.md"
BEGIN, END = "<!-- written by tests/coreutils.py -->\n", "<!-- end -->\n"
FLAGS = ("", "--quiet", "--status", "--warn", "--strict", "--ignore-missing")
CHECKSIG = (sys.executable, "-m", "checksig", "check")


def _line(name: str, content: bytes = b"1") -> str:
    return f"{hashlib.sha256(content).hexdigest()}  {name}\n"


# The manifests. Their directory contains the file "a" with "1", the file "b" with "2", and a folder.
CASES = {
    "every file is OK": _line("a") + _line("b", b"2"),
    "one file does not match": _line("a") + _line("b", b"3"),
    "one file is missing": _line("a") + _line("gone", b"4"),
    "all files are missing": _line("gone", b"4") + _line("lost", b"4"),
    "one file is a directory": _line("a") + _line("folder"),
    "one line is bad": _line("a") + "no digest\n" + _line("b", b"2"),
    "one line is bad, one file does not match": _line("a") + "no digest\n" + _line("b", b"3"),
    "all lines are bad": "no digest\nnone here\n",
    "the manifest is empty": "",
    "the manifest is missing": None,
}


@dataclass(frozen=True)
class Output:
    """What a tool did: its exit status, and the lines that it wrote."""

    status: int
    out: tuple[str, ...]
    err: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"`{line}`" for line in self.out] + [f"*{line}*" for line in self.err]
        return "<br>".join([f"**{self.status}**", *lines])


def run(folder: Path, *command: str) -> Output:
    """Run a command for SHA256SUMS."""
    words = [*filter(None, command), "SHA256SUMS"]
    env = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=False)
    out = (re.sub(r" in \d[\d.]* m?s\b", " in 1 ms", line) for line in done.stdout.splitlines())
    return Output(done.returncode, tuple(out), tuple(done.stderr.splitlines()))


@dataclass(frozen=True)
class Row:
    """A case, the options that give the same outcomes, and those of both tools."""

    case: str
    flags: tuple[str, ...]
    theirs: Output
    ours: Output

    def differences(self) -> list[int]:
        """Return the numbers of the differences that the page explains."""
        theirs, ours = self.theirs, self.ours
        shown = {
            1: any(line.endswith(": OK") for line in theirs.out),
            2: any(" · " in line for line in ours.out) or any("WARNING" in line for line in theirs.err),
            3: any("FAILED open or read" in line for line in theirs.out)
            or ("--status" in self.flags and theirs.err != () and ours.err == ()),
            4: ours.status == 2 and theirs.status == 1,
            5: ours.status == 2 and theirs.status == 0,
            6: any("line " in line for line in ours.err),
            7: any("hint: " in line for line in ours.err),
        }
        return [number for number, there in shown.items() if there]

    def __str__(self) -> str:
        flags = ", ".join(f"`{flag}`" if flag else "none" for flag in self.flags)
        numbers = ", ".join(map(str, self.differences()))
        return f"| {self.case} | {flags} | {self.theirs} | {self.ours} | {numbers} |\n"


def rows() -> list[Row]:
    """Return the rows of the table from runs of both tools."""
    found = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "folder").mkdir()
        for file, content in (("a", "1"), ("b", "2")):
            (folder / file).write_text(content)
        for case, manifest in CASES.items():
            (folder / "SHA256SUMS").unlink(missing_ok=True)
            if manifest is not None:
                (folder / "SHA256SUMS").write_text(manifest)
            alike: dict[tuple[Output, Output], list[str]] = {}
            for flag in FLAGS:
                pair = run(folder, "sha256sum", "-c", flag), run(folder, *CHECKSIG, flag)
                alike.setdefault(pair, []).append(flag)
            found += [Row(case, tuple(flags), *pair) for pair, flags in alike.items()]
    return found


def version() -> str:
    """Return the version of GNU sha256sum; "" if there is none."""
    try:
        done = subprocess.run(["sha256sum", "--version"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    found = re.match(r"sha256sum \(GNU coreutils\) (\S+)\n", done.stdout)
    return found[1] if found else ""


def main() -> None:
    """Write the table."""
    before, rest = PAGE.read_text("utf-8").split(BEGIN)
    head = f"\n| case | options | sha256sum {version()} | checksig | differs |\n" + "| --- " * 5 + "|\n"
    lines = [head, *map(str, rows())]
    PAGE.write_text(before + BEGIN + "".join(lines) + "\n" + END + rest.split(END)[1], "utf-8")


if __name__ == "__main__":
    main()

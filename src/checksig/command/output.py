"""How the command shows what a verification found: as text, as JSON Lines, as Markdown.

A name that holds control characters, bidirectional marks or bytes that are not UTF-8
is escaped, and a backslash before its line says so, as coreutils does.
"""

from __future__ import annotations

import base64
import html
import json
import os
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from checksig._read import Entries
from checksig._text import count, place, printable, size
from checksig.command.hints import Hint
from checksig.command.terminal import Out
from checksig.errors import ManifestError, ManifestNotFoundError
from checksig.report import Changes, Entry, FileResult, Progress, Report, Status

GROUPED = 20  # with more bad files than that, they are also counted by directory
_FOLDERS = 10
_SAME_HINTS = 3  # more files of one kind share a line
_MARKDOWN_ROWS = 200

_COLORS = {
    Status.OK: "green",
    Status.FAILED: "red",
    Status.MISSING: "red",
    Status.CHANGED: "red",
    Status.ERROR: "red",
    Status.CONFLICT: "red",
    Status.EXTRA: "yellow",
}
# Why a verification did not come to its end.
FAIL_FAST = "stopped at the first file that is not OK"
INTERRUPTED = "interrupted"

# Reasons that say no more than the verdict.
_PLAIN_REASONS = {"", "mismatch", "missing", "not in the manifest"}


@dataclass
class Found:
    """What the command has kept of one directory.

    Attributes:
        root: the directory.
        shard: which part of the files is verified; None: all of them.
        bad: how many results were bad.
        by_folder: the same, by directory and verdict.
        kept: the first bad results, and their hints.
    """

    root: str
    shard: tuple[int, int] | None
    bad: int = 0
    by_folder: dict[str, Counter[str]] = field(default_factory=dict)
    kept: list[tuple[FileResult, Hint | None]] = field(default_factory=list)

    def add(self, result: FileResult, hint: Hint | None, keep: int) -> None:
        """Take a bad result."""
        self.bad += 1
        folder = os.path.dirname(joined(self.root, result.path)) or "."
        self.by_folder.setdefault(folder, Counter())[str(result.status)] += 1
        if len(self.kept) < keep:
            self.kept.append((result, hint))


class Printer(Protocol):
    """What shows the course of a verification."""

    def result(self, root: str, result: FileResult, hint: Hint | None) -> None:
        """Show the verdict on one file."""

    def end(self, found: Found, report: Report) -> None:
        """Show what was found in a whole directory."""

    def stop(self, found: Found, progress: Progress, why: str) -> None:
        """Show how far a verification came that did not come to its end."""

    def error(self, target: str, message: str) -> None:
        """Show why a directory could not be verified."""


class TextPrinter:
    """Shows lines as sha256sum does, and a last one that answers the question.

    Args:
        out: where to.
        results: whether lines of files are wanted.
        last: whether the last line is.
        warn: whether each bad line of a manifest is named.
    """

    def __init__(self, out: Out, *, results: bool = True, last: bool = True, warn: bool = False) -> None:
        self._out = out
        self._results = results
        self._last = last
        self._warn = warn

    def result(self, root: str, result: FileResult, hint: Hint | None) -> None:
        """Write ``name: VERDICT``, and in parentheses what the verdict does not say."""
        if not self._results:
            return
        status = self._out.paint(str(result.status), _COLORS[result.status])
        reason = "" if result.reason in _PLAIN_REASONS else f" ({result.reason})"
        self._out.line(f"{_marked(joined(root, result.path))}: {status}{reason}", urgent=result.bad)

    def end(self, found: Found, report: Report) -> None:
        """Write the bad lines, the hints, the bad files by directory, and the summary."""
        if self._results:
            self._bad_lines(report)
            self._hints(found, report.hint)
        if self._last:
            self._folders(found)
            self._out.line(self._summary(report))

    def _summary(self, report: Report) -> str:
        verdict, rest = report.summary().split(" · ", 1)
        return f"{self._out.paint(verdict, 'green' if report.ok else 'red')} · {rest}"

    def changes(self, root: str, changes: Changes) -> None:
        """Write a line for each change, and one that counts them."""
        for change in changes.lines():
            self._out.line(change, urgent=False)
        self._out.line(changes.summary())

    def entry(self, entry: Entry) -> None:
        """Write what a manifest says of one file."""
        size = "-" if entry.size is None else str(entry.size)
        self._out.line(f"{entry.algorithm}  {entry.digest}  {size}  {printable(entry.path)}", urgent=False)

    def manifests(self, entries: Entries) -> None:
        """Write the bad lines, and what was understood of each manifest."""
        self._bad_lines(entries)
        for manifest in entries.manifests:
            parts = [count(manifest.entries, "entry", "entries"), ", ".join(manifest.algorithms)]
            parts += [f"format {manifest.format}", place(manifest.path)]
            self._out.line(" · ".join([*parts, *manifest.notes]))

    def _bad_lines(self, report: Report | Entries) -> None:
        shown = report.bad_lines if self._warn else report.bad_lines[:1]
        for line in shown:
            self._out.complain(f"{place(line.path)}: {line}")
        if more := report.bad_line_count - len(shown):
            how = "" if self._warn or len(report.bad_lines) < 2 else " (--warn names them)"
            self._out.complain(f"{count(more, 'more bad line')}{how}")

    def _hints(self, found: Found, hint: str | None) -> None:
        alike: dict[str, list[str]] = {}
        for result, known in found.kept:
            if known is not None:
                alike.setdefault(known.text, []).append(printable(joined(found.root, result.path)))
        for text, names in alike.items():
            if len(names) <= _SAME_HINTS:
                for name in names:
                    self._out.complain(f"hint: {name} {text}")
            else:
                self._out.complain(f"hint: {names[0]} {text}; so with {count(len(names) - 1, 'other')}")
        if hint is not None:
            self._out.complain(f"hint: {hint}")

    def _folders(self, found: Found) -> None:
        if found.bad <= GROUPED or len(found.by_folder) == 1:
            return
        for folder, counts in list(found.by_folder.items())[:_FOLDERS]:
            listed = ", ".join(f"{n:,} {status}" for status, n in counts.items())
            self._out.line(f"{printable(folder)}/: {listed}")
        if len(found.by_folder) > _FOLDERS:
            self._out.line(
                f"… and in {count(len(found.by_folder) - _FOLDERS, 'other directory', 'other directories')}"
            )

    def stop(self, found: Found, progress: Progress, why: str) -> None:
        """Write how far it came: to standard output if that is what was asked for."""
        text = f"{why}: {so_far(progress, found.bad)}"
        if self._results:
            self._hints(found, None)
        if why == INTERRUPTED:
            self._out.complain(text)
        elif self._last:
            self._out.line(text)

    def error(self, target: str, message: str) -> None:
        """Write the message to standard error."""
        self._out.complain(message)


class JsonPrinter:
    """Writes a JSON object a line; docs/json.md tells what is in them."""

    def __init__(self, out: Out) -> None:
        self._out = out

    def result(self, root: str, result: FileResult, hint: Hint | None) -> None:
        """Write an object of the type "file"."""
        self._write(
            {
                "type": "file",
                **_name("root", root),
                **_name("path", result.path),
                "status": str(result.status),
                "bad": result.bad,
                "algorithm": result.algorithm or None,
                "expected": result.expected or None,
                "actual": result.actual,
                "size": result.size,
                "reason": result.reason or None,
                "errno": result.errno,
                "hint": None if hint is None else {"kind": hint.kind, "text": hint.text},
            },
            urgent=result.bad,
        )

    def end(self, found: Found, report: Report) -> None:
        """Write an object of the type "summary"."""
        self._write(
            {
                "type": "summary",
                **_name("root", report.root),
                "complete": True,
                "ok": report.ok,
                "files": report.files,
                "bad": found.bad,
                "counts": {str(status): n for status, n in report.counts.items()},
                "bytes": report.bytes,
                "seconds": report.seconds,
                "shard": report.shard,
                **_manifests(report),
                "hint": report.hint,
            }
        )

    def stop(self, found: Found, progress: Progress, why: str) -> None:
        """Write an object of the type "summary" that is not complete."""
        self._write(
            {
                "type": "summary",
                **_name("root", found.root),
                "complete": False,
                "ok": False,
                "files": progress.total_files,
                "done": progress.files,
                "bad": found.bad,
                "bytes": progress.bytes,
                "seconds": progress.seconds,
                "shard": found.shard,
                "reason": why,
            }
        )
        if why == INTERRUPTED:
            self._out.complain(f"{why}: {so_far(progress, found.bad)}")

    def error(self, target: str, message: str) -> None:
        """Write an object of the type "error", and the message to standard error."""
        self._write({"type": "error", **_name("path", target), "message": message})
        self._out.complain(message)

    def changes(self, root: str, changes: Changes) -> None:
        """Write an object of the type "change" for each change, and one of the type "changes"."""
        kinds = {"added": changes.added, "removed": changes.removed, "modified": changes.modified}
        for kind, names in kinds.items():
            for name in names:
                self._write({"type": "change", "change": kind, **_name("path", name)})
        for old, new in changes.renamed:
            self._write({"type": "change", "change": "renamed", **_name("path", old), **_name("to", new)})
        counts = {kind: len(names) for kind, names in kinds.items()}
        counts |= {"renamed": len(changes.renamed), "unchanged": changes.unchanged}
        self._write({"type": "changes", **_name("root", root), **counts})

    def entry(self, entry: Entry) -> None:
        """Write an object of the type "entry"."""
        name = _name("path", entry.path)
        digest = {"algorithm": entry.algorithm, "digest": entry.digest, "size": entry.size}
        self._write({"type": "entry", **name, **digest}, urgent=False)

    def manifests(self, entries: Entries) -> None:
        """Write an object of the type "manifests"."""
        self._write({"type": "manifests", **_manifests(entries)})

    def _write(self, fields: dict[str, Any], urgent: bool = True) -> None:
        self._out.line(json.dumps(fields), urgent)  # in ASCII, whatever the terminal's encoding


def _name(key: str, name: str) -> dict[str, str]:
    """Return a name as JSON has it: bytes that are not UTF-8 survive in base64."""
    try:
        name.encode()
    except UnicodeEncodeError:
        plain = os.fsencode(name)
        return {key: plain.decode(errors="replace"), f"{key}_base64": base64.b64encode(plain).decode()}
    return {key: name}


def _manifests(source: Report | Entries) -> dict[str, Any]:
    manifests = []
    for manifest in source.manifests:
        fields = asdict(manifest)
        manifests.append({**_name("path", fields.pop("path")), **fields})
    return {
        "manifests": manifests,
        "bad_lines": [
            {**_name("path", line.path), "line": line.line, "reason": line.reason}
            for line in source.bad_lines
        ],
        "bad_line_count": source.bad_line_count,
    }


def cause(error: BaseException | None) -> str:
    """Return why something failed: what the system says, without a path."""
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def describe(error: Exception) -> str:
    """Return what an exception says, in the words of the command."""
    if isinstance(error, ManifestNotFoundError):
        return f"{place(error.path or '')}: {error.reason}; -m names one, 'checksig create' makes one"
    if isinstance(error, ManifestError) and error.path:
        line = f"line {error.line}: " if error.line else ""
        return f"{place(error.path)}: {line}{error.reason}"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{place(os.fsdecode(error.filename))}: {cause(error)}"
    return printable(cause(error))


def joined(root: str, name: str) -> str:
    """Return the path of a file as the command shows it: from here, not from the directory."""
    if root in (".", "./") or name.startswith("/"):
        return name
    return root + name if root.endswith("/") else f"{root}/{name}"


def _marked(name: str) -> str:
    """Return a name for a line that begins with it; a backslash before it says that it is escaped."""
    shown = printable(name)
    if shown == name and not name.startswith("\\"):
        return name
    return "\\" + (shown if shown != name else name.replace("\\", "\\\\"))


def so_far(progress: Progress, bad: int) -> str:
    """Return how far a verification has come."""
    total = count(progress.total_files, "file") if progress.total_files is not None else "all files"
    verdict = f"{bad:,} not OK" if bad else "none bad so far"
    return f"{progress.files:,} of {total} checked, {size(progress.bytes)}, {verdict}"


def markdown(found: Found, report: Report) -> str:
    """Return a summary of a verification as a table in Markdown, as GitHub shows it for a job."""
    title, rest = report.summary().split(" · ", 1)
    lines = [f"### checksig: {_cell(title)}", "", _cell(rest), ""]
    if found.kept:
        lines += ["| file | verdict | |", "| --- | --- | --- |"]
    for result, hint in found.kept[:_MARKDOWN_ROWS]:
        why = hint.text if hint else "" if result.reason in _PLAIN_REASONS else result.reason
        lines.append(f"| {_code(joined(found.root, result.path))} | {result.status} | {_cell(why)} |")
    if found.bad > _MARKDOWN_ROWS:
        lines.append(f"| … and {found.bad - _MARKDOWN_ROWS:,} more | | |")
    for line in report.bad_lines:
        lines += ["", f"{_code(place(line.path))}: {_cell(str(line))}"]
    if report.hint is not None:
        lines += ["", _cell(report.hint)]
    return "\n".join([*lines, "", ""])


def markdown_note(title: str, text: str) -> str:
    """Return what GitHub shows for a verification without a summary."""
    return f"### checksig: {_cell(title)}\n\n{_cell(text)}\n\n"


def _code(name: str) -> str:
    return f"<code>{_cell(printable(name))}</code>"


def _cell(text: str) -> str:
    escaped = html.escape(printable(text))
    return "".join(f"&#{ord(c)};" if c in "|`*_[]\\~" else c for c in escaped)

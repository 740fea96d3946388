"""How the command shows results: as lines, as JSON Lines, and as Markdown.

In lines, a name that contains control characters, bidirectional marks or bytes that are not UTF-8
is escaped, and marked with a leading backslash, as in coreutils.
"""

from __future__ import annotations

import itertools
import os
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from checksig import Entries
from checksig._render import left_out_lines, outdated_lines, signer_notes
from checksig._text import count, date, marked, place, printable, read_as_utf8, size
from checksig.command.terminal import Out, cause
from checksig.errors import ManifestError, ManifestNotFoundError, SignatureError
from checksig.report import Changes, Entry, FileResult, Progress, Report, Status

if TYPE_CHECKING:
    from datetime import datetime

    from checksig.command.hints import Hint
    from checksig.command.receipts import Stored

GROUPED = 20  # if there are more bad files, they are also counted by directory
_FOLDERS = 10  # directories for which the bad files are counted
_SAME_HINTS = 3  # if more files have the same hint, they share a line
_MARKDOWN_ROWS = 200
STEP_SUMMARY = 1 << 20  # bytes; GitHub drops all summaries of a step that has more
STEP_SUMMARY_LIMIT = "GitHub shows at most 1 MiB for a step"

_COLORS = {
    Status.OK: "green",
    Status.FAILED: "red",
    Status.MISSING: "red",
    Status.CHANGED: "red",
    Status.ERROR: "red",
    Status.CONFLICT: "red",
    Status.EXTRA: "yellow",
}
# Why a verification ended early.
FAIL_FAST = "stopped at the first bad file"
INTERRUPTED = "interrupted"

# Reasons that add nothing to the status.
_PLAIN_REASONS = {"", "mismatch", "missing", "not in the manifest"}


@dataclass
class Findings:
    """What the command keeps of the results for one directory.

    Attributes:
        root: the directory.
        shard: the part of the files that is verified, as (K, N); None: all of them.
        package: the installed package that is verified, if it is one.
        bad: how many results are bad.
        by_folder: how many results are bad, by directory and status.
        kept: the first bad results.
        hints: their hints, by name.
    """

    root: str
    shard: tuple[int, int] | None
    package: str | None = None
    bad: int = 0
    by_folder: dict[str, Counter[str]] = field(default_factory=dict)
    kept: list[FileResult] = field(default_factory=list)
    hints: dict[str, Hint] = field(default_factory=dict)

    def add(self, result: FileResult, keep: int) -> None:
        """Count a bad result, and keep it if fewer than ``keep`` are kept."""
        self.bad += 1
        folder = os.path.dirname(joined(self.root, result.path)) or "."
        self.by_folder.setdefault(folder, Counter())[str(result.status)] += 1
        if len(self.kept) < keep:
            self.kept.append(result)


class Printer(Protocol):
    """Shows a verification while it runs, and how it ended."""

    def result(self, root: str, result: FileResult) -> None:
        """Show the result for one file."""

    def end(self, findings: Findings, report: Report) -> None:
        """Show the report on a directory."""

    def packages(self, good: int, total: int) -> None:
        """Show how many installed packages are OK."""

    def stop(self, findings: Findings, progress: Progress, why: str) -> None:
        """Show how far a verification came that ended early."""

    def error(self, target: str, message: str) -> None:
        """Show why a directory could not be verified."""


class TextPrinter:
    """Writes a line for each file, as sha256sum does, and a summary line.

    Args:
        out: where to write.
        results: whether to write lines for files.
        summary: whether to write the summary line.
        warn: whether to report all bad lines that the report has, not only the first.
    """

    def __init__(self, out: Out, *, results: bool = True, summary: bool = True, warn: bool = False) -> None:
        self._out = out
        self._results = results
        self._summary = summary
        self._warn = warn

    def result(self, root: str, result: FileResult) -> None:
        """Write ``name: STATUS``, and the reason in parentheses if it says more than the status."""
        if not self._results:
            return
        status = self._out.paint(str(result.status), _COLORS[result.status])
        reason = "" if result.reason in _PLAIN_REASONS else f" ({result.reason})"
        self._out.line(f"{marked(joined(root, result.path))}: {status}{reason}", urgent=result.bad)

    def end(self, findings: Findings, report: Report) -> None:
        """Write the bad lines, the hints, the bad files by directory, and the summary line."""
        if self._results:
            self._bad_lines(report)
            self._hints(findings, report.hint)
        if self._summary:
            self._folders(findings)
            self._out.line(self._summary_line(findings, report))

    def _summary_line(self, findings: Findings, report: Report) -> str:
        verdict, rest = report.summary().split(" · ", 1)
        if findings.package is not None:
            verdict = f"{printable(findings.package)}: {verdict}"
            rest = " · ".join(note for manifest in report.manifests for note in manifest.notes)
            return self._out.paint(verdict, "green" if report.ok else "red") + (f" · {rest}" if rest else "")
        return f"{self._out.paint(verdict, 'green' if report.ok else 'red')} · {rest}"

    def packages(self, good: int, total: int) -> None:
        """Write a line with the number of packages that are OK."""
        if self._summary:
            verdict = f"{good:,} of {count(total, 'package')} OK"
            self._out.line(self._out.paint(verdict, "green" if good == total else "red"))

    def changes(self, root: str, changes: Changes) -> None:
        """Write a line for each change and for each file left out, and one with the number of each kind."""
        notes = [*left_out_lines(changes.left_out), *outdated_lines(changes.outdated)]
        for change in [*changes.lines(), *notes]:
            self._out.line(change, urgent=False)
        self._out.line(changes.summary())

    def entry(self, entry: Entry) -> None:
        """Write an entry of a manifest."""
        size = "-" if entry.size is None else str(entry.size)
        self._out.line(f"{entry.algorithm}  {entry.digest}  {size}  {marked(entry.path)}", urgent=False)

    def manifests(self, entries: Entries) -> None:
        """Write the bad lines, and how each manifest was interpreted."""
        self._bad_lines(entries)
        for manifest in entries.manifests:
            parts = [count(manifest.entries, "entry", "entries")]
            if manifest.format:
                parts += [", ".join(manifest.algorithms), f"format {manifest.format}"]
            signers = signer_notes(s for s in entries.signatures if s.manifest == manifest.path)
            self._out.line(" · ".join([*parts, place(manifest.path), *signers, *manifest.notes]))

    def receipts(self, stored: Stored, forgotten: bool) -> None:
        """Write how many receipts a directory has, or that they were removed."""
        parts = ["no receipts" if not stored.count else count(stored.count, "receipt")]
        if stored.oldest is not None:
            parts.append(f"oldest {date(stored.oldest)}")
        parts += [*map(printable, stored.notes), "forgotten" if forgotten else printable(stored.journal)]
        self._out.line(f"{marked(stored.root)}: {' · '.join(parts)}")

    def _bad_lines(self, report: Report | Entries) -> None:
        shown = report.bad_lines if self._warn else report.bad_lines[:1]
        for line in shown:
            self._out.complain(f"{place(line.path)}: {line}")
        if more := report.bad_line_count - len(shown):
            how = "" if self._warn or len(report.bad_lines) < 2 else " (--warn shows more)"
            self._out.complain(f"{count(more, 'more bad line')}{how}")

    def _hints(self, findings: Findings, hint: str | None) -> None:
        alike: dict[str, list[str]] = {}
        for name, known in findings.hints.items():
            alike.setdefault(known.text, []).append(printable(joined(findings.root, name)))
        for text, names in alike.items():
            if len(names) <= _SAME_HINTS:
                for name in names:
                    self._out.complain(f"hint: {name} {text}")
            else:
                self._out.complain(f"hint: {names[0]} {text}; same for {count(len(names) - 1, 'other file')}")
        if hint is not None:
            self._out.complain(f"hint: {hint}")

    def _folders(self, findings: Findings) -> None:
        if findings.bad <= GROUPED or len(findings.by_folder) == 1:
            return
        for folder, counts in list(findings.by_folder.items())[:_FOLDERS]:
            listed = ", ".join(f"{n:,} {status}" for status, n in counts.items())
            self._out.line(f"{printable(folder)}/: {listed}")
        if len(findings.by_folder) > _FOLDERS:
            self._out.line(
                f"… and {count(len(findings.by_folder) - _FOLDERS, 'other directory', 'other directories')}"
            )

    def stop(self, findings: Findings, progress: Progress, why: str) -> None:
        """Write how far it came: to standard error if interrupted, else as the summary line."""
        text = f"{why}: {so_far(progress, findings.bad)}"
        if self._results:
            self._hints(findings, None)
        if why == INTERRUPTED:
            self._out.complain(text)
        elif self._summary:
            self._out.line(text)

    def error(self, target: str, message: str) -> None:
        """Write the message to standard error."""
        self._out.complain(message)


class JsonPrinter:
    """Writes one JSON object per line; docs/json.md describes them."""

    def __init__(self, out: Out, shard: tuple[int, int] | None = None) -> None:
        self._out = out
        self._shard = shard

    def result(self, root: str, result: FileResult) -> None:
        """Write an object of type "file"."""
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
                "receipt": _iso(result.receipt),
                "touched": _iso(result.touched),
                "place": result.place,
            },
            urgent=result.bad,
        )

    def _hints(self, findings: Findings) -> None:
        """Write an object of type "hint" for each hint."""
        for name, hint in findings.hints.items():
            names = {**_name("root", findings.root), **_name("path", name)}
            self._write({"type": "hint", **names, "kind": hint.kind, "text": hint.text}, urgent=False)

    def end(self, findings: Findings, report: Report) -> None:
        """Write objects of type "hint", and one of type "summary"."""
        self._hints(findings)
        self._write(
            {
                "type": "summary",
                **_name("root", report.root),
                "package": findings.package,
                "complete": True,
                "ok": report.ok,
                "files": report.files,
                "bad": findings.bad,
                "counts": {str(status): n for status, n in report.counts.items()},
                "bytes": report.bytes,
                "seconds": report.seconds,
                "shard": report.shard,
                "listed": report.listed,
                "options": report.options,
                "version": report.version,
                "directory": report.directory,
                **_manifests(report),
                "hint": report.hint,
                "by_receipt": report.by_receipt,
                "oldest_receipt": _iso(report.oldest_receipt),
                "notes": report.notes,
            }
        )

    def stop(self, findings: Findings, progress: Progress, why: str) -> None:
        """Write objects of type "hint", and one of type "summary" that is not complete."""
        self._hints(findings)
        self._write(
            {
                "type": "summary",
                **_name("root", findings.root),
                "package": findings.package,
                "complete": False,
                "ok": False,
                "files": progress.total_files,
                "done": progress.files,
                "bad": findings.bad,
                "bytes": progress.bytes,
                "seconds": progress.seconds,
                "shard": findings.shard,
                "reason": why,
            }
        )
        if why == INTERRUPTED:
            self._out.complain(f"{why}: {so_far(progress, findings.bad)}")

    def packages(self, good: int, total: int) -> None:
        """Write an object of type "packages"."""
        self._write({"type": "packages", "good": good, "total": total})

    def error(self, target: str, message: str) -> None:
        """Write an object of type "error", and the message to standard error."""
        shard = {"shard": self._shard}
        self._write({"type": "error", **_name("path", target), "message": message, **shard})
        self._out.complain(message)

    def changes(self, root: str, changes: Changes) -> None:
        """Write an object for each change and for each file left out, and one of type "changes"."""
        kinds = {"added": changes.added, "removed": changes.removed, "modified": changes.modified}
        for kind, names in kinds.items():
            for name in names:
                self._write({"type": "change", "change": kind, **_name("path", name)})
        for old, new in changes.renamed:
            self._write({"type": "change", "change": "renamed", **_name("path", old), **_name("to", new)})
        for name in changes.uncompared:
            self._write({"type": "change", "change": "uncompared", **_name("path", name)})
        counts = {kind: len(names) for kind, names in kinds.items()}
        counts |= {"renamed": len(changes.renamed)}
        for name in changes.left_out:
            self._write({"type": "left-out", **_name("path", name)})
        counts |= {"unchanged": changes.unchanged, "unread": changes.unread}
        counts |= {"left_out": len(changes.left_out), "uncompared": len(changes.uncompared)}
        outdated = [_name("path", path) for path in changes.outdated]
        more = {"algorithms": changes.algorithms, **_signatures(changes), "outdated": outdated}
        self._write({"type": "changes", **_name("root", root), **counts, **more})

    def entry(self, entry: Entry) -> None:
        """Write an object of type "entry"."""
        name = _name("path", entry.path)
        digest = {"algorithm": entry.algorithm, "digest": entry.digest, "size": entry.size}
        self._write({"type": "entry", **name, **digest}, urgent=False)

    def receipts(self, stored: Stored, forgotten: bool) -> None:
        """Write an object of type "receipts"."""
        fields = {"count": stored.count, "oldest": _iso(stored.oldest), "forgotten": forgotten}
        names = {**_name("root", stored.root), **_name("journal", stored.journal)}
        self._write({"type": "receipts", **names, **fields, "notes": stored.notes})

    def manifests(self, entries: Entries) -> None:
        """Write an object of type "manifests"."""
        self._write({"type": "manifests", **_manifests(entries)})

    def _write(self, fields: dict[str, Any], urgent: bool = True) -> None:
        import json  # as slow as all else here, and needed only with --json

        self._out.line(json.dumps(fields), urgent)  # ASCII, so that any encoding can represent it


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


def show_files(printer: Printer, report: Report, keep: int) -> Findings:
    """Show the bad and the extra files of a report; return what the command keeps of them."""
    findings = Findings(report.root, report.shard)
    for result in sorted({*report.failures, *report.extra}, key=lambda result: result.place):
        if result.bad:
            findings.add(result, keep)
        printer.result(report.root, result)
    return findings


def _name(key: str, name: str) -> dict[str, str]:
    """Return the JSON fields for a name; if it is not UTF-8, a second field has it in base64."""
    plain = os.fsencode(name)
    try:
        return {key: plain.decode()}
    except UnicodeDecodeError:
        import base64  # seldom needed

        return {key: plain.decode(errors="replace"), f"{key}_base64": base64.b64encode(plain).decode()}


def _manifests(source: Report | Entries) -> dict[str, Any]:
    manifests = []
    for manifest in source.manifests:
        fields = asdict(manifest)
        del fields["left_out"]  # which only create knows
        manifests.append({**_name("path", fields.pop("path")), **fields})
    return {
        "manifests": manifests,
        "bad_lines": [
            {**_name("path", line.path), "line": line.line, "reason": line.reason}
            for line in source.bad_lines
        ],
        "bad_line_count": source.bad_line_count,
        **_signatures(source),
    }


def _signatures(source: Report | Entries | Changes) -> dict[str, Any]:
    """Return the JSON fields that say who has signed the manifests."""
    signatures = []
    for signature in source.signatures:
        fields = asdict(signature)
        created = _iso(signature.created)
        names = {**_name("manifest", fields.pop("manifest")), **_name("path", fields.pop("path"))}
        signatures.append(
            {
                **names,
                **fields,
                "name": signature.name or None,
                "created": created,
                "note": signature.note or None,
            }
        )
    return {"authentic": source.authentic, "signatures": signatures}


def describe(error: Exception) -> str:
    """Return the message of the command for an exception."""
    if isinstance(error, ManifestNotFoundError):
        return f"{place(error.path or '')}: {error.reason}; name one with -m, or run 'checksig create'"
    if isinstance(error, SignatureError):
        return f"{place(error.path or '')}: {printable(error.reason)}"
    if isinstance(error, ManifestError) and error.path:
        line = f"line {error.line}: " if error.line else ""
        return f"{place(error.path)}: {line}{error.reason}"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{place(os.fsdecode(error.filename))}: {cause(error)}"
    return printable(cause(error))


def joined(root: str, name: str) -> str:
    """Return the path of a file as the command shows it: below the root as the user gave it."""
    if root in (".", "./") or name.startswith("/"):
        return name
    return root + name if root.endswith("/") else f"{root}/{name}"


def so_far(progress: Progress, bad: int) -> str:
    """Return how far a verification has come."""
    total = count(progress.total_files, "file") if progress.total_files is not None else "all files"
    verdict = f"{bad:,} bad" if bad else "none bad so far"
    return f"{progress.files:,} of {total} checked, {size(progress.bytes)}, {verdict}"


def markdown(findings: Findings, report: Report) -> str:
    """Return a report as Markdown for the job summary of GitHub Actions."""
    title, rest = report.summary().split(" · ", 1)
    lines = [f"### checksig: {_cell(title)}", "", _cell(rest), ""]
    if findings.kept:
        lines += ["| file | verdict | |", "| --- | --- | --- |"]
    for result in findings.kept[:_MARKDOWN_ROWS]:
        hint = findings.hints.get(result.path)
        why = hint.text if hint else "" if result.reason in _PLAIN_REASONS else result.reason
        lines.append(f"| {_code(joined(findings.root, result.path))} | {result.status} | {_cell(why)} |")
    if findings.bad > _MARKDOWN_ROWS:
        lines.append(f"| … and {findings.bad - _MARKDOWN_ROWS:,} more | | |")
    for line in report.bad_lines:
        lines += ["", f"{_code(place(line.path))}: {_cell(str(line))}"]
    if report.hint is not None:
        lines += ["", _cell(report.hint)]
    return "\n".join([*lines, "", ""])


def markdown_note(title: str, text: str) -> str:
    """Return Markdown for a verification that has no report."""
    return f"### checksig: {_cell(title)}\n\n{_cell(text)}\n\n"


def fit(text: str, room: int) -> str:
    """Return the first lines of Markdown, and how many are left out; "" if there is room for none.

    At most half of the room is filled, so that the next summary has some, but the first line may
    take all of it.
    """
    left = room // 2
    if len(text.encode()) <= left:
        return text
    lines = text.splitlines()
    left -= 200  # for the note
    sizes = itertools.accumulate(len(line.encode()) + 1 for line in lines)
    kept = sum(size <= left for size in sizes)
    if kept == 0:
        title = f"{lines[0]}\n\n"
        return title if len(title.encode()) <= room else ""
    more = count(sum(map(bool, lines[kept:])), "more line")
    return "\n".join([*lines[:kept], "", f"… {more} left out: {STEP_SUMMARY_LIMIT}", "", ""])


def _code(name: str) -> str:
    return f"<code>{_cell(read_as_utf8(name))}</code>"


def _cell(text: str) -> str:
    import html  # slow, and needed only for Markdown

    escaped = html.escape(printable(text))
    return "".join(f"&#{ord(c)};" if c in "|`*_[]\\~" else c for c in escaped)

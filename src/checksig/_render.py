"""Renders a report as text and as HTML, and changes as text."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from checksig._text import count, date, duration, marked, place, printable, rate, read_as_utf8, size

if TYPE_CHECKING:
    from checksig.report import Changes, FileResult, Report, Signature

_HTML_ROWS = 1000
_TEXT_ROWS = 20
_SUMMARY_MANIFESTS = 3
_SUMMARY_SIGNERS = 3
_LONGEST_KEY = 20  # characters of the ID of a key that is shown as a whole
_KEY = 8  # characters with which a longer one begins, after "SHA256:"

# What a summary calls the files that are not OK, by status.
_WORDS = {
    "FAILED": "FAILED",
    "MISSING": "missing",
    "CHANGED": "changed while they were read",
    "ERROR": "unreadable",
    "CONFLICT": "with conflicting digests",
}

# These prove nothing against an attacker, who can make two files with one digest.
_WEAK = {"md5", "sha1", "git-sha1", "crc64nvme", "crc32c", "crc32", "crc", "bsd", "sysv"}
_FEWEST_BITS = 128  # of a digest of BLAKE2b that is not weak


def report_text(report: Report) -> str:
    """Return the summary, the message, and the extra files that are not bad."""
    lines = [report_summary(report), *([report.message] if report.message else [])]
    harmless = _harmless(report)
    lines += [f"extra: {printable(extra.path)}" for extra in harmless[:_TEXT_ROWS]]
    if len(harmless) > _TEXT_ROWS:
        lines.append(f"… and {len(harmless) - _TEXT_ROWS:,} more")
    return "\n".join(lines)


def report_html(report: Report) -> str:
    """Return what a notebook shows: the bad files and the extra files, grouped by directory."""
    rows = []
    found = report.failures + _harmless(report)
    shown = [(*os.path.split(read_as_utf8(failure.path)), failure) for failure in found[:_HTML_ROWS]]
    for folder, group in itertools.groupby(shown, lambda item: item[0]):
        rows.append(f'<tr><th colspan="3" style="text-align:left">{_escape(folder or ".")}</th></tr>')
        rows += [_row(name, failure.status, failure.reason) for _, name, failure in group]
    if len(found) > _HTML_ROWS:
        rows.append(_row(f"… and {len(found) - _HTML_ROWS:,} more", "", ""))
    rows += [
        _row(read_as_utf8(bad.path), "" if bad.line is None else f"line {bad.line}", bad.reason)
        for bad in report.bad_lines
    ]
    table = f"<table>{''.join(rows)}</table>" if rows else ""
    return f"<p>{_escape(report_summary(report))}</p>{table}"


def report_summary(report: Report) -> str:
    """Return a line with the verdict, the algorithms, the size, the speed and the manifests."""
    speed = rate(report.bytes, report.seconds)
    hashed = "hashed " if report.by_receipt else ""
    used = [manifest for manifest in report.manifests if manifest.format or not manifest.notes]
    parts = [
        _verdict(report),
        *_algorithms(name for manifest in report.manifests for name in manifest.algorithms),
        f"{size(report.bytes)} {hashed}in {duration(report.seconds)}" + (f" ({speed})" if speed else ""),
        *(place(manifest.path) for manifest in used[:_SUMMARY_MANIFESTS]),
    ]
    if len(used) > _SUMMARY_MANIFESTS:
        parts.append(count(len(used) - _SUMMARY_MANIFESTS, "more manifest"))
    parts += signer_notes(report.signatures)
    if report.shard is not None:
        parts.append("shard {} of {}".format(*report.shard))
    parts += sorted({note for manifest in report.manifests for note in manifest.notes})
    parts += map(printable, report.notes)
    return " · ".join(parts)


def signer_notes(signatures: Iterable[Signature]) -> list[str]:
    """Return who has signed the manifests, if they must be signed."""
    signers = list(dict.fromkeys(map(_signer, signatures)))
    if not signers:
        return []
    shown = ", ".join(signers[:_SUMMARY_SIGNERS])
    more = len(signers) - _SUMMARY_SIGNERS
    return [f"signed by {shown}" + (f" and {more:,} more" if more > 0 else "")]


def _signer(signature: Signature) -> str:
    """Return the name of a signer, the ID of the key, shortened, and the note."""
    key = signature.key
    if len(key) > _LONGEST_KEY:
        key = f"{key[: key.find(':') + 1 + _KEY]}…{key[-4:]}"
    note = f"({printable(signature.note)})" if signature.note else ""
    return " ".join(filter(None, (printable(signature.name), printable(key), note)))


def _verdict(report: Report) -> str:
    """Return how many files are OK if all is well, else what is bad."""
    counts = {str(status): n for status, n in report.counts.items()}
    found = [(n, word) for status, word in _WORDS.items() if (n := counts.get(status, 0))]
    listed = [f"{n:,} {word}" for n, word in found]
    extra = counts.get("EXTRA", 0)
    others = [f"{extra:,} extra"] if extra else []
    if report.bad_line_count:
        others.append(count(report.bad_line_count, "bad line"))
    good = f"{count(counts['OK'], 'file')} OK{_by_receipts(report)}"
    if report.ok:
        return ", ".join([good, *listed, *others])
    if not report.bad and not report.bad_line_count:
        return ", ".join(["no file was verified", *listed, *others])
    if not listed:
        return f"{good}, but {', '.join(others)}"
    of_all = f"{found[0][0]:,} of {count(report.files, 'file')} {found[0][1]}"
    return ", ".join([of_all, *listed[1:], *others]) + (f"; {good}" if report.by_receipt else "")


def _by_receipts(report: Report) -> str:
    """Return how many of the good files were not hashed, and the date of the oldest receipt."""
    if not report.by_receipt or report.oldest_receipt is None:
        return ""
    return f", {report.by_receipt:,} of them by receipts (oldest {date(report.oldest_receipt)})"


def _algorithms(algorithms: Iterable[str]) -> list[str]:
    """Return a text that has algorithms and says whether all of them are weak, or none."""
    names = list(dict.fromkeys(algorithms))
    if not names:
        return []
    verb = "finds" if len(names) == 1 else "find"
    weak = f" ({verb} accidents, not attackers)" if all(map(_is_weak, names)) else ""
    return [", ".join(names) + weak]


def _is_weak(algorithm: str) -> bool:
    name, _, bits = algorithm.partition("-")
    return algorithm in _WEAK or (name == "blake2b" and bits != "" and int(bits) < _FEWEST_BITS)


def _harmless(report: Report) -> tuple[FileResult, ...]:
    """Return the extra files, unless extra files are bad."""
    fatal = any(failure.status == "EXTRA" for failure in report.failures)
    return () if fatal else report.extra


def _row(*cells: str) -> str:
    return f"<tr>{''.join(f'<td>{_escape(cell)}</td>' for cell in cells)}</tr>"


def _escape(text: str) -> str:
    import html  # slow, and needed only in notebooks

    return html.escape(printable(text))


def change_text(changes: Changes) -> str:
    """Return a line for each change, and one that counts the unchanged files."""
    return "\n".join([*change_lines(changes), f"unchanged: {changes.unchanged:,}{_unread(changes)}"])


def change_lines(changes: Changes) -> list[str]:
    """Return a line for each change."""
    lines = [f"added: {marked(name)}" for name in changes.added]
    lines += [f"removed: {marked(name)}" for name in changes.removed]
    lines += [f"modified: {marked(name)}" for name in changes.modified]
    lines += [f"renamed: {marked(old)} -> {marked(new)}" for old, new in changes.renamed]
    return lines + [f"not compared: {marked(name)}" for name in changes.uncompared]


def left_out_lines(names: tuple[str, ...]) -> list[str]:
    """Return a line for each file that is left out, and after 20 lines one that counts the rest."""
    lines = [f"left out: {marked(name)}" for name in names[:_TEXT_ROWS]]
    if len(names) > _TEXT_ROWS:
        lines.append(f"… and {len(names) - _TEXT_ROWS:,} more left out")
    return lines


def outdated_lines(signatures: tuple[str, ...]) -> list[str]:
    """Return a line for each signature that no longer fits its manifest."""
    return [f"signature no longer fits: {marked(path)}" for path in signatures]


def change_summary(changes: Changes) -> str:
    """Return a line that counts the changes of each kind, and the unchanged files."""
    kinds = ("added", "removed", "modified", "renamed")
    parts = [f"{len(names):,} {kind}" for kind in kinds if (names := getattr(changes, kind))]
    if changes.uncompared:
        parts.append(f"{len(changes.uncompared):,} not compared (no algorithm in both lists)")
    counted = ", ".join([*parts, f"{changes.unchanged:,} unchanged{_unread(changes)}"])
    return " · ".join([counted, *_algorithms(changes.algorithms), *signer_notes(changes.signatures)])


def _unread(changes: Changes) -> str:
    return f" ({changes.unread:,} not read)" if changes.unread else ""

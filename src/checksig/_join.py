"""Joins the reports on all shards of a directory. Nothing is joined that may hide an unverified file."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from checksig._text import quoted
from checksig.report import FileResult, Manifest, Report, Status

_MESSAGE_LINES = 20  # of bad files and bad lines; the rest are counted
_NAMED_SHARDS = 10  # that are missing

# What all shards must have in common, besides the manifests, and what it is called.
_COMMON = {
    "root": "has another directory",
    "version": "was verified with another version of checksig",
    "options": "was verified with other options",
    "listed": "found another number of listed files",
    "bad_lines": "found other bad lines",
    "bad_line_count": "found another number of bad lines",
    "authentic": "was verified with other keys",
    "signatures": "found other signatures",
}
_STATE = ("digest", "size", "mtime_ns", "ctime_ns")


class Part(NamedTuple):
    """The report on a shard, and what it is called in messages."""

    report: Report
    name: str


def join(reports: Iterable[Report]) -> Report:
    """Join the reports on all shards of a directory to the report on the whole.

    The result is what :func:`check` without ``shard`` returns, except ``seconds``, which are those
    of the slowest shard, and ``hint``. There is no result unless each shard is there once, and all
    of them read the same manifests with the same options and the same version of checksig. A
    manifest is the same if its digest, size and times are. Where a manifest is not a file in the
    directory, and where a shard found none of its files, the times of the directory must be the
    same, too, because each machine may have a directory of its own.

    Args:
        reports: the reports that ``check(…, shard=(K, N))`` returned, in any order.

    Raises:
        ValueError: a shard is missing or is there twice, the shards do not fit together, or a
            report has lost its failures.
        TypeError: an item is not a Report.
    """
    return join_parts([Part(report, _name(report)) for report in reports])


def join_parts(parts: list[Part]) -> Report:
    """Join reports as :func:`join` does."""
    if not parts:
        raise ValueError("there is no report to join")
    parts = sorted(parts, key=lambda part: part.report.shard or (1, 1))
    _check_numbers(parts)
    for part in parts:
        _check_common(parts[0], part)
        _check_content(part)
    _check_present(parts)
    _check_directories(parts)
    return _merge([part.report for part in parts])


def missing_shards(numbers: Iterable[int], of: int, listed: int) -> str:
    """Return which shards are missing among those that have a file; "" if none is."""
    there = set(numbers)
    missing = [number for number in range(1, min(of, listed) + 1) if number not in there]
    if not missing:
        return ""
    named = ", ".join(map(str, missing[:_NAMED_SHARDS]))
    more = f" and {len(missing) - _NAMED_SHARDS} more" if len(missing) > _NAMED_SHARDS else ""
    return f"shard {named}{more} of {of} is missing"


def _name(report: Report) -> str:
    if not isinstance(report, Report):
        raise TypeError(f"reports must be Report objects, not {report!r}")
    return "the whole" if report.shard is None else "shard {} of {}".format(*report.shard)


def _check_numbers(parts: list[Part]) -> None:
    """Raise ValueError if two reports are about one shard, or divide the files differently."""
    for one, other in itertools.pairwise(parts):
        if one.report.shard == other.report.shard:
            raise ValueError(f"{other.name} is there twice")
    counts = {(part.report.shard or (1, 1))[1]: part for part in parts}
    if len(counts) > 1:
        one, other, *_ = counts.values()
        raise ValueError(
            f"{one.name} and {other.name} do not divide the files into the same number of shards"
        )


def _check_common(first: Part, part: Part) -> None:
    """Raise ValueError if two shards did not verify the same thing in the same way."""
    for one, other in zip(first.report.manifests, part.report.manifests, strict=False):
        if one != other:
            raise ValueError(
                f"{part.name} read another manifest than {first.name}: {_difference(one, other)}"
            )
    if len(first.report.manifests) != len(part.report.manifests):
        raise ValueError(f"{part.name} read other manifests than {first.name}")
    for field, what in _COMMON.items():
        one, other = getattr(first.report, field), getattr(part.report, field)
        if one != other:
            raise ValueError(f"{part.name} {what} than {first.name}: {other!r}, not {one!r}")


def _difference(one: Manifest, other: Manifest) -> str:
    fields = (*_STATE, "path", "format", "algorithms", "entries", "notes")
    field = next(name for name in fields if getattr(one, name) != getattr(other, name))
    return f"{quoted(other.path)} has the {field} {getattr(other, field)!r}, not {getattr(one, field)!r}"


def _check_content(part: Part) -> None:
    """Raise ValueError if a report is not a whole one of :func:`check`."""
    report = part.report
    if report.listed is None or any(m.entries and m.digest is None for m in report.manifests):
        raise ValueError(f"{part.name} does not say which manifest it read")
    if len(report.failures) != report.bad or len(report.extra) != report.counts.get(Status.EXTRA, 0):
        raise ValueError(f"{part.name} has lost bad or extra files: join what check returns, not iter_check")
    number, of = report.shard or (1, 1)
    if report.files != len(range(number - 1, report.listed, of)):
        raise ValueError(f"{part.name} did not verify all of its files")


def _check_present(parts: list[Part]) -> None:
    """Raise ValueError if a shard that has a file is missing."""
    numbers = [(part.report.shard or (1, 1)) for part in parts]
    missing = missing_shards([number for number, _ in numbers], numbers[0][1], parts[0].report.listed or 0)
    if missing:
        raise ValueError(missing)


def _check_directories(parts: list[Part]) -> None:
    """Raise ValueError if shards may have been verified in different directories."""
    first = parts[0]
    alone = next((part for part in parts if _found_nothing(part.report)), None)
    if alone is None and all(_is_inside(manifest, first.report.root) for manifest in first.report.manifests):
        return  # the manifests show it
    other = next((part for part in parts if part.report.directory != first.report.directory), None)
    if other is None:
        return
    if alone is not None and alone.report.directory == first.report.directory:
        alone = first
    what = f"{(alone or other).name} sees another directory"
    found = ", and none of its files in it" if alone and _found_nothing(alone.report) else ""
    raise ValueError(f"{what} than {(other if alone is first else first).name}{found}: its times differ")


def _found_nothing(report: Report) -> bool:
    return report.files > 0 and report.counts.get(Status.MISSING, 0) == report.files


def _is_inside(manifest: Manifest, root: str) -> bool:
    """Return whether a manifest is a file in the directory; one that was not read proves nothing."""
    if not manifest.entries:
        return True
    folder = os.path.join(os.path.abspath(root), "")
    return manifest.size is not None and os.path.abspath(manifest.path).startswith(folder)


def _merge(reports: list[Report]) -> Report:
    first = reports[0]
    counts = {status: sum(report.counts.get(status, 0) for report in reports) for status in first.counts}
    hints = {report.hint for report in reports}
    whole = replace(
        first,
        files=sum(report.files for report in reports),
        counts=counts,
        bad=sum(report.bad for report in reports),
        bytes=sum(report.bytes for report in reports),
        seconds=max(report.seconds for report in reports),
        failures=_in_order(report.failures for report in reports),
        extra=_in_order(report.extra for report in reports),
        hint=first.hint if len(hints) == 1 and not counts.get(Status.OK) else None,
        by_receipt=sum(report.by_receipt for report in reports),
        oldest_receipt=min((r.oldest_receipt for r in reports if r.oldest_receipt), default=None),
        notes=tuple(dict.fromkeys(note for report in reports for note in report.notes)),
        message=None,
        shard=None,
        directory=None,
    )
    return whole if whole.ok else replace(whole, message=_message(whole))


def _in_order(results: Iterable[tuple[FileResult, ...]]) -> tuple[FileResult, ...]:
    return tuple(sorted(itertools.chain.from_iterable(results), key=lambda result: result.place))


def _message(report: Report) -> str:
    """Return the message of a report that is not OK, as the engine writes it."""
    root = report.root.rstrip("/")
    paths = (f.path if f.path.startswith("/") else f"{root}/{f.path}" for f in report.failures)
    lines = [
        f"{quoted(path)} - {f.reason}"
        for path, f in zip(paths, report.failures[:_MESSAGE_LINES], strict=False)
    ]
    lines += [f"{quoted(bad.path)} - {bad}" for bad in report.bad_lines[: _MESSAGE_LINES - len(lines)]]
    if more := report.bad + report.bad_line_count - len(lines):
        lines.append(f"… and {more} more")
    if not lines:
        lines.append(f"{quoted(report.manifests[0].path)} - none of the listed files exist")
    return "\n".join([*lines, *([report.hint] if report.hint else [])])

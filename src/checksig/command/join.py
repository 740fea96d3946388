"""``checksig join``: reads the output of ``checksig check --json --shard``, and joins the shards."""

from __future__ import annotations

import base64
import contextlib
import json
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from checksig._join import Part, join_parts, missing_shards
from checksig._text import place
from checksig._wire import decode_path
from checksig.errors import ChecksigError
from checksig.report import BadLine, FileResult, Manifest, Report, Signature, Status


def join_files(paths: Iterable[str]) -> Report:
    """Join the shards whose JSON Lines are in files; ``-`` is standard input.

    Raises:
        ChecksigError: a shard is missing, incomplete or there twice, or the shards do not fit
            together.
        OSError: a file cannot be read.
    """
    parts: list[Part] = []
    failed: list[tuple[list[int] | None, str]] = []
    for path in paths:
        try:
            _read(path, parts, failed)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            why = f": {error}" if type(error) is ValueError else ""
            raise ChecksigError(f"{place(path)}: not what checksig check --json writes{why}") from None
    return _join(parts, failed)


def _join(parts: list[Part], failed: list[tuple[list[int] | None, str]]) -> Report:
    try:
        if parts:
            listed = parts[0].report.listed or 0
            of = (parts[0].report.shard or (1, 1))[1]
            there = [(part.report.shard or (1, 1))[0] for part in parts]
            errors = [message for shard, message in failed if not _is_empty(shard, of, listed)]
            if missing := missing_shards(there, of, listed):
                raise ValueError("; ".join([missing, *errors]))
        else:
            errors = [message for _, message in failed]
        if errors:
            raise ValueError("; ".join(errors))
        return join_parts(parts)
    except ValueError as error:
        raise ChecksigError(str(error)) from None


def _is_empty(shard: list[int] | None, of: int, listed: int) -> bool:
    """Return whether a shard has no file, so that it could not be verified."""
    return shard is not None and shard[1] == of and shard[0] > listed


def _read(path: str, parts: list[Part], failed: list[tuple[list[int] | None, str]]) -> None:
    """Add the shards of a file to ``parts``, and those that were not verified to ``failed``."""
    files: list[FileResult] = []
    for record in _records(path):
        match record["type"]:
            case "file":
                if record["bad"] or record["status"] == Status.EXTRA:
                    files.append(_file(record))
            case "hint":
                pass
            case "error":
                shard = record["shard"]
                failed.append((shard, f"{_called(shard)} ({place(path)}): {record['message']}"))
            case "summary":
                name = f"{_called(record['shard'])} ({place(path)})"
                if not record["complete"]:
                    failed.append((None, f"{name} is incomplete: {record['reason']}"))
                else:
                    parts.append(Part(_report(record, files), name))
                files = []
            case kind:
                raise ValueError(f"it has a line of the type {kind!r}")
    if files:
        raise ValueError("it ends before the summary")


def _called(shard: list[int] | None) -> str:
    return "the whole" if shard is None else "shard {} of {}".format(*shard)


def _records(path: str) -> Iterator[dict[str, Any]]:
    with contextlib.nullcontext(sys.stdin.buffer) if path == "-" else open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            try:
                yield json.loads(line)
            except ValueError:
                raise ValueError(f"line {number} is damaged") from None


def _path(record: dict[str, Any], key: str = "path") -> str:
    """Return a name from the JSON fields that have it."""
    if f"{key}_base64" in record:
        return decode_path(base64.b64decode(record[f"{key}_base64"]))
    return decode_path(record[key].encode())


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _file(record: dict[str, Any]) -> FileResult:
    return FileResult(
        _path(record),
        Status(record["status"]),
        record["algorithm"] or "",
        record["expected"] or "",
        record["actual"],
        record["size"],
        record["reason"] or "",
        record["errno"],
        record["bad"],
        _time(record["receipt"]),
        _time(record["touched"]),
        record["place"],
    )


def _report(record: dict[str, Any], files: list[FileResult]) -> Report:
    return Report(
        root=_path(record, "root"),
        manifests=tuple(map(_manifest, record["manifests"])),
        files=record["files"],
        counts={Status(status): count for status, count in record["counts"].items()},
        bad=record["bad"],
        bytes=record["bytes"],
        seconds=record["seconds"],
        failures=tuple(result for result in files if result.bad),
        extra=tuple(result for result in files if result.status is Status.EXTRA),
        bad_lines=tuple(BadLine(_path(line), line["line"], line["reason"]) for line in record["bad_lines"]),
        bad_line_count=record["bad_line_count"],
        message=None,
        hint=record["hint"],
        shard=None if record["shard"] is None else (record["shard"][0], record["shard"][1]),
        authentic=record["authentic"],
        signatures=tuple(map(_signature, record["signatures"])),
        by_receipt=record["by_receipt"],
        oldest_receipt=_time(record["oldest_receipt"]),
        notes=tuple(record["notes"]),
        listed=record["listed"],
        options=tuple(record["options"]),
        version=record["version"],
        directory=None if record["directory"] is None else tuple(record["directory"]),
    )


def _manifest(record: dict[str, Any]) -> Manifest:
    names = ("format", "entries", "digest", "size", "mtime_ns", "ctime_ns")
    fields = {name: record[name] for name in names}
    return Manifest(
        _path(record), algorithms=tuple(record["algorithms"]), notes=tuple(record["notes"]), **fields
    )


def _signature(record: dict[str, Any]) -> Signature:
    paths = (_path(record, "manifest"), _path(record), record["scheme"], record["key"])
    return Signature(*paths, record["name"] or "", _time(record["created"]), record["note"] or "")

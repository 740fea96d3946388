"""A run of ``checksig check``: what is verified, in which order, and the exit status."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

import click

import checksig
from checksig._read import Entries, read_content
from checksig._verify import ExtraOption, Results
from checksig.command.hints import Hints
from checksig.command.output import (
    FAIL_FAST,
    INTERRUPTED,
    Found,
    JsonPrinter,
    Printer,
    TextPrinter,
    describe,
    markdown,
    markdown_note,
    so_far,
)
from checksig.command.terminal import Out, progress_bar, wants_color
from checksig.errors import ChecksigError
from checksig.report import Progress, Report

GOOD, BAD, TROUBLE, CANCELLED = 0, 1, 2, 130

_KEPT = 1000  # bad files of a directory that are kept for hints and Markdown


@dataclass(kw_only=True)
class Check:
    """One run of ``checksig check``; its options are the attributes."""

    paths: tuple[str, ...]
    manifest: str | None
    algorithm: str | None
    format: str | None
    workers: int | None
    ignore_missing: bool
    extra: ExtraOption
    fail_fast: bool
    lines: str | None
    warn: bool
    strict: bool
    as_json: bool
    shard: tuple[int, int] | None
    progress: bool | None
    color: str
    out: Out = field(init=False)
    printer: Printer = field(init=False)

    def __post_init__(self) -> None:
        if self.manifest is not None and len(self.paths) > 1:
            raise click.UsageError("-m/--manifest goes with one PATH")
        if [*self.paths, self.manifest].count("-") > 1:
            raise click.UsageError("standard input holds one manifest")
        self.out = Out(wants_color(self.color) and not self.as_json)
        if self.as_json and self.lines != "status":
            self.printer = JsonPrinter(self.out)
        else:
            shown = {"results": self.lines != "status", "last": self.lines not in ("status", "quiet")}
            self.printer = TextPrinter(self.out, **shown, warn=self.warn)

    def run(self) -> int:
        """Verify all that is to be verified, and return the exit status."""
        statuses = []
        for path in self.paths or (".",):
            statuses.append(self._check(path))
            if statuses[-1] == CANCELLED:
                return CANCELLED
            if self.fail_fast and statuses[-1] == BAD:
                break
        if self.strict and TROUBLE in statuses:
            return TROUBLE
        return BAD if BAD in statuses else max(statuses)

    def _check(self, path: str) -> int:
        results, stopped = None, None
        try:
            target = Target.of(path, self.manifest, self.format, self.algorithm)
            found = Found(target.root, self.shard)
            with progress_bar(self.out, False if self.lines == "status" else self.progress) as draw:
                results = self._start(target, draw)
                stopped = self._take(results, found, Hints(target.root, target.entries))
        except KeyboardInterrupt:
            stopped = INTERRUPTED
        except (ChecksigError, OSError) as error:
            self.printer.error(path, describe(error))
            self._tell_github(markdown_note("not verified", describe(error)))
            return TROUBLE
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        if results is None:
            raise KeyboardInterrupt
        if stopped is not None:
            results.close()
            self.printer.stop(found, results.progress, stopped)
            self._tell_github(markdown_note(stopped, so_far(results.progress, found.bad)))
            return CANCELLED if stopped == INTERRUPTED else BAD
        assert results.report is not None, "a verification that ended has a report"
        return self._end(found, results.report)

    def _start(self, target: Target, draw: Callable[[Progress], object] | None) -> Results:
        return checksig.iter_check(
            target.root,
            target.manifest(),
            format=self.format,
            algorithm=self.algorithm,
            workers=self.workers,
            ignore_missing=self.ignore_missing,
            extra=self.extra,
            shard=self.shard,
            progress=draw,
            only_bad=self.lines != "verbose" and not (self.as_json and self.lines is None),
        )

    def _take(self, results: Results, found: Found, hints: Hints) -> str | None:
        """Show results as they come; return why they were not all taken."""
        for result in results:
            if results.report is not None:  # what follows is in the report
                break
            hint = None if self.lines == "status" else hints.find(result)
            if result.bad:
                found.add(result, hint, _KEPT)
            if result.bad or self.as_json or not self._is_ignored(result.status):
                self.printer.result(found.root, result, hint)
            if result.bad and self.fail_fast:
                return FAIL_FAST
        return None

    def _is_ignored(self, status: checksig.Status) -> bool:
        return self.ignore_missing and status is checksig.Status.MISSING

    def _end(self, found: Found, report: Report) -> int:
        self.printer.end(found, report)
        self._tell_github(markdown(found, report))
        if report.ok:
            return GOOD
        if found.bad and not (self.strict and report.bad_line_count):
            return BAD
        return TROUBLE

    def _tell_github(self, text: str) -> None:
        """Add Markdown to the summary of a job of GitHub Actions, if this is one."""
        if step_summary := os.environ.get("GITHUB_STEP_SUMMARY"):
            try:
                with open(step_summary, "a", encoding="utf-8", opener=_without_waiting) as file:
                    file.write(text)
            except OSError as error:
                self.out.complain(f"$GITHUB_STEP_SUMMARY: {describe(error)}")


def _without_waiting(path: str, flags: int) -> int:
    """Open a file for :func:`open`; one that nobody reads, such as a FIFO, is an OSError."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0), 0o666)


def _standard_input() -> bytes:
    """Return what standard input holds, up to what makes a manifest too large."""
    try:
        return read_content(sys.stdin.buffer)
    except OSError as error:
        raise OSError(error.errno, error.strerror, "<stdin>") from None


@dataclass
class Target:
    """A directory to verify, and the manifest to verify it with.

    Attributes:
        root: the directory.
        path: of the manifest; None: the directory has it.
        text: what the manifest on standard input says; None: it is not there.
        format: as the user says.
        algorithm: as the user says.
    """

    root: str
    path: str | None
    text: bytes | None
    format: str | None
    algorithm: str | None

    @classmethod
    def of(cls, path: str, manifest: str | None, format: str | None, algorithm: str | None) -> Target:
        """Return what a PATH and -m stand for."""
        root, file = path, manifest
        if path == "-" or not os.path.isdir(path):
            if manifest is not None:
                raise click.UsageError(f"with -m/--manifest PATH is a directory, and {path!r} is none")
            root, file = os.path.dirname(path) or ".", path
        text = None
        if file == "-":
            if sys.stdin is None:
                raise click.UsageError("standard input is closed")
            text = _standard_input()
        return cls(root, file, text, format, algorithm)

    def manifest(self) -> str | BinaryIO | None:
        """Return the manifest as :func:`checksig.check` takes it."""
        if self.text is None:
            return self.path
        file = io.BytesIO(self.text)
        file.name = "<stdin>"
        return file

    def entries(self) -> Entries:
        """Return the manifest's entries."""
        source = self.manifest() or self.root
        return checksig.read_manifest(source, format=self.format, algorithm=self.algorithm)

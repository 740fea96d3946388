"""One run of ``checksig check``: what it verifies, in which order, and its exit status."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, TypedDict

import click

import checksig
from checksig._content import read_content
from checksig._installed import Package, find_packages, package_at
from checksig._options import ExtraOption
from checksig._read import Entries
from checksig._results import Results
from checksig._text import place
from checksig.command.outcome import ExitStatus
from checksig.command.output import (
    FAIL_FAST,
    INTERRUPTED,
    STEP_SUMMARY,
    STEP_SUMMARY_LIMIT,
    Findings,
    JsonPrinter,
    Printer,
    TextPrinter,
    describe,
    fit,
    markdown,
    markdown_note,
    show_files,
    so_far,
)
from checksig.command.terminal import Out, WaitingFile, progress_bar, wants_color
from checksig.errors import ChecksigError
from checksig.report import Progress, Report

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from checksig.command.hints import Hint, Hints

_KEPT = 1000  # bad files of a directory that are kept for hints and Markdown


class SignedOptions(TypedDict, total=False):
    """The options about signatures, as the functions of the API take them."""

    signed_by: tuple[str, ...]
    min_signers: int
    signature: str
    namespace: str


def signed_options(
    signed_by: tuple[str, ...], min_signers: int | None, signature: str | None, namespace: str | None
) -> SignedOptions:
    """Return those of the options about signatures that were given."""
    needless = {"--min-signers": min_signers, "--signature": signature, "--namespace": namespace}
    for name, value in needless.items():
        if not signed_by and value is not None:
            raise click.UsageError(f"{name} needs --signed-by, which says whose signatures count")
    options = SignedOptions()
    if signed_by:
        options["signed_by"] = signed_by
    if min_signers is not None:
        options["min_signers"] = min_signers
    if signature is not None:
        options["signature"] = signature
    if namespace is not None:
        options["namespace"] = namespace
    return options


def status_of(report: Report, strict: bool = False) -> ExitStatus:
    """Return the exit status that a report means."""
    if report.ok:
        return ExitStatus.OK
    if report.bad and not (strict and report.bad_line_count):
        return ExitStatus.BAD
    return ExitStatus.ERROR


@dataclass(kw_only=True)
class Check:
    """One run of ``checksig check``; its attributes are the options."""

    paths: tuple[str, ...]
    manifest: str | None
    algorithm: str | None
    format: str | None
    workers: int | None
    installed: bool
    strip_prefix: str | None
    signed_by: tuple[str, ...]
    min_signers: int | None
    signature: str | None
    namespace: str | None
    ignore_missing: bool
    extra: ExtraOption
    fail_fast: bool
    lines: str | None
    warn: bool
    strict: bool
    as_json: bool
    shard: tuple[int, int] | None
    executor: str | None
    shards: int | None
    receipts: bool
    max_age: int | None
    progress: bool | None
    color: str
    out: Out = field(init=False)
    printer: Printer = field(init=False)
    _verified: int = field(init=False, default=0)  # paths or packages that are OK
    _hints: Hints | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.max_age is not None and not self.receipts:
            raise click.UsageError("--max-age needs --receipts")
        if self.manifest is not None and len(self.paths) > 1:
            raise click.UsageError("-m/--manifest allows only one PATH")
        if [*self.paths, self.manifest].count("-") > 1:
            raise click.UsageError("only one manifest can be read from standard input")
        if self.shards is not None and self.executor is None:
            raise click.UsageError("--shards needs --executor")
        if self.executor is not None and (self.installed or self.fail_fast or self.lines == "verbose"):
            raise click.UsageError("--executor does not go with --installed, -x/--fail-fast or -v/--verbose")
        if self.executor is not None:
            _address(self.executor)
            if self.shard is not None:
                raise click.UsageError("--executor does not go with --shard")
        self.out = Out(wants_color(self.color))
        if self.as_json and self.lines != "status":
            self.printer = JsonPrinter(self.out, self.shard)
        else:
            shown = {"results": self.lines != "status", "summary": self.lines not in ("status", "quiet")}
            self.printer = TextPrinter(self.out, **shown, warn=self.warn)

    def run(self) -> ExitStatus:
        """Verify each path, and return the exit status."""
        if self.installed:
            return self._run_installed()
        return self._run(self.paths or (".",))

    def _run_installed(self) -> ExitStatus:
        """Verify all packages of the environments that the paths name."""
        given = (self.manifest, self.format, self.algorithm, self.strip_prefix, self.shard)
        if self.extra != "ignore" or self._signed() or any(option is not None for option in given):
            raise click.UsageError("--installed allows no option that is about manifests")
        packages: list[Package] = []
        for path in self.paths or (None,):
            try:
                found = find_packages(path)
            except OSError as error:
                self.out.complain(describe(error))
                return ExitStatus.ERROR
            if not found:
                self.out.complain(f"{place(path or sys.prefix)}: no installed packages found")
                return ExitStatus.ERROR
            packages += found
        if self.progress is None:
            self.progress = False  # a bar for each package would only flicker
        status = self._run(packages)
        if status != ExitStatus.INTERRUPTED:
            self.printer.packages(self._verified, len(packages))
        return status

    def _run(self, paths: Sequence[str | Package]) -> ExitStatus:
        statuses: list[ExitStatus] = []
        for path in paths:
            statuses.append(self._check(path))
            self._verified += statuses[-1] == ExitStatus.OK
            if statuses[-1] == ExitStatus.INTERRUPTED:
                return ExitStatus.INTERRUPTED
            if self.fail_fast and statuses[-1] == ExitStatus.BAD:
                break
        if self.strict and ExitStatus.ERROR in statuses:
            return ExitStatus.ERROR
        return ExitStatus.BAD if ExitStatus.BAD in statuses else max(statuses)

    def _check(self, path: str | Package) -> ExitStatus:
        """Verify what one PATH stands for, or one package."""
        results, why = None, None
        try:
            target = self._target(path)
            findings = Findings(target.root, self.shard, str(path) if isinstance(path, Package) else None)
            with progress_bar(self.out, False if self.lines == "status" else self.progress) as draw:
                if self.executor is not None:
                    return self._check_on(self.executor, target, draw)
                results = self._start(target, draw)
                why = self._take(results, findings)
            if self.lines != "status" and findings.kept:
                findings.hints = self._find_hints(findings, results)
        except KeyboardInterrupt:
            why = INTERRUPTED
        except (ChecksigError, OSError) as error:
            self.printer.error(str(path), describe(error))
            self._add_to_step_summary(markdown_note("not verified", describe(error)))
            return ExitStatus.ERROR
        except ValueError as error:
            if results is not None or type(error) is not ValueError:
                raise  # the arguments are not at fault
            raise click.UsageError(str(error)) from error
        if results is None:
            raise KeyboardInterrupt
        if why is not None:
            return self._stop(results, findings, why)
        assert results.report is not None, "a verification that ended has a report"
        return self._end(findings, results.report)

    def _find_hints(self, findings: Findings, results: Results) -> dict[str, Hint]:
        if self._hints is None:
            from checksig.command.hints import Hints  # needed only if a file is bad

            self._hints = Hints()
        return self._hints.find(findings.root, findings.kept, results.report)

    def _target(self, path: str | Package) -> Target:
        if not isinstance(path, Package):
            return Target.of(path, self.manifest, self.format, self.algorithm, self.strip_prefix)
        if path.record is None:
            raise ChecksigError(f"{path}: has no RECORD, so it cannot be verified")
        return Target(path.environment, path.record, None, None, None, None)

    def _signed(self) -> SignedOptions:
        return signed_options(self.signed_by, self.min_signers, self.signature, self.namespace)

    def _start(self, target: Target, draw: Callable[[Progress], object] | None) -> Results:
        only_bad = self.lines != "verbose" and not (self.as_json and self.lines is None)
        return checksig.iter_check(
            target.root, target.manifest(), **self._options(), progress=draw, only_bad=only_bad
        )

    def _options(self) -> dict[str, Any]:
        """Return the options that the functions of the API share."""
        return {
            "format": self.format,
            "algorithm": self.algorithm,
            "workers": self.workers,
            "ignore_missing": self.ignore_missing,
            "extra": self.extra,
            "shard": self.shard,
            "strip_prefix": self.strip_prefix,
            **self._signed(),
            "receipts": self.receipts,
            "max_age": self.max_age,
        }

    def _check_on(
        self, executor: str, target: Target, draw: Callable[[Progress], object] | None
    ) -> ExitStatus:
        """Verify on a cluster."""
        with _connect(executor) as pool:
            report = checksig.check(
                *(target.root, target.manifest()),
                **self._options(),
                progress=draw,
                executor=pool,
                shards=self.shards or 16,
            )
        return self._end(show_files(self.printer, report, _KEPT), report)

    def _take(self, results: Results, findings: Findings) -> str | None:
        """Show results as they arrive; return why it stopped early, or None."""
        for result in results:
            if results.report is not None:  # the rest is in the report
                break
            if result.bad:
                findings.add(result, _KEPT)
            if result.bad or self.as_json or not self._is_ignored(result.status):
                self.printer.result(findings.root, result)
            if result.bad and self.fail_fast:
                return FAIL_FAST
        return None

    def _is_ignored(self, status: checksig.Status) -> bool:
        return self.ignore_missing and status is checksig.Status.MISSING

    def _stop(self, results: Results, findings: Findings, why: str) -> ExitStatus:
        results.close()
        self.printer.stop(findings, results.progress, why)
        self._add_to_step_summary(markdown_note(why, so_far(results.progress, findings.bad)))
        return ExitStatus.INTERRUPTED if why == INTERRUPTED else ExitStatus.BAD

    def _end(self, findings: Findings, report: Report) -> ExitStatus:
        self.printer.end(findings, report)
        if os.environ.get("GITHUB_STEP_SUMMARY") and not (self.installed and report.ok):
            self._add_to_step_summary(markdown(findings, report))
        return status_of(report, self.strict)

    def _add_to_step_summary(self, text: str) -> None:
        """Append Markdown to the job summary of GitHub Actions, if the environment names one."""
        if step_summary := os.environ.get("GITHUB_STEP_SUMMARY"):
            try:
                with io.BufferedWriter(WaitingFile(step_summary, "a", opener=_without_blocking)) as file:
                    added = fit(text, STEP_SUMMARY - os.fstat(file.fileno()).st_size)
                    file.write(added.encode())
                if not added:
                    why = f"{place(step_summary)}: no room for the summary: {STEP_SUMMARY_LIMIT}"
                    self.out.complain(f"$GITHUB_STEP_SUMMARY: {why}")
            except OSError as error:
                self.out.complain(f"$GITHUB_STEP_SUMMARY: {describe(error)}")


def _address(executor: str) -> str:
    kind, _, address = executor.partition(":")
    if kind != "dask" or not address:
        raise click.UsageError(
            f"--executor must be dask:ADDRESS, such as dask:tcp://host:8786, not {executor!r}"
        )
    return address


@contextlib.contextmanager
def _connect(name: str) -> Iterator[Executor]:
    """Yield the executor that the user named."""
    try:
        from distributed import Client
    except ImportError:
        raise ChecksigError("--executor needs Dask: pip install 'checksig[dask]'") from None
    with Client(_address(name)) as client:  # type: ignore[no-untyped-call]
        yield client.get_executor()


def _without_blocking(path: str, flags: int) -> int:
    """Open a file; raise OSError for a FIFO that nobody reads."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0), 0o666)


@dataclass
class Target:
    """A directory to verify, and the manifest to verify it with.

    Attributes:
        root: the directory.
        path: the manifest. None: the manifests in the directory.
        content: the content of a manifest on standard input, else None.
        format: the format that the user named, if any.
        algorithm: the algorithm that the user named, if any.
        strip_prefix: the prefix that the user named, if any.
    """

    root: str
    path: str | None
    content: bytes | None
    format: str | None
    algorithm: str | None
    strip_prefix: str | None

    @classmethod
    def of(
        cls,
        path: str,
        manifest: str | None,
        format: str | None,
        algorithm: str | None,
        strip_prefix: str | None,
    ) -> Target:
        """Return what a PATH and the value of -m stand for."""
        root, file = path, manifest
        if manifest is None and (package := package_at(path)):
            return cls(package.environment, package.record, None, format, algorithm, strip_prefix)
        if path == "-" or not os.path.isdir(path):
            if manifest is not None:
                raise click.UsageError(f"with -m/--manifest, PATH must be a directory, but {path!r} is not")
            root, file = os.path.dirname(path) or ".", path
        content = _standard_input() if file == "-" else None
        return cls(root, file, content, format, algorithm, strip_prefix)

    def manifest(self) -> str | BinaryIO | None:
        """Return the manifest as :func:`checksig.check` takes it."""
        return self.path if self.content is None else _named(self.content)

    def entries(self, signed: SignedOptions) -> Entries:
        """Return the entries of the manifest."""
        source = self.manifest() or self.root
        return checksig.read_manifest(
            source, format=self.format, algorithm=self.algorithm, strip_prefix=self.strip_prefix, **signed
        )


def open_standard_input() -> BinaryIO:
    """Return a file with the content of standard input."""
    return _named(_standard_input())


def _named(content: bytes) -> BinaryIO:
    file = io.BytesIO(content)
    file.name = "<stdin>"
    return file


def _standard_input() -> bytes:
    """Return the content of standard input, up to a limit beyond which a manifest is too large."""
    if sys.stdin is None:
        raise click.UsageError("standard input is closed")
    try:
        return read_content(sys.stdin.buffer)
    except OSError as error:
        raise OSError(error.errno, error.strerror, "<stdin>") from None

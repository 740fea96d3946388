"""Uses the whole public interface, for type checkers. It is checked, and never run.

mypy and pyright check this file in their strict modes. A line with a ``type: ignore`` comment must be
an error for both of them.
"""

from __future__ import annotations

import datetime
import io
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Literal, assert_type

import checksig


def check_verifying(path: Path) -> None:
    checksig.check_signatures("data")
    checksig.check_signatures(b"data", path / "SHA256SUMS", format="gnu", algorithm="sha256")
    checksig.check_signatures(path, [checksig.Entry("a", "md5", "0" * 32)], workers=4, ignore_missing=True)
    assert_type(checksig.check(path, io.BytesIO(), extra="fail", shard=(1, 4)), checksig.Report)
    assert_type(checksig.check(path, None, progress=True), checksig.Report)
    with ProcessPoolExecutor() as pool:
        assert_type(checksig.check(path, executor=pool, shards=4), checksig.Report)
    checksig.check(path, executor=4)  # type: ignore[arg-type]
    assert_type(checksig.check(path, receipts=True, max_age=datetime.timedelta(days=7)).by_receipt, int)
    assert_type(checksig.check(path, receipts=True, max_age=3600).oldest_receipt, datetime.datetime | None)

    checksig.check_signatures(3)  # type: ignore[arg-type]
    checksig.check_signatures(path, io.StringIO())  # type: ignore[arg-type]
    checksig.check_signatures(path, "SHA256SUMS", "gnu")  # type: ignore[call-arg]
    checksig.check(path, extra="all")  # type: ignore[arg-type]
    checksig.check(path, shard=1)  # type: ignore[arg-type]
    checksig.check(path, receipts=True, max_age="30d")  # type: ignore[arg-type]
    checksig.check(path, only_bad=True)  # type: ignore[call-arg]


def check_iteration(path: Path) -> None:
    results = checksig.iter_check(path, only_bad=True)
    assert_type(results, checksig.Results)
    assert_type(next(results), checksig.FileResult)
    assert_type(results.progress, checksig.Progress)
    assert_type(results.report, checksig.Report | None)
    with checksig.iter_check(path) as opened:
        assert_type(opened, checksig.Results)
        assert_type([result.path for result in opened], list[str])
    opened.close()

    results.report.ok  # type: ignore[union-attr] # noqa: B018


def check_reading(path: Path) -> None:
    with checksig.read_manifest(path, format="sfv", algorithm="crc32") as entries:
        assert_type(entries, checksig.Entries)
        assert_type(next(entries), checksig.Entry)
        assert_type(entries.manifests, list[checksig.Manifest])
        assert_type(entries.bad_lines, list[checksig.BadLine])
        assert_type(entries.bad_line_count, int)
    checksig.check(path, entries)
    assert_type(checksig.read_manifest(io.BytesIO()), checksig.Entries)
    assert_type(checksig.find_manifests(path), list[str])
    assert_type(checksig.find_packages(path), list[checksig.Package])


def check_writing(path: Path) -> None:
    include, exclude = ("*.csv",), ["tmp/*"]
    written = checksig.create(
        path, algorithm="sha512", manifest="list", format="tag", include=include, exclude=exclude, workers=2
    )
    assert_type(written, checksig.Manifest)
    assert_type(checksig.update(path, follow_symlinks=True, progress=print), checksig.Changes)
    assert_type(checksig.diff(path, "SHA256SUMS"), checksig.Changes)
    assert_type(
        checksig.diff(path, other=[checksig.Entry("a", "md5", "0" * 32)], algorithm="md5"), checksig.Changes
    )

    checksig.create(path, "list")  # type: ignore[call-arg]
    checksig.create(path, format="pooch")  # type: ignore[arg-type]
    checksig.update(path, overwrite=True)  # type: ignore[call-arg]


def check_options(path: Path) -> None:
    """The types of options can be used in annotations, as by a function that passes them on."""

    def verify(
        path: checksig.AnyPath,
        manifest: checksig.ManifestOption = None,
        extra: checksig.ExtraOption = "ignore",
        progress: checksig.ProgressOption = None,
    ) -> checksig.Report:
        return checksig.check(path, manifest, extra=extra, progress=progress)

    def show(progress: checksig.Progress) -> None:
        assert_type(progress.bad, int)
        assert_type(progress.total_bytes, int | None)

    def fail(progress: str) -> None:
        pass

    verify(path, [], "report", show)
    verify(path, progress=fail)  # type: ignore[arg-type]
    formats: list[checksig.WriteFormat] = ["gnu", "tag", "sfv", "bagit"]
    assert_type(formats[0], Literal["gnu", "tag", "sfv", "bagit"])


def check_keys(path: Path, key: io.BytesIO) -> None:
    checksig.check(path, signed_by=key, min_signers=1, signature=path, namespace="file")
    checksig.check_signatures(path, signed_by=[path, "RW", b"key", key])
    one: checksig.KeyOption = key
    keys: checksig.SignedByOption = (path, one)
    with checksig.read_manifest(path, signed_by=keys) as entries:
        assert_type(entries.authentic, bool | None)
    checksig.diff(path, signed_by=path)
    checksig.check(path, signed_by=3)  # type: ignore[arg-type]
    checksig.create(path, signed_by=path)  # type: ignore[call-arg]
    try:
        checksig.check(path, signed_by=path)
    except checksig.SignatureError as error:
        assert_type(error.claimed, tuple[str, ...])


def check_data(report: checksig.Report, changes: checksig.Changes) -> None:
    assert_type(report.ok, bool)
    assert_type(report.counts, Mapping[checksig.Status, int])
    assert_type(report.counts[checksig.Status.FAILED], int)
    assert_type(report.failures, tuple[checksig.FileResult, ...])
    assert_type(report.manifests[0].algorithms, tuple[str, ...])
    assert_type(report.bad_lines[0].line, int | None)
    assert_type(report.shard, tuple[int, int] | None)
    assert_type(report.authentic, bool | None)
    assert_type(report.signatures, tuple[checksig.Signature, ...])
    assert_type(report.signatures[0].created, datetime.datetime | None)
    assert_type(report.summary(), str)
    assert_type(report.to_dicts(), list[dict[str, Any]])
    assert_type(checksig.join([report]), checksig.Report)
    report.raise_for_failures()
    assert_type(report.failures[0].status, checksig.Status)
    assert_type(report.failures[0].errno, int | None)
    assert_type(changes.renamed, tuple[tuple[str, str], ...])
    assert_type(changes.lines(), list[str])

    report.bad = 0  # type: ignore[misc]
    changes.added += ("a",)  # type: ignore[misc]
    report.failed  # type: ignore[attr-defined] # noqa: B018


def check_exceptions(path: Path) -> None:
    try:
        checksig.check_signatures(path)
    except checksig.VerificationError as error:
        assert_type(error.report, checksig.Report | None)
    except checksig.ManifestNotFoundError as error:
        assert_type(error.line, int | None)
        assert_type(error.reason, str)
    bases: list[type[ValueError]] = [checksig.VerificationError, checksig.ManifestError]
    common: list[type[checksig.ChecksigError]] = [checksig.VerificationError, checksig.InternalError]
    missing: list[type[FileNotFoundError]] = [checksig.ManifestNotFoundError]
    bugs: list[type[RuntimeError]] = [checksig.InternalError, checksig.CancelledError]
    print(bases, common, missing, bugs)

    wrong: type[LookupError] = checksig.ManifestError  # type: ignore[assignment]
    print(wrong)


def check_build() -> None:
    assert_type(checksig.get_algorithms(), tuple[str, ...])
    assert_type(checksig.get_engine(), checksig.Engine)
    assert_type(checksig.get_engine().name, str)
    assert_type(checksig.get_include() + checksig.get_library(), str)
    assert_type(checksig.__version__, str)

"""Every case of testdata/cases, with check_signatures, check, iter_check, and the C function verify."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from case_trees import CASES, ON_WINDOWS, make_tree, options_of, why_impossible
from support import verify

import checksig

ERRORS = {
    "failed": checksig.VerificationError,
    "manifest": checksig.ManifestError,
    "not-found": checksig.ManifestNotFoundError,
    "not-signed": checksig.SignatureError,
}


def test_the_cases_are_found() -> None:
    assert len(CASES) > 50


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path, tmp_path: Path) -> None:
    case = json.loads(path.read_text("utf-8"))
    if why := why_impossible(case["tree"]):
        pytest.skip(why)
    if case.get("needs", "md5") not in checksig.get_algorithms():
        pytest.skip(f"this build is without {case['needs']}")
    if sys.platform == "win32" and path.stem in ON_WINDOWS:
        pytest.skip(f"ends differently on Windows: {ON_WINDOWS[path.stem]}")
    make_tree(os.fsencode(tmp_path), case["tree"])
    options = options_of(case, tmp_path)
    if case["verdict"] in ("ok", "failed"):
        check_agrees(tmp_path, options_of(case, tmp_path), case.get("message"))
    if case["verdict"] == "ok":
        report = checksig.check(tmp_path, **options_of(case, tmp_path))
        assert [signature.name for signature in report.signatures] == case.get("signers", [])
        assert report.authentic == (True if "signed_by" in case else None)
        checksig.check_signatures(tmp_path, **options)
        if not options:
            assert verify(tmp_path) is None
        return

    quoted = str(tmp_path).replace("\\", "\\\\")  # as messages quote it
    message = "\n".join(case["message"]).replace("ROOT", quoted)
    with pytest.raises(checksig.ChecksigError) as caught:
        checksig.check_signatures(tmp_path, **options)
    assert str(caught.value) == message
    assert type(caught.value) is ERRORS[case["verdict"]]
    if isinstance(caught.value, checksig.ManifestError):
        assert caught.value.line == case.get("line")
    if not options:
        assert verify(tmp_path) == message


def check_agrees(root: Path, options: dict[str, Any], message: list[str] | None) -> None:
    """Assert that check, iter_check, and the expected message say the same."""
    keys = [file for file in options.get("signed_by", ()) if isinstance(file, io.BytesIO)]
    report = checksig.check(root, **options)
    for file in keys:
        file.seek(0)
    assert report.ok == (message is None)
    results = list(checksig.iter_check(root, **options))
    extras = tuple(result for result in results if result.status is checksig.Status.EXTRA)
    assert report.extra == extras
    good = {checksig.Status.OK} | ({checksig.Status.EXTRA} if options.get("extra") == "report" else set())
    bad = [result for result in results if result.status not in good]
    files, lines = bad[: len(report.failures)], bad[len(report.failures) :]
    assert tuple(files) == report.failures
    assert {line.path for line in lines} <= {manifest.path for manifest in report.manifests}
    assert len(results) - len(lines) == report.files + len(extras) == sum(report.counts.values())
    expected = [str(line) for line in report.bad_lines]
    if report.bad_line_count > len(report.bad_lines):
        expected.append(f"{report.bad_line_count - len(report.bad_lines)} more bad lines")
    if not (report.ok or report.failures or expected):
        expected.append("none of the listed files exist")
    assert [line.reason for line in lines] == expected
    for line, failure in zip((message or [])[:20], report.failures, strict=False):
        assert line.endswith(f"- {failure.reason}")

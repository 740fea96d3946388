"""Extra files, which are in the directory but in no manifest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support import Directory, Python

import checksig
from checksig import FileResult, Status

EXTRA = "not in the manifest"


def test_extra_files_that_are_reported_are_not_bad(directory: Directory) -> None:
    root = directory({"a": b"1"})
    (root / "d").mkdir()
    (root / "d" / "x\n").touch()
    found = FileResult(path="d/x\n", status=Status.EXTRA, algorithm="", expected="", reason=EXTRA, place=1)
    report = checksig.check(root, extra="report")
    assert report.ok
    assert (report.files, report.failures, report.extra) == (1, (), (found,))
    assert report.counts[Status.EXTRA] == 1
    assert str(report).startswith("1 file OK, 1 extra · sha1 (finds accidents, not attackers) · 1 B in ")
    assert str(report).endswith("\nextra: d/x\\n")
    assert "<td>x\\n</td><td>EXTRA</td>" in report._repr_html_()
    assert list(checksig.iter_check(root, extra="report"))[1:] == [found]
    checksig.check_signatures(root, extra="report")


def test_extra_files_that_fail_are_in_the_exception(directory: Directory) -> None:
    root = directory({"a": b"1"})
    (root / "x").touch()
    with pytest.raises(checksig.VerificationError) as caught:
        checksig.check_signatures(root, extra="fail")
    assert str(caught.value) == f'"{root}/x" - {EXTRA}'
    report = caught.value.report
    assert report is not None
    assert report.failures == report.extra
    assert str(report).endswith(f"/sha1sum.txt\n{caught.value}")


def test_a_directory_with_only_extra_files_is_not_ok(directory: Directory) -> None:
    root = directory({"a": b"1"})
    (root / "a").rename(root / "b")
    for extra in ("report", "fail"):
        assert not checksig.check(root, ignore_missing=True, extra=extra).ok


def test_an_unknown_value_of_extra_is_a_value_error(directory: Directory) -> None:
    for call in (checksig.check, checksig.check_signatures, checksig.iter_check):
        with pytest.raises(ValueError, match='extra must be "ignore", "report" or "fail", not \'yes\''):
            call(directory, extra="yes")  # type: ignore[arg-type]


@pytest.mark.parametrize("extra", ["report", "fail"])
def test_a_directory_that_cannot_be_listed_is_an_error(
    python: Python, public_directory: Path, extra: str
) -> None:
    for name in ("closed", "open"):
        (public_directory / name).mkdir()
        (public_directory / name / "x").touch()
    (public_directory / "md5sum.txt").write_text("d41d8cd98f00b204e9800998ecf8427e  open/x\n")
    (public_directory / "closed").chmod(0)
    code = """
import os, sys, checksig
checksig.check(sys.argv[1])
if os.geteuid() == 0:
    os.seteuid(65534)
for extra in ("ignore", sys.argv[2]):
    report = checksig.check(sys.argv[1], extra=extra)
    print(report.ok, report.message, report.files)
print([(f.path, str(f.status), f.reason, f.errno) for f in report.failures])
if os.geteuid() == 65534:
    os.seteuid(0)
os.chmod(os.path.join(sys.argv[1], "closed"), 0o700)
"""
    done = python(code, public_directory, extra)
    reason = "cannot be listed: permission denied"
    assert done.stdout.splitlines() == [
        "True None 1",
        f'False "{public_directory}/closed" - {reason} 1',
        f"[('closed', 'ERROR', '{reason}', 13)]",
    ], done.stderr


def test_a_tree_deeper_than_the_longest_path_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "md5sum.txt").write_text("d41d8cd98f00b204e9800998ecf8427e  a\n")
    (tmp_path / "a").touch()
    element = "d" * 255
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(20):
        os.mkdir(element, dir_fd=here)
        below = os.open(element, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("x", os.O_CREAT, dir_fd=here))
    os.close(here)
    assert checksig.check(tmp_path).ok
    (failure,) = checksig.check(tmp_path, extra="fail").failures
    assert failure.path == "/".join([element] * 17)
    assert (failure.status, failure.reason) == (Status.ERROR, "cannot be listed: name too long")


def test_100000_extra_files_in_one_directory_are_found_in_order(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    (tmp_path / "md5sum.txt").write_text("d41d8cd98f00b204e9800998ecf8427e  a\n")
    (tmp_path / "d").mkdir()
    for number in range(100_000):
        os.mknod(tmp_path / "d" / f"{number:06}")
    results = checksig.iter_check(tmp_path, extra="report")
    assert next(results).status is Status.OK
    assert [result.path for result in results] == [f"d/{number:06}" for number in range(100_000)]
    assert len(checksig.check(tmp_path, extra="fail").failures) == 100_000
    results = checksig.iter_check(tmp_path, extra="fail")
    next(results)
    next(results)
    results.close()
    assert list(results) == []

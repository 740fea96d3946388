"""shard=: every Nth file, so that N processes or machines can share a directory."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import LOGS, Directory

import checksig
from checksig import Status


def test_shard_k_of_n_is_every_nth_file_from_the_kth_on() -> None:
    names = [result.path for result in checksig.iter_check(LOGS, shard=(2, 4))]
    assert names == ["httpd-01.log", "httpd-05.log", "httpd-09.log"]
    assert not checksig.check(LOGS, shard=(3, 3)).ok  # httpd-08.log
    report = checksig.check(LOGS, shard=(2, 3))
    assert (report.ok, report.files, report.shard) == (True, 3, (2, 3))
    assert report.summary().endswith(" · shard 2 of 3")
    assert checksig.check(LOGS).shard is None


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    states=st.lists(st.sampled_from(["good", "bad", "gone", "twice"]), min_size=1, max_size=12),
    extras=st.integers(0, 5),
    count=st.integers(1, 12),
    extra=st.sampled_from(["ignore", "report", "fail"]),
)
def test_all_shards_together_are_the_whole(
    tmp_path_factory: pytest.TempPathFactory, states: list[str], extras: int, count: int, extra: Any
) -> None:
    root = tmp_path_factory.mktemp("tree")
    make_files(root, states, extras)
    whole = Counter(checksig.iter_check(root, extra=extra))
    parts: Counter[checksig.FileResult] = Counter()
    for number in range(1, count + 1):
        if number > len(states):
            with pytest.raises(checksig.ManifestError, match=f"shard {number} of {count} is empty"):
                checksig.check(root, extra=extra, shard=(number, count))
        else:
            parts.update(checksig.iter_check(root, extra=extra, shard=(number, count)))
    if count <= len(states):
        assert parts == whole
    assert set(parts) <= set(whole)


def make_files(root: Path, states: list[str], extras: int) -> None:
    """Create a directory whose listed files have these states, with some extra files."""
    lines = []
    for number, state in enumerate(states):
        listed = hashlib.sha1(b"1").hexdigest()
        lines += [f"{listed}  {number}\n"] * (2 if state == "twice" else 1)
        if state == "conflict":
            lines.append(f"{'0' * 40}  {number}\n")
        if state == "line":
            lines.append("no entry\n")
        if state != "gone":
            (root / str(number)).write_bytes(b"2" if state == "bad" else b"1")
    for number in range(extras):
        (root / f"extra{number}").touch()
    (root / "sha1sum.txt").write_text("".join(lines))


def test_an_empty_shard_is_never_ok(directory: Directory) -> None:
    root = directory({"a": b"1"})
    checksig.check_signatures(root, shard=(1, 2))
    with pytest.raises(checksig.ManifestError) as caught:
        checksig.check_signatures(root, shard=(2, 2))
    assert caught.value.reason == "shard 2 of 2 is empty because only 1 file is listed"


@pytest.mark.parametrize("shard", [(0, 1), (2, 1), (-1, 2), (0, 0), (1, 1 << 31)])
def test_a_shard_that_does_not_exist_is_a_value_error(shard: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="shard"):
        checksig.check(LOGS, shard=shard)


def test_a_bad_line_makes_every_shard_bad(directory: Directory) -> None:
    root = directory({"a": b"1", "b": b"2"})
    with (root / "sha1sum.txt").open("a") as manifest:
        manifest.write("?\n")
    for number in (1, 2):
        report = checksig.check(root, shard=(number, 2))
        assert (report.ok, report.counts[Status.OK], report.bad_line_count) == (False, 1, 1)

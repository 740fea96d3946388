"""join: the reports on all shards become the report on the whole, or there is no verdict."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import LOGS, Directory, command
from test_shards import make_files

import checksig
from checksig import Report
from checksig.command.join import join_files
from checksig.command.output import Findings, JsonPrinter

KINDS = ["good", "bad", "gone", "twice", "conflict", "line", "strange"]


def run(*arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return command(*arguments, cwd=LOGS, stdin=stdin.encode())


def shards(root: Any, count: int, **options: Any) -> list[Report]:
    return [checksig.check(root, shard=(number, count), **options) for number in range(1, count + 1)]


def comparable(report: Report) -> Report:
    """Return a report without what shards cannot know."""
    message = report.message
    if report.hint and message:
        message = message.removesuffix(f"\n{report.hint}")
    return replace(report, seconds=0, hint=None, message=message)


Tree = tuple[list[str], int, int, dict[str, Any]]  # states of files, extra files, shards, options


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    states = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=40))
    options: dict[str, Any] = {"extra": draw(st.sampled_from(["ignore", "report", "fail"]))}
    options |= {"ignore_missing": draw(st.booleans())}
    return states, draw(st.integers(0, 30)), draw(st.integers(1, 30)), options


def make_tree(
    tmp_path_factory: pytest.TempPathFactory, tree: Tree
) -> tuple[Path, Report | None, int, dict[str, Any]]:
    """Make a tree; return its root, the report on it if it has one, the shards and the options."""
    states, extras, count, options = tree
    root = tmp_path_factory.mktemp("tree")
    make_files(root, states, extras)
    try:
        return root, checksig.check(root, **options), count, options
    except checksig.ManifestError:
        return root, None, count, options


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trees())
def test_joined_shards_are_the_whole(tmp_path_factory: pytest.TempPathFactory, tree: Tree) -> None:
    root, whole, count, options = make_tree(tmp_path_factory, tree)
    if whole is None:
        return
    count = min(count, whole.files)
    joined = checksig.join(reversed(shards(root, count, **options)))
    assert comparable(joined) == comparable(whole)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trees())
def test_joined_json_is_the_whole(tmp_path_factory: pytest.TempPathFactory, tree: Tree) -> None:
    root, whole, count, options = make_tree(tmp_path_factory, tree)
    if whole is None:
        return
    lines = Lines()
    for report in shards(root, min(count, whole.files), **options):
        printer = JsonPrinter(lines, report.shard)  # type: ignore[arg-type]
        for result in {*report.failures, *report.extra}:
            printer.result(report.root, result)
        printer.end(Findings(report.root, report.shard, bad=report.bad), report)
    (root.parent / "all.jsonl").write_text("\n".join(lines))
    assert comparable(join_files([str(root.parent / "all.jsonl")])) == comparable(whole)


class Lines(list[str]):
    """Takes the place of Out."""

    def line(self, text: str, urgent: bool = True) -> None:
        self.append(text)


def test_place_is_the_number_of_a_file_whatever_the_shard(directory: Directory) -> None:
    root = directory(dict.fromkeys("abcdefg", b"1"))
    for name in ("x", "y", "z"):
        (root / name).touch()
    whole = list(checksig.iter_check(root, extra="report"))
    assert [result.place for result in whole] == list(range(10))
    parts = [r for k in (1, 2, 3) for r in checksig.iter_check(root, extra="report", shard=(k, 3))]
    assert sorted(parts, key=lambda result: result.place) == whole


def test_a_manifest_says_which_bytes_were_read(directory: Directory) -> None:
    root = directory({"a": b"1"})
    content, state = (root / "sha1sum.txt").read_bytes(), (root / "sha1sum.txt").stat()
    (manifest,) = checksig.check(root).manifests
    digest = hashlib.sha256(content).hexdigest()
    assert (manifest.digest, manifest.size) == (digest, len(content))
    assert (manifest.mtime_ns, manifest.ctime_ns) == (state.st_mtime_ns, state.st_ctime_ns)
    with (root / "sha1sum.txt").open("rb") as file:
        (manifest,) = checksig.check(root, file).manifests
    assert (manifest.digest, manifest.size, manifest.mtime_ns, manifest.ctime_ns) == (
        digest,
        None,
        None,
        None,
    )
    (manifest,) = checksig.check(root, checksig.read_manifest(root)).manifests
    assert (bool(manifest.digest), manifest.size) == (True, None)


def test_extra_files_are_divided_among_the_shards_that_have_a_file(directory: Directory) -> None:
    root = directory({"a": b"1", "b": b"1"})
    for number in range(7):
        (root / f"extra{number}").touch()
    reports = [checksig.check(root, shard=(number, 5), extra="fail") for number in (1, 2)]
    assert sorted(e.path for r in reports for e in r.extra) == [f"extra{number}" for number in range(7)]
    with pytest.raises(checksig.ManifestError, match="empty"):
        checksig.check(root, shard=(3, 5), extra="fail")
    assert comparable(checksig.join(reports)) == comparable(checksig.check(root, extra="fail"))


def test_a_missing_double_or_foreign_shard_is_no_verdict(directory: Directory) -> None:
    parts = shards(LOGS, 4)
    for wrong, why in [
        ([], "there is no report"),
        (parts[:3], "shard 4 of 4 is missing"),
        (parts[1:2], "shard 1, 3, 4 of 4 is missing"),
        ([*parts, parts[1]], "shard 2 of 4 is there twice"),
        ([*parts, checksig.check(LOGS, shard=(2, 5))], "the same number of shards"),
        ([*parts, checksig.check(LOGS)], "the same number of shards"),
        ([*parts[:3], replace(parts[3], version="0.0.9")], "another version"),
        ([*parts[:3], replace(parts[3], files=0)], "did not verify all of its files"),
        ([replace(parts[0], failures=()), *parts[1:]], "has lost bad or extra files"),
        ([*parts[:3], checksig.check(LOGS, shard=(4, 4), extra="fail")], "with other options"),
        ([*parts[:3], checksig.check(LOGS, shard=(4, 4), ignore_missing=True)], "with other options"),
    ]:
        with pytest.raises(ValueError, match=why):
            checksig.join(wrong)
    with pytest.raises(TypeError, match="Report objects"):
        checksig.join(["x"])  # type: ignore[list-item]
    assert comparable(checksig.join([checksig.check(LOGS)])) == comparable(checksig.check(LOGS))


def grow(root: Path) -> None:
    with (root / "sha1sum.txt").open("a") as manifest:
        manifest.write(f"{'0' * 40}  c\n")


def same_length(root: Path) -> None:
    text = (root / "sha1sum.txt").read_text()
    (root / "sha1sum.txt").write_text("0" + text[1:])


def touch(root: Path) -> None:
    os.utime(root / "sha1sum.txt", ns=(1, 1))


def copy(root: Path) -> None:
    shutil.copytree(root, root.with_name("copy"))
    shutil.rmtree(root)
    root.with_name("copy").rename(root)


@pytest.mark.parametrize("change", [grow, same_length, touch, copy])
def test_shards_that_read_another_manifest_are_no_verdict(
    directory: Directory, change: Callable[[Path], None]
) -> None:
    root = directory({"a": b"1", "b": b"2"})
    first = checksig.check(root, shard=(1, 2))
    change(root)
    second = checksig.check(root, shard=(2, 2))
    with pytest.raises(ValueError, match=r"shard 2 of 2 read another manifest than shard 1 of 2: .*sha1sum"):
        checksig.join([first, second])


def test_copies_whose_manifest_is_elsewhere_are_no_verdict(directory: Directory, tmp_path: Path) -> None:
    root = directory({"a": b"1", "b": b"2"})
    outside = tmp_path / "outside.sha1"
    (root / "sha1sum.txt").rename(outside)
    first = checksig.check(root, outside, shard=(1, 2))
    assert checksig.join([first, checksig.check(root, outside, shard=(2, 2))]).ok
    copy(root)
    (root / "a").write_bytes(b"damaged")
    second = checksig.check(root, outside, shard=(2, 2))
    assert (first.ok, second.ok) == (True, True)
    with pytest.raises(ValueError, match="sees another directory"):
        checksig.join([first, second])


def test_an_empty_directory_on_one_machine_is_no_verdict(directory: Directory, tmp_path: Path) -> None:
    root = directory(dict.fromkeys("abcd", b"1"))
    outside = tmp_path / "outside.sha1"
    (root / "sha1sum.txt").rename(outside)
    first = checksig.check(root, outside, shard=(1, 2), ignore_missing=True)
    root.rename(root.with_name("away"))
    root.mkdir()
    second = checksig.check(root, outside, shard=(2, 2), ignore_missing=True)
    with pytest.raises(ValueError, match=r"shard 2 of 2 sees another directory .* none of its files"):
        checksig.join([first, second])


def test_the_command_joins_what_check_writes(directory: Directory, tmp_path: Path) -> None:
    root = directory(dict.fromkeys("abc", b"1"))
    (root / "b").write_bytes(b"x")
    (root / "extra").touch()
    (root.parent / "j").mkdir()
    files = [root.parent / "j" / f"{number}" for number in (1, 2, 3, 4)]
    for number, file in enumerate(files, 1):
        quiet = ["-q"] if number % 2 else []
        done = run("check", root, "--json", "--extra=report", "--shard", f"{number}/4", *quiet)
        file.write_text(done.stdout)
    done = run("join", *files)
    assert done.returncode == 1
    assert done.stdout.splitlines()[:2] == [f"{root}/b: FAILED", f"{root}/extra: EXTRA"]
    assert done.stdout.splitlines()[2].startswith("1 of 3 files FAILED, 1 extra · sha1")
    summary = json.loads(run("join", "--json", *files).stdout.splitlines()[-1])
    assert (summary["ok"], summary["shard"], summary["files"], summary["listed"]) == (False, None, 3, 3)

    texts = [file.read_text() for file in files]
    assert run("join", "-", stdin="".join(texts)).returncode == 1
    assert run("join", "-", stdin="".join(texts[1:])).returncode == 2
    for text, why in [
        (texts[0] + texts[2], "shard 2 of 4 is missing"),
        ("".join(texts[:3]) + texts[1], "is there twice"),
        ("".join(texts[:3])[:-9], "is damaged"),
        (texts[1].splitlines()[0] + "\n", "ends before the summary"),
        ("{}\n", "not what checksig check --json writes"),
        ("[1]\n", "not what checksig check --json writes"),
        ("", "there is no report to join"),
        (texts[3], "shard 4 of 4 is empty"),
        (texts[0].replace('"complete": true', '"complete": false, "reason": "interrupted"'), "is incomplete"),
        (
            "".join(texts).replace('"status": "FAILED", "bad": true', '"status": "OK", "bad": false'),
            "has lost",
        ),
    ]:
        (tmp_path / "all").write_text(text)
        with pytest.raises(checksig.ChecksigError) as caught:
            join_files([str(tmp_path / "all")])
        assert why in str(caught.value)


def test_names_of_any_bytes_are_joined(directory: Directory) -> None:
    name = os.fsdecode(b'caf\xe9\x01"\\')
    root = directory({"a": b"1"})
    (root / "sha1sum.txt").write_bytes(b"0" * 40 + b"  " + os.fsencode(name) + b"\n" + b"0" * 40 + b"  b\n")
    whole = checksig.check(root)
    assert comparable(checksig.join(shards(root, 2))) == comparable(whole)
    texts = "".join(run("check", root, "--json", "-q", "--shard", f"{k}/2").stdout for k in (1, 2))
    assert (
        run("join", "-", stdin=texts).stdout.splitlines()[:-1] == run("check", root).stdout.splitlines()[:-1]
    )

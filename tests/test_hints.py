"""The hints for bad files, and the files that are never examined."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import unicodedata
from collections.abc import Mapping
from pathlib import Path

import pytest

import checksig
from checksig import Entry, FileResult, Status
from checksig.command import hints
from checksig.command.hints import Hint, Hints

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"


def digest(content: bytes, algorithm: str = "sha256") -> str:
    return hashlib.new(algorithm, content).hexdigest()


def found(root: Path, entries: list[Entry]) -> dict[str, str]:
    """Return the kinds of the hints for the bad files in a directory, by name."""
    finder = Hints(str(root), lambda: entries)
    known = {result.path: finder.find(result) for result in checksig.iter_check(root, entries)}
    return {path: hint.kind for path, hint in known.items() if hint is not None}


def write(root: Path, files: Mapping[str, bytes], listed: Mapping[str, bytes]) -> list[Entry]:
    """Write files; return entries that list other content for them."""
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return [Entry(name, "sha256", digest(content)) for name, content in listed.items()]


@pytest.mark.parametrize(
    ("name", "content", "listed", "kind"),
    [
        ("a.bin", POINTER, b"model", "git-lfs-pointer"),
        ("a.bin", POINTER + b" " * 1024, b"model", None),
        ("a.gz", b"\n <!DocType HTML><p>", b"archive", "html-page"),
        ("a.gz", b"\xef\xbb\xbf<html lang='en'>", b"archive", "html-page"),
        ("a.xml", b"<htmlfragment/>", b"archive", None),
        ("a.html", b"<html>", b"page", None),
        ("a", b"", b"1", "empty"),
        ("a", b"1\r\n2\r\n", b"1\n2\n", "line-ends"),
        ("a", b"1\n2\n", b"1\r\n2\r\n", "line-ends"),
        ("a", b"1\r\n2\n", b"1\n3\n", None),
        ("a", b"1", b"1", None),
        ("d/e/a", b"", b"1", "empty"),
    ],
)
def test_the_content_of_a_bad_file_gives_a_hint(
    tmp_path: Path, name: str, content: bytes, listed: bytes, kind: str | None
) -> None:
    entries = write(tmp_path, {name: content}, {name: listed})
    assert found(tmp_path, entries) == ({name: kind} if kind else {})


@pytest.mark.parametrize("algorithm", checksig.get_algorithms())
def test_line_endings_are_recognized_with_each_algorithm(tmp_path: Path, algorithm: str) -> None:
    (tmp_path / "unix").write_bytes(b"1\n2\n")
    if algorithm == "git-sha1":
        listed = digest(b"blob 4\x001\n2\n", "sha1")
    else:
        checksig.create(
            tmp_path,
            algorithm=algorithm,
            manifest=tmp_path / "sums",
            format="sfv" if algorithm == "crc32" else "tag",
        )
        (entry,) = checksig.read_manifest(tmp_path / "sums", format="sfv" if algorithm == "crc32" else None)
        listed = entry.digest
        (tmp_path / "sums").unlink()
    (tmp_path / "unix").write_bytes(b"1\r\n2\r\n")
    assert found(tmp_path, [Entry("unix", algorithm, listed)]) == {"unix": "line-ends"}


def test_a_shorter_file_is_recognized_if_sizes_are_listed(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12")
    entries = [Entry("a", "sha256", digest(b"1234"), 4)]
    finder = Hints(str(tmp_path), lambda: entries)
    (result,) = checksig.iter_check(tmp_path, entries)
    assert finder.find(result) == Hint("shorter", "is shorter than listed: 2 of 4 bytes")
    assert found(tmp_path, [Entry("a", "sha256", digest(b"1"), 1)]) == {}


def test_dot_and_empty_parts_of_names_are_ignored(tmp_path: Path) -> None:
    write(tmp_path, {"a": b"b", "b": b"b"}, {})
    entries = [Entry(".//./a", "sha256", digest(b"a")), Entry(".//./b", "sha256", digest(b"b"))]
    (result, _) = checksig.iter_check(tmp_path, entries)
    assert Hints(str(tmp_path), lambda: entries).find(result) == Hint(
        "other-entry", "matches the digest listed for b"
    )


def test_swapped_files_are_recognized(tmp_path: Path) -> None:
    entries = write(tmp_path, {"a": b"b", "b": b"a", "c": b"c"}, {"a": b"a", "b": b"b", "c": b"c"})
    assert found(tmp_path, entries) == {"a": "other-entry", "b": "other-entry"}


@pytest.mark.parametrize(
    ("existing", "listed", "differs"),
    [
        ("Readme", "README", "case"),
        ("D/e/F", "d/E/f", "case"),
        (unicodedata.normalize("NFD", "é"), "é", "Unicode normalization"),
        ("Straße", "STRASSE", "case"),
        ("a", "b", None),
    ],
)
def test_a_similar_name_is_recognized(
    tmp_path: Path, existing: str, listed: str, differs: str | None
) -> None:
    entries = write(tmp_path, {existing: b"1"}, {listed: b"1"})
    (result,) = checksig.iter_check(tmp_path, entries)
    hint = Hints(str(tmp_path), lambda: entries).find(result)
    if differs is None:
        assert hint is None
        return
    assert hint == Hint("similar-name", f"exists as {existing} (different {differs})")
    both = [*entries, Entry(existing, "sha256", digest(b"1"))]
    assert found(tmp_path, both) == {}, "the existing name is listed too"


def test_nothing_outside_the_directory_is_examined_and_nothing_blocks(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "out").write_bytes(b"")
    (root / "link").symlink_to(tmp_path / "out")
    (root / "folder").symlink_to(tmp_path)
    (root / "OUT").write_bytes(b"1")
    os.mkfifo(root / "fifo")
    with contextlib.suppress(PermissionError):
        os.mknod(root / "null", stat.S_IFCHR, os.makedev(1, 3))
    finder = Hints(str(root), list)
    names = (
        "../out",
        "../OUT",
        "link",
        "folder/out",
        "fifo",
        "null",
        "/out",
        "folder/OUT",
        str(tmp_path / "out"),
        "a/../../out",
    )
    for name in names:
        for status in (Status.FAILED, Status.MISSING):
            result = FileResult(name, status, "sha256", digest(b"1"), digest(b"2"), bad=True)
            assert finder.find(result) is None, name


def test_the_number_of_files_examined_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints, "MAX_HINTS", 2)
    names = dict.fromkeys("abcd", b"")
    assert list(found(tmp_path, write(tmp_path, names, dict.fromkeys("abcd", b"1")))) == ["a", "b"]


def test_a_long_manifest_is_not_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = write(tmp_path, {"a": b"b", "b": b"a"}, {"a": b"a", "b": b"b"})
    monkeypatch.setattr(hints, "MAX_ENTRIES", 1)
    assert found(tmp_path, entries) == {}


def test_a_large_file_is_not_tried_with_other_line_endings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = write(tmp_path, {"a": b"1\r\n"}, {"a": b"1\n"})
    monkeypatch.setattr(hints, "MAX_CONVERTED", 2)
    assert found(tmp_path, entries) == {}


def test_the_search_for_a_similar_name_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = write(tmp_path, {"a": b"1"}, {"A": b"1"})
    monkeypatch.setattr(hints, "MAX_LISTED", 0)
    assert found(tmp_path, entries) == {}


def test_only_failed_and_missing_files_get_a_hint(tmp_path: Path) -> None:
    write(tmp_path, {"empty": b"", "Name": b"1"}, {})
    finder = Hints(str(tmp_path), list)
    for status in Status:
        result = FileResult("empty", status, "sha256", digest(b"1"), digest(b""), bad=True)
        assert (finder.find(result) is not None) == (status is Status.FAILED)
        result = FileResult("name", status, "sha256", digest(b"1"), bad=True)
        assert (finder.find(result) is not None) == (status is Status.MISSING)


def test_a_missing_file_that_is_ignored_gets_no_hint(tmp_path: Path) -> None:
    write(tmp_path, {"Name": b"1"}, {})
    result = FileResult("name", Status.MISSING, "sha256", digest(b"1"), bad=False)
    assert Hints(str(tmp_path), list).find(result) is None

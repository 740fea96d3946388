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
from checksig._write import get_writable_algorithms
from checksig.command import hints
from checksig.command.hints import Hint, Hints

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"


def digest(content: bytes, algorithm: str = "sha256") -> str:
    return hashlib.new(algorithm, content).hexdigest()


def found(root: Path, entries: list[Entry]) -> dict[str, str]:
    """Return the kinds of the hints for the bad files in a directory, by name."""
    return {path: hint.kind for path, hint in hints_of(root, entries).items()}


def hints_of(root: Path, entries: list[Entry]) -> dict[str, Hint]:
    """Return the hints for the bad files in a directory, by name."""
    return Hints().find(str(root), checksig.check(root, entries).failures)


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
        ("a", b"1\r\n2\n", b"1\n2\n", "line-ends"),
        ("a", b"1\r\n2\n", b"1\r\n2\r\n", "line-ends"),
        ("a", b"1\r\n2\n", b"1\n3\n", None),
        ("a", b"\0\r\n", b"\0\n", None),
        ("a", b"1\r\n" + b" " * 8192 + b"\0", b"1\n" + b" " * 8192 + b"\0", "line-ends"),
        ("a", b"1", b"1", None),
        ("d/e/a", b"", b"1", "empty"),
    ],
)
def test_the_content_of_a_bad_file_gives_a_hint(
    tmp_path: Path, name: str, content: bytes, listed: bytes, kind: str | None
) -> None:
    entries = write(tmp_path, {name: content}, {name: listed})
    assert found(tmp_path, entries) == ({name: kind} if kind else {})


@pytest.mark.parametrize("algorithm", [*get_writable_algorithms(), "git-sha1"])
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
    without = ("blake3", "crc64nvme", "crc32c")  # Python's library does not have them
    known = {} if algorithm in without else {"unix": "line-ends"}
    assert found(tmp_path, [Entry("unix", algorithm, listed)]) == known


def test_dot_and_empty_parts_of_names_are_ignored(tmp_path: Path) -> None:
    write(tmp_path, {"a": b"b", "b": b""}, {})
    entries = [Entry(".//./a", "sha256", digest(b"a")), Entry(".//./b", "sha256", digest(b"b"))]
    assert hints_of(tmp_path, entries)["a"] == Hint("other-entry", "matches the digest listed for b")


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
    entries = write(tmp_path, {existing: b"1"}, {listed: b"2"})
    hint = Hint("similar-name", f"exists as {existing} (different {differs})")
    assert hints_of(tmp_path, entries) == ({listed: hint} if differs else {})


def test_nothing_outside_the_directory_is_examined_and_nothing_blocks(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "out").write_bytes(b"")
    (root / "link").symlink_to(tmp_path / "out")
    (root / "folder").symlink_to(tmp_path)
    (root / "OUT").write_bytes(b"3")
    (root / "real").mkdir()
    (root / "real" / "up").symlink_to("..")
    os.mkfifo(root / "fifo")
    with contextlib.suppress(PermissionError):
        os.mknod(root / "null", stat.S_IFCHR, os.makedev(1, 3))
    names = (
        *("../out", "../OUT", "link", "folder/out", "fifo", "null", "/out", "folder/OUT"),
        *("FOLDER/out", "FOLDER/OUT", "Folder/", "real/up/out", "real/UP/out", "REAL/up/OUT"),
        *(str(tmp_path / "out"), "a/../../out", "a" * 300),
    )
    for name in names:
        for status in (Status.FAILED, Status.MISSING):
            result = FileResult(name, status, "sha256", digest(b"1"), digest(b"2"), bad=True)
            assert Hints().find(str(root), [result]) == {}, (name, status)


def test_the_number_of_files_examined_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints, "MAX_FILES", 2)
    names = dict.fromkeys("abcd", b"")
    assert list(found(tmp_path, write(tmp_path, names, dict.fromkeys("abcd", b"1")))) == ["a", "b"]


def test_a_large_file_is_not_tried_with_other_line_endings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = write(tmp_path, {"a": b"1\r\n"}, {"a": b"1\n"})
    monkeypatch.setattr(hints, "MAX_CONVERTED", 2)
    assert found(tmp_path, entries) == {}


@pytest.mark.parametrize(("budget", "hinted"), [(9, []), (10, ["a"]), (19, ["a"]), (20, ["a", "b"])])
def test_the_bytes_that_are_read_and_hashed_in_a_run_are_limited(
    budget: int, hinted: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file costs 10: 6 are read, and 4, with LF, are hashed."""
    entries = write(tmp_path, dict.fromkeys("ab", b"1\r\n\r\n\n"), dict.fromkeys("ab", b"1\n\n\n"))
    monkeypatch.setattr(hints, "MAX_BYTES", budget)
    assert list(found(tmp_path, entries)) == hinted


def test_a_folder_is_listed_once_and_the_names_listed_in_a_run_are_limited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = write(tmp_path, {"a": b"1", "b": b"1", "d/a": b"1"}, {"A": b"1", "B": b"1", "d/A": b"1"})
    for limit, number in ((4, 3), (3, 2), (0, 0)):
        monkeypatch.setattr(hints, "MAX_LISTED", limit)
        assert len(found(tmp_path, entries)) == number


def test_a_file_in_too_many_folders_is_not_examined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = write(tmp_path, {"a": b"", "d/a": b"", "d/e/a": b""}, {"A": b"1", "d/A": b"1", "d/e/a": b"1"})
    monkeypatch.setattr(hints, "MAX_DEPTH", 2)
    assert found(tmp_path, entries) == {"A": "similar-name", "d/A": "similar-name"}


def test_the_limits_hold_for_all_directories_of_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hints, "MAX_FILES", 3)
    finder = Hints()
    results = [FileResult(name, Status.FAILED, "sha256", digest(b"1"), digest(b""), 0) for name in "ab"]
    for name, number in (("d", 2), ("e", 1), ("f", 0)):
        write(tmp_path / name, {"a": b"", "b": b""}, {})
        assert len(finder.find(str(tmp_path / name), results)) == number


def test_only_failed_and_missing_files_get_a_hint(tmp_path: Path) -> None:
    write(tmp_path, {"empty": b"", "Name": b"3"}, {})
    for status in Status:
        failed = FileResult("empty", status, "sha256", digest(b"1"), digest(b""), bad=True)
        missing = FileResult("name", status, "sha256", digest(b"1"), bad=True)
        expected = {Status.FAILED: ["empty"], Status.MISSING: ["name"]}.get(status, [])
        assert list(Hints().find(str(tmp_path), [failed, missing])) == expected


def test_hints_write_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = write(tmp_path, {"a": b"1\r\n", "b": b"2"}, {"a": b"1\n", "B": b"1"})
    failures = checksig.check(tmp_path, entries).failures
    opened: list[int] = []
    call = os.open

    def record(path: str, flags: int, **options: int) -> int:
        opened.append(flags)
        return call(path, flags, **options)

    monkeypatch.setattr(os, "open", record)
    monkeypatch.setattr(os, "supports_dir_fd", {record})
    assert len(Hints().find(str(tmp_path), failures)) == 2
    assert opened
    assert not any(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) for flags in opened)


@pytest.mark.parametrize(
    ("files", "listed", "name"),
    [
        ({"x.tgz": b"1"}, "target/release/x.tgz", "x.tgz"),
        ({"x.tgz": b"1"}, "/builds/out/x.tgz", "x.tgz"),
        ({"x.tgz": b"1"}, "../out/x.tgz", "x.tgz"),
        ({"x.tgz": b"1", "a": b"1"}, "out/x.tgz", "x.tgz"),
        ({"x.y.tgz": b"1", "a": b"2"}, "x y.tgz", "x.y.tgz"),
        ({"d/x.y.tgz": b"1", "a": b"2"}, "d/x y.tgz", "d/x.y.tgz"),
        ({"x.tgz": b"2"}, "out/x.tgz", None),
        ({"d/x.tgz": b"1"}, "out/x.tgz", None),
    ],
)
def test_a_file_with_the_listed_digest_is_found_under_another_name(
    files: dict[str, bytes], listed: str, name: str | None, tmp_path: Path
) -> None:
    entries = write(tmp_path, files, {listed: b"1"})
    hint = Hint("other-name", f"is listed with the digest of {name}, which exists")
    assert hints_of(tmp_path, entries) == ({listed: hint} if name else {})


def test_an_empty_file_is_found_only_under_the_same_name(tmp_path: Path) -> None:
    entries = write(tmp_path, {"a": b"", "b": b""}, {"d/a": b"", "d/c": b""})
    assert found(tmp_path, entries) == {"d/a": "other-name"}


@pytest.mark.parametrize("limit", ["MAX_HASHED", "MAX_BYTES", "MAX_LISTED"])
def test_looking_for_another_name_is_limited(
    limit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = write(tmp_path, {"a": b"1", "b": b"2", "c": b"3"}, {"x": b"1", "y": b"2", "z": b"3"})
    monkeypatch.setattr(hints, limit, 2)
    finder = Hints()
    assert len(finder.find(str(tmp_path), checksig.check(tmp_path, entries).failures)) <= 2
    assert set(found(tmp_path, [Entry("x", "blake3", "00" * 32)])) == set()


def test_backslashes_that_were_escaped_on_windows_are_recognized(tmp_path: Path) -> None:
    write(tmp_path, {"dir/a.txt": b"1", "dir/b.txt": b"2"}, {})
    lines = [f"\\{digest(content)} *dir\\\\{name}.txt\n" for name, content in (("a", b"1"), ("c", b"2"))]
    (tmp_path / "SHA256SUMS").write_text("".join(lines))
    report = checksig.check(tmp_path)
    hint = Hint("similar-name", "exists as dir/a.txt (slashes in place of backslashes)")
    assert Hints().find(str(tmp_path), report.failures, report) == {"dir\\a.txt": hint}


@pytest.mark.parametrize(
    ("name", "other", "dropped"),
    [
        ("MD5SUMS", "", True),
        ("MD5SUMS", f"{'0' * 32}  b\n", False),  # update would also accept what b is now
        ("MD5SUMS", "?\n", False),
        ("hashes.txt", "%%%% HASHDEEP-1.0\n%%%% size,md5,filename\n", False),
    ],
)
def test_a_manifest_that_lists_itself_is_recognized(
    name: str, other: str, dropped: bool, tmp_path: Path
) -> None:
    write(tmp_path, {"a": b"1", "b": b"2"}, {})
    entries = [(0, digest(b"", "md5"), name), (1, digest(b"1", "md5"), "a")]
    form = "{0},{1},{2}\n" if "HASHDEEP" in other else "{1}  {2}\n"
    (tmp_path / name).write_text(other + "".join(form.format(*entry) for entry in entries))
    report = checksig.check(tmp_path, tmp_path / name)
    hint = Hints().find(str(tmp_path), report.failures, report)[name]
    said = "is the manifest; no manifest can have its own digest"
    said += "; 'checksig update' drops the line" if dropped else ""
    assert hint == Hint("lists-itself", said)
    if dropped:
        checksig.update(tmp_path)
        assert checksig.check(tmp_path).ok

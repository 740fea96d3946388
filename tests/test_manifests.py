"""read_manifest, find_manifests, and the arguments manifest=, format= and algorithm=."""

from __future__ import annotations

import base64
import bz2
import errno
import hashlib
import http.client
import io
import json
import os
import pickle
import shutil
import socket
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, cast

import pytest
from support import CHILDREN, LOGS, Directory, Python, command, posix, with_state

import checksig
from checksig import Entry, Manifest, Status


def digest(algorithm: str, content: bytes) -> str:
    return hashlib.new(algorithm, content).hexdigest()


def test_entries_are_read_without_a_look_at_the_files(tmp_path: Path) -> None:
    one, two = digest("sha1", b"1"), digest("md5", b"2")
    path = tmp_path / "sums"
    path.write_bytes(f"{one}  ./gone\n# x\nMD5 (a\udcffb) = {two}\n".encode("utf-8", "surrogateescape"))
    expected = [Entry("./gone", "sha1", one), Entry("a\udcffb", "md5", two)]
    assert list(checksig.read_manifest(path)) == expected
    assert list(checksig.read_manifest(os.fsencode(path))) == expected
    assert pickle.loads(pickle.dumps(expected)) == expected


def test_entries_of_a_directory_are_those_of_its_manifests(directory: Directory) -> None:
    root = directory({"a": b"1"})
    (root / "MD5SUMS").write_text(f"{digest('md5', b'1')}  a\n")
    assert [entry.algorithm for entry in checksig.read_manifest(root)] == ["sha1", "md5"]


def test_a_bad_line_comes_behind_the_good_ones(tmp_path: Path) -> None:
    (tmp_path / "sums").write_text(f"{'0' * 40}  a\n?\n{'0' * 40}  b\n")
    entries = checksig.read_manifest(tmp_path / "sums")
    assert [next(entries).path, next(entries).path] == ["a", "b"]
    with pytest.raises(checksig.ManifestError, match="line 2: no hexadecimal digest") as caught:
        next(entries)
    assert (caught.value.line, caught.value.path) == (2, str(tmp_path / "sums"))


# What is written at the top of manifests and between their lines, and what errors leave there.
STRANGE = (
    "Checksums of build 20261126",
    "Release 20261126",
    f"SM3(f)= {'0' * 64}",
    f"SM3 (f) = {'0' * 64}",
    f"SHA256 (f) = {'0' * 20}",
    f"SHA256: {'0' * 64}",
    "0" * 20,
    "-----BEGIN PGP SIGNATURE-----",
    "<html>",
    "name,digest,size",
    "/ x",
)


LABELS = (
    "SHA256: {}",
    "sha256  {}",
    "sha256sum {}",
    "SHA256 checksum:\t{}",
    "Revision: {}",
    "{} (SHA256): f",
    "{} -> f",
    "{} 1234 f",
    "SHA256 = {}",
)


@pytest.mark.parametrize("line", LABELS)
def test_a_label_is_never_the_name_of_a_file(line: str, directory: Directory) -> None:
    root = directory({})
    manifest = root / "CHECKSUMS"
    line = line.format(digest("sha256", b"1"))
    manifest.write_text(f"{line}\n")
    with pytest.raises(checksig.ManifestError, match="line 1: "):
        list(checksig.read_manifest(manifest))
    with pytest.raises(checksig.ManifestError, match="line 1: "):
        checksig.check(root, manifest=manifest)
    run = command("check", "-m", manifest, root, cwd=root)
    assert (run.returncode, "MISSING" in run.stdout) == (2, False)


def test_a_label_is_a_name_if_a_file_is_called_so(directory: Directory) -> None:
    root = directory({"md5": b"1", "checksum:": b"1", "= f": b"1"})
    manifest = root / "CHECKSUMS"
    manifest.write_text("".join(f"{name} {digest('sha256', b'1')}\n" for name in ("md5", "checksum:")))
    assert [entry.path for entry in checksig.read_manifest(manifest)] == ["md5", "checksum:"]
    assert checksig.check(root, manifest=manifest).ok
    manifest.write_text(f"{digest('sha256', b'1')} = f\n")
    assert checksig.check(root, manifest=manifest).ok


@pytest.mark.parametrize(
    ("name", "line"), [("x.sfv", "{0} 9b9f9d9e"), ("registry.txt", "{0} {1}"), ("x", "{0}: {1}")]
)
def test_a_line_that_begins_with_a_number_sign_is_an_entry_if_its_file_exists(
    name: str, line: str, directory: Directory
) -> None:
    root = directory({"#1.mp3": b"1", "b.mp3": b"1"})
    lines = [line.format(file, digest("sha256", b"2")) for file in ("#1.mp3", "b.mp3")]
    (root / name).write_text("# Made by a test\n" + "\n".join(lines) + "\n")
    report = checksig.check(root, manifest=root / name)
    assert [(result.path, result.status) for result in report.failures] == [
        ("#1.mp3", Status.FAILED),
        ("b.mp3", Status.FAILED),
    ]
    assert [entry.path for entry in checksig.read_manifest(root / name)] == ["#1.mp3", "b.mp3"]
    run = command("check", "-m", root / name, root, cwd=root)
    assert (run.returncode, run.stdout.count(".mp3: FAILED")) == (1, 2)


@pytest.mark.parametrize(
    ("name", "algorithm", "length"),
    [
        ("manifest-blake2s.txt", "blake2s", 64),
        ("manifest-ripemd160.txt", "ripemd160", 40),
        ("files-sm3.txt", "sm3", 64),
        ("xxh128sums.txt", "xxh128", 32),
        ("all.whirlpool", "whirlpool", 128),
        ("my_blake2s-256_list", "blake2s256", 64),
    ],
)
def test_no_file_is_hashed_with_another_algorithm_than_the_name_says(
    name: str, algorithm: str, length: int, directory: Directory
) -> None:
    root = directory({"a": b"1"})
    (root / name).write_text(f"{'0' * length}  a\n")
    reason = f"algorithm {algorithm} is not supported"
    with pytest.raises(checksig.ManifestError, match=reason):
        checksig.check(root, manifest=root / name)
    with pytest.raises(checksig.ManifestError, match=reason):
        list(checksig.read_manifest(root / name))
    run = command("check", "-m", root / name, root, cwd=root)
    assert (run.returncode, reason in run.stderr) == (2, True)
    (root / name).write_text(f"# {algorithm} hash\n{'0' * length}  a\n")
    (root / name).rename(root / "list")
    with pytest.raises(
        checksig.ManifestError, match=f'line 2: unknown algorithm "{algorithm}", as line 1 says'
    ):
        checksig.check(root, manifest=root / "list")


def test_headings_say_the_algorithm_of_the_lines_below_them(directory: Directory) -> None:
    root = directory({"a": b"1"})
    lines = [
        f"# {heading}\n{digest(algorithm, b'1')}  a\n"
        for heading, algorithm in (
            ("BLAKE2B HASH", "blake2b"),
            ("SHA512 HASH", "sha512"),
            ("SHA3-512 sums", "sha3_512"),
        )
    ]
    (root / "x.DIGESTS").write_text("".join(lines))
    report = checksig.check(root, manifest=root / "x.DIGESTS")
    assert (report.ok, sorted(report.manifests[0].algorithms)) == (True, ["blake2b", "sha3-512", "sha512"])
    entries = list(checksig.read_manifest(root / "x.DIGESTS"))
    assert [entry.algorithm for entry in entries] == ["blake2b", "sha512", "sha3-512"]
    assert command("check", "-m", root / "x.DIGESTS", root, cwd=root).returncode == 0


@pytest.mark.parametrize("begin", [b"\x7fELF\x02\x01\x01\x00", b"#!/bin/sh\necho 12345678\n"])
def test_programs_called_like_manifests_are_none(begin: bytes, directory: Directory) -> None:
    root = directory({"a": b"1"})
    for name in ("sha256sum", "md5sum", "checksum"):
        (root / name).write_bytes(begin + bytes(1000))
    assert checksig.check(root).ok
    (root / "sha1sum.txt").rename(root / "x.sha1")
    report = checksig.check(root)
    assert (report.ok, report.counts[Status.OK]) == (True, 1)
    assert command("check", root, cwd=root).returncode == 0
    (root / "x.sha1").unlink()
    with pytest.raises(checksig.ManifestError, match="is a program, not a checksum manifest"):
        checksig.check(root)


@pytest.mark.parametrize(
    ("name", "content", "similar"),
    [
        ("published.txt", f"{'0' * 64}  a\n", True),
        ("tool_hashes.txt", f"sha256   {'0' * 64}\n", True),
        ("all.md4", f"{'0' * 32}  a\n", True),
        ("x_1.dsc", f"Source: x\nFiles:\n {'0' * 32} 6 a\n", True),
        ("readme.txt", "This is a text.\n", False),
        ("tiger.txt", "This is a text.\n", False),
        ("sha256.zip", f"{'0' * 64}  a\n", False),
    ],
)
def test_with_no_manifest_the_error_names_a_file_that_may_be_one(
    name: str, content: str, similar: bool, tmp_path: Path
) -> None:
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / name).write_text(content)
    with pytest.raises(checksig.ManifestNotFoundError) as caught:
        checksig.check(tmp_path)
    assert (f'but "{name}" may be one' in str(caught.value)) is similar
    run = command("check", tmp_path, cwd=tmp_path)
    assert (run.returncode, f'but "{name}" may be one' in run.stderr) == (2, similar)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_note_says_how_many_lines_were_passed_over(count: int, directory: Directory) -> None:
    root = directory({"a.py": b"1"})
    encoded = base64.urlsafe_b64encode(hashlib.sha256(b"1").digest()).rstrip(b"=").decode()
    lines = [f"a.py,sha256={encoded},1", *[f"__pycache__/{n}.pyc,," for n in range(count)]]
    (root / "RECORD").write_text("\n".join(lines) + "\n")
    notes = {
        0: (),
        1: ("1 line without a digest was passed over",),
        2: ("2 lines without a digest were passed over",),
    }
    report = checksig.check(root, manifest=root / "RECORD")
    assert (report.ok, report.manifests[0].notes) == (True, notes[count])
    run = command("check", "-m", root / "RECORD", root, cwd=root)
    assert (run.returncode, "passed over" in run.stdout) == (0, count > 0)


@pytest.mark.parametrize("place", ["first", "second", "last"])
@pytest.mark.parametrize("format", ["gnu", "tag", "pooch", "record", "hashdeep"])
def test_a_strange_line_at_any_place_is_one_bad_line(format: str, place: str, tmp_path: Path) -> None:
    sums = {name: hashlib.sha256(name.encode()) for name in ("a", "b", "c")}
    for name in sums:
        (tmp_path / name).write_text(name)
    lines = {
        "gnu": [f"{s.hexdigest()}  {n}" for n, s in sums.items()],
        "tag": [f"SHA256 ({n}) = {s.hexdigest()}" for n, s in sums.items()],
        "pooch": [f"{n} sha256:{s.hexdigest()}" for n, s in sums.items()],
        "record": [
            f"{n},sha256={base64.urlsafe_b64encode(s.digest()).decode().rstrip('=')},1"
            for n, s in sums.items()
        ],
        "hashdeep": [
            "%%%% HASHDEEP-1.0",
            "%%%% size,sha256,filename",
            *(f"1,{s.hexdigest()},{n}" for n, s in sums.items()),
        ],
    }[format]
    at = {"first": 0, "second": 1, "last": len(lines)}[place]
    for strange in STRANGE:
        text = "\n".join([*lines[:at], strange, *lines[at:], ""])
        (tmp_path / "CHECKSUMS").write_text(text)
        report = checksig.check(tmp_path)
        assert (report.counts[Status.OK], report.bad, report.bad_line_count) == (3, 0, 1), strange
        assert [line.line for line in report.bad_lines] == [at + 1], strange
        assert not report.ok


def make_huge(path: Path) -> None:
    path.touch()
    os.truncate(path, (1 << 30) + 1)


UNUSABLE: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (Path.touch, "lists no files"),
    "no valid line": (
        lambda path: path.write_text("?\n"),
        "line 1: no hexadecimal digest (no line of this manifest is valid)",
    ),
    "JSON": (lambda path: path.write_text("{}\n"), "looks like JSON, not a checksum manifest"),
    "UTF-16": (
        lambda path: path.write_bytes(b"\xff\xfe0"),
        "is UTF-16 but ends in the middle of a character",
    ),
    "too large": (make_huge, "manifest is larger than 1 GiB"),
}
if sys.platform != "win32":
    UNUSABLE |= {
        "dangling": (lambda path: path.symlink_to("gone"), "is a dangling symlink"),
        "outside": (lambda path: path.symlink_to("/etc/passwd"), "symlink out of the directory"),
    }


@pytest.mark.parametrize("kind", UNUSABLE)
def test_an_unusable_manifest_keeps_no_other_from_being_verified(kind: str, directory: Directory) -> None:
    make, reason = UNUSABLE[kind]
    root = directory({"a": b"1", "b": b"2"})
    path = f"{root}/SHA256SUMS"
    make(Path(path))
    report = checksig.check(root, extra="fail")
    assert (report.ok, report.counts[Status.OK], report.bad, report.bad_line_count) == (False, 2, 0, 1)
    assert report.bad_lines == (checksig.BadLine(path, None, reason),)
    assert [(manifest.path, manifest.entries) for manifest in report.manifests] == [
        (f"{root}/sha1sum.txt", 2),
        (path, 0),
    ]
    assert report.message == f'"{path}" - {reason}'
    assert reason in str(report)
    with pytest.raises(checksig.VerificationError, match="SHA256SUMS"):
        checksig.check_signatures(root)
    *good, last = checksig.iter_check(root)
    assert [result.status for result in good] == [Status.OK, Status.OK]
    assert (last.path, last.status, last.reason, last.bad) == (path, Status.ERROR, reason, True)

    entries = checksig.read_manifest(root)
    assert [next(entries).path, next(entries).path] == ["a", "b"]
    with pytest.raises(checksig.ManifestError, match="SHA256SUMS") as caught:
        next(entries)
    assert (caught.value.path, caught.value.line, caught.value.reason) == (path, None, reason)

    done = command("check", ".", cwd=root)
    assert done.stdout.startswith("2 files OK, but 1 bad line")
    assert (done.returncode, done.stderr) == (2, f"checksig: SHA256SUMS: {reason}\n")
    summary = json.loads(command("check", "--json", ".", cwd=root).stdout.splitlines()[-1])
    assert (summary["ok"], summary["bad_line_count"]) == (False, 1)
    assert summary["bad_lines"] == [{"path": "./SHA256SUMS", "line": None, "reason": reason}]
    done = command("show", ".", cwd=root)
    assert done.returncode == 2
    assert "0 entries · SHA256SUMS" in done.stdout + done.stderr
    (root / "b").write_bytes(b"3")
    done = command("check", ".", cwd=root)
    assert (done.returncode, "b: FAILED" in done.stdout, reason in done.stderr) == (1, True, True)


@pytest.mark.parametrize("kind", UNUSABLE)
def test_a_manifest_that_is_unusable_is_an_error_if_it_is_named_or_alone(
    kind: str, directory: Directory, tmp_path: Path
) -> None:
    make, _ = UNUSABLE[kind]
    root = directory({"a": b"1"})
    make(root / "SHA256SUMS")
    (tmp_path / "alone").mkdir()
    make(tmp_path / "alone" / "MD5SUMS")
    with pytest.raises((checksig.ManifestError, FileNotFoundError)):
        checksig.check(root, root / "SHA256SUMS")
    with pytest.raises(checksig.ManifestError):
        checksig.check(tmp_path / "alone")


@posix
def test_a_fifo_with_the_name_of_a_manifest_is_an_error_only_if_there_is_no_other(
    directory: Directory, tmp_path: Path
) -> None:
    root = directory({"a": b"1"})
    os.mkfifo(root / "SHA256SUMS")
    report = checksig.check(root)
    assert report.ok
    assert report.manifests[1].notes == ('"SHA256SUMS" is not a manifest: is a FIFO',)
    assert [extra.path for extra in checksig.check(root, extra="report").extra] == ["SHA256SUMS"]
    os.mkfifo(tmp_path / "SHA256SUMS")
    with pytest.raises(checksig.ManifestError, match="is a FIFO"):
        checksig.check(tmp_path)


def test_update_and_diff_want_one_of_several_manifests_named(directory: Directory) -> None:
    root = directory({"a": b"1"})
    (root / "SHA256SUMS").touch()
    assert checksig.find_manifests(root) == [f"{root}/sha1sum.txt", f"{root}/SHA256SUMS"]
    for function in (checksig.update, checksig.diff):
        with pytest.raises(ValueError, match="several manifests"):
            function(root)
        with pytest.raises(checksig.ManifestError, match="lists no files"):
            function(root, root / "SHA256SUMS")
    assert checksig.diff(root, root / "sha1sum.txt").added == ("SHA256SUMS",)
    assert checksig.update(root, root / "sha1sum.txt").added == ("SHA256SUMS",)
    assert not checksig.diff(root)  # it is listed, and no line of it is an entry


def test_a_directory_is_never_a_manifest(directory: Directory) -> None:
    root = directory({"a": b"1"})
    for name in ("sha512sums", "MD5SUMS", "x.md5"):
        (root / name).mkdir()
        (root / name / "b").touch()
    assert checksig.find_manifests(root) == [f"{root}/sha1sum.txt"]
    assert checksig.check(root).ok
    assert checksig.diff(root).added == ("MD5SUMS/b", "sha512sums/b", "x.md5/b")
    (root / "sha1sum.txt").unlink()
    for function in (checksig.check, checksig.find_manifests, checksig.update, checksig.diff):
        with pytest.raises(checksig.ManifestNotFoundError):
            function(root)
    assert checksig.create(root).entries == 4
    assert checksig.check(root, extra="fail").counts[Status.OK] == 4


def test_a_file_that_only_ends_like_a_manifest_is_noted(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "list.md5").write_text(f"{digest('md5', b'1')}  a\n")
    (tmp_path / "notes.md5").write_text("Taken in May\n")
    (tmp_path / "._list.md5").write_bytes(b"\0\5\26\7")
    report = checksig.check(tmp_path)
    assert report.ok
    assert report.manifests[1].notes == ('"notes.md5" has no valid line',)
    assert len(report.manifests) == 2
    assert '"notes.md5" has no valid line' in report.summary()
    extra = checksig.check(tmp_path, extra="report").extra
    assert [result.path for result in extra] == ["._list.md5", "notes.md5"]
    (tmp_path / "list.md5").unlink()
    with pytest.raises(checksig.ManifestError, match="no hexadecimal digest"):
        checksig.check(tmp_path)


def test_what_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(checksig.read_manifest(tmp_path / "gone"))
    with pytest.raises(checksig.ManifestNotFoundError):
        list(checksig.read_manifest(tmp_path))
    with pytest.raises(checksig.ManifestNotFoundError):
        checksig.find_manifests(tmp_path)
    with pytest.raises(FileNotFoundError):
        checksig.find_manifests(tmp_path / "gone")
    for path in ("", "a\0b"):
        with pytest.raises(ValueError, match="path"):
            list(checksig.read_manifest(path))


@posix
def test_a_manifest_that_is_a_fifo_is_an_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(checksig.ManifestError, match="is a FIFO"):
        list(checksig.read_manifest(tmp_path / "fifo"))


def test_the_manifests_of_a_directory_are_found_in_order(directory: Directory) -> None:
    root = directory({"a": b"1"})
    for name in ("SHA256SUMS", "b.md5", "checksums.txt"):
        (root / name).touch()
    names = ["sha1sum.txt", "SHA256SUMS", "checksums.txt"]
    assert checksig.find_manifests(root) == [f"{root}/{name}" for name in names]


def test_they_are_found_among_many_files_too(directory: Directory) -> None:
    root = directory({str(number): b"" for number in range(3000)})
    (root / "SHA512SUMS").mkdir()
    assert checksig.find_manifests(root) == [f"{root}/sha1sum.txt"]
    # Two files, or where case tells no names apart the same.
    (root / "SHA1SUM.txt").write_bytes((root / "sha1sum.txt").read_bytes())
    there = {name for name in os.listdir(root) if name.lower() == "sha1sum.txt"}
    assert {os.path.basename(path) for path in checksig.find_manifests(root)} == there
    for name in there - {"sha1sum.txt"}:
        (root / name).unlink()
    (root / "sha1sum.txt").rename(root / "all.sha1")
    assert checksig.find_manifests(root) == [f"{root}/all.sha1"]
    assert checksig.check(root).files == 3000


def test_the_report_tells_how_each_manifest_was_read(directory: Directory) -> None:
    root = directory({"a": b"1"})
    armour = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{}-----BEGIN PGP SIGNATURE-----\n\nx\n"
    body = f"SHA256 (a) = {digest('sha256', b'1')}\nMD5 (a) = {digest('md5', b'1')}\n"
    (root / "CHECKSUM").write_text(armour.format(body) + "-----END PGP SIGNATURE-----\n")
    report = checksig.check(root)
    assert report.ok
    assert report.manifests == (
        with_state(Manifest(f"{root}/sha1sum.txt", "gnu", ("sha1",), 1)),
        with_state(Manifest(f"{root}/CHECKSUM", "tag", ("sha256", "md5"), 2, ("signature not checked",))),
    )
    assert str(report).endswith("/sha1sum.txt · " + f"{root}/CHECKSUM · signature not checked")


def test_the_fault_of_a_whole_manifest_has_no_line(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a").write_bytes(b"1")
    checksig.create(tmp_path, format="bagit")
    (tmp_path / "tagmanifest-sha256.txt").unlink()
    (tmp_path / "manifest-md5.txt").touch()
    (line,) = checksig.check(tmp_path).bad_lines
    reason = 'does not list "data/a", but another payload manifest does'
    assert line == checksig.BadLine(f"{tmp_path}/manifest-md5.txt", None, reason)
    assert str(line) == reason


def test_a_manifest_may_lie_elsewhere(
    directory: Directory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = directory({"a": b"1"})
    (root / "sha1sum.txt").rename(tmp_path / "list.txt")
    monkeypatch.chdir(tmp_path)
    for manifest in ("list.txt", b"list.txt", tmp_path / "list.txt"):
        report = checksig.check("directory", manifest)
        assert report.ok
        assert report.manifests[0].path == os.fsdecode(manifest)
        assert [result.path for result in checksig.iter_check(root, manifest)] == ["a"]
    with pytest.raises(FileNotFoundError):
        checksig.check(root, "gone.txt")
    with pytest.raises(checksig.ManifestError, match="is a directory"):
        checksig.check(root, tmp_path)


def test_a_given_manifest_in_the_directory_is_no_extra_file(directory: Directory) -> None:
    root = directory({"a": b"1"})
    (root / "sha1sum.txt").rename(root / "list")
    assert checksig.check(root, root / "list", extra="fail").ok
    assert checksig.check(root, root / "." / "list", extra="fail").ok


def test_entries_may_stand_for_a_manifest(directory: Directory) -> None:
    root = directory({"a": b"1"})
    odd = "\u00ff" if sys.platform == "win32" else "\udcff\n"
    (root / odd).write_bytes(b"2")
    entries = list(checksig.read_manifest(root))
    entries.append(Entry(odd, "sha1", digest("sha1", b"2").upper()))
    entries.append(Entry("a", "sha3-256", digest("sha3_256", b"1"), 1))
    report = checksig.check(root, iter(entries))
    assert report.ok
    assert report.files == 2
    (read,) = report.manifests
    assert replace(read, digest=None) == Manifest("the given entries", "list", ("sha1", "sha3-256"), 3)
    checksig.check_signatures(root, entries)
    wrong = checksig.check(root, [Entry("a", "sha1", digest("sha1", b"1"), 2), Entry("b", "md5", "0" * 32)])
    assert [(f.path, f.status, f.reason) for f in wrong.failures] == [
        ("a", Status.FAILED, "size is 1 bytes, listed as 2"),
        ("b", Status.MISSING, "missing"),
    ]


def test_wrong_entries_are_errors() -> None:
    good = "0" * 40
    for entry, reason in (
        (Entry("a", "ck", good), "unknown algorithm"),
        (Entry("a", "sha1", good + "0"), "digest"),
        (Entry("a", "sha1", "x" * 40), "digest"),
        (Entry("a", "sha1", good, -2), "size"),
    ):
        with pytest.raises(checksig.ManifestError, match=reason):
            checksig.check(LOGS, [entry])
    for entry in (Entry("b", "sha1", f"{good} ./"), Entry("b", "sha1 -1", good), Entry("b", "sha1", "")):
        with pytest.raises((ValueError, checksig.ManifestError), match=r"blanks|digest"):
            checksig.check(LOGS, [entry])
    for entry in (Entry("", "sha1", good), Entry("a\0b", "sha1", good)):
        with pytest.raises(ValueError, match="path of an entry"):
            checksig.check(LOGS, [entry])
    with pytest.raises(ValueError, match="at least one entry"):
        checksig.check(LOGS, [])
    for value in (["a"], 3):
        with pytest.raises(TypeError):
            checksig.check(LOGS, value)  # type: ignore[arg-type, call-overload, unused-ignore]


def test_a_word_that_is_no_format_or_algorithm_is_a_value_error() -> None:
    with pytest.raises(ValueError, match=r'unknown format "csv" \(known: gnu, '):
        checksig.check(LOGS, format="csv")
    with pytest.raises(ValueError, match=r'unknown algorithm "SHA1" \(known: sha512, '):
        list(checksig.read_manifest(LOGS, algorithm="SHA1"))
    with pytest.raises(TypeError, match="format must be a str, not"):
        checksig.check(LOGS, format=b"gnu")  # type: ignore[arg-type]


def record_problems(record: Path) -> list[str]:
    """Verify what a RECORD lists, against its site-packages."""
    report = checksig.check(record.parent.parent, record, format="record")
    assert not report.bad_lines, report.bad_lines
    return [f"{failure.path}: {failure.reason}" for failure in report.failures]


def test_the_wheels_of_this_environment_are_as_they_were_installed() -> None:
    """Scripts lie outside site-packages; csv, hashlib and base64 read the same."""
    import csv

    records = sorted(Path(sysconfig.get_path("purelib")).glob("*.dist-info/RECORD"))
    assert len(records) > 10
    for record in records:
        with record.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.reader(file) if row[1]]
        outside = [row[0] for row in rows if row[0].startswith("../")]
        assert record_problems(record) == [f"{name}: .. in the path" for name in outside]
        entries = list(checksig.read_manifest(record))
        for row, entry in zip(rows, entries, strict=True):
            raw = base64.urlsafe_b64decode(row[1].partition("=")[2] + "==")
            assert (entry.path, entry.digest, str(entry.size)) == (row[0], raw.hex(), row[2])


@pytest.mark.skipif(not Path("/var/lib/dpkg/info").is_dir(), reason="no dpkg here")
def test_the_lists_of_dpkg_are_read() -> None:
    lists = [path for path in Path("/var/lib/dpkg/info").glob("*.md5sums") if path.stat().st_size]
    assert lists
    for path in lists[:50]:
        lines = path.read_bytes().splitlines()
        entries = list(checksig.read_manifest(path))
        assert [f"{e.digest}  {e.path}".encode("utf-8", "surrogateescape") for e in entries] == lines
        assert {e.algorithm for e in entries} == {"md5"}
    report = checksig.check("/", next(p for p in lists if p.name.startswith("coreutils")))
    assert report.counts[Status.OK] > 0


# A command that writes a manifest of the files that it is given, and the name of that.
TOOLS = {
    "sha512sum": (["sha512sum", "--"], "list"),
    "sha256sum --tag": (["sha256sum", "--tag", "--"], "list"),
    "sha1sum -z": (["sha1sum", "-z", "--"], "list.sha1"),
    "md5sum -b": (["md5sum", "-b", "--"], "list"),
    "cksum -a sha224": (["cksum", "-a", "sha224", "--"], "list"),
    "b2sum": (["b2sum", "--"], "B2SUMS"),
    "b2sum -l 256 --untagged": (["b2sum", "-l", "256", "--"], "B2SUMS"),
    "b2sum -l 200": (["b2sum", "-l", "200", "--"], "B2SUMS"),
    "b2sum -l 8 --tag": (["b2sum", "-l", "8", "--tag", "--"], "list"),
    "gpg --print-md": (
        ["gpg", "--no-options", "--no-keyring", "--homedir", ".", "--print-md", "SHA512"],
        "SHA512SUMS",
    ),
    "gpg --print-md md5": (
        ["gpg", "--no-options", "--no-keyring", "--homedir", ".", "--print-md", "MD5"],
        "MD5SUMS",
    ),
    "sum": (["sum", "--"], "CHECKSUMS"),
    "sum -s": (["sum", "-s", "--"], "CHECKSUMS"),
    "cksum": (["cksum", "--"], "CHECKSUMS"),
    "b2sum -l 256": (["b2sum", "-l", "256", "--tag", "--"], "list"),
    "b3sum": (["b3sum", "--"], "B3SUMS"),
    "openssl dgst": (["openssl", "dgst", "-sha3-256"], "list"),
    "openssl dgst -r": (["openssl", "dgst", "-sha384", "-r"], "list"),
    "rhash --bsd": (["rhash", "--bsd", "--md5", "--sha256", "--crc32"], "list"),
    "rhash --sfv": (["rhash", "--sfv"], "list.sfv"),
    "hashdeep": (["hashdeep", "-l", "-c", "md5,sha1,sha256"], "list"),
}


@pytest.mark.parametrize("tool", TOOLS)
def test_what_other_tools_write_is_read(tool: str, tmp_path: Path) -> None:
    command, name = TOOLS[tool]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not there")
    if command[0] in ("b2sum", "b3sum"):
        pytest.skip("this build is without BLAKE") if "blake3" not in checksig.get_algorithms() else None
    contents = {"a": b"1", "b c": b"", "d(e) = f": bytes(300_000), "ä": b"x", "*g": b"y"}
    if "openssl" in tool or "rhash" in tool:
        del contents["d(e) = f"]  # what they write for it is ambiguous, or differs by version
    for file, content in contents.items():
        (tmp_path / file).write_bytes(content)
    done = subprocess.run([*command, *contents], cwd=tmp_path, capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"{tool} does not work here: {done.stderr[:80]!r}")
    (tmp_path / name).write_bytes(done.stdout)
    report = checksig.check(tmp_path, tmp_path / name)
    assert report.ok, (report, done.stdout)
    assert report.files == len(contents)
    (tmp_path / "a").write_bytes(b"2")
    assert [f.path.removeprefix("./") for f in checksig.check(tmp_path, tmp_path / name).failures] == ["a"]


@pytest.mark.skipif("blake3" not in checksig.get_algorithms(), reason="this build is without BLAKE")
@pytest.mark.parametrize("length", [0, 1, 64, 1023, 1024, 1025, 131_072, 131_073, 300_000])
def test_blake2b_is_hashlibs_and_blake3_that_of_its_authors(length: int, tmp_path: Path) -> None:
    """The BLAKE3 test vectors have inputs of the bytes 0 to 250, again and again."""
    content = bytes(number % 251 for number in range(length))
    (tmp_path / "f").write_bytes(content)
    entries = [
        Entry(
            "f",
            "blake2b" if size == 64 else f"blake2b-{8 * size}",
            hashlib.blake2b(content, digest_size=size).hexdigest(),
        )
        for size in (64, 48, 32, 28, 20, 16)
    ]
    vectors = {
        0: "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
        1: "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
        1024: "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7",
    }
    if length in vectors:
        entries.append(Entry("f", "blake3", vectors[length]))
    assert checksig.check(tmp_path, entries).ok
    wrong = [Entry("f", entry.algorithm, "0" * len(entry.digest)) for entry in entries]
    assert checksig.check(tmp_path, wrong).failures[0].reason == "mismatch"


def test_a_manifest_of_a_million_lines_is_read_in_seconds(tmp_path: Path) -> None:
    with (tmp_path / "list").open("w") as file:
        file.writelines(
            f"SHA256 (some/directory/file-{number:07}) = {'0' * 64}\n" for number in range(1_000_000)
        )
    assert sum(1 for _ in checksig.read_manifest(tmp_path / "list")) == 1_000_000


def test_dropping_entries_ends_their_job(tmp_path: Path, python: Python) -> None:
    with (tmp_path / "list").open("w") as file:
        file.writelines(f"{'0' * 40}  {number}\n" for number in range(100_000))
    code = (
        CHILDREN
        + """
import sys, time, checksig
entries = checksig.read_manifest(sys.argv[1])
print(next(entries).path, len(children()))
del entries
end = time.monotonic() + 5
while time.monotonic() < end and children():
    time.sleep(0.01)
print(children())
"""
    )
    done = python(code, tmp_path / "list", engine="helper")
    assert done.stdout == "0 1\n[]\n", done.stderr


def test_a_manifest_may_be_an_open_file(directory: Directory) -> None:
    root = directory({"a": b"1"})
    with (root / "sha1sum.txt").open("rb") as file:
        report = checksig.check(root, file)
    assert report.ok
    content = (root / "sha1sum.txt").read_bytes()
    known = digest("sha256", content)
    assert report.manifests == (Manifest(str(root / "sha1sum.txt"), "gnu", ("sha1",), 1, digest=known),)
    entries = checksig.read_manifest(io.BytesIO(content))
    assert [entry.path for entry in entries] == ["a"]
    assert entries.manifests == [Manifest("the given manifest", "gnu", ("sha1",), 1, digest=known)]


def test_the_name_of_an_open_file_tells_as_much_as_that_of_a_path(directory: Directory) -> None:
    root = directory({"a": b"1"})
    for name, ok in (("x.sha1", True), ("x.sha256", False)):
        file = io.BytesIO((root / "sha1sum.txt").read_bytes())
        file.name = name
        if ok:
            checksig.check_signatures(root, file)
        else:
            with pytest.raises(checksig.ManifestError, match=r'"x\.sha256" - line 1: digest has 40'):
                checksig.check_signatures(root, file)


def test_a_manifest_may_come_through_a_pipe(directory: Directory) -> None:
    root = directory({"a": b"1"})
    code = "import sys, checksig; checksig.check_signatures(sys.argv[1], sys.stdin.buffer)"
    for text, error in ((digest("sha1", b"1") + "  a", ""), ("", '"<stdin>" - lists no files')):
        command = [sys.executable, "-c", code, str(root)]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        assert done.stderr.endswith(error + "\n" if error else "")


def test_an_open_file_must_be_binary(directory: Directory) -> None:
    root = directory({"a": b"1"})
    with pytest.raises(TypeError, match="binary file"):
        checksig.check(root, io.StringIO("x"))  # type: ignore[arg-type]


def test_a_text_file_without_text_must_be_binary_too(directory: Directory) -> None:
    with pytest.raises(TypeError, match="binary file"):
        checksig.check(directory({"a": b"1"}), io.StringIO())  # type: ignore[arg-type]


def lines_in_pieces(lines: list[bytes], pause: float = 0.3) -> int:
    """Return a pipe with O_NONBLOCK that gets each line after a pause."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)

    def write() -> None:
        with open(writer, "wb", buffering=0) as pipe:
            for line in lines:
                time.sleep(pause)
                pipe.write(line)
            time.sleep(pause)

    threading.Thread(target=write, daemon=True).start()
    return reader


@posix
@pytest.mark.parametrize("buffering", [0, -1])
def test_a_file_with_o_nonblock_is_read_to_its_end(directory: Directory, buffering: int) -> None:
    root = directory({"a": b"1", "b": b"2"})
    (root / "b").write_bytes(b"x")
    lines = (root / "sha1sum.txt").read_bytes().splitlines(keepends=True)
    with open(lines_in_pieces(lines), "rb", buffering=buffering) as file:
        assert [failure.path for failure in checksig.check(root, file).failures] == ["b"]
    with open(lines_in_pieces(lines), "rb", buffering=buffering) as file:
        entries = checksig.read_manifest(file)
        assert [entry.path for entry in entries] == ["a", "b"]


@posix
def test_a_socket_without_blocking_is_read_to_its_end(directory: Directory) -> None:
    root = directory({"a": b"1", "b": b"2"})
    ours, theirs = socket.socketpair()
    ours.setblocking(False)

    def write() -> None:
        with theirs:
            for line in (root / "sha1sum.txt").read_bytes().splitlines(keepends=True):
                time.sleep(0.2)
                theirs.sendall(line)

    threading.Thread(target=write, daemon=True).start()
    with ours, ours.makefile("rb") as file:
        assert checksig.check(root, file).files == 2


class InPieces(io.RawIOBase):
    """A file that returns few bytes at a time, and None after some of them."""

    def __init__(self, pieces: list[bytes | None]) -> None:
        self._pieces = pieces

    def read(self, size: int = -1) -> bytes | None:
        return self._pieces.pop(0) if self._pieces else b""


def test_a_file_that_returns_few_bytes_at_a_time_is_read_to_its_end(directory: Directory) -> None:
    root = directory({"a": b"1", "b": b"2"})
    content = (root / "sha1sum.txt").read_bytes()
    pieces: list[bytes | None] = [bytes([byte]) for byte in content]
    assert checksig.check(root, cast(BinaryIO, InPieces(pieces))).files == 2
    (root / "packed").write_bytes(bz2.compress(content[:50]) + bz2.compress(content[50:]))
    with bz2.open(root / "packed") as file:
        assert checksig.check(root, cast(BinaryIO, file)).files == 2


@pytest.mark.parametrize("missing", [0, 30])
def test_an_http_response_that_ends_early_is_an_error(directory: Directory, missing: int) -> None:
    root = directory({"a": b"1", "b": b"2"})
    content = (root / "sha1sum.txt").read_bytes()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sent = content[: len(content) - missing]
        theirs.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + sent)
        theirs.shutdown(socket.SHUT_WR)
        response = http.client.HTTPResponse(ours)
        response.begin()
        if not missing:
            assert checksig.check(root, cast(BinaryIO, response)).files == 2
            return
        with pytest.raises(OSError, match="ended 30 bytes too early"):
            checksig.check(root, cast(BinaryIO, response))


@pytest.mark.parametrize("start", [0, 1])
def test_a_file_that_has_no_data_yet_and_cannot_be_waited_for_is_an_error(
    directory: Directory, start: int
) -> None:
    root = directory({"a": b"1", "b": b"2"})
    lines = (root / "sha1sum.txt").read_bytes().splitlines(keepends=True)
    for function in (lambda file: checksig.check(root, file), checksig.read_manifest):
        file = InPieces([*lines[:start], None, *lines[start:]])
        with pytest.raises(BlockingIOError, match="no data yet, and the file has no descriptor") as caught:
            function(cast(BinaryIO, file))
        assert caught.value.errno == errno.EAGAIN


class Endless(io.BytesIO):
    """A file without an end, which counts the bytes that were read."""

    name = "endless"
    count = 0

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None
        assert size > 0
        self.count += size
        return bytes(size)


def test_an_open_file_that_is_too_large_is_not_read_to_its_end(directory: Directory) -> None:
    root, endless = directory({"a": b"1"}), Endless()
    with pytest.raises(checksig.ManifestError, match='"endless" - manifest is larger than 1 GiB'):
        checksig.check(root, endless)
    assert endless.count <= (1 << 30) + (1 << 20)


def test_entries_tell_at_the_end_how_they_were_read(tmp_path: Path) -> None:
    (tmp_path / "sums").write_text(f"{'0' * 40}  a\n" + "?\n" * 30)
    entries = checksig.read_manifest(tmp_path / "sums")
    with pytest.raises(checksig.ManifestError):
        list(entries)
    assert entries.manifests == [with_state(Manifest(str(tmp_path / "sums"), "gnu", ("sha1",), 1))]
    assert (len(entries.bad_lines), entries.bad_line_count) == (20, 30)

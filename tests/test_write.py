"""create, update and diff; files that are replaced atomically."""

from __future__ import annotations

import errno
import functools
import hashlib
import os
import random
import shutil
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from support import Python, environment, posix

import checksig
from checksig import Changes, Manifest, _engine, _files
from checksig._wire import FIND_FILES
from checksig._write import get_writable_algorithms


def plant(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


FILES = {"b": b"2", "a": b"1", "d/c": b"3", "d.e": b"", "B\\n": b"4", "new\nline": b"5", "\udcff": b"6"}
FILES |= {"\U0001f600": b"7"}  # its bytes come before \xff, its code point comes after \udcff
PLAIN = {"ä b": b"1", "d/c": b"2", "D.e": b""}

# It calls what Python 3.13 and 3.14 deprecate.
of_bagit_python = pytest.mark.filterwarnings("ignore::DeprecationWarning:bagit")


class Fspath:
    """A path-like object that returns what it was given, whatever that is."""

    def __init__(self, path: object) -> None:
        self.path = path

    def __fspath__(self) -> Any:
        return self.path


NO_PATHS: list[Any] = ["", b"", Fspath(""), Fspath(b""), "a\0b", b"a\0b", Fspath("\0")]
NO_PATHS += [5, 2.5, True, ["."], Fspath(5)]
NO_PATTERNS: list[Any] = ["*.csv", b"*.csv", None, 5, [b"*.csv"], ["a", 5]]
NO_OPTIONS: list[dict[str, Any]] = [{"workers": workers} for workers in (0, -1, 1 << 31, 2.5, "2")]
NO_OPTIONS += [{what: patterns} for what in ("include", "exclude") for patterns in NO_PATTERNS]
NO_OPTIONS += [{"progress": 5}, {"progress": "bar"}, {"progress": []}]
NO_CREATE: list[dict[str, Any]] = [
    *({"algorithm": algorithm} for algorithm in ("", "sha0", "git-sha1", "\0", "crc32", 5, b"md5", ["md5"])),
    *({"format": format} for format in ("", "csv", "\0", None, 5, ["gnu"])),
    {"format": "bagit", "manifest": "list"},
]


CALLS: list[Any] = [
    checksig.create,
    functools.partial(checksig.create, overwrite=True),
    functools.partial(checksig.create, format="bagit"),
    checksig.update,
    checksig.diff,
]


@pytest.mark.parametrize("call", CALLS)
def test_arguments_are_checked_before_anything_is_looked_at(
    call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(tmp_path, {"data/a": b"1", "SHA256SUMS": b"", f".checksig-{'0' * 16}.tmp": b"of a killed run"})
    monkeypatch.chdir(tmp_path)
    before = sorted(os.listdir())
    paths = [{"path": no} for no in NO_PATHS] + [{"path": ".", "manifest": no} for no in NO_PATHS]
    options = NO_OPTIONS + (NO_CREATE if call is checksig.create else [])
    for option in [*paths, *({"path": "gone", **option} for option in options)]:
        with pytest.raises((ValueError, TypeError)) as caught:
            call(**option)
        assert type(caught.value) in (ValueError, TypeError), option
        assert sorted(os.listdir()) == before, option
    assert not (tmp_path / "SHA256SUMS").read_bytes()


@pytest.mark.parametrize("what", ["directory", "manifest"])
def test_an_empty_path_is_named_in_the_error(what: str) -> None:
    paths = {"path": ".", ("path" if what == "directory" else what): ""}
    calls: list[Any] = [checksig.create, checksig.update, checksig.diff]
    for call in calls:
        with pytest.raises(ValueError, match=f"^the path of the {what} is empty$"):
            call(**paths)


def test_patterns_may_come_from_an_iterator(tmp_path: Path) -> None:
    plant(tmp_path, {"a.csv": b"1", "d/b": b"2", "c": b"3"})
    patterns: Any = (pattern for pattern in ("*.csv", "d/*"))
    assert checksig.create(tmp_path, include=patterns).entries == 2


def test_a_manifest_of_plain_names_is_the_same_everywhere(tmp_path: Path) -> None:
    checksig.create(plant(tmp_path, PLAIN))
    lines = [f"{hashlib.sha256(PLAIN[name]).hexdigest()}  {name}\n" for name in ("D.e", "d/c", "ä b")]
    assert (tmp_path / "SHA256SUMS").read_bytes() == "".join(lines).encode()
    checksig.check_signatures(tmp_path, extra="fail")


@posix
@pytest.mark.parametrize("call", [checksig.create, checksig.update, checksig.diff])
def test_directories_are_listed_by_no_more_workers_than_asked_for(
    call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_bytes(b"a")
    if call is not checksig.create:
        checksig.create(tmp_path)
    asked = []

    def make_request(*arguments: Any, **options: Any) -> Any:
        asked.append((options.get("flags", 0), options.get("workers")))
        return _engine.make_request(*arguments, **options)

    monkeypatch.setattr(_files, "make_request", make_request)
    call(tmp_path, workers=3)
    assert [workers for flags, workers in asked if flags & FIND_FILES] == [3]


def test_a_manifest_lists_every_file_by_bytes_and_verifies(tmp_path: Path) -> None:
    plant(tmp_path, FILES)
    written = checksig.create(tmp_path)
    target = tmp_path / "SHA256SUMS"
    assert written == Manifest(str(target), "gnu", ("sha256",), len(FILES))
    entries = list(checksig.read_manifest(target))
    assert [e.path for e in entries] == sorted(FILES, key=os.fsencode)
    assert all(e.digest == hashlib.sha256(FILES[e.path]).hexdigest() for e in entries)
    checksig.check_signatures(tmp_path, extra="fail")
    lines = target.read_bytes().splitlines()
    assert lines[0] == b"\\" + hashlib.sha256(b"4").hexdigest().encode() + b"  B\\\\n"
    assert sorted(os.listdir(tmp_path)) == sorted([*{n.split("/")[0] for n in FILES}, "SHA256SUMS"])


def test_sha256sum_verifies_what_is_written_and_writes_the_same(tmp_path: Path) -> None:
    tool = shutil.which("sha256sum")
    if tool is None:
        pytest.skip("no sha256sum")
    plant(tmp_path, FILES)
    for format, option in (("gnu", []), ("tag", ["--tag"])):
        checksig.create(tmp_path, format=format, overwrite=True)  # type: ignore[arg-type]
        done = subprocess.run([tool, "-c", "SHA256SUMS"], cwd=tmp_path, capture_output=True, check=False)
        assert done.returncode == 0, done
        names = [os.fsencode(name) for name in sorted(FILES, key=os.fsencode)]
        theirs = subprocess.run([tool, *option, *names], cwd=tmp_path, capture_output=True, check=True).stdout
        assert (tmp_path / "SHA256SUMS").read_bytes() == theirs


@pytest.mark.parametrize("algorithm", sorted(set(get_writable_algorithms()) - {"crc32"}))
@pytest.mark.parametrize("format", ["gnu", "tag"])
def test_each_algorithm_can_be_written_and_is_read_again(algorithm: str, format: str, tmp_path: Path) -> None:
    plant(tmp_path, {"a": b"1", "b": b"2"})
    written = checksig.create(tmp_path, algorithm=algorithm, format=format)  # type: ignore[arg-type]
    stem = {"blake2b": "B2", "blake3": "B3"}.get(algorithm, algorithm.upper())
    assert os.path.basename(written.path) == f"{stem}SUMS"
    report = checksig.check(tmp_path, written.path, extra="fail")
    assert report.ok
    assert report.manifests[0].algorithms == (algorithm,)
    if format == "tag":
        checksig.create(tmp_path, algorithm=algorithm, format="tag", manifest=tmp_path / "list")
        assert checksig.check(tmp_path, tmp_path / "list").manifests[0].algorithms == (algorithm,)


def test_what_could_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    plant(tmp_path, {"a": b"1"})
    names = ("MD5SUMS", "x.sha1", "x.sfv", "RECORD", "all.md4", "x.sha3-256")
    illegible = [("sha256", "gnu", name) for name in names]
    illegible += [("sha512-256", "gnu", "list"), ("sha3-256", "gnu", "list")]
    illegible += [
        ("crc32", "sfv", "x.sha1"),
        ("sha256", "tag", "manifest-sha256.txt"),
        ("md5", "tag", "x.sfv"),
    ]
    for algorithm, format, name in illegible:
        with pytest.raises(
            ValueError, match="under this name the manifest would not be read back as written"
        ):
            checksig.create(tmp_path, algorithm=algorithm, format=format, manifest=tmp_path / name)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="must be used together, not 'gnu' with 'crc32'"):
        checksig.create(tmp_path, algorithm="crc32")
    with pytest.raises(ValueError, match=r'unknown algorithm "sha0" \(known: sha512, '):
        checksig.create(tmp_path, algorithm="sha0")
    for algorithm in ("git-sha1", "crc", "bsd", "sysv"):
        with pytest.raises(ValueError, match=f'unknown algorithm "{algorithm}"'):
            checksig.create(tmp_path, algorithm=algorithm)
    with pytest.raises(ValueError, match="format must be"):
        checksig.create(tmp_path, format="csv")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match='manifest must be None with format "bagit"'):
        checksig.create(tmp_path, format="bagit", manifest="list")
    odds = ["#a", ";a", "\ufeffa"]  # the last begins with a byte order mark
    if sys.platform != "win32":
        odds += ["a\n", "a\r", "a ", os.fsdecode(b"\xfe\xff"), os.fsdecode(b"\xff\xfe")]
    for odd in odds:
        plant(tmp_path, {odd: b""})
        with pytest.raises(ValueError, match='the format "sfv" cannot represent the name'):
            checksig.create(tmp_path, format="sfv")
        assert sorted(os.listdir(tmp_path)) == sorted(["a", odd])
        (tmp_path / odd).unlink()


def test_sfv_is_written(tmp_path: Path) -> None:
    plant(tmp_path, {"a b": b"hello\n"})
    checksig.create(tmp_path, format="sfv")
    assert (tmp_path / "checksums.sfv").read_bytes() == b"a b 363A3020\n"
    checksig.check_signatures(tmp_path, extra="fail")


READERS = {
    "md5sum": ("md5", "gnu", ["md5sum", "--strict", "-c"]),
    "cksum": ("sha384", "tag", ["cksum", "--strict", "-c"]),
    "b2sum": ("blake2b", "gnu", ["b2sum", "--strict", "-c"]),
    "b2sum of a tag": ("blake2b-256", "tag", ["b2sum", "--strict", "-c"]),
    "b3sum": ("blake3", "gnu", ["b3sum", "-c"]),
    "rhash": ("sha1", "gnu", ["rhash", "-c"]),
    "rhash of a tag": ("sha3-256", "tag", ["rhash", "--bsd", "-c"]),
    "rhash of an SFV": ("crc32", "sfv", ["rhash", "-c"]),
}


@pytest.mark.parametrize("reader", READERS)
def test_other_tools_read_what_is_written(reader: str, tmp_path: Path) -> None:
    algorithm, format, command = READERS[reader]
    if shutil.which(command[0]) is None or algorithm not in checksig.get_algorithms():
        pytest.skip(f"{command[0]} is not there, or this build is without {algorithm}")
    plant(tmp_path, {"a": b"1", "b c": b"", "d/e": bytes(100_000), "ä": b"x"})
    written = checksig.create(tmp_path, algorithm=algorithm, format=format)  # type: ignore[arg-type]
    name = os.path.basename(written.path)
    assert subprocess.run([*command, name], cwd=tmp_path, capture_output=True, check=False).returncode == 0
    (tmp_path / "a").write_bytes(b"2")
    assert subprocess.run([*command, name], cwd=tmp_path, capture_output=True, check=False).returncode != 0


@posix
@of_bagit_python
def test_a_bag_is_made_and_bagit_python_validates_it(tmp_path: Path) -> None:
    plant(tmp_path, {f"data/{name}": content for name, content in FILES.items() if name != "\udcff"})
    plant(tmp_path, {"README": b"not in the payload"})
    checksig.create(tmp_path, format="bagit", algorithm="sha512")
    report = checksig.check(tmp_path)
    assert report.ok
    assert [os.path.basename(m.path) for m in report.manifests] == [
        "manifest-sha512.txt",
        "tagmanifest-sha512.txt",
        "bag-info.txt",
    ]
    payload = [content for name, content in FILES.items() if name != "\udcff"]
    oxum = f"Payload-Oxum: {sum(map(len, payload))}.{len(payload)}\n"
    assert (tmp_path / "bag-info.txt").read_text() == oxum
    tags = [entry.path for entry in checksig.read_manifest(tmp_path / "tagmanifest-sha512.txt")]
    assert tags == ["bag-info.txt", "bagit.txt", "manifest-sha512.txt"]
    bagit = pytest.importorskip("bagit", reason="bagit-python is not installed")
    (tmp_path / "data" / "B\\n").unlink()  # bagit-python takes backslashes for separators
    checksig.create(tmp_path, format="bagit", algorithm="sha512", overwrite=True)
    bagit.Bag(str(tmp_path)).validate()


@of_bagit_python
def test_a_bag_of_bagit_python_is_verified(tmp_path: Path) -> None:
    bagit = pytest.importorskip("bagit", reason="bagit-python is not installed")
    plant(tmp_path, {"a": b"1", "100%25": b"2", "d/new\nline": b"3"})
    bagit.make_bag(str(tmp_path), checksums=["sha256", "md5"])
    report = checksig.check(tmp_path)
    assert report.ok, report
    assert report.files == 3 + 4
    (tmp_path / "data" / "a").write_bytes(b"2")
    assert checksig.check(tmp_path).failures[0].path == "data/a"


@posix
def test_what_is_no_regular_file_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("fifo")
    for name in ("fifo", "link"):
        with pytest.raises(OSError, match="not a regular file"):
            checksig.create(tmp_path, manifest=tmp_path / name, overwrite=True)
    assert (tmp_path / "fifo").is_fifo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "fifo", "link"]


def test_no_manifest_is_replaced_unless_asked(tmp_path: Path) -> None:
    plant(tmp_path, {"a": b"1", "SHA256SUMS": b"precious"})
    with pytest.raises(FileExistsError, match="manifest already exists"):
        checksig.create(tmp_path)
    assert (tmp_path / "SHA256SUMS").read_bytes() == b"precious"
    (tmp_path / "SHA256SUMS").chmod(0o640)
    mode = (tmp_path / "SHA256SUMS").stat().st_mode
    checksig.create(tmp_path, overwrite=True)
    checksig.check_signatures(tmp_path)
    assert (tmp_path / "SHA256SUMS").stat().st_mode == mode


@posix
def test_a_symlink_to_the_manifest_stays_one(tmp_path: Path) -> None:
    root = plant(tmp_path / "root", {"a": b"1"})
    (tmp_path / "list.sha256").write_bytes(b"old")
    (root / "SHA256SUMS").symlink_to("../list.sha256")
    checksig.create(root, overwrite=True)
    assert (root / "SHA256SUMS").is_symlink()
    assert checksig.check(root, tmp_path / "list.sha256").ok
    assert sorted(os.listdir(tmp_path)) == ["list.sha256", "root"]


def test_sidecars_are_files_beside_a_manifest_of_a_usual_name(tmp_path: Path) -> None:
    plant(tmp_path, {"a": b"1", "a.sha256": hashlib.sha256(b"1").hexdigest().encode()})
    assert checksig.create(tmp_path).entries == 2
    assert not checksig.diff(tmp_path)
    checksig.check_signatures(tmp_path, extra="fail")


@posix
def test_a_link_to_the_manifest_is_not_listed(tmp_path: Path) -> None:
    plant(tmp_path, {"a": b"1"})
    (tmp_path / "link").symlink_to("SHA256SUMS")
    for _ in range(2):
        assert checksig.create(tmp_path, follow_symlinks=True, overwrite=True).entries == 1
        assert checksig.check(tmp_path).ok


@posix
def test_update_sees_a_link_that_leads_to_another_file(tmp_path: Path) -> None:
    plant(tmp_path, {"1": b"1", "2": b"2"})
    (tmp_path / "link").symlink_to("1")
    time.sleep(0.02)
    checksig.create(tmp_path, follow_symlinks=True)
    time.sleep(0.02)
    (tmp_path / "link").unlink()
    (tmp_path / "link").symlink_to("2")
    assert checksig.update(tmp_path, follow_symlinks=True).modified == ("link",)


@posix
def test_the_names_of_a_bag_are_escaped_as_the_rfc_says(tmp_path: Path) -> None:
    plant(tmp_path, {"data/a\rb": b"1", "data/a\nb": b"2"})
    checksig.create(tmp_path, format="bagit")
    lines = (tmp_path / "manifest-sha256.txt").read_text().splitlines()
    assert [line.split("  ")[1] for line in lines] == ["data/a%0Ab", "data/a%0Db"]
    assert checksig.check(tmp_path, extra="fail").ok


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_a_bag_keeps_what_its_information_says(newline: bytes, tmp_path: Path) -> None:
    info = newline.join([b"Contact-Name: precious", b"Payload-Oxum:", b" 9.9", b"Note: x"])
    plant(tmp_path, {"data/a": b"1", "bag-info.txt": info})
    checksig.create(tmp_path, format="bagit")
    assert (tmp_path / "bag-info.txt").read_bytes() == b"Contact-Name: precious\nNote: x\nPayload-Oxum: 1.1\n"
    assert checksig.check(tmp_path).ok


def test_a_signed_manifest_is_not_updated(tmp_path: Path) -> None:
    plant(tmp_path, {"a": b"1"})
    body = f"SHA256 (a) = {'0' * 64}\n"
    armour = f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{body}-----BEGIN PGP SIGNATURE-----\n"
    (tmp_path / "CHECKSUM").write_text(f"{armour}-----END PGP SIGNATURE-----\n")
    with pytest.raises(ValueError, match="signature not checked"):
        checksig.update(tmp_path)


def test_a_directory_is_no_manifest(tmp_path: Path) -> None:
    plant(tmp_path, {"a": b"1"})
    (tmp_path / "d").mkdir()
    for name in ("d", "d/", "gone/"):
        with pytest.raises(OSError, match="directory"):
            checksig.create(tmp_path, manifest=f"{tmp_path}/{name}", overwrite=True)


def test_one_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    plant(tmp_path, {"a": b"1"})

    def appear(_: object) -> None:
        (tmp_path / "SHA256SUMS").write_bytes(b"precious")

    with pytest.raises(FileExistsError):
        checksig.create(tmp_path, progress=appear)
    assert (tmp_path / "SHA256SUMS").read_bytes() == b"precious"
    assert sorted(os.listdir(tmp_path)) == ["SHA256SUMS", "a"]


def test_manifests_do_not_list_each_other(tmp_path: Path) -> None:
    plant(tmp_path, {"a": b"1"})
    for algorithm in ("md5", "sha1", "sha256"):
        assert checksig.create(tmp_path, algorithm=algorithm).entries == 1
    assert checksig.check(tmp_path, extra="fail").ok
    assert checksig.create(tmp_path, overwrite=True).left_out == ("MD5SUMS", "SHA1SUMS")


@pytest.mark.parametrize("name", ["list", "elsewhere/SHA256SUMS"])
def test_a_manifest_that_is_read_alone_lists_the_others(name: str, tmp_path: Path) -> None:
    root = plant(tmp_path / "root", {"a": b"1", "elsewhere/b": b"2"})
    checksig.create(root)
    for _ in range(2):
        written = checksig.create(root, manifest=root / name, overwrite=True)
        assert (written.entries, written.left_out) == (3, ())
        assert checksig.check(root, root / name, extra="fail").ok


PROGRAMS = {
    "ls": b"\x7fELF ls",
    "md5sum": b"\x7fELF md5sum",
    "sha256sum": b"\x7fELF",
    "checksum": b"#!/bin/sh\n",
}


@pytest.mark.parametrize("place", ["inside", "outside"])
def test_programs_that_are_called_like_manifests_are_listed_and_compared(place: str, tmp_path: Path) -> None:
    root = plant(tmp_path / "root", PROGRAMS)
    target = root / "SHA256SUMS" if place == "inside" else tmp_path / "SHA256SUMS"
    written = checksig.create(root, manifest=target)
    assert (written.entries, written.left_out) == (4, ())
    named = None if place == "inside" else target
    assert checksig.check(root, named, extra="fail").ok
    assert not checksig.diff(root, named)
    (root / "md5sum").write_bytes(b"replaced")
    assert checksig.diff(root, named).modified == ("md5sum",)
    assert [bad.path for bad in checksig.check(root, named).failures] == ["md5sum"]
    assert checksig.update(root, named).modified == ("md5sum",)
    assert checksig.check(root, named, extra="fail").ok


@posix
def test_no_entry_is_dropped_whose_file_exists(tmp_path: Path) -> None:
    root = plant(tmp_path / "root", {"d/a": b"1", "md5sums": b"", "SHA256SUMS.asc": b"3", "MD5SUMS": b""})
    (root / "MD5SUMS").write_text(f"{hashlib.md5(b'1').hexdigest()}  d/a\n")
    (root / "link").symlink_to("d/a")
    (root / "folder").symlink_to("d")
    names = ["link", "folder/a", "d/a", "md5sums", "SHA256SUMS.asc", "MD5SUMS", "gone"]
    contents = {name: (root / name).read_bytes() if name != "gone" else b"" for name in names}
    lines = [f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in contents.items()]
    (root / "SHA256SUMS").write_text("".join(lines))
    differences = checksig.diff(root, root / "SHA256SUMS")
    assert differences == Changes(removed=("gone",), unchanged=6)
    changes = checksig.update(root, root / "SHA256SUMS", all=True)
    assert changes == differences
    entries = checksig.read_manifest(root / "SHA256SUMS")
    assert sorted(entry.path for entry in entries) == sorted(set(names) - {"gone"})


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    others = {"SHA256SUMS.asc": b"?", "SHA256SUMS.sig": b"?", "MD5SUMS.asc": b"?", "a.asc": b"3"}
    root = plant(tmp_path, {"a": b"1", **others})
    checksig.create(root, algorithm="md5", exclude=["*.asc"])
    written = checksig.create(root)
    left_out = ("MD5SUMS", "MD5SUMS.asc", "SHA256SUMS.asc", "SHA256SUMS.sig")
    assert (written.entries, written.left_out) == (2, left_out)
    (root / "b").write_bytes(b"2")
    assert checksig.diff(root, written.path).left_out == left_out
    changes = checksig.update(root, written.path)
    assert (changes.added, changes.left_out) == (("b",), left_out)


def test_files_outside_the_payload_of_a_bag_are_left_out_and_said(tmp_path: Path) -> None:
    plant(tmp_path, {"data/a": b"1", "README": b"2", "d/b": b"3"})
    for _ in range(2):
        assert checksig.create(tmp_path, format="bagit", overwrite=True).left_out == ("README", "d/b")


def test_update_drops_the_entry_of_the_manifest_itself(tmp_path: Path) -> None:
    plant(tmp_path, {"a": b"1"})
    listed = [
        f"{hashlib.md5(content).hexdigest()}  {name}\n" for name, content in (("a", b"1"), ("MD5SUMS", b""))
    ]
    (tmp_path / "MD5SUMS").write_text("".join(listed))
    assert not checksig.check(tmp_path).ok
    assert checksig.update(tmp_path).removed == ("MD5SUMS",)
    assert checksig.check(tmp_path, extra="fail").ok


def test_patterns_choose_files(tmp_path: Path) -> None:
    plant(tmp_path, dict.fromkeys(["a.csv", "d/b.csv", "d/c.txt", "tmp/d.csv", "tmp/e/f.csv"], b"1"))

    def chosen(**options: object) -> list[str]:
        written = checksig.create(tmp_path, overwrite=True, **options)  # type: ignore[arg-type]
        return [entry.path for entry in checksig.read_manifest(written.path)]

    assert chosen(include=["*.csv"]) == ["a.csv", "d/b.csv", "tmp/d.csv", "tmp/e/f.csv"]
    assert chosen(include=["*.csv"], exclude=["tmp/*"]) == ["a.csv", "d/b.csv"]
    assert chosen(include=["d/*"]) == ["d/b.csv", "d/c.txt"]
    assert chosen(exclude=["*.csv"]) == ["d/c.txt"]
    with pytest.raises(checksig.ManifestError, match="contains no files to list"):
        chosen(include=["*.bin"])
    with pytest.raises(TypeError, match="include must be a list of patterns, not"):
        chosen(include="*.csv")


@posix
def test_symlinks_and_what_is_no_file(tmp_path: Path) -> None:
    root = plant(tmp_path / "root", {"a": b"1", "d/b": b"2"})
    for name, target in {"link": "a", "dir": "d", "dangling": "gone"}.items():
        (root / name).symlink_to(target)
    os.mkfifo(root / "fifo")
    assert checksig.create(root).entries == 2
    checksig.create(root, follow_symlinks=True, overwrite=True)
    assert [e.path for e in checksig.read_manifest(root)] == ["a", "d/b", "link"]
    assert checksig.check(root).ok
    (root / "out").symlink_to(__file__)
    with pytest.raises(checksig.ManifestError, match='out" - symlink out of the directory'):
        checksig.create(root, follow_symlinks=True, overwrite=True)


@posix
def test_what_cannot_be_read_is_an_error_and_loses_nothing(python: Python, public_directory: Path) -> None:
    root = public_directory / "root"
    plant(root, {"a": b"1", "closed/b": b"2", "secret": b"3"})
    root.chmod(0o777)
    code = """
import os, sys, checksig
root = sys.argv[1]
checksig.create(root)
before = open(root + "/SHA256SUMS").read()
for name in ("closed", "secret"):
    os.chmod(f"{root}/{name}", 0)
    if os.getuid() == 0:
        os.seteuid(65534)
    create = lambda: checksig.create(root, overwrite=True)
    for call in (create, lambda: checksig.update(root), lambda: checksig.diff(root)):
        try:
            call()
            print("nothing?")
        except PermissionError as error:
            print(error.filename == f"{root}/{name}", error.strerror)
    if os.getuid() == 0:
        os.seteuid(0)
    os.chmod(f"{root}/{name}", 0o755)
    names = sorted(os.listdir(root))
    print(open(root + "/SHA256SUMS").read() == before, names == ["SHA256SUMS", "a", "closed", "secret"])
"""
    done = python(code, root)
    closed = "True cannot be listed: permission denied\n" * 3
    secret = "True permission denied\nnothing?\nTrue permission denied\n"
    assert (
        done.stdout
        == f"{closed}True True\n" + secret.replace("nothing?", "True permission denied") + "True True\n"
    ), done.stderr


def test_a_directory_that_cannot_be_written_to_is_an_error(tmp_path: Path) -> None:
    plant(tmp_path, {"a": b"1"})
    with pytest.raises(FileNotFoundError):
        checksig.create(tmp_path, manifest=tmp_path / "gone" / "SHA256SUMS")
    with pytest.raises(FileNotFoundError):
        checksig.create(tmp_path / "gone")


@posix
def test_in_a_directory_that_is_read_only_the_old_manifest_stays(
    python: Python, public_directory: Path
) -> None:
    root = plant(public_directory / "root", {"a": b"1", "SHA256SUMS": b"old"})
    code = """
import os, sys, checksig
checksig.get_algorithms(), checksig.create  # the user may not be able to read the modules
os.chmod(sys.argv[1], 0o555)
if os.getuid() == 0:
    os.seteuid(65534)
try:
    checksig.create(sys.argv[1], overwrite=True)
except PermissionError as error:
    print(error.filename == sys.argv[1], error.strerror)
"""
    done = python(code, root)
    assert done.stdout == "True Permission denied\n", done.stderr
    assert (root / "SHA256SUMS").read_bytes() == b"old"
    assert sorted(os.listdir(root)) == ["SHA256SUMS", "a"]


def small_disk(folder: Path) -> bool:
    """Mount a file system of 64 KiB; only root may."""
    return (
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], check=False).returncode
        == 0
    )


@posix
def test_a_full_disk_is_an_error_and_the_old_manifest_stays(tmp_path: Path) -> None:
    data, disk = plant(tmp_path / "data", {f"{n:0100}": b"" for n in range(1000)}), tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or not small_disk(disk):
        pytest.skip("only root mounts a small disk")
    try:
        target = disk / "SHA256SUMS"
        target.write_bytes(b"old")
        with pytest.raises(OSError, match="No space left") as caught:
            checksig.create(data, manifest=target, overwrite=True)
        assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(target))
        assert target.read_bytes() == b"old"
        assert os.listdir(disk) == ["SHA256SUMS"]
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_file_that_changes_while_it_is_hashed_is_an_error(tmp_path: Path) -> None:
    plant(tmp_path, {"a": b""})
    os.truncate(tmp_path / "a", 1 << 30)
    stop = threading.Event()

    def touch() -> None:
        while not stop.wait(0.01):
            os.utime(tmp_path / "a")

    thread = threading.Thread(target=touch)
    thread.start()
    try:
        with pytest.raises(checksig.ManifestError, match="changed while it was read"):
            checksig.create(tmp_path)
    finally:
        stop.set()
        thread.join()
    assert os.listdir(tmp_path) == ["a"]


def test_update_hashes_what_is_new_or_touched_and_says_what_changed(tmp_path: Path) -> None:
    root = plant(tmp_path / "root", {"a": b"1", "b": b"2", "c": b"3", "d/e": b"4", "same": b"5"})
    time.sleep(0.02)
    checksig.create(root, format="tag")
    assert checksig.update(root) == Changes(unchanged=5)
    time.sleep(0.02)
    plant(root, {"a": b"other", "new": b"6"})
    (root / "b").unlink()
    (root / "c").rename(root / "moved")
    expected = Changes(("new",), ("b",), ("a",), (("c", "moved"),), 2)
    assert checksig.diff(root) == expected
    assert checksig.update(root) == expected
    assert str(expected) == "added: new\nremoved: b\nmodified: a\nrenamed: c -> moved\nunchanged: 2"
    assert not checksig.diff(root)
    checksig.check_signatures(root, extra="fail")
    assert checksig.check(root).manifests[0].format == "tag"


@pytest.mark.parametrize(("algorithm", "format"), [("md5", "gnu"), ("sha1", "tag"), ("crc32", "sfv")])
def test_update_writes_what_create_would_write(algorithm: str, format: str, tmp_path: Path) -> None:
    root = plant(tmp_path / "root", {"b": b"1", "d": b"2"})
    target = Path(checksig.create(root, algorithm=algorithm, format=format).path)  # type: ignore[arg-type]
    plant(root, {"c": b"3", "a": b"4"})
    assert checksig.update(root) == Changes(added=("a", "c"), unchanged=2)
    updated = target.read_bytes()
    checksig.create(root, algorithm=algorithm, format=format, overwrite=True)  # type: ignore[arg-type]
    assert target.read_bytes() == updated


def test_update_leaves_the_last_file_in_the_manifest(tmp_path: Path) -> None:
    plant(tmp_path, {"a": b"1"})
    target = Path(checksig.create(tmp_path).path)
    (tmp_path / "a").unlink()
    before = target.read_bytes()
    with pytest.raises(checksig.ManifestError, match="contains no files to list"):
        checksig.update(tmp_path)
    assert target.read_bytes() == before


def test_update_writes_the_manifest_only_if_a_file_changed_or_was_touched(tmp_path: Path) -> None:
    plant(tmp_path, {"a": b"1"})
    time.sleep(0.02)
    target = Path(checksig.create(tmp_path).path)
    written = target.stat()
    assert checksig.update(tmp_path) == Changes(unchanged=1)
    assert os.path.samestat(target.stat(), written)
    os.utime(tmp_path / "a")
    time.sleep(0.02)
    assert checksig.update(tmp_path) == Changes(unchanged=1)
    assert target.stat().st_mtime_ns > (tmp_path / "a").stat().st_ctime_ns, "it would be read again"


HOUR = 3600 * 10**9


@pytest.mark.parametrize(
    ("mtime", "manifest", "touched"),
    [(-2 * HOUR, 1, False), (-2 * HOUR, 0, True), (-2 * HOUR, -HOUR, True), (2 * HOUR, HOUR, True)],
)
def test_a_file_is_touched_if_mtime_or_ctime_is_not_older_than_the_manifest(
    mtime: int, manifest: int, touched: bool, tmp_path: Path
) -> None:
    """The times are in nanoseconds after the ctime of the file."""
    plant(tmp_path, {"a": b"1", "SHA256SUMS": f"{'0' * 64}  a\n".encode()})
    now = time.time_ns()
    os.utime(tmp_path / "a", ns=(now + mtime, now + mtime))
    ctime = (tmp_path / "a").stat().st_ctime_ns
    os.utime(tmp_path / "SHA256SUMS", ns=(ctime + manifest, ctime + manifest))
    assert checksig.update(tmp_path).modified == (("a",) if touched else ())


def test_update_reads_only_touched_files_and_diff_reads_every_file(tmp_path: Path) -> None:
    root = plant(tmp_path / "root", {"a": b"1", "b": b"2"})
    time.sleep(0.02)
    listed = checksig.create(root)
    time.sleep(0.02)
    text = Path(listed.path).read_text().replace(hashlib.sha256(b"1").hexdigest(), "0" * 64)
    Path(listed.path).write_text(text)  # as if the disk had lost a bit of the file
    assert checksig.update(root) == Changes(unchanged=2)
    assert checksig.diff(root).modified == ("a",)


def test_update_counts_the_files_that_it_does_not_read_and_all_reads_every_file(tmp_path: Path) -> None:
    root = plant(tmp_path / "root", {"a": b"1", "b": b"2", "c": b"3"})
    checksig.create(root)
    time.sleep(0.02)
    plant(root, {"a": b"other", "new": b"4"})
    time.sleep(0.02)
    os.utime(root / "SHA256SUMS")  # now the manifest is newer than the change
    time.sleep(0.02)
    plant(root, {"b": b"2"})
    changes = checksig.update(root)
    assert changes == Changes(added=("new",), unchanged=3)
    assert changes.unread == 2, "a and c"
    assert str(changes) == "added: new\nunchanged: 3 (2 not read)"
    assert changes.summary() == "1 added, 3 unchanged (2 not read)"
    assert not checksig.check(root).ok
    assert checksig.diff(root).unread == 0
    changes = checksig.update(root, all=True)
    assert changes == Changes(modified=("a",), unchanged=3)
    assert (changes.unread, changes.summary()) == (0, "1 modified, 3 unchanged")
    checksig.check_signatures(root, extra="fail")


def test_a_file_that_changes_right_after_it_was_hashed_is_hashed_by_the_next_update(tmp_path: Path) -> None:
    root = plant(tmp_path / "root", {"a": b"1"})

    def change(_: object) -> None:
        (root / "a").write_bytes(b"2")
        time.sleep(0.02)  # the manifest is written in another tick of the file system's clock

    checksig.create(root, progress=change)
    assert checksig.update(root).modified == ("a",)
    checksig.check_signatures(root)


def test_copies_that_move_are_a_multiset(tmp_path: Path) -> None:
    root = plant(tmp_path / "root", {"a": b"1", "b": b"1", "c": b"1"})
    checksig.create(root)
    for old, new in (("a", "x"), ("b", "y")):
        (root / old).rename(root / new)
    (root / "z").write_bytes(b"1")
    assert checksig.diff(root) == Changes(("z",), (), (), (("a", "x"), ("b", "y")), 1)


def test_update_and_diff_refuse_what_they_cannot_keep(tmp_path: Path) -> None:
    root = plant(tmp_path / "root", {"a": b"1"})
    for call in (checksig.update, checksig.diff):
        with pytest.raises(checksig.ManifestNotFoundError):
            call(root)
    digest = hashlib.sha256(b"1").hexdigest()
    for text, reason in (
        (f"{digest}  a\n?\n", "line 2"),
        (f"{digest}  ../a\n", "outside the directory"),
        (f"{digest}  /etc/passwd\n", "outside the directory"),
        (f"{digest}  a\n{'0' * 64}  ./a\n", "two digests"),
        (f"SHA256 (a) = {digest}\nMD5 (a) = {'0' * 32}\n", "several algorithms"),
    ):
        (root / "SHA256SUMS").write_text(text)
        for call in (checksig.update, checksig.diff):
            with pytest.raises(checksig.ManifestError, match=reason):
                call(root)
        assert (root / "SHA256SUMS").read_text() == text
    (root / "SHA256SUMS").write_text(f"a {digest}\n")
    with pytest.raises(ValueError, match=r"SHA256SUMS: this manifest cannot be updated \(format pooch\)"):
        checksig.update(root)
    checksig.create(root, algorithm="md5")
    with pytest.raises(ValueError, match="several manifests"):
        checksig.update(root)
    (root / "MD5SUMS").unlink()
    (root / "SHA256SUMS").write_text(f"{digest}  a\n{digest}  ./a\n")
    assert checksig.diff(root) == Changes(unchanged=1), "one digest twice is no conflict"


KILLED = """
import sys, checksig
checksig.get_algorithms(), checksig.create  # to load them may take longer than until the kill
print("ready", flush=True)
number = 0
while True:
    number += 1
    checksig.create(sys.argv[1], overwrite=True)
"""


def test_a_kill_at_any_moment_leaves_a_whole_manifest_and_no_stray(tmp_path: Path) -> None:
    """60 times; CHECKSIG_KILLS says how often else."""
    root = plant(tmp_path / "root", {f"{n:0100}": b"1" for n in range(300)})
    checksig.create(root)
    good = (root / "SHA256SUMS").read_bytes()
    times = int(os.environ.get("CHECKSIG_KILLS", "60"))
    draw = random.Random(7)
    strays = 0
    for _ in range(times):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(root)], stdout=subprocess.PIPE, env=environment()
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(draw.random() * 0.05)
        process.kill()
        process.wait()
        process.stdout.close()
        assert (root / "SHA256SUMS").read_bytes() == good
        strays += len(os.listdir(root)) - 301
    assert strays > 0, "no kill came while there was a temporary file"
    checksig.create(root, overwrite=True)
    assert len(os.listdir(root)) == 301


def test_names_like_that_of_the_temporary_file_are_listed_in_other_directories(tmp_path: Path) -> None:
    name = f".checksig-{'0' * 16}.tmp"
    plant(tmp_path, {"a": b"1", f"d/{name}": b"2"})
    checksig.create(tmp_path)
    assert [entry.path for entry in checksig.read_manifest(tmp_path)] == ["a", f"d/{name}"]


@posix
@pytest.mark.parametrize("overwrite", [False, True])
def test_the_manifest_is_on_disk_before_it_takes_its_place_and_the_directory_after(
    overwrite: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(tmp_path, {"a": b"1"})
    size = len(f"{'0' * 64}  a\n")
    calls = []

    def record(name: str) -> None:
        call = getattr(os, name)

        def recorded(*arguments: Any, **options: Any) -> None:
            found = os.stat(arguments[0])
            calls.append((name, "folder" if stat.S_ISDIR(found.st_mode) else found.st_size))
            call(*arguments, **options)

        monkeypatch.setattr(os, name, recorded)

    for name in ("fsync", "link", "replace"):
        record(name)
    checksig.create(tmp_path, overwrite=overwrite)
    assert calls == [("fsync", size), ("replace" if overwrite else "link", size), ("fsync", "folder")]


@posix
@pytest.mark.parametrize("error", [errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS])
def test_on_a_file_system_without_hard_links_a_manifest_is_written_and_none_is_replaced(
    error: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(error, os.strerror(error))

    def appear(_: object) -> None:
        (tmp_path / "SHA256SUMS").write_bytes(b"precious")

    monkeypatch.setattr(os, "link", refuse)
    plant(tmp_path, {"a": b"1"})
    with pytest.raises(FileExistsError):
        checksig.create(tmp_path, progress=appear)
    assert (tmp_path / "SHA256SUMS").read_bytes() == b"precious"
    (tmp_path / "SHA256SUMS").unlink()
    checksig.create(tmp_path)
    assert checksig.check(tmp_path, extra="fail").ok


def test_a_short_write_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:7]))
    plant(tmp_path, {"a": b"1"})
    checksig.create(tmp_path)
    assert checksig.check(tmp_path, extra="fail").ok


@posix
@pytest.mark.parametrize("taken", [False, True])
def test_a_temporary_file_that_another_run_removed_is_made_again(
    taken: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other run takes it for a stray before it is locked, and may even take its name."""
    import fcntl

    lock = fcntl.flock
    removed: list[str] = []

    def remove_first(file: int, operation: int) -> None:
        for name in set(os.listdir(tmp_path)) - {"a"} if not removed else ():
            removed.append(name)
            (tmp_path / name).unlink()
            if taken:
                (tmp_path / name).write_bytes(b"")
        lock(file, operation)

    monkeypatch.setattr(fcntl, "flock", remove_first)
    plant(tmp_path, {"a": b"1"})
    checksig.create(tmp_path)
    assert len(removed) == 1
    monkeypatch.undo()
    checksig.create(tmp_path, overwrite=True)
    assert checksig.check(tmp_path, extra="fail").ok


def test_a_stray_that_is_in_use_stays(tmp_path: Path) -> None:
    from checksig._atomic import Replacement

    plant(tmp_path, {"a": b"1"})
    with Replacement(os.fsencode(tmp_path / "SHA256SUMS")) as other:
        checksig.create(tmp_path)
        other.write([b"theirs"])
        other.commit(overwrite=True)
    assert (tmp_path / "SHA256SUMS").read_bytes() == b"theirs"
    assert sorted(os.listdir(tmp_path)) == ["SHA256SUMS", "a"]

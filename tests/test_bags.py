"""Bags (RFC 8493): every way to read and write one, and the conformance suite."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support import command, posix

import checksig
from checksig import Changes

NAMES = ["data/50% off.txt", "data/a%25b", "data/my%20file.pdf", "data/plain"]
ODD_NAMES = ["data/%0A", "data/%0a\n", "data/%25", "data/\r\n%", "data/ x ", "data/*y"]


def plant(root: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """A bag of version 1.0 whose names have percent signs."""
    root = tmp_path / "bag"
    plant(root, {name: name.encode() for name in NAMES})
    checksig.create(root, format="bagit")
    return root


WAYS: dict[str, Callable[[Path, Path], list[str]]] = {
    "check": lambda root, manifest: [result.path for result in checksig.iter_check(root)],
    "check with manifest": lambda root, manifest: [r.path for r in checksig.iter_check(root, manifest)],
    "read_manifest of the directory": lambda root, manifest: [e.path for e in checksig.read_manifest(root)],
    "read_manifest": lambda root, manifest: [entry.path for entry in checksig.read_manifest(manifest)],
    "show": lambda root, manifest: [
        json.loads(line)["path"]
        for line in command("show", "--json", manifest, cwd=root).stdout.splitlines()
        if '"entry"' in line
    ],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("version", ["0.97", "1.0"])
def test_all_ways_read_the_same_names(way: str, version: str, bag: Path) -> None:
    for path in bag.glob("tagmanifest-*"):
        path.unlink()
    manifest = bag / "manifest-sha256.txt"
    if version == "0.97":
        declaration = (bag / "bagit.txt").read_text()
        (bag / "bagit.txt").write_text(declaration.replace("1.0", version))
        manifest.write_text(manifest.read_text().replace("%25", "%"))
    assert WAYS[way](bag, manifest) == NAMES
    assert checksig.check(bag, manifest).ok
    assert command("check", "-q", manifest, cwd=bag).returncode == 0
    assert command("check", "-q", "-m", manifest, bag, cwd=bag).returncode == 0
    assert not checksig.diff(bag)
    assert not checksig.diff(bag, manifest)


def test_the_content_of_a_stream_has_no_declaration_beside_it(bag: Path) -> None:
    with (bag / "manifest-sha256.txt").open("rb") as file:
        assert [entry.path for entry in checksig.read_manifest(file)] == [
            n.replace("%", "%25") for n in NAMES
        ]
    with (bag / "manifest-sha256.txt").open("rb") as file:
        assert [entry.path for entry in checksig.read_manifest(file, format="bagit")] == NAMES


@posix
def test_a_bag_of_any_names_is_read_back_as_written(tmp_path: Path) -> None:
    plant(tmp_path, {name: name.encode() for name in ODD_NAMES})
    checksig.create(tmp_path, format="bagit")
    entries = checksig.read_manifest(tmp_path / "manifest-sha256.txt")
    assert [entry.path for entry in entries] == sorted(ODD_NAMES)
    assert checksig.check(tmp_path, extra="fail").ok
    assert not checksig.diff(tmp_path)


def test_a_bag_of_an_older_version_is_overwritten(bag: Path) -> None:
    old = "BagIt-Version: 0.97\nTag-File-Character-Encoding: ISO-8859-1\n"
    (bag / "bagit.txt").write_text(old)
    checksig.create(bag, format="bagit", overwrite=True)
    assert (bag / "bagit.txt").read_text() == "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
    assert checksig.check(bag, extra="fail").ok


def test_diff_compares_the_payload_of_a_bag(bag: Path) -> None:
    plant(bag, {"fetch.txt": b"", "notes.txt": b"", "data/new": b"2"})
    (bag / "data" / "plain").write_bytes(b"changed")
    (bag / "data" / "a%25b").rename(bag / "data" / "b")
    changes = checksig.diff(bag)
    assert changes == Changes(
        added=("data/new",), modified=("data/plain",), renamed=(("data/a%25b", "data/b"),), unchanged=2
    )
    assert checksig.diff(bag, exclude=["data/*"]) == Changes(removed=tuple(NAMES))


def test_diff_compares_the_tag_files_of_a_bag_with_a_tag_manifest(bag: Path) -> None:
    manifest = bag / "tagmanifest-sha256.txt"
    assert checksig.diff(bag, manifest) == Changes(unchanged=3)
    plant(bag, {"notes.txt": b"1", "bag-info.txt": b"Payload-Oxum: 1.1\n"})
    assert checksig.diff(bag, manifest) == Changes(
        added=("notes.txt",), modified=("bag-info.txt",), unchanged=2
    )


def test_diff_wants_one_of_several_payload_manifests_named(bag: Path) -> None:
    (bag / "manifest-md5.txt").write_bytes(b"")
    with pytest.raises(
        ValueError, match=r"several manifests; choose one: \S+manifest-md5.txt, \S+sha256.txt$"
    ):
        checksig.diff(bag)


def test_update_refuses_a_bag_and_changes_nothing(bag: Path) -> None:
    plant(bag, {"data/new": b"2"})
    before = {path: path.read_bytes() for path in bag.iterdir() if path.is_file()}
    for manifest in (None, bag / "manifest-sha256.txt", bag / "tagmanifest-sha256.txt"):
        with pytest.raises(
            ValueError, match=r"a bag cannot be updated; create it again \(format bagit, overwrite\)"
        ):
            checksig.update(bag, manifest)
    done = command("update", bag, cwd=bag)
    assert done.returncode == 2
    assert "a bag cannot be updated" in done.stderr
    assert {path: path.read_bytes() for path in bag.iterdir() if path.is_file()} == before
    checksig.create(bag, format="bagit", overwrite=True)
    assert checksig.check(bag, extra="fail").ok


def test_a_bag_that_would_not_be_valid_is_not_made(tmp_path: Path) -> None:
    plant(tmp_path, {"data/a": b"1", "bag-info.txt": b"Note: x\nno element\n"})
    with pytest.raises(checksig.ManifestError, match=r"bag-info\.txt\" - line 2: must be \"label: value\""):
        checksig.create(tmp_path, format="bagit")
    (tmp_path / "bag-info.txt").unlink()
    checksig.create(tmp_path, format="bagit", algorithm="md5")
    with pytest.raises(
        FileExistsError, match=r"which would not be right any more .*: '\S+/manifest-md5\.txt'"
    ):
        checksig.create(tmp_path, format="bagit", overwrite=True)
    assert checksig.check(tmp_path).ok


def test_a_prefix_is_taken_off_names_in_the_payload(bag: Path) -> None:
    report = checksig.check(bag / "data", bag / "manifest-sha256.txt", strip_prefix="data/")
    assert report.ok
    assert report.files == len(NAMES)


@posix
def test_a_payload_that_is_not_listed_as_a_whole_is_no_bag(tmp_path: Path) -> None:
    plant(tmp_path, {"data/a": b"1", "data/b": b"2"})
    with pytest.raises(checksig.ManifestError, match=r"data/b. - in the payload .* but left out$"):
        checksig.create(tmp_path, format="bagit", exclude=["b"])
    (tmp_path / "data" / "link").symlink_to("a")
    with pytest.raises(checksig.ManifestError, match=r"data/link. - .* but left out \(is a symlink\)$"):
        checksig.create(tmp_path, format="bagit")
    assert not (tmp_path / "bagit.txt").exists()
    checksig.create(tmp_path, format="bagit", follow_symlinks=True)
    assert checksig.check(tmp_path, extra="fail").ok


def test_a_file_that_an_old_bag_lists_twice_is_noted(bag: Path) -> None:
    (bag / "tagmanifest-sha256.txt").unlink()
    (bag / "bagit.txt").write_text("BagIt-Version: 0.97\nTag-File-Character-Encoding: UTF-8\n")
    manifest = bag / "manifest-sha256.txt"
    lines = manifest.read_bytes().replace(b"%25", b"%").splitlines(keepends=True)
    manifest.write_bytes(b"".join([*lines, *lines]))
    for report in (checksig.check(bag), checksig.check(bag, manifest)):
        assert report.ok
        assert report.manifests[0].notes == ("lists a file several times",)


def test_a_large_bagit_txt_is_refused(bag: Path) -> None:
    (bag / "bagit.txt").write_bytes((bag / "bagit.txt").read_bytes() + b"\n" * 65536)
    for path in (bag, bag / "manifest-sha256.txt"):
        with pytest.raises(checksig.ManifestError, match=r"bagit.txt. - has more than 65536 bytes"):
            list(checksig.read_manifest(path))


def test_the_names_of_the_manifests_are_those_of_the_bag(bag: Path) -> None:
    names = [os.path.basename(path) for path in checksig.find_manifests(bag)]
    assert names == ["manifest-sha256.txt", "tagmanifest-sha256.txt"]


SUITE = os.environ.get("CHECKSIG_BAGIT_SUITE")  # the path of the conformance suite of the Library of Congress
BAGS = sorted(path.parent for path in Path(SUITE or "/nowhere").glob("v*/*/*/data"))
WITHOUT_BAGIT_TXT = {"missing-bagit.txt"}
INCOMPLETE = {
    "duplicate-file-with-different-case",
    "same-filename-listed-twice-with-different-normalization",
    "special-system-files",
}


@pytest.mark.skipif(SUITE is None, reason="CHECKSIG_BAGIT_SUITE does not name the conformance suite")
def test_the_whole_suite_is_there() -> None:
    assert len(BAGS) == 60


@pytest.mark.parametrize("bag", BAGS, ids=lambda path: "/".join(path.parts[-3:]))
def test_the_verdict_is_that_of_the_conformance_suite(bag: Path) -> None:
    valid = bag.parent.name in ("valid", "warning") and bag.name not in INCOMPLETE
    assert (command("check", "-q", bag, cwd=bag).returncode == 0) == valid
    if bag.name in WITHOUT_BAGIT_TXT:
        with pytest.raises(checksig.ManifestNotFoundError):
            checksig.check(bag)
        return
    try:
        report = checksig.check(bag)
    except checksig.ManifestError:
        assert not valid
        return
    assert report.ok == valid
    if bag.name in INCOMPLETE and not sys.platform.startswith(("win32", "darwin")):
        assert [failure.status for failure in report.failures] == [checksig.Status.MISSING]


@pytest.mark.parametrize("algorithm", [name for name in checksig.get_algorithms() if "sha3" in name])
def test_the_name_of_a_bags_manifest_has_no_hyphen_in_the_algorithm(tmp_path: Path, algorithm: str) -> None:
    plant(tmp_path, {"data/a": b"1"})
    manifest = checksig.create(tmp_path, format="bagit", algorithm=algorithm)
    assert Path(manifest.path).name == f"manifest-{algorithm.replace('-', '')}.txt"
    report = checksig.check(tmp_path, extra="fail")
    assert report.ok
    assert {name for found in report.manifests for name in found.algorithms} == {algorithm}
    assert report.files == 4

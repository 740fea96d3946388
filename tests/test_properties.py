"""Random directories, compared with hashlib and coreutils."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support import ENGINE, verify

import checksig

# Bytes that formats, shells, and terminals treat specially are frequent.
NAME = st.lists(
    st.one_of(st.sampled_from(b"\n\r\\ *#-\xff\x1b\"'"), st.integers(1, 255).filter(lambda c: c != ord("/"))),
    min_size=1,
    max_size=12,
).map(bytes)


def coreutils() -> bytes:
    """Return the first line of ``sha1sum --version``, or nothing if there is no sha1sum."""
    if shutil.which("sha1sum") is None:
        return b""
    return subprocess.run(["sha1sum", "--version"], capture_output=True, check=False).stdout.split(b"\n")[0]


# Earlier versions do not escape carriage returns.
needs_coreutils_9 = pytest.mark.skipif(b"coreutils) 9" not in coreutils(), reason="needs coreutils 9")

# "-" is standard input to coreutils, but a file to checksig.
NAMES = NAME.filter(lambda name: name not in (b".", b"..", b"-"))
ALGORITHMS = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
MANIFESTS = {algorithm: f"{algorithm.upper()}SUMS" for algorithm in ALGORITHMS}


def message_lines(root: str) -> list[str]:
    """Return the lines of the message for a directory, or none if it is OK."""
    try:
        checksig.check_signatures(root)
    except checksig.VerificationError as error:
        return str(error).split("\n")
    return []


@needs_coreutils_9
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    files=st.dictionaries(NAMES, st.binary(max_size=300), min_size=1, max_size=19),
    algorithm=st.sampled_from(ALGORITHMS),
    binary=st.booleans(),
    data=st.data(),
)
def test_manifests_that_coreutils_writes_are_read(
    files: dict[bytes, bytes], algorithm: str, binary: bool, data: st.DataObject
) -> None:
    manifest = MANIFESTS[algorithm]
    files.pop(manifest.encode(), None)
    files[b"at least one"] = b""
    with tempfile.TemporaryDirectory() as root:
        for name, content in files.items():
            Path(root, os.fsdecode(name)).write_bytes(content)
        mode = "--binary" if binary else "--text"
        written = subprocess.run(
            [f"{algorithm}sum", mode, "--", *files], cwd=root, capture_output=True, check=True
        ).stdout
        Path(root, manifest).write_bytes(written)
        assert message_lines(root) == []

        spoiled = data.draw(st.sets(st.sampled_from(sorted(files))))
        removed = data.draw(st.sets(st.sampled_from(sorted(files))))
        for name in spoiled:
            content = files[name]
            at = data.draw(st.integers(0, len(content)))
            Path(root, os.fsdecode(name)).write_bytes(content[:at] + b"!" + content[at:])
        for name in removed:
            Path(root, os.fsdecode(name)).unlink()
        reasons = [
            "missing" if name in removed else "mismatch" for name in files if name in spoiled | removed
        ]
        lines = message_lines(root)
        assert [line.rsplit(" - ", 1)[1] for line in lines] == reasons

        check = subprocess.run(
            [f"{algorithm}sum", "--check", "--quiet", manifest], cwd=root, capture_output=True, check=False
        )
        assert (check.returncode == 0) == (lines == [])
        assert check.stdout.count(b": FAILED") == len(reasons)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=st.dictionaries(NAMES, st.binary(max_size=50), min_size=1, max_size=8), tag=st.booleans())
def test_a_manifest_created_for_any_tree_verifies(
    files: dict[bytes, bytes], tag: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = os.fsencode(tmp_path_factory.mktemp("tree"))
    for name, content in files.items():
        with open(os.path.join(root, name), "wb") as file:
            file.write(content)
    own = b"SHA256SUMS" in files
    written = checksig.create(root, format="tag" if tag else "gnu", overwrite=own)
    report = checksig.check(root, written.path, extra="fail")
    assert report.ok, report
    assert report.files == len(files) - own
    assert not checksig.diff(root, written.path)


NAMED_LIKE_MANIFESTS = st.sampled_from(
    [
        "md5sum",
        "SHA256SUMS",
        "checksums.txt",
        "x.md5",
        "SHA256SUMS.asc",
        "bagit",
        "sub/SHA1SUMS",
        "a",
        "B2SUMS",
    ]
)
SHA256_OF_EMPTY = hashlib.sha256(b"").hexdigest().encode() + b"  empty\n"
CONTENTS = st.one_of(
    st.binary(max_size=50), st.sampled_from([b"", b"{}", b"<html>", b"\xff\xfe0", SHA256_OF_EMPTY])
)


def is_true(files: dict[str, bytes]) -> bool:
    """Whether each manifest is right: B2SUMS takes a digest of this length for BLAKE2b's."""
    return files.get("B2SUMS") != SHA256_OF_EMPTY


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    files=st.dictionaries(NAMED_LIKE_MANIFESTS, CONTENTS, min_size=1).filter(is_true),
    chosen=st.sampled_from([None, "list", "all.sha256", "CHECKSUMS", "../SHA256SUMS"]),
)
@example(files={"SHA256SUMS": SHA256_OF_EMPTY}, chosen="CHECKSUMS")
def test_every_file_of_any_tree_is_listed_or_said_to_be_left_out(
    files: dict[str, bytes], chosen: str | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("tree") / "root"
    for name, content in {"empty": b"", **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    named = root / chosen if chosen else None
    written = checksig.create(root, manifest=named, overwrite=True)
    listed = [entry.path for entry in checksig.read_manifest(written.path)]
    there = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    target = {os.path.relpath(written.path, root)} & there
    assert sorted([*listed, *written.left_out, *target]) == sorted(there)
    report = checksig.check(root, named, extra="report")
    assert report.ok, report
    # A manifest that is named is read alone, and the others are then extra files.
    assert {extra.path for extra in report.extra} <= (set(written.left_out) if chosen else set())
    if chosen is None:
        assert all(
            checksig.check(root, root / name).ok for name in written.left_out if name != "SHA256SUMS.asc"
        )
    assert not checksig.diff(root, written.path)
    assert not checksig.update(root, written.path, all=True)
    assert checksig.check(root, named).ok


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=2000), algorithm=st.sampled_from(ALGORITHMS), data=st.data())
def test_any_other_digest_is_a_mismatch(content: bytes, algorithm: str, data: st.DataObject) -> None:
    digest = hashlib.new(algorithm, content).digest()
    bit = data.draw(st.integers(0, 8 * len(digest) - 1))
    wrong = (int.from_bytes(digest) ^ 1 << bit).to_bytes(len(digest))
    with tempfile.TemporaryDirectory() as root:
        Path(root, "a").write_bytes(content)
        for listed, expected in ((digest, []), (wrong, [f'"{root}/a" - mismatch'])):
            Path(root, MANIFESTS[algorithm]).write_text(f"{listed.hex()}  a\n")
            assert message_lines(root) == expected


@settings(max_examples=300, deadline=None)
@given(content=st.binary(max_size=200))
def test_no_random_bytes_as_a_manifest_are_ok_or_cause_another_error(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as root:
        Path(root, "sha1sum.txt").write_bytes(content)
        with pytest.raises((checksig.VerificationError, checksig.ManifestError)):
            checksig.check_signatures(root)


def test_no_bit_of_65536_bytes_can_flip_unnoticed(tmp_path: Path) -> None:
    """Each of the 524,288 bits flips once, in one of 64 copies that are verified at once.

    One bit in every 128 also flips in a copy that is verified alone. With the helper, only the bits
    of some bytes flip.
    """
    content = random.Random(1).randbytes(65536)
    digest = hashlib.sha1(content).hexdigest()
    bits, step = 8 * len(content), 1 if ENGINE == "library" else 499
    (tmp_path / "good").touch()  # without an OK file, each mismatch would also be hashed for a hint

    def list_files(names: list[str]) -> list[int]:
        lines = [f"{digest}  {name}\n" for name in names]
        (tmp_path / "sha1sum.txt").write_text(f"{''.join(lines)}{hashlib.sha1().hexdigest()}  good\n")
        for name in names:
            (tmp_path / name).write_bytes(content)
        assert verify(tmp_path) is None
        return [os.open(tmp_path / name, os.O_WRONLY) for name in names]

    def flip(file: int, bit: int) -> None:
        os.pwrite(file, bytes([content[bit // 8] ^ 1 << bit % 8]), bit // 8)

    def restore(file: int, bit: int) -> None:
        os.pwrite(file, content[bit // 8 : bit // 8 + 1], bit // 8)

    copies = [f"{number:02}" for number in range(64)]
    together = [range(first, first + 64) for first in range(0, bits, 64 * step)]
    alone = [range(bit, bit + 1) for bit in range(5, bits, 128 * step)]
    for names, groups in ((copies, together), (["alone"], alone)):
        bad = [f'"{tmp_path}/{name}" - mismatch' for name in names]
        expected = "\n".join([*bad[:20], *([f"… and {len(bad) - 20} more"] if len(bad) > 20 else [])])
        files = list_files(names)
        for group in groups:
            list(map(flip, files, group))
            assert verify(tmp_path) == expected, group
            list(map(restore, files, group))
        assert verify(tmp_path) is None
        list(map(os.close, files))

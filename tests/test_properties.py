"""Random directories, compared with hashlib and coreutils."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
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
    """Each of the 524,288 bits flips once. With the helper, only the bits of some bytes flip."""
    step = 2 if ENGINE == "library" else 994
    content = bytes(random.Random(1).randbytes(65536))
    digest = hashlib.sha1(content).hexdigest()
    unnoticed: list[int] = []

    def flip_all(folder: Path, first: int) -> None:
        folder.mkdir()
        (folder / "f").write_bytes(content)
        (folder / "good").touch()  # without an OK file, each mismatch would also be hashed for a hint
        (folder / "sha1sum.txt").write_text(f"{digest}  f\n{hashlib.sha1().hexdigest()}  good\n")
        assert verify(folder) is None
        expected = f'"{folder}/f" - mismatch'
        file = os.open(folder / "f", os.O_WRONLY)
        for at in range(first, len(content), step):
            for bit in range(8):
                os.pwrite(file, bytes([content[at] ^ 1 << bit]), at)
                if verify(folder) != expected:
                    unnoticed.append(8 * at + bit)
            os.pwrite(file, content[at : at + 1], at)
        os.close(file)
        assert verify(folder) is None

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(flip_all, (tmp_path / "even", tmp_path / "odd"), (0, 1)))
    assert unnoticed == []

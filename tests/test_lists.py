"""``checksig.diff(path, other=...)`` and ``checksig diff --with``: two manifests, or a listing."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import CHECKOUT, command, environment, install_command, posix

import checksig
from checksig import Changes

CASES = sorted((CHECKOUT / "testdata" / "lists").glob("*.json"))
SCHEMA = json.loads((CHECKOUT / "docs/checksig.schema.json").read_text("utf-8"))


def test_the_cases_are_found() -> None:
    assert len(CASES) > 50


def make(case: dict[str, Any], folder: Path) -> tuple[Path, Path]:
    """Make the directory and the other list of a case."""
    mine, other = folder / "mine", folder / case["called"]
    mine.mkdir()
    for name, content in case["mine"].items():
        (mine / name).write_bytes(content.encode())
    text = case["content"] if "content" in case else json.dumps(case["json"])
    encoding = "utf-16" if text.startswith("\ufeff") else "utf-8"
    other.write_bytes(text.removeprefix("\ufeff").encode(encoding))
    return mine, other


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path, tmp_path: Path) -> None:
    case = json.loads(path.read_text("utf-8"))
    mine, other = make(case, tmp_path)
    options = case.get("options", {})
    with other.open("rb") as file:
        for source in (other, file):
            if "error" in case:
                with pytest.raises(checksig.ManifestError) as caught:
                    checksig.diff(mine, other=source, **options)
                assert caught.value.reason == case["error"] or str(caught.value).endswith(
                    f" - {case['error']}"
                )
                assert caught.value.path
                continue
            found = checksig.diff(mine, other=source, **options)
            assert found == Changes(**{name: listed(value) for name, value in case["changes"].items()})


def listed(value: Any) -> Any:
    """Return lists of JSON as the tuples that they stand for."""
    return tuple(map(listed, value)) if isinstance(value, list) else value


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def gnu(files: dict[str, str]) -> str:
    return "".join(f"{md5(text)}  {name}\n" for name, text in files.items())


def tag_in_base64(files: dict[str, str]) -> str:
    texts = {name: base64.b64encode(bytes.fromhex(md5(text))).decode() for name, text in files.items()}
    return "".join(f"MD5 ({name}) = {digest}\n" for name, digest in texts.items())


def rclone(files: dict[str, str]) -> str:
    return json.dumps([{"Path": name, "Hashes": {"md5": md5(text)}} for name, text in files.items()])


def inventory(files: dict[str, str]) -> str:
    rows = [f'"{quote_plus(name)}","{md5(text)}"\n' for name, text in files.items()]
    return "Key, ETag\n" + "".join(rows)


FILES = st.dictionaries(
    st.text("ab/+% é", min_size=1, max_size=4).filter(lambda name: name.strip() == name and "/" not in name),
    st.sampled_from("xyz"),
    min_size=1,
    max_size=5,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lists")


@given(mine=FILES, theirs=FILES, write=st.sampled_from([gnu, tag_in_base64, rclone, inventory]))
def test_what_differs_is_never_unchanged(
    folder: Path, mine: dict[str, str], theirs: dict[str, str], write: Callable[[dict[str, str]], str]
) -> None:
    (folder / "MD5SUMS").write_text(gnu(mine), "utf-8")
    found = checksig.diff(folder, other=io.BytesIO(write(theirs).encode()))
    both = mine.keys() & theirs.keys()
    assert set(found.modified) == {name for name in both if mine[name] != theirs[name]}
    assert found.unchanged == sum(mine[name] == theirs[name] for name in both)
    assert {*found.added, *(new for _, new in found.renamed)} == theirs.keys() - both
    assert {*found.removed, *(old for old, _ in found.renamed)} == mine.keys() - both
    assert all(mine[old] == theirs[new] for old, new in found.renamed)
    assert bool(found) == (mine != theirs)


@given(
    content=st.binary(max_size=60), begin=st.sampled_from([b"[", b'{"', b'[{"Path":"a"', b"Key,ETag\n", b""])
)
def test_no_random_bytes_are_equal_or_cause_another_error(folder: Path, content: bytes, begin: bytes) -> None:
    (folder / "MD5SUMS").write_text(gnu({"a": "x"}), "utf-8")
    with contextlib.suppress(checksig.ManifestError):
        assert checksig.diff(folder, other=io.BytesIO(begin + content))


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """Return a directory with a manifest, but without the files that it lists."""
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "MD5SUMS").write_text(gnu({"a": "x", "b": "y"}))
    return mine


def test_the_other_can_be_a_directory_entries_or_a_listing_and_so_can_mine(
    mine: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "MD5SUMS").write_text(gnu({"a": "x"}))
    (other / "SHA1SUMS").write_text(f"{hashlib.sha1(b'y').hexdigest()}  b\n")
    (tmp_path / "listing").write_text(rclone({"a": "x", "b": "z"}))
    half_known = Changes(unchanged=1, uncompared=("b",))
    assert checksig.diff(mine, other=other) == half_known
    assert checksig.diff(mine, other=list(checksig.read_manifest(other))) == half_known
    assert checksig.diff(mine / "MD5SUMS", other=mine) == Changes(unchanged=2)
    assert checksig.diff(tmp_path / "listing", other=mine) == Changes(unchanged=1, modified=("b",))
    assert checksig.diff(tmp_path, mine / "MD5SUMS", other=mine) == Changes(unchanged=2)
    assert half_known
    assert not half_known.differ


def test_the_algorithms_that_were_compared_are_told(mine: Path) -> None:
    found = checksig.diff(mine, other=mine)
    assert found.algorithms == ("md5",)
    assert found.summary() == "2 unchanged · md5 (finds accidents, not attackers)"


def test_only_the_named_algorithm_of_a_listing_counts(mine: Path) -> None:
    item = {"Path": "a", "Hashes": {"md5": md5("z"), "sha1": hashlib.sha1(b"x").hexdigest()}}
    listing = json.dumps([item]).encode()
    assert checksig.diff(mine, other=io.BytesIO(listing), exclude=["b"]) == Changes(modified=("a",))
    found = checksig.diff(mine, other=io.BytesIO(listing), algorithm="sha1", exclude=["b"])
    assert found == Changes(uncompared=("a",))
    with pytest.raises(ValueError, match='unknown algorithm "sha0"'):
        checksig.diff(mine, other=io.BytesIO(listing), algorithm="sha0")


@pytest.mark.parametrize(
    "options",
    [
        {"follow_symlinks": True},
        {"workers": 2},
        {"other_prefix": ""},
        {"strip_prefix": "\0"},
        {"format": "x"},
        {"other": None, "algorithm": "md5"},
        {"other": None, "format": "gnu"},
        {"other": None, "other_prefix": "x"},
        {"other": []},
    ],
    ids=str,
)
def test_an_option_that_does_not_fit_is_a_value_error(mine: Path, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"other|prefix|format|entry") as caught:
        checksig.diff(mine, **{"other": mine, **options})
    assert type(caught.value) is ValueError


@posix
def test_the_other_can_be_a_pipe_but_a_fifo_without_a_writer_is_not_waited_for(mine: Path) -> None:
    fifo = mine / "fifo"
    os.mkfifo(fifo)
    with pytest.raises(checksig.ManifestError, match="lists no files"):
        checksig.diff(mine, other=fifo)
    reader, writer = os.pipe()

    def write() -> None:
        os.write(writer, gnu({"a": "x"}).encode())
        os.close(writer)

    slow = threading.Timer(0.1, write)
    slow.start()
    try:
        assert checksig.diff(mine, other=f"/dev/fd/{reader}") == Changes(unchanged=1, removed=("b",))
    finally:
        os.close(reader)
        slow.join()
    with pytest.raises((OSError, checksig.ManifestError)):
        checksig.diff(mine, other="/dev/zero")


@posix
def test_a_listing_that_changes_while_it_is_read_is_an_error(
    mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = tmp_path / "listing"
    listing.write_text(rclone({"a": "x", "b": "y"}))

    def read_and_change(file: Any) -> bytes:
        content = bytes(file.read())
        listing.write_text(rclone({"a": "x"}))
        return content

    monkeypatch.setattr("checksig._lists.read_content", read_and_change)
    with pytest.raises(checksig.ManifestError, match="changed while it was read"):
        checksig.diff(mine, other=listing)


EQUAL = gnu({"a": "x", "b": "y"})
RUNS = {
    "equal": (EQUAL, 0, "2 unchanged"),
    "other": (gnu({"a": "x", "b": "z"}), 1, "modified: b\n1 modified, 1 unchanged"),
    "unknown": (
        rclone({"a": "x"})[:-1] + ', {"Path": "b"}]',
        2,
        "not compared: b\n1 not compared (no algorithm in both lists), 1 unchanged",
    ),
    "nothing known": (
        '[{"Path": "a"}, {"Path": "b"}]',
        2,
        "not compared: a\nnot compared: b\n2 not compared (no algorithm in both lists), 0 unchanged",
    ),
    "other and unknown": (
        '[{"Path": "b"}]',
        1,
        "removed: a\nnot compared: b\n1 removed, 1 not compared (no algorithm in both lists), 0 unchanged",
    ),
    "empty": ("", 2, ""),
    "no objects": ("[]", 2, ""),
    "bad line": (EQUAL + "?\n", 2, ""),
}


@pytest.mark.parametrize("run", RUNS)
def test_the_exit_status_is_0_only_if_everything_was_compared_and_is_equal(run: str, mine: Path) -> None:
    content, status, lines = RUNS[run]
    done = command("diff", "--with", "-", cwd=mine, stdin=content.encode())
    assert (done.returncode, done.stderr == "") == (status, bool(lines)), done
    text = done.stdout.removesuffix("\n").removesuffix(" · md5 (finds accidents, not attackers)")
    assert text == lines


def test_json_says_what_was_not_compared(mine: Path) -> None:
    done = command("diff", "--json", "--with", "-", cwd=mine, stdin=b'[{"Path": "b"}]')
    objects = [json.loads(line) for line in done.stdout.splitlines()]
    for each in objects:
        jsonschema.validate(each, SCHEMA)
    assert [(each["change"], each["path"]) for each in objects[:-1]] == [
        ("removed", "a"),
        ("uncompared", "b"),
    ]
    assert (objects[-1]["uncompared"], objects[-1]["unchanged"], objects[-1]["algorithms"]) == (1, 0, [])


def test_the_command_takes_the_options_of_the_other(mine: Path) -> None:
    text = f"{base64.b64encode(bytes.fromhex(md5('x'))).decode()}  logs/a\n"
    options = ("-a", "md5", "-f", "gnu", "--other-prefix", "logs", "--include", "a")
    done = command("diff", mine / "MD5SUMS", "--with", "-", *options, cwd=mine.parent, stdin=text.encode())
    assert (done.returncode, done.stderr) == (0, "")
    assert command("diff", "-j", "2", "--with", ".", cwd=mine).returncode == 2
    assert command("diff", "-a", "md5", cwd=mine).returncode == 2


@posix
def test_the_output_of_a_command_in_bash_can_be_the_other(mine: Path, tmp_path: Path) -> None:
    env = {**environment(), "PATH": install_command(tmp_path / "bin")}
    script = "checksig diff --with <(cat MD5SUMS)"
    done = subprocess.run(
        ["bash", "-c", script], cwd=mine, env=env, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("algorithm", "digest"), [("crc32c", "e3069283"), ("crc64nvme", "ae8b14860a799888")])
@pytest.mark.parametrize("format", ["gnu", "tag"])
def test_the_crcs_of_object_stores_are_written_and_verified(
    algorithm: str, digest: str, format: Any, tmp_path: Path
) -> None:
    (tmp_path / "a").write_bytes(b"123456789")
    written = checksig.create(tmp_path, algorithm=algorithm, format=format)
    assert digest in Path(written.path).read_text()
    assert checksig.check(tmp_path).ok
    in_base64 = base64.b64encode(bytes.fromhex(digest)).decode()
    stores = {"crc32c": f'[{{"name": "a", "crc32c": "{in_base64}"}}]'}
    listing = stores.get(algorithm, f'[{{"Key": "a", "ChecksumCRC64NVME": "{in_base64}"}}]')
    assert checksig.diff(tmp_path, other=io.BytesIO(listing.encode())) == Changes(unchanged=1)
    (tmp_path / "a").write_bytes(b"123456788")
    assert not checksig.check(tmp_path).ok


def test_a_manifest_that_is_not_shown_to_be_signed_is_compared_with_nothing(
    mine: Path, tmp_path: Path
) -> None:
    key = tmp_path / "key.pub"
    key.write_text("untrusted comment: x\n")
    (tmp_path / "listing").write_text(rclone({"a": "x", "b": "y"}))
    for path in (mine, mine / "MD5SUMS", tmp_path / "listing"):
        with pytest.raises((checksig.ManifestError, OSError, ValueError)):
            checksig.diff(path, other=mine, signed_by=key)

"""check_signatures: arguments, answers, exceptions."""

from __future__ import annotations

import errno
import os
import pickle
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support import CHECKOUT, LOGS, MISMATCH, Directory, Python, verify

import checksig


def test_the_example_names_the_one_wrong_log() -> None:
    with pytest.raises(ValueError, match="mismatch") as caught:
        checksig.check_signatures(LOGS)
    assert type(caught.value) is checksig.VerificationError
    assert str(caught.value) == MISMATCH


def test_the_logs_are_what_their_generator_makes(tmp_path: Path) -> None:
    import runpy

    runpy.run_path(str(CHECKOUT / "testdata" / "make_logs.py"))["main"](tmp_path)
    assert sorted(p.name for p in LOGS.iterdir()) == sorted(p.name for p in tmp_path.iterdir())
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (LOGS / path.name).read_bytes()
    for number in range(10):
        assert 90_000 < (LOGS / f"httpd-{number:02}.log").stat().st_size < 120_000


def test_sha1sum_finds_the_same_wrong_log() -> None:
    done = subprocess.run(
        ["sha1sum", "--check", "--quiet", "sha1sum.txt"],
        cwd=LOGS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "httpd-08.log: FAILED\n"


class PathLike:
    def __init__(self, path: str | bytes) -> None:
        self.path = path

    def __fspath__(self) -> str | bytes:
        return self.path


@pytest.mark.parametrize(
    "convert", [str, os.fsencode, Path, PathLike, lambda path: PathLike(os.fsencode(path))]
)
def test_a_path_is_str_bytes_or_pathlike(directory: Directory, convert: Callable[[object], str]) -> None:
    root = directory({"a": b"1", "b": b"2"})
    assert checksig.check_signatures(convert(str(root))) is None  # type: ignore[func-returns-value]
    assert verify(convert(str(root))) is None
    (root / "b").write_bytes(b"3")
    with pytest.raises(checksig.VerificationError, match=rf'^"{root}/b" - mismatch$'):
        checksig.check_signatures(convert(str(root)))


@pytest.mark.parametrize("path", ["", b"", "a\0b", b"\0", PathLike("/tmp\0")])
def test_an_empty_path_and_one_with_nul_are_value_errors(path: object) -> None:
    with pytest.raises(ValueError, match=r"empty|NUL") as caught:
        checksig.check_signatures(path)  # type: ignore[arg-type]
    assert type(caught.value) is ValueError


@pytest.mark.parametrize("path", [None, 3, 1.5, object(), [], bytearray(b"/tmp")])
def test_what_is_no_path_is_a_type_error(path: object) -> None:
    with pytest.raises(TypeError):
        checksig.check_signatures(path)  # type: ignore[arg-type]


def test_messages_show_the_path_as_it_was_given(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = directory({"a": b"1"})
    (root / "a").unlink()
    monkeypatch.chdir(root.parent)
    for given, shown in [
        ("directory", "directory/a"),
        ("directory/", "directory/a"),
        ("./directory//", "./directory/a"),
        ("directory/../directory", "directory/../directory/a"),
    ]:
        with pytest.raises(checksig.VerificationError) as caught:
            checksig.check_signatures(given)
        assert str(caught.value) == f'"{shown}" - missing'
    monkeypatch.chdir(root)
    with pytest.raises(checksig.VerificationError) as caught:
        checksig.check_signatures(".")
    assert str(caught.value) == '"./a" - missing'


def test_a_root_whose_name_is_not_utf8(directory: Directory) -> None:
    root = os.fsencode(directory({"a": b"1"}))
    odd = root + b"\xff\n"
    os.rename(root, odd)
    checksig.check_signatures(odd)
    checksig.check_signatures(os.fsdecode(odd))
    os.unlink(odd + b"/a")
    with pytest.raises(checksig.VerificationError) as caught:
        checksig.check_signatures(odd)
    assert str(caught.value) == f'"{os.fsdecode(root)}\\xff\\n/a" - missing'
    os.unlink(odd + b"/sha1sum.txt")
    with pytest.raises(checksig.ManifestNotFoundError) as missing:
        checksig.check_signatures(odd)
    assert missing.value.path == os.fsdecode(odd)


def test_a_root_that_is_a_symlink_is_followed(directory: Directory) -> None:
    root = directory({"a": b"1"})
    link = root.with_name("link")
    link.symlink_to(root)
    checksig.check_signatures(link)


def test_a_directory_that_is_not_there_is_file_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        checksig.check_signatures(tmp_path / "gone")
    assert type(caught.value) is FileNotFoundError
    assert caught.value.filename == str(tmp_path / "gone")
    assert verify(tmp_path / "gone") == f'"{tmp_path}/gone" - no such file or directory'


def test_a_file_instead_of_a_directory_is_not_a_directory() -> None:
    with pytest.raises(NotADirectoryError) as caught:
        checksig.check_signatures(LOGS / "sha1sum.txt")
    assert caught.value.errno == errno.ENOTDIR


def test_no_manifest_is_a_value_error_and_file_not_found(tmp_path: Path) -> None:
    for expected in (ValueError, FileNotFoundError, checksig.ManifestError, checksig.ManifestNotFoundError):
        with pytest.raises(expected):
            checksig.check_signatures(tmp_path)
    with pytest.raises(checksig.ManifestNotFoundError) as caught:
        checksig.check_signatures(tmp_path)
    error = caught.value
    assert (error.path, error.filename, error.errno, error.line) == (str(tmp_path),) * 2 + (
        errno.ENOENT,
        None,
    )
    assert str(error) == f'"{tmp_path}" - {error.reason}'
    assert error.strerror == error.reason


def test_a_manifest_error_tells_path_line_and_reason(directory: Directory) -> None:
    root = directory({})
    (root / "sha1sum.txt").write_text("\n?html?\n")
    with pytest.raises(checksig.ManifestError) as caught:
        checksig.check_signatures(root)
    error = caught.value
    assert (error.path, error.line) == (f"{root}/sha1sum.txt", 2)
    assert str(error) == f'"{error.path}" - line 2: {error.reason}'


@pytest.mark.parametrize(
    "error",
    [
        checksig.ChecksigError("m"),
        checksig.VerificationError("m"),
        checksig.InternalError("m"),
        checksig.ManifestError("m", "p", 3, "r"),
        checksig.ManifestNotFoundError("m", "p", None, "r"),
    ],
)
def test_exceptions_can_be_pickled(error: checksig.ChecksigError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    for name in ("args", "path", "line", "reason", "errno", "filename", "strerror"):
        assert getattr(again, name, "none") == getattr(error, name, "none")
    assert str(again) == "m"


def test_permissions_are_respected(directory: Directory, python: Python) -> None:
    root = directory({"a": b"1", "b": b"2"})
    root.chmod(0o755)
    (root / "a").chmod(0)
    code = """
import os, sys, checksig
os.chdir(sys.argv[1])
checksig.check(".")
if os.geteuid() == 0:
    os.seteuid(65534)
print(checksig.check(".").message)
"""
    done = python(code, root)
    assert (done.stdout, done.stderr) == ('"./a" - permission denied\n', "")
    (root / "sha1sum.txt").chmod(0)
    done = python(code, root)
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1] == "PermissionError: [Errno 13] Permission denied: './sha1sum.txt'"


def usual_names() -> list[str]:
    """Return the names of rules 1.1 to 1.3 of docs/format.md, in order."""
    names = ["sha1sum.txt"]
    others = ("sha512-256", "sha512-224", "sha3-512", "sha3-384", "sha3-256", "sha3-224")
    built = "blake3" in checksig.get_algorithms()
    sums = ["sha512", "sha384", "sha256", "sha224", *others, "sha1", "md5"]
    at = sums.index("sha1") if built else len(sums)
    for lower in (*sums[:at], "b2", "b3", *sums[at:]):
        upper = lower.upper()
        names += [f"{upper}SUMS", f"{upper}SUMS.txt", f"{upper}SUM", f"{upper}SUM.txt"]
        names += [f"{lower}sums.txt", f"{lower}sums", f"{lower}sum.txt", f"{lower}sum"]
        if lower not in ("b2", "b3"):
            names.append(f"{lower}.txt")
        if lower == "md5":
            names.append("md5checksums.txt")
        if lower in ("sha512", "sha384", "sha256", "sha224"):
            names += [f"SHASUMS{lower[3:]}.txt", f"SHASUMS{lower[3:]}"]
    names += ["SHASUMS", "SHASUMS.txt", "CHECKSUMS", "CHECKSUMS.txt", "CHECKSUM", "CHECKSUM.txt"]
    names += ["checksums.txt", "checksums", "checksum.txt", "checksum", "checklist.chk"]
    return list(dict.fromkeys(names))


def test_the_usual_names_are_found_in_their_order(tmp_path: Path) -> None:
    names = usual_names()
    for name in names:
        (tmp_path / name).touch()
    assert checksig.find_manifests(tmp_path) == [f"{tmp_path}/{name}" for name in names]
    with pytest.raises(checksig.ManifestError) as caught:
        checksig.check_signatures(tmp_path)
    assert caught.value.path == f"{tmp_path}/{names[0]}"
    for name in names:
        (tmp_path / name).unlink()
    with pytest.raises(checksig.ManifestNotFoundError):
        checksig.check_signatures(tmp_path)


def test_the_names_in_the_docs_are_usual_names() -> None:
    text = (CHECKOUT / "docs/format.md").read_text("utf-8")
    rules = text[text.index("**1.1**") : text.index("**1.4**")]
    assert set(re.findall(r"`(\w[\w.]+)`", rules)) <= set(usual_names())

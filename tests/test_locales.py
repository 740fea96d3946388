"""Names of files in locales whose encoding is not UTF-8."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from support import environment

# Valid and invalid UTF-8; in Big5 two byte sequences of one character; in Shift JIS a backslash
# as the second byte; in all a name that the encoding cannot decode.
NAMES = [
    b"a",
    b"\xc3\xa9",
    b"\xe9",
    b"\xa2\xcc",
    b"\xa4\x51",
    b"\x95\x5c",
    b"\xe6\xbc\xa2\xe5\xad\x97",
    b"\xff",
]
LOCALES = {
    "C.UTF-8": "utf-8",
    "en_US.ISO-8859-1": "iso8859-1",
    "ja_JP.EUC-JP": "euc_jp",
    "zh_CN.GBK": "gbk",
    "zh_TW.BIG5": "big5",
    "ja_JP.SHIFT_JIS": "shift_jis",
}
API = """
import os, sys, checksig
root, encoding = sys.argv[1], sys.argv[2]
assert sys.getfilesystemencoding() == encoding, sys.getfilesystemencoding()
names = [result.path for result in checksig.iter_check(root)]
listed = [entry.path for entry in checksig.read_manifest(root)]
assert names == listed
assert {os.fsencode(name) for name in names} == set(os.listdir(os.fsencode(root))) - {b"SHA256SUMS"}
entries = list(checksig.read_manifest(root))
assert checksig.check(root, entries).ok
for name in names:
    assert os.path.isfile(os.path.join(root, name))
    plain = os.fsencode(name)
    if os.fsencode(os.fsdecode(plain)) == plain:
        assert name == os.fsdecode(plain)
print(len(names))
"""


@pytest.fixture(params=LOCALES)
def locale(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Return the environment of a locale, which localedef compiles."""
    name = str(request.param)
    folder = tmp_path_factory.mktemp("locales")
    variables = {**environment(), "LC_ALL": name, "LOCPATH": str(folder)}
    if name == "C.UTF-8":
        return environment() | {"LC_ALL": name}
    if not shutil.which("localedef"):
        pytest.skip("localedef is not installed")
    source, charmap = name.split(".")
    done = subprocess.run(
        ["localedef", "--quiet", "-i", source, "-f", charmap, folder / name], capture_output=True, check=False
    )
    if not (folder / name / "LC_CTYPE").exists():
        pytest.skip(f"localedef cannot make the locale: {done.stderr.decode()}")
    return variables


@pytest.fixture
def root(tmp_path: Path) -> bytes:
    """Return a directory with a file of each name."""
    root = os.fsencode(tmp_path / "files")
    os.mkdir(root)
    for name in NAMES:
        with open(os.path.join(root, name), "wb") as file:
            file.write(name)
    return root


def run(locale: Mapping[str, str], *arguments: bytes | str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, *arguments], env=dict(locale), capture_output=True, check=False, timeout=120
    )


def command(locale: Mapping[str, str], *arguments: bytes | str) -> subprocess.CompletedProcess[bytes]:
    return run(locale, "-m", "checksig", *arguments)


def test_every_file_is_listed_and_verified_under_its_own_name(locale: Mapping[str, str], root: bytes) -> None:
    created = command(locale, "create", root)
    assert created.returncode == 0, created
    with open(os.path.join(root, b"SHA256SUMS"), "rb") as file:
        listed = [line.split(b"  ", 1)[1].rstrip(b"\n").replace(rb"\\", b"\\") for line in file]
    assert sorted(listed) == sorted(NAMES)
    checked = command(locale, "check", root)
    assert checked.returncode == 0, checked
    assert checked.stdout.startswith(f"{len(NAMES)} files OK".encode())
    api = run(locale, "-c", API, root, LOCALES[locale["LC_ALL"]])
    assert api.stdout == f"{len(NAMES)}\n".encode(), api.stderr.decode()
    updated = command(locale, "update", root)
    assert updated.returncode == 0, updated
    assert b"added" not in updated.stdout + updated.stderr


def test_json_has_the_bytes_of_every_name(locale: Mapping[str, str], root: bytes) -> None:
    command(locale, "create", root)
    for name in NAMES:
        with open(os.path.join(root, name), "ab") as file:
            file.write(b"!")
    done = command(locale, "check", "--json", root)
    assert done.returncode == 1, done
    results = [json.loads(line) for line in done.stdout.splitlines()]
    found = [result for result in results if result["type"] == "file"]
    assert len(found) == len(NAMES)
    for result in found:
        plain = result["path"].encode()
        if "path_base64" in result:
            plain = base64.b64decode(result["path_base64"])
            with pytest.raises(UnicodeDecodeError):
                plain.decode()
        assert plain in NAMES


def test_markdown_shows_names_that_are_utf_8(locale: Mapping[str, str], root: bytes, tmp_path: Path) -> None:
    command(locale, "create", root)
    for name in NAMES:
        with open(os.path.join(root, name), "ab") as file:
            file.write(b"!")
    summary = tmp_path / "summary.md"
    command({**locale, "GITHUB_STEP_SUMMARY": str(summary)}, "check", root)
    text = summary.read_text("utf-8")
    assert "/é</code>" in text
    assert "/漢字</code>" in text
    assert "xe9</code>" in text

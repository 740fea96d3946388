"""Signatures of manifests: those that nobody asked for, and ``signed_by``."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from support import command

import checksig

SUFFIXES = (".asc", ".sig", ".gpg", ".pgp", ".sign", ".minisig", ".sshsig")
LINE = f"{hashlib.sha256(b'1').hexdigest()}  a\n"
BASE64 = "RW" + "a" * 98
CLEARTEXT = (
    f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{LINE}"
    "-----BEGIN PGP SIGNATURE-----\n\nx\n-----END PGP SIGNATURE-----\n"
)
SIGNIFY = f"untrusted comment: verify with a.pub\n{BASE64}\n{LINE}"


def plant(root: Path, **files: str) -> Path:
    """Write files, and the file ``a`` that LINE lists."""
    (root / "a").write_bytes(b"1")
    for name, content in files.items():
        (root / name).write_text(content)
    return root


# Without keys


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_signature_of_a_manifest_is_not_listed_and_not_extra(suffix: str, tmp_path: Path) -> None:
    root = plant(tmp_path, **{f"SHA256SUMS{suffix}": "?", f"a{suffix}": "a file like any other"})
    written = checksig.create(root)
    assert written.left_out == (f"SHA256SUMS{suffix}",)
    assert written.entries == 2
    report = checksig.check(root, extra="fail")
    assert report.ok
    assert not report.extra
    (root / "b").write_bytes(b"2")
    assert checksig.diff(root).left_out == (f"SHA256SUMS{suffix}",)
    changes = checksig.update(root)
    assert changes.added == ("b",)
    assert changes.left_out == (f"SHA256SUMS{suffix}",)
    assert changes.outdated == (f"{root}/SHA256SUMS{suffix}",)
    assert checksig.update(root).outdated == ()


def test_a_signature_of_a_manifest_elsewhere_is_not_listed(tmp_path: Path) -> None:
    root = plant(tmp_path)
    (root / "lists").mkdir()
    (root / "lists" / "mine.asc").write_text("?")
    assert checksig.create(root, manifest=root / "lists" / "mine").left_out == ("lists/mine.asc",)


def test_update_says_which_signatures_no_longer_fit(tmp_path: Path) -> None:
    root = plant(tmp_path, **{"SHA256SUMS": LINE, "SHA256SUMS.sig": "?", "b": "2"})
    shown = command("update", cwd=root)
    assert shown.returncode == 0
    assert "signature no longer fits: ./SHA256SUMS.sig" in shown.stdout.splitlines()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_signature_that_was_not_asked_for_is_mentioned(suffix: str, tmp_path: Path) -> None:
    root = plant(tmp_path, **{"SHA256SUMS": LINE, f"SHA256SUMS{suffix}": "?"})
    for report in (checksig.check(root), checksig.check(root, root / "SHA256SUMS")):
        assert report.ok
        assert report.manifests[0].notes == ("signature not checked",)
        assert report.authentic is None
        assert report.summary().endswith(" · signature not checked")
    (root / f"SHA256SUMS{suffix}").unlink()
    (root / f"SHA256SUMS{suffix}").mkdir()
    assert checksig.check(root).manifests[0].notes == ()


def test_a_long_name_has_no_signature(tmp_path: Path) -> None:
    name = "m" * 250
    root = plant(tmp_path, **{name: LINE})
    assert checksig.check(root, root / name).manifests[0].notes == ()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("SHA256SUMS.asc", CLEARTEXT),
        ("sha256sum.txt.asc", CLEARTEXT),
        ("CHECKSUM.asc", CLEARTEXT),
        ("SHA256.sig", SIGNIFY),
        ("SHA256SUMS.sig", SIGNIFY),
        ("CHECKSUMS.sig", SIGNIFY),
        ("a.sha256.sig", SIGNIFY),
        ("tool-1.0-sha256sums.sig", SIGNIFY),
    ],
)
def test_a_manifest_in_its_signature_is_found_and_read(name: str, content: str, tmp_path: Path) -> None:
    root = plant(tmp_path, **{name: content})
    assert checksig.find_manifests(root) == [f"{root}/{name}"]
    for report in (checksig.check(root, extra="fail"), checksig.check(root, root / name)):
        assert report.ok
        assert report.manifests[0].algorithms == ("sha256",)
        assert report.manifests[0].notes == ("signature not checked",)
    (root / "a").write_bytes(b"2")
    assert not checksig.check(root).ok


def test_a_manifest_in_its_signature_is_found_beside_others_and_among_many_files(tmp_path: Path) -> None:
    root = plant(
        tmp_path, **{"SHA256.sig": SIGNIFY, "SHA512SUMS": f"{hashlib.sha512(b'1').hexdigest()}  a\n"}
    )
    found = [f"{root}/SHA512SUMS", f"{root}/SHA256.sig"]
    assert checksig.find_manifests(root) == found
    for number in range(2001):
        (root / f"f{number}").touch()
    assert checksig.find_manifests(root) == found


def test_the_lines_of_a_signed_manifest_have_their_numbers_in_the_file(tmp_path: Path) -> None:
    root = plant(tmp_path, **{"SHA256SUMS.sig": SIGNIFY + "torn\n"})
    assert [line.line for line in checksig.check(root).bad_lines] == [4]


@pytest.mark.parametrize("content", [CLEARTEXT, SIGNIFY])
def test_a_manifest_in_its_signature_is_not_updated(content: str, tmp_path: Path) -> None:
    root = plant(tmp_path, SHA256SUMS=content)
    with pytest.raises(ValueError, match="signature not checked"):
        checksig.update(root)


@pytest.mark.parametrize(
    "signature",
    [
        SIGNIFY.removesuffix(LINE),
        f"untrusted comment: x\n{BASE64}\ntrusted comment: y\n{'b' * 88}\n",
        "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n",
    ],
)
def test_a_detached_signature_is_no_manifest(signature: str, tmp_path: Path) -> None:
    root = plant(tmp_path, **{"SHA256SUMS.sig": signature})
    with pytest.raises(checksig.ManifestNotFoundError):
        checksig.check(root)
    with pytest.raises(checksig.ManifestError, match="looks like a"):
        checksig.check(root, root / "SHA256SUMS.sig")


def test_the_signature_of_a_fifo_or_a_link_out_is_never_opened_without_keys(tmp_path: Path) -> None:
    root = plant(tmp_path, SHA256SUMS=LINE)
    os.mkfifo(root / "SHA256SUMS.asc")
    (root / "SHA256SUMS.sig").symlink_to("/etc/passwd")
    report = checksig.check(root)
    assert report.ok
    assert report.manifests[0].notes == ("signature not checked",)

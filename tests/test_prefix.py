"""strip_prefix: names that begin elsewhere, in each function and command that reads a manifest."""

from __future__ import annotations

import hashlib
import io
import json
import os
from pathlib import Path

import pytest
from support import command, posix

import checksig
from checksig import Changes, Entry


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """Return a directory whose manifest lists names as they were where it was written."""
    root = tmp_path / "release"
    (root / "d").mkdir(parents=True)
    lines = []
    for name in ("a", "d/b"):
        (root / name).write_text(name)
        lines.append(f"{hashlib.sha256(name.encode()).hexdigest()}  target/release/{name}\n")
    (root / "SHA256SUMS").write_text("".join(lines))
    return root


@pytest.mark.parametrize("prefix", ["target/release", b"target/release/", Path("./target/release")])
def test_each_function_takes_a_prefix_off(release: Path, prefix: str) -> None:
    checksig.check_signatures(release, strip_prefix=prefix)
    report = checksig.check(release, strip_prefix=prefix, extra="fail")
    assert report.ok
    assert report.manifests[0].notes == ('"target/release/" is taken off 2 of 2 entries',)
    results = checksig.iter_check(release, strip_prefix=prefix)
    assert [(result.path, result.bad) for result in results] == [("a", False), ("d/b", False)]
    for source in (release, release / "SHA256SUMS", io.BytesIO((release / "SHA256SUMS").read_bytes())):
        entries = checksig.read_manifest(source, strip_prefix=prefix)
        assert [entry.path for entry in entries] == ["a", "d/b"]
    assert checksig.diff(release, strip_prefix=prefix) == Changes(unchanged=2)
    listed = [Entry("target/release/a", "sha256", hashlib.sha256(b"a").hexdigest())]
    assert checksig.check(release, listed, strip_prefix=prefix).ok


def test_a_prefix_of_no_name_is_an_error(release: Path) -> None:
    for call in (checksig.check, checksig.diff, checksig.check_signatures):
        with pytest.raises(checksig.ManifestError, match='no name begins with "target/rel/"'):
            call(release, strip_prefix="target/rel")
    for prefix in ("", ".", "./", "a\0b"):
        with pytest.raises(ValueError, match="prefix") as caught:
            checksig.check(release, strip_prefix=prefix)
        assert type(caught.value) is ValueError
    with pytest.raises(TypeError):
        checksig.check(release, strip_prefix=5)  # type: ignore[arg-type]


def test_one_of_several_manifests_may_have_the_prefix(release: Path) -> None:
    (release / "MD5SUMS").write_text(f"{hashlib.md5(b'a').hexdigest()}  a\n")
    report = checksig.check(release, strip_prefix="target/release")
    assert (report.ok, report.files) == (True, 2)
    (release / "MD5SUMS").write_text(f"{hashlib.md5(b'b').hexdigest()}  a\n")
    assert [bad.path for bad in checksig.check(release, strip_prefix="target/release").failures] == ["a"]


def test_each_command_takes_a_prefix_off(release: Path) -> None:
    option = ("--strip-prefix", "target/release/")
    done = command("check", *option, cwd=release)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith('SHA256SUMS · "target/release/" is taken off 2 of 2 entries\n')
    listed = command("show", *option, cwd=release).stdout.splitlines()
    assert [line.split("  ")[-1] for line in listed[:2]] == ["a", "d/b"]
    assert command("diff", *option, cwd=release).stdout == "2 unchanged\n"
    (release / "a").write_text("other")
    done = command("check", *option, cwd=release)
    assert (done.returncode, done.stdout.splitlines()[0]) == (1, "a: FAILED")
    assert command("check", "--strip-prefix", "release", cwd=release).returncode == 2
    assert command("check", "--strip-prefix", "", cwd=release).returncode == 2


def test_the_hint_names_the_prefix_that_all_names_have(release: Path) -> None:
    hint = 'all names begin with "target/release/": --strip-prefix, or strip_prefix=, takes it off'
    assert checksig.check(release).hint == hint
    assert command("check", cwd=release).stderr.endswith(f"checksig: hint: {hint}\n")
    summary = json.loads(command("check", "--json", cwd=release).stdout.splitlines()[-1])
    assert summary["hint"] == hint
    (release / "target" / "release").mkdir(parents=True)
    (release / "target" / "release" / "a").write_text("a")
    assert checksig.check(release).hint is None


@posix
def test_absolute_names_are_below_the_root_of_the_file_system(release: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "list.sha256"
    digests = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("a", "d/b")}
    manifest.write_text("".join(f"{digest}  {release}/{name}\n" for name, digest in digests.items()))
    for root in ("/", "//", "/."):
        assert checksig.check(root, manifest).files == 2
        checksig.check_signatures(root, manifest)
    done = command("check", "-v", "-m", manifest, "/", cwd=tmp_path)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, f"{release}/a: OK")
    assert command("check", "-m", manifest, "/", cwd=tmp_path).returncode == 0
    assert not checksig.check(tmp_path, manifest).ok
    assert checksig.check(release, manifest, strip_prefix=release).ok
    (release / "out").symlink_to("/etc")
    manifest.write_text(f"{digests['a']}  {release}/out/passwd\n{digests['a']}  /../{release}/a\n")
    reasons = [bad.reason for bad in checksig.check("/", manifest).failures]
    assert reasons == ["symlink out of the directory", ".. in the path"]


@posix
def test_names_and_prefixes_need_not_be_utf_8(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff")).write_bytes(b"1")
    digest = hashlib.sha256(b"1").hexdigest().encode()
    (tmp_path / "SHA256SUMS").write_bytes(digest + b"  out\xfe/\xff\n")
    assert checksig.check(tmp_path, strip_prefix=b"out\xfe").ok
    assert checksig.check(tmp_path, strip_prefix=os.fsdecode(b"out\xfe")).ok

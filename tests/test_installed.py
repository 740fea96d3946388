"""Installed packages, verified by their RECORD: one, and all of an environment."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from pathlib import Path

import pytest
from support import command, posix

import checksig
from checksig import Package, Status, find_packages

SITE = "lib/python3.11/site-packages"


def install(env: Path, name: str, files: dict[str, bytes], more: str = "", site: str = SITE) -> Path:
    """Write the files of a package, whose names count from its site-packages, and its RECORD."""
    info = env / site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    lines = []
    for path, content in files.items():
        target = Path(os.path.normpath(env / site / path))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
        lines.append(f"{path},sha256={digest},{len(content)}\r\n")
    (info / "RECORD").write_bytes("".join([*lines, more, f"{info.name}/RECORD,,\r\n"]).encode())
    return info / "RECORD"


@pytest.fixture
def env(tmp_path: Path) -> Path:
    """Return an environment with two packages, of which one has a script and a compiled file."""
    env = tmp_path / "env"
    env.mkdir()
    (env / "pyvenv.cfg").touch()
    install(env, "tool", {"tool.py": b"1", "../../../bin/tool": b"#!"}, "__pycache__/tool.pyc,,\r\n")
    install(env, "Data", {"data/a": b"1", "data/b": b"2"})
    return env


def record_of(env: Path, name: str) -> Path:
    return env / SITE / f"{name}-1.0.dist-info" / "RECORD"


def test_a_package_is_verified_with_its_scripts(env: Path) -> None:
    record = record_of(env, "tool")
    report = checksig.check(env, record)
    assert report.ok
    assert report.manifests[0].notes == ("2 lines without a digest were passed over",)
    assert [result.path for result in checksig.iter_check(env, record)] == [f"{SITE}/tool.py", "bin/tool"]
    (env / "bin" / "tool").write_bytes(b"#?")
    with pytest.raises(checksig.VerificationError, match=f'^"{env}/bin/tool" - mismatch$'):
        checksig.check_signatures(env, record)
    failures = checksig.check(env / SITE, record).failures
    assert [(bad.path, bad.reason) for bad in failures] == [("../../../bin/tool", ".. in the path")]


@posix
def test_no_name_of_a_package_leads_out_of_the_environment(env: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"1")
    (env / "link").symlink_to(tmp_path)
    names = ["../../../../out", f"{tmp_path}/out", "../../../link/out", "x/../../../../../out", ".."]
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"1").digest()).decode().rstrip("=")
    record = install(env, "evil", {"a": b"1"}, "".join(f"{name},sha256={digest},1\r\n" for name in names))
    report = checksig.check(env, record)
    assert report.counts[Status.OK] == 1
    assert [bad.status for bad in report.failures] == [Status.ERROR] * len(names)


def test_the_command_verifies_a_package_by_its_record_or_folder(env: Path) -> None:
    record = record_of(env, "tool")
    cwd = env.parent
    for path, folder in (
        (os.path.relpath(record, cwd), cwd),
        (os.path.relpath(record.parent, cwd), cwd),
        (str(record), cwd),
        ("RECORD", record.parent),
        (".", record.parent),
    ):
        done = command("check", path, cwd=folder)
        assert (done.returncode, done.stderr) == (0, ""), path
        assert done.stdout.startswith("2 files OK · sha256"), path
        assert done.stdout.endswith("2 lines without a digest were passed over\n"), path
    (env / "bin" / "tool").write_bytes(b"")
    done = command("check", os.path.relpath(record, cwd), cwd=cwd)
    assert (done.returncode, done.stdout.splitlines()[0]) == (1, "env/bin/tool: FAILED")
    done = command("check", "-m", record, env, cwd=cwd)
    assert (done.returncode, done.stdout.splitlines()[0]) == (1, f"{env}/bin/tool: FAILED")


def test_an_unpacked_wheel_is_its_own_environment(tmp_path: Path) -> None:
    record = install(tmp_path, "x", {"x.py": b"1"}, site=".")
    assert checksig.check(tmp_path, record).ok
    assert command("check", record, cwd=tmp_path).returncode == 0


def test_packages_are_found(env: Path, tmp_path: Path) -> None:
    site = env / SITE
    found = [Package(name, "1.0", str(env), str(record_of(env, name))) for name in ("Data", "tool")]
    assert find_packages(env) == find_packages(os.fsencode(env)) == found
    assert find_packages(site) == found
    assert all(checksig.check(package.environment, package.record).ok for package in found)
    (site / "old.egg-info").mkdir()
    (site / "plain-2.0.dist-info").mkdir()
    unknown = [package for package in find_packages(env) if package.record is None]
    assert [str(package) for package in unknown] == ["old", "plain 2.0"]
    assert find_packages(tmp_path) == []
    assert "pytest" in {package.name for package in find_packages()}
    with pytest.raises(FileNotFoundError):
        find_packages(tmp_path / "gone")


@posix
def test_a_package_is_found_once_if_lib64_is_lib(env: Path) -> None:
    (env / "lib64").symlink_to("lib")
    assert [package.name for package in find_packages(env)] == ["Data", "tool"]


@pytest.mark.parametrize(
    "site", ["lib/python3/dist-packages", "lib64/python3.13/site-packages", "Lib/site-packages"]
)
def test_an_environment_without_a_configuration_is_that_of_its_lib(site: str, tmp_path: Path) -> None:
    script = "/".join(".." for _ in site.split("/")) + "/bin/x"
    record = install(tmp_path, "x", {"x.py": b"1", script: b"2"}, site=site)
    assert find_packages(tmp_path) == find_packages(tmp_path / site)
    assert command("check", record, cwd=tmp_path).returncode == 0


def test_one_call_verifies_all_packages(env: Path) -> None:
    done = command("check", "--installed", "env", cwd=env.parent)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "Data 1.0: 2 files OK · 1 line without a digest was passed over",
        "tool 1.0: 2 files OK · 2 lines without a digest were passed over",
        "2 of 2 packages OK",
    ]
    assert command("check", "--installed", "-q", "env", cwd=env.parent).stdout == ""
    (env / SITE / "data" / "b").write_bytes(b"3")
    done = command("check", "--installed", "env", cwd=env.parent)
    assert done.returncode == 1
    assert done.stdout.splitlines()[:2] == [
        f"env/{SITE}/data/b: FAILED",
        "Data 1.0: 1 of 2 files FAILED · 1 line without a digest was passed over",
    ]
    assert done.stdout.splitlines()[-1] == "1 of 2 packages OK"
    lines = command("check", "--installed", "--json", "-q", "env", cwd=env.parent).stdout.splitlines()
    objects = [json.loads(line) for line in lines]
    summaries = {line["package"]: line["ok"] for line in objects if line["type"] == "summary"}
    assert summaries == {"Data 1.0": False, "tool 1.0": True}
    assert objects[-1] == {"type": "packages", "good": 1, "total": 2}


def test_a_package_that_cannot_be_verified_is_an_error(env: Path) -> None:
    record_of(env, "tool").unlink()
    done = command("check", "--installed", "env", cwd=env.parent)
    assert (done.returncode, done.stderr) == (
        2,
        "checksig: tool 1.0: has no RECORD, so it cannot be verified\n",
    )
    assert done.stdout.splitlines()[-1] == "1 of 2 packages OK"
    record_of(env, "tool").write_text("tool.py,,\n")
    assert command("check", "--installed", "env", cwd=env.parent).returncode == 2
    (env / "empty").mkdir()
    for path in ("env/empty", "env/gone", "env/bin/tool"):
        assert command("check", "--installed", path, cwd=env.parent).returncode == 2
    for option in (["-m", "x"], ["-f", "gnu"], ["-a", "md5"], ["--extra", "fail"], ["--shard", "1/2"]):
        assert command("check", "--installed", *option, "env", cwd=env.parent).returncode == 2

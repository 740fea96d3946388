"""What a release is made of: the table of targets, tags, archives that are the same each time."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import checksig_build
import pytest
import targets
import toolchain
from packaging.tags import compatible_tags, mac_platforms
from support import CHECKOUT, copy_checkout

import checksig

NAME = f"checksig-{checksig.__version__}"

pytestmark = pytest.mark.packaging
EPOCH = 1_700_000_000
LINUX = ("manylinux_x86_64", "musllinux_x86_64")
LIBRARY_FILES = ("_checksig.so", "include/checksig.h")


def build(
    source: Path, out: Path, command: str, umask: int = 0o022, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run a command of setup.py, whose archive goes to ``out``."""
    return subprocess.run(
        [sys.executable, "setup.py", "-q", command, "--dist-dir", out],
        cwd=source,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH), **env},
        capture_output=True,
        text=True,
        check=False,
        umask=umask,
    )


def test_the_tags_are_those_that_installers_know() -> None:
    patterns = {
        "manylinux": r"manylinux_2_17_(x86_64|aarch64)",
        "musllinux": r"musllinux_1_2_(x86_64|aarch64)",
        "macosx": r"macosx_12_0_(x86_64|arm64)",
        "win": r"win_(amd64|arm64)",
    }
    rows = [target.for_go((1, 26, 5)) for target in targets.TARGETS.values()]
    assert len({target.tag for target in rows}) == len(rows) == 8
    for target in rows:
        assert re.fullmatch(patterns[target.name.split("_")[0]], target.tag), target
        assert target.has_library != target.name.startswith("musllinux")
        assert target.has_helper != target.name.startswith("win")
        assert target.library == ("_checksig.dll" if target.goos == "windows" else "_checksig.so")
    known = {tag.platform for tag in compatible_tags((3, 14), "cp314", mac_platforms((26, 0), "arm64"))}
    assert targets.TARGETS["macosx_arm64"].for_go((1, 27)).tag in known


def test_the_version_of_go_decides_which_macos_is_asked_for() -> None:
    target = targets.TARGETS["macosx_x86_64"]
    older, newer = target.for_go((1, 26, 5)), target.for_go((1, 27))
    assert (older.tag, older.triple) == ("macosx_12_0_x86_64", "x86_64-macos.12.0")
    assert (newer.tag, newer.triple) == ("macosx_13_0_x86_64", "x86_64-macos.13.0")
    for version in ((1, 28), (2, 0), ()):
        with pytest.raises(targets.UnknownTargetError, match="which macOS"):
            target.for_go(version)
    assert targets.TARGETS["win_amd64"].for_go((1, 28)).tag == "win_amd64"


def test_go_here_asks_for_the_macos_that_the_table_has() -> None:
    go = toolchain.go_command()
    root = Path(subprocess.check_output([go, "env", "GOROOT"], text=True).strip())
    linker = (root / "src/cmd/link/internal/ld/macho.go").read_text("utf-8")
    found = re.findall(r"^\s+(?:version = |macOS += macVersionFlag\{)(\d+)(?:<<16|, )", linker, re.MULTILINE)
    assert found == [str(targets.MACOS[toolchain.go_version(go)[1]])]


def test_a_target_that_is_named_needs_zig_and_sets_go(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert targets.named_target() is None
    monkeypatch.setenv(targets.VARIABLE, "win_arm64")
    assert toolchain.requirements() == [*toolchain.go_requirements(), toolchain.ZIG_FOR_TARGETS]
    assert toolchain.ZIG_FOR_TARGETS in checksig_build.get_requires_for_build_wheel()
    target = toolchain.chosen_target()
    env = toolchain.environment(toolchain.go_command(), ["zig", "cc"], tmp_path, target)
    assert (env["GOOS"], env["GOARCH"]) == ("windows", "arm64")
    monkeypatch.setenv(targets.VARIABLE, "amiga")
    with pytest.raises(
        targets.UnknownTargetError, match="CHECKSIG_TARGET=amiga is no target; targets are manyl"
    ):
        targets.named_target()


@pytest.mark.parametrize(
    ("platform", "goarch"),
    [
        ("linux-x86_64", "amd64"),
        ("linux-i686", "386"),
        ("linux-aarch64", "arm64"),
        ("linux-armv7l", "arm"),
        ("macosx-11.0-arm64", "arm64"),
        ("win-amd64", "amd64"),
        ("win32", "386"),
        ("macosx-10.9-universal2", None),
    ],
)
def test_a_native_build_is_for_the_processor_of_python(
    platform: str, goarch: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sysconfig, "get_platform", lambda: platform)
    assert toolchain.environment(toolchain.go_command(), [], tmp_path).get("GOARCH") == goarch


def test_an_sdist_and_a_helper_are_the_same_wherever_and_by_whomever_they_are_built(
    tmp_path: Path,
) -> None:
    """The release workflow compares all wheels; here the helper of two wheels stands for them."""
    sdists, out = [], tmp_path / "dist"
    for folder, umask, target in zip(("one", "another place"), (0o022, 0o077), LINUX, strict=True):
        source = copy_checkout(tmp_path / folder / "checkout")
        for path in source.rglob("*.py"):
            path.chmod(path.stat().st_mode & ~umask)
            os.utime(path, (EPOCH - umask, EPOCH - umask))
        for command, environment in (("sdist", {}), ("bdist_wheel", {targets.VARIABLE: target})):
            done = build(source, out, command, umask, **environment)
            assert done.returncode == 0, done.stderr
        sdists.append((out / f"{NAME}.tar.gz").read_bytes())
    assert sdists[0] == sdists[1]
    check_sdist(out / f"{NAME}.tar.gz")
    helpers = [check_wheel(out, targets.TARGETS[name]) for name in LINUX]
    assert helpers[0] == helpers[1]


def check_sdist(path: Path) -> None:
    """Check that nothing in an sdist shows who made it, where, or when."""
    with tarfile.open(path) as archive:
        for member in archive:
            assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", "")
            assert member.mtime == EPOCH
            assert member.mode in (0o644, 0o755)
        assert archive.getmember(f"{NAME}/.ci/run").mode == 0o755


def check_wheel(folder: Path, target: targets.Target) -> bytes:
    """Check a wheel for Linux, and that auditwheel confirms its tag; return the helper."""
    path = folder / f"{NAME}-py3-none-{target.tag}.whl"
    with zipfile.ZipFile(path) as archive:
        modes = {item.filename: item.external_attr >> 16 for item in archive.infolist()}
        helper = archive.read(f"checksig/{toolchain.HELPER}")
    executable = {name for name, mode in modes.items() if stat.S_IMODE(mode) == 0o755}
    assert executable == {f"checksig/{toolchain.HELPER}"}
    others = {stat.S_IMODE(mode) for name, mode in modes.items() if not name.endswith("/RECORD")}
    assert others == {0o644, 0o755}
    built = {name for name in modes if name.endswith((".so", ".dll", ".h"))}
    assert built == ({f"checksig/{name}" for name in LIBRARY_FILES} if target.has_library else set())
    assert b"/lib/ld-" not in helper
    audit = [sys.executable, "-m", "auditwheel", "show", "--json", str(path)]
    found = json.loads(subprocess.check_output(audit))
    assert found["overall_tag"] == target.tag, found
    return helper


def test_a_target_is_for_wheels_alone(checkout: Path) -> None:
    env = {**os.environ, targets.VARIABLE: "win_amd64"}
    command = [sys.executable, "setup.py", "build_ext", "--inplace"]
    done = subprocess.run(command, cwd=checkout, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.endswith("is for wheels: a build in place is for this machine\n")


def test_the_versions_that_make_a_release_are_said_once() -> None:
    pinned = (CHECKOUT / "tools/requirements.txt").read_text("utf-8").split()
    assert toolchain.ZIG_FOR_TARGETS in pinned
    tests = (CHECKOUT / "tests/requirements.txt").read_text("utf-8").split()
    for name in ("auditwheel", "build", "setuptools", "wheel", "ziglang"):
        (version,) = [line for line in pinned if line.startswith(f"{name}==")]
        assert version in tests

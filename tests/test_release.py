"""What makes a release: the table of targets, the tags, and archives that are always the same."""

from __future__ import annotations

import os
import re
import shlex
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
from stubs import StubGo
from support import CHECKOUT, copy_checkout

import checksig

NAME = f"checksig-{checksig.__version__}"

pytestmark = pytest.mark.packaging
EPOCH = 1_700_000_000


def build(source: Path, out: Path, command: str, go: StubGo, umask: int = 0o022, **env: str) -> None:
    """Run a command of setup.py, whose archive goes to ``out``."""
    done = subprocess.run(
        [sys.executable, "setup.py", "-q", command, "--dist-dir", out],
        cwd=source,
        env={**go.env, "SOURCE_DATE_EPOCH": str(EPOCH), **env},
        capture_output=True,
        text=True,
        check=False,
        umask=umask,
    )
    assert done.returncode == 0, done.stderr


def test_the_tags_are_those_that_installers_accept() -> None:
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


def test_the_version_of_go_decides_which_macos_is_required() -> None:
    target = targets.TARGETS["macosx_x86_64"]
    older, newer = target.for_go((1, 26, 5)), target.for_go((1, 27))
    assert (older.tag, older.triple) == ("macosx_12_0_x86_64", "x86_64-macos.12.0")
    assert (newer.tag, newer.triple) == ("macosx_13_0_x86_64", "x86_64-macos.13.0")
    for version in ((1, 28), (2, 0), ()):
        with pytest.raises(targets.UnknownTargetError, match="no macOS is known for Go"):
            target.for_go(version)
    assert targets.TARGETS["win_amd64"].for_go((1, 28)).tag == "win_amd64"


def test_this_machines_go_requires_the_macos_of_the_table() -> None:
    go = toolchain.go_command()
    root = Path(subprocess.check_output([go, "env", "GOROOT"], text=True).strip())
    linker = (root / "src/cmd/link/internal/ld/macho.go").read_text("utf-8")
    found = re.findall(r"^\s+(?:version = |macOS += macVersionFlag\{)(\d+)(?:<<16|, )", linker, re.MULTILINE)
    assert found == [str(targets.MACOS[toolchain.go_version(go)[1]])]


def test_a_build_for_a_target_requires_zig_and_tells_go_the_platform(
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
        targets.UnknownTargetError, match=r'invalid CHECKSIG_TARGET "amiga" \(choose from manyl'
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


def test_archives_are_identical_whoever_makes_them_wherever_and_whenever(
    tmp_path: Path, stub_go: StubGo
) -> None:
    """The programs in them are copies; tests/test_packaging.py compares builds of those."""
    made: list[dict[str, bytes]] = []
    for folder, umask in (("one", 0o022), ("another place", 0o077)):
        source = copy_checkout(tmp_path / folder / "checkout")
        for path in source.rglob("*.py"):
            path.chmod(path.stat().st_mode & ~umask)
            os.utime(path, (EPOCH - umask, EPOCH - umask))
        out = tmp_path / folder / "dist"
        for command in ("sdist", "bdist_wheel"):
            build(source, out, command, stub_go, umask)
        made.append({path.name: path.read_bytes() for path in out.iterdir()})
    assert len(made[0]) == 2
    assert made[0] == made[1]
    with tarfile.open(out / f"{NAME}.tar.gz") as archive:
        for member in archive:
            assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", "")
            assert member.mtime == EPOCH
            assert member.mode in (0o644, 0o755)
        assert archive.getmember(f"{NAME}/.ci/run").mode == 0o755
        assert f"{NAME}/go/vendor/modules.txt" in archive.getnames()


def test_each_wheel_has_the_tag_and_the_files_of_its_target(
    tmp_path: Path, checkout: Path, stub_go: StubGo
) -> None:
    """All are built in one checkout: no wheel may contain what was built for another target."""
    for name, target in targets.TARGETS.items():
        target = target.for_go((1, 27))  # the stub's version
        build(checkout, tmp_path / "dist", "bdist_wheel", stub_go, CHECKSIG_TARGET=name)
        with zipfile.ZipFile(tmp_path / "dist" / f"{NAME}-py3-none-{target.tag}.whl") as archive:
            modes = {item.filename: stat.S_IMODE(item.external_attr >> 16) for item in archive.infolist()}
            assert f"Tag: py3-none-{target.tag}\n" in archive.read(f"{NAME}.dist-info/WHEEL").decode()
        built = {path for path in modes if not path.endswith(".py") and path.startswith("checksig/")}
        library = (
            {f"checksig/{target.library}", "checksig/include/checksig.h"} if target.has_library else set()
        )
        helper = {f"checksig/{toolchain.HELPER}"} if target.has_helper else set()
        assert built == {"checksig/py.typed", "checksig/_checksig.sha256"} | library | helper
        assert {path for path, mode in modes.items() if mode == 0o755} >= helper
        assert {mode for path, mode in modes.items() if not path.endswith("/RECORD")} <= {0o644, 0o755}

        calls = stub_go.builds()[-(target.has_library + target.has_helper) :]
        options = [target.compiler_options] * target.has_library + [target.helper_options] * target.has_helper
        for call, (option, triple, *_) in zip(calls, options, strict=True):
            assert (call["env"]["GOOS"], call["env"]["GOARCH"]) == (target.goos, target.goarch)
            assert shlex.split(call["env"]["CC"])[:4] == [toolchain.zig(), "cc", option, triple]


def test_a_target_is_for_wheels_alone(checkout: Path) -> None:
    env = {**os.environ, targets.VARIABLE: "win_amd64"}
    command = [sys.executable, "setup.py", "build_ext", "--inplace"]
    done = subprocess.run(command, cwd=checkout, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.endswith("is for wheels: a build in place is for this machine\n")


def test_every_list_of_requirements_pins_the_same_versions() -> None:
    versions: dict[str, set[str]] = {}
    for path in CHECKOUT.glob("*/requirements.txt"):
        for line in path.read_text("utf-8").splitlines():
            if not line.startswith("#"):
                name, version = line.split("==")
                versions.setdefault(name, set()).add(version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}
    assert {"build", "grpcio", "setuptools", "wheel", "ziglang"} <= versions.keys()
    assert versions["ziglang"] == {toolchain.ZIG_FOR_TARGETS.removeprefix("ziglang==")}

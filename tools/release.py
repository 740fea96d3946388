"""Builds the sdist and all wheels of a release.

    python tools/release.py [--out FOLDER] [--reproduce] [TARGET ...]

Run it with a Python that has the packages in tools/requirements.txt: their versions, the version of
Go and the commit decide the bits. The sdist is made first, and the wheels are built from it. The
time of everything is that of the last commit, or SOURCE_DATE_EPOCH.

With --reproduce it builds everything again from a clone of the commit, in another folder, with
another umask and with empty caches, and compares the result with FOLDER.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import build

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT / "build_backend"))

import targets  # noqa: E402
import toolchain  # noqa: E402


def main() -> None:
    """Build what the command line asks for, and list the files."""
    parser = argparse.ArgumentParser(description="Build the sdist and all wheels of a release.")
    parser.add_argument(
        "--out", type=Path, default=CHECKOUT / "dist", help="the folder for the files; default: dist"
    )
    parser.add_argument("--reproduce", action="store_true", help="build again elsewhere, and compare")
    parser.add_argument("target", nargs="*", help=f"one of {', '.join(targets.TARGETS)}; default: all")
    arguments = parser.parse_args()
    unknown = set(arguments.target) - set(targets.TARGETS)
    if unknown:
        parser.error(f"unknown targets: {', '.join(sorted(unknown))}")
    os.environ.setdefault("SOURCE_DATE_EPOCH", commit_time())
    go = toolchain.go_command()
    version = ".".join(map(str, toolchain.go_version(go)))
    print(f"Go {version}, SOURCE_DATE_EPOCH={os.environ['SOURCE_DATE_EPOCH']}")
    out = arguments.out.absolute()
    if arguments.reproduce:
        reproduce(arguments.target, out)
        return
    refuse_others(out)
    made = build_all(arguments.target or list(targets.TARGETS), out)
    for path in made:
        print(f"{path.stat().st_size:>10,}  {path.name}")


def reproduce(names: Sequence[str], out: Path) -> None:
    """Build everything again where nothing is the same but the commit, and compare it with ``out``."""
    with tempfile.TemporaryDirectory(prefix="checksig-release-") as scratch:
        again = Path(scratch, "another place")
        subprocess.run(["git", "clone", "--quiet", CHECKOUT, again], check=True)
        caches = {"GOCACHE": f"{scratch}/go-cache", "ZIG_GLOBAL_CACHE_DIR": f"{scratch}/zig-cache"}
        command = [sys.executable, str(again / "tools/release.py"), *names]
        subprocess.run(command, env={**os.environ, **caches}, umask=0o077, check=True)
        made = sorted((again / "dist").iterdir())
        differ = [path.name for path in made if path.read_bytes() != (out / path.name).read_bytes()]
        if differ:
            sys.exit(f"built again, these differ: {', '.join(differ)}")
    print(f"{len(made)} files are the same, bit for bit")


def commit_time() -> str:
    """Return when the last commit was made, in seconds."""
    command = ["git", "log", "-1", "--format=%ct"]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout.strip()


def refuse_others(out: Path) -> None:
    """End the run if the folder has files of another release, because these would be uploaded, too."""
    left = sorted(path.name for path in out.glob("checksig-*"))
    if left:
        sys.exit(f"{out} already has {', '.join(left)}: move these files away")


def build_all(names: Sequence[str], out: Path) -> list[Path]:
    """Build the sdist, and from it a wheel for each target; return their paths."""
    with tempfile.TemporaryDirectory(prefix="checksig-release-") as scratch:
        made = [step(1, 1 + len(names), "sdist", CHECKOUT, out, {})]
        with tarfile.open(made[0]) as archive:
            archive.extractall(scratch, filter="data")
        (source,) = Path(scratch).iterdir()
        for number, name in enumerate(names, 2):
            made.append(step(number, 1 + len(names), name, source, out, {targets.VARIABLE: name}))
    return made


def step(number: int, steps: int, what: str, source: Path, out: Path, env: Mapping[str, str]) -> Path:
    """Build the sdist or a target's wheel, and print its name and the seconds."""
    print(f"[{number}/{steps}] {what}", end=" ", flush=True)
    start = time.monotonic()

    def run(
        cmd: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None
    ) -> None:
        variables = {**os.environ, **(extra_environ or {}), **env}
        done = subprocess.run(cmd, cwd=cwd, env=variables, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"failed:\n{done.stdout}\n{done.stderr}")

    builder = build.ProjectBuilder(source, runner=run)
    kind: Literal["wheel", "sdist"] = "wheel" if env else "sdist"
    missing = builder.check_dependencies(kind)
    if missing:
        sys.exit(f"failed: {missing} is not installed: pip install -r tools/requirements.txt")
    path = Path(builder.build(kind, out))
    print(f"{time.monotonic() - start:.0f} s: {path.name}", flush=True)
    return path


if __name__ == "__main__":
    main()

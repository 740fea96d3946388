"""Builds the sdist and all wheels of a release.

    python tools/release.py [--out FOLDER] [TARGET ...]

The Python that runs it has what tools/requirements.txt names: the versions there,
the version of Go and the commit make the bits. Everything is built from the sdist,
which is made first. Its time is that of the last commit, or SOURCE_DATE_EPOCH.
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
    """Build what the command line asks for, and say what came of it."""
    parser = argparse.ArgumentParser(description="Build the sdist and all wheels of a release.")
    parser.add_argument("--out", type=Path, default=CHECKOUT / "dist", help="where they go; default: dist")
    parser.add_argument("target", nargs="*", help=f"of {', '.join(targets.TARGETS)}; default: all")
    arguments = parser.parse_args()
    unknown = set(arguments.target) - set(targets.TARGETS)
    if unknown:
        parser.error(f"no targets: {', '.join(sorted(unknown))}")
    os.environ.setdefault("SOURCE_DATE_EPOCH", commit_time())
    go = toolchain.go_command()
    version = ".".join(map(str, toolchain.go_version(go)))
    print(f"Go {version}, SOURCE_DATE_EPOCH={os.environ['SOURCE_DATE_EPOCH']}")
    out = arguments.out.absolute()
    refuse_others(out)
    made = build_all(arguments.target or list(targets.TARGETS), out)
    for path in made:
        print(f"{path.stat().st_size:>10,}  {path.name}")


def commit_time() -> str:
    """Return when the last commit was made, in seconds."""
    command = ["git", "log", "-1", "--format=%ct"]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout.strip()


def refuse_others(out: Path) -> None:
    """End the run if the folder holds what another release left: it would be uploaded, too."""
    left = sorted(path.name for path in out.glob("checksig-*"))
    if left:
        sys.exit(f"{out} holds {', '.join(left)}: move them away")


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
    """Build the sdist, or a target's wheel, and say so."""
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

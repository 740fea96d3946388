"""Builds the programs of this directory: ``floor`` and ``slow``, in C, and ``articles``, in Go."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "build_backend"))

import toolchain  # noqa: E402


def build(place: Path) -> dict[str, Path]:
    """Build what can be built here into a directory; return the name and path of each program."""
    place.mkdir(parents=True, exist_ok=True)
    made = {name: build_c(name, place) for name in ("floor", "slow")}
    made["articles"] = build_articles(place / "articles")
    return {name: path for name, path in made.items() if path is not None}


def build_c(name: str, place: Path) -> Path | None:
    """Build a C program if the machine has a C compiler; ``slow`` only on Linux."""
    compiler = toolchain.machine_cc()
    if compiler is None or (name == "slow" and not sys.platform.startswith("linux")):
        return None
    command = [*compiler, "-O2", "-pthread", "-o", str(place / name), str(HERE / f"{name}.c")]
    subprocess.run(command, check=True)
    return place / name


def build_articles(path: Path) -> Path | None:
    """Build the Go program if there is a Go that can build checksig."""
    try:
        go = toolchain.go_command()
    except toolchain.ToolchainError:
        return None
    env = {**toolchain.environment(go, [], path.parent), "CGO_ENABLED": "0"}
    command = [go, "build", "-buildvcs=false", "-o", str(path), "."]
    subprocess.run(command, cwd=HERE / "articles", env=env, check=True)
    return path

"""Builds the two programs of this directory: ``floor``, in C, and ``articles``, in Go."""

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
    made = {"floor": build_floor(place / "floor"), "articles": build_articles(place / "articles")}
    return {name: path for name, path in made.items() if path is not None}


def build_floor(path: Path) -> Path | None:
    """Build the C program if the machine has a C compiler."""
    compiler = toolchain.machine_cc()
    if compiler is None:
        return None
    source = HERE / "floor.c"
    subprocess.run([*compiler, "-O2", "-pthread", "-o", str(path), str(source)], check=True)
    return path


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

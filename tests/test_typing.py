"""The types of the public interface, as mypy and pyright see them."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import CHECKOUT, PACKAGE, environment

import checksig

USES = CHECKOUT / "tests" / "typing_tests.py"


def run(*command: str | Path, cwd: Path) -> str:
    """Run a type checker on the package under test; return its output."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # pyright runs "python"
    env = {**environment(), "MYPYPATH": str(PACKAGE.parent), "PATH": path}
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_mypy_agrees_with_the_uses_of_the_interface(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    output = run("mypy", "--strict", "--python-version=3.11", USES, cwd=tmp_path)
    assert output == "Success: no issues found in 1 source file\n"


def test_pyright_agrees_with_the_uses_of_the_interface(tmp_path: Path) -> None:
    pytest.importorskip("pyright")
    shutil.copy(USES, tmp_path)
    config = {
        "extraPaths": [str(PACKAGE.parent)],
        "pythonVersion": "3.11",
        "typeCheckingMode": "strict",
        "reportUnnecessaryTypeIgnoreComment": "error",
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(config))
    output = run("pyright", "--stats", cwd=tmp_path)
    assert "Total files checked: 1\n" in output
    assert "0 errors, 0 warnings, " in output


def test_the_type_of_each_public_name_is_complete(tmp_path: Path) -> None:
    pytest.importorskip("pyright")
    verify = ("--ignoreexternal", "--verifytypes", "checksig")
    output = run("pyright", *verify, cwd=tmp_path)
    assert "Type completeness score: 100%\n" in output


def test_each_public_name_is_among_the_uses() -> None:
    nodes = ast.walk(ast.parse(USES.read_text("utf-8")))
    used = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    assert set(checksig.__all__) <= used

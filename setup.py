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
sys.path.insert(0, str(HERE / "build_backend"))

import archive  # noqa: E402
import targets  # noqa: E402
import toolchain  # noqa: E402

HEADERS = ("checksig.h", "_checksig.h")
BUILD_ERRORS = (toolchain.ToolchainError, targets.UnknownTargetError)
TARGET = targets.named_target()
LIBRARY = TARGET.library if TARGET else targets.LIBRARY
HAS_LIBRARY = TARGET.has_library if TARGET else True
HAS_HELPER = TARGET.has_helper if TARGET else sys.platform != "win32"


class BuildGoLibrary(build_ext):
    """Builds the package's library with ``go build -buildmode=c-shared``, and its helper program.

    It lies in the package as ``_checksig.so``, without the suffix that ties an
    extension module to one version of Python, since it knows nothing of Python;
    its headers lie in ``include``. Go's own cache makes a second build quick, so
    both are built anew each time.
    """

    def get_ext_filename(self, fullname: str) -> str:
        """Return the library's path inside the package."""
        return str(Path(*fullname.split(".")[:-1], LIBRARY))

    def run(self) -> None:
        """Build, unless it is for another machine and would lie where this one's is."""
        if TARGET and self.inplace:
            raise ExecError(f"{targets.VARIABLE} is for wheels: what is built in place serves this machine")
        super().run()

    def build_extension(self, ext: Extension) -> None:
        """Build library and helper and lay them, and the headers, into the build directory."""
        package = Path(self.build_lib, self.get_ext_filename(ext.name)).parent
        version = self.distribution.get_version()
        with tempfile.TemporaryDirectory(prefix="checksig-") as scratch:
            try:
                built = self._build(version, Path(scratch))
            except BUILD_ERRORS as error:
                raise ExecError(str(error)) from None
            for program in built:
                replace(program, package / program.name)
            if HAS_LIBRARY:
                replace(built[0].with_suffix(".h"), package / "include" / "_checksig.h")
                replace(toolchain.GO_SOURCES / "checksig.h", package / "include" / "checksig.h")

    def _build(self, version: str, scratch: Path) -> list[Path]:
        target = toolchain.chosen_target()
        return [
            *([toolchain.build_library(version, scratch, target=target)] if HAS_LIBRARY else []),
            *([toolchain.build_helper(version, scratch, target=target)] if HAS_HELPER else []),
        ]

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
        library = [LIBRARY, *(f"include/{header}" for header in HEADERS)] if HAS_LIBRARY else []
        return [package / name for name in (*library, *([toolchain.HELPER] if HAS_HELPER else []))]


class SdistWithModules(sdist):
    """Makes an sdist that carries the Go modules, so that it builds offline; the same one each time."""

    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        """Copy the files, and put the modules beside them."""
        super().make_release_tree(base_dir, files)
        try:
            toolchain.vendor(Path(base_dir, "go").resolve())
        except toolchain.ToolchainError as error:
            raise ExecError(str(error)) from None

    def make_archive(self, base_name: Any, format: str, *args: Any, **options: Any) -> Any:
        """Write the archive; one of another format than ``gztar`` as setuptools does."""
        if format != "gztar":
            return super().make_archive(base_name, format, *args, **options)
        path = Path(f"{base_name}.tar.gz")
        path.parent.mkdir(parents=True, exist_ok=True)
        archive.write_sdist(Path(options["base_dir"]).resolve(), path)
        return str(path)


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
                target = toolchain.chosen_target()
                return "py3", "none", target.tag if target else super().get_tag()[2]

            def write_wheelfile(self, *args: Any, **options: Any) -> None:
                super().write_wheelfile(*args, **options)
                archive.plain_modes(Path(self.bdist_dir))  # all is there now, and is packed next

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
    # What was built for one target must not get into the wheel of another.
    options={"build": {"build_base": f"build/{TARGET.name}"}} if TARGET else {},
    license="MIT",  # in pyproject.toml its form depends on the version of setuptools
    ext_modules=[Extension("checksig._checksig", sources=[])],
    cmdclass={"build_ext": BuildGoLibrary, "sdist": SdistWithModules, **wheel_commands()},
)

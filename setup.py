"""Builds checksig's shared library and its helper with Go; everything else is in pyproject.toml."""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, cast

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist
from setuptools.errors import ExecError

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "build_backend"))

import archive  # noqa: E402
import long_description  # noqa: E402
import targets  # noqa: E402
import toolchain  # noqa: E402

HEADER = "include/checksig.h"
MANIFEST = "_checksig.sha256"
BUILD_ERRORS = (toolchain.ToolchainError, targets.UnknownTargetError)
TARGET = targets.named_target()
LIBRARY = TARGET.library if TARGET else targets.LIBRARY
HAS_LIBRARY = TARGET.has_library if TARGET else True
HAS_HELPER = TARGET.has_helper if TARGET else sys.platform != "win32"


class BuildGoLibrary(build_ext):
    """Builds the package's library with ``go build -buildmode=c-shared``, and its helper program.

    The library is ``_checksig.so`` in the package. It has no suffix that ties it to
    one version of Python because it does not use Python's ABI. Its header is in
    ``include``. Library and helper are rebuilt each time because Go's cache makes a
    second build fast.
    """

    def get_ext_filename(self, fullname: str) -> str:
        """Return the library's path inside the package."""
        return str(Path(*fullname.split(".")[:-1], LIBRARY))

    def run(self) -> None:
        """Build; refuse to build in place for another machine."""
        if TARGET and self.inplace:
            raise ExecError(f"{targets.VARIABLE} is for wheels: a build in place is for this machine")
        super().run()

    def build_extension(self, ext: Extension) -> None:
        """Build library and helper, and put them, their manifest and the header into the build directory."""
        package = Path(self.build_lib, self.get_ext_filename(ext.name)).parent
        version = self.distribution.get_version()
        with tempfile.TemporaryDirectory(prefix="checksig-") as scratch:
            try:
                built = self._build(version, Path(scratch))
            except BUILD_ERRORS as error:
                raise ExecError(str(error)) from None
            for program in built:
                replace(program, package / program.name)
            lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in built]
            Path(scratch, MANIFEST).write_text("".join(lines), "utf-8")
            replace(Path(scratch, MANIFEST), package / MANIFEST)
            if HAS_LIBRARY:
                replace(toolchain.GO_SOURCES / "checksig.h", package / HEADER)

    def _build(self, version: str, scratch: Path) -> list[Path]:
        target = toolchain.chosen_target()
        return [
            *([toolchain.build_library(version, scratch, target=target)] if HAS_LIBRARY else []),
            *([toolchain.build_helper(version, scratch, target=target)] if HAS_HELPER else []),
        ]

    def copy_extensions_to_source(self) -> None:
        """Copy the built files into the source tree (``--inplace``, ``pip install -e``)."""
        for built, source in self.get_output_mapping().items():
            replace(Path(built), Path(source))

    def get_outputs(self) -> list[str]:
        """Return the paths of all built files in the build directory."""
        return [str(path) for path in self._outputs(Path(self.build_lib, "checksig"))]

    def get_output_mapping(self) -> dict[str, str]:
        """Return where in the source tree each output goes, for an in-place build."""
        if not self.inplace:
            return {}
        sources = cast(build_py, self.get_finalized_command("build_py"))
        package = Path(sources.get_package_dir("checksig"))
        return dict(zip(self.get_outputs(), map(str, self._outputs(package)), strict=True))

    def _outputs(self, package: Path) -> list[Path]:
        library = [LIBRARY, HEADER] if HAS_LIBRARY else []
        helper = [toolchain.HELPER] if HAS_HELPER else []
        return [package / name for name in (*library, *helper, MANIFEST)]


class SdistWithModules(sdist):
    """Makes a reproducible sdist that contains the Go modules, so that it can be built offline."""

    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        """Copy the files, and add the Go modules."""
        super().make_release_tree(base_dir, files)
        try:
            toolchain.vendor(Path(base_dir, "go").resolve())
        except toolchain.ToolchainError as error:
            raise ExecError(str(error)) from None

    def make_archive(self, base_name: Any, format: str, *args: Any, **options: Any) -> Any:
        """Write a ``gztar`` archive ourselves; leave every other format to setuptools."""
        if format != "gztar":
            return super().make_archive(base_name, format, *args, **options)
        path = Path(f"{base_name}.tar.gz")
        path.parent.mkdir(parents=True, exist_ok=True)
        archive.write_sdist(Path(options["base_dir"]).resolve(), path)
        return str(path)


class BdistWheel(bdist_wheel):
    """Makes one wheel for every Python 3 of a platform."""

    def get_tag(self) -> tuple[str, str, str]:
        """Return the tag: any Python 3, no ABI, and the target's platform or this machine's."""
        target = toolchain.chosen_target()
        return "py3", "none", target.tag if target else super().get_tag()[2]

    def write_wheelfile(self, *args: Any, **options: Any) -> None:
        """Write the last file of the wheel, and then set the modes of all files before they are packed."""
        super().write_wheelfile(*args, **options)
        assert self.bdist_dir is not None
        archive.plain_modes(Path(self.bdist_dir))


def replace(source: Path, target: Path) -> None:
    """Copy ``source`` to ``target`` atomically.

    A process that has loaded the old library keeps it. Writing into the file would
    crash that process.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".checksig-") as folder:
        copy = Path(folder, target.name)
        shutil.copy(source, copy)  # with its mode, because the helper must be executable
        copy.replace(target)


setup(
    # Keep the builds for different targets apart, so that no file of one gets into the wheel of another.
    options={"build": {"build_base": f"build/{TARGET.name}"}} if TARGET else {},
    long_description=long_description.read(HERE),
    long_description_content_type="text/markdown",
    ext_modules=[Extension("checksig._checksig", sources=[])],
    cmdclass={"build_ext": BuildGoLibrary, "bdist_wheel": BdistWheel, "sdist": SdistWithModules},
)

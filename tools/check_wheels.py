"""Checks the wheels of a release, as far as one Linux machine with x86_64 can.

    python tools/check_wheels.py [OPTION ...] [STEP ...]

Build the wheels with tools/release.py first, and prepare the machine with
tools/install_emulators.sh. docs/release.md says what is run and what is only inspected. The first
failure ends the run.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import check_binaries

CHECKOUT = Path(__file__).resolve().parent.parent
for folder in ("build_backend", "tests", "src"):
    sys.path.insert(0, str(CHECKOUT / folder))

import targets  # noqa: E402
import toolchain  # noqa: E402
from case_trees import CASES, ON_WINDOWS, is_plain, make_tree, options_of  # noqa: E402
from corpus import files_of, is_as_expected  # noqa: E402

# The tests that need no compiler, no idle machine, and no package but pytest. Each Python must pass all.
PUBLIC = ("cases", "check_signatures", "extra", "hints", "hostile", "kernels", "manifests", "write")
# It needs an environment with more packages.
LEFT_OUT = "tests/test_manifests.py::test_the_wheels_of_this_environment_are_as_they_were_installed"
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
NEEDED = ("pytest",)
DEPENDENCIES = ("click", "tqdm", "colorama")
# Where no library can be loaded, these test the helper as well.
ON_MUSL = ("helper", "jobs", "process")
# The tests that also run on Windows; the others need a POSIX system.
ON_WINDOWS_TOO = ("cases", "kernels", "manifests", "write")
VERSION = """
import os, sys
lock = getattr(sys, "_is_gil_enabled", lambda: True)()
print(sys.version.split()[0], end="" if lock else " without GIL")
try: getattr(os, "confstr", len)("CS_GNU_LIBC_VERSION")
except (OSError, ValueError): print(" with musl")
"""
INSTALLED = """
import importlib.metadata, checksig
print(checksig.__file__)
print(importlib.metadata.distribution("checksig").read_text("WHEEL"))
"""
# Where tools/install_emulators.sh puts the Pythons for other systems.
PLACES = {
    "arm64": ("build/arm64", "root of an arm64 Debian"),
    "musl": ("build/musl/python", "prefix of a Python with musl"),
    "windows": ("build/windows/python", "folder of a Python for Windows"),
}
QEMU, CPU = "qemu-aarch64-static", ("-cpu", "max")  # with the instructions of newer processors

# checksig_error.kind, as the driver of the DLL prints it.
VERDICTS = {0: "ok", 1: "failed", 2: "manifest", 3: "not-found"}


class Context:
    """The wheels, the Pythons, a scratch folder, and notes on each wheel for the table."""

    def __init__(self, dist: Path, places: dict[str, Path], pythons: list[str], scratch: Path) -> None:
        self.dist, self.places, self.pythons, self.scratch = dist, places, pythons, scratch
        self.notes: dict[str, list[str]] = {path.name: [] for path in sorted(dist.glob("*.whl"))}

    def wheel(self, name: str) -> Path:
        """Return the wheel of a target."""
        target = targets.TARGETS[name].for_go(toolchain.go_version(toolchain.go_command()))
        (found,) = self.dist.glob(f"checksig-*-py3-none-{target.tag}.whl")
        return found

    def unpacked(self, name: str) -> Path:
        """Return a folder with the content of a target's wheel, as pip would install it."""
        folder = self.scratch / name
        if not folder.exists():
            with zipfile.ZipFile(self.wheel(name)) as archive:
                archive.extractall(folder)
            for program in folder.glob("checksig/_checksig-helper"):
                program.chmod(0o755)
        return folder

    def note(self, name: str, what: str) -> None:
        """Add a note on a target's wheel to the table, and print it."""
        self.notes[self.wheel(name).name].append(what)
        print(f"{self.wheel(name).name}: {what}", flush=True)

    def corpus(self, name: str, command: list[str], folder: str, **env: str) -> dict[str, Any]:
        """Run the corpus with a target's wheel; ``command`` is a Python."""
        variables = {**os.environ, "PYTHONPATH": str(self.unpacked(name)), **env}
        script = [str(CHECKOUT / "tools/corpus.py"), str(self.scratch / folder)]
        found: dict[str, Any] = json.loads(run([*command, *script], variables))
        return found


def run(command: list[str], env: dict[str, str] | None = None, text: str = "", status: int = 0) -> str:
    """Run a command, which must end with a status, and return its output."""
    done = subprocess.run(
        command, env=env, input=text, capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    if done.returncode != status:
        sys.exit(f"{shlex.join(command)} ended with {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr}")
    return done.stdout


@dataclass(frozen=True)
class Interpreter:
    """A Python.

    Attributes:
        command: the words that run it.
        env: its environment. None: that of this process.
        drive: the drive of this machine's paths, for it.
    """

    command: list[str]
    env: dict[str, str] | None = None
    drive: str = ""

    def run(self, *arguments: str) -> str:
        """Run it, which must succeed, and return its output."""
        return run([*self.command, *arguments], self.env)


def require(condition: bool, message: str) -> None:
    """End the run with a message if a condition does not hold."""
    if not condition:
        sys.exit(message)


def tags(context: Context) -> None:
    """Auditwheel confirms the tag of each Linux wheel."""
    for target in targets.TARGETS.values():
        if target.goos != "linux":
            continue
        auditwheel = [sys.executable, "-m", "auditwheel", "show", "--json", str(context.wheel(target.name))]
        found = json.loads(run(auditwheel))
        require(found["overall_tag"] == target.tag, f"{target.name}: auditwheel says {found}")
        context.note(target.name, "tag checked by auditwheel")


def contents(context: Context) -> None:
    """Each wheel has the files of its target, with two modes; both Linux wheels have the same helper."""
    helpers: dict[str, set[bytes]] = {}
    for target in targets.TARGETS.values():
        with zipfile.ZipFile(context.wheel(target.name)) as archive:
            modes = {item.filename: item.external_attr >> 16 & 0o777 for item in archive.infolist()}
            if target.goos == "linux":
                helpers.setdefault(target.goarch, set()).add(archive.read(f"checksig/{toolchain.HELPER}"))
        files = {name for name in modes if name.startswith("checksig/") and not name.endswith(".py")}
        library = (
            {f"checksig/{target.library}", "checksig/include/checksig.h"} if target.has_library else set()
        )
        helper = {f"checksig/{toolchain.HELPER}"} if target.has_helper else set()
        always = {"checksig/py.typed", "checksig/_checksig.sha256"}
        require(files == {*always, *library, *helper}, f"{target.name} has {sorted(files)}")
        executable = {name for name, mode in modes.items() if mode == 0o755}
        require(executable == helper, f"{target.name}: executable are {sorted(executable)}")
        others = {mode for name, mode in modes.items() if not name.endswith("/RECORD")} - {0o755}
        require(others == {0o644}, f"{target.name} has files with the modes {sorted(map(oct, others))}")
        context.note(target.name, "files and modes")
    for processor, programs in helpers.items():
        require(len(programs) == 1, f"the helpers for Linux on {processor} differ")


def fresh_pythons(context: Context) -> list[str]:
    """Return the Pythons to install into: those of the command line, else one of each version found here."""
    if context.pythons:
        return context.pythons
    roots = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = []
    for version in VERSIONS:
        candidates = [
            *sorted(map(str, roots.glob(f"versions/{version}.*/bin/python"))),
            shutil.which(f"python{version}"),
        ]
        found += [python for python in candidates if python][:1]
    return found


def x86_64(context: Context) -> None:
    """The manylinux wheel is installed for each Python and passes the public tests."""
    for number, program in enumerate(fresh_pythons(context)):
        python = fresh_environment(context, program, f"python-{number}")
        wheel = str(context.wheel("manylinux_x86_64"))
        run([sys.executable, "-m", "pip", "-q", "--python", python, "install", wheel, *NEEDED])
        pass_tests(context, "manylinux_x86_64", Interpreter([python]), PUBLIC)


def musl(context: Context) -> None:
    """With a Python that uses musl, pip chooses the musllinux wheel, and it passes the tests."""
    program = context.places["musl"] / "bin/python3"
    require(program.exists(), f"no Python at {program}: run tools/install_emulators.sh")
    python = fresh_environment(context, str(program), "python-musl")
    pip = [sys.executable, "-m", "pip", "--python", python]
    install(context, Interpreter([python]), pip, "musllinux_1_2_x86_64")
    pass_tests(context, "musllinux_x86_64", Interpreter([python]), (*PUBLIC, *ON_MUSL))


def windows_python(context: Context) -> None:
    """Under Wine, pip of a Python for Windows chooses the wheel; it passes the tests and has the command."""
    program = context.places["windows"] / "python.exe"
    require(program.exists(), f"no Python at {program}: run tools/install_emulators.sh")
    folder = shutil.copytree(program.parent, context.scratch / "python-windows")
    env = wine(context) | {"PYTHONDONTWRITEBYTECODE": "1"}
    python = Interpreter(["wine", str(folder / "python.exe")], env, drive="Z:")
    install(context, python, [*python.command, "-m", "pip"], "win_amd64")
    pass_tests(context, "win_amd64", python, ON_WINDOWS_TOO)
    logs = shutil.copytree(CHECKOUT / "testdata/logs", context.scratch / "logs")
    command = ["wine", str(folder / "Scripts/checksig.exe"), "check", f"Z:{logs}"]
    found = run(command, env, status=1).replace("\\", "/").splitlines()[0]
    require(found == f"Z:{logs}/httpd-08.log: FAILED", f"checksig.exe says {found}")
    context.note("win_amd64", "checksig.exe there finds the one damaged log")


def fresh_environment(context: Context, program: str, name: str) -> str:
    """Make a virtual environment of a Python; return its interpreter."""
    folder = context.scratch / name
    run([program, "-m", "venv", "--without-pip", str(folder)])
    return str(folder / "bin/python")


def install(context: Context, python: Interpreter, pip: list[str], platform: str) -> None:
    """Let pip choose among all wheels; this process's pip downloads what checksig and the tests need."""
    needed = context.scratch / f"needed-{platform}"
    version = python.run("-c", "import platform; print(platform.python_version())").strip()
    options = ["--only-binary=:all:", f"--platform={platform}", f"--python-version={version}"]
    options.append(f"--constraint={CHECKOUT}/tests/requirements.txt")
    packages = [*NEEDED, *DEPENDENCIES]
    run([sys.executable, "-m", "pip", "-q", "download", f"--dest={needed}", *options, *packages])
    links = [f"--find-links={python.drive}{folder}" for folder in (context.dist, needed)]
    run([*pip, "-q", "install", "--no-index", *links, "checksig", *packages], python.env)


def pass_tests(context: Context, name: str, python: Interpreter, tests: Sequence[str]) -> None:
    """Run tests with a Python that has a target's wheel installed."""
    where, *tags = python.run("-I", "-c", INSTALLED).splitlines()
    require(str(context.scratch) in where.replace("\\", "/"), f"{python} imports checksig from {where}")
    require(f"Tag: py3-none-{targets.TARGETS[name].tag}" in tags, f"{python} has a wheel with {tags}")
    files = [f"{python.drive}{CHECKOUT}/tests/test_{test}.py" for test in tests]
    options = ["-p", "no:cacheprovider", f"--rootdir={python.drive}{CHECKOUT}", f"--deselect={LEFT_OUT}"]
    report = python.run("-m", "pytest", "-q", *options, *files)
    version = python.run("-c", VERSION).strip()
    context.note(name, f"Python {version}: {report.splitlines()[-1].strip('= ')}")


def native_corpus(context: Context) -> dict[str, Any]:
    """Return the results of the corpus with the manylinux wheel for x86_64; all others must equal them."""
    known = context.scratch / "x86_64.json"
    if not known.exists():
        known.write_text(
            json.dumps(context.corpus("manylinux_x86_64", [sys.executable], "corpus-x86_64")), "utf-8"
        )
    found: dict[str, Any] = json.loads(known.read_text("utf-8"))
    return found


def aarch64(context: Context) -> None:
    """An arm64 Python under qemu runs the corpus with each kernel; the results are those of x86_64."""
    program = context.places["arm64"] / "usr/bin/python3"
    require(program.exists(), f"no Python at {program}: run tools/install_emulators.sh")
    python = [QEMU, *CPU, "-L", str(context.places["arm64"]), str(program)]
    machine = run(
        [*python, "-c", "import platform; print(platform.machine(), platform.python_version())"]
    ).split()
    require(machine[0] == "aarch64", f"qemu's Python runs on {machine[0]}")
    found = context.corpus("manylinux_aarch64", python, "corpus-aarch64")
    require(found == native_corpus(context), "aarch64 and x86_64 differ")
    context.note("manylinux_aarch64", f"{len(found)} cases with Python {machine[1]} under qemu, as on x86_64")
    each_kernel(context, "manylinux_aarch64", python, {"neon", "armv8"})


def kernels_of(context: Context, name: str, python: list[str]) -> list[str]:
    """Return the kernels that a wheel has on a processor, as its own message names them."""
    code = "import checksig\ntry: checksig.check('/')\nexcept ValueError as error: print(error)"
    env = {**os.environ, "PYTHONPATH": str(context.unpacked(name)), "CHECKSIG_KERNELS": "none such"}
    return run([*python, "-c", code], env).strip().rpartition("(choose from ")[2].rstrip(")").split(", ")


def helpers(context: Context) -> None:
    """The helpers of the musllinux wheels run the corpus with each kernel, that for aarch64 under qemu."""
    for name, least in (("musllinux_x86_64", {"scalar"}), ("musllinux_aarch64", {"neon", "armv8"})):
        package = context.unpacked(name) / "checksig"
        require(not list(package.glob("_checksig.*")), f"{name} has a library, which musl cannot load")
        if name.endswith("aarch64"):
            emulate(package / "_checksig-helper")
        found = context.corpus(name, [sys.executable], f"corpus-{name}")
        require(found == native_corpus(context), f"{name}'s helper and the library differ")
        context.note(name, f"{len(found)} cases with the helper, as with the library")
        each_kernel(context, name, [sys.executable], least)


def each_kernel(context: Context, name: str, python: list[str], least: set[str]) -> None:
    """Each kernel of a wheel alone gives the same results."""
    kernels = kernels_of(context, name, python)
    require(least <= set(kernels), f"{name} has {kernels}")
    for kernel in kernels:
        found = context.corpus(name, python, f"corpus-{name}-{kernel}", CHECKSIG_KERNELS=kernel)
        require(found == native_corpus(context), f"the kernels {kernel} differ")
    context.note(name, f"the same with each kernel alone: {', '.join(kernels)}")


def emulate(program: Path) -> None:
    """Replace a program by a script that runs it under qemu."""
    real = program.rename(program.with_name("emulated"))
    program.write_text(f'#!/bin/sh\nexec {QEMU} {" ".join(CPU)} "{real}" "$@"\n', "utf-8")
    program.chmod(0o755)


def windows(context: Context) -> None:
    """Under Wine, a C program calls the DLL for amd64, for the cases that Windows can have."""
    folder = context.unpacked("win_amd64")
    driver = compile_for_windows("dll_driver.c", folder / "dll_driver.exe")
    env = wine(context)
    cases = trees_for_windows(context.scratch / "corpus-windows")
    lines = [
        "\t".join([root, *(f"{k}={v}" for k, v in options_of(case, root).items())])
        for root, case in cases.values()
    ]
    version = context.wheel("win_amd64").name.split("-")[1]
    command = ["wine", str(driver), f"Z:{folder}/checksig/_checksig.dll", version]
    answers = run(command, env, "".join(f"{line}\n" for line in lines)).splitlines()
    require(len(answers) == len(cases) > 100, f"{len(answers)} answers to {len(cases)} cases")
    expected, differ = native_corpus(context), []
    for (name, (root, case)), answer in zip(cases.items(), answers, strict=True):
        found = decoded(answer, root)
        if not is_as_expected(case, found) or found["files"] != expected[name]["files"]:
            print(f"Windows: {name}: {found}, not {expected[name]}")
            differ.append(name)
    require(differ == sorted(ON_WINDOWS), f"on Windows differ {differ}, not {sorted(ON_WINDOWS)}")
    agree = f"{len(cases) - len(differ)} of {len(CASES)} cases with its DLL under Wine, as on x86_64"
    context.note("win_amd64", f"{agree}; {len(differ)} differ because of Windows")


def wine(context: Context) -> dict[str, str]:
    """Make a prefix for Wine unless there is one, and return the environment for it."""
    env = {**os.environ, "WINEPREFIX": str(context.scratch / "wine"), "WINEDEBUG": "-all"}
    system32 = context.scratch / "wine/drive_c/windows/system32"
    if not system32.exists():
        run(["wine", "wineboot", "--init"], env)
        compile_for_windows("bcryptprimitives.c", system32 / "bcryptprimitives.dll", "-shared", "-ladvapi32")
    return env


def compile_for_windows(source: str, output: Path, *options: str) -> Path:
    """Compile a C file of tools/windows."""
    cc = toolchain.cc_command(targets.TARGETS["win_amd64"])
    path = CHECKOUT / "tools/windows" / source
    run(
        [
            *cc,
            "-O1",
            "-Wall",
            "-Wextra",
            "-Werror",
            f"-I{CHECKOUT / 'go'}",
            str(path),
            "-o",
            str(output),
            *options,
        ]
    )
    return output


def trees_for_windows(folder: Path) -> dict[str, tuple[str, dict[str, Any]]]:
    """Make the trees of the cases that Windows can have; return each path for Windows, and the case."""
    made = {}
    for path in CASES:
        case = json.loads(path.read_text("utf-8"))
        if is_plain(case["tree"]) and "signed_by" not in case:
            root = folder / path.stem
            root.mkdir(parents=True)
            make_tree(os.fsencode(root), case["tree"])
            made[path.stem] = (f"Z:{root}", case)
    return made


def decoded(answer: str, root: str) -> dict[str, Any]:
    """Return the driver's answer for a job, in the form of corpus.py."""
    kind, line, message, records = answer.split(" ")
    verdict = VERDICTS.get(int(kind), kind)
    text = bytes.fromhex(message).decode().replace(root, "ROOT").split("\n")
    return {
        "verdict": verdict,
        "line": int(line) or None if verdict == "manifest" else None,
        "message": text,
        "files": files_of(bytes.fromhex(records)) if verdict in ("ok", "failed") else [],
    }


def inspect(context: Context) -> None:
    """The programs that cannot run here are as the loaders of macOS and Windows require."""
    for name, examine in check_binaries.INSPECTIONS.items():
        target = targets.TARGETS[name].for_go(toolchain.go_version(toolchain.go_command()))
        try:
            context.note(name, f"inspected: {examine(context.unpacked(name) / 'checksig', target)}")
        except check_binaries.WrongError as error:
            sys.exit(f"{name}: {error}")


STEPS: dict[str, Callable[[Context], None]] = {
    step.__name__: step
    for step in (contents, tags, inspect, helpers, musl, aarch64, windows, windows_python, x86_64)
}


def main() -> None:
    """Run the steps, and print a table of the notes."""
    parser = argparse.ArgumentParser(description="Check the wheels of a release.")
    parser.add_argument("--dist", type=Path, default=CHECKOUT / "dist")
    for name, (default, what) in PLACES.items():
        parser.add_argument(f"--{name}", type=Path, default=CHECKOUT / default, help=what)
    parser.add_argument("--python", action="append", default=[], help="a Python to install into")
    parser.add_argument("step", nargs="*", choices=[*STEPS, []], help="default: all")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="checksig-wheels-", ignore_cleanup_errors=True) as scratch:
        # Tests give up root's rights and must still be able to start the helper in here.
        Path(scratch).chmod(0o755)
        places = {name: getattr(arguments, name).absolute() for name in PLACES}
        context = Context(arguments.dist.absolute(), places, arguments.python, Path(scratch))
        for name in arguments.step or STEPS:
            start = time.monotonic()
            STEPS[name](context)
            print(f"-- {name}: {time.monotonic() - start:.0f} s", flush=True)
    print("\n| wheel | bytes | checked |\n| --- | ---: | --- |")
    for name, notes in context.notes.items():
        print(f"| {name} | {(context.dist / name).stat().st_size:,} | {'; '.join(notes)} |")


if __name__ == "__main__":
    main()

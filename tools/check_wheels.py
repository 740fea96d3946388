"""Proves what the wheels of a release do, as far as one x86_64 Linux machine goes.

    python tools/check_wheels.py [OPTION ...] [STEP ...]

tools/release.py has built the wheels, and tools/install_emulators.sh has made the
machine ready. docs/release.md tells what is run, and what only inspected. The first
thing that is not as it should be ends the run.
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
from case_trees import CASES, ON_WINDOWS, is_plain, make_tree  # noqa: E402
from corpus import files_of, is_as_expected, options_of  # noqa: E402

# The tests that need no compiler, no idle machine, and no package but pytest. Each Python is to pass all.
PUBLIC = ("cases", "check_signatures", "extra", "hints", "hostile", "kernels", "manifests", "write")
# It asks for an environment with more packages.
LEFT_OUT = "tests/test_manifests.py::test_the_wheels_of_this_environment_are_as_they_were_installed"
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
NEEDED = ("pytest",)
DEPENDENCIES = ("click", "tqdm", "colorama")
# What the one engine there is has to do besides, where no library can be loaded.
ON_MUSL = ("engines", "jobs", "process")
# The tests for Windows, too; the others ask for a POSIX system.
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
# Where tools/install_emulators.sh puts Pythons that do not run here by themselves.
PLACES = {
    "arm64": ("build/arm64", "root of an arm64 Debian"),
    "musl": ("build/musl/python", "prefix of a Python with musl"),
    "windows": ("build/windows/python", "folder of a Python for Windows"),
}
QEMU, CPU = "qemu-aarch64-static", ("-cpu", "max")  # with what newer processors have

# checksig_error.kind, as the driver of the DLL tells it.
VERDICTS = {0: "ok", 1: "failed", 2: "manifest", 3: "not-found"}


class Proof:
    """Where things are, and what was seen."""

    def __init__(self, dist: Path, places: dict[str, Path], pythons: list[str], scratch: Path) -> None:
        self.dist, self.places, self.pythons, self.scratch = dist, places, pythons, scratch
        self.seen: dict[str, list[str]] = {path.name: [] for path in sorted(dist.glob("*.whl"))}

    def wheel(self, name: str) -> Path:
        """Return the wheel of a target."""
        target = targets.TARGETS[name].for_go(toolchain.go_version(toolchain.go_command()))
        (found,) = self.dist.glob(f"checksig-*-py3-none-{target.tag}.whl")
        return found

    def unpacked(self, name: str) -> Path:
        """Return a folder with what is in a target's wheel, as pip would install it."""
        folder = self.scratch / name
        if not folder.exists():
            with zipfile.ZipFile(self.wheel(name)) as archive:
                archive.extractall(folder)
            for program in folder.glob("checksig/_checksig-helper"):
                program.chmod(0o755)
        return folder

    def saw(self, name: str, what: str) -> None:
        """Note what was seen of a target's wheel."""
        self.seen[self.wheel(name).name].append(what)
        print(f"{self.wheel(name).name}: {what}", flush=True)

    def corpus(self, name: str, command: list[str], folder: str, **env: str) -> dict[str, Any]:
        """Run the corpus by a target's wheel; ``command`` is a Python."""
        variables = {**os.environ, "PYTHONPATH": str(self.unpacked(name)), **env}
        script = [str(CHECKOUT / "tools/corpus.py"), str(self.scratch / folder)]
        found: dict[str, Any] = json.loads(run([*command, *script], variables))
        return found


def run(command: list[str], env: dict[str, str] | None = None, text: str = "", status: int = 0) -> str:
    """Run a command, which must end with a status, and return what it prints."""
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
        command: runs it.
        env: its environment; None: that of this process.
        drive: what stands before a path, for it.
    """

    command: list[str]
    env: dict[str, str] | None = None
    drive: str = ""

    def run(self, *arguments: str) -> str:
        """Run it, which must succeed, and return what it prints."""
        return run([*self.command, *arguments], self.env)


def require(condition: bool, message: str) -> None:
    """End the run with a message, unless all is as it should be."""
    if not condition:
        sys.exit(message)


def tags(proof: Proof) -> None:
    """Auditwheel finds in each Linux wheel what its tag promises."""
    for target in targets.TARGETS.values():
        if target.goos != "linux":
            continue
        auditwheel = [sys.executable, "-m", "auditwheel", "show", "--json", str(proof.wheel(target.name))]
        found = json.loads(run(auditwheel))
        require(found["overall_tag"] == target.tag, f"{target.name}: auditwheel says {found}")
        proof.saw(target.name, "tag checked by auditwheel")


def fresh_pythons(proof: Proof) -> list[str]:
    """Return the Pythons to install into: those that were named, else one of each version that is found."""
    if proof.pythons:
        return proof.pythons
    roots = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = []
    for version in VERSIONS:
        candidates = [
            *sorted(map(str, roots.glob(f"versions/{version}.*/bin/python"))),
            shutil.which(f"python{version}"),
        ]
        found += [python for python in candidates if python][:1]
    return found


def x86_64(proof: Proof) -> None:
    """The manylinux wheel is installed for each Python, and passes the public tests."""
    for number, program in enumerate(fresh_pythons(proof)):
        python = fresh_environment(proof, program, f"python-{number}")
        wheel = str(proof.wheel("manylinux_x86_64"))
        run([sys.executable, "-m", "pip", "-q", "--python", python, "install", wheel, *NEEDED])
        pass_tests(proof, "manylinux_x86_64", Interpreter([python]), PUBLIC)


def musl(proof: Proof) -> None:
    """Where Python has musl, pip takes the musllinux wheel, and it passes the tests."""
    program = proof.places["musl"] / "bin/python3"
    require(program.exists(), f"no Python at {program}: run tools/install_emulators.sh")
    python = fresh_environment(proof, str(program), "python-musl")
    pip = [sys.executable, "-m", "pip", "--python", python]
    install(proof, Interpreter([python]), pip, "musllinux_1_2_x86_64")
    pass_tests(proof, "musllinux_x86_64", Interpreter([python]), (*PUBLIC, *ON_MUSL))


def windows_python(proof: Proof) -> None:
    """Under Wine, pip of a Python for Windows takes the wheel; it passes tests, and has the command."""
    program = proof.places["windows"] / "python.exe"
    require(program.exists(), f"no Python at {program}: run tools/install_emulators.sh")
    folder = shutil.copytree(program.parent, proof.scratch / "python-windows")
    env = wine(proof) | {"PYTHONDONTWRITEBYTECODE": "1"}
    python = Interpreter(["wine", str(folder / "python.exe")], env, drive="Z:")
    install(proof, python, [*python.command, "-m", "pip"], "win_amd64")
    pass_tests(proof, "win_amd64", python, ON_WINDOWS_TOO)
    logs = shutil.copytree(CHECKOUT / "testdata/logs", proof.scratch / "logs")
    command = ["wine", str(folder / "Scripts/checksig.exe"), "check", f"Z:{logs}"]
    found = run(command, env, status=1).replace("\\", "/").splitlines()[0]
    require(found == f"Z:{logs}/httpd-08.log: FAILED", f"checksig.exe says {found}")
    proof.saw("win_amd64", "checksig.exe there finds the one wrong log")


def fresh_environment(proof: Proof, program: str, name: str) -> str:
    """Make a virtual environment of a Python; return its interpreter."""
    folder = proof.scratch / name
    run([program, "-m", "venv", "--without-pip", str(folder)])
    return str(folder / "bin/python")


def install(proof: Proof, python: Interpreter, pip: list[str], platform: str) -> None:
    """Let pip choose among all wheels; what checksig and the tests need, this process's pip fetches."""
    needed = proof.scratch / f"needed-{platform}"
    version = python.run("-c", "import platform; print(platform.python_version())").strip()
    options = ["--only-binary=:all:", f"--platform={platform}", f"--python-version={version}"]
    options.append(f"--constraint={CHECKOUT}/tests/requirements.txt")
    packages = [*NEEDED, *DEPENDENCIES]
    run([sys.executable, "-m", "pip", "-q", "download", f"--dest={needed}", *options, *packages])
    links = [f"--find-links={python.drive}{folder}" for folder in (proof.dist, needed)]
    run([*pip, "-q", "install", "--no-index", *links, "checksig", *packages], python.env)


def pass_tests(proof: Proof, name: str, python: Interpreter, tests: Sequence[str]) -> None:
    """Run tests where a target's wheel is installed."""
    where, *tags = python.run("-I", "-c", INSTALLED).splitlines()
    require(str(proof.scratch) in where.replace("\\", "/"), f"{python} takes checksig from {where}")
    require(f"Tag: py3-none-{targets.TARGETS[name].tag}" in tags, f"{python} has a wheel with {tags}")
    files = [f"{python.drive}{CHECKOUT}/tests/test_{test}.py" for test in tests]
    options = ["-p", "no:cacheprovider", f"--rootdir={python.drive}{CHECKOUT}", f"--deselect={LEFT_OUT}"]
    report = python.run("-m", "pytest", "-q", *options, *files)
    version = python.run("-c", VERSION).strip()
    proof.saw(name, f"Python {version}: {report.splitlines()[-1].strip('= ')}")


def native_corpus(proof: Proof) -> dict[str, Any]:
    """Return what the manylinux wheel of x86_64 makes of the corpus, which others must equal."""
    known = proof.scratch / "x86_64.json"
    if not known.exists():
        known.write_text(
            json.dumps(proof.corpus("manylinux_x86_64", [sys.executable], "corpus-x86_64")), "utf-8"
        )
    found: dict[str, Any] = json.loads(known.read_text("utf-8"))
    return found


def aarch64(proof: Proof) -> None:
    """An arm64 Python, which qemu emulates, runs corpus and kernels; the results are those of x86_64."""
    program = proof.places["arm64"] / "usr/bin/python3"
    require(program.exists(), f"no Python at {program}: run tools/install_emulators.sh")
    python = [QEMU, *CPU, "-L", str(proof.places["arm64"]), str(program)]
    machine = run(
        [*python, "-c", "import platform; print(platform.machine(), platform.python_version())"]
    ).split()
    require(machine[0] == "aarch64", f"qemu's Python runs on {machine[0]}")
    found = proof.corpus("manylinux_aarch64", python, "corpus-aarch64")
    require(found == native_corpus(proof), "aarch64 and x86_64 differ")
    proof.saw("manylinux_aarch64", f"{len(found)} cases by Python {machine[1]} under qemu, as x86_64")
    each_kernel(proof, "manylinux_aarch64", python, {"neon", "armv8"})


def kernels_of(proof: Proof, name: str, python: list[str]) -> list[str]:
    """Return the kinds of kernels that a wheel has on a processor, as its own message names them."""
    code = "import checksig\ntry: checksig.check('/')\nexcept ValueError as error: print(error)"
    env = {**os.environ, "PYTHONPATH": str(proof.unpacked(name)), "CHECKSIG_KERNELS": "none such"}
    return run([*python, "-c", code], env).strip().rpartition("(choose from ")[2].rstrip(")").split(", ")


def helpers(proof: Proof) -> None:
    """The musllinux wheels' helpers run corpus and kernels: x86_64's as it is, aarch64's under qemu."""
    for name, least in (("musllinux_x86_64", {"scalar"}), ("musllinux_aarch64", {"neon", "armv8"})):
        package = proof.unpacked(name) / "checksig"
        require(not list(package.glob("_checksig.*")), f"{name} has a library, which musl cannot load")
        if name.endswith("aarch64"):
            emulate(package / "_checksig-helper")
        found = proof.corpus(name, [sys.executable], f"corpus-{name}")
        require(found == native_corpus(proof), f"{name}'s helper and the library differ")
        proof.saw(name, f"{len(found)} cases by the helper, as the library")
        each_kernel(proof, name, [sys.executable], least)


def each_kernel(proof: Proof, name: str, python: list[str], least: set[str]) -> None:
    """Each kernel of a wheel, alone, runs the corpus."""
    kernels = kernels_of(proof, name, python)
    require(least <= set(kernels), f"{name} has {kernels}")
    for kernel in kernels:
        found = proof.corpus(name, python, f"corpus-{name}-{kernel}", CHECKSIG_KERNELS=kernel)
        require(found == native_corpus(proof), f"the kernels {kernel} differ")
    proof.saw(name, f"the same by each kernel alone: {', '.join(kernels)}")


def emulate(program: Path) -> None:
    """Put a script that runs a program under qemu in its place."""
    real = program.rename(program.with_name("emulated"))
    program.write_text(f'#!/bin/sh\nexec {QEMU} {" ".join(CPU)} "{real}" "$@"\n', "utf-8")
    program.chmod(0o755)


def windows(proof: Proof) -> None:
    """Wine runs the DLL for amd64, which a C program drives, on the cases that Windows' names allow."""
    folder = proof.unpacked("win_amd64")
    driver = compile_for_windows("dll_driver.c", folder / "drive.exe")
    env = wine(proof)
    cases = planted_for_windows(proof.scratch / "corpus-windows")
    lines = [
        "\t".join([root, *(f"{k}={v}" for k, v in options_of(case, root).items())])
        for root, case in cases.values()
    ]
    version = proof.wheel("win_amd64").name.split("-")[1]
    command = ["wine", str(driver), f"Z:{folder}/checksig/_checksig.dll", version]
    answers = run(command, env, "".join(f"{line}\n" for line in lines)).splitlines()
    require(len(answers) == len(cases) > 100, f"{len(answers)} answers to {len(cases)} cases")
    expected, differ = native_corpus(proof), []
    for (name, (root, case)), answer in zip(cases.items(), answers, strict=True):
        found = decoded(answer, root)
        if not is_as_expected(case, found) or found["files"] != expected[name]["files"]:
            print(f"Windows: {name}: {found}, not {expected[name]}")
            differ.append(name)
    require(differ == sorted(ON_WINDOWS), f"on Windows differ {differ}, not {sorted(ON_WINDOWS)}")
    agree = f"{len(cases) - len(differ)} of {len(CASES)} cases by its DLL under Wine, as x86_64"
    proof.saw("win_amd64", f"{agree}; {len(differ)} differ as Windows does")


def wine(proof: Proof) -> dict[str, str]:
    """Make a Windows for Wine, unless it is there; return the environment for it."""
    env = {**os.environ, "WINEPREFIX": str(proof.scratch / "wine"), "WINEDEBUG": "-all"}
    system32 = proof.scratch / "wine/drive_c/windows/system32"
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


def planted_for_windows(folder: Path) -> dict[str, tuple[str, dict[str, Any]]]:
    """Plant the cases of which Windows can have the tree; return Windows' path of each, and the case."""
    planted = {}
    for path in CASES:
        case = json.loads(path.read_text("utf-8"))
        if is_plain(case["tree"]):
            root = folder / path.stem
            root.mkdir(parents=True)
            make_tree(os.fsencode(root), case["tree"])
            planted[path.stem] = (f"Z:{root}", case)
    return planted


def decoded(answer: str, root: str) -> dict[str, Any]:
    """Return what the driver says of a job, in the words of corpus.py."""
    kind, line, message, records = answer.split(" ")
    verdict = VERDICTS.get(int(kind), kind)
    text = bytes.fromhex(message).decode().replace(root, "ROOT").split("\n")
    return {
        "verdict": verdict,
        "line": int(line) or None if verdict == "manifest" else None,
        "message": text,
        "files": files_of(bytes.fromhex(records)) if verdict in ("ok", "failed") else [],
    }


def inspect(proof: Proof) -> None:
    """What runs nowhere here is at least what the loaders of macOS and Windows ask for."""
    for name, look in check_binaries.LOOKS.items():
        target = targets.TARGETS[name].for_go(toolchain.go_version(toolchain.go_command()))
        try:
            proof.saw(name, f"inspected: {look(proof.unpacked(name) / 'checksig', target)}")
        except check_binaries.WrongError as error:
            sys.exit(f"{name}: {error}")


STEPS: dict[str, Callable[[Proof], None]] = {
    step.__name__: step for step in (tags, inspect, helpers, musl, aarch64, windows, windows_python, x86_64)
}


def main() -> None:
    """Take the steps, and print the table of what was seen."""
    parser = argparse.ArgumentParser(description="Prove what the wheels of a release do.")
    parser.add_argument("--dist", type=Path, default=CHECKOUT / "dist")
    for name, (default, what) in PLACES.items():
        parser.add_argument(f"--{name}", type=Path, default=CHECKOUT / default, help=what)
    parser.add_argument("--python", action="append", default=[], help="a Python to install into")
    parser.add_argument("step", nargs="*", choices=[*STEPS, []], help="default: all")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="checksig-proof-", ignore_cleanup_errors=True) as scratch:
        # Tests give up root's rights and must still be able to start the helper in here.
        Path(scratch).chmod(0o755)
        places = {name: getattr(arguments, name).absolute() for name in PLACES}
        proof = Proof(arguments.dist.absolute(), places, arguments.python, Path(scratch))
        for name in arguments.step or STEPS:
            start = time.monotonic()
            STEPS[name](proof)
            print(f"-- {name}: {time.monotonic() - start:.0f} s", flush=True)
    print("\n| wheel | bytes | what was seen |\n| --- | ---: | --- |")
    for name, seen in proof.seen.items():
        print(f"| {name} | {(proof.dist / name).stat().st_size:,} | {'; '.join(seen)} |")


if __name__ == "__main__":
    main()

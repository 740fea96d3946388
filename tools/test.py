"""Runs all tests of checksig on a machine that has Python 3.11 or later and nothing else.

    python3 tools/test.py [PYTEST ARGUMENT ...]

It makes a virtual environment in .venv and installs the tools of the tests and checksig itself
(editable) there, with a Go and a C compiler from the package index if the machine has none. Then
it runs two lanes at the same time: Go and packaging in one, the linters and the other Python
tests in the other. The tests with bounds on time run alone at the end. Each step prints its
output when it ends; a table of all steps comes last.

With arguments it runs only pytest, with them. For example, this runs all Python tests with the
helper instead of the library (docs/library-and-helper.md):

    CHECKSIG_ENGINE=helper python3 tools/test.py tests
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
ENVIRONMENT = CHECKOUT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"

# These run with the library and with the helper each time: every verdict, and every way to start
# and to end a job.
ON_THE_HELPER = ("tests/test_cases.py", "tests/test_jobs.py")
TOO_LONG = "not million and not ctrl_c_is_seen"  # tests/test_engines.py has another test of Ctrl-C

sys.path.insert(0, str(CHECKOUT / "build_backend"))

import toolchain  # noqa: E402


@dataclass(frozen=True)
class Step:
    """A command to run.

    Attributes:
        title: what it does.
        command: the words of the command.
        cwd: the directory that it runs in.
        env: its environment. None: that of this process.
    """

    title: str
    command: Sequence[str | Path]
    cwd: Path = CHECKOUT
    env: Mapping[str, str] | None = None


class Runner:
    """Runs steps, prints the output of each when it ends, and keeps what they took."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, float, int]] = []
        self._printing = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()

    def run(self, step: Step) -> bool:
        """Run a step, and return whether it succeeded."""
        start = time.monotonic()
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(
                step.command, cwd=step.cwd, env=step.env, stdout=output, stderr=subprocess.STDOUT
            )
            self._running.add(process)
            status = process.wait()
            self._running.discard(process)
            seconds = time.monotonic() - start
            output.seek(0)
            with self._printing:
                self.rows.append((step.title, seconds, status))
                print(f"\n== {step.title}", flush=True)
                sys.stdout.buffer.write(output.read())
                print(f"-- {seconds:.0f} s" if status == 0 else f"-- failed with status {status}", flush=True)
        return status == 0

    def run_lanes(self, *lanes: Sequence[Step]) -> None:
        """Run lanes of steps at the same time. A step that fails ends its lane only."""
        threads = [threading.Thread(target=lambda lane=lane: all(map(self.run, lane))) for lane in lanes]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        except KeyboardInterrupt:
            for process in list(self._running):
                process.terminate()
            raise

    def finish(self) -> None:
        """Print the table of all steps, and end this process if one failed."""
        print("\n   seconds  step")
        for title, seconds, status in self.rows:
            print(f"{seconds:10.0f}  {title}{'' if status == 0 else ': FAILED'}", flush=True)
        if any(status for _, _, status in self.rows):
            sys.exit(1)


def require(runner: Runner, step: Step) -> None:
    """Run a step that the others need."""
    if not runner.run(step):
        sys.exit(1)


def prepare() -> None:
    """Make the environment, with everything that the tests need."""
    if sys.version_info < (3, 11):  # noqa: UP036
        sys.exit("checksig needs Python 3.11 or later")
    runner = Runner()
    pip = (str(PYTHON), "-m", "pip", "--disable-pip-version-check")
    if not PYTHON.exists() or subprocess.run([*pip, "--version"], check=False).returncode != 0:
        require(runner, Step("make .venv", [sys.executable, "-m", "venv", "--clear", ENVIRONMENT]))
    tools = [f"--requirement={folder}/requirements.txt" for folder in ("tests", "benchmarks", "docs")]
    install = [*pip, "install", "--quiet", "--no-compile"]
    require(runner, Step("install the tools of the tests", [*install, *tools, *toolchain.requirements()]))
    require(runner, Step("build and install checksig", [*install, "-e", "."]))


def sanitizes_addresses(cc: list[str], scratch: Path) -> bool:
    """Return whether the C compiler has an address sanitizer that works with Go."""
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


def go_steps(scratch: Path) -> list[Step]:
    """Return the steps of Go: without cgo, and with the race detector if there is a C compiler."""
    go, cc = toolchain.go_command(), toolchain.cc_command()
    env = toolchain.environment(go, cc, scratch)
    tags = f"-tags={toolchain.MODULES_TAG if toolchain.has_modules(go, env) else ''}"
    without_c = ["./internal/...", "./cmd/..."]

    def step(title: str, *arguments: str, **variables: str) -> Step:
        return Step(title, [go, *arguments], toolchain.GO_SOURCES, {**env, **variables})

    steps = [
        step("go vet", "vet", tags, "./..."),
        step("go vet, with injected faults", "vet", "-tags=checksig_inject", "./internal/wire"),
        step("go vet, for macOS", "vet", *without_c, CGO_ENABLED="0", GOOS="darwin"),
        step("go build, for Windows", "build", "./internal/...", CGO_ENABLED="0", GOOS="windows"),
        step("go test, without C and modules", "test", *without_c, CGO_ENABLED="0"),
    ]
    if toolchain.machine_cc() is None:
        print("\nno C compiler on this machine: the race detector is not used", flush=True)
    else:
        steps.append(step("go test, with the race detector", "test", "-race", tags, "./..."))
    if sanitizes_addresses(cc, scratch):
        asan = ("test", "-asan", "-short", tags, "./internal/digest/...")
        steps.append(step("go test, with the address sanitizer for the C kernels", *asan))
    return steps


def check_format() -> None:
    """End this process if gofmt would change a file."""
    go = toolchain.go_command()
    root = subprocess.check_output([go, "env", "GOROOT"], text=True).strip()
    gofmt = [f"{root}/bin/gofmt", "-l", "."]
    if unformatted := subprocess.check_output(gofmt, cwd=toolchain.GO_SOURCES, text=True):
        sys.exit(f"gofmt would change:\n{unformatted}")


def pytest(title: str, *arguments: str, env: Mapping[str, str] | None = None) -> Step:
    """Return a step that runs pytest."""
    return Step(title, [PYTHON, "-m", "pytest", *arguments], env=env)


def run_everything() -> None:
    """Run all tests and linters."""
    check_format()
    on_the_helper = {**os.environ, "CHECKSIG_ENGINE": "helper"}
    some = ("-q", "-m", "not timing", "-k", TOO_LONG, *ON_THE_HELPER)
    python = [
        Step("ruff", [PYTHON, "-m", "ruff", "check", "."]),
        Step("ruff format", [PYTHON, "-m", "ruff", "format", "--check", "."]),
        Step("mypy", [PYTHON, "-m", "mypy"]),
        pytest("pytest", "-q", "--durations=15", "-m", "not packaging and not timing"),
        pytest("pytest, some tests with the helper", *some, env=on_the_helper),
    ]
    packaging = pytest("pytest, packaging", "-q", "--durations=15", "-m", "packaging and not timing")
    runner = Runner()
    with tempfile.TemporaryDirectory() as scratch:
        runner.run_lanes([*go_steps(Path(scratch)), packaging], python)
    runner.run(pytest("pytest, with bounds on time", "-q", "-m", "timing"))
    runner.finish()


def main(arguments: list[str]) -> None:
    """Prepare, then run everything inside the environment."""
    if Path(sys.prefix).resolve() != ENVIRONMENT.resolve():
        prepare()
        os.execv(PYTHON, [str(PYTHON), __file__, *arguments])
    if arguments:
        sys.exit(subprocess.run([PYTHON, "-m", "pytest", *arguments], cwd=CHECKOUT, check=False).returncode)
    run_everything()


if __name__ == "__main__":
    main(sys.argv[1:])

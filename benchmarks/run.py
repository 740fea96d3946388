"""Runs the peers and makes sure that no process of theirs is left."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO

RESIDENT = Path(__file__).resolve().parent / "resident.py"


@dataclass(frozen=True)
class Command:
    """A program to run, or, with a ``request``, a call in a process that is already running."""

    arguments: tuple[str | Path, ...] = ()
    folder: Path | None = None
    output: str | None = None  # what the program must print
    creates: Path | None = None  # a file that the program must write
    expected: Path | None = None  # a file with the same lines, in any order
    request: tuple[str, ...] = ()
    options: dict[str, object] = field(default_factory=dict)  # of the call


@dataclass(frozen=True)
class Outcome:
    """What a command took; ``error`` is empty if the command accepted all files."""

    seconds: float
    cpu_seconds: float  # user and system, of all its processes
    error: str


class Runner:
    """Runs commands one at a time, each in a process group of its own."""

    def __init__(self) -> None:
        self._resident: subprocess.Popen[str] | None = None

    def run(self, command: Command) -> Outcome:
        """Run a command to its end."""
        return self._ask(command) if command.request else self._start(command)

    def close(self) -> None:
        """End the process that answers requests."""
        if self._resident is not None:
            kill(self._resident)
            self._resident = None

    def _start(self, command: Command) -> Outcome:
        if command.creates is not None:
            command.creates.unlink(missing_ok=True)
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            before = children_seconds()
            start = time.perf_counter()
            with group(command, output, errors) as process:
                os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
                seconds = time.perf_counter() - start
            cpu = children_seconds() - before
            return Outcome(seconds, cpu, find_error(command, process.returncode, output, errors))

    def _ask(self, command: Command) -> Outcome:
        if self._resident is None:
            self._resident = subprocess.Popen(
                [sys.executable, RESIDENT],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        assert self._resident.stdin is not None
        assert self._resident.stdout is not None
        self._resident.stdin.write(json.dumps([command.request, command.options]) + "\n")
        self._resident.stdin.flush()
        line = self._resident.stdout.readline()
        if not line:
            self.close()
            return Outcome(0, 0, "the process ended")
        answer = json.loads(line)
        return Outcome(answer["seconds"], answer["cpu_seconds"], answer["message"])


def children_seconds() -> float:
    """Return the processor time of all processes that this one has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def find_error(command: Command, status: int, output: IO[bytes], errors: IO[bytes]) -> str:
    """Return why a command did not accept all files, or ""."""
    printed = text_of(output)
    if status != 0:
        last = (text_of(errors).strip() or printed.strip()).rpartition("\n")[2]
        return f"status {status}: {last[:200]}"
    if command.output is not None and printed != command.output:
        return f"printed {printed[:200]!r}"
    if command.creates is not None and command.expected is not None:
        made, expected = (
            sorted(path.read_bytes().split(b"\n")) for path in (command.creates, command.expected)
        )
        if made != expected:
            return f"{command.creates.name} is not {command.expected.name}"
    return ""


@contextmanager
def group(
    command: Command, output: IO[bytes] | int, errors: IO[bytes] | int
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command; at the end, kill what is left of its process group."""
    process = subprocess.Popen(
        command.arguments,
        cwd=command.folder,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=errors,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        kill(process)


def kill(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    """Kill what is left of a process's group, and wait for the process, for the first time."""
    with process, contextlib.suppress(ProcessLookupError):
        # until somebody waits for the process, no other group can have its number
        os.killpg(process.pid, signal.SIGKILL)


def text_of(file: IO[bytes]) -> str:
    """Return the content of a file, at most its first mebibyte."""
    file.seek(0)
    return file.read(1 << 20).decode(errors="replace")


@contextmanager
def runner() -> Iterator[Runner]:
    """Yield a runner; unless SIGKILL ends this process, the runner leaves no process behind."""
    made = Runner()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
    try:
        yield made
    finally:
        made.close()


def leave(number: int, frame: FrameType | None) -> None:
    """Turn a signal into an exception."""
    raise SystemExit(128 + number)

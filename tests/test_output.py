"""Output that arrives whole: descriptors with O_NONBLOCK, slow readers, readers that go away."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from support import command, environment, posix

pytestmark = posix

FILES = 3000
RUN = [sys.executable, "-m", "checksig"]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory whose lines and objects are too long for a pipe."""
    root = tmp_path_factory.mktemp("many")
    for number in range(FILES):
        (root / f"{number:05}-{'x' * 60}").touch()
    assert command("create", cwd=root).returncode == 0
    return root


class Pipe(NamedTuple):
    """A pipe whose writing end has O_NONBLOCK."""

    reader: int
    writer: int


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """Return a pipe whose writing end has O_NONBLOCK."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with open(reader, "rb", buffering=0):
        yield Pipe(reader, writer)


def read_slowly(pipe: Pipe) -> bytes:
    """Read a pipe to its end, when it is full."""
    os.close(pipe.writer)
    time.sleep(1)
    pieces = []
    while piece := os.read(pipe.reader, 1 << 16):
        pieces.append(piece)
        time.sleep(0.01)
    return b"".join(pieces)


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    ("arguments", "lines", "last"),
    [
        (["check", "-v"], FILES + 1, b"3,000 files OK"),
        (["check", "--json"], FILES + 1, b'{"type": "summary"'),
        (["show"], FILES + 1, b"3,000 entries"),
    ],
)
def test_every_line_reaches_an_output_with_o_nonblock(
    many: Path, pipe: Pipe, arguments: list[str], lines: int, last: bytes, unbuffered: str
) -> None:
    env = environment() | {"PYTHONUNBUFFERED": unbuffered}
    with subprocess.Popen([*RUN, *arguments], cwd=many, env=env, stdout=pipe.writer, stderr=-1) as child:
        found = read_slowly(pipe).splitlines()
        _, errors = child.communicate()
    assert (child.returncode, errors) == (0, b"")
    assert len(found) == lines
    assert found[-1].startswith(last)


@pytest.mark.parametrize(
    ("arguments", "env"),
    [(["--help"], {}), (["--version"], {}), ([], {"_CHECKSIG_COMPLETE": "bash_source"})],
)
def test_texts_of_click_reach_an_output_with_o_nonblock(
    tmp_path: Path, pipe: Pipe, arguments: list[str], env: dict[str, str]
) -> None:
    expected = command(*arguments, cwd=tmp_path, env=env)
    full = 0
    while True:
        try:
            full += os.write(pipe.writer, bytes(4096))
        except BlockingIOError:
            break
    with subprocess.Popen([*RUN, *arguments], env=environment() | env, stdout=pipe.writer) as child:
        found = read_slowly(pipe)
    assert (child.returncode, found[full:].decode()) == (expected.returncode, expected.stdout)


def test_every_message_reaches_a_standard_error_with_o_nonblock(tmp_path: Path, pipe: Pipe) -> None:
    names = [f"{number:03}-{'x' * 200}" for number in range(500)]
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / "SHA256SUMS").write_text("".join(f"{'0' * 64}  {name}\n" for name in names))
    paths = [str(tmp_path / f"gone-{'x' * 200}{number}") for number in range(500)]
    with subprocess.Popen(
        [*RUN, "check", *paths], env=environment(), stdout=subprocess.DEVNULL, stderr=pipe.writer
    ) as child:
        found = read_slowly(pipe).splitlines()
    assert (child.returncode, len(found)) == (2, len(paths))


def wait_until_full(writer: int) -> None:
    """Wait until nothing more can be written to a pipe."""
    while select.select([], [writer], [], 0)[1]:
        time.sleep(0.01)


def test_the_flags_of_standard_output_stay_as_they_are(many: Path, pipe: Pipe) -> None:
    with subprocess.Popen([*RUN, "check"], cwd=many, env=environment(), stdout=pipe.writer) as child:
        os.read(pipe.reader, 1)
        assert not os.get_blocking(pipe.writer)
        child.communicate()
    assert not os.get_blocking(pipe.writer)
    os.close(pipe.writer)


def test_a_reader_that_goes_away_while_the_command_waits_is_an_error_without_a_message(many: Path) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with subprocess.Popen(
        [*RUN, "check", "-v"], cwd=many, env=environment(), stdout=writer, stderr=-1
    ) as child:
        wait_until_full(writer)
        os.close(writer)
        os.close(reader)
        _, errors = child.communicate(timeout=60)
    assert (child.returncode, errors) == (2, b"")


@pytest.mark.parametrize("blocking", [False, True])
def test_ctrl_c_ends_a_wait_for_a_reader(many: Path, pipe: Pipe, blocking: bool) -> None:
    os.set_blocking(pipe.writer, blocking)
    with subprocess.Popen(
        [*RUN, "check", "-v"], cwd=many, env=environment(), stdout=pipe.writer, stderr=-1
    ) as child:
        wait_until_full(pipe.writer)
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=10)
    os.close(pipe.writer)
    assert child.returncode == -signal.SIGINT
    assert errors.startswith(b"checksig: interrupted")


INTERRUPTED = """
import signal, sys
from checksig.command.terminal import waiting_streams
armed, number = False, 0
def interrupt(*_):
    global armed
    if armed:
        armed = False
        raise KeyboardInterrupt
signal.signal(signal.SIGALRM, interrupt)
with waiting_streams():
    signal.setitimer(signal.ITIMER_REAL, 0.0003, 0.0003)
    while number < 100_000:
        try:
            armed = True
            while number < 100_000:
                number += 1
                sys.stdout.write(f"{number:06}\\n")
        except KeyboardInterrupt:
            pass
    armed = False
    signal.setitimer(signal.ITIMER_REAL, 0)
    sys.stdout.flush()
"""


def test_a_write_that_ctrl_c_interrupts_repeats_nothing() -> None:
    run = [sys.executable, "-c", INTERRUPTED]
    done = subprocess.run(run, env=environment(), capture_output=True, text=True, check=True)
    numbers = [int(line) for line in done.stdout.splitlines()]
    assert len(numbers) > 50_000
    assert numbers == sorted(set(numbers))


def test_a_summary_for_github_reaches_a_fifo_whole(tmp_path: Path) -> None:
    names = [f"{number:03}-{'x' * 200}" for number in range(500)]
    (tmp_path / "SHA256SUMS").write_text("".join(f"{'0' * 64}  {name}\n" for name in names))
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    env = environment() | {"GITHUB_STEP_SUMMARY": str(fifo)}
    with subprocess.Popen([*RUN, "check", "--status"], cwd=tmp_path, env=env, stderr=-1) as child:
        select.select([reader], [], [], 60)
        time.sleep(0.5)  # until the pipe is full
        with open(reader, "rb") as file:
            summary = file.read().decode()
        _, errors = child.communicate()
    assert (child.returncode, errors) == (1, b"")
    assert summary.count("MISSING") == 200
    assert "… and 300 more" in summary

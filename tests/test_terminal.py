"""The command in a pseudo-terminal: the bar, its width, Ctrl-C, and what remains on the screen."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyte
import pytest
from support import SETTINGS, environment, install_command

from checksig import Progress
from checksig.command.terminal import Out, progress_bar

RUN = (sys.executable, "-m", "checksig")
LINES = 24


class Terminal:
    """A command in a pseudo-terminal, and its screen."""

    def __init__(
        self, folder: Path, columns: int, *arguments: str, run: Sequence[str] = RUN, **env: str
    ) -> None:
        self.screen = pyte.Screen(columns or 80, LINES)
        self.text = b""
        self.seen: set[str] = set()  # every line that was ever on the screen
        self._stream = pyte.ByteStream(self.screen)
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, columns, 0, 0))
        plain = {name: value for name, value in environment().items() if name not in SETTINGS}
        self.process = subprocess.Popen(
            [*run, *arguments],
            cwd=folder,
            env={**plain, "TERM": "xterm", **env},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # Ctrl-C makes a signal
        )
        os.close(slave)

    def wait_for(self, pattern: str, seconds: float = 60) -> None:
        """Read until a line of the screen matches."""
        end = time.monotonic() + seconds
        while not any(re.search(pattern, line) for line in self.screen.display):
            assert self._read(end), f"no {pattern!r} in {self.screen.display}"

    def type(self, text: bytes) -> None:
        """Press keys."""
        os.write(self._master, text)

    def finish(self, seconds: float = 60) -> tuple[int, list[str]]:
        """Read to the end; return what a shell calls the status, and the lines on the screen."""
        end = time.monotonic() + seconds
        while self._read(end):
            pass
        status = self.process.wait(max(1, end - time.monotonic()))
        return 128 - status if status < 0 else status, [
            line.rstrip() for line in self.screen.display if line.strip()
        ]

    def close(self) -> None:
        """End the command if it still runs."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        os.close(self._master)

    def _read(self, end: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(0, end - time.monotonic()))
        if not ready:
            return False
        try:
            piece = os.read(self._master, 1 << 16)
        except OSError:  # the other end is closed
            return False
        self.text += piece
        self._stream.feed(piece)
        self.seen |= {line.rstrip() for line in self.screen.display}
        return bool(piece)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Return a directory with a bad file, then two files that take too long to read."""
    nothing = hashlib.sha1(b"").hexdigest()
    (tmp_path / "bad").write_text("1")
    for number in range(2):
        (tmp_path / f"large{number}").touch()
        os.truncate(tmp_path / f"large{number}", 1 << 40)
    names = ("bad", "large0", "large1")
    (tmp_path / "sha1sum.txt").write_text("".join(f"{nothing}  {name}\n" for name in names))
    return tmp_path


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """Return a good directory."""
    (tmp_path / "a").write_text("1")
    (tmp_path / "sha1sum.txt").write_text(f"{hashlib.sha1(b'1').hexdigest()}  a\n")
    return tmp_path


@contextlib.contextmanager
def terminal(
    folder: Path, columns: int, *arguments: str, run: Sequence[str] = RUN, **env: str
) -> Iterator[Terminal]:
    """Run a command in a terminal; end it at the exit."""
    running = Terminal(folder, columns, *arguments, run=run, **env)
    try:
        yield running
    finally:
        running.close()


@pytest.mark.parametrize("columns", [60, 100])
def test_the_bar_shows_bytes_rate_time_left_and_bad_files_until_ctrl_c(large: Path, columns: int) -> None:
    with terminal(large, columns, "check") as running:
        running.wait_for(r"\d%.*/2\.20TB? \[\d\d:\d\d<.*B/s")
        running.wait_for("^bad: FAILED")
        (bar,) = (line.rstrip() for line in running.screen.display if "B/s" in line)
        assert len(bar) <= columns
        if columns == 100:
            assert re.search(r"/2\.20T \[.*<.*, .*B/s, bad=1, files=\d", bar), bar
        running.type(b"\x03")
        status, lines = running.finish()
    assert status == 130
    assert lines[0] == "bad: FAILED"
    message = "".join(lines[1:]).replace(" ", "")  # the terminal wraps it anywhere
    assert re.fullmatch(r"checksig:interrupted:[01]of3fileschecked,.*B,1bad", message)


def test_columns_sets_the_width_of_the_bar(large: Path) -> None:
    with terminal(large, 100, "check", COLUMNS="50") as running:
        running.wait_for(r"2\.20T?.*B/s")  # the first bar is short, because the total is not known
        bars = [line for line in running.seen if "B/s" in line]
    assert bars
    assert max(map(len, bars)) <= 50


def test_a_short_run_shows_colors_and_no_bar(good: Path) -> None:
    with terminal(good, 100, "check", "-v") as running:
        status, lines = running.finish()
    assert status == 0
    assert lines[0] == "a: OK"
    assert lines[1].startswith("1 file OK · sha1 ")
    assert len(lines) == 2
    assert b"\x1b[32mOK\x1b[0m" in running.text
    assert not any("B/s" in line for line in running.seen)


def test_a_terminal_of_0_columns_gets_a_bar_of_the_usual_width(large: Path) -> None:
    with terminal(large, 0, "check") as running:
        running.wait_for(r"\d%.*/2\.20TB? \[\d\d:\d\d<.*B/s")
        (bar,) = (line.rstrip() for line in running.screen.display if "B/s" in line)
    assert 60 <= len(bar) < 80


@pytest.mark.parametrize("run", [["env", "TERM=dumb", *RUN], ["env", "-u", "TERM", *RUN]])
@pytest.mark.parametrize("arguments", [["check"], ["check", "--progress"]])
def test_a_dumb_terminal_gets_no_escape_sequence_and_no_bar_unless_asked(
    large: Path, run: list[str], arguments: list[str]
) -> None:
    with terminal(large, 100, *arguments, run=run) as running:
        running.wait_for("^bad: FAILED")
        time.sleep(1)  # a bar would appear
        running.type(b"\x03")
        status, _ = running.finish()
    assert status == 130
    assert b"\x1b" not in running.text
    assert (b"B/s" in running.text) == ("--progress" in arguments)


def test_the_bar_counts_time_from_the_start_of_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar(Out(color=False), True) as draw:
        assert draw is not None
        draw(Progress(1, 2, 50, 100, 0, seconds=100))
        time.sleep(0.2)  # tqdm shows no more than ten bars a second
        draw(Progress(1, 2, 51, 100, 0, seconds=100.2))
    assert "[01:40<" in capsys.readouterr().err


def test_no_color_and_no_progress_turn_off_colors_and_the_bar(large: Path) -> None:
    with terminal(large, 100, "check", "--no-progress", NO_COLOR="1") as running:
        running.wait_for("^bad: FAILED")
        time.sleep(1)  # a bar would appear
        running.type(b"\x03")
        status, _ = running.finish()
    assert status == 130
    assert b"\x1b" not in running.text
    assert b"B/s" not in running.text


def test_lines_stay_whole_while_the_bar_is_shown(tmp_path: Path) -> None:
    (tmp_path / "slow").touch()
    os.truncate(tmp_path / "slow", 1 << 29)
    names = ["slow", *(f"file{number}" for number in range(18))]
    (tmp_path / "sha1sum.txt").write_text("".join(f"{'0' * 40}  {name}\n" for name in names))
    with terminal(tmp_path, 160, "check", "--progress") as running:
        status, lines = running.finish()
    assert status == 1
    assert any("B/s" in line and "FAILED" not in line for line in running.seen)
    assert lines[:-1] == ["slow: FAILED", *(f"{name}: MISSING" for name in names[1:])]
    assert lines[-1].startswith("1 of 19 files FAILED, 18 missing · ")


def test_ctrl_c_leaves_the_old_manifest_alone(tmp_path: Path) -> None:
    (tmp_path / "large").touch()
    os.truncate(tmp_path / "large", 1 << 40)
    (tmp_path / "SHA256SUMS").write_text("old\n")
    with terminal(tmp_path, 100, "create", "--overwrite") as running:
        running.wait_for("B/s")
        running.type(b"\x03")
        status, lines = running.finish()
    assert status == 130
    assert "checksig: interrupted: no manifest was written" in lines[-1]
    assert (tmp_path / "SHA256SUMS").read_text() == "old\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["SHA256SUMS", "large"]


def test_ctrl_c_ends_the_command_before_the_next_path(large: Path) -> None:
    with terminal(large, 100, "check", ".", "gone") as running:
        running.wait_for("^bad: FAILED")
        running.type(b"\x03")
        status, _ = running.finish()
    assert status == 130
    assert b"gone" not in running.text


@pytest.mark.parametrize("shell", ["bash", "dash", "zsh"])
@pytest.mark.parametrize("arguments", ["check", "create --overwrite -m new", "diff", "check - <&1"])
def test_ctrl_c_ends_a_loop_of_the_shell(large: Path, tmp_path: Path, shell: str, arguments: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    path = install_command(tmp_path / "bin")
    script = f"for _ in 1 2 3; do echo begin; checksig {arguments}; done; echo after"
    before = set(large.iterdir())
    with terminal(large, 100, "-c", script, run=[shell], PATH=path) as running:
        running.wait_for("begin" if "<" in arguments else "B/s")
        time.sleep(1 if "<" in arguments else 0)  # until it reads
        running.type(b"\x03")
        status, lines = running.finish()
    assert status == 130
    assert (running.text.count(b"begin"), running.text.count(b"after")) == (1, 0)
    assert "checksig: interrupted" in lines[-1]
    assert set(large.iterdir()) == before


def test_the_status_after_ctrl_c_is_130_in_a_shell(large: Path, tmp_path: Path) -> None:
    path = install_command(tmp_path / "bin")
    script = "trap : INT; checksig check; echo status $?"
    with terminal(large, 100, "-c", script, run=["sh"], PATH=path) as running:
        running.wait_for("^bad: FAILED")
        running.type(b"\x03")
        status, lines = running.finish()
    assert (status, lines[-1]) == (0, "status 130")


def test_the_json_summary_after_ctrl_c_is_not_complete(large: Path) -> None:
    with terminal(large, 400, "check", "--json", "--no-progress") as running:
        running.wait_for('"path": "bad"')
        running.type(b"\x03")
        status, lines = running.finish()
    assert status == 130
    assert '"complete": false, "ok": false, "files": 3' in lines[-2]
    assert lines[-1].startswith("checksig: interrupted: ")


def test_ctrl_c_ends_a_wait_for_standard_input_with_o_nonblock(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    run = [*RUN, "check", "-"]
    with subprocess.Popen(run, cwd=tmp_path, env=environment(), stdin=reader, stderr=-1) as child:
        time.sleep(1)  # until it reads
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=60)
    os.close(reader)
    os.close(writer)
    assert (child.returncode, errors) == (-signal.SIGINT, b"\nchecksig: interrupted\n")


def test_ctrl_c_ends_a_wait_for_standard_input(tmp_path: Path) -> None:
    with terminal(tmp_path, 100, "check", "-") as running:
        time.sleep(1)  # until it reads
        running.type(b"\x03")
        status, lines = running.finish()
    assert status == 130
    assert lines[-1].endswith("checksig: interrupted")

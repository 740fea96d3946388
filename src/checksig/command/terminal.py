"""Standard output, standard error, their colours, and a progress bar between the lines."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import click

from checksig._progress import BAR, Bar
from checksig.report import Progress

_FLUSH = 0.1  # seconds that a line may wait for others
_DELAY = 0.5  # seconds before there is a bar: one that flashes by helps nobody


class OutputError(Exception):
    """Standard output cannot be written to; the cause is the OSError."""


class Out:
    """Standard output, with or without colours, and how to write to it while a progress bar is shown."""

    def __init__(self, color: bool) -> None:
        self._color = color
        self._flushed = time.monotonic()
        self.pause: Callable[[], contextlib.AbstractContextManager[object]] | None = None

    def line(self, text: str, urgent: bool = True) -> None:
        """Write a line; one that is not urgent may wait for others."""
        if self.pause is None:
            self._write(text, urgent)
        else:
            with self.pause():
                self._write(text, urgent)

    def _write(self, text: str, urgent: bool) -> None:
        try:
            sys.stdout.write(text + "\n")
            now = time.monotonic()
            if urgent or now >= self._flushed + _FLUSH:
                sys.stdout.flush()
                self._flushed = now
        except OSError as error:
            raise OutputError from error

    def paint(self, text: str, color: str) -> str:
        """Return text in a colour, if there are colours."""
        return click.style(text, fg=color) if self._color else text

    def complain(self, text: str) -> None:
        """Write a line to standard error, after all that was written to standard output."""
        with failing():
            sys.stdout.flush()
        with contextlib.nullcontext() if self.pause is None else self.pause():
            complain(text)


def complain(text: str) -> None:
    """Write a line to standard error. Where that cannot be written to, there is nobody to tell."""
    with contextlib.suppress(OSError):
        click.echo(f"checksig: {text}", err=True)


@contextlib.contextmanager
def failing() -> Iterator[None]:
    """Make an OSError of standard output an OutputError."""
    try:
        yield
    except OSError as error:
        raise OutputError from error


def wants_color(when: str) -> bool:
    """Return whether lines have colours.

    Args:
        when: always, never or auto, which asks the environment (no-color.org, force-color.org),
            then whether standard output is a terminal.
    """
    if when != "auto":
        return when == "always"
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (sys.stdout.isatty() and os.environ.get("TERM") != "dumb")


class TerminalBar:
    """A progress bar on standard error, which appears when a run is not over at once.

    Args:
        out: what is written meanwhile.
        delay: seconds before there is a bar.
    """

    def __init__(self, out: Out, delay: float) -> None:
        self._out = out
        self._delay = delay
        self._tqdm: Any = None

    def draw(self, progress: Progress) -> None:
        """Show how far a verification has come."""
        if progress.seconds < self._delay:
            return
        with contextlib.suppress(OSError):  # standard error cannot be written to
            if self._tqdm is None:
                self._tqdm = self._appear(progress.seconds)
            self._tqdm.ncols = _columns()
            Bar(self._tqdm).draw(progress)

    def _appear(self, seconds: float) -> Any:
        from tqdm import tqdm

        bar = tqdm(**BAR, file=sys.stderr, leave=False, ncols=_columns())
        bar.start_t -= seconds  # rates count from the beginning
        self._out.pause = tqdm.external_write_mode
        return bar

    def close(self) -> None:
        """Remove the bar, and what Ctrl-C has written behind it."""
        self._out.pause = None
        if self._tqdm is None:
            return
        with contextlib.suppress(OSError):
            self._tqdm.close()
            if sys.stderr.isatty():
                sys.stderr.write("\r\x1b[K")
                sys.stderr.flush()


def _columns() -> int | None:
    """Return the width of a bar, which leaves room for the ^C that a terminal may write behind it."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given) > 0:
        return int(given)
    try:
        return max(1, os.get_terminal_size(sys.stderr.fileno()).columns - len("^C "))
    except (OSError, ValueError):
        return None


@contextlib.contextmanager
def progress_bar(out: Out, wanted: bool | None) -> Iterator[Callable[[Progress], object] | None]:
    """Give what shows progress on standard error; None if nothing is to be shown.

    Args:
        out: what is written while the bar is shown.
        wanted: None: if standard error is a terminal.
    """
    if not (sys.stderr.isatty() if wanted is None else wanted):
        yield None
        return
    bar = TerminalBar(out, _DELAY if wanted is None else 0)
    try:
        yield bar.draw
    finally:
        bar.close()

"""Standard output, standard error, their colours, and a progress bar between the lines."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator

import click

from checksig.progress import BAR, Bar
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
    from tqdm import tqdm

    columns = os.environ.get("COLUMNS", "")
    width = int(columns) if columns.isdecimal() else None
    delay = _DELAY if wanted is None else 0
    bar = tqdm(**BAR, file=sys.stderr, leave=False, ncols=width, dynamic_ncols=width is None, delay=delay)
    if sys.stdout.isatty() and sys.stderr.isatty():
        out.pause = tqdm.external_write_mode
    try:
        yield Bar(bar).draw
    finally:
        bar.close()
        out.pause = None

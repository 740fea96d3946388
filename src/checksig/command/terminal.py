"""Standard output and standard error: lines, colors, and a progress bar between the lines."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator

import click

from checksig._progress import Bar
from checksig.report import Progress

_FLUSH = 0.1  # seconds that a line may wait for others
_DELAY = 0.5  # seconds before a bar appears, because one that only flashes by is no help


class OutputError(Exception):
    """Standard output cannot be written to; the cause is the OSError."""


class Out:
    """Writes lines to standard output and standard error, around the progress bar if one is shown.

    Args:
        color: whether to color the output.
    """

    def __init__(self, color: bool) -> None:
        self._color = color
        self._flushed = time.monotonic()
        self.pause: Callable[[], contextlib.AbstractContextManager[object]] | None = None

    def line(self, text: str, urgent: bool = True) -> None:
        """Write a line to standard output; one that is not urgent may wait for others."""
        with self._paused():
            try:
                sys.stdout.write(text + "\n")
                now = time.monotonic()
                if urgent or now >= self._flushed + _FLUSH:
                    sys.stdout.flush()
                    self._flushed = now
            except OSError as error:
                raise OutputError from error

    def paint(self, text: str, color: str) -> str:
        """Return a text in a color, or unchanged if the output has no colors."""
        return click.style(text, fg=color) if self._color else text

    def complain(self, text: str) -> None:
        """Write a line to standard error, after everything that was written to standard output."""
        flush()
        with self._paused():
            complain(text)

    def _paused(self) -> contextlib.AbstractContextManager[object]:
        """Return what hides the progress bar while a line is written."""
        return contextlib.nullcontext() if self.pause is None else self.pause()


def complain(text: str) -> None:
    """Write a line to standard error; ignore a failure, because it cannot be reported."""
    with contextlib.suppress(OSError):
        click.echo(f"checksig: {text}", err=True)


def flush() -> None:
    """Flush standard output; raise OutputError if that fails."""
    try:
        sys.stdout.flush()
    except OSError as error:
        raise OutputError from error


def wants_color(when: str) -> bool:
    """Return whether to color the output.

    Args:
        when: "always", "never", or "auto". "auto" follows the environment (no-color.org,
            force-color.org), then whether standard output is a terminal.
    """
    if when != "auto":
        return when == "always"
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (sys.stdout.isatty() and os.environ.get("TERM") != "dumb")


class TerminalBar:
    """A progress bar on standard error that appears only if the run takes a while.

    Args:
        out: what writes lines while the bar is shown.
        delay: seconds before the bar appears.
    """

    def __init__(self, out: Out, delay: float) -> None:
        self._out = out
        self._delay = delay
        self._bar: Bar | None = None

    def draw(self, progress: Progress) -> None:
        """Show how far a verification has come."""
        if progress.seconds < self._delay:
            return
        columns = _columns()
        if self._bar is None:
            self._bar = Bar("tqdm", progress.seconds, file=sys.stderr, leave=False, ncols=columns)
            self._out.pause = self._bar.hidden
        self._bar.draw(progress, columns)

    def close(self) -> None:
        """Remove the bar, and the ^C that the terminal may have written after it."""
        self._out.pause = None
        if self._bar is None:
            return
        self._bar.close()
        with contextlib.suppress(OSError):
            if sys.stderr.isatty():
                sys.stderr.write("\r\x1b[K")
                sys.stderr.flush()


def _columns() -> int | None:
    """Return the width of the bar, with room for the ^C that a terminal may write after it."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given) > 0:
        return int(given)
    try:
        return max(1, os.get_terminal_size(sys.stderr.fileno()).columns - len("^C "))
    except (OSError, ValueError):
        return None


@contextlib.contextmanager
def progress_bar(out: Out, wanted: bool | None) -> Iterator[Callable[[Progress], object] | None]:
    """Yield a function that draws progress on standard error, or None if no bar is wanted.

    Args:
        out: what writes lines while the bar is shown.
        wanted: whether to show a bar. None: if standard error is a terminal.
    """
    if not (sys.stderr.isatty() if wanted is None else wanted):
        yield None
        return
    bar = TerminalBar(out, _DELAY if wanted is None else 0)
    try:
        yield bar.draw
    finally:
        bar.close()

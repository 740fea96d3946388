"""Standard output and standard error: every byte, lines, colors, and a bar between the lines."""

from __future__ import annotations

import contextlib
import io
import os
import select
import selectors
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, TextIO

    from checksig._progress import Bar
    from checksig.report import Progress

_FLUSH = 0.1  # seconds that a line may wait for others
_GRACE = 0.2  # seconds that a reader may let a write wait after Ctrl-C
_POLL = 0.01  # seconds between two writes if the system cannot wait
_PIPE_BUF = getattr(select, "PIPE_BUF", 512)  # bytes that a pipe that is ready takes without blocking
_COLUMNS = 80  # of a terminal that says it has none, as in a container or on a serial line
_DELAY = 0.5  # seconds before a bar appears, because one that only flashes by is no help


class WaitingFile(io.FileIO):
    """A file that is written to its last byte, even if its descriptor has O_NONBLOCK.

    After Ctrl-C during a write it waits only a short time; then it discards everything, because its
    reader may never read again.
    """

    _interrupted = False
    _discards = False
    _written = b""  # by an interrupted write, of which the caller knows nothing

    def write(self, data: Any) -> int:
        """Write at least one byte, and return how many; wait until that is possible."""
        view = memoryview(data).cast("B")
        written, self._written = self._written, b""
        if written and view[: len(written)] == written:
            return len(written)
        counts: list[int | None] = []
        try:
            while not self._discards:
                if self._interrupted and not self._wait():
                    self._discards = True
                    break
                piece = view[:_PIPE_BUF] if self._interrupted else view
                counts.extend(map(super().write, [piece]))  # in C: Ctrl-C does not lose the number
                if (count := counts[-1]) is not None:
                    return count
                self._wait()
            return len(view)
        except KeyboardInterrupt:
            self._interrupted = True
            self._written = bytes(view[: counts[-1] or 0]) if counts else b""
            raise

    def _wait(self) -> bool:
        """Wait until the file can be written to; return False if that takes too long."""
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self, selectors.EVENT_WRITE)
                return bool(selector.select(_GRACE if self._interrupted else None))
        except (OSError, ValueError):  # the system cannot wait for it, or has no descriptor left
            time.sleep(_POLL)
            return True


@contextlib.contextmanager
def waiting_streams() -> Iterator[None]:
    """Replace standard output and standard error by streams that write every byte."""
    with contextlib.redirect_stdout(_waiting(sys.stdout)), contextlib.redirect_stderr(_waiting(sys.stderr)):
        yield


def _waiting(stream: TextIO) -> TextIO:
    """Return a stream for the same file that writes every byte; itself if it is not a file."""
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    stream.reconfigure(errors="backslashreplace")
    if not isinstance(getattr(stream.buffer, "raw", stream.buffer), io.FileIO):
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(WaitingFile(stream.fileno(), "w", closefd=False)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering or stream.write_through,
    )


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
        if not self._color:
            return text
        import click  # slow

        return click.style(text, fg=color)

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
    import click  # slow

    with contextlib.suppress(OSError):
        click.echo(f"checksig: {text}", err=True)


def cause(error: BaseException | None) -> str:
    """Return why something failed, without a path."""
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


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
    return bool(os.environ.get("FORCE_COLOR")) or (sys.stdout.isatty() and not _is_dumb())


def _is_dumb() -> bool:
    """Return whether the terminal may know no escape sequences; only Windows sets no TERM."""
    return os.environ.get("TERM", "" if sys.platform != "win32" else "windows") in ("", "dumb")


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
            from checksig._progress import Bar  # needed only if a run takes a while

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
            if sys.stderr.isatty() and not _is_dumb():
                sys.stderr.write("\r\x1b[K")
                sys.stderr.flush()


def _columns() -> int | None:
    """Return the width of the bar, with room for the ^C that a terminal may write after it."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given) > 0:
        return int(given)
    try:
        known = os.get_terminal_size(sys.stderr.fileno()).columns or _COLUMNS
        return max(1, known - len("^C "))
    except (OSError, ValueError):
        return None


@contextlib.contextmanager
def progress_bar(out: Out, wanted: bool | None) -> Iterator[Callable[[Progress], object] | None]:
    """Yield a function that draws progress on standard error, or None if no bar is wanted.

    Args:
        out: what writes lines while the bar is shown.
        wanted: whether to show a bar. None: if standard error is a terminal that can remove it.
    """
    if not (sys.stderr.isatty() and not _is_dumb() if wanted is None else wanted):
        yield None
        return
    bar = TerminalBar(out, _DELAY if wanted is None else 0)
    try:
        yield bar.draw
    finally:
        bar.close()

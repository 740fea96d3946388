"""Reports the progress of a job to the user."""

from __future__ import annotations

import contextlib
import importlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from checksig._options import ProgressOption
from checksig.report import Progress

if TYPE_CHECKING:
    from checksig._wire import Counters

_INTERVAL = 0.1  # seconds between two reports, at least

_BAR: dict[str, Any] = {"unit": "B", "unit_scale": True, "unit_divisor": 1000}


def check_progress(progress: object) -> None:
    """Raise TypeError for a value that the option ``progress`` does not take."""
    if not (progress is None or isinstance(progress, bool) or callable(progress)):
        raise TypeError(f"progress must be True, False, None or a function, not {progress!r}")


class Reporter:
    """Passes the counters of a job to the user's function or to a tqdm bar.

    Args:
        progress: the function; True for a bar; False or None to report nothing.
        interval: seconds between two reports, at least.
    """

    def __init__(self, progress: ProgressOption, interval: float = _INTERVAL) -> None:
        self._interval = interval
        self._progress = progress
        self._bar: Bar | None = None
        self._show: Callable[[Progress], object] | None = progress if callable(progress) else None

    def __enter__(self) -> Reporter:
        self._start = time.monotonic()
        self._due = self._start + self._interval
        if self._progress is True:
            self._bar = Bar("tqdm.auto")
            self._show = self._bar.draw
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the bar, if there is one."""
        if self._bar:
            self._bar.close()

    def update(self, counters: Counters) -> None:
        """Report the counters if the last report is long enough ago."""
        if self._show is not None and time.monotonic() >= self._due:
            self.finish(counters)

    def finish(self, counters: Counters) -> None:
        """Report the counters."""
        if self._show is None:
            return
        now = time.monotonic()
        self._due = now + self._interval
        self._show(as_progress(counters, now - self._start))


class Bar:
    """A tqdm bar that shows bytes, their rate, the time left, the files done, and the bad ones.

    tqdm can raise anything, even while it is imported, because the user's environment configures it.
    No such exception leaves this object: a bar that fails disappears.

    Args:
        module: the module that has tqdm.
        seconds: how long ago the work began.
        options: of tqdm.
    """

    def __init__(self, module: str, seconds: float = 0, **options: Any) -> None:
        self._bar: Any = None
        with contextlib.suppress(Exception):
            bar = _harmless(importlib.import_module(module).tqdm)(**_BAR, **options)
            bar.start_t -= seconds
            self._bar = bar

    def draw(self, progress: Progress, columns: int | None = None) -> None:
        """Show the progress in a number of columns; None: in as many as before."""
        with contextlib.suppress(Exception):
            if self._bar is not None:
                self._bar.ncols = columns or self._bar.ncols
                self._bar.total = progress.total_bytes
                self._bar.set_postfix(files=progress.files, bad=progress.bad, refresh=False)
                self._bar.update(progress.bytes - self._bar.n)

    @contextlib.contextmanager
    def hidden(self) -> Iterator[None]:
        """Hide the bar while something else is written to the terminal."""
        self._call("clear")
        yield
        self._call("refresh")

    def close(self) -> None:
        """Close the bar."""
        self._call("close")

    def _call(self, method: str) -> None:
        with contextlib.suppress(Exception):
            if self._bar is not None:
                getattr(self._bar, method)()


def _harmless(tqdm: Any) -> Any:
    """Return a subclass of tqdm that raises nothing while it holds its lock or is collected.

    It starts no thread, because a thread that waits for the lock would keep the process from ending,
    and no process: tqdm's own lock needs one in some versions of Python, which imports modules from
    the current directory.
    """

    def display(self: Any, *args: Any, **options: Any) -> Any:
        try:
            return tqdm.display(self, *args, **options)
        except Exception:
            self.disable = True

    def close(self: Any, *args: Any, **options: Any) -> None:
        with contextlib.suppress(Exception):
            tqdm.close(self, *args, **options)

    lock = getattr(tqdm, "_lock", None) or threading.RLock()
    members = {"display": display, "close": close, "monitor_interval": 0, "_lock": lock}
    return type(tqdm.__name__, (tqdm,), members)


def as_progress(counters: Counters, seconds: float) -> Progress:
    """Return the counters of a job as a Progress."""
    return Progress(
        files=counters.files,
        total_files=_known(counters.total_files),
        bytes=counters.bytes,
        total_bytes=_known(counters.total_bytes),
        bad=counters.bad,
        seconds=seconds,
    )


def _known(count: int) -> int | None:
    return None if count < 0 else count

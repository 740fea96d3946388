"""Reports the progress of a job to the user."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from checksig._options import ProgressOption
from checksig.report import Progress

if TYPE_CHECKING:
    from checksig._wire import Counters

_INTERVAL = 0.1  # seconds between two reports, at least

BAR: dict[str, Any] = {"unit": "B", "unit_scale": True, "unit_divisor": 1000}


def check_progress(progress: object) -> None:
    """Raise TypeError for a value that the option ``progress`` does not take."""
    if not (progress is None or isinstance(progress, bool) or callable(progress)):
        raise TypeError(f"progress must be True, False, None or a function, not {progress!r}")


class Reporter:
    """Passes the counters of a job to the user's function or to a tqdm bar.

    Args:
        progress: the function; True for a bar; False or None to report nothing.
    """

    def __init__(self, progress: ProgressOption) -> None:
        self._progress = progress
        self._bar: Bar | None = None
        self._show: Callable[[Progress], object] | None = progress if callable(progress) else None

    def __enter__(self) -> Reporter:
        self._start = time.monotonic()
        self._due = self._start + _INTERVAL
        if self._progress is True:
            self._bar = _bar()
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
        self._due = now + _INTERVAL
        self._show(as_progress(counters, now - self._start))


class Bar:
    """A tqdm bar that shows bytes, their rate, the time left, the files done, and the bad ones."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def draw(self, progress: Progress) -> None:
        """Show the progress."""
        self._bar.total = progress.total_bytes
        self._bar.set_postfix(files=progress.files, bad=progress.bad, refresh=False)
        self._bar.update(progress.bytes - self._bar.n)

    def close(self) -> None:
        """Close the bar."""
        self._bar.close()


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


def _bar() -> Bar:
    from tqdm.auto import tqdm

    return Bar(tqdm(**BAR))


def _known(count: int) -> int | None:
    return None if count < 0 else count

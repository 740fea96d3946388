"""Tells the user how far a verification has come."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from checksig.report import Progress

if TYPE_CHECKING:
    from checksig.checksig import Counters

ProgressOption = bool | Callable[[Progress], object] | None

_INTERVAL = 0.1  # seconds between two calls of the user's function


class Reporter:
    """Passes a job's counters on: to a function of the user's, to a tqdm bar, or to nobody."""

    def __init__(self, progress: ProgressOption) -> None:
        self._start = time.monotonic()
        self._due = self._start + _INTERVAL
        self._bar: Any = _bar() if progress is True else None
        self._show: Callable[[Progress], object] | None = self._draw if self._bar is not None else None
        if callable(progress):
            self._show = progress

    def __enter__(self) -> Reporter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def update(self, counters: Counters) -> None:
        """Pass the counters on if the last time is long enough ago."""
        if self._show is not None and time.monotonic() >= self._due:
            self.finish(counters)

    def finish(self, counters: Counters) -> None:
        """Pass the counters on."""
        if self._show is None:
            return
        now = time.monotonic()
        progress = Progress(
            files=counters.files,
            total_files=_known(counters.total_files),
            bytes=counters.bytes,
            total_bytes=_known(counters.total_bytes),
            failed=counters.failed,
            seconds=now - self._start,
        )
        self._due = now + _INTERVAL
        self._show(progress)

    def _draw(self, progress: Progress) -> None:
        self._bar.total = progress.total_bytes
        self._bar.set_postfix(files=progress.files, failed=progress.failed, refresh=False)
        self._bar.update(progress.bytes - self._bar.n)


def _bar() -> Any:
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        raise ImportError("progress=True needs tqdm: 'pip install tqdm', or pass a function") from error
    return tqdm(unit="B", unit_scale=True, unit_divisor=1000)


def _known(count: int) -> int | None:
    return None if count < 0 else count

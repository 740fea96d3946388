"""Draws the results of compare.py as horizontal bars, one panel for each case.

    python benchmarks/chart.py CHART.svg RESULTS.json... [--short] [--case NAME]... [--without PEER]...

Of peers that differ only in how many processes xargs runs, only the fastest is drawn. The colors are
legible on white and on black, and the background is transparent.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from peers import OURS
from results import CaseResult, Results, is_floor, load, medians, name_of, plain_of, title_of

TEXT = "#7a818a"
FIRST, SECOND, PEER, FLOOR = "#e8710a", "#f0a868", "#7c93b2", "#a3a9b1"
CUT = 8  # the longest bar, in times of checksig's
WIDTH, FOOT = 8.6, 0.2  # inches


class Form(NamedTuple):
    """The form of a chart: the inches of a bar and of a title, and how many bars a panel may have."""

    row: float
    title: float
    most: int


LONG = Form(0.27, 0.75, 10)
SHORT = Form(0.185, 0.36, 5)
SHORT_CASES = {
    "check/small/sha1/disk": "100,000 files of 4 KiB on a disk",
    "check/medium/sha1/memory": "2,000 files of 1 MiB in memory",
    "check/single/sha1/memory": "One file of 2 GiB in memory",
}


def main() -> None:
    """Draw the chart of some files of results."""
    parser = argparse.ArgumentParser(description="Draw the results of compare.py.")
    parser.add_argument("chart", type=Path)
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--short", action="store_true", help="draw three panels of five bars")
    parser.add_argument(
        "--case",
        action="append",
        default=[],
        help="draw only this case, such as check/medium/sha256/memory (default all of sha1)",
    )
    parser.add_argument(
        "--without", action="append", default=[], help="leave out peers whose names begin with this"
    )
    options = parser.parse_args()
    results = load(options.results)
    if options.short:
        draw(results, options.chart, SHORT, tuple(SHORT_CASES), ("floor", *options.without))
    else:
        draw(results, options.chart, LONG, tuple(options.case), tuple(options.without))


def draw(results: Results, path: Path, form: Form, cases: tuple[str, ...], without: tuple[str, ...]) -> None:
    """Draw the chosen cases; by default all of sha1, or all cases if none is of sha1."""
    every = {name_of(case): case for case in results["cases"]}
    names = cases or tuple(name for name in every if "/sha1/" in name) or tuple(every)
    if missing := [name for name in names if name not in every]:
        raise SystemExit(f"the results have no case {missing[0]}")
    panels = [(every[name], rows_of(every[name], without, form.most)) for name in names]
    heights = [form.row * len(rows) + form.title for _, rows in panels]
    settings: Any = {
        "svg.hashsalt": "checksig",
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.size": 9,
    }
    with mpl.rc_context(settings):
        height = sum(heights) + FOOT
        layout = ConstrainedLayoutEngine(h_pad=0.02, rect=(0, FOOT / height, 1, 1 - (FOOT + 0.03) / height))
        figure = Figure(figsize=(WIDTH, height), layout=layout)
        axes = figure.subplots(len(panels), 1, height_ratios=heights, squeeze=False)
        for (case, rows), axis in zip(panels, axes[:, 0], strict=True):
            draw_panel(axis, case, rows, short=form is SHORT)
        figure.text(0.01, 0.004, footnote(results), color=TEXT, fontsize=7, va="bottom")
        figure.savefig(path, format="svg", transparent=True, metadata={"Date": None, "Creator": None})


def rows_of(case: CaseResult, without: tuple[str, ...], most: int) -> dict[str, float]:
    """Return the names and medians of the peers to draw: checksig, then the fastest, then ``sha1sum -c``."""
    ours, others, last = {}, {}, {}
    families = set()
    for name, middle in medians(case).items():
        family = "floor" if is_floor(name) else re.sub(r"-P\d+", "-P", name)
        if name.startswith(without or "\0") or family in families:
            continue
        families.add(family)
        if name in OURS:
            ours[name] = middle
        elif name == plain_of(case):
            last[name] = middle
        else:
            others[name] = middle
    fastest = list(others.items())[: most - len(ours) - len(last)]
    return {**ours, **dict(fastest), **last}


def draw_panel(axis: Axes, case: CaseResult, rows: dict[str, float], *, short: bool) -> None:
    """Draw the bars of a case; cut a bar that would dwarf the others, and mark it."""
    base = next((rows[name] for name in OURS if name in rows), min(rows.values()))
    limit = min(max(rows.values()), CUT * base)
    for place, (name, middle) in enumerate(rows.items()):
        cut = middle > limit
        bold = name in OURS
        axis.barh(place, min(middle, limit), height=0.72, color=color_of(name))
        if not cut:
            low, high = min(case["samples"][name]), max(case["samples"][name])
            axis.plot([low, min(high, limit)], [place, place], color=TEXT, linewidth=1)
        end = limit if cut else min(max(case["samples"][name]), limit)
        label = f"{'» ' if cut else ''}{seconds(middle)}, {middle / base:.1f}x"
        axis.text(
            end + 0.01 * limit, place, label, va="center", color=TEXT, fontweight="bold" if bold else None
        )
    title = f"{SHORT_CASES[name_of(case)]}, {case['algorithm']}" if short else title_of(case)
    axis.set_title(title, loc="left", color=TEXT, fontsize=10, pad=2 if short else None)
    axis.set_yticks(range(len(rows)), list(rows))
    axis.set_xlim(0, 1.2 * limit)
    axis.invert_yaxis()
    axis.xaxis.set_visible(False)
    axis.tick_params(axis="y", colors=TEXT, length=0)
    for spine in axis.spines.values():
        spine.set_visible(False)


def color_of(name: str) -> str:
    """Return the color of a bar."""
    if is_floor(name):
        return FLOOR
    if name in OURS:
        return SECOND if name == OURS[-1] else FIRST
    return PEER


def seconds(value: float) -> str:
    """Return a time with three significant digits."""
    return f"{1000 * value:.3g} ms" if value < 0.9995 else f"{value:.3g} s"


def footnote(results: Results) -> str:
    """Return a line that says how and where the times were measured."""
    machine = results["machine"]
    scale = "" if results["scale"] == 1 else f", scale {results['scale']:g}"
    return (
        f"Medians of {results['rounds']} rounds, lines min-max{scale}. "
        f"{machine['cores']} cores of {machine['cpu']}, {machine['system']}, {machine['kernel']}"
    )


if __name__ == "__main__":
    main()

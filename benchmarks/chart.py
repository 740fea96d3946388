"""Draws the results of compare.py as horizontal bars, one panel for each workload.

python benchmarks/chart.py RESULTS.json CHART.svg [--case WORKLOAD/ALGORITHM]... [--without PEER]...

The colors are legible on white and on black, and the background is transparent.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from peers import BASE
from results import CaseResult, Results, medians, size_of

TEXT = "#7a818a"
OURS, FRESH, PEER, FLOOR = "#e8710a", "#f0a868", "#7c93b2", "#a3a9b1"
CUT = 8  # the longest bar, in times of checksig's
ROW, TITLE, WIDTH = 0.27, 0.75, 8.6  # inches


def main() -> None:
    """Draw the chart of a file of results."""
    parser = argparse.ArgumentParser(description="Draw the results of compare.py.")
    parser.add_argument("results", type=Path)
    parser.add_argument("chart", type=Path)
    parser.add_argument(
        "--case",
        action="append",
        default=[],
        help="draw only this case, such as medium/sha256 (default all of sha1)",
    )
    parser.add_argument(
        "--without", action="append", default=[], help="leave out peers whose names begin with this"
    )
    options = parser.parse_args()
    results: Results = json.loads(options.results.read_text("utf-8"))
    draw(results, options.chart, tuple(options.case), tuple(options.without))


def draw(results: Results, path: Path, cases: tuple[str, ...] = (), without: tuple[str, ...] = ()) -> None:
    """Draw the chosen cases; by default all of sha1, or all cases if none is of sha1."""
    every = {f"{case['workload']}/{case['algorithm']}": case for case in results["cases"]}
    names = cases or tuple(name for name in every if name.endswith("/sha1")) or tuple(every)
    panels = [(every[name], rows_of(every[name], without)) for name in names]
    heights = [ROW * len(rows) + TITLE for _, rows in panels]
    settings: Any = {
        "svg.hashsalt": "checksig",
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.size": 9,
    }
    with mpl.rc_context(settings):
        figure = Figure(figsize=(WIDTH, sum(heights) + 0.35), layout="constrained")
        axes = figure.subplots(len(panels), 1, height_ratios=heights, squeeze=False)
        for (case, rows), axis in zip(panels, axes[:, 0], strict=True):
            draw_panel(axis, case, rows)
        figure.text(0.01, 0, footnote(results), color=TEXT, fontsize=7, va="bottom")
        figure.savefig(path, format="svg", transparent=True, metadata={"Date": None, "Creator": None})


def rows_of(case: CaseResult, without: tuple[str, ...]) -> dict[str, float]:
    """Return the names and medians of the peers to draw, the fastest first."""
    return {name: middle for name, middle in medians(case).items() if not name.startswith(without)}


def draw_panel(axis: Axes, case: CaseResult, rows: dict[str, float]) -> None:
    """Draw the bars of a workload; cut a bar that would dwarf the others, and mark it."""
    base = rows.get(BASE, min(rows.values()))
    limit = min(max(rows.values()), CUT * base)
    for place, (name, middle) in enumerate(rows.items()):
        cut = middle > limit
        bold = name.startswith("checksig")
        axis.barh(place, min(middle, limit), height=0.72, color=color_of(name))
        if not cut:
            low, high = min(case["samples"][name]), max(case["samples"][name])
            axis.plot([low, min(high, limit)], [place, place], color=TEXT, linewidth=1)
        end = limit if cut else min(max(case["samples"][name]), limit)
        label = f"{'» ' if cut else ''}{seconds(middle)}, {middle / base:.1f}x"
        axis.text(
            end + 0.01 * limit, place, label, va="center", color=TEXT, fontweight="bold" if bold else None
        )
    axis.set_title(f"{case['workload']}, {case['algorithm']}: {size_of(case)}", loc="left", color=TEXT)
    axis.set_yticks(range(len(rows)), list(rows))
    axis.set_xlim(0, 1.2 * limit)
    axis.invert_yaxis()
    axis.xaxis.set_visible(False)
    axis.tick_params(axis="y", colors=TEXT, length=0)
    for spine in axis.spines.values():
        spine.set_visible(False)


def color_of(name: str) -> str:
    """Return the color of a bar."""
    if name.startswith("floor"):
        return FLOOR
    if name.startswith("checksig"):
        return FRESH if "start-up" in name else OURS
    return PEER


def seconds(value: float) -> str:
    """Return a time with three significant digits."""
    return f"{1000 * value:.3g} ms" if value < 0.9995 else f"{value:.3g} s"


def footnote(results: Results) -> str:
    """Return a line that says how and where the times were measured."""
    machine = results["machine"]
    scale = "" if results["scale"] == 1 else f", scale {results['scale']:g}"
    return (
        f"Medians of {results['rounds']} rounds, lines min-max, files in memory{scale}. "
        f"{machine['cores']} cores of {machine['cpu']}, {machine['system']}, {machine['kernel']}"
    )


if __name__ == "__main__":
    main()

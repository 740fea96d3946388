"""The results of compare.py, as JSON and as tables."""

from __future__ import annotations

import statistics
from typing import TypedDict

from peers import BASE


class CaseResult(TypedDict):
    """The seconds of one workload with one algorithm, peer by peer and round by round."""

    workload: str
    algorithm: str
    summary: str
    files: int
    bytes: int
    samples: dict[str, list[float]]
    failed: dict[str, str]


class Results(TypedDict):
    """The results of a whole run."""

    machine: dict[str, object]
    versions: dict[str, str]
    missing: dict[str, str]
    scale: float
    rounds: int
    cases: list[CaseResult]


def size_of(case: CaseResult) -> str:
    """Return the number and size of the files, for a title."""
    files = f"{case['files']:,} files" if case["files"] > 1 else "1 file"
    return f"{files}, {case['bytes'] / 2**20:,.0f} MiB"


def medians(case: CaseResult) -> dict[str, float]:
    """Return the median of each peer, the fastest first."""
    middles = {name: statistics.median(values) for name, values in case["samples"].items()}
    return dict(sorted(middles.items(), key=lambda pair: pair[1]))


def table(case: CaseResult) -> str:
    """Return the table of a workload."""
    lines = [
        f"### {case['workload']}, {case['algorithm']}: {size_of(case)}\n",
        "| | median s | min-max s | times checksig |",
        "| --- | ---: | ---: | ---: |",
    ]
    middles = medians(case)
    for name, middle in middles.items():
        values = case["samples"][name]
        ratio = f"{middle / middles[BASE]:.2f}" if BASE in middles else ""
        lines.append(f"| {name} | {middle:.3f} | {min(values):.3f}-{max(values):.3f} | {ratio} |")
    lines += [f"| {name} | failed: {error} | | |" for name, error in case["failed"].items()]
    return "\n".join(lines)

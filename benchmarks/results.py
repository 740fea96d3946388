"""The results of compare.py, as JSON and as tables.

    python benchmarks/results.py RESULTS.json... [--into PAGE.md]...

prints what to expect, a summary, the ratios and all tables in Markdown, or writes each of them into
pages, between the lines ``<!-- expected -->`` and ``<!-- end of expected -->`` and so on.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypedDict

from peers import CREATE, NEW, ONE_WORKER, OURS, RUNNING


class CaseResult(TypedDict):
    """What one case took, peer by peer and round by round: seconds, and processor seconds."""

    action: str
    workload: str
    algorithm: str
    storage: str
    summary: str
    files: int
    bytes: int
    samples: dict[str, list[float]]
    cpu: dict[str, list[float]]
    failed: dict[str, str]


class Results(TypedDict):
    """The results of a whole run."""

    machine: dict[str, object]
    versions: dict[str, str]
    missing: dict[str, str]
    scale: float
    rounds: int
    cases: list[CaseResult]


PLACES = {"memory": "in memory", "disk": "on a disk", "fuse": "in a slow file system"}
ACTIONS = {"check": "check", "create": "create", "extra": "check --extra fail"}


def name_of(case: CaseResult) -> str:
    """Return what identifies a case, such as ``check/small/sha1/disk``."""
    return "/".join((case["action"], case["workload"], case["algorithm"], case["storage"]))


def size_of(case: CaseResult) -> str:
    """Return the number and size of the files, for a title."""
    files = f"{case['files']:,} files" if case["files"] > 1 else "1 file"
    return f"{files}, {case['bytes'] / 2**20:,.0f} MiB"


def title_of(case: CaseResult) -> str:
    """Return the title of a table."""
    place = PLACES[case["storage"]]
    return f"{ACTIONS[case['action']]}, {case['workload']}, {case['algorithm']}, {place}: {size_of(case)}"


def medians(case: CaseResult) -> dict[str, float]:
    """Return the median of each peer: checksig's first, as OURS orders them, then the fastest first."""
    middles = {name: statistics.median(values) for name, values in case["samples"].items()}

    def place(pair: tuple[str, float]) -> tuple[int, float]:
        name, middle = pair
        return (OURS.index(name), 0) if name in OURS else (len(OURS), middle)

    return dict(sorted(middles.items(), key=place))


def table(case: CaseResult) -> str:
    """Return the table of a case."""
    middles = medians(case)
    ours = [name for name in OURS if name in middles]
    heads = {NEW: "times a new process", CREATE: "times checksig", RUNNING: "times a running process"}
    lines = [
        f"#### {title_of(case)}\n",
        f"| | median s | min-max s | CPU s | {' | '.join(heads[name] for name in ours)} |",
        "| --- |" + " ---: |" * (3 + len(ours)),
    ]
    for name, middle in middles.items():
        values, cpu = case["samples"][name], statistics.median(case["cpu"][name])
        times = [f"{middle / middles[base]:.2f}" for base in ours]
        cells = (f"{middle:.3f}", f"{min(values):.3f}-{max(values):.3f}", f"{cpu:.2f}", *times)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += [f"| {name} | failed: {error} |" for name, error in case["failed"].items()]
    return "\n".join(lines)


def is_other(name: str) -> bool:
    """Return whether a peer is another tool."""
    return name not in (*OURS, ONE_WORKER) and not is_floor(name)


def is_floor(name: str) -> bool:
    """Return whether a peer is the C program, which only reads."""
    return name.startswith("floor")


def is_by_xargs(name: str) -> bool:
    """Return whether a peer is run by xargs."""
    return "xargs" in name


def is_two_uutils(name: str) -> bool:
    """Return whether a peer is uutils on each core."""
    return name.startswith("xargs -P,") and name.endswith("of uutils")


class Ratio(NamedTuple):
    """The median of the fastest of some peers, as a multiple of checksig's, or the other way round."""

    case: str
    ours: str
    what: str
    peers: Callable[[str], bool]
    ours_over_theirs: bool = False


RATIOS = (
    *(Ratio("check/small/sha1/disk", ours, "fastest xargs", is_by_xargs) for ours in (NEW, RUNNING)),
    *(Ratio("check/small/sha1/disk", ours, "fastest floor", is_floor, True) for ours in (NEW, RUNNING)),
    Ratio("create/small/sha1/disk", CREATE, "fastest find and xargs", is_by_xargs),
    *(
        Ratio("extra/nested/sha1/disk", ours, "fastest xargs and find", is_by_xargs)
        for ours in (NEW, RUNNING)
    ),
    *(Ratio("check/few/sha1/fuse", ours, "one worker", ONE_WORKER.__eq__) for ours in (NEW, RUNNING)),
    Ratio("check/small/sha1/memory", NEW, "fastest other tool", is_other),
    Ratio("check/small/sha1/memory", RUNNING, "uutils on each core", is_two_uutils),
    *(
        Ratio(f"check/medium/{algorithm}/memory", ours, "fastest other tool", is_other)
        for algorithm in ("sha1", "sha256", "md5")
        for ours in (NEW, RUNNING)
    ),
)


def ratios(cases: list[CaseResult]) -> str:
    """Return the table of the ratios between medians, for the cases that were measured."""
    found = {name_of(case): case for case in cases}
    lines = ["| case | ratio | | of |", "| --- | --- | ---: | --- |"]
    for ratio in RATIOS:
        if ratio.case not in found:
            continue
        middles = medians(found[ratio.case])
        theirs = [name for name in middles if ratio.peers(name)]
        if ratio.ours not in middles or not theirs:
            continue
        best = min(theirs, key=middles.__getitem__)
        sides = [ratio.what, ratio.ours]
        value = middles[best] / middles[ratio.ours]
        if ratio.ours_over_theirs:
            sides.reverse()
            value = 1 / value
        lines.append(f"| {ratio.case} | {' / '.join(sides)} | {value:.2f} | {best} |")
    return "\n".join(lines) if len(lines) > 2 else ""


def summary(cases: list[CaseResult]) -> str:
    """Return a table with a row for each case: checksig's seconds, and others as a multiple of it."""
    heads = ("", "checksig, a new process", "in a running process", "`sha1sum -c` or its sibling")
    lines = [
        f"| {' | '.join((*heads, 'the fastest other tool', 'which is'))} |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for case in cases:
        middles = medians(case)
        base = next((middles[name] for name in OURS if name in middles), None)
        if base is None:
            continue
        best = next((name for name in middles if is_other(name)), "")
        what = f"{ACTIONS[case['action']]}: {case['summary']}, {case['algorithm']}, {PLACES[case['storage']]}"
        others = [f"{middles[name] / base:.2f}" if name in middles else "" for name in (plain_of(case), best)]
        running = f"{middles[RUNNING]:.2f} s" if RUNNING in middles else ""
        lines.append(f"| {' | '.join((what, f'{base:.2f} s', running, *others, best))} |")
    return "\n".join(lines)


def expected(cases: list[CaseResult]) -> str:
    """Return a table of the seconds on a disk and in memory, for each workload with sha1."""
    found = {name_of(case): medians(case) for case in cases}
    lines = [
        "| | on a disk | `sha1sum -c` | in memory | `sha1sum -c` |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for workload, title in {case["workload"]: case["summary"] for case in cases}.items():
        cells = []
        for storage in ("disk", "memory"):
            middles = found.get(f"check/{workload}/sha1/{storage}", {})
            cells += [f"{middles[name]:.2f} s" if name in middles else "" for name in (NEW, "sha1sum -c")]
        if any(cells):
            lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def plain_of(case: CaseResult) -> str:
    """Return the name of the peer that most people know."""
    return f"{case['algorithm']}sum -c"


def main() -> None:
    """Print the tables of some files of results, or write them into pages."""
    parser = argparse.ArgumentParser(description="Print the results of compare.py in Markdown.")
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--into", type=Path, action="append", default=[], help="a page to update")
    options = parser.parse_args()
    cases = load(options.results)["cases"]
    parts = {
        "expected": expected(cases),
        "summary": summary(cases),
        "ratios": ratios(cases),
        "tables": "\n\n".join(map(table, cases)),
    }
    for page in options.into:
        page.write_text(updated(page.read_text("utf-8"), parts), "utf-8")
    if not options.into:
        print("\n\n".join(filter(None, parts.values())))


def updated(text: str, parts: dict[str, str]) -> str:
    """Return a page whose parts between two lines of their name are replaced."""
    for name, part in parts.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
        before, found, rest = text.partition(begin)
        if found:
            text = f"{before}{begin}\n{part}\n\n{end}{rest.partition(end)[2]}"
    return text


def load(paths: list[Path]) -> Results:
    """Return the results of some files as one; a later file replaces the cases of an earlier one."""
    parts: list[Results] = [json.loads(path.read_text("utf-8")) for path in paths]
    cases = {name_of(case): case for part in parts for case in part["cases"]}
    rounds = min(part["rounds"] for part in parts)
    return {**parts[-1], "rounds": rounds, "cases": list(cases.values())}


if __name__ == "__main__":
    main()

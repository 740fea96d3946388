"""Runs the corpus of testdata/cases with the installed checksig, and prints how each case ended.

    python tools/corpus.py FOLDER

It needs only Python and checksig, so it runs where nothing else can be installed. It makes
the tree of each case in the folder, which must not exist. Standard output is JSON: two
processors that print the same agree. A case that does not end as expected is named on standard
error, and makes the exit status 1.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from case_trees import CASES, make_tree

import checksig
from checksig._engine import Job, make_request
from checksig._wire import ALL_RESULTS, FAIL_EXTRA, FILE, REPORT_EXTRA, Record, unpack_records

EXTRA = {"ignore": 0, "report": REPORT_EXTRA, "fail": FAIL_EXTRA}


def options_of(case: dict[str, Any], root: str) -> dict[str, str]:
    """Return the arguments of a case, for the directory with its tree."""
    return {key: text.replace("ROOT", root) for key, text in case.get("options", {}).items()}


def outcome(root: str, options: dict[str, str]) -> dict[str, Any]:
    """Return how a check ends: the verdict, the message, and the record of each file."""
    verdict, line, message = "ok", None, ""
    try:
        checksig.check_signatures(root, **options)  # type: ignore[arg-type]
    except checksig.VerificationError as error:
        verdict, message = "failed", str(error)
    except checksig.ManifestNotFoundError as error:
        verdict, message = "not-found", str(error)
    except checksig.ManifestError as error:
        verdict, message, line = "manifest", str(error), error.line
    ended = {"verdict": verdict, "line": line, "message": message.replace(root, "ROOT").split("\n")}
    return ended | {"files": files(root, options) if verdict in ("ok", "failed") else []}


def files(root: str, options: dict[str, str]) -> list[Any]:
    """Return the records of a directory's files."""
    flags = ALL_RESULTS | EXTRA[options.get("extra", "ignore")]
    request = make_request(
        root,
        manifest=options.get("manifest"),
        format=options.get("format"),
        algorithm=options.get("algorithm"),
        flags=flags,
    )
    with Job(request) as job:
        return [row for batch in job.batches() for record in batch for row in rows(record)]


def files_of(data: bytes) -> list[Any]:
    """Return the records of files among those of checksig_next, as :func:`files` does."""
    return [row for record in unpack_records(data) for row in rows(record)]


def rows(record: Record) -> list[Any]:
    """Return the members of a file's record, except the error number of the system, as a row."""
    if record.kind != FILE:
        return []
    digests = [record.expected.hex(), record.actual.hex()]
    return [
        [record.status, record.bad, record.number, record.name, record.reason, record.algorithm, *digests]
    ]


def is_as_expected(case: dict[str, Any], found: dict[str, Any]) -> bool:
    """Return whether a case ended as expected."""
    expected = (case["verdict"], case.get("message", [""]), case.get("line"))
    return expected == (found["verdict"], found["message"], found["line"])


def main(folder: Path) -> int:
    """Run all cases; return the status."""
    folder.mkdir(parents=True)
    found, wrong = {}, []
    for path in CASES:
        case = json.loads(path.read_text("utf-8"))
        root = folder / path.stem
        root.mkdir()
        make_tree(os.fsencode(root), case["tree"])
        found[path.stem] = outcome(str(root), options_of(case, str(root)))
        if not is_as_expected(case, found[path.stem]):
            wrong.append(f"{path.stem}: {found[path.stem]}")
    print(json.dumps(found, indent=1))
    sys.stderr.write("".join(f"{line}\n" for line in wrong))
    return 1 if wrong or len(found) < 50 else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute()))

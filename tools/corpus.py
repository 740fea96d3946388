"""Runs the corpus of testdata/cases by the installed checksig, and says what came of each case.

    python tools/corpus.py FOLDER

It needs Python and checksig alone, so it runs where nothing else can be installed.
Each case is planted in the folder, which must not be there. The standard output
is JSON: two processors that print the same agree. A case that does not end as it
says is told on the standard error, and makes the status 1.
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
from checksig.checksig import (
    ALL_RESULTS,
    FAIL_EXTRA,
    FILE,
    REPORT_EXTRA,
    Job,
    Record,
    Request,
    unpack_records,
)

EXTRA = {"ignore": 0, "report": REPORT_EXTRA, "fail": FAIL_EXTRA}


def options_of(case: dict[str, Any], root: str) -> dict[str, str]:
    """Return the arguments of a case, for the directory where it is planted."""
    return {key: text.replace("ROOT", root) for key, text in case.get("options", {}).items()}


def outcome(root: str, options: dict[str, str]) -> dict[str, Any]:
    """Return what a check ends with: the verdict, the message, and the record of each file."""
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
    request = Request(
        manifest=options.get("manifest"),
        format=options.get("format"),
        algorithm=options.get("algorithm"),
        flags=flags,
    )
    with Job(root, request) as job:
        return [told for batch in job.batches() for record in batch for told in tell(record)]


def files_of(data: bytes) -> list[Any]:
    """Return the records of files among those of checksig_next, as :func:`files` does."""
    return [told for record in unpack_records(data) for told in tell(record)]


def tell(record: Record) -> list[Any]:
    """Return what a record says of a file, if it is of one, but for the system's own error number."""
    if record.kind != FILE:
        return []
    digests = [record.expected.hex(), record.actual.hex()]
    return [
        [record.status, record.bad, record.number, record.name, record.reason, record.algorithm, *digests]
    ]


def is_as_expected(case: dict[str, Any], found: dict[str, Any]) -> bool:
    """Return whether a case ended as it says."""
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

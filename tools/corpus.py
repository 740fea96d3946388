"""Runs every case of testdata/cases with the installed checksig, and prints the results.

    python tools/corpus.py FOLDER

It needs only Python and checksig, so it runs where nothing else can be installed. It creates
FOLDER, which must not exist, with a directory for each case. It writes the results to standard
output as JSON, so that those of two processors can be compared. It reports each case that does not
end as it says on standard error, and then exits with status 1.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from case_trees import CASES, make_tree, options_of

import checksig
from checksig._engine import Job, make_request
from checksig._trust import make_trust
from checksig._wire import ALL_RESULTS, FAIL_EXTRA, FILE, REPORT_EXTRA, Record, unpack_records

EXTRA = {"ignore": 0, "report": REPORT_EXTRA, "fail": FAIL_EXTRA}


def outcome(case: dict[str, Any], root: str) -> dict[str, Any]:
    """Return the verdict on a case whose directory is ``root``, the message, and the record of each file."""
    verdict, line, message = "ok", None, ""
    try:
        checksig.check_signatures(root, **options_of(case, root))
    except checksig.VerificationError as error:
        verdict, message = "failed", str(error)
    except checksig.ManifestNotFoundError as error:
        verdict, message = "not-found", str(error)
    except checksig.SignatureError as error:
        verdict, message = "not-signed", str(error)
    except checksig.ManifestError as error:
        verdict, message, line = "manifest", str(error), error.line
    ended = {"verdict": verdict, "line": line, "message": message.replace(root, "ROOT").split("\n")}
    return ended | {"files": files(root, options_of(case, root)) if verdict in ("ok", "failed") else []}


def files(root: str, options: dict[str, Any]) -> list[Any]:
    """Return what the records of a directory's files say."""
    flags = ALL_RESULTS | EXTRA[options.pop("extra", "ignore")]
    names = ("signed_by", "min_signers", "signature", "namespace")
    trust = make_trust(*(options.pop(name, None) for name in names))
    with Job(make_request(root, flags=flags, trust=trust, **options)) as job:
        return [details for batch in job.batches() for record in batch for details in details_of(record)]


def files_of(data: bytes) -> list[Any]:
    """Return what the records of files in a buffer of checksig_next say, as :func:`files` does."""
    return [details for record in unpack_records(data) for details in details_of(record)]


def details_of(record: Record) -> list[Any]:
    """Return what a record says about a file, except the system's own error number.

    The list is empty if the record is not about a file.
    """
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
    """Run all cases, and return the exit status."""
    folder.mkdir(parents=True)
    found, wrong = {}, []
    for path in CASES:
        case = json.loads(path.read_text("utf-8"))
        root = folder / path.stem
        root.mkdir()
        make_tree(os.fsencode(root), case["tree"])
        found[path.stem] = outcome(case, str(root))
        if not is_as_expected(case, found[path.stem]):
            wrong.append(f"{path.stem}: {found[path.stem]}")
    print(json.dumps(found, indent=1))
    sys.stderr.write("".join(f"{line}\n" for line in wrong))
    return 1 if wrong or len(found) < 50 else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute()))

"""A ``go`` that compiles nothing: it records every call, and copies files that were built before.

    python stub_go.py FOLDER ARGUMENT ...

FOLDER/calls.jsonl gets a line for each call. FOLDER/library and FOLDER/helper are what a build
yields. If FOLDER/no-modules exists, no Go module is available. If FOLDER/broken exists, its content
is the error message of every build.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

VERSION = "go1.27.0"


def main(folder: Path, arguments: list[str]) -> None:
    """Do what ``go`` would do, as far as the build backend needs it."""
    with (folder / "calls.jsonl").open("a") as calls:
        calls.write(json.dumps({"arguments": arguments, "env": dict(os.environ), "cwd": os.getcwd()}) + "\n")
    match arguments:
        case ["env", "GOVERSION"]:
            print(VERSION)
        case ["env", "GOCACHE"]:
            print(os.environ.get("GOCACHE") or Path(os.environ.get("HOME", "/"), ".cache/go-build"))
        case ["mod" | "list", *_] if (folder / "no-modules").exists():
            sys.exit("no modules")
        case ["mod", "download"] | ["list", *_]:
            pass
        case ["mod", "vendor"]:
            Path("vendor").mkdir()
            Path("vendor/modules.txt").write_text("# a module\n")
        case ["build", *options] if not (folder / "broken").exists():
            output = Path(options[options.index("-o") + 1])
            if "-buildmode=c-shared" in options:
                shutil.copy(folder / "library", output)
                output.with_suffix(".h").write_text("/* generated */\n")
            else:
                shutil.copy(folder / "helper", output)
        case ["build", *_]:
            sys.exit((folder / "broken").read_text())
        case _:
            sys.exit(f"the stub does not know {arguments}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])

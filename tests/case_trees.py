"""Creates the directories of the test cases. testdata/cases/README.md describes them."""

from __future__ import annotations

import io
import os
import socket
import stat
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

CASES = sorted(Path(__file__).resolve().parent.parent.glob("testdata/cases/*.json"))

# The cases that end differently on Windows, and why.
ON_WINDOWS = {
    "around-backslash-escaped": "a backslash separates directories",
    "around-backslashes": "a name with a backslash is found as it is written",
    "file-below-file": "a name below a file is reported as missing",
    "name-of-255-bytes": "a name that is too long is reported as missing",
}


def why_impossible(tree: Iterable[list[Any]]) -> str:
    """Return why a tree cannot be created here, or ""."""
    if sys.platform in ("win32", "darwin"):
        return "" if is_plain(tree) else "this system does not have such files or names"
    device = any(item[0] == "device" for item in tree) and os.geteuid() != 0
    return "only root can create devices" if device else ""


def is_plain(tree: Iterable[list[Any]]) -> bool:
    """Return whether a tree has only files and directories, with different names that Windows allows."""
    names = [name for _, name, *_ in tree]
    plain = all(" " <= c < "\x7f" and c not in '\\:*?"<>|' for name in names for c in name)
    kinds = {kind for kind, *_ in tree}
    same = len({name.lower() for name in names}) < len(set(names))
    odd = any(name.endswith((" ", ".")) for name in names)
    return plain and kinds <= {"file", "directory", "sparse"} and not same and not odd


def options_of(case: dict[str, Any], root: Path | str) -> dict[str, Any]:
    """Return the arguments of check for a case whose tree is in ``root``."""
    options = {key: value.replace("ROOT", str(root)) for key, value in case.get("options", {}).items()}
    if "signed_by" in case:
        options["signed_by"] = [as_key(key, root) for key in case["signed_by"]]
    if "signature" in case:
        options["signature"] = case["signature"].replace("ROOT", str(root))
    return options | {key: case[key] for key in ("min_signers", "namespace") if key in case}


def as_key(key: str, root: Path | str) -> Any:
    """Return a key of a case as check takes it: a path below ROOT, or the content of a key file."""
    if key.startswith("ROOT/"):
        return key.replace("ROOT", str(root))
    return io.BytesIO(key.encode("latin-1"))


def make_tree(root: bytes, tree: Iterable[list[Any]]) -> None:
    """Create a case's tree in the directory ``root``, if it is possible (:func:`why_impossible`)."""
    for item in tree:
        make_item(root, *item)


def make_item(root: bytes, kind: str, name: str, *details: Any) -> None:
    """Create one item of a case's tree. testdata/cases/README.md describes the items."""
    path = os.path.join(root, name.encode("latin-1"))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if kind == "file":
        content, times = details if len(details) == 2 else (*details, 1)
        Path(os.fsdecode(path)).write_bytes(content.encode("latin-1") * times)
    elif kind == "sparse":
        Path(os.fsdecode(path)).touch()
        os.truncate(path, details[0])
    elif kind == "directory":
        os.mkdir(path)
    elif kind == "symlink":
        os.symlink(details[0].encode("latin-1").replace(b"ROOT", root), path)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        make_socket(path)
    elif kind == "device":
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    else:
        raise AssertionError(f"unknown kind {kind!r}")


def make_socket(path: bytes) -> None:
    """Create a socket. Its address is relative, because it may have at most 107 bytes."""
    before = Path.cwd()
    os.chdir(os.path.dirname(path))
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(os.path.basename(path))
    finally:
        os.chdir(before)

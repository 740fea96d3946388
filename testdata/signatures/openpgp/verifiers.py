"""Compares what other programs say of each case: gpg's exit status, gpgv's status lines, and sqv.

python testdata/signatures/openpgp/verifiers.py

It prints a table. Those cases are left out whose time is not now, since these programs have no other.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
MADE = HERE / "made"
GO = HERE.parents[2] / "go"


def run(*command: str | Path) -> tuple[bool, str]:
    """Run a program; return whether it succeeded, and its output."""
    done = subprocess.run(command, capture_output=True, check=False)
    return done.returncode == 0, done.stdout.decode("latin-1")


def keyring(case: dict[str, Any], folder: Path) -> Path:
    """Return a binary file with all keys of a case."""
    ring = folder / "ring.gpg"
    parts = []
    for name in case["keys"]:
        data = (MADE / name).read_bytes()
        if b"-----BEGIN PGP" in data:
            data = subprocess.run(["gpg", "--dearmor"], input=data, capture_output=True, check=False).stdout
        parts.append(data)
    ring.write_bytes(b"".join(parts))
    return ring


def files(case: dict[str, Any]) -> list[list[Path]]:
    """Return what each call verifies: a signature and the manifest, or the manifest alone."""
    manifest = MADE / case["manifest"]
    return [[MADE / name, manifest] for name in case["beside"]] or [[manifest]]


def by_gpg(case: dict[str, Any], folder: Path) -> bool:
    """Return whether gpg's exit status is 0 for one of the files."""
    home = folder / "home"
    home.mkdir(mode=0o700)
    gpg = ("gpg", "--batch", "--no-tty", f"--homedir={home}")
    for name in case["keys"]:
        run(*gpg, "--import", MADE / name)
    verified = [run(*gpg, "--trust-model=always", "--verify", *paths)[0] for paths in files(case)]
    run("gpgconf", f"--homedir={home}", "--kill", "all")
    return any(verified)


def by_gpgv(case: dict[str, Any], folder: Path) -> bool:
    """Return whether gpgv has found enough good signatures by distinct keys."""
    good: set[str] = set()
    for paths in files(case):
        lines = run("gpgv", "--status-fd=1", "--keyring", keyring(case, folder), *paths)[1].splitlines()
        said = ""
        for line in lines:
            if "SIG " in line and " VALIDSIG " not in line:
                said = line
            elif " VALIDSIG " in line and " GOODSIG " in said:
                good.add(line.split()[-1])
    return len(good) >= int(case.get("min", 1))


def by_sqv(case: dict[str, Any], folder: Path) -> bool | None:
    """Return whether sqv has found enough good signatures. None: it has no signed texts."""
    if not case["beside"]:
        return None
    least = str(case.get("min", 1))
    ring = keyring(case, folder)
    return any(run("sqv", "--keyring", ring, "--signatures", least, *paths)[0] for paths in files(case))


def by_us() -> dict[str, bool]:
    """Return what our tests say of each case."""
    test = ("go", "test", "-tags=checksig_modules", "-run=TestEveryOpenPGPCase", "-v", "./internal/signature")
    output = subprocess.run(test, cwd=GO, capture_output=True, text=True, check=True).stdout
    lines = (line.split("verdict ")[1] for line in output.splitlines() if "verdict " in line)
    return {name: value == "true" for name, value in (line.split(": ") for line in lines)}


def main() -> None:
    """Print the table."""
    missing = [name for name in ("gpg", "gpgv", "sqv", "go") if shutil.which(name) is None]
    if missing:
        raise SystemExit(f"not installed: {', '.join(missing)}")
    ours = by_us()
    words = {True: "yes", False: "no", None: "-"}
    print(f"{'case':36} {'rule':>4}  gpg  gpgv sqv  checksig")
    for case in json.loads((HERE / "cases.json").read_text("utf-8")):
        if "now" in case:
            continue
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            others = [by_gpg(case, folder), by_gpgv(case, folder), by_sqv(case, folder)]
        own = ours[case["name"]]
        row = " ".join(f"{words[other]:4}" for other in others)
        differs = {other for other in others[1:] if other is not None} - {own}
        print(f"{case['name']:36} {case['rule']:4}  {row} {words[own]}{'  differs' if differs else ''}")


if __name__ == "__main__":
    main()

"""Looks for known vulnerabilities in Go's library and in the Go modules, as far as our code calls them.

    python3 tools/vulnerabilities.py [--required]

govulncheck compares the code with a public database. Where that, or govulncheck itself, cannot be
reached, this says so and succeeds; with --required, as before a release, it fails.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "build_backend"))

import toolchain

GOVULNCHECK = "golang.org/x/vuln/cmd/govulncheck@v1.9.0"
FOUND = 3  # its exit status if there are vulnerabilities


def main(arguments: list[str]) -> None:
    """Run govulncheck."""
    go = toolchain.go_command()
    with tempfile.TemporaryDirectory() as scratch:
        env = toolchain.online(toolchain.environment(go, [], Path(scratch))) | {"CGO_ENABLED": "0"}
        build = [go, "install", GOVULNCHECK]
        installed = subprocess.run(build, env={**env, "GOBIN": scratch}, capture_output=True, text=True)
        if installed.returncode != 0:
            skip(f"govulncheck cannot be built: {installed.stderr.strip()}", arguments)
        check = [f"{scratch}/govulncheck", f"-tags={toolchain.MODULES_TAG}", "./internal/...", "./cmd/..."]
        env["PATH"] = f"{Path(go).parent}:{env['PATH']}"
        done = subprocess.run(check, cwd=toolchain.GO_SOURCES, env=env, capture_output=True, text=True)
    print(done.stdout, end="")
    if done.returncode == FOUND:
        sys.exit("there are known vulnerabilities")
    if done.returncode != 0:
        skip(f"govulncheck failed: {done.stderr.strip()}", arguments)


def skip(reason: str, arguments: list[str]) -> None:
    """End this process: with success, except with --required."""
    print(f"skipped, nothing was looked for: {reason}", flush=True)
    sys.exit(1 if "--required" in arguments else 0)


if __name__ == "__main__":
    main(sys.argv[1:])

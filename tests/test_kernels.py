"""The kernels: each set gives the verdicts that hashlib implies."""

from __future__ import annotations

import hashlib
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

KERNELS = ("go", "scalar", "avx2", "avx512", "shani", "neon", "armv8", "armv8.2")
ALGORITHMS = ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"]
if "sha512_256" in hashlib.algorithms_available:  # with OpenSSL
    ALGORITHMS += ["sha512-224", "sha512-256"]

CHECK = """
import os, sys, checksig
for manifest in sys.argv[2:]:
    report = checksig.check(sys.argv[1], manifest, algorithm=os.path.basename(manifest).split(".")[0])
    print(manifest, report.counts[checksig.Status.OK], [failure.path for failure in report.failures])
"""


def run(kernels: str, code: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run code with the kernels of one instruction set; skip the test if the processor lacks it."""
    env = {**os.environ, "CHECKSIG_KERNELS": kernels}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=env, capture_output=True, text=True, check=False
    )
    if f'invalid CHECKSIG_KERNELS "{kernels}"' in done.stderr:
        pytest.skip(f"this processor has no {kernels}")
    return done


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory of 300 files, with a manifest for each algorithm, wrong about one file."""
    root = tmp_path_factory.mktemp("files")
    source = random.Random(5)
    contents = {
        f"f{number}": source.randbytes(source.randrange(1 << source.randrange(20))) for number in range(300)
    }
    for name, content in contents.items():
        (root / name).write_bytes(content)
    for algorithm in ALGORITHMS:
        name_of_hashlib = algorithm.replace("sha512-", "sha512_")
        digests = [hashlib.new(name_of_hashlib, content).hexdigest() for content in contents.values()]
        wrong = source.randrange(300)
        digests[wrong] = ("1" if digests[wrong][0] == "0" else "0") + digests[wrong][1:]
        lines = [f"{digest}  {name}\n" for name, digest in zip(contents, digests, strict=True)]
        (root / f"{algorithm}.wrong-{wrong}").write_text("".join(lines))
    return root


@pytest.mark.parametrize("kernels", KERNELS)
def test_all_kernels_give_the_same_verdicts(kernels: str, files: Path) -> None:
    manifests = sorted(files.glob("*.wrong-*"))
    assert len(manifests) == len(ALGORITHMS)
    done = run(kernels, CHECK, files, *manifests)
    wrong = [path.name.rpartition("-")[2] for path in manifests]
    assert done.stdout == "".join(
        f"{path} 299 ['f{number}']\n" for path, number in zip(manifests, wrong, strict=True)
    ), done.stderr


def test_unknown_kernels_are_an_error_in_every_call(directory: Callable[..., Path]) -> None:
    root = directory({"a": b"1"})
    code = """
import os, sys, checksig
sys.path.insert(0, sys.argv[2])
from support import verify
writes = lambda root: checksig.check(root) if os.name == "nt" else checksig.create(root)
for call in (checksig.check, checksig.check_signatures, writes):
    try: call(sys.argv[1])
    except ValueError as error: print(type(error).__name__, error)
print(verify(sys.argv[1]))
"""
    lines = run("abacus,avx2", code, root, Path(__file__).parent).stdout.splitlines()
    assert len(lines) == 4
    for line in lines:
        assert re.search(r'invalid CHECKSIG_KERNELS "abacus" \(choose from .*\bgo\)$', line)

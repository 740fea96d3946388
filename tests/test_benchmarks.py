"""The benchmarks measure what they claim, and drop a peer that does not verify."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import toolchain
from support import CHECKOUT, environment

BENCHMARKS = CHECKOUT / "benchmarks"

linux = pytest.mark.skipif(sys.platform != "linux", reason="these programs are for Linux")


def build(name: str, folder: Path) -> Path:
    """Build a C program of the benchmarks."""
    compiler = toolchain.machine_cc()
    if compiler is None:
        pytest.skip("needs a C compiler")
    flags = ["-O1", "-Wall", "-Wextra", "-Werror", "-pthread"]
    program = folder / name
    subprocess.run([*compiler, *flags, "-o", program, BENCHMARKS / f"{name}.c"], check=True)
    return program


def run(script: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a script of the benchmarks."""
    command: list[str | Path] = [sys.executable, BENCHMARKS / script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment())


@linux
@pytest.mark.parametrize(
    "options", [(), ("--beneath", "--twice"), ("--together=3",), ("--beneath", "--twice", "--together=64")]
)
def test_the_c_program_reads_every_byte_of_every_file(options: tuple[str, ...], tmp_path: Path) -> None:
    floor = build("floor", tmp_path)
    names = [f"f{size}" for size in (0, 1, 4096, 300_000, *range(100, 170))]
    for name in names:
        (tmp_path / name).write_bytes(bytes(int(name[1:])))
    (tmp_path / "names").write_text("".join(f"{name}\0" for name in names))
    command: list[str | Path] = [floor, *options, "4", tmp_path, tmp_path / "names"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"{sum(int(name[1:]) for name in names)}\n"

    (tmp_path / "f4096").unlink()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")


@linux
def test_a_peer_that_accepts_everything_is_dropped(tmp_path: Path) -> None:
    careless = tmp_path / "careless"
    careless.mkdir()
    for name in ("sha1sum", "md5sum", "sha256sum", "sha512sum"):
        (careless / name).write_text("#!/bin/sh\nexit 0\n")
        (careless / name).chmod(0o755)
    saved = tmp_path / "results.json"
    actions = ("--action", "check", "--action", "create", "--action", "extra")
    done = run(
        "compare.py",
        *("--scale", "0.001", "--workload", "small/sha1", *actions, "--peer", "xargs -P, sha1sum"),
        *("--uutils", careless, "--data", tmp_path / "data", "--json", saved),
    )
    assert done.stderr == "a peer failed\n"
    cases = json.loads(saved.read_text())["cases"]
    assert [(case["action"], case["failed"]) for case in cases] == [
        ("check", {"xargs -P, sha1sum -c of uutils": "does not notice a changed bit"}),
        ("create", {"find, xargs -P, sha1sum of uutils": "rejects good files: created is not expected-sha1"}),
        ("extra", {"xargs -P, sha1sum -c of uutils, find": "does not notice a changed bit"}),
    ]
    for case in cases:
        assert {len(values) for values in (*case["samples"].values(), *case["cpu"].values())} == {5}
        assert len(case["samples"]) >= 2, "checksig and the machine's sha1sum"


def case_of(action: str, workload: str, storage: str, samples: dict[str, list[float]]) -> dict[str, object]:
    """Return a case as compare.py saves it."""
    return {
        "action": action,
        "workload": workload,
        "algorithm": "sha1",
        "storage": storage,
        "summary": "files",
        "files": 100_000,
        "bytes": 4096 * 100_000,
        "samples": samples,
        "cpu": {name: [0.25] * 3 for name in samples},
        "failed": {},
    }


def test_the_tables_begin_with_a_new_process_and_the_ratios_are_those_of_medians(tmp_path: Path) -> None:
    samples = {
        "xargs -P64, sha1sum -c of uutils": [2.0, 9.0, 1.0],
        "xargs -P32, sha1sum -c": [5.0, 5.0, 5.0],
        "hashlib, threads": [0.1, 0.1, 0.1],
        "checksig, in a running process": [0.4, 0.5, 0.6],
        "checksig check, a new process": [0.8, 0.7, 0.9],
        "floor: 32 threads, 16 files each": [0.2, 0.4, 0.6],
    }
    created = {"checksig create, a new process": [1.0], "find, xargs -P64, sha1sum": [1.5]}
    cases = [
        case_of("check", "small", "disk", samples),
        case_of("create", "small", "disk", {name: values * 3 for name, values in created.items()}),
    ]
    saved = tmp_path / "results.json"
    saved.write_text(json.dumps({"machine": {}, "scale": 1, "rounds": 3, "cases": cases}))
    page = tmp_path / "page.md"
    parts = ("expected", "summary", "ratios", "tables")
    page.write_text("".join(f"<!-- {part} -->\nold\n<!-- end of {part} -->\n" for part in parts))
    done = run("results.py", saved, "--into", page)
    assert page.read_text().splitlines() == [
        "<!-- expected -->",
        "",
        "| | on a disk | `sha1sum -c` | in memory | `sha1sum -c` |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| files | 0.80 s |  |  |  |",
        "",
        "<!-- end of expected -->",
        "<!-- summary -->",
        "",
        "|  | checksig, a new process | in a running process | `sha1sum -c` or its sibling "
        "| the fastest other tool | which is |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
        "| check: files, sha1, on a disk | 0.80 s | 0.50 s |  | 0.12 | hashlib, threads |",
        "| create: files, sha1, on a disk | 1.00 s |  |  | 1.50 | find, xargs -P64, sha1sum |",
        "",
        "<!-- end of summary -->",
        "<!-- ratios -->",
        "",
        "| case | ratio | | of |",
        "| --- | --- | ---: | --- |",
        "| check/small/sha1/disk | fastest xargs / checksig check, a new process | 2.50 "
        "| xargs -P64, sha1sum -c of uutils |",
        "| check/small/sha1/disk | fastest xargs / checksig, in a running process | 4.00 "
        "| xargs -P64, sha1sum -c of uutils |",
        "| check/small/sha1/disk | checksig check, a new process / fastest floor | 2.00 "
        "| floor: 32 threads, 16 files each |",
        "| check/small/sha1/disk | checksig, in a running process / fastest floor | 1.25 "
        "| floor: 32 threads, 16 files each |",
        "| create/small/sha1/disk | fastest find and xargs / checksig create, a new process | 1.50 "
        "| find, xargs -P64, sha1sum |",
        "",
        "<!-- end of ratios -->",
        "<!-- tables -->",
        "",
        "#### check, small, sha1, on a disk: 100,000 files, 391 MiB",
        "",
        "| | median s | min-max s | CPU s | times a new process | times a running process |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        "| checksig check, a new process | 0.800 | 0.700-0.900 | 0.25 | 1.00 | 1.60 |",
        "| checksig, in a running process | 0.500 | 0.400-0.600 | 0.25 | 0.62 | 1.00 |",
        "| hashlib, threads | 0.100 | 0.100-0.100 | 0.25 | 0.12 | 0.20 |",
        "| floor: 32 threads, 16 files each | 0.400 | 0.200-0.600 | 0.25 | 0.50 | 0.80 |",
        "| xargs -P64, sha1sum -c of uutils | 2.000 | 1.000-9.000 | 0.25 | 2.50 | 4.00 |",
        "| xargs -P32, sha1sum -c | 5.000 | 5.000-5.000 | 0.25 | 6.25 | 10.00 |",
        "",
        "#### create, small, sha1, on a disk: 100,000 files, 391 MiB",
        "",
        "| | median s | min-max s | CPU s | times checksig |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| checksig create, a new process | 1.000 | 1.000-1.000 | 0.25 | 1.00 |",
        "| find, xargs -P64, sha1sum | 1.500 | 1.500-1.500 | 0.25 | 1.50 |",
        "",
        "<!-- end of tables -->",
    ], done.stderr


@linux
def test_the_slow_file_system_shows_the_files_and_lets_nobody_write(tmp_path: Path) -> None:
    if os.geteuid() != 0 or not os.access("/dev/fuse", os.W_OK):
        pytest.skip("needs root and /dev/fuse")
    build("slow", tmp_path)
    source = tmp_path / "source"
    (source / "folder").mkdir(parents=True)
    contents = {"folder/a": b"a" * 3_000_000, "folder/b": b"", "c": b"hello"}
    for name, content in contents.items():
        (source / name).write_bytes(content)
    code = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import storage
with storage.slow(Path(sys.argv[2]), 0.001, Path(sys.argv[3])) as mount:
    print(mount)
    for path in sorted(path.relative_to(mount) for path in mount.rglob("*") if path.is_file()):
        print(path, (mount / path).read_bytes() == Path(sys.argv[3], path).read_bytes())
    try:
        (mount / "c").unlink()
    except OSError as error:
        print(error.strerror)
    print((mount / "missing").exists())
print(mount.exists())
"""
    command: list[str | Path] = [sys.executable, "-c", code, BENCHMARKS, tmp_path / "slow", source]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "not mounted" in done.stderr:
        pytest.skip(done.stderr)
    mount, *lines = done.stdout.splitlines()
    expected = [f"{name} True" for name in sorted(contents)]
    assert lines == [*expected, "Read-only file system", "False", "False"], done.stderr
    assert mount not in Path("/proc/self/mounts").read_text()
    assert {name: (source / name).read_bytes() for name in contents} == contents

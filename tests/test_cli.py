"""The command in a process of its own, without a terminal: lines, exit statuses, options."""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import coreutils
import jsonschema
import pytest
from support import (
    CHECKOUT,
    LIBRARY,
    Directory,
    command,
    environment,
    install_command,
    needs_library,
    posix,
    timeless,
)

import checksig
from checksig import _bug as bug
from checksig.command import check, cli, hints, output, terminal

GOOD = " · sha1 (finds accidents, not attackers) · "
SCHEMA = json.loads((CHECKOUT / "docs/checksig.schema.json").read_text("utf-8"))


def sha1(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()


@pytest.fixture
def bad(directory: Directory) -> Path:
    """Return a directory with a file of each status except CHANGED, and a bad line."""
    root = directory({"good": b"1", "failed": b"2", "missing": b"3", "twice": b"4"})
    (root / "failed").write_bytes(b"x")
    (root / "missing").unlink()
    (root / "folder").mkdir()
    with (root / "sha1sum.txt").open("a") as manifest:
        manifest.write(f"{sha1(b'5')}  folder\n{sha1(b'5')}  twice\n?\n")
    (root / "extra").touch()
    return root


def test_a_good_directory_gets_one_line(directory: Directory) -> None:
    root = directory({"a": b"1", "b": b"2"})
    done = command("check", cwd=root)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"2 files OK{GOOD}2 B in TIME · sha1sum.txt\n"
    assert command("check", root / "sha1sum.txt", cwd=root.parent).stdout.startswith("2 files OK")


def test_each_status_gets_a_line_and_bad_lines_go_to_standard_error(bad: Path) -> None:
    done = command("check", "--extra=fail", bad.name, cwd=bad.parent)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "directory/failed: FAILED",
        "directory/missing: MISSING",
        "directory/twice: CONFLICT (two different sha1 digests listed)",
        "directory/folder: ERROR (is a directory)",
        "directory/extra: EXTRA",
        "1 of 5 files FAILED, 1 missing, 1 unreadable, 1 with conflicting digests, 1 extra, 1 bad line"
        f"{GOOD}2 B in TIME · directory/sha1sum.txt",
    ]
    assert done.stderr == "checksig: directory/sha1sum.txt: line 7: no hexadecimal digest\n"


@pytest.mark.parametrize(
    ("option", "status", "lines"),
    [
        ("--quiet", 1, ["failed: FAILED", "missing: MISSING", "twice: …", "folder: …"]),
        ("--verbose", 1, ["good: OK", "failed: FAILED", "missing: MISSING", "twice: …", "folder: …", "last"]),
        ("--status", 1, []),
        ("--strict", 2, ["failed: FAILED", "missing: MISSING", "twice: …", "folder: …", "last"]),
        ("--fail-fast", 1, ["failed: FAILED", "last"]),
        ("-qx", 1, ["failed: FAILED"]),
        ("--ignore-missing", 1, ["failed: FAILED", "twice: …", "folder: …", "last"]),
        (
            "--extra=report",
            1,
            ["failed: FAILED", "missing: MISSING", "twice: …", "folder: …", "extra: …", "last"],
        ),
    ],
)
def test_each_option_does_what_it_says(bad: Path, option: str, status: int, lines: list[str]) -> None:
    done = command("check", option, cwd=bad)
    assert done.returncode == status
    found = done.stdout.splitlines()
    assert len(found) == len(lines)
    for line, expected in zip(found, lines, strict=True):
        if expected == "last":
            assert line.startswith(("1 of 5 files FAILED", "stopped at the first bad file: "))
        else:
            assert line.startswith(expected.removesuffix("…"))
    assert (option in ("--status", "--fail-fast", "-qx")) == (done.stderr == "")


def test_the_last_of_quiet_status_and_verbose_wins(bad: Path) -> None:
    assert "good: OK" in command("check", "-q", "-v", cwd=bad).stdout
    assert command("check", "-v", "--status", cwd=bad).stdout == ""


def test_missing_files_that_are_ignored_get_no_line(directory: Directory) -> None:
    root = directory({"a": b"1", "b": b"2"})
    (root / "b").unlink()
    done = command("check", "-v", "--ignore-missing", cwd=root)
    assert done.stdout == f"a: OK\n1 file OK, 1 missing{GOOD}1 B in TIME · sha1sum.txt\n"


def test_status_reads_no_file_for_a_hint_and_shows_no_bar(
    directory: Directory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = directory({"a": b"1"})
    (root / "a").write_bytes(b"")
    monkeypatch.setattr(hints.Hints, "find", lambda *_: pytest.fail("it was examined"))
    assert cli.run(["check", "--status", "--progress", str(root)]) == 1
    assert capsys.readouterr() == ("", "")


# Runs the command; lines that are not urgent are not flushed because time has passed.
UNHURRIED = """
import sys
from checksig.command import cli, terminal
terminal._FLUSH = 1000
sys.exit(cli.run())
"""
BUFFERED = environment() | {"PYTHONUNBUFFERED": ""}


def test_messages_follow_the_lines_before_them(directory: Directory) -> None:
    root = directory({"a": b"1"})
    with (root / "sha1sum.txt").open("a") as manifest:
        manifest.write("?\n")
    run = [sys.executable, "-c", UNHURRIED, "check", "-v"]
    done = subprocess.run(run, cwd=root, env=BUFFERED, stdout=-1, stderr=-2, text=True, check=False)
    starts = ("a: OK", "checksig: sha1sum.txt: line 2: ", "1 file OK, but 1 bad line")
    for line, start in zip(done.stdout.splitlines(), starts, strict=True):
        assert line.startswith(start)


def test_a_bad_file_is_reported_at_once(tmp_path: Path) -> None:
    names = [f"large{number}" for number in range(2)]
    for name in names:
        (tmp_path / name).touch()
        os.truncate(tmp_path / name, 1 << 40)
    (tmp_path / "sha1sum.txt").write_text("".join(f"{sha1(b'')}  {name}\n" for name in ("gone", *names)))
    run = [sys.executable, "-c", UNHURRIED, "check"]
    with subprocess.Popen(run, cwd=tmp_path, env=BUFFERED, stdout=-1, text=True) as child:
        assert child.stdout is not None
        try:
            assert select.select([child.stdout], [], [], 60)[0], "the line was not flushed"
            assert child.stdout.readline() == "gone: MISSING\n"
        finally:
            child.kill()


def test_nothing_verified_is_never_0(directory: Directory, tmp_path: Path) -> None:
    root = directory({"a": b"1"})
    (root / "a").unlink()
    done = command("check", "--ignore-missing", cwd=root)
    assert done.returncode == 2
    assert done.stdout.startswith("no file was verified, 1 missing · ")
    (tmp_path / "empty").mkdir()
    (root / "sha1sum.txt").write_text("# nothing\n")
    for path, message in ((tmp_path / "empty", "no manifest"), (root, "lists no files"), ("gone", "No such")):
        done = command("check", path, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert message in done.stderr
    assert (
        "; name one with -m, or run 'checksig create'\n"
        in command("check", tmp_path / "empty", cwd=tmp_path).stderr
    )
    assert command(cwd=tmp_path).returncode == 2


def test_one_bad_path_of_several_decides_the_exit_status(bad: Path, tmp_path: Path) -> None:
    good = tmp_path / "good"
    good.mkdir()
    (good / "a").write_bytes(b"1")
    assert command("create", "good", cwd=tmp_path).returncode == 0
    assert command("check", good, good, cwd=tmp_path).returncode == 0
    assert command("check", good, "gone", cwd=tmp_path).returncode == 2
    assert command("check", "--strict", good, "gone", cwd=tmp_path).returncode == 2
    done = command("check", "gone", good, bad, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout.count("\n1 file OK") + done.stdout.startswith("1 file OK") == 1
    assert command("check", "-x", bad, good, cwd=tmp_path).stdout.count(" · ") == 0
    (good / "a").unlink()
    assert command("check", "gone", good, cwd=tmp_path).returncode == 1
    assert command("check", "--strict", "gone", good, cwd=tmp_path).returncode == 2


def test_warn_reports_20_bad_lines_of_a_manifest(directory: Directory) -> None:
    root = directory({"a": b"1"})
    with (root / "sha1sum.txt").open("a") as manifest:
        manifest.write("?\n" * 23)
    first = "checksig: sha1sum.txt: line 2: no hexadecimal digest\n"
    done = command("check", "sha1sum.txt", cwd=root)
    assert done.returncode == 2
    assert done.stderr == first + "checksig: 22 more bad lines (--warn shows more)\n"
    assert done.stdout.startswith("1 file OK, but 23 bad lines · ")
    done = command("check", "-w", "sha1sum.txt", cwd=root)
    assert done.stderr.startswith(first)
    assert len(done.stderr.splitlines()) == 21
    assert done.stderr.endswith("line 21: no hexadecimal digest\nchecksig: 3 more bad lines\n")
    shown = command("show", cwd=root)
    assert (shown.returncode, shown.stderr) == (2, done.stderr)
    assert shown.stdout == f"sha1  {sha1(b'1')}  -  a\n1 entry · sha1 · format gnu · sha1sum.txt\n"


def test_show_fails_for_an_unusable_manifest(tmp_path: Path) -> None:
    for content, message in (("# nothing\n", "lists no file"), ("{}\n", "JSON")):
        (tmp_path / "SHA256SUMS").write_text(content)
        done = command("show", cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert message in done.stderr


def test_a_manifest_is_read_from_standard_input(directory: Directory, tmp_path: Path) -> None:
    root = directory({"a": b"1", "b": b"2"})
    text = (root / "sha1sum.txt").read_bytes()
    (root / "sha1sum.txt").unlink()
    done = command("check", "-v", "-", cwd=root, stdin=text)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"a: OK\nb: OK\n2 files OK{GOOD}2 B in TIME · <stdin>\n"
    assert command("check", "-m", "-", root, cwd=tmp_path, stdin=text).returncode == 0
    done = command("check", "-", cwd=root, stdin=b"")
    assert (done.returncode, done.stderr) == (2, "checksig: <stdin>: lists no files\n")
    run = ["sh", "-c", '"$@" < /proc/self/mem', "sh", sys.executable, "-m", "checksig", "check", "-"]
    done = subprocess.run(run, cwd=root, env=environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "checksig: <stdin>: Input/output error\n")
    assert (
        command("show", "-q", "-", cwd=root, stdin=text).stdout == "2 entries · sha1 · format gnu · <stdin>\n"
    )


@posix
@pytest.mark.parametrize("arguments", [["check", "-v", "-"], ["check", "-v", "-m", "-", "."], ["show", "-"]])
def test_standard_input_with_o_nonblock_is_read_to_its_end(
    directory: Directory, arguments: list[str]
) -> None:
    root = directory({"a": b"1", "b": b"2"})
    first, second = (root / "sha1sum.txt").read_bytes().splitlines(keepends=True)
    (root / "b").write_bytes(b"x")
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    run = [sys.executable, "-m", "checksig", *arguments]
    with subprocess.Popen(run, cwd=root, env=environment(), stdin=reader, stdout=-1, text=True) as child:
        os.close(reader)
        with open(writer, "wb", buffering=0) as pipe:
            pipe.write(first)
            time.sleep(1)  # until it has read the first line
            pipe.write(second)
        output, _ = child.communicate()
    if arguments[0] == "check":
        assert (child.returncode, output.splitlines()[:2]) == (1, ["a: OK", "b: FAILED"])
    else:
        assert (child.returncode, output.splitlines()[-1][:9]) == (0, "2 entries")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "-m", "x", ".", "."], "-m/--manifest allows only one PATH"),
        (["check", "-", "-"], "only one manifest can be read from standard input"),
        (["check", "-m", "x", "y"], "with -m/--manifest, PATH must be a directory, but 'y' is not"),
        (["check", "-a", "md4", "."], 'unknown algorithm "md4" (known: sha512'),
        (["check", "--workers", "0"], "0 is not in the range 1<=x<=256"),
        (["check", "--jobs", "1"], "No such option"),
        (["check", "--shard", "0/3"], "'0/3' is not K/N with K from 1 to N"),
        (["check", "--nope"], "No such option"),
        (["check", ""], "the path of the"),
        (["create", ""], "the path of the directory is empty"),
        (["create", "-m", ""], "the path of the manifest is empty"),
        (["update", ""], "the path of the directory is empty"),
        (["update", "-m", ""], "the path of the manifest is empty"),
        (["diff", ""], "the path of the directory is empty"),
        (["diff", "-m", ""], "the path of the manifest is empty"),
        (["create", "-a", ""], 'unknown algorithm ""'),
        (["create", "-f", "sfv", "-a", "md5"], "must be used together"),
        (["sha1sum.txt"], "sha1sum.txt is not a command; to verify it, run: checksig check sha1sum.txt"),
        (["nope"], "No such command 'nope'"),
    ],
)
def test_bad_usage_is_an_error(directory: Directory, arguments: list[str], message: str) -> None:
    done = command(*arguments, cwd=directory({"a": b"1"}))
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_names_that_would_control_the_terminal_are_escaped(tmp_path: Path) -> None:
    names = {
        "plain name": "plain name",
        "日本　語": "日本　語",
        "back\\slash": "back\\slash",
        "\\first": "\\\\\\first",
        "line\nfeed\\": "\\line\\nfeed\\\\",
        "esc\x1b[31m": "\\esc\\x1b[31m",
        "bidi\u202e": "\\bidi\\u202e",
        "byte\udcff": "\\byte\\xff",
    }
    for name in names:
        Path(tmp_path, name).write_bytes(b"1")
    assert command("create", cwd=tmp_path).returncode == 0
    lines = command("check", "-v", cwd=tmp_path).stdout.splitlines()[:-1]
    assert sorted(lines) == sorted(f"{shown}: OK" for shown in names.values())
    lines = command("show", cwd=tmp_path).stdout.splitlines()[:-1]
    assert sorted(line.split("  -  ")[1] for line in lines) == sorted(names.values())
    for name in names:
        Path(tmp_path, name).unlink()
    (tmp_path / "moved\x7f").write_bytes(b"1")
    for subcommand in ("diff", "update"):
        lines = command(subcommand, cwd=tmp_path).stdout.splitlines()[:-1]
        renamed = [line for line in lines if line.startswith("renamed: ")]
        assert [line.split(" -> ")[1] for line in renamed] == ["\\moved\\x7f"]
        gone = [line.removeprefix("removed: ") for line in lines if line.startswith("removed: ")]
        gone.append(renamed[0].removeprefix("renamed: ").split(" -> ")[0])
        assert sorted(gone) == sorted(names.values())
    (tmp_path / "moved\x7f").write_bytes(b"2")
    assert command("diff", cwd=tmp_path).stdout.splitlines()[0] == "modified: \\moved\\x7f"
    (tmp_path / "new\n").touch()
    assert command("diff", cwd=tmp_path).stdout.splitlines()[0] == "added: \\new\\n"


def test_a_shard_is_a_part_of_the_files(directory: Directory) -> None:
    root = directory({"a": b"1", "b": b"2", "c": b"3"})
    done = command("check", "-v", "--shard=2/2", cwd=root)
    assert done.stdout == f"b: OK\n1 file OK{GOOD}1 B in TIME · sha1sum.txt · shard 2 of 2\n"
    done = command("check", "--shard=4/4", cwd=root)
    assert done.returncode == 2
    assert done.stderr == "checksig: sha1sum.txt: shard 4 of 4 is empty because only 3 files are listed\n"


LISTING = ["--include=a*", "--include=b", "--exclude=c", "--follow-symlinks", "--workers=4"]
LISTED = {"include": ("a*", "b"), "exclude": ("c",), "follow_symlinks": True, "workers": 4}


@pytest.mark.parametrize(
    ("function", "options", "expected"),
    [
        (
            "iter_check",
            [
                "check",
                "-f",
                "hashdeep",
                "-a",
                "md5",
                "-j",
                "3",
                "--ignore-missing",
                "--extra=fail",
                "--shard=2/5",
            ],
            {
                "format": "hashdeep",
                "algorithm": "md5",
                "workers": 3,
                "ignore_missing": True,
                "extra": "fail",
                "shard": (2, 5),
                "only_bad": True,
            },
        ),
        ("iter_check", ["check", "-v"], {"only_bad": False, "workers": None, "extra": "ignore"}),
        (
            "create",
            ["create", "-f", "tag", "-a", "blake3", "--overwrite", *LISTING],
            {"format": "tag", "algorithm": "blake3", "overwrite": True, **LISTED},
        ),
        ("update", ["update", *LISTING], {"all": False, **LISTED}),
        ("update", ["update", "--all", *LISTING], {"all": True, **LISTED}),
        ("diff", ["diff", *LISTING], LISTED),
    ],
)
def test_the_options_reach_the_api(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    options: list[str],
    expected: dict[str, Any],
) -> None:
    passed: dict[str, Any] = {}

    def spy(path: str, manifest: str | None = None, **options: Any) -> None:
        passed.update(options, path=path, manifest=manifest)
        raise OSError

    monkeypatch.setattr(checksig, function, spy)
    assert cli.run([*options, "-m", "sums", str(tmp_path)]) == 2
    expected = {**expected, "path": str(tmp_path), "manifest": "sums"}
    assert {name: passed[name] for name in expected} == expected


@pytest.mark.parametrize("arguments", [["check"], ["check", "-v"], ["show"], ["--help"], ["--version"]])
def test_a_full_or_closed_output_is_never_0(directory: Directory, arguments: list[str]) -> None:
    root = directory({"a": b"1"})
    run = [sys.executable, "-m", "checksig", *arguments]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            run, cwd=root, env=environment(), stdout=full, stderr=-1, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (2, "checksig: standard output: No space left on device\n")
    closed = subprocess.run(
        ["sh", "-c", '"$@" >&-', "sh", *run], cwd=root, env=environment(), stderr=-1, text=True, check=False
    )
    assert (closed.returncode, closed.stderr) == (2, "checksig: standard output is closed\n")


def test_a_broken_pipe_is_an_error_without_a_message(directory: Directory) -> None:
    root = directory({"a": b"1"})
    reader, writer = os.pipe()
    os.close(reader)
    run = [sys.executable, "-m", "checksig", "check", "-v"]
    done = subprocess.run(run, cwd=root, env=environment(), stdout=writer, stderr=-1, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (2, "")


def test_a_closed_standard_error_changes_nothing_else(bad: Path) -> None:
    run = ["sh", "-c", '"$@" 2>&-', "sh", sys.executable, "-m", "checksig"]
    for arguments, status in ((["check"], 1), (["check", "gone"], 2), (["--version"], 0)):
        done = subprocess.run(
            [*run, *arguments], cwd=bad, env=environment(), stdout=-1, text=True, check=False
        )
        assert done.returncode == status
        assert timeless(done.stdout) == command(*arguments, cwd=bad).stdout


def test_a_closed_standard_input_is_an_error(tmp_path: Path) -> None:
    run = ["sh", "-c", '"$@" <&-', "sh", sys.executable, "-m", "checksig", "check", "-"]
    done = subprocess.run(run, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "standard input is closed" in done.stderr


def strict_schema() -> dict[str, Any]:
    """Return the schema, changed to refuse keys that it does not name."""
    definitions = json.loads(json.dumps(SCHEMA["$defs"]))
    for part in definitions.values():
        if "properties" in part:
            part["additionalProperties"] = False
    return {**SCHEMA, "$defs": definitions}


def lines_of(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """Return the objects of JSON Lines, each of which is valid under the schema."""
    found = [json.loads(line) for line in done.stdout.splitlines()]
    for line in found:
        jsonschema.validate(line, strict_schema())
    return found


def test_json_has_an_object_for_each_file_and_a_summary(bad: Path) -> None:
    done = command("check", "--json", "--extra=report", ".", "gone", cwd=bad)
    found = lines_of(done)
    assert [(line["type"], line.get("path"), line.get("status")) for line in found] == [
        ("file", "good", "OK"),
        ("file", "failed", "FAILED"),
        ("file", "missing", "MISSING"),
        ("file", "twice", "CONFLICT"),
        ("file", "folder", "ERROR"),
        ("file", "extra", "EXTRA"),
        ("summary", None, None),
        ("error", "gone", None),
    ]
    assert found[1] == {
        "type": "file",
        "root": ".",
        "path": "failed",
        "status": "FAILED",
        "bad": True,
        "algorithm": "sha1",
        "expected": sha1(b"2"),
        "actual": sha1(b"x"),
        "size": 1,
        "reason": "mismatch",
        "errno": None,
        "receipt": None,
        "touched": None,
        "place": 1,
    }
    summary = found[6]
    assert (summary["ok"], summary["complete"], summary["files"], summary["bad"]) == (False, True, 5, 4)
    assert summary["counts"] == {status: int(status != "CHANGED") for status in checksig.Status}
    assert (summary["bytes"], summary["shard"], summary["hint"]) == (2, None, None)
    assert [manifest["path"] for manifest in summary["manifests"]] == ["./sha1sum.txt"]
    assert found[7]["message"] == "gone: No such file or directory"
    assert done.stderr == "checksig: gone: No such file or directory\n"
    assert summary["bad_lines"] == [{"path": "./sha1sum.txt", "line": 7, "reason": "no hexadecimal digest"}]
    assert done.returncode == 1
    quiet = lines_of(command("check", "--json", "-q", cwd=bad))
    assert [line["type"] for line in quiet] == ["file"] * 4 + ["summary"]
    stopped = lines_of(command("check", "--json", "-qx", "--shard=2/2", cwd=bad))[-1]
    assert (stopped["complete"], stopped["ok"], stopped["bad"], stopped["shard"]) == (False, False, 1, [2, 2])
    assert 1 <= stopped["done"] <= stopped["files"] == 2
    assert stopped["reason"] == "stopped at the first bad file"
    assert command("check", "--json", "--status", cwd=bad).stdout == ""


def test_json_lists_missing_files_that_are_ignored(directory: Directory) -> None:
    root = directory({"a": b"1", "b": b"2"})
    (root / "b").unlink()
    _, missing, summary = lines_of(command("check", "--json", "--ignore-missing", cwd=root))
    assert (missing["status"], missing["bad"], summary["ok"]) == ("MISSING", False, True)


def test_json_has_hints_and_error_numbers(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "loop").symlink_to("loop")
    names = ("empty", "loop")
    (tmp_path / "sha1sum.txt").write_text("".join(f"{sha1(b'1')}  {name}\n" for name in names))
    expected = {"type": "hint", "root": ".", "path": "empty", "kind": "empty", "text": "is empty"}
    empty, loop, hint, summary = lines_of(command("check", "--json", cwd=tmp_path))
    assert hint == expected
    assert (empty["status"], empty["errno"]) == ("FAILED", None)
    assert (loop["status"], loop["errno"]) == ("ERROR", errno.ELOOP)
    assert summary["hint"] is None
    assert lines_of(command("check", "--json", "-x", cwd=tmp_path))[1] == expected


def test_another_algorithm_that_fits_is_a_hint_for_the_manifest(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "SHA512SUMS").write_text(f"{hashlib.blake2b(b'1').hexdigest()}  a\n")
    _, summary = lines_of(command("check", "--json", cwd=tmp_path))
    assert "blake2b" in summary["hint"]
    assert command("check", cwd=tmp_path).stderr == f"checksig: hint: {summary['hint']}\n"


def test_json_does_not_depend_on_the_encoding_of_the_output(tmp_path: Path) -> None:
    (tmp_path / "é😀\x9b").write_text("1")
    command("create", cwd=tmp_path)
    done = command("check", "--json", cwd=tmp_path, env={"PYTHONIOENCODING": "latin-1"})
    assert lines_of(done)[0]["path"] == "é😀\x9b"


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    ("arguments", "status"),
    [(["check", "gone"], 2), (["nope"], 2), (["check", "--progress"], 0), (["check"], 0)],
)
def test_a_full_standard_error_changes_no_exit_status(
    directory: Directory, arguments: list[str], status: int, unbuffered: str
) -> None:
    root = directory({"a": b"1"})
    env = environment() | {"PYTHONUNBUFFERED": unbuffered}
    with Path("/dev/full").open("wb") as full:
        run = [sys.executable, "-m", "checksig", *arguments]
        done = subprocess.run(run, cwd=root, env=env, stdout=-1, stderr=full, check=False)
    assert done.returncode == status


def test_json_keeps_bytes_that_are_not_utf_8(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff\n\xe9")
    root = tmp_path / name
    root.mkdir()
    (root / name).write_bytes(b"1")
    assert command("create", root, cwd=tmp_path).returncode == 0
    file, summary = lines_of(command("check", "--json", root, cwd=tmp_path))
    assert file["path"] == "\ufffd\n\ufffd"
    assert base64.b64decode(file["path_base64"]) == os.fsencode(name)
    assert base64.b64decode(file["root_base64"]) == os.fsencode(root)
    manifest = os.fsencode(root / "SHA256SUMS")
    assert base64.b64decode(summary["manifests"][0]["path_base64"]) == manifest


def test_the_json_of_the_other_commands_is_valid_under_the_schema(bad: Path) -> None:
    *entries, manifests = lines_of(command("show", "--json", cwd=bad))
    assert [entry["path"] for entry in entries] == ["good", "failed", "missing", "twice", "folder", "twice"]
    assert manifests["bad_line_count"] == 1
    (bad / "sha1sum.txt").unlink()
    command("create", cwd=bad)
    (bad / "good").rename(bad / "better")
    (bad / "extra").write_bytes(b"x2")
    for name, status in (("diff", 1), ("update", 0)):
        done = command(name, "--json", cwd=bad)
        assert done.returncode == status
        modified, renamed, changes = lines_of(done)
        assert (modified["change"], modified["path"]) == ("modified", "extra")
        assert (renamed["change"], renamed["path"], renamed["to"]) == ("renamed", "good", "better")
        assert (changes["renamed"], changes["unchanged"]) == (1, 2)
        assert changes["unread"] == (2 if name == "update" else 0)


def test_create_update_and_diff(tmp_path: Path) -> None:
    for name in ("a", "b", "x.tmp"):
        (tmp_path / name).write_text(name)
    done = command("create", "-a", "md5", "--exclude", "*.tmp", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "2 files listed · md5 · TIME · MD5SUMS\n")
    done = command("create", "-a", "md5", cwd=tmp_path)
    message = "checksig: MD5SUMS: manifest already exists (overwrite replaces it)\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", message)
    assert command("create", "-a", "md5", "--overwrite", "--include", "a", cwd=tmp_path).returncode == 0
    done = command("diff", "--exclude", "*.tmp", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "added: b\n1 added, 1 unchanged\n")
    done = command("update", "--exclude", "*.tmp", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "added: b\n1 added, 1 unchanged (1 not read)\n")
    (tmp_path / "a").write_text("A")
    time.sleep(0.02)
    (tmp_path / "MD5SUMS").touch()
    done = command("update", "--exclude", "*.tmp", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "2 unchanged (2 not read)\n")
    done = command("update", "--all", "--exclude", "*.tmp", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "modified: a\n1 modified, 1 unchanged\n")
    done = command("diff", "--exclude", "*.tmp", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "2 unchanged\n")
    assert command("create", "-a", "sha1", cwd=tmp_path).returncode == 0
    done = command("update", cwd=tmp_path)
    assert done.returncode == 2
    assert "the directory has several manifests; choose one: " in done.stderr
    done = command("check", cwd=tmp_path)
    assert (
        done.stdout
        == "3 files OK · sha1, md5 (find accidents, not attackers) · 7 B in TIME · SHA1SUMS · MD5SUMS\n"
    )


def test_many_bad_files_are_counted_by_directory(tmp_path: Path) -> None:
    for number in range(24):
        folder = tmp_path / f"d{number % 12}"
        folder.mkdir(exist_ok=True)
        (folder / str(number)).write_text("1")
    assert command("create", cwd=tmp_path).returncode == 0
    for number in range(24):
        (tmp_path / f"d{number % 12}" / str(number)).unlink()
    lines = command("check", cwd=tmp_path).stdout.splitlines()[24:]
    assert lines[0] == "d0/: 2 MISSING"
    assert lines[10] == "… and 2 other directories"
    assert lines[11].startswith("24 of 24 files missing · ")
    assert len(lines) == 12


def test_bad_files_of_one_directory_are_not_counted_by_directory(tmp_path: Path) -> None:
    (tmp_path / "SHA256SUMS").write_text("".join(f"{'0' * 64}  {number}\n" for number in range(24)))
    lines = command("check", cwd=tmp_path).stdout.splitlines()[24:]
    assert len(lines) == 1


def test_files_with_the_same_hint_share_a_line(directory: Directory) -> None:
    root = directory(dict.fromkeys("abcd", b"1"))
    for name in "abcd":
        (root / name).write_bytes(b"")
    assert command("check", cwd=root).stderr == "checksig: hint: a is empty; same for 3 other files\n"
    (root / "d").write_bytes(b"1")
    assert command("check", cwd=root).stderr == "".join(
        f"checksig: hint: {name} is empty\n" for name in "abc"
    )
    assert command("check", "-x", cwd=root).stderr == "checksig: hint: a is empty\n"


@pytest.mark.parametrize("options", [[], ["--json"], ["-v"]])
def test_hints_are_looked_for_after_the_results(
    options: list[str],
    directory: Directory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = directory(dict.fromkeys("abc", b"1"))
    (root / "a").write_bytes(b"")
    (root / "b").unlink()
    find, shown = hints.Hints.find, []

    def see(*arguments: Any) -> dict[str, hints.Hint]:
        terminal.flush()
        shown.append(capsys.readouterr().out)
        return find(*arguments)

    monkeypatch.setattr(hints.Hints, "find", see)
    monkeypatch.setattr(checksig, "read_manifest", lambda *_, **__: pytest.fail("it was read again"))
    assert cli.run(["check", *options, str(root)]) == 1
    (before,) = shown
    assert "FAILED" in before
    assert "MISSING" in before
    after = capsys.readouterr()
    assert "is empty" in after.out + after.err


def test_the_number_of_files_kept_for_hints_is_limited(
    directory: Directory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = directory(dict.fromkeys("ab", b"1"))
    for name in "ab":
        (root / name).write_bytes(b"")
    monkeypatch.setattr(check, "_KEPT", 1)
    assert cli.run(["check", str(root)]) == 1
    assert capsys.readouterr().err == f"checksig: hint: {root}/a is empty\n"


def test_a_long_summary_for_github_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(output, "_MARKDOWN_ROWS", 2)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "page.md"))
    (tmp_path / "SHA256SUMS").write_text("".join(f"{'0' * 64}  {name}\n" for name in "abcde"))
    assert cli.run(["check", str(tmp_path)]) == 1
    rows = (tmp_path / "page.md").read_text("utf-8").splitlines()[6:-1]
    assert rows == [
        *(f"| <code>{tmp_path}/{name}</code> | MISSING |  |".replace("_", "&#95;") for name in "ab"),
        "| … and 3 more | | |",
    ]


@pytest.fixture
def long_names(tmp_path: Path) -> Path:
    """Return a directory whose summary for GitHub is longer than 1 MiB, because of its names."""
    root = tmp_path / "long"
    root.mkdir()
    names = (f"{number:03}/{'/'.join(['_' * 200] * 15)}" for number in range(190))
    (root / "SHA256SUMS").write_text("".join(f"{'0' * 64}  {name}\n" for name in names) + "?_\n" * 30)
    return root


@pytest.mark.parametrize("there", [0, 5000, (1 << 20) - 1000])
def test_the_summary_for_github_stays_within_1_mib_with_what_is_there(
    long_names: Path, tmp_path: Path, there: int
) -> None:
    page = tmp_path / "page.md"
    page.write_bytes(b"x" * there)
    done = command("check", cwd=long_names, env={"GITHUB_STEP_SUMMARY": str(page)})
    assert (done.returncode, "GITHUB" in done.stderr) == (1, False)
    added = page.read_bytes()[there:].decode()
    room = ((1 << 20) - there) // 2
    assert room - 20_000 < len(added.encode()) <= room
    title, _, summary, *lines = added.splitlines()
    assert title == "### checksig: 190 of 190 files missing, 30 bad lines"
    assert summary.startswith("sha256 · ")
    rows = sum(line.startswith("| <code>") for line in lines)
    note = f"… {190 + 20 - rows} more lines left out: GitHub shows at most 1 MiB for a step"
    assert lines[-2:] == [note, ""]
    assert lines[-3] == ""


def test_the_verdict_comes_first_if_there_is_little_room_for_the_summary_for_github(
    long_names: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    title = "### checksig: 190 of 190 files missing, 30 bad lines\n\n"
    for room, added in (
        (len(title) + 50, title),
        (len(title), title),
        (len(title) - 1, ""),
        (0, ""),
        (-9, ""),
    ):
        page.write_bytes(b"x" * ((1 << 20) - room))
        done = command("check", cwd=long_names, env={"GITHUB_STEP_SUMMARY": str(page)})
        assert done.returncode == 1
        assert page.read_bytes()[(1 << 20) - room :].decode() == added
        complaint = (
            f"checksig: $GITHUB_STEP_SUMMARY: {page}: no room for the summary: GitHub shows at most 1 MiB"
        )
        assert (complaint in done.stderr) == (not added)


def test_the_summaries_of_several_paths_stay_within_1_mib_together(long_names: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    paths = [long_names] * 3
    assert command("check", *paths, cwd=tmp_path, env={"GITHUB_STEP_SUMMARY": str(page)}).returncode == 1
    assert page.stat().st_size <= 1 << 20
    assert page.read_text("utf-8").count("### checksig: 190 of 190 files missing") == 3


def test_a_summary_is_appended_for_github(bad: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    (bad / "a|`<b").write_bytes(b"")
    with (bad / "sha1sum.txt").open("a") as manifest:
        manifest.write(f"{sha1(b'5')}  a|`<b\n")
    command("check", cwd=bad, env={"GITHUB_STEP_SUMMARY": str(page)})
    lines = page.read_text("utf-8").splitlines()
    assert lines[0].startswith("### checksig: 2 of 6 files FAILED, 1 missing")
    assert lines[4:7] == [
        "| file | verdict | |",
        "| --- | --- | --- |",
        "| <code>failed</code> | FAILED |  |",
    ]
    assert "| <code>a&#124;&#96;&lt;b</code> | FAILED | is empty |" in lines
    assert "<code>sha1sum.txt</code>: line 7: no hexadecimal digest" in lines
    for arguments in (["-x"], ["gone"]):
        command("check", *arguments, cwd=bad, env={"GITHUB_STEP_SUMMARY": str(page)})
    added = page.read_text("utf-8").splitlines()[len(lines) :]
    assert [re.sub(r"\d of 6 files checked, \d B", "2 of 6 files checked, 2 B", line) for line in added] == [
        "### checksig: stopped at the first bad file",
        "",
        "2 of 6 files checked, 2 B, 1 bad",
        "",
        "### checksig: not verified",
        "",
        "gone: No such file or directory",
        "",
    ]
    os.mkfifo(tmp_path / "fifo")
    for place, why in ((tmp_path, "Is a directory"), (tmp_path / "fifo", "No such device or address")):
        done = command("check", cwd=bad, env={"GITHUB_STEP_SUMMARY": str(place)})
        assert done.returncode == 1
        assert f"checksig: $GITHUB_STEP_SUMMARY: {place}: {why}\n" in done.stderr


def test_colors_follow_the_option_and_the_environment(directory: Directory) -> None:
    root = directory({"a": b"1"})
    green = "\x1b[32m1 file OK\x1b[0m"
    for arguments, env, colored in (
        ([], {}, False),
        (["--color=always"], {"NO_COLOR": "1"}, True),
        (["--color=never"], {"FORCE_COLOR": "1"}, False),
        ([], {"FORCE_COLOR": "1"}, True),
        ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (["--json"], {"FORCE_COLOR": "1"}, False),
    ):
        done = command("check", *arguments, cwd=root, env=env)
        assert (green in done.stdout) == ("\x1b" in done.stdout) == colored


def test_there_is_no_bar_in_a_pipe_unless_asked_for(directory: Directory) -> None:
    root = directory({"a": b"1"})
    assert "B/s" in command("check", "--progress", cwd=root).stderr
    code = """
from checksig.command import cli, terminal
terminal._DELAY = 0  # a bar would appear at once
assert cli.run(["check"]) == 0
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stderr == ""


def test_characters_that_the_output_cannot_encode_are_escaped(tmp_path: Path) -> None:
    (tmp_path / "日").write_text("1")
    command("create", cwd=tmp_path)
    env = {**environment(), "PYTHONIOENCODING": "ascii"}
    run = [sys.executable, "-m", "checksig", "check", "-v"]
    done = subprocess.run(run, cwd=tmp_path, env=env, capture_output=True, check=True)
    assert done.stdout.startswith(b"\\u65e5: OK\n1 file OK \\xb7 sha256")


def test_version_loads_neither_the_library_nor_slow_modules(tmp_path: Path) -> None:
    done = command("--version", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"checksig {checksig.__version__}\n")
    code = """
import sys
sys.argv = ["checksig", "--version"]
from checksig.command.cli import run
assert run() == 0
heavy = {"tqdm", "tempfile", "asyncio", "html.parser", "multiprocessing"}
print(sorted(heavy & set(sys.modules)), "_checksig.so" in open("/proc/self/maps").read())
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[1] == "[] False"


@needs_library
def test_a_damaged_installation_is_reported_without_a_traceback(tmp_path: Path, package_copy: Path) -> None:
    os.truncate(package_copy / LIBRARY, 100_000)
    done = command("check", cwd=tmp_path, env={"PYTHONPATH": str(package_copy.parent)})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"checksig: cannot load {package_copy / LIBRARY}: the file is truncated")
    assert len(done.stderr.splitlines()) == 1


UNFORESEEN = [
    RuntimeError("odd\x1b[31m"),
    MemoryError(),
    RecursionError("deep"),
    KeyError("x"),
    UnicodeError(),
]


@pytest.mark.parametrize("arguments", [["--help"], ["check", "--help"], ["--version"]])
def test_a_broken_pipe_is_an_error_for_the_texts_of_click_too(tmp_path: Path, arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    run = [sys.executable, "-m", "checksig", *arguments]
    done = subprocess.run(run, cwd=tmp_path, env=environment(), stdout=writer, stderr=-1, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (2, b"")


@pytest.mark.parametrize("error", UNFORESEEN, ids=repr)
@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("iter_check", ["check"]),
        ("Results.__next__", ["check"]),
        ("create", ["create"]),
        ("update", ["update"]),
        ("diff", ["diff"]),
        ("read_manifest", ["show"]),
        ("get_engine", ["--version", "-v"]),
    ],
)
def test_an_unforeseen_exception_is_reported_as_a_bug(
    function: str,
    arguments: list[str],
    error: Exception,
    directory: Directory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(f"checksig.{function}", fail)
    monkeypatch.chdir(directory({"a": b"1"}))
    assert cli.run(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"checksig: this is a bug in checksig: {error!r} (")
    assert "test_cli.py, line " in line
    assert f"please report it at {bug.ISSUES}," in line
    assert "\x1b" not in line
    monkeypatch.setenv("CHECKSIG_TRACEBACK", "1")
    assert cli.run(arguments) == 2
    traceback = capsys.readouterr().err.splitlines()
    assert traceback[0] == "Traceback (most recent call last):"
    assert "    raise error" in traceback
    assert traceback[-1] == line


def test_an_unforeseen_error_on_a_file_is_not_blamed_on_standard_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: object) -> int:
        raise FileNotFoundError(errno.ENOENT, "gone", "settings")

    monkeypatch.setattr(check.Check, "run", fail)
    assert cli.run(["check"]) == 2
    assert capsys.readouterr().err.startswith(
        "checksig: this is a bug in checksig: FileNotFoundError(2, 'gone')"
    )


def test_the_message_on_a_bug_names_the_page_of_the_project() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["urls"]["Issues"] == bug.ISSUES


def raising(module: str, error: str, folder: Path) -> dict[str, str]:
    """Return an environment in which the import of a module raises an exception."""
    # A file for each case: one that is written again at once may be taken from __pycache__.
    folder /= error.partition("(")[0]
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(f"""
import sys
class Broken:
    def find_spec(self, name, *_):
        if name == {module!r}:
            raise {error}
sys.meta_path.insert(0, Broken())
""")
    return {"PYTHONPATH": f"{folder}{os.pathsep}{environment()['PYTHONPATH']}"}


# Modules of the command, of the package, and of Python; the last ones before __main__ runs.
IMPORTED = ["click", "checksig.command.cli", "checksig._wire", "selectors"]


@pytest.mark.parametrize("script", [False, True])
@pytest.mark.parametrize("module", IMPORTED)
def test_an_unforeseen_exception_during_the_imports_is_reported_as_a_bug(
    module: str, script: bool, tmp_path: Path
) -> None:
    (tmp_path / "checksig").write_text("from checksig.__main__ import main\nmain()\n")
    run = [sys.executable, *([str(tmp_path / "checksig")] if script else ["-m", "checksig"])]
    for error, start in (
        ("SyntaxError('torn')", "this is a bug in checksig: SyntaxError('torn') ("),
        ("ImportError('gone')", "it cannot import what it needs: ImportError('gone') ("),
    ):
        env = environment() | raising(module, error, tmp_path)
        done = subprocess.run([*run, "check"], env=env, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"checksig: {start}")
        assert f"please report it at {bug.ISSUES}," in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_version_shows_the_engine_if_asked(tmp_path: Path) -> None:
    engine = checksig.get_engine()
    for arguments in (["--version", "-v"], ["-v", "--version"]):
        done = command(*arguments, cwd=tmp_path)
        assert done.returncode == 0
        assert done.stdout.startswith(
            f"checksig {checksig.__version__}\nengine: {engine.name} ({engine.reason})\n"
        )
    done = command("--version", "-v", cwd=tmp_path, env={"CHECKSIG_ENGINE": "helper"})
    assert done.stdout.splitlines()[1].startswith("engine: helper (")
    for arguments in ([], ["-v"]):
        done = command(*arguments, cwd=tmp_path)
        assert done.returncode == 2
        assert done.stderr.startswith("Usage: checksig [OPTIONS] [COMMAND]")
    done = command("-v", "check", cwd=tmp_path)
    assert done.returncode == 2
    assert "-v/--verbose must follow a command or accompany --version" in done.stderr
    done = command("--version", "-v", cwd=tmp_path, env={"CHECKSIG_ENGINE": "neither"})
    assert (done.returncode, "CHECKSIG_ENGINE" in done.stderr, "Traceback" in done.stderr) == (2, True, False)


@posix
@pytest.mark.parametrize("module", IMPORTED)
def test_ctrl_c_during_the_imports_ends_the_command_by_sigint(module: str, tmp_path: Path) -> None:
    done = command("check", cwd=tmp_path, env=raising(module, "KeyboardInterrupt", tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_an_interrupted_run_in_a_program_returns_130(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(checksig, "iter_check", interrupt)
    assert cli.run(["check", str(tmp_path)]) == 130
    assert capsys.readouterr().err.endswith("checksig: interrupted\n")


@pytest.mark.parametrize("name", sorted(cli.main.commands))
def test_each_command_has_help_with_an_example(name: str, tmp_path: Path) -> None:
    done = command(name, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert f"\n  Examples:\n    checksig {name}" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_the_table_in_from_sha256sum_is_true() -> None:
    if not coreutils.version():
        pytest.skip("sha256sum of GNU coreutils is not installed")
    text = coreutils.PAGE.read_text("utf-8")
    written = text[text.index(coreutils.BEGIN) + len(coreutils.BEGIN) : text.index(coreutils.END)]
    if f"| sha256sum {coreutils.version()} |" not in written:
        pytest.skip(f"the page was written with another version than {coreutils.version()}")
    rows = coreutils.rows()
    assert written.splitlines()[3:-1] == [str(row).rstrip("\n") for row in rows]
    for row in rows:
        assert (row.theirs == row.ours) == (row.differences() == []), row
        assert (row.ours.status == 0) <= (row.theirs.status == 0), "coreutils is never stricter"
    explained = text[: text.index("The table below does not show these")]
    numbers = {number for row in rows for number in row.differences()}
    assert all(f"\n{number}. **" in explained for number in numbers)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script(shell: str, tmp_path: Path) -> None:
    done = command(cwd=tmp_path, env={"_CHECKSIG_COMPLETE": f"{shell}_source"})
    assert done.returncode == 0
    assert f"{shell}_complete" in done.stdout


def completed(shell: str, script: str, tmp_path: Path) -> list[str]:
    """Run a script in a shell, with ``checksig`` on its path, and return the words it prints."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    env = {**environment(), "PATH": install_command(tmp_path / "bin"), "HOME": str(tmp_path)}
    done = subprocess.run(
        [shell, "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_bash_completes(tmp_path: Path) -> None:
    script = """
eval "$(_CHECKSIG_COMPLETE=bash_source checksig)"
COMP_WORDS=(checksig check --fa); COMP_CWORD=2
_checksig_completion checksig 2>/dev/null; echo "${COMPREPLY[@]}"
COMPREPLY=(); COMP_WORDS=(checksig check -a blake3); COMP_CWORD=3
_checksig_completion checksig 2>/dev/null; echo "${COMPREPLY[@]}"
"""
    expected = ["--fail-fast"] + [name for name in checksig.get_algorithms() if name == "blake3"]
    assert completed("bash", script, tmp_path) == expected


def test_fish_completes(tmp_path: Path) -> None:
    script = '_CHECKSIG_COMPLETE=fish_source checksig | source; complete -C "checksig check --extra f"'
    assert completed("fish", script, tmp_path) == ["fail"]


def test_zsh_loads_its_script(tmp_path: Path) -> None:
    script = """
autoload -Uz compinit; compinit -u
eval "$(_CHECKSIG_COMPLETE=zsh_source checksig)"
echo "$_comps[checksig]"
"""
    assert completed("zsh", script, tmp_path) == ["_checksig_completion"]

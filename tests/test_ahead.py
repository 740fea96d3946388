"""A job that begins before the command is imported: when it does, and that the command takes it."""

from __future__ import annotations

import base64
import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import LOGS, OPEN_BELOW, Directory, Python, command, environment, open_below, posix

from checksig import _engine, _files
from checksig._wire import FIND_FILES, TOTALS, Request
from checksig.command import ahead, cli

LOUD = [
    [],
    ["-v"],
    ["--verbose", "--ignore-missing"],
    ["--extra", "fail"],
    ["--extra=report", "--quiet"],
    ["--extra", "ignore"],
    ["-q", "-v"],
]
QUIET = [
    ["-q"],
    ["--quiet", "--ignore-missing"],
    ["--status"],
    ["--status", "-q"],
    ["--extra", "fail", "-q"],
    ["-q", "--extra=ignore"],
    ["-q", "--extra", "fail", "--extra", "ignore"],
]
SIMPLE = [*LOUD[:-1], *QUIET[:-1]]  # without those in which one option overrides another
OTHERS = [
    ["--json"],
    ["-x"],
    ["--workers", "1"],
    ["--signed-by", "key.pub"],
    ["-m", "sha1sum.txt"],
    ["--extra", "all"],
    ["--nonsense"],
    ["--"],
    ["-"],
    [""],
    [str(LOGS)],
]

# It says whether the engine has a file below a directory open when the command imports click.
WATCH = (
    OPEN_BELOW
    + """
import sys, time
root, seconds, *arguments = sys.argv[1:]
class Watch:
    def find_spec(self, name, *_):
        if name == "click":
            end = time.monotonic() + float(seconds)
            while not (found := open_below(root)) and time.monotonic() < end:
                time.sleep(0.01)
            print(bool(found), flush=True)
            os._exit(0)
sys.meta_path.insert(0, Watch())
sys.argv = ["checksig", "check", *arguments, root]
from checksig.__main__ import main
main()
"""
)


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """Return a list of the requests for which jobs are begun from now on."""
    requests: list[Request] = []

    class Counted(_engine.Job):
        def __init__(self, request: Request) -> None:
            requests.append(request)
            super().__init__(request)

    monkeypatch.setattr(_engine, "Job", Counted)
    return requests


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
@pytest.mark.parametrize("begins", [True, False])
def test_a_simple_check_is_under_way_when_click_is_imported(
    begins: bool, python: Python, tmp_path: Path
) -> None:
    (tmp_path / "endless").touch()
    os.truncate(tmp_path / "endless", 1 << 40)
    (tmp_path / "sha1sum.txt").write_text(f"{'0' * 40}  endless\n")
    for arguments in LOUD[:-1] if begins else OTHERS:
        done = python(WATCH, tmp_path, "10" if begins else "0.1", *arguments)
        assert (done.stdout, done.stderr) == (f"{begins}\n", ""), arguments


@pytest.mark.parametrize("path", ["directory", "manifest", "none"])
@pytest.mark.parametrize("arguments", SIMPLE)
def test_the_command_takes_the_check_that_was_begun(
    arguments: list[str],
    path: str,
    jobs: list[Request],
    directory: Directory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = directory({"good": b"good", "bad": b"bad"})
    (root / "bad").write_bytes(b"BAD")
    monkeypatch.chdir(root)
    given = [*arguments, *{"directory": [str(root)], "manifest": ["sha1sum.txt"], "none": []}[path]]
    ahead.begin(["check", *given])
    assert len(jobs) == 1
    assert cli.run(["check", *given]) == 1
    assert len(jobs) == 1
    assert "bad: FAILED" in capsys.readouterr().out or "--status" in arguments
    assert open_below(root) == []


@pytest.mark.parametrize("given", ["create -a sha1 --overwrite", "update --all", "diff --json", "diff"])
def test_a_command_that_lists_files_takes_the_names_that_were_begun(
    given: str, jobs: list[Request], directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = directory({"good": b"good"})
    monkeypatch.setattr(_files, "Job", _engine.Job)
    monkeypatch.chdir(root)
    for path in ([], [str(root)]):
        jobs.clear()
        arguments = [*given.split(), *path]
        ahead.begin(arguments)
        assert len(jobs) == 1
        assert cli.run(arguments) == 0
        assert sum(request.flags & FIND_FILES != 0 for request in jobs) == 1


def test_names_are_not_begun_if_another_option_or_path_is_given(jobs: list[Request]) -> None:
    for words in (
        "create -j 1",
        "diff --with -",
        "update . .",
        "diff --signed-by key.pub",
        "show",
        "join -",
        "",
    ):
        ahead.begin(words.split())
    assert jobs == []


IN_A_TERMINAL = f"""
import os, pty, sys
from checksig import _engine
from checksig.command import ahead, cli
os.dup2(pty.openpty()[1], 2)
jobs = []
class Counted(_engine.Job):
    def __init__(self, request):
        jobs.append(request)
        super().__init__(request)
_engine.Job = Counted
for arguments in (sys.argv[1:], ["--status", *sys.argv[1:]]):
    ahead.begin(["check", *arguments])
    print(len(jobs))
    cli.run(["check", *arguments])
    print(len(jobs))
print([bool(request.flags & {TOTALS}) for request in jobs])
"""


@posix
def test_in_a_terminal_the_command_takes_it_too(python: Python) -> None:
    done = python(IN_A_TERMINAL, LOGS, variables={"TERM": "xterm"})
    numbers = [line for line in done.stdout.splitlines() if line.isdecimal()]
    assert numbers == ["1", "1", "2", "2"], done.stdout
    assert done.stdout.splitlines()[-1] == "[True, False]"


def test_a_check_that_was_begun_for_another_request_is_closed(
    jobs: list[Request], directory: Directory, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last of these options decides, which ahead.begin does not know."""
    root = directory({"good": b"good"})
    given = ["-v", "-q", str(root)]
    ahead.begin(["check", *given])
    assert len(jobs) == 1
    assert cli.run(["check", *given]) == 0
    assert capsys.readouterr().out == ""
    assert len(jobs) == 2
    assert open_below(root) == []


# It says whether the command imported click.
IMPORTS = """
import atexit, sys
atexit.register(lambda: print("click" in sys.modules))
sys.argv[0] = "checksig"
from checksig.__main__ import main
main()
"""


@pytest.mark.parametrize("engine", ["library", "helper"])
@pytest.mark.parametrize("is_quiet", [True, False])
def test_a_quiet_check_that_goes_well_imports_no_click(
    is_quiet: bool, engine: str, python: Python, directory: Directory
) -> None:
    root = directory({"good": b"good"})
    for path in (root, root / "sha1sum.txt"):
        for arguments in QUIET if is_quiet else LOUD:
            done = python(IMPORTS, "check", *arguments, path, engine=engine)
            assert (done.returncode, done.stderr) == (0, ""), arguments
            assert done.stdout.endswith(f"{not is_quiet}\n"), arguments


@pytest.mark.skipif(not Path("/dev/ptmx").exists(), reason="needs a terminal")
def test_a_quiet_check_in_a_terminal_or_with_a_summary_imports_click(
    python: Python, directory: Directory, tmp_path: Path
) -> None:
    root = directory({"good": b"good"})
    in_terminal = "import os, pty\nos.dup2(pty.openpty()[1], 2)\n" + IMPORTS
    assert python(in_terminal, "check", "-q", root).stdout == "True\n"
    assert python(in_terminal, "check", "--status", root).stdout == "False\n"
    summary = tmp_path / "summary"
    done = python(IMPORTS, "check", "-q", root, variables={"GITHUB_STEP_SUMMARY": str(summary)})
    assert (done.stdout, summary.exists()) == ("True\n", True)


# It runs the command without begin.
LATE = "import sys; from checksig.command.cli import run; sys.exit(run(sys.argv[1:]))"


def spoil(root: Path, how: str) -> None:
    """Do something to a directory with the files one and two."""
    manifest = root / "sha1sum.txt"
    if how == "bad":
        (root / "one").write_bytes(b"ONE")
    elif how == "missing":
        (root / "one").unlink()
    elif how == "all missing":
        (root / "one").unlink()
        (root / "two").unlink()
    elif how == "extra":
        (root / "three").touch()
    elif how == "bad line":
        manifest.write_text(manifest.read_text() + "nonsense\n")
    elif how == "unusable":
        manifest.write_text("{}")
    elif how == "gone":
        manifest.unlink()


CASES = ["well", "bad", "missing", "all missing", "extra", "bad line", "unusable", "gone"]


@pytest.mark.parametrize("how", CASES)
def test_a_quiet_check_says_the_same_if_it_is_not_begun_early(
    how: str, python: Python, directory: Directory
) -> None:
    root = directory({"one": b"one", "two": b"two"})
    spoil(root, how)
    seen = set()
    for arguments in QUIET:
        done = command("check", *arguments, root, cwd=root)
        same = python(LATE, "check", *arguments, root)
        assert (done.returncode, done.stdout, done.stderr) == (same.returncode, same.stdout, same.stderr), (
            arguments
        )
        seen.add(done.returncode)
    assert (how == "well") == (seen == {0})


@posix
@pytest.mark.parametrize(("closed", "status"), [("<&-", 0), (">&-", 2), ("2>&-", 0), (">/dev/full", 0)])
def test_a_quiet_check_without_a_standard_stream_ends_as_any_other(
    closed: str, status: int, directory: Directory
) -> None:
    if closed == ">/dev/full" and not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    root = directory({"good": b"good"})
    for option in ("-q", "--status"):
        for run in (["-m", "checksig"], ["-c", LATE]):
            shell = ["sh", "-c", f'"$@" {closed}', "sh", sys.executable, *run, "check", option, root]
            done = subprocess.run(shell, env=environment(), stderr=-1, check=False)
            complaint = b"checksig: standard output is closed\n" if status else b""
            assert (done.returncode, done.stderr) == (status, complaint), (option, run)


def test_a_quiet_check_of_a_package_is_not_one_of_its_folder(directory: Directory) -> None:
    root = directory({"good": b"good"})
    folder = root.rename(root.parent / "package-1.0.dist-info")
    (folder.parent / "package.py").write_bytes(b"changed")
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"as built").digest()).rstrip(b"=").decode()
    (folder / "RECORD").write_text(f"package.py,sha256={digest},8\n")
    for path, cwd in ((folder.name, folder.parent), (".", folder), ("RECORD", folder)):
        done = command("check", "-q", path, cwd=cwd)
        assert (done.returncode, done.stderr) == (1, ""), path
        assert "package.py: FAILED" in done.stdout


@posix
def test_ctrl_c_ends_a_quiet_check_as_any_other(tmp_path: Path) -> None:
    (tmp_path / "endless").touch()
    os.truncate(tmp_path / "endless", 1 << 40)
    (tmp_path / "small").touch()
    empty = hashlib.sha1().hexdigest()
    (tmp_path / "sha1sum.txt").write_text(f"{empty}  small\n{'0' * 40}  endless\n")
    for arguments in (["-q"], []):
        run = [sys.executable, "-m", "checksig", "check", *arguments]
        with subprocess.Popen(run, cwd=tmp_path, env=environment(), stderr=-1, stdout=-1) as child:
            time.sleep(1)  # until it reads
            child.send_signal(signal.SIGINT)
            output, errors = child.communicate(timeout=60)
        assert (child.returncode, output) == (-signal.SIGINT, b"")
        assert errors.startswith(b"checksig: interrupted: 1 of 2 files"), arguments


def test_what_cannot_be_begun_is_reported_by_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path, reason in ((tmp_path, "no manifest found"), (tmp_path / "gone", "No such file or directory")):
        ahead.begin(["check", str(path)])
        assert cli.run(["check", str(path)]) == 2
        assert reason in capsys.readouterr().err

"""Runs the code of docs/integrations as printed, on good and on damaged data."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from support import CHECKOUT, blocks, environment

import checksig

PAGES = CHECKOUT / "docs" / "integrations"
PROGRAMS = Path(sys.executable).parent  # of checksig, and of what tests/requirements.txt installs

# Variables that the programs of the pages read, and that the machine or a CI job may have set.
_OTHERS = ("GITHUB_", "GIT_", "JUPYTER_", "MAKE", "MFLAGS", "PRE_COMMIT", "PYTEST_", "SLURM_")

Shell = Callable[..., "subprocess.CompletedProcess[str]"]


def page(name: str, language: str) -> list[str]:
    """Return the code blocks of a page of docs/integrations in one language."""
    return blocks(f"docs/integrations/{name}.md", language)


def untimed(output: str) -> str:
    """Return output with every duration replaced by 0 ms."""
    return re.sub(r"in \d+ ms", "in 0 ms", output)


def damage(root: Path) -> None:
    """Change a byte of a listed file."""
    (root / "data" / "b.csv").write_text("1,2,4\n")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a directory with two files and their manifest in ``data``."""
    root = tmp_path / "root"
    (root / "data").mkdir(parents=True)
    (root / "data" / "a.csv").write_text("a,b\n")
    (root / "data" / "b.csv").write_text("1,2,3\n")
    checksig.create(root / "data")
    return root


@pytest.fixture
def shell(root: Path, tmp_path: Path) -> Shell:
    """Return a function that runs a shell script in that directory and returns all its output."""
    inherited = {name: value for name, value in environment().items() if not name.startswith(_OTHERS)}
    env = {
        **inherited,
        "PATH": os.pathsep.join([str(tmp_path / "bin"), str(PROGRAMS), inherited["PATH"]]),
        "HOME": str(tmp_path),
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
    }

    def run(script: str, more: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-e", "-c", script],
            cwd=root,
            env={**env, **(more or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )

    return run


def need(program: str) -> None:
    """Skip where a program is not installed."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


def test_the_index_links_to_each_page_and_the_readme_to_the_index() -> None:
    pages = {path.name for path in PAGES.glob("*.md")} - {"README.md"}
    assert set(re.findall(r"^\| \[.*\]\((.+)\)", (PAGES / "README.md").read_text("utf-8"), re.M)) == pages
    assert "(docs/integrations/README.md)" in (CHECKOUT / "README.md").read_text("utf-8")
    for path in PAGES.glob("*.md"):
        for target in re.findall(r"\]\(([^)#]+)", path.read_text("utf-8")):
            assert (PAGES / target).exists(), f"{path.name}: {target}"


@pytest.fixture
def repository(root: Path, shell: Shell, tmp_path: Path) -> Shell:
    """Make a repository with the hook and a first commit; return a function that runs a shell in it."""
    need("git")
    # "language: python" would install a released checksig; the page names the alternative.
    config, replaced = re.subn(
        r"language: python\n *additional_dependencies: .*", "language: system", page("pre-commit", "yaml")[0]
    )
    assert replaced == 1
    (root / ".pre-commit-config.yaml").write_text(config)
    identity = {"GIT_CONFIG_GLOBAL": str(tmp_path / "gitconfig"), "GIT_CONFIG_NOSYSTEM": "1"}
    (tmp_path / "gitconfig").write_text("[user]\nname = A\nemail = a@example.org\n")

    def run(script: str) -> subprocess.CompletedProcess[str]:
        return shell(script, identity)

    done = run("git init -q . && pre-commit install && git add . && git commit -qm good")
    assert (done.returncode, done.stdout.count("Passed")) == (0, 1), done.stdout
    return run


def test_the_hook_stops_a_commit_of_a_damaged_file(root: Path, repository: Shell) -> None:
    damage(root)
    done = repository("git commit -qam damaged")
    assert done.returncode == 1
    assert untimed(done.stdout).strip() == untimed(page("pre-commit", "text")[0]).strip()


def test_the_hook_verifies_a_commit_that_only_deletes_but_not_with_files(
    root: Path, repository: Shell
) -> None:
    done = repository("git rm -q data/b.csv; git commit -qm deleted")
    assert (done.returncode, "data/b.csv: MISSING" in done.stdout) == (1, True)

    config = root / ".pre-commit-config.yaml"
    config.write_text(config.read_text().replace("always_run: true", "files: ^data/"))
    done = repository("git add .pre-commit-config.yaml; git commit -qm deleted")
    assert (done.returncode, "Skipped" in done.stdout) == (0, True), done.stdout


def test_the_hook_ignores_unstaged_damage_and_accepts_files_that_git_does_not_track(
    root: Path, repository: Shell
) -> None:
    damage(root)
    done = repository("touch c; git add c; git commit -qm 'the damage is not staged'")
    assert (done.returncode, "Passed" in done.stdout) == (0, True), done.stdout

    (root / "data" / "b.csv").write_text("1,2,3\n")
    (root / "data" / "untracked").touch()
    checksig.update(root / "data")
    done = repository("git commit -qam listed")
    assert (done.returncode, "Passed" in done.stdout) == (0, True), done.stdout


def test_the_workflow_step_fails_and_appends_to_the_summary(root: Path, shell: Shell) -> None:
    install, verify = re.findall(r"- run: (.*)", page("github-actions", "yaml")[0])
    assert install == "pip install checksig"
    assert re.findall(r"- run: (.*)", page("github-actions", "yaml")[1]) == [f"uvx {verify}"]

    summary = root / "summary.md"
    summary.write_text("")
    done = shell(verify, {"GITHUB_STEP_SUMMARY": str(summary)})
    assert (done.returncode, summary.read_text("utf-8").split("\n")[0]) == (0, "### checksig: 2 files OK")

    summary.write_text("")
    damage(root)
    assert shell(verify, {"GITHUB_STEP_SUMMARY": str(summary)}).returncode == 1
    shown = page("github-actions", "markdown")[0]
    assert untimed(summary.read_text("utf-8")).strip() == untimed(shown).strip()


@pytest.mark.parametrize(
    ("spoil", "option", "status", "message"),
    [("", " --fail-fast", 1, "stopped"), ("rm data/SHA256SUMS; ", "", 2, "no manifest")],
)
def test_the_summary_of_a_check_that_does_not_complete_is_its_message(
    spoil: str, option: str, status: int, message: str, root: Path, shell: Shell
) -> None:
    damage(root)
    verify = re.findall(r"- run: (checksig.*)", page("github-actions", "yaml")[0])[0]
    summary = root / "summary.md"
    done = shell(spoil + verify + option, {"GITHUB_STEP_SUMMARY": str(summary)})
    assert (done.returncode, message in done.stdout) == (status, True), done.stdout
    assert message in summary.read_text("utf-8")
    assert "|" not in summary.read_text("utf-8")


def test_actionlint_finds_nothing_in_the_workflows(root: Path, shell: Shell) -> None:
    need("actionlint")
    whole, steps = page("github-actions", "yaml")
    first = whole.index("      - uses: actions/setup-python")
    (root / "pip.yml").write_text(whole)
    (root / "uv.yml").write_text(whole[:first] + steps)
    done = shell("actionlint pip.yml uv.yml")
    assert (done.returncode, done.stdout) == (0, "")


def test_make_verifies_once_for_each_change_of_the_manifest(root: Path, shell: Shell) -> None:
    need("make")
    (root / "Makefile").write_text(page("make", "make")[0])
    for path in (root / "data").iterdir():
        os.utime(path, (1e9, 1e9))
    done = shell("make result.txt")
    assert (done.returncode, "2 files OK" in done.stdout) == (0, True), done.stdout
    assert (root / "result.txt").read_text() == "a,b\n"
    assert shell("make result.txt").stdout == "make: 'result.txt' is up to date.\n"

    damage(root)
    assert shell("make result.txt").returncode == 0
    done = shell("make verify")
    assert (done.returncode, "data/b.csv: FAILED\n" in done.stdout) == (2, True)
    assert "verify] Error 1\n" in done.stdout

    os.utime(root / ".verified", (1e9 + 1, 1e9 + 1))
    os.utime(root / "data" / "SHA256SUMS", (1e9 + 2, 1e9 + 2))
    for _ in range(2):
        done = shell("make result.txt")
        assert (done.returncode, ".verified] Error 1\n" in done.stdout) == (2, True)

    (root / "data" / "SHA256SUMS").unlink()
    assert "verify] Error 2\n" in shell("make verify").stdout


def test_a_new_stamp_does_not_rebuild_the_result(root: Path, shell: Shell) -> None:
    need("make")
    (root / "Makefile").write_text(page("make", "make")[0])
    for path in (root / "data").iterdir():
        os.utime(path, (1e9, 1e9))
    assert "sort" in shell("make result.txt").stdout
    (root / "data" / "SHA256SUMS").touch()
    os.utime(root / "result.txt", (1e9 + 1, 1e9 + 1))
    done = shell("make result.txt")
    assert ("2 files OK" in done.stdout, "sort" in done.stdout) == (True, False), done.stdout


def test_with_the_wildcard_make_verifies_again_when_a_file_was_touched(root: Path, shell: Shell) -> None:
    need("make")
    rule = ".verified: data/SHA256SUMS"
    (wildcard,) = re.findall(rf"`({rule} \$\(wildcard .*?\))`", (PAGES / "make.md").read_text("utf-8"))
    for prerequisites, verifies in ((rule, False), (wildcard, True)):
        (root / "Makefile").write_text(page("make", "make")[0].replace(f"{rule}\n", f"{prerequisites}\n"))
        for path in (root / "data").iterdir():
            os.utime(path, (1e9, 1e9))
        shell("make .verified")
        os.utime(root / "data" / "b.csv")
        assert ("2 files OK" in shell("make .verified").stdout) is verifies


def test_a_manifest_that_changes_while_make_verifies_is_newer_than_the_stamp(
    root: Path, shell: Shell
) -> None:
    need("make")
    makefile = page("make", "make")[0]
    slow = "\tsleep 0.05; touch data/SHA256SUMS; checksig check data\n\tmv"
    (root / "Makefile").write_text(makefile.replace("\tchecksig check data\n\tmv", slow))
    assert "touch data" in (root / "Makefile").read_text()
    for _ in range(2):
        assert "2 files OK" in shell("make result.txt").stdout


# Runs the tasks of an array on this machine, one after the other.
SBATCH = """#!/bin/sh
for script; do :; done
array=$(sed -n 's/^#SBATCH --array=//p' "$script")
export SLURM_ARRAY_JOB_ID=7 SLURM_ARRAY_TASK_COUNT=$((${array#*-} - ${array%-*} + 1)) SLURM_ARRAY_TASK_ID
worst=0
for SLURM_ARRAY_TASK_ID in $(seq "${array%-*}" "${array#*-}"); do
    sh "$script" 2>> slurm.out || { status=$?; [ $status -le $worst ] || worst=$status; }
done
echo 7
exit $worst
"""


@pytest.fixture
def many(root: Path, tmp_path: Path) -> Path:
    """Return the directory with eight more files, the program of the page, and an sbatch."""
    for number in range(8):
        (root / "data" / str(number)).write_text(f"{number}\n")
    checksig.create(root / "data", overwrite=True)
    (root / "verify.sbatch").write_text(page("slurm", "sh")[0])
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "sbatch").write_text(SBATCH)
    (tmp_path / "bin" / "sbatch").chmod(0o755)
    return root


def test_the_shards_of_an_array_are_joined(many: Path, shell: Shell) -> None:
    submit = page("slurm", "sh")[1]
    done = shell(submit)
    assert (done.returncode, done.stdout.startswith("10 files OK · sha256")) == (0, True), done.stdout

    damage(many)
    done = shell(submit)
    assert done.returncode == 1
    assert done.stdout.startswith("a task did not exit with 0\ndata/b.csv: FAILED\n1 of 10 files FAILED")

    if shutil.which("jq"):
        (names,) = re.findall(r"`(jq .*)`", (PAGES / "slurm.md").read_text("utf-8"))
        assert shell(names).stdout == "b.csv\n"


def test_an_array_that_counts_from_0_is_refused_unless_it_adds_1(many: Path, shell: Shell) -> None:
    from_0 = page("slurm", "sh")[0].replace("--array=1-8", "--array=0-2")
    assert "0-2" in from_0
    (many / "verify.sbatch").write_text(from_0)
    done = shell(page("slurm", "sh")[1])
    assert done.returncode == 2
    assert "shard 3 of 3 is missing" in done.stdout
    assert "'0/3' is not K/N" in (many / "slurm.out").read_text()

    assert "`$((SLURM_ARRAY_TASK_ID + 1))`" in (PAGES / "slurm.md").read_text("utf-8")
    plus_1 = from_0.replace('shard "$SLURM_ARRAY_TASK_ID', 'shard "$((SLURM_ARRAY_TASK_ID + 1))')
    (many / "verify.sbatch").write_text(plus_1)
    assert shell(page("slurm", "sh")[1]).returncode == 0


def test_a_damaged_file_is_no_success_although_the_manifest_grew_meanwhile(many: Path, shell: Shell) -> None:
    damage(many)  # the second to last of ten files, which moves from the second shard to the first
    assert shell("checksig check data --json -q --shard 1/2 > 1.jsonl").returncode == 0
    manifest = many / "data" / "SHA256SUMS"
    lines = manifest.read_text().splitlines(keepends=True)
    lines.insert(0, lines[0].split()[0] + "  copy\n")
    shutil.copy(many / "data" / lines[1].split()[1], many / "data" / "copy")
    manifest.write_text("".join(lines))
    assert shell("checksig check data --json -q --shard 2/2 > 2.jsonl").returncode == 0
    done = shell("checksig join 1.jsonl 2.jsonl")
    assert (done.returncode, "read another manifest" in done.stdout) == (2, True), done


def test_the_fixture_is_an_error_that_names_the_damaged_file(root: Path, shell: Shell) -> None:
    conftest, test = page("pytest", "python")
    (root / "conftest.py").write_text(conftest)
    (root / "test_table.py").write_text(test)
    (root / "test_other.py").write_text("def test_other(): pass\n")
    run = "python -m pytest -p no:cacheprovider --rootdir=."
    done = shell(run)
    assert (done.returncode, "2 passed" in done.stdout) == (0, True), done.stdout

    damage(root)
    done = shell(run)
    assert (done.returncode, "1 passed, 1 error in" in done.stdout) == (1, True), done.stdout
    (message,) = re.findall(r"E +(checksig\..*)", done.stdout)
    (shown,) = re.findall(r"`(checksig\.errors.*)`", (PAGES / "pytest.md").read_text("utf-8"))
    assert message == shown.replace("/…", str(root))
    assert shell(f"{run} test_other.py").returncode == 0


def test_the_fixture_verifies_once_per_session(root: Path, shell: Shell) -> None:
    (root / "conftest.py").write_text(page("pytest", "python")[0])
    tests = """
def test_damage(data):
    (data / "b.csv").write_text("1,2,4")

def test_after_the_damage(data):
    pass
"""
    (root / "test_twice.py").write_text(tests)
    done = shell("python -m pytest -p no:cacheprovider --rootdir=.")
    assert "2 passed" in done.stdout, done.stdout


def test_the_fixture_with_extra_rejects_a_file_that_a_test_left(root: Path, shell: Shell) -> None:
    conftest, test = page("pytest", "python")
    assert '`check_signatures(DATA, extra="fail")`' in (PAGES / "pytest.md").read_text("utf-8")
    (root / "test_table.py").write_text(test)
    (root / "data" / "left").touch()
    for call, passes in (("(DATA)", True), ('(DATA, extra="fail")', False)):
        (root / "conftest.py").write_text(conftest.replace("(DATA)", call))
        done = shell("python -m pytest -p no:cacheprovider --rootdir=.")
        assert ("1 passed" in done.stdout, "1 error" in done.stdout) == (passes, not passes), done.stdout


@pytest.fixture
def notebook(root: Path, shell: Shell) -> Callable[..., tuple[int, list[dict[str, Any]]]]:
    """Return a function that runs cells as a notebook and returns the exit status and their outputs."""

    def run(*sources: str) -> tuple[int, list[dict[str, Any]]]:
        cells: list[dict[str, Any]] = [
            {
                "cell_type": "code",
                "id": str(number),
                "metadata": {},
                "execution_count": None,
                "outputs": [],
                "source": source,
            }
            for number, source in enumerate(sources)
        ]
        path = root / "notebook.ipynb"
        path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
        status = shell("jupyter execute --inplace notebook.ipynb").returncode
        done = json.loads(path.read_text("utf-8"))
        return status, [output for cell in done["cells"] for output in cell["outputs"]]

    return run


def test_the_cells_show_a_table_and_a_bar_and_stop_at_a_bad_file(
    root: Path, notebook: Callable[..., tuple[int, list[dict[str, Any]]]]
) -> None:
    show, stop, _ = page("notebook", "python")  # the third needs pandas
    damage(root)
    status, outputs = notebook(show)
    assert status == 0
    table = "".join(outputs[-1]["data"]["text/html"])
    assert table.startswith("<p>1 of 2 files FAILED")
    assert "<td>b.csv</td><td>FAILED</td>" in table
    assert "bad=1, files=2" in "".join("".join(output["text"]) for output in outputs if "text" in output)

    assert notebook(f"import checksig\n{stop}")[0] == 1
    (root / "data" / "b.csv").write_text("1,2,3\n")
    assert notebook(f"import checksig\n{stop}")[0] == 0


def test_the_packages_of_an_environment_are_verified(root: Path, shell: Shell) -> None:
    info = root / ".venv" / "lib" / "python3.11" / "site-packages" / "tool-1.0.dist-info"
    info.mkdir(parents=True)
    (info.parent / "tool.py").write_bytes(b"1")
    (info / "RECORD").write_text(
        "tool.py,sha256=a4ayc_80_OGda4BO_1o_V0etpOqiLx1JwB5S3beHW0s,1\ntool-1.0.dist-info/RECORD,,\n"
    )
    everything, one = page("installed", "sh")
    (code,) = page("installed", "python")
    program = root / "verify.py"
    program.write_text(code)
    assert (
        shell(everything).stdout
        == "tool 1.0: 1 file OK · 1 line without a digest was passed over\n1 of 1 package OK\n"
    )
    assert shell(one).returncode == 0
    assert shell(f"{sys.executable} verify.py").stdout == ""
    (info.parent / "tool.py").write_bytes(b"2")
    done = shell(everything)
    assert (done.returncode, done.stdout.splitlines()[0]) == (
        1,
        ".venv/lib/python3.11/site-packages/tool.py: FAILED",
    )
    assert shell(one).returncode == 1
    assert 'tool.py" - mismatch' in shell(f"{sys.executable} verify.py").stdout
    (info / "RECORD").unlink()
    assert shell(everything).returncode == 2
    assert shell(f"{sys.executable} verify.py").stdout == "tool 1.0 has no RECORD\n"


def test_the_lists_of_others_are_compared_as_the_page_says(root: Path, shell: Shell) -> None:
    """Stand-ins print what the programs of the page print: of ssh, rclone, aws, gcloud and az."""
    need("jq")
    digest = hashlib.md5(b"a,b\n", usedforsecurity=False).digest()
    key, in_base64 = "a.csv", base64.b64encode(digest).decode()
    (root / "data" / "b.csv").unlink()
    checksig.create(root / "data", algorithm="md5")
    (root / "data" / "SHA256SUMS").unlink()
    google = [{"name": key, "md5_hash": in_base64}]
    azure = [{"name": key, "properties": {"contentSettings": {"contentMd5": in_base64}}}]
    s3 = {"Contents": [{"Key": key, "ETag": f'"{digest.hex()}"'}]}
    rclone = [{"Path": key, "Hashes": {"md5": digest.hex()}}]
    programs = {
        "ssh": f"echo '{digest.hex()}  ./{key}'",
        "rclone": f"case $1 in lsjson) echo '{json.dumps(rclone)}';; *) echo '{digest.hex()}  {key}';; esac",
        "aws": f"""case $2/$* in
            head-object/*) echo '{{"ETag": "{digest.hex()}"}}';;
            */*text*) echo {key};;
            *) echo '{json.dumps(s3)}';;
        esac""",
        "gcloud": f"echo '{json.dumps(google)}'",
        "az": f"echo '{json.dumps(azure)}'",
        "zcat": f"""echo '"bucket","{key}","{digest.hex()}"'""",
    }
    bin_ = root.parent / "bin"
    bin_.mkdir()
    for name, script in programs.items():
        (bin_ / name).write_text(f"#!/bin/sh\n{script}\n")
        (bin_ / name).chmod(0o755)
    (root / "manifest.json").write_text('{"fileSchema": "Bucket, Key, ETag"}')
    runs = [run for block in page("not-on-a-disk", "sh")[1:] for run in block.split("\n\n")]
    lines = [line for run in runs for line in (run.splitlines() if "while" not in run else [run])]
    assert len(lines) == 8
    for line in lines:
        done = shell(line)
        assert (done.returncode, "1 unchanged" in done.stdout) == (0, True), (line, done.stdout)
    damaged = "".join(reversed(digest.hex()))
    (root / "data" / "MD5SUMS").write_text(f"{damaged}  {key}\n")
    assert [shell(line).returncode for line in lines] == [1] * len(lines)


def test_a_client_of_a_store_can_make_the_list_in_python(root: Path, shell: Shell) -> None:
    for name in ("a.csv", "b.csv"):
        (root / "data" / name).write_bytes(b"one")
    checksig.create(root / "data", algorithm="crc32c", include=["*.csv"])
    (root / "data" / "SHA256SUMS").unlink()
    (root / "diff.py").write_text(page("not-on-a-disk", "python")[0])
    done = shell("python diff.py")
    assert (done.returncode, done.stdout) == (0, "modified: b.csv\nunchanged: 1\n")


def test_the_nightly_scrub_covers_all_files_in_30_days(root: Path, shell: Shell) -> None:
    by_shard, by_receipt = (text.replace("/archive", "data") for text in page("scrub", "sh"))
    shard = by_shard.split("--shard ")[1].removesuffix(" data\n")
    days = " ".join(f"{day:03}" for day in range(1, 367))
    shown = shell(f"for day in {days}; do date() {{ echo $day; }}; echo {shard}; done").stdout.split()
    assert shown[:3] == ["2/30", "3/30", "4/30"]
    for start in range(366 - 30):
        assert set(shown[start : start + 30]) == {f"{number}/30" for number in range(1, 31)}

    damage(root)
    assert shell(by_receipt).returncode == 1
    (line,) = (text for text in page("scrub", "text") if "checksig" in text)
    done = shell(line.split(" * * * ")[1].replace("/archive", "data"))
    assert done.stdout == "data/b.csv: FAILED\ndata: exit status 1\n"

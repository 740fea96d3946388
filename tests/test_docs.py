"""Runs the examples in the README and docs/ as they stand there, and checks every link in Markdown files."""

from __future__ import annotations

import doctest
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import toolchain
from stubs import StubGo
from support import (
    CHECKOUT,
    LOGS,
    MISMATCH,
    Python,
    blocks,
    environment,
    install_command,
    needs_library,
    timeless,
)

import checksig


def session(page: str) -> None:
    """Run the interactive sessions of a page, from the checkout."""
    for text in blocks(page, "pycon"):
        test = doctest.DocTestParser().get_doctest(text, {}, page, page, 0)
        runner = doctest.DocTestRunner()
        assert runner.run(test).attempted > 1
        assert runner.failures == 0


def console(page: str, folder: Path) -> None:
    """Run the shell sessions of a page in a folder, and compare the output, except for times."""
    path = install_command(folder / "bin")
    (folder / "work").mkdir()
    (folder / "work" / "testdata").symlink_to(CHECKOUT / "testdata")
    lines = [line for block in blocks(page, "console") for line in block.splitlines()]
    script = []
    for line in lines:
        if line.startswith("$ "):
            script.append(f"\nprintf '%s\\n' {shlex.quote(line)}")
        if line.startswith(("$ ", "> ")):
            script.append(line[2:])
    done = subprocess.run(
        ["bash", "-c", "exec 2>&1\n" + "\n".join(script)],
        cwd=folder / "work",
        env={**environment(), "PATH": path, "LC_ALL": "C.UTF-8"},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    expected = [timeless(line) for line in lines if not line.startswith("> ")]
    assert [timeless(line) for line in done.stdout.splitlines()] == expected


@pytest.mark.parametrize("page", ["README.md", "docs/command.md", "docs/json.md"])
def test_the_shell_sessions_print_what_the_page_says(page: str, tmp_path: Path) -> None:
    if shutil.which("jq") is None or shutil.which("bash") is None:
        pytest.skip("bash or jq is not installed")
    console(page, tmp_path)


@pytest.fixture(autouse=True)
def in_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CHECKOUT)


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a C compiler; put it on PATH as ``cc``, and this Python as ``python``."""
    command = toolchain.cc_command()
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, words in (("cc", command), ("python", [sys.executable])):
        (folder / name).write_text("#!/bin/sh\nexec " + " ".join(f"'{word}'" for word in words) + ' "$@"\n')
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    monkeypatch.setenv("CC", "cc")
    return command


@pytest.fixture
def python_headers() -> None:
    """Skip if Python's headers are not installed, because no extension module can be compiled then."""
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        pytest.skip("Python.h is not installed")


@pytest.mark.parametrize("page", ["README.md", "docs/ctypes.md", "docs/python.md"])
def test_the_sessions_print_what_the_page_says(page: str) -> None:
    session(page)


@needs_library
def test_the_session_says_whether_library_or_helper_serves() -> None:
    session("docs/library-and-helper.md")


def test_the_package_docstring_is_true() -> None:
    assert doctest.testmod(checksig).attempted == 2
    assert doctest.testmod(checksig).failed == 0


def test_the_readme_begins_with_a_sentence_and_three_bullets() -> None:
    title, sentence, bullets = (CHECKOUT / "README.md").read_text("utf-8").split("\n\n")[:3]
    assert title == "# checksig"
    assert re.fullmatch(r"checksig [^.]*\.", sentence)
    assert len(re.findall(r"^- \*\*", bullets, re.MULTILINE)) == 3


def test_the_commands_for_a_fresh_machine_follow_the_installation() -> None:
    headings = re.findall(r"^## (.*)", (CHECKOUT / "README.md").read_text("utf-8"), re.MULTILINE)
    assert headings[:2] == ["Install", "Try it on a fresh machine"]
    assert len(blocks("README.md", "sh")) == 2


def is_ours(page: Path) -> bool:
    """Return whether a page, by its path in the checkout, is one of the project's, not installed or built."""
    return not any(part in ("build", "vendor") or part.startswith(".") for part in page.parent.parts)


PAGES = sorted(filter(is_ours, (path.relative_to(CHECKOUT) for path in CHECKOUT.rglob("*.md"))))


def prose(page: Path) -> str:
    """Return a page without its code."""
    text = re.sub(r"^ *(```+|~~~+).*?^ *\1 *$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "code", text, flags=re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    found: set[str] = set()
    for heading in re.findall(r"^#+ +(.*?) *$", text, re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        number = sum(1 for anchor in found if re.fullmatch(rf"{re.escape(slug)}(-\d+)?", anchor))
        found.add(f"{slug}-{number}" if number else slug)
    return found


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_each_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    text = prose(CHECKOUT / page)
    targets = re.findall(r"\]\(([^()\s]+)\)", text) + re.findall(r"^\[[^\]]+\]: *(\S+)", text, re.MULTILINE)
    for target in targets:
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (CHECKOUT / page.parent / name) if name else CHECKOUT / page
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file), target


def test_the_pages_with_links_are_all_pages_of_the_repository() -> None:
    assert {Path("README.md"), Path("benchmarks/README.md"), Path("docs/integrations/README.md")} < set(PAGES)
    assert Path("testdata/cases/README.md") in PAGES


def test_ci_runs_the_readmes_second_command() -> None:
    assert blocks("README.md", "sh")[1].strip() in (CHECKOUT / ".ci/run").read_text("utf-8")


def test_the_c_program_runs(tmp_path: Path, compiler: list[str]) -> None:
    (tmp_path / "check.c").write_text(blocks("docs/c.md", "c")[0])
    (tmp_path / "testdata").symlink_to(CHECKOUT / "testdata")
    command = ["sh", "-e", "-c", blocks("docs/c.md", "sh")[0]]
    env = environment()
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=env)
    assert (done.returncode, done.stdout) == (1, '"testdata/logs/httpd-08.log" - mismatch\n'), done.stderr

    good = tmp_path / "good"
    good.mkdir()
    (good / "md5sum.txt").write_text("d41d8cd98f00b204e9800998ecf8427e  a\n")
    (good / "a").touch()
    for arguments, status in (([], 2), ([str(good)], 0)):
        done = subprocess.run(
            ["./check", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == status


def need_language(command: list[str], suffix: str, folder: Path) -> None:
    """Skip where a compiler cannot compile the language of a suffix."""
    (folder / f"empty{suffix}").write_text("int main(void) { return 0; }\n")
    if subprocess.run([*command, f"empty{suffix}"], cwd=folder, check=False).returncode != 0:
        pytest.skip(f"this compiler cannot compile {suffix}")


@pytest.mark.parametrize(("suffix", "standard"), [(".c", "-std=c99"), (".cc", "-std=c++17")])
def test_the_c_programs_compile_strictly_and_run(
    suffix: str, standard: str, tmp_path: Path, compiler: list[str]
) -> None:
    good, unusable = tmp_path / "good", tmp_path / "unusable"
    for root, line in ((good, "d41d8cd98f00b204e9800998ecf8427e  a\n"), (unusable, "no entry\n")):
        root.mkdir()
        (root / "a").touch()
        (root / "md5sum.txt").write_text(line)
    mixed = tmp_path / "mixed"
    shutil.copytree(good, mixed)
    (mixed / "md5sum.txt").write_text((good / "md5sum.txt").read_text() + "no entry\n")
    reason = "no hexadecimal digest"
    check, job = blocks("docs/c.md", "c")
    (shown,) = blocks("docs/c.md", "text")
    runs: list[tuple[str, list[tuple[Path, int, str]]]] = [
        (check, [(LOGS, 1, f"{MISMATCH}\n"), (good, 0, f"{good}: all files are as listed\n")]),
        (
            job,
            [
                (LOGS, 1, shown),
                (good, 0, "0 of 1 files bad\n"),
                (mixed, 1, f"{mixed}/md5sum.txt: line 2: {reason}\n0 of 1 files bad\n"),
                (unusable, 2, ""),
                (tmp_path / "gone", 2, ""),
            ],
        ),
    ]
    strict = [*compiler, standard, "-Wall", "-Wextra", "-Werror", "-pedantic", f"-I{checksig.get_include()}"]
    need_language([*strict, "-o", "empty"], suffix, tmp_path)
    for source, expected in runs:
        (tmp_path / f"program{suffix}").write_text(source)
        command = [*strict, "-o", "program", f"program{suffix}", checksig.get_library()]
        subprocess.run(command, cwd=tmp_path, check=True)
        for root, status, output in expected:
            done = subprocess.run(
                [tmp_path / "program", root], capture_output=True, text=True, check=False, env=environment()
            )
            assert (done.returncode, done.stdout) == (status, output), done.stderr
            assert bool(done.stderr) == (status == 2)


@pytest.mark.usefixtures("python_headers")
def test_the_cffi_module_runs(tmp_path: Path, compiler: list[str], python: Python) -> None:
    (tmp_path / "build_checksig_cffi.py").write_text(blocks("docs/cffi.md", "python")[0])
    subprocess.run([sys.executable, "build_checksig_cffi.py"], cwd=tmp_path, env=environment(), check=True)
    code = """
import doctest, sys
sys.path.insert(0, sys.argv[1])
test = doctest.DocTestParser().get_doctest(sys.argv[2], {}, "cffi", "cffi", 0)
runner = doctest.DocTestRunner()
print(runner.run(test))
"""
    done = python(code, tmp_path, blocks("docs/cffi.md", "pycon")[0])
    assert done.stdout == "TestResults(failed=0, attempted=3)\n", done.stdout + done.stderr


@pytest.mark.network
@pytest.mark.packaging
def test_the_packaging_commands_run(checkout: Path, stub_go: StubGo) -> None:
    """Nothing is compiled: tests/test_packaging.py builds and installs for real."""
    prepare = f"{sys.executable} -m venv .env && . .env/bin/activate\n"
    done = subprocess.run(
        ["sh", "-e", "-c", prepare + blocks("docs/packaging.md", "sh")[0]],
        cwd=checkout,
        env=stub_go.env | {"PIP_NO_COMPILE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    places = [line for line in done.stdout.split("\n") if line.endswith("checksig/__init__.py")]
    assert len(places) == 2
    assert str(checkout / "build" / "from-wheel") in places[0]
    assert str(checkout / "build" / "from-sdist") in places[1]


@pytest.mark.usefixtures("python_headers", "compiler")
def test_the_benchmark_of_calls_runs() -> None:
    command = [sys.executable, "benchmarks/call_cost.py", "--rounds", "1", "--seconds", "0.01"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment())
    assert re.findall(r"^\| (\w+) \|", done.stdout, re.MULTILINE) == [
        *("version", "ctypes", "cffi", "gRPC"),
        *("verify", "ctypes", "cffi", "gRPC"),
    ]

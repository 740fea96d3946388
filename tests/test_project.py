"""The files of a public project: metadata, workflows, and the page on the package index."""

from __future__ import annotations

import os
import re
import subprocess
import sysconfig
import tomllib
from email import message_from_string
from pathlib import Path

import long_description
import pytest
import toolchain
from readme_renderer import markdown
from setuptools import build_meta
from support import CHECKOUT
from trove_classifiers import classifiers

PYPROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))
PROJECT = PYPROJECT["project"]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def test_each_classifier_exists_and_none_is_listed_twice() -> None:
    listed = PROJECT["classifiers"]
    assert set(listed) <= classifiers
    assert len(listed) == len(set(listed))
    versions = [c.rpartition(" :: ")[2] for c in listed if re.search(r":: 3\.\d+$", c)]
    assert tuple(versions) == PYTHONS
    assert PROJECT["requires-python"] == f">={PYTHONS[0]}"


def test_the_license_is_an_expression_and_its_file_exists() -> None:
    assert PROJECT["license"] == "MIT"
    for name in PROJECT["license-files"]:
        assert (CHECKOUT / name).read_text("utf-8").startswith("MIT License\n")


def test_each_file_that_a_url_names_exists() -> None:
    home = PROJECT["urls"]["Homepage"]
    for url in PROJECT["urls"].values():
        name = url.removeprefix(f"{home}/blob/main/")
        assert name == url or (CHECKOUT / name).is_file(), url


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the page on the package index, as HTML: from the metadata that the build backend makes."""
    folder = tmp_path_factory.mktemp("metadata")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(CHECKOUT)
        name = build_meta.prepare_metadata_for_build_wheel(str(folder))
    metadata = message_from_string((folder / name / "METADATA").read_text("utf-8"))
    assert metadata["Description-Content-Type"] == "text/markdown"
    html = markdown.render(str(metadata.get_payload()))
    assert html is not None
    return html


def test_the_page_on_the_package_index_has_no_relative_link(page: str) -> None:
    links = re.findall(r'(?:href|src)="(?!#user-content-)([^"]*)"', page)  # not the renderer's own
    assert len(links) > 20
    for link in links:
        assert link.startswith("https://"), link
        path = re.fullmatch(rf"{PROJECT['urls']['Homepage']}/(?:blob|raw)/v[^/]+/([^#]*)(#.*)?", link)
        assert path is None or (CHECKOUT / path[1]).exists(), link
    pictures = re.findall(r'<img[^>]*src="([^"]*)"', page)
    assert pictures
    assert all(picture.endswith(".png") for picture in pictures)


def test_the_page_on_the_package_index_is_rendered_as_meant(page: str) -> None:
    text = re.sub(r"<pre.*?</pre>|<code.*?</code>", "", page, flags=re.DOTALL)
    assert "](" not in text
    assert "**" not in text
    assert re.search("<h2[^>]*>Install<", page)
    assert page.count("<pre") == len(re.findall(r"^```\w", (CHECKOUT / "README.md").read_text("utf-8"), re.M))


@pytest.mark.parametrize(
    ("markdown_text", "expected"),
    [
        ("[a](b.md)", "[a](https://h/blob/v1/b.md)"),
        ("[a\nb](b.md#c)", "[a\nb](https://h/blob/v1/b.md#c)"),
        ("[`a[0]`](b.md)", "[`a[0]`](https://h/blob/v1/b.md)"),
        ("[a](#b)", "[a](https://h/blob/v1/README.md#b)"),
        ("![a](b.svg)", "![a](https://h/raw/v1/b.png)"),
        ("[a](https://b.svg)", "[a](https://b.svg)"),
        ("```\n[a](b)\n```", "```\n[a](b)\n```"),
    ],
)
def test_relative_links_become_absolute(markdown_text: str, expected: str) -> None:
    assert long_description.make_absolute(markdown_text, "https://h", "v1") == expected


@pytest.mark.parametrize("picture", sorted((CHECKOUT / "docs").glob("*.png")), ids=lambda path: path.name)
def test_each_png_is_small_and_has_the_shape_of_its_svg(picture: Path) -> None:
    png = picture.read_bytes()
    assert len(png) < 150_000
    width, height = (int.from_bytes(png[at : at + 4], "big") for at in (16, 20))
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', picture.with_suffix(".svg").read_text("utf-8"))
    assert box is not None
    assert width / height == pytest.approx(float(box[1]) / float(box[2]), rel=0.01)


def test_each_action_is_pinned_by_a_commit() -> None:
    for workflow in (CHECKOUT / ".github/workflows").iterdir():
        for action in re.findall(r"uses: (.*)", workflow.read_text("utf-8")):
            assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", action), (
                f"{workflow.name}: {action}"
            )


def test_the_issue_form_asks_for_the_version() -> None:
    form = (CHECKOUT / ".github/ISSUE_TEMPLATE/bug.yml").read_text("utf-8")
    assert "`checksig --version -v`" in form
    assert form.count("required: true") == 5


def test_zizmor_finds_nothing_in_the_workflows() -> None:
    zizmor = Path(sysconfig.get_path("scripts"), "zizmor")
    command: list[str | Path] = [zizmor, "--offline", "--no-progress", CHECKOUT / ".github"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.network
def test_actionlint_finds_nothing_in_the_workflows(tmp_path: Path) -> None:
    go = toolchain.go_command()
    online = {**os.environ, "GOFLAGS": "-trimpath", "GOBIN": str(tmp_path)}
    install = [go, "install", "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"]
    if subprocess.run(install, cwd=tmp_path, env=online, check=False).returncode != 0:
        pytest.skip("actionlint cannot be downloaded here")
    workflows = sorted((CHECKOUT / ".github/workflows").glob("*.yml"))
    assert workflows
    done = subprocess.run([tmp_path / "actionlint", *workflows], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

"""Builds the documentation site and looks at its pages."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from support import CHECKOUT, HELPER, LIBRARY, Python, environment

import checksig

DOCS = CHECKOUT / "docs"


class Page(HTMLParser):
    """The names of a page that a link can lead to, and its own links."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.names: set[str] = {""}
        self.links: list[str] = []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name == "id" and value:
                self.names.add(value)
            elif name in ("href", "src") and value:
                self.links.append(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the site's directory, built from nothing, with warnings as errors."""
    target = tmp_path_factory.mktemp("site")
    options = ("-W", "--keep-going", "-n", "-q", "-d", str(target / "doctrees"))
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, str(DOCS), str(target / "html")],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return target / "html"


def pages() -> Iterator[Path]:
    """Yield the path of each page of docs/ in the site."""
    for path in DOCS.rglob("*.md"):
        yield path.relative_to(DOCS).with_suffix(".html")


def test_the_index_leads_to_every_page(site: Path) -> None:
    links = Page(site / "index.html").links
    missing = {str(page) for page in pages()} - {unquote(link.partition("#")[0]) for link in links}
    assert missing == {"index.html"}


def test_every_link_of_the_site_leads_somewhere(site: Path) -> None:
    parsed = {path: Page(path) for path in site.rglob("*.html")}
    for path, page in parsed.items():
        for link in page.links:
            url = urlsplit(link)
            if url.scheme or link == "#":
                continue
            target = (path.parent / unquote(url.path)).resolve() if url.path else path
            assert target.is_file(), f"{path.name}: {link}"
            if url.fragment and target in parsed:
                assert unquote(url.fragment) in parsed[target].names, f"{path.name}: {link}"


def test_links_to_files_outside_docs_lead_to_the_repository(site: Path) -> None:
    links = Page(site / "format.html").links
    assert [link for link in links if link.endswith("/blob/main/testdata/cases/README.md")]


def test_the_api_page_has_every_public_name(site: Path) -> None:
    names = Page(site / "api.html").names
    assert [name for name in checksig.__all__ if f"checksig.{name}" not in names] == ["__version__"]


def test_the_site_needs_neither_the_library_nor_other_packages(package_copy: Path, python: Python) -> None:
    for name in (LIBRARY, HELPER):
        (package_copy / name).unlink(missing_ok=True)
    code = """
import sys
sys.modules["click"] = sys.modules["tqdm"] = None
import checksig
print([name for name in checksig.__all__ if not hasattr(checksig, name)])
"""
    done = python(code, package=package_copy)
    assert done.stdout == "[]\n", done.stderr

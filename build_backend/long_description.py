"""Makes the project's description on the package index from README.md.

The package index resolves no relative links and shows no SVG. The links therefore become absolute and
lead to the files of the tagged version, and a picture is the PNG beside the SVG.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from setuptools.config.expand import read_attr

# A link or a picture, whose text may contain line breaks and one level of brackets.
LINK = re.compile(r"(!?)\[((?:[^\[\]`]|`[^`]*`|\[[^\[\]]*\])*)\]\(([^()\s]+)\)")


def read(checkout: Path) -> str:
    """Return README.md of a checkout with absolute links."""
    project = tomllib.loads((checkout / "pyproject.toml").read_text("utf-8"))
    attribute = project["tool"]["setuptools"]["dynamic"]["version"]["attr"]
    version = read_attr(attribute, {"": "src"}, checkout)
    text = (checkout / "README.md").read_text("utf-8")
    return make_absolute(text, project["project"]["urls"]["Homepage"], f"v{version}")


def make_absolute(text: str, repository: str, revision: str) -> str:
    """Return Markdown whose relative links lead into a revision of a repository on GitHub."""

    def replace(match: re.Match[str]) -> str:
        bang, label, target = match.groups()
        if "://" in target:
            return match[0]
        if bang:
            return f"![{label}]({repository}/raw/{revision}/{re.sub(r'[.]svg$', '.png', target)})"
        page = f"README.md{target}" if target.startswith("#") else target
        return f"[{label}]({repository}/blob/{revision}/{page})"

    pieces = re.split(r"(^```.*?^```$)", text, flags=re.DOTALL | re.MULTILINE)
    return "".join(piece if piece.startswith("```") else LINK.sub(replace, piece) for piece in pieces)

"""Settings of the documentation site, which Sphinx builds from the pages of this directory.

    python -m sphinx -W --keep-going docs build/site

The pages are the Markdown files that GitHub shows; MyST reads them as they are. The API page is made
from docstrings. That imports checksig, but needs neither Go nor the library, which is loaded at the
first call.
"""

from __future__ import annotations

import os
import re
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from sphinx.domains.python import PyObject

if TYPE_CHECKING:
    from sphinx.application import Sphinx

DOCS = Path(__file__).resolve().parent
CHECKOUT = DOCS.parent
sys.path.insert(0, str(CHECKOUT / "src"))

import checksig  # noqa: E402

PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
REPOSITORY = PROJECT["urls"]["Homepage"]
BRANCH = os.environ.get("READTHEDOCS_GIT_IDENTIFIER", "main")

project = "checksig"
release = checksig.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["requirements.txt"]

html_theme = "furo"
html_title = f"checksig {release}"
html_baseurl = PROJECT["urls"]["Documentation"]
html_theme_options = {
    "source_repository": REPOSITORY,
    "source_branch": BRANCH,
    "source_directory": "docs/",
}
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False

myst_heading_anchors = 3
smartquotes_action = "D"  # dashes only, because a docstring's "" is code
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
napoleon_use_ivar = True
napoleon_attr_annotations = False  # because the signature has them
python_maximum_signature_line_length = 80

nitpicky = True
# The standard library's names are links only where its inventory can be fetched.
nitpick_ignore_regex = [("py:.*", rf"({'|'.join(sys.stdlib_module_names)})\..*")]
if os.environ.get("READTHEDOCS"):
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {"python": ("https://docs.python.org/3", None)}


def link_to_repository(_: Sphinx, page: str, content: list[str]) -> None:
    """Make links to files outside docs/ lead to the repository, since the site does not have them."""
    folder = (DOCS / page).parent

    def absolute(link: re.Match[str]) -> str:
        target = (folder / link[1]).resolve()
        if target.is_relative_to(DOCS) or not target.exists():
            return link[0]
        kind = "tree" if target.is_dir() else "blob"
        return f"]({REPOSITORY}/{kind}/{BRANCH}/{target.relative_to(CHECKOUT).as_posix()}"

    content[0] = re.sub(r"\]\((\.\./[^)#]+)", absolute, content[0])


def hide_constructor(_: Sphinx, kind: str, name: str, *rest: object) -> tuple[str, str] | None:
    """Leave out the signature of a class whose instances only checksig makes."""
    return ("", "") if kind == "class" and name.endswith((".Entries", ".Results")) else None


def setup(app: Sphinx) -> None:
    """Connect the functions above to the build, and call attributes what docstrings call so."""
    for field in PyObject.doc_field_types:
        if field.name == "variable":
            field.label = "Attributes"
    app.connect("source-read", link_to_repository)
    app.connect("autodoc-process-signature", hide_constructor)

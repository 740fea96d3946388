"""The files of a public project: metadata, workflows, and the page on the package index."""

from __future__ import annotations

import re
import tomllib

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

"""The house: what may import what, and what lies where."""

from __future__ import annotations

import ast
import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import toolchain
from support import CHECKOUT

import checksig

SOURCES = CHECKOUT / "src" / "checksig"
MODULES = {
    ".".join(path.relative_to(SOURCES).with_suffix("").parts): path for path in sorted(SOURCES.rglob("*.py"))
}


def imports(path: Path) -> set[str]:
    """Return the modules that a Python file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found.add(node.module or "")
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_one_thin_module_imports_ctypes() -> None:
    users = [name for name, path in MODULES.items() if "ctypes" in imports(path)]
    assert users == ["checksig"]
    assert len(MODULES["checksig"].read_text("utf-8").splitlines()) <= 250


def test_init_is_docstring_version_and_reexports() -> None:
    """The re-exports are there twice: for type checkers, and by module, to be loaded when asked for."""
    tree = ast.parse((CHECKOUT / "src/checksig/__init__.py").read_text("utf-8"))
    assert ast.get_docstring(tree)
    statements = list(map(ast.unparse, tree.body[1:5]))
    assert statements == [
        "from checksig import _startup as _startup",
        "from checksig._lazy import attach",
        "from checksig._version import __version__",
        "TYPE_CHECKING = False",
    ]
    static, public, lazy = tree.body[5:]
    assert isinstance(static, ast.If)
    assert ast.unparse(static.test) == "TYPE_CHECKING"
    reexports = {}
    for node in static.body:
        assert isinstance(node, ast.ImportFrom)
        assert node.module
        reexports[node.module.removeprefix("checksig.")] = [alias.name for alias in node.names]
    assert ast.unparse(public) == f"__all__ = {checksig.__all__}"
    assert isinstance(lazy, ast.If)
    assert ast.unparse(lazy.test) == "not TYPE_CHECKING"
    (attach,) = lazy.body
    assert isinstance(attach, ast.Assign)
    assert isinstance(attach.value, ast.Call)
    names, modules = attach.value.args[1], attach.value.keywords[0].value
    assert {module: list(found) for module, found in ast.literal_eval(names).items()} == reexports
    assert sorted([*itertools.chain(*reexports.values()), "__version__"]) == checksig.__all__
    assert set(ast.literal_eval(modules)) == PUBLIC


PUBLIC = {"checksig", "errors", "report"}  # modules

# Each module may import those before it. The order is that of docs/architecture.md.
ORDER = [
    *("_bug", "_startup", "_lazy", "_tuples"),
    *(
        "_version",
        "_text",
        "errors",
        "_atomic",
        "_render",
        "report",
        "_join",
        "_options",
        "_content",
        "_trust",
        "_state",
        "_receipts",
        "_wire",
        "_installed",
    ),
    *("_installation", "_pyinstaller.__init__", "_pyinstaller.hook-checksig", "checksig", "_preflight"),
    *(
        "_helper",
        "_engine",
        "_progress",
        "_executor",
        "_read",
        "_results",
        "_verify",
        "_listing",
        "_lists",
        "_files",
        "_bag",
        "_write",
    ),
    *("__init__", "command.__init__", "command.ahead"),
    *("command.terminal", "command.outcome", "command.version"),
    *("command.hints", "command.receipts"),
    "command.output",
    *("command.check", "command.join", "command.cli", "__main__"),
]
TYPES_ONLY = {("errors", "report"), ("_render", "report")}


def test_python_modules_import_one_way() -> None:
    assert set(ORDER) >= set(MODULES)
    for name, path in MODULES.items():
        before = set(ORDER[: ORDER.index(name)])
        found = {n.removeprefix("checksig.") for n in imports(path) if n.startswith("checksig.")}
        for module in found & set(MODULES):
            assert module in before or (name, module) in TYPES_ONLY, f"{name} imports {module}"


def test_private_modules_begin_with_an_underscore() -> None:
    public = {name for name in MODULES if not name.startswith(("_", "command."))}
    assert public == PUBLIC
    assert not public & set(checksig.__all__), "a module has the name of a public function"


@pytest.mark.parametrize("tags", ["", toolchain.MODULES_TAG])
def test_go_packages_import_one_way_and_only_the_standard_library(tags: str, tmp_path: Path) -> None:
    # lanes <- digest <- manifest; beneath <- limits <- discover <- engine <- wire <- main, helper;
    # only digest and signature import modules, where they are available; C is in main, lanes and, on
    # Linux, beneath and the helper
    allowed = {
        "checksig/internal/digest/lanes": set(),
        "checksig/internal/digest": {"lanes"},
        "checksig/internal/manifest": {"digest"},
        "checksig/internal/beneath": set(),
        "checksig/internal/limits": {"beneath"},
        "checksig/internal/signature": set(),
        "checksig/internal/receipts": {"manifest", "beneath"},
        "checksig/internal/discover": {"digest", "manifest", "signature", "beneath", "limits"},
        "checksig/internal/engine": {
            *("digest", "manifest", "signature", "beneath", "receipts", "limits", "discover")
        },
        "checksig/internal/wire": {"digest", "manifest", "signature", "beneath", "discover", "engine"},
        "checksig": {"digest", "limits", "engine", "wire"},
        "checksig/cmd/checksig-helper": {"limits", "wire"},
    }
    openpgp = {
        f"github.com/ProtonMail/go-crypto/openpgp/{name}" for name in ("ed25519", "eddsa", "errors", "packet")
    }
    modules = {
        "checksig/internal/digest": {"github.com/zeebo/blake3", "golang.org/x/crypto/blake2b"},
        "checksig/internal/signature": openpgp | {"golang.org/x/crypto/blake2b"},
    }
    go = toolchain.go_command()
    listed = subprocess.run(
        [go, "list", f"-tags={tags}", "-json=ImportPath,Imports", "./..."],
        cwd=toolchain.GO_SOURCES,
        env=toolchain.environment(go, toolchain.cc_command(), tmp_path),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    packages = json.loads("[" + listed.replace("}\n{", "},{") + "]")
    assert {p["ImportPath"] for p in packages} == set(allowed)
    for package in packages:
        name = package["ImportPath"]
        ours = {i.rsplit("/", 1)[1] for i in package["Imports"] if i.startswith("checksig/")}
        others = {i for i in package["Imports"] if "." in i.split("/")[0] or i == "C"}
        assert ours <= allowed[name], name
        expected: dict[str, set[str]] = {
            "checksig": {"C"},
            "checksig/internal/digest/lanes": {"C"},
            "checksig/internal/beneath": {"C"} if sys.platform == "linux" else set(),
            "checksig/cmd/checksig-helper": {"C"} if sys.platform == "linux" else set(),
            **(modules if tags else {}),
        }
        assert others == expected.get(name, set()), name


def test_each_rule_of_the_format_has_a_case_and_each_case_a_rule() -> None:
    text = (CHECKOUT / "docs/format.md").read_text("utf-8")
    rules = re.findall(r"^\*\*(\d+\.\d+)\*\*", text, re.MULTILINE)
    files = [
        path for folder in ("cases", "lists") for path in (CHECKOUT / "testdata" / folder).glob("*.json")
    ]
    cases = [json.loads(path.read_text("utf-8"))["rule"] for path in files]
    assert len(set(rules)) == len(rules) > 20
    assert set(rules) == set(cases)


def test_each_promise_names_tests_that_are_there() -> None:
    text = (CHECKOUT / "docs/guarantees.md").read_text("utf-8")
    rows = re.findall(r"^\| (?!promise|---)(.+) \| (.+) \|$", text, re.MULTILINE)
    assert len(rows) > 30
    for promise, tests in rows:
        found = re.findall(r"`([\w/.]+)::(\w+)`", tests)
        assert found, promise
        for path, name in found:
            assert re.search(rf"^(def|func) {name}\(", (CHECKOUT / path).read_text("utf-8"), re.MULTILINE), (
                name
            )


def files_of_the_sources() -> set[Path]:
    """Return the files of src/checksig and go, except tests, what was built, and vendored modules."""
    found = {path for path in SOURCES.rglob("*") if path.suffix in (".py", ".typed")}
    for path in (CHECKOUT / "go").rglob("*"):
        if path.suffix in (".go", ".c", ".h", ".mod", ".sum") and not path.name.endswith("_test.go"):
            found.add(path)
    return {path for path in found if "vendor" not in path.parts}


def test_the_architecture_page_names_every_file_and_no_other() -> None:
    page = (CHECKOUT / "docs/architecture.md").read_text("utf-8").split("## Every file")[1]
    named: set[Path] = set()
    for section in page.split("\n### ")[1:]:
        heading = re.match(r"`([\w/]+)`", section)
        folder = CHECKOUT / heading[1] if heading else CHECKOUT
        for row in re.findall(r"^\| (`.+?) \|", section, re.MULTILINE):
            for pattern in re.findall(r"`([^`]+)`", row):
                found = set(folder.glob(pattern))
                assert found, f"{folder}/{pattern} does not exist"
                named |= found
    assert files_of_the_sources() <= named

"""Which modules a program loads that imports checksig, and that a name is loaded when it is asked for."""

from __future__ import annotations

import json
import pickle
import pydoc
import subprocess
import sys
import typing
from pathlib import Path

import click
import pytest
from support import CHECKOUT, LOGS, MISMATCH, PACKAGE, Directory, Python, loads_library, posix

import checksig

# Modules of the standard library that take long to import, or that import such modules.
SLOW = {
    *("argparse", "ast", "asyncio", "concurrent", "contextlib", "copy", "dataclasses", "datetime", "dis"),
    *("email", "enum", "functools", "hashlib", "html", "http", "importlib.metadata", "inspect", "ipaddress"),
    *("json", "logging", "mmap", "multiprocessing", "pathlib", "pickle", "random", "re", "selectors"),
    *("shutil", "signal", "socket", "subprocess", "tempfile", "threading", "tokenize", "traceback"),
    *("typing", "unicodedata", "urllib", "uuid", "weakref", "zlib"),
}

AT_IMPORT = {"checksig", "checksig._bug", "checksig._lazy", "checksig._startup", "checksig._version"}
AT_A_CHECK = AT_IMPORT | {
    *("checksig._engine", "checksig._installation", "checksig._preflight", "checksig._state"),
    *("checksig._tuples", "checksig._verify", "checksig._wire", "checksig.checksig", "checksig.errors"),
}

# -I and -S keep modules away that only the environment loads.
LIST = """
import sys
before = set(sys.modules)
sys.path.insert(0, sys.argv[1])
{}
loaded = sorted(set(sys.modules) - before)
import json
print(json.dumps(loaded))
"""


def loaded(code: str, *arguments: str | Path, engine: str = "library") -> set[str]:
    """Return the modules that code loads in a new interpreter."""
    command = [sys.executable, "-I", "-S", "-c", LIST.format(code), PACKAGE.parent, *arguments]
    env = {"CHECKSIG_ENGINE": engine, "SITE": str(Path(click.__file__).parent.parent)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def ours(modules: set[str]) -> set[str]:
    """Return the modules that are of checksig."""
    return {name for name in modules if name.partition(".")[0] == "checksig"}


def test_the_import_loads_next_to_nothing() -> None:
    modules = loaded("import checksig")
    assert ours(modules) == AT_IMPORT
    assert modules & (SLOW | {"collections", "ctypes", "operator", "struct", "types"}) == set()


@loads_library
def test_a_check_that_finds_nothing_bad_loads_only_what_it_needs(directory: Directory) -> None:
    root = directory({"file": b"content"})
    modules = loaded("import checksig; checksig.check_signatures(sys.argv[2])", root)
    assert ours(modules) == AT_A_CHECK
    assert modules & SLOW == set()


COMMAND = """
import os
sys.argv = ["checksig", *sys.argv[3:]]
sys.path.append(os.environ["SITE"])
from checksig.__main__ import main
try:
    main()
except SystemExit as end:
    assert not end.code
"""


def test_the_version_loads_only_what_writes_a_line() -> None:
    modules = loaded(COMMAND, "", "--version")
    parts = ("__main__", "command", "command.outcome", "command.terminal", "command.version")
    assert ours(modules) == AT_IMPORT | {f"checksig.{part}" for part in parts}
    assert (
        modules & (SLOW - {"contextlib", "enum", "functools", "selectors", "signal"} | {"click", "ctypes"})
        == set()
    )


@loads_library
def test_a_check_by_the_command_loads_nothing_of_other_commands(directory: Directory) -> None:
    modules = loaded(COMMAND, "", "check", directory({"file": b"content"}))
    others = ("hints", "join", "receipts", "version")
    assert ours(modules) & {f"checksig.command.{other}" for other in others} == set()
    assert (
        ours(modules) & {"checksig._executor", "checksig._helper", "checksig._join", "checksig._write"}
        == set()
    )
    assert modules & {"base64", "hashlib", "html", "json", "tqdm"} == set()


@loads_library
@pytest.mark.parametrize(
    ("options", "module"),
    [
        ("progress=lambda progress: None", "checksig._progress"),
        ("signed_by=sys.argv[3]", "checksig._trust"),
        ("manifest=open(sys.argv[2] + '/sha1sum.txt', 'rb')", "checksig._read"),
    ],
)
def test_an_option_loads_its_module(directory: Directory, options: str, module: str) -> None:
    root = directory({"file": b"content"})
    key = CHECKOUT / "testdata/signatures/no-such-key.pub"
    check = f"""
import checksig
try:
    checksig.check_signatures(sys.argv[2], {options})
except (OSError, checksig.ManifestError):
    pass
"""
    assert module in loaded(check, root, key) - AT_A_CHECK


def test_each_public_name_is_there_when_it_is_asked_for() -> None:
    homes = {getattr(getattr(checksig, name), "__module__", name): name for name in checksig.__all__}
    assert len(homes) > 10
    for name in homes.values():  # the first one of its module
        loaded(f"import checksig; assert checksig.{name} is checksig.{name}")
    assert set(checksig.__all__) < set(dir(checksig))
    loaded("from checksig import *; assert {*sys.modules['checksig'].__all__} < {*globals()}")


@pytest.mark.parametrize("module", ["checksig", "errors", "report"])
def test_a_public_module_is_an_attribute_of_the_package(module: str) -> None:
    assert f"checksig.{module}" in loaded(f"import checksig; checksig.{module}.__file__")
    assert f"checksig.{module}" in loaded(f"from checksig import {module}")
    assert module in dir(checksig)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"^module 'checksig' has no attribute 'chekc'") as caught:
        checksig.chekc  # type: ignore[attr-defined]  # noqa: B018
    assert caught.value.name == "chekc"
    with pytest.raises(ImportError, match="chekc"):
        from checksig import chekc  # type: ignore[attr-defined]  # noqa: F401
    assert not hasattr(checksig, "_no_such_module")


def test_public_names_can_be_pickled() -> None:
    for name in checksig.__all__:
        value = getattr(checksig, name)
        if callable(value) and getattr(value, "__module__", "").startswith("checksig"):
            assert pickle.loads(pickle.dumps(value)) is value
    engine = checksig.get_engine()
    assert pickle.loads(pickle.dumps(engine)) == engine
    assert engine == (engine.name, engine.reason) == tuple(engine)
    assert repr(engine) == f"Engine(name={engine.name!r}, reason={engine.reason!r})"


def test_the_types_of_the_first_function_can_be_evaluated() -> None:
    hints = typing.get_type_hints(checksig.check_signatures)
    assert hints["path"] == checksig.AnyPath
    assert hints["manifest"] == checksig.ManifestOption
    assert hints["signed_by"] == checksig.SignedByOption
    assert typing.get_type_hints(checksig.Engine) == {"name": str, "reason": str}


def test_help_describes_the_package_and_its_functions() -> None:
    text = pydoc.plain(pydoc.render_doc(checksig))
    assert "checksig - Verify that every file in a directory matches its checksum manifest." in text
    for name in ("check_signatures", "create", "class Report", "class VerificationError"):
        assert name in text


def test_a_name_can_be_replaced_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    original = checksig.find_manifests
    with monkeypatch.context() as patch:
        patch.setattr(checksig, "find_manifests", len)
        assert checksig.find_manifests is len  # type: ignore[comparison-overlap]
    assert checksig.find_manifests is original


def test_a_replaced_name_stays_replaced(python: Python) -> None:
    code = "import checksig\nchecksig.check = len\nfrom checksig import check, iter_check\nprint(check([7]))"
    assert python(code).stdout == "1\n"


def test_threads_that_ask_for_names_at_once_get_them(python: Python) -> None:
    code = """
import checksig, threading
names, found = checksig.__all__, []
barrier = threading.Barrier(len(names))
def find(name):
    barrier.wait()
    found.append(getattr(checksig, name) is getattr(checksig, name))
threads = [threading.Thread(target=find, args=[name]) for name in names]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(found == [True] * len(names))
"""
    assert python(code).stdout == "True\n"


@posix
@pytest.mark.parametrize("call", ["checksig.check(sys.argv[1])", "checksig.Report"])
def test_a_child_that_is_forked_during_an_import_can_import(python: Python, call: str) -> None:
    """A thread that forks waits for the import of the other thread."""
    code = f"""
import checksig, os, sys, threading, time
class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "checksig.report" and not begun.is_set():
            begun.set()
            time.sleep(0.5)
begun = threading.Event()
sys.meta_path.insert(0, Slow())
thread = threading.Thread(target=lambda: {call})
thread.start()
begun.wait()
child = os.fork()
if child == 0:
    import signal
    signal.alarm(20)
    print(checksig.check(sys.argv[1]).message, flush=True)
    os._exit(0)
thread.join()
print(os.waitpid(child, 0)[1])
"""
    done = python(code, LOGS)
    assert done.stdout == f"{MISMATCH}\n0\n", done.stderr

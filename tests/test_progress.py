"""Progress bars, which decide no outcome, and the user's functions, which may."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support import LOGS, Directory, command, environment

SETTINGS = [
    "TQDM_DISABLE=1",
    "TQDM_BAR_FORMAT={nonsense}",
    "TQDM_MININTERVAL=nonsense",
    "TQDM_ASCII=x",
    "TQDM_FILE=x",
    "TQDM_LOCK_ARGS=x",
    "TQDM_WRITE_BYTES=1",
]
CHECK = """
import checksig, sys
print(checksig.check(sys.argv[1], progress=True).ok)
print(checksig.create(sys.argv[1], progress=True).entries)
"""


def python(code: str, root: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run code in a child, with an environment."""
    return subprocess.run(
        [sys.executable, "-c", code, root],
        env={**environment(), **env},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("setting", SETTINGS)
def test_no_environment_of_tqdm_changes_the_outcome(setting: str, directory: Directory) -> None:
    root = directory({"a": b"1"})
    env = dict([setting.split("=", 1)])
    for arguments in (["check", "-v"], ["create"]):
        done = command(*arguments, "--progress", cwd=root, env=env)
        assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    (root / "SHA256SUMS").unlink()
    done = python(CHECK, root, env)
    assert (done.stdout, "Traceback" in done.stderr) == ("True\n1\n", False)
    (root / "a").write_bytes(b"x")
    assert command("check", "--progress", cwd=root, env=env).returncode == 1


# Makes a method of tqdm raise; "import" makes tqdm itself impossible to import.
BROKEN = """
import sys
method = {method!r}
if method == "import":
    class Broken:
        def find_spec(self, name, *_):
            if name.partition(".")[0] == "tqdm":
                raise RuntimeError("no tqdm")
    sys.meta_path.insert(0, Broken())
else:
    import tqdm
    def fail(*_, **__):
        raise RuntimeError("a bar")
    setattr(tqdm.tqdm, method, fail)
"""


@pytest.mark.parametrize(
    "method", ["import", "__init__", "display", "update", "set_postfix", "clear", "close"]
)
def test_a_bar_that_raises_changes_no_outcome(method: str, directory: Directory, tmp_path: Path) -> None:
    root = directory({"a": b"1"})
    (tmp_path / "sitecustomize.py").write_text(BROKEN.format(method=method))
    env = {"PYTHONPATH": f"{tmp_path}:{environment()['PYTHONPATH']}"}
    done = command("check", "-v", "--progress", cwd=root, env=env)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "a: OK")
    assert "Exception" not in done.stderr
    done = python(CHECK, root, env)
    assert done.stdout == "True\n1\n"
    assert "Exception" not in done.stderr


def test_a_failed_bar_leaves_the_lock_of_tqdm_free_and_starts_no_thread(directory: Directory) -> None:
    code = """
import checksig, sys, threading, tqdm
assert checksig.check(sys.argv[1], progress=True).ok
thread = threading.Thread(target=tqdm.tqdm.get_lock().acquire, daemon=True)
thread.start()
thread.join(10)
print(thread.is_alive(), threading.active_count())
"""
    done = python(code, directory({"a": b"1"}), {"TQDM_BAR_FORMAT": "{nonsense}"})
    assert done.stdout == "False 1\n", done.stderr


@pytest.mark.parametrize("own", ["", "own"])
def test_a_bar_starts_no_process_and_keeps_the_lock_of_the_program(own: str) -> None:
    code = """
import multiprocessing, os, sys, tqdm, checksig
multiprocessing.set_start_method("spawn")  # in which a lock of multiprocessing needs a process
if "OWN_LOCK" in os.environ:
    tqdm.tqdm.set_lock(used := Lock())
checksig.check(sys.argv[1], progress=True)
with open(f"/proc/self/task/{os.getpid()}/children") as children:
    print(repr(children.read()), "OWN_LOCK" in os.environ and used.count > 0)
"""
    lock = """
import threading
class Lock:
    def __init__(self): self.lock, self.count = threading.RLock(), 0
    def acquire(self, *a, **k): self.count += 1; return self.lock.acquire(*a, **k)
    def release(self): self.lock.release()
    def __enter__(self): return self.acquire()
    def __exit__(self, *_): self.release()
"""
    done = python(lock + code, LOGS, {"OWN_LOCK": own} if own else {})
    assert done.stdout == f"'' {bool(own)}\n", done.stderr

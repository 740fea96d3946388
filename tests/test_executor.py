"""executor=: shards on process pools and on Dask give the same report, or an error that says why."""

from __future__ import annotations

import concurrent.futures as cf
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import HealthCheck, given, settings
from support import LOGS, Directory, command
from test_join import Tree, comparable, make_tree, trees
from test_shards import make_files

import checksig
from checksig._executor import verify_shard
from checksig.command import cli

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="workers are processes with signals")


class Inline(cf.Executor):
    """Runs each call at once, through pickle, as if it were on another machine."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> cf.Future[Any]:
        future: cf.Future[Any] = cf.Future()
        try:
            function, arguments = pickle.loads(pickle.dumps((fn, args)))
            future.set_result(pickle.loads(pickle.dumps(function(*arguments))))
        except Exception as error:
            future.set_exception(pickle.loads(pickle.dumps(error)))
        return future


@pytest.fixture(scope="module")
def dask() -> Iterator[Any]:
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": 50}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        yield client


@pytest.fixture(scope="module", params=["spawn", "forkserver", "loky", "dask", "threads"])
def executor(request: pytest.FixtureRequest) -> Iterator[cf.Executor]:
    if request.param == "dask":
        yield request.getfixturevalue("dask").get_executor()
    elif request.param == "loky":
        yield pytest.importorskip("loky").get_reusable_executor(max_workers=2)
    elif request.param == "threads":
        with cf.ThreadPoolExecutor(2) as pool:
            yield pool
    else:
        with cf.ProcessPoolExecutor(2, multiprocessing.get_context(request.param)) as pool:
            yield pool


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trees())
def test_an_executor_gives_the_report_of_check(tmp_path_factory: pytest.TempPathFactory, tree: Tree) -> None:
    root, whole, count, options = make_tree(tmp_path_factory, tree)
    if whole is None:
        with pytest.raises(checksig.ManifestError):
            checksig.check(root, executor=Inline(), shards=count, **options)
        return
    assert comparable(checksig.check(root, executor=Inline(), shards=count, **options)) == comparable(whole)


def test_each_executor_gives_the_report_of_check(executor: cf.Executor, tmp_path: Path) -> None:
    make_files(tmp_path, ["good", "bad", "gone", "twice", "conflict", "line", "good"], 5)
    whole = checksig.check(tmp_path, extra="fail")
    assert comparable(checksig.check(tmp_path, extra="fail", executor=executor)) == comparable(whole)
    assert checksig.check(LOGS, executor=executor, shards=3).failures == checksig.check(LOGS).failures


def test_relative_paths_mean_what_they_mean_to_the_caller(
    directory: Directory, monkeypatch: pytest.MonkeyPatch, executor: cf.Executor
) -> None:
    root = directory({"a": b"1", "b": b"2"})
    with (root / "sha1sum.txt").open("a") as manifest:
        manifest.write("no entry\n")
    monkeypatch.chdir(root.parent)
    for arguments in [(root.name,), (root.name, f"{root.name}/sha1sum.txt"), (f"./{root.name}/",)]:
        whole = checksig.check(*arguments)
        assert comparable(checksig.check(*arguments, executor=executor, shards=2)) == comparable(whole)
    monkeypatch.chdir(root)
    assert comparable(checksig.check(".", executor=executor)) == comparable(checksig.check("."))


def test_a_file_that_is_damaged_later_is_found_although_results_are_kept(
    dask: Any, directory: Directory
) -> None:
    root = directory({"a": b"1", "b": b"2"})
    kept = [dask.submit(checksig.check, str(root)), dask.submit(checksig.check, str(root), pure=False)]
    pool = dask.get_executor()
    assert checksig.check(root, executor=pool).ok
    assert all(future.result().ok for future in kept)
    (root / "b").write_bytes(b"3")
    assert not checksig.check(root, executor=pool).ok
    assert dask.submit(checksig.check, str(root)).result().ok  # why the page says pure=False
    assert not dask.submit(checksig.check, str(root), pure=False).result().ok


def test_an_answer_of_another_call_is_no_verdict(directory: Directory) -> None:
    class Keeping(Inline):
        kept: dict[int, Any] = {}  # noqa: RUF012

        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> cf.Future[Any]:
            number = args[1].shard
            future: cf.Future[Any] = self.kept.setdefault(number, super().submit(fn, *args))
            return future

    root = directory({"a": b"1", "b": b"2"})
    assert checksig.check(root, executor=Keeping(), shards=2).ok
    with pytest.raises(checksig.InternalError, match="not asked for"):
        checksig.check(root, executor=Keeping(), shards=2)


def test_progress_comes_with_totals(directory: Directory) -> None:
    root = directory({str(number): b"1" for number in range(9)})
    seen: list[checksig.Progress] = []
    assert checksig.check(root, executor=Inline(), shards=3, progress=seen.append).ok
    assert (seen[-1].files, seen[-1].total_files, seen[-1].bytes, seen[-1].total_bytes) == (9, 9, 9, 9)


def test_exceptions_keep_their_notes_when_pickled() -> None:
    for error in [
        checksig.VerificationError("a", None),
        checksig.ManifestError("a", "b", 1, "c"),
        checksig.ManifestNotFoundError("a", "b"),
        checksig.SignatureError("a", "b", None, "c", ("d",)),
        checksig.CancelledError("a"),
        checksig.InternalError("a"),
    ]:
        error.add_note("on a host")
        copy = pickle.loads(pickle.dumps(error))
        assert (type(copy), str(copy), copy.__notes__) == (type(error), "a", ["on a host"])
        assert {**vars(copy)} == {**vars(error)}


def test_errors_of_workers_name_the_host(directory: Directory, tmp_path: Path, executor: cf.Executor) -> None:
    host = os.uname().nodename
    for path, kind in [
        (tmp_path / "none", FileNotFoundError),
        (directory({}), checksig.ManifestError),
        (tmp_path, checksig.ManifestNotFoundError),
    ]:
        with pytest.raises(kind, match=rf"on {host}, process \d+"):
            checksig.check(path, executor=executor)


@pytest.mark.parametrize("shards", [0, -1])
def test_wrong_shards_are_value_errors(shards: int) -> None:
    with pytest.raises(ValueError, match="shards"):
        checksig.check(LOGS, executor=Inline(), shards=shards)
    with pytest.raises(ValueError, match="no shard"):
        checksig.check(LOGS, executor=Inline(), shard=(1, 2))


class OnTwoHosts(Inline):
    """Changes what the second half of the calls sees."""

    def __init__(self, change: Callable[[], object]) -> None:
        self._change, self._left = change, 1

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> cf.Future[Any]:
        if self._left == 0:
            self._change()
        self._left -= 1
        return super().submit(fn, *args)


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("change", ["empty", "copy"])
def test_workers_that_see_other_directories_are_an_error_that_names_them(
    directory: Directory, tmp_path: Path, inside: bool, change: str
) -> None:
    root = directory({str(number): b"1" for number in range(8)})
    manifest = root / "sha1sum.txt"
    if not inside:
        manifest = manifest.rename(tmp_path / "outside.sha1")

    def other() -> None:
        root.rename(root.with_name("old"))
        if change == "copy":
            subprocess.run(["cp", "-a", root.with_name("old"), root], check=True)
            (root / "1").write_bytes(b"2")
        else:
            root.mkdir()

    with pytest.raises(OSError, match=r"\(on .*, process \d+\)"):
        checksig.check(
            root, None if inside else manifest, executor=OnTwoHosts(other), shards=2, ignore_missing=True
        )


def large(root: Path, count: int) -> Path:
    """Create a directory of files that take long to read, and no room."""
    for number in range(count):
        with (root / str(number)).open("wb") as file:
            file.truncate(64 << 30)
    (root / "SHA256SUMS").write_text("".join(f"{'0' * 64}  {number}\n" for number in range(count)))
    return root


def open_files(root: Path) -> list[str]:
    found = []
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            target = os.readlink(link)
        except OSError:
            continue
        if target.startswith(f"{root}/"):
            found.append(target)
    return found


def seconds_after_ctrl_c(root: Path, executor: cf.Executor) -> float:
    """Return how long files stay open after the Ctrl-C that interrupts a verification."""

    def interrupt() -> None:
        deadline = time.monotonic() + 20
        while len(set(open_files(root))) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        checksig.check(root, executor=executor, shards=2)
    start = time.monotonic()
    while open_files(root) and time.monotonic() < start + 5:
        time.sleep(0.01)
    return time.monotonic() - start


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_ctrl_c_closes_all_files(executor: cf.Executor, tmp_path: Path) -> None:
    large(tmp_path, 2)
    assert any(seconds_after_ctrl_c(tmp_path, executor) < 0.2 for _ in range(3))  # a busy machine is slow
    assert checksig.check(LOGS, executor=executor, shards=2).bad == 1  # it can be used again


def kill_once(path: str) -> None:
    if os.path.exists(path):
        os.unlink(path)
        os.kill(os.getpid(), signal.SIGKILL)


class Killing(cf.Executor):
    """Passes calls on; the worker that gets the third one is killed while it has it."""

    def __init__(self, executor: cf.Executor, path: Path) -> None:
        path.touch()
        self._executor, self._path = executor, str(path)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> cf.Future[Any]:
        third = args[1].shard == 3
        return self._executor.submit(_verify_and_die, self._path if third else "", *args)


def _verify_and_die(path: str, *args: Any) -> Any:
    answer = verify_shard(*args)
    kill_once(path)
    return answer


def test_a_killed_worker_of_dask_does_not_change_the_report(dask: Any, tmp_path: Path) -> None:
    pool = Killing(dask.get_executor(), tmp_path / "once")
    report = checksig.check(LOGS, executor=pool, shards=5)
    assert not (tmp_path / "once").exists()
    assert comparable(report) == comparable(checksig.check(LOGS))


def test_a_killed_worker_of_a_pool_is_no_verdict(tmp_path: Path) -> None:
    with (
        cf.ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool,
        pytest.raises(checksig.ChecksigError, match="a worker ended before its shard was verified"),
    ):
        checksig.check(LOGS, executor=Killing(pool, tmp_path / "once"), shards=5)


@pytest.fixture
def unshared() -> Callable[..., cf.Executor]:
    """Return executors whose second shard is verified in a mount namespace of its own."""
    allowed = ["unshare", "-m", "true"]
    if sys.platform != "linux" or subprocess.run(allowed, capture_output=True, check=False).returncode:
        pytest.skip("no mount namespaces here")

    class Unshared(cf.Executor):
        def __init__(self, mount: str) -> None:
            self._mount = mount

        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> cf.Future[Any]:
            call = "import pickle, sys; fn, args = pickle.load(sys.stdin.buffer)\ntry: answer = fn(*args)\n"
            call += "except Exception as error: answer = error\npickle.dump(answer, sys.stdout.buffer)"
            mount = self._mount if args[1].shard == 2 else "true"
            script = f'{mount} && exec "$0" -c "$1"'
            answer = subprocess.run(
                ["unshare", "-m", "sh", "-c", script, sys.executable, call],
                input=pickle.dumps((fn, args)),
                capture_output=True,
                check=True,
            )
            future: cf.Future[Any] = cf.Future()
            result = pickle.loads(answer.stdout)
            (future.set_exception if isinstance(result, Exception) else future.set_result)(result)
            return future

    return Unshared


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("other", ["empty", "copy"])
def test_an_empty_mount_and_an_old_copy_on_one_worker_are_errors_that_name_it(
    directory: Directory, tmp_path: Path, unshared: Callable[[str], cf.Executor], inside: bool, other: str
) -> None:
    root = directory({str(number): b"1" for number in range(8)})
    manifest = root / "sha1sum.txt"
    if not inside:
        manifest = manifest.rename(tmp_path / "outside.sha1")
    subprocess.run(["cp", "-a", root, tmp_path / "copy"], check=True)
    mount = f"mount -t tmpfs none {root}" if other == "empty" else f"mount --bind {tmp_path}/copy {root}"
    options: dict[str, Any] = {"executor": unshared(mount), "shards": 2, "ignore_missing": True}
    with pytest.raises(OSError, match=rf"\(on {os.uname().nodename}, process \d+\)"):
        checksig.check(root, None if inside else manifest, **options)
    assert checksig.check(root, None if inside else manifest, **{**options, "executor": unshared("true")}).ok


def test_the_command_verifies_on_dask(dask: Any, directory: Directory) -> None:
    root = directory({str(number): b"1" for number in range(5)})
    (root / "3").write_bytes(b"2")
    address = f"dask:{dask.scheduler.address}"
    done = command("check", root, "--executor", address, "--shards", "3", cwd=LOGS)
    assert (done.returncode, done.stdout) == (1, command("check", root, cwd=LOGS).stdout)


@pytest.mark.parametrize(
    "wrong",
    [
        ["--executor", "dask"],
        ["--executor", "ray:auto"],
        ["--shards", "3"],
        ["--executor", "dask:x", "-x"],
        ["--executor", "dask:x", "--shard", "1/2"],
    ],
)
def test_wrong_options_of_an_executor_are_usage_errors(wrong: list[str]) -> None:
    with pytest.raises(click.UsageError):
        cli.main.main(["check", *wrong], standalone_mode=False)

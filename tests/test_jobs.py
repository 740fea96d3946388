"""check, iter_check and their reports; progress; interruption."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import itertools
import json
import os
import pickle
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from support import (
    ENGINE,
    LOGS,
    MISMATCH,
    OPEN_BELOW,
    Directory,
    Python,
    blocks,
    environment,
    loads_library,
    needs_library,
    open_below,
    with_state,
)

import checksig
from checksig import FileResult, Progress, Status

EVERY_CALL = [
    checksig.check,
    checksig.check_signatures,
    lambda *arguments, **options: list(checksig.iter_check(*arguments, **options)),
]


def sha1(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()


def test_the_seconds_of_a_report_end_with_the_job() -> None:
    """Not when its last result is taken: the command takes results after it has imported its modules."""
    with checksig.iter_check(LOGS) as results:
        next(results)
        time.sleep(2)
        list(results)
    assert results.report is not None
    assert 0 < results.report.seconds == results.progress.seconds < 2


def test_a_report_tells_everything_about_the_wrong_log() -> None:
    report = checksig.check(LOGS)
    lines = (LOGS / "sha1sum.txt").read_text("ascii").splitlines()
    (expected,) = [line.split("  ")[0] for line in lines if line.endswith("  httpd-08.log")]
    content = (LOGS / "httpd-08.log").read_bytes()
    failure = FileResult(
        path="httpd-08.log",
        status=Status.FAILED,
        algorithm="sha1",
        expected=expected,
        actual=sha1(content),
        size=len(content),
        reason="mismatch",
        errno=None,
        bad=True,
        place=8,
    )
    assert report.failures == (failure,)
    assert not report.ok
    assert report.message == MISMATCH
    assert report.root == str(LOGS)
    assert report.manifests == (with_state(checksig.Manifest(f"{LOGS}/sha1sum.txt", "gnu", ("sha1",), 10)),)
    assert report.files == 10
    assert report.counts == dict.fromkeys(Status, 0) | {Status.OK: 9, Status.FAILED: 1}
    assert report.bytes == sum(path.stat().st_size for path in LOGS.glob("*.log"))
    assert 0 < report.seconds < 60
    assert (report.bad_lines, report.bad_line_count) == ((), 0)
    with pytest.raises(checksig.VerificationError) as caught:
        report.raise_for_failures()
    assert caught.value.report is report
    assert json.loads(json.dumps(report.to_dicts()))[0] == dataclasses.asdict(failure)
    assert str(report).splitlines()[1:] == [MISMATCH]
    assert str(report).startswith(
        "1 of 10 files FAILED · sha1 (finds accidents, not attackers) · 1.09 MB in "
    )


def test_a_good_report_is_short_and_raises_nothing(directory: Directory) -> None:
    report = checksig.check(directory({"a": b"1", "b": b"2"}))
    assert report.ok
    assert report.failures == ()
    report.raise_for_failures()
    assert str(report).startswith("2 files OK · sha1 (finds accidents, not attackers) · 2 B in ")
    assert "<table>" not in report._repr_html_()


def test_check_signatures_raises_with_the_report() -> None:
    with pytest.raises(checksig.VerificationError) as caught:
        checksig.check_signatures(LOGS)
    assert caught.value.report is not None
    assert caught.value.report.failures[0].path == "httpd-08.log"
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.report == caught.value.report
    assert str(again) == MISMATCH


def test_iter_check_yields_every_file_in_order() -> None:
    results = list(checksig.iter_check(LOGS))
    assert [result.path for result in results] == [f"httpd-{number:02}.log" for number in range(10)]
    for result in results:
        good = result.path != "httpd-08.log"
        assert result.status is (Status.OK if good else Status.FAILED)
        assert (result.actual == result.expected) is good
        assert result.actual == sha1((LOGS / result.path).read_bytes())
        assert result.reason == ("" if good else "mismatch")


def test_results_come_in_order_although_small_files_are_done_first(tmp_path: Path) -> None:
    make_big(tmp_path, 9, 1 << 10)
    for number in (0, 4):
        os.truncate(tmp_path / str(number), 128 << 20)
    results = list(checksig.iter_check(tmp_path, workers=4))
    assert [result.path for result in results] == [str(number) for number in range(9)]
    assert (
        [r.path for r in results if r.bad]
        == [f.path for f in checksig.check(tmp_path).failures]
        == ["0", "4"]
    )


def test_results_of_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "two").write_bytes(b"2")
    lines = [f"{'0' * 40}  {name}" for name in ("gone", "/etc/passwd", "loop", "two")]
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "sha1sum.txt").write_text("\n".join([*lines, f"{'1' * 40}  two", "?"]))
    expected = [("gone", Status.MISSING, 2), ("/etc/passwd", Status.ERROR, None), ("loop", Status.ERROR, 40)]
    expected += [("two", Status.CONFLICT, None), (f"{tmp_path}/sha1sum.txt", Status.ERROR, None)]
    results = list(checksig.iter_check(tmp_path))
    assert [(result.path, result.status, result.errno) for result in results] == expected
    assert all(result.actual is None and result.size is None for result in results)
    assert results[-1].reason == "line 6: no hexadecimal digest"
    report = checksig.check(tmp_path)
    assert report.bad_lines == (checksig.BadLine(f"{tmp_path}/sha1sum.txt", 6, "no hexadecimal digest"),)
    html = report._repr_html_()
    assert "too many symlinks" in html
    assert "line 6" in html


def test_html_escapes_and_groups_by_directory(tmp_path: Path) -> None:
    names = ["d/<script>", "d/b", "\x1b[31m", "e/\udcff"]
    text = "".join(f"{'0' * 40}  {name}\n" for name in names)
    (tmp_path / "sha1sum.txt").write_text(text, "utf-8", "surrogateescape")
    report = checksig.check(tmp_path)
    assert [failure.path for failure in report.failures] == names
    html = report._repr_html_()
    assert html.count("<th") == 3
    assert "&lt;script&gt;" in html
    assert "<script>" not in html
    assert "\x1b" not in html
    html.encode("utf-8")


@pytest.mark.parametrize("call", EVERY_CALL)
def test_wrong_arguments_are_value_or_type_errors(call: Callable[..., object]) -> None:
    values: list[dict[str, object]] = [{"algorithm": name} for name in ("ck", "", "a\0", "SHA1")]
    values += [{"workers": number} for number in (0, -1, 1 << 40)]
    for options in values:
        with pytest.raises(ValueError, match=r"algorithm|workers"):
            call(LOGS, **options)
    types: list[dict[str, object]] = [
        {"progress": 1},
        {"workers": "2"},
        {"algorithm": b"md5"},
        {"nothing": 1},
    ]
    for options in types:
        with pytest.raises(TypeError):
            call(LOGS, **options)


@pytest.mark.parametrize("call", EVERY_CALL)
def test_what_keeps_from_a_verdict_is_raised(call: Callable[..., object], tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        call(tmp_path / "gone")
    with pytest.raises(checksig.ManifestNotFoundError):
        call(tmp_path)
    (tmp_path / "sha1sum.txt").touch()
    with pytest.raises(checksig.ManifestError):
        call(tmp_path)


def test_algorithm_says_what_the_name_does_not(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "sha1sum.txt").write_text(f"{hashlib.sha256(b'1').hexdigest()}  a\n")
    with pytest.raises(checksig.ManifestError, match="64 hexadecimal digits, but sha1 needs 40"):
        checksig.check(tmp_path)
    assert checksig.check(tmp_path, algorithm="sha256").ok
    with pytest.raises(checksig.ManifestError, match="64 hexadecimal digits, but md5 needs 32"):
        checksig.check(tmp_path, algorithm="md5")


@pytest.mark.parametrize("workers", [1, 2, 64])
def test_any_number_of_workers_gives_the_same_report(workers: int) -> None:
    assert checksig.check(LOGS, workers=workers).failures == checksig.check(LOGS).failures


def test_ignore_missing_never_makes_a_success_of_nothing(directory: Directory) -> None:
    root = directory({"a": b"1", "b": b"2"})
    (root / "a").unlink()
    assert not checksig.check(root).ok
    report = checksig.check(root, ignore_missing=True)
    assert report.ok
    assert report.counts[Status.MISSING] == 1
    assert [r.status for r in checksig.iter_check(root, ignore_missing=True)] == [Status.MISSING, Status.OK]
    (root / "b").unlink()
    with pytest.raises(checksig.VerificationError, match="none of the listed files exist"):
        checksig.check_signatures(root, ignore_missing=True)
    results = list(checksig.iter_check(root, ignore_missing=True))
    assert [r.status for r in results] == [Status.MISSING, Status.MISSING, Status.ERROR]
    assert (results[-1].path, results[-1].reason) == (
        f"{root}/sha1sum.txt",
        "none of the listed files exist",
    )


def test_progress_calls_a_function_on_this_thread_with_what_is_done(tmp_path: Path) -> None:
    make_big(tmp_path, 8, 64 << 20)
    seen: list[tuple[float, int, Progress]] = []
    report = checksig.check(
        tmp_path, progress=lambda p: seen.append((time.monotonic(), threading.get_ident(), p))
    )
    assert {thread for _, thread, _ in seen} == {threading.get_ident()}
    times = [when for when, _, _ in seen[:-1]]
    assert all(later - earlier >= 0.09 for earlier, later in itertools.pairwise(times))
    states = [progress for _, _, progress in seen]
    assert states == sorted(states, key=lambda p: (p.files, p.bytes))
    last = states[-1]
    assert (last.files, last.total_files, last.bytes, last.bad) == (8, 8, report.bytes, 0)
    assert last.total_bytes == report.bytes
    assert report.bytes == 8 * 64 << 20


def test_an_exception_in_progress_ends_the_check(tmp_path: Path) -> None:
    make_endless(tmp_path)

    def stop(progress: Progress) -> None:
        raise KeyError("enough")

    kept = []
    for call in EVERY_CALL:
        with pytest.raises(KeyError, match="enough") as caught:
            call(tmp_path, progress=stop)  # type: ignore[operator]
        kept.append(caught)  # and with it the frames of the call
    assert quiet(tmp_path)


def test_progress_true_shows_a_bar(python: Python) -> None:
    done = python("import sys, checksig; print(checksig.check(sys.argv[1], progress=True).files)", LOGS)
    assert done.stdout == "10\n"
    assert "1.09M" in done.stderr
    assert "bad=1" in done.stderr


def test_results_tell_how_far_they_have_come_and_at_the_end_the_report(directory: Directory) -> None:
    root = directory({"a": b"1", "b": b"2"})
    (root / "b").write_bytes(b"3")
    results = checksig.iter_check(root, only_bad=True)
    assert results.report is None
    assert (results.progress.total_files, results.progress.total_bytes) == (None, None)
    assert [result.path for result in results] == ["b"]
    assert (results.progress.files, results.progress.bad, results.progress.bytes) == (2, 1, 2)
    report = results.report
    assert report is not None
    assert report == dataclasses.replace(checksig.check(root), failures=(), seconds=report.seconds)


def test_a_cancelled_verification_has_no_report() -> None:
    results = checksig.iter_check(LOGS)
    next(results)
    results.close()
    assert list(results) == []
    assert results.report is None


def make_big(root: Path, count: int, size: int) -> None:
    """Make sparse files, which take no disk and time to hash."""
    digest = hashlib.sha1(bytes(size)).hexdigest()
    for number in range(count):
        (root / str(number)).touch()
        os.truncate(root / str(number), size)
    (root / "sha1sum.txt").write_text("".join(f"{digest}  {number}\n" for number in range(count)))


def make_endless(root: Path) -> None:
    """Make two small files, and after them four that take hours to read."""
    make_big(root, 6, 1 << 10)
    for number in range(2, 6):
        os.truncate(root / str(number), 1 << 40)


def quiet(folder: Path) -> bool:
    """Return whether within a second nothing of a job is open any more."""
    end = time.monotonic() + 1
    while time.monotonic() < end:
        if not open_below(folder):
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("way", ["close", "del", "break"])
def test_an_abandoned_iterator_leaves_nothing_open(way: str, tmp_path: Path) -> None:
    make_endless(tmp_path)
    results = checksig.iter_check(tmp_path)
    next(results)
    if way == "close":
        results.close()
        assert list(results) == []
    elif way == "break":
        for _ in results:
            break
        del results
    else:
        del results
    assert quiet(tmp_path)


@pytest.mark.timing
def test_an_iterator_that_was_never_begun_leaves_nothing_open(tmp_path: Path) -> None:
    make_endless(tmp_path)
    results = checksig.iter_check(tmp_path)
    time.sleep(0.05)
    results.close()
    assert quiet(tmp_path)
    results = checksig.iter_check(tmp_path)
    time.sleep(0.05)
    del results
    assert quiet(tmp_path)


CHECKED = "report = check(sys.argv[1], progress=True)"
WITH_BLOCK = (
    OPEN_BELOW
    + """
import sys, time, checksig
def begin():
    with getattr(checksig, sys.argv[2])(sys.argv[1]) as items:
        for _ in items:
            break
    end = time.monotonic() + 5  # the machine may be busy
    while time.monotonic() < end and (children() or open_below(sys.argv[1])):
        time.sleep(0.01)
    return items, len(os.listdir("/proc/self/fd"))
_, descriptors = begin()  # which loads the library
items, now = begin()
print(children(), open_below(sys.argv[1]), now - descriptors, list(items))
"""
)


@pytest.mark.parametrize("call", ["iter_check", "read_manifest"])
@pytest.mark.parametrize("engine", [pytest.param("library", marks=loads_library), "helper"])
def test_leaving_a_with_block_ends_the_job(call: str, engine: str, tmp_path: Path, python: Python) -> None:
    make_endless(tmp_path)
    with (tmp_path / "sha1sum.txt").open("a") as file:
        file.writelines(f"{'0' * 40}  {number}\n" for number in range(6, 20_000))
    done = python(WITH_BLOCK, tmp_path, call, engine=engine)
    assert done.stdout == "[] [] 0 []\n", done.stderr


def test_closing_twice_or_after_the_end_has_no_effect(directory: Directory) -> None:
    root = directory({"a": b"1"})
    with checksig.iter_check(root) as results, checksig.read_manifest(root) as entries:
        assert [result.path for result in results] == [entry.path for entry in entries] == ["a"]
        for items in (results, entries):
            items.close()
            items.close()
    assert results.report is not None
    assert results.report.ok
    assert entries.manifests == list(results.report.manifests)


def test_closed_entries_raise_no_error_for_the_bad_lines_before(tmp_path: Path) -> None:
    (tmp_path / "sums").write_text(f"?\n{'0' * 40}  a\n{'0' * 40}  b\n")
    entries = checksig.read_manifest(tmp_path / "sums")
    assert next(entries).path == "a"
    entries.close()
    assert list(entries) == []


@pytest.mark.parametrize("call", [checksig.iter_check, checksig.read_manifest])
def test_an_iterator_that_another_thread_closes_raises(
    call: Callable[..., checksig.Results | checksig.Entries], tmp_path: Path
) -> None:
    with (tmp_path / "sha1sum.txt").open("w") as file:
        file.write("?\n")
        file.writelines(f"{'0' * 40}  {number}\n" for number in range(300_000))
    for while_waiting in (True, False):
        items = call(tmp_path)
        next(items)
        closing = threading.Timer(0.1 if while_waiting else 0, items.close)
        closing.start()
        if not while_waiting:
            closing.join()
        with pytest.raises(checksig.CancelledError, match="closed"):
            list(items)
        closing.join()
        assert getattr(items, "report", None) is None


def test_an_iterator_that_another_thread_closes_after_the_end_has_ended(directory: Directory) -> None:
    results = checksig.iter_check(directory({"a": b"1"}))
    assert len(list(results)) == 1
    closing = threading.Thread(target=results.close)
    closing.start()
    closing.join()
    assert list(results) == []
    assert results.report is not None


CANCELLED = """
import gc, sys, threading, time, checksig
from checksig._engine import Job
def close():
    while True:
        found = [thing for thing in gc.get_objects() if isinstance(thing, Job)]
        time.sleep(0.3)  # the first jobs of create and diff end sooner
        for job in found:
            job.close()
threading.Thread(target=close, daemon=True).start()
try:
    print({call})
except checksig.CancelledError as error:
    print(error)
"""


@pytest.mark.parametrize(
    "call",
    [
        "checksig.check(sys.argv[1]).ok",
        "checksig.check_signatures(sys.argv[1])",
        "checksig.create(sys.argv[1], overwrite=True)",
        "checksig.diff(sys.argv[1])",
    ],
)
def test_a_call_whose_job_is_closed_raises(call: str, tmp_path: Path, python: Python) -> None:
    make_endless(tmp_path)
    before = (tmp_path / "sha1sum.txt").read_bytes()
    done = python(CANCELLED.replace("{call}", call), tmp_path)
    assert done.stdout == "this job was closed before its end, so there is no verdict\n", done.stderr
    assert os.listdir(tmp_path).count("SHA256SUMS") == 0
    assert (tmp_path / "sha1sum.txt").read_bytes() == before


def test_a_report_without_a_good_file_is_not_ok() -> None:
    report = checksig.check(LOGS)
    nothing = dataclasses.replace(report, message=None, bad=0, counts=dict.fromkeys(Status, 0), failures=())
    assert not nothing.ok
    with pytest.raises(checksig.VerificationError, match="no file was verified"):
        nothing.raise_for_failures()
    wrongs: list[dict[str, Any]] = [{"bad": 1}, {"bad_line_count": 1}, {"message": "x"}, {"counts": {}}]
    for wrong in wrongs:
        good = dataclasses.replace(nothing, counts={Status.OK: 1})
        assert good.ok
        assert not dataclasses.replace(good, **wrong).ok


def test_the_progress_function_may_close_the_iterator(tmp_path: Path) -> None:
    make_endless(tmp_path)
    manifest = tmp_path / "sha1sum.txt"
    manifest.write_text("?\n" + manifest.read_text())
    results = checksig.iter_check(tmp_path, progress=lambda _: results.close())
    statuses = [result.status for result in results]
    assert set(statuses) <= {Status.OK}, "a bad line comes after the last file"
    assert results.report is None
    assert quiet(tmp_path)


@pytest.mark.parametrize(
    "call", ["with iter_check(sys.argv[1], progress=True) as results: next(results)", CHECKED]
)
def test_the_progress_bar_is_closed_with_the_results_and_at_the_end(
    call: str, directory: Directory, python: Python
) -> None:
    code = f"""
import sys, tqdm.auto, checksig
closed = []
class Bar(tqdm.auto.tqdm):
    def close(self):
        closed.append(self)
        super().close()
    def __del__(self):
        pass  # tqdm's would close the bar
tqdm.auto.tqdm = Bar
from checksig import *
{call}
print(len(closed) > 0)
"""
    assert python(code, directory({"a": b"1"})).stdout == "True\n"


INTERRUPTED = (
    OPEN_BELOW
    + """
import sys, time, checksig
calls = {
    "check": lambda path: checksig.check(path),
    "check_signatures": lambda path: checksig.check_signatures(path),
    "iter_check": lambda path: list(checksig.iter_check(path)),
}
for _ in range(int(sys.argv[3])):
    try:
        print("ready", flush=True)
        calls[sys.argv[2]](sys.argv[1])
    except KeyboardInterrupt:
        seen = time.monotonic()
        while open_below(sys.argv[1]) and time.monotonic() < seen + 2:  # the machine may be busy
            time.sleep(0.005)
        print(seen, open_below(sys.argv[1]), flush=True)
"""
)


@pytest.mark.timing
@pytest.mark.parametrize("call", ["check", "check_signatures", "iter_check"])
def test_ctrl_c_is_seen_within_a_fifth_of_a_second(call: str, tmp_path: Path) -> None:
    """102 times in all, after 0 to 0.3 seconds."""
    times = 34
    make_endless(tmp_path)
    command = [sys.executable, "-c", INTERRUPTED, str(tmp_path), call, str(times)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment())
    assert process.stdout is not None
    random = Random(call)
    waits = []
    try:
        for _ in range(times):
            assert process.stdout.readline() == "ready\n"
            time.sleep(random.random() * 0.3)
            sent = time.monotonic()
            process.send_signal(signal.SIGINT)
            ended, left = process.stdout.readline().split(" ", 1)
            assert left == "[]\n"
            waits.append(float(ended) - sent)
        assert process.wait(30) == 0
    finally:
        process.kill()  # or it would read for hours
        process.wait()
        process.stdout.close()
    print(f"median {statistics.median(waits):.3f} s, worst {max(waits):.3f} s")
    assert statistics.median(waits) < 0.2  # not the worst: the machine may be busy


@needs_library  # a helper's time is not this process's
@pytest.mark.parametrize("signal_name", ["SIGPROF", "SIGVTALRM"])
def test_a_timer_of_processor_time_keeps_working(signal_name: str, tmp_path: Path, python: Python) -> None:
    """Go's own profiler would use SIGPROF; the process's keeps it."""
    make_big(tmp_path, 8, 64 << 20)
    code = """
import signal, sys, checksig
ticks = []
which = getattr(signal, sys.argv[2])
timer = {signal.SIGPROF: signal.ITIMER_PROF, signal.SIGVTALRM: signal.ITIMER_VIRTUAL}[which]
signal.signal(which, lambda *_: ticks.append(1))
signal.setitimer(timer, 0.002, 0.002)
report = checksig.check(sys.argv[1])
signal.setitimer(timer, 0)
print(report.ok, len(ticks) > 2)
"""
    done = python(code, tmp_path, signal_name)
    assert done.stdout == "True True\n", done.stderr


def test_a_handler_of_the_users_own_sees_ctrl_c_and_the_check_goes_on(python: Python, tmp_path: Path) -> None:
    make_big(tmp_path, 8, 64 << 20)
    code = """
import os, signal, sys, threading, checksig
seen = []
signal.signal(signal.SIGINT, lambda *_: seen.append(1))
threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGINT)).start()
print(checksig.check(sys.argv[1]).ok, seen)
"""
    done = python(code, tmp_path)
    assert done.stdout == "True [1]\n", done.stderr


def test_faulthandler_keeps_working(python: Python, tmp_path: Path) -> None:
    """It shows where a check is when a signal or a timeout asks, and where a real fault was."""
    make_big(tmp_path, 8, 256 << 20)
    code = """
import faulthandler, os, signal, subprocess, sys, checksig
checksig.get_engine(), checksig.Results  # it may take longer to load than the timers run
faulthandler.register(signal.SIGUSR1)
# Not from a thread: faulthandler crashes if one ends while it looks at all threads.
killer = subprocess.Popen(["sh", "-c", f"sleep 0.02; kill -USR1 {os.getpid()}"])
faulthandler.dump_traceback_later(0.05)
print(checksig.check(sys.argv[1]).ok, flush=True)
killer.wait()
faulthandler._sigsegv()
"""
    done = python(code, tmp_path)
    assert done.stdout == "True\n", done.stderr
    assert len(re.findall(r'_verify.py", line \d+ in check\n', done.stderr)) == 2, done.stderr
    assert "Timeout (" in done.stderr
    assert "Segmentation fault" in done.stderr
    assert done.returncode == -signal.SIGSEGV


@pytest.mark.timing
def test_an_interpreter_that_ends_with_a_check_under_way_ends_at_once(python: Python, tmp_path: Path) -> None:
    make_endless(tmp_path)
    code = """
import sys, threading, time, checksig
results = checksig.iter_check(sys.argv[1])
class Cycle: pass
cycle = Cycle()
cycle.me, cycle.results = cycle, checksig.iter_check(sys.argv[1])
threading.Thread(target=checksig.check, args=(sys.argv[1],), daemon=True).start()
time.sleep(0.1)
print("end", flush=True)
"""
    start = time.monotonic()
    done = python(code, tmp_path)
    assert (done.stdout, done.stderr, done.returncode) == ("end\n", "", 0)
    assert time.monotonic() - start < 5


def test_the_first_check_of_all_may_be_made_at_exit(python: Python) -> None:
    code = """
import atexit, sys, checksig
atexit.register(lambda: print(checksig.check(sys.argv[1]).message, flush=True))
"""
    done = python(code, LOGS)
    assert (done.stdout, done.stderr) == (f"{MISMATCH}\n", "")


def test_a_timer_and_its_handler_keep_working(tmp_path: Path, python: Python) -> None:
    make_big(tmp_path, 8, 64 << 20)
    code = """
import signal, sys, checksig
ticks = []
signal.signal(signal.SIGALRM, lambda *_: ticks.append(1))
signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
report = checksig.check(sys.argv[1])
signal.setitimer(signal.ITIMER_REAL, 0)
print(report.ok, len(ticks) > 2)
"""
    assert python(code, tmp_path).stdout == "True True\n"


def test_the_docs_way_to_cancel_a_task_of_asyncio(tmp_path: Path) -> None:
    make_endless(tmp_path)
    code = blocks("docs/python.md", "python")[0]
    namespace: dict[str, Any] = {}
    exec(code, namespace)
    check = namespace["check"]

    async def main() -> None:
        assert (await check(LOGS)).message == MISMATCH
        task = asyncio.create_task(check(tmp_path))
        for _ in range(100):
            await asyncio.sleep(0.05)
            if open_below(tmp_path):
                break
        assert open_below(tmp_path)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert quiet(tmp_path)


def test_a_million_entries_take_little_memory(python: Python, tmp_path: Path) -> None:
    with (tmp_path / "sha1sum.txt").open("w") as file:
        file.writelines(f"{'0' * 40}  some/directory/file-{number:07}\n" for number in range(1_000_000))
    code = """
import resource, sys, checksig
checksig.check(sys.argv[2])
def peak():
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(resource.getrusage(who).ru_maxrss for who in whose) / 1024
before = peak()
count = sum(1 for result in checksig.iter_check(sys.argv[1]) if result.status == "MISSING")
print(count, peak() - before)
"""
    done = python(code, tmp_path, LOGS)
    count, mebibytes = done.stdout.split()
    assert int(count) == 1_000_000
    size = (tmp_path / "sha1sum.txt").stat().st_size / 2**20
    assert float(mebibytes) < size + 64


def test_a_signal_in_the_middle_of_any_call_leaves_no_job_behind(python: Python, tmp_path: Path) -> None:
    """A signal comes 10 to 400 microseconds after the start: before, in and after each step of it.

    With a helper, whose start takes longer, 0.1 to 16 milliseconds.
    """
    make_endless(tmp_path)
    code = (
        OPEN_BELOW
        + """
import signal, sys, time, checksig
checksig.check(sys.argv[2])
def stop(*_):
    raise KeyboardInterrupt
signal.signal(signal.SIGALRM, stop)
caught, descriptors = 0, len(os.listdir("/proc/self/fd"))
for number in range(200):
    try:
        signal.setitimer(signal.ITIMER_REAL, (10 + 2 * number) * int(sys.argv[3]) / 1e6)
        checksig.check(sys.argv[1])
    except KeyboardInterrupt:
        caught += 1
end = time.monotonic() + 2
while time.monotonic() < end:
    left = open_below(sys.argv[1])
    if not left:
        break
    time.sleep(0.01)
checksig.check(sys.argv[2])
print(caught, left, children(), len(os.listdir("/proc/self/fd")) - descriptors)
"""
    )
    done = python(code, tmp_path, LOGS, "1" if ENGINE == "library" else "40")
    assert done.stdout == "200 [] [] 0\n", done.stderr


@pytest.mark.timing
def test_a_name_spelt_at_great_length_costs_no_time(tmp_path: Path) -> None:
    line = f"{'0' * 40}  f\n"
    (tmp_path / "sha1sum.txt").write_text(f"{'0' * 40}  {'./' * 32000}f\n" + line * 30_000)
    start = time.monotonic()
    assert checksig.check(tmp_path).files == 1
    assert time.monotonic() - start < 3  # linear: 0.05 s; quadratic: 7 s


@pytest.mark.timing
@pytest.mark.parametrize("wait", [0.05, 0.2, 0.6])
def test_a_job_can_be_cancelled_while_it_reads_a_million_lines(wait: float, tmp_path: Path) -> None:
    """Parsing the lines and grouping them by file take about a second each."""
    with (tmp_path / "sha1sum.txt").open("w") as file:
        file.writelines(f"{'0' * 40}  {number}\n" for number in range(3_000_000))
    results = checksig.iter_check(tmp_path)
    time.sleep(wait)
    start = time.monotonic()
    results.close()
    assert time.monotonic() - start < 0.5
    time.sleep(0.3)  # it may end what it has begun
    used = time.process_time()
    time.sleep(0.3)
    assert time.process_time() - used < 0.03, "the job goes on"
    assert not open_below(tmp_path)


def test_an_odd_root_is_printable(directory: Directory) -> None:
    root = os.fsencode(directory({"a": b"1"}))
    odd = root + b"\xff\x1b\n"
    os.rename(root, odd)
    text = str(checksig.check(odd))
    assert "\\xff\\x1b\\n/sha1sum.txt" in text
    text.encode("utf-8")
    assert checksig.check(odd).root == os.fsdecode(odd)
    assert isinstance(hash(checksig.check(odd)), int)

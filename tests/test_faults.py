"""What the operating system may do to a job: failing calls, short reads, a kill."""

from __future__ import annotations

import errno
import hashlib
import itertools
import json
import os
import signal
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import syscalls
from support import CHECKOUT, ENGINE, environment, needs_library

import checksig

pytestmark = pytest.mark.skipif(not syscalls.supported(), reason="needs seccomp user notifications")

TESTS = Path(__file__).parent
FILE_CALLS = (
    "openat",
    "openat2",
    "newfstatat",
    "fstat",
    "preadv2",
    "fadvise64",
    "read",
    "close",
    "getdents64",
    "io_uring_enter",
)
ERRORS = ("EIO", "EINTR", "EACCES", "ENOENT", "EMFILE", "EAGAIN", "ENOMEM", "ENOSYS", "EPERM", "EBADF")

# The child sends messages to the supervisor by closing descriptors with numbers that none has.
ARM, FIRED = 1_000_000, 2_000_000

CHILD = f"""
import array, json, os, sys
sys.path.insert(0, sys.argv[1])
import checksig, syscalls, tempfile
descriptor, root, refused = int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
if refused:
    syscalls.refuse("openat2", refused)
in_helper = (checksig.InternalError,) if os.environ.get("CHECKSIG_ENGINE") == "helper" else ()
def outcome(extra="fail"):
    try:
        return [(r.path, r.status, r.errno) for r in checksig.iter_check(root, extra=extra)]
    except (OSError, ImportError, checksig.ManifestError, *in_helper) as error:
        return [type(error).__name__, error.errno if isinstance(error, OSError) else None]
def report(found):
    print(json.dumps(found), flush=True)
def drop():
    for folder, _, names in os.walk(root):
        for name in names:
            descriptor = os.open(os.path.join(folder, name), os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)
def supervise():
    syscalls.supervise({FILE_CALLS!r}, descriptor)
"""


class Faults:
    """Makes one call fail: the one with the number that the child chose."""

    def __init__(self, error: int) -> None:
        self.error = error
        self.left = 0
        self.fired: Counter[str] = Counter()
        self.hit = False

    def decide(self, call: syscalls.Call) -> int | None:
        if call.name == "close" and call.arguments[0] >= FIRED:
            self.left = 0
            return 0 if self.hit else -errno.EBADF
        if call.name == "close" and call.arguments[0] >= ARM:
            self.left, self.hit = call.arguments[0] - ARM, False
            return 0
        self.left -= 1
        if self.left != 0:
            return None
        self.hit = True
        self.fired[call.name] += 1
        return -self.error


def make_files(root: Path) -> dict[str, str]:
    """Create a directory with good, bad, and extra files; return the verdict on each."""
    contents = {
        "a": b"a",
        "b": b"bb",
        "sub/deep/c": b"c",
        "large": bytes(300_000),
        "wrong": b"w",
        "link": b"a",
    }
    (root / "sub" / "deep").mkdir(parents=True)
    (root / "link").symlink_to("a")
    lines = []
    for name, content in contents.items():
        (root / name).write_bytes(content)
        lines.append(f"{hashlib.sha1(content).hexdigest()}  {name}\n")
    (root / "sha1sum.txt").write_text("".join(lines))
    (root / "wrong").write_bytes(b"W")
    (root / "sub" / "extra").touch()
    return dict.fromkeys(contents, "OK") | {"wrong": "FAILED", "sub/extra": "EXTRA"}


def is_true(outcome: list[Any], verdicts: dict[str, str], error: int) -> bool:
    """Return whether an outcome is true, except for what the one fault may have hidden."""
    if isinstance(outcome[0], str):
        return outcome[1] in (error, None)
    found = {path: (status, number) for path, status, number in outcome}
    excuses = [("ERROR", error)]
    if error == errno.ENOENT:  # a directory that is said not to exist has no extra files
        excuses.append(("MISSING", error))
        found.setdefault("sub/extra", ("EXTRA", None))
    excused = [name for name in found if found[name] in excuses]
    if excused and excused[0] not in verdicts:  # a directory that could not be listed
        found.setdefault("sub/extra", ("EXTRA", None))
    once = len({path for path, _, _ in outcome}) == len(outcome)
    return (
        once
        and len(excused) <= 1
        and all(
            name in excused or found.get(name, ("",))[0] == verdicts.get(name) for name in {*found, *verdicts}
        )
    )


def run(code: str, decide: syscalls.Decision, *arguments: object) -> list[str]:
    """Run code after CHILD while ``decide`` answers its system calls; return the lines it prints."""
    with syscalls.Supervisor(decide) as supervisor:
        done = subprocess.run(
            [sys.executable, "-c", CHILD + code, TESTS, str(supervisor.descriptor), *map(str, arguments)],
            pass_fds=[supervisor.descriptor],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("refused", "in_memory"),
    [(0, True), (0, False), (errno.ENOSYS, True), (errno.EPERM, True)],
    ids=["openat2", "on disk", "ENOSYS", "EPERM"],
)
@pytest.mark.parametrize("name", ERRORS)
def test_no_failing_call_makes_a_verdict_untrue(
    name: str, refused: int, in_memory: bool, tmp_path: Path
) -> None:
    """Each file system call of a job fails in turn. No bad file passes; no good one is a mismatch."""
    error = getattr(errno, name)
    verdicts = make_files(tmp_path)
    os.sync()  # drop() drops only what is on the disk
    code = f"""
supervise()
outcome()  # the library is loaded
for number in range(1, 1000):
    if not {in_memory}:
        drop()
    os.close({ARM} + number)
    found = outcome()
    try:
        os.close({FIRED})
    except OSError:
        break
    finally:
        report(found)
"""
    faults = Faults(error)
    outcomes = [json.loads(line) for line in run(code, faults.decide, tmp_path, refused)]
    assert {path: status for path, status, _ in outcomes[-1]} == verdicts  # without a fault
    assert len(outcomes) - 1 == faults.fired.total() > 40, faults.fired
    untrue = [(n, o) for n, o in enumerate(outcomes, 1) if not is_true(o, verdicts, error)]
    assert untrue == []
    if name == "EINTR":
        others = [outcome for outcome in outcomes if outcome != outcomes[-1]]
        if ENGINE == "helper":  # Python does not try fstat again when it starts one
            others = [outcome for outcome in others if not isinstance(outcome[0], str)]
        assert others == []


@pytest.mark.parametrize("name", ["ENOSYS", "EPERM", "ENOMEM", "EMFILE"])
def test_without_io_uring_all_verdicts_are_the_same(name: str, tmp_path: Path) -> None:
    verdicts = make_files(tmp_path)
    os.sync()
    code = f"""
syscalls.refuse("io_uring_setup", {getattr(errno, name)})
for _ in range(2):
    drop()
    report(outcome())
"""
    for line in run(code, lambda _: None, tmp_path, 0):
        assert {path: status for path, status, _ in json.loads(line)} == verdicts


@needs_library
@pytest.mark.parametrize("name", ["EIO", "ENOMEM", "EMFILE", "EINTR"])
def test_a_call_that_fails_during_loading_is_reported_or_harmless(name: str, tmp_path: Path) -> None:
    error = getattr(errno, name)
    verdicts = make_files(tmp_path)
    code = f"""
import checksig.report, selectors, threading  # what get_engine does not import need not fail
supervise()
def load():
    os.close({ARM} + number)
    try:
        checksig.get_engine()
        found = "loaded"
    except (OSError, ImportError) as failure:
        found = str(failure)
    try:
        os.close({FIRED})
    except OSError:
        found = "no fault"
    report([found, outcome()])
    return found
for number in range(1, 1000):
    child = os.fork()  # it has not loaded the library
    if child == 0:
        os._exit(load() == "no fault")
    if os.waitpid(child, 0)[1]:
        break
"""
    faults = Faults(error)
    outcomes = [json.loads(line) for line in run(code, faults.decide, tmp_path, 0)]
    assert outcomes[-1][0] == "no fault"
    assert len(outcomes) - 1 == faults.fired.total() > 20
    for _, results in outcomes:  # after a failure, another try succeeds
        assert {path: status for path, status, _ in results} == verdicts


class OnRead:
    """Calls an action before each read of one file, counted from 1. None lets the read happen.

    If the file is in memory, preadv2 reads it, as far as it is there. Otherwise read does.
    """

    def __init__(self, path: Path, action: Callable[[int], int | None], *, in_memory: bool = False) -> None:
        self.path = str(path)
        self.action = action
        self.call = "preadv2" if in_memory else "read"
        self.count = 0

    def decide(self, call: syscalls.Call) -> int | None:
        if call.name not in ("read", "preadv2") or syscalls.path_of(call) != self.path:
            return None
        if call.name != self.call:
            return -errno.EAGAIN if call.name == "preadv2" else None
        self.count += 1
        return self.action(self.count)


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def replace(path: Path) -> None:
    path.with_name("new").write_bytes(path.read_bytes())
    path.with_name("new").rename(path)


def rewrite_with_old_times(path: Path) -> None:
    times = path.stat()
    path.write_bytes(path.read_bytes())
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


CHANGES: dict[str, Callable[[Path], object]] = {
    "grows": append,
    "shrinks": lambda path: os.truncate(path, 200_000),
    "becomes empty": lambda path: os.truncate(path, 0),
    "is replaced": replace,
    "is rewritten": lambda path: path.write_bytes(path.read_bytes()),
    "is rewritten and gets its old times": rewrite_with_old_times,
    "is removed": os.unlink,
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("moment", [1, 2, 3])
@pytest.mark.parametrize("in_memory", [True, False], ids=["in memory", "on disk"])
def test_a_file_that_changes_while_it_is_read_is_changed(
    change: str, moment: int, in_memory: bool, tmp_path: Path
) -> None:
    verdicts = make_files(tmp_path)
    time.sleep(0.02)  # the file system's clock must tick

    def action(count: int) -> None:
        if count == moment:
            CHANGES[change](tmp_path / "large")

    reads = OnRead(tmp_path / "large", action, in_memory=in_memory)
    code = "supervise(); report(outcome('ignore'))"
    (line,) = run(code, reads.decide, tmp_path, 0)
    assert reads.count >= moment
    found = {path: status for path, status, _ in json.loads(line)}
    del verdicts["sub/extra"]
    assert found == verdicts | {"large": "CHANGED"}


def test_a_file_that_grows_forever_is_read_to_its_size_at_opening(tmp_path: Path) -> None:
    make_files(tmp_path)
    reads = OnRead(tmp_path / "large", lambda _: append(tmp_path / "large"))
    (line,) = run("supervise(); report(outcome('ignore'))", reads.decide, tmp_path, 0)
    assert ["large", "CHANGED", None] in json.loads(line)
    assert reads.count == 3


def test_a_file_that_ends_before_its_size_is_changed(tmp_path: Path) -> None:
    make_files(tmp_path)
    reads = OnRead(tmp_path / "large", lambda count: 0 if count == 2 else None)
    (line,) = run("supervise(); report(outcome('ignore'))", reads.decide, tmp_path, 0)
    assert ["large", "CHANGED", None] in json.loads(line)


@pytest.mark.parametrize("change", ["grows", "shrinks", "is replaced", "is rewritten"])
def test_a_manifest_that_changes_while_it_is_read_is_an_error(change: str, tmp_path: Path) -> None:
    make_files(tmp_path)
    with (tmp_path / "sha1sum.txt").open("a") as file:
        file.write(f"{'0' * 40}  x\n" * 5000)
    time.sleep(0.02)

    def action(count: int) -> None:
        if count == 2:
            CHANGES[change](tmp_path / "sha1sum.txt")

    reads = OnRead(tmp_path / "sha1sum.txt", action)
    (line,) = run("supervise(); report(outcome('ignore'))", reads.decide, tmp_path, 0)
    assert json.loads(line) == ["ManifestError", None]


@pytest.mark.parametrize("fault", ["is replaced", "EIO", "EACCES"])
def test_of_two_manifests_one_that_changes_or_fails_is_unusable(fault: str, tmp_path: Path) -> None:
    make_files(tmp_path)
    other = tmp_path / "MD5SUMS"
    other.write_text(f"{hashlib.md5(b'a').hexdigest()}  a\n")

    def action(_: int) -> int | None:
        if fault not in CHANGES:
            return -int(getattr(errno, fault))
        CHANGES[fault](other)
        return None

    code = """
supervise()
found = checksig.check(root)
report([found.ok, found.counts["OK"], found.bad, [(b.path, b.line, b.reason) for b in found.bad_lines]])
"""
    (line,) = run(code, OnRead(other, action).decide, tmp_path, 0)
    reason = {
        "is replaced": "changed while it was read",
        "EIO": "input/output error",
        "EACCES": "permission denied",
    }[fault]
    assert json.loads(line) == [False, 5, 1, [[str(other), None, reason]]]


@pytest.mark.parametrize("name", ["EMFILE", "ENFILE", "EINTR"])
def test_opens_that_always_fail_are_given_up_soon(name: str, tmp_path: Path) -> None:
    """Each error can also come from a file system that is broken, for some files."""
    error = int(getattr(errno, name))
    names = [f"{word}{number}" for number in range(40) for word in ("bad", "good")]
    for file in names:
        (tmp_path / file).touch()
    (tmp_path / "sha1sum.txt").write_text(
        "".join(f"{hashlib.sha1().hexdigest()}  {file}\n" for file in names)
    )

    def decide(call: syscalls.Call) -> int | None:
        fails = call.name == "openat2" and syscalls.name_of(call).startswith("bad")
        return -error if fails else None

    code = "supervise(); import time; start = time.monotonic(); report([outcome(), time.monotonic() - start])"
    (line,) = run(code, decide, tmp_path, 0)
    results, seconds = json.loads(line)
    assert results == [[file, "ERROR", error] if "bad" in file else [file, "OK", None] for file in names]
    assert seconds < 8


@pytest.mark.parametrize("task", ["check", "create"])
def test_a_directory_that_never_ends_is_an_error_and_takes_little_memory(task: str, tmp_path: Path) -> None:
    (tmp_path / "endless").mkdir()
    (tmp_path / "good").write_bytes(b"g")
    (tmp_path / "sha1sum.txt").write_text(f"{hashlib.sha1(b'g').hexdigest()}  good\n")
    names = [b"file-%08d" % number for number in range(800)]
    records = b"".join(struct.pack("=QqHB", 1, 1, 40, 8) + name.ljust(21, b"\0") for name in names)

    def decide(call: syscalls.Call) -> int | None:
        if call.name == "getdents64" and syscalls.path_of(call) == str(tmp_path / "endless"):
            return syscalls.give(call, records[: call.arguments[2] // 40 * 40])
        return None

    calls = {
        "check": "report(outcome())",
        "create": "report(raised(lambda: checksig.create(root)))",
    }
    code = f"""
import resource
def raised(call):
    try:
        call()
    except OSError as error:
        return [error.filename, str(error)]
supervise()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
{calls[task]}
report((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)
"""
    found, mebibytes = map(json.loads, run(code, decide, tmp_path, 0))
    if task == "check":
        assert found == [["good", "OK", None], ["endless", "ERROR", None]]
    else:
        assert found[0] == str(tmp_path / "endless")
    assert mebibytes < 1024


@pytest.mark.parametrize("count", [1, 997, 65_537])
@pytest.mark.parametrize("waits", ["never", "always", "every second time"])
def test_short_reads_make_no_difference(count: int, waits: str, tmp_path: Path) -> None:
    verdicts = make_files(tmp_path)
    (tmp_path / "large").write_bytes(bytes(300_000))
    large = str(tmp_path / "large")
    calls = itertools.count()

    def decide(call: syscalls.Call) -> int | None:
        path = syscalls.path_of(call) if call.name in ("read", "preadv2") else ""
        if not path.startswith(str(tmp_path)):
            return None
        if call.name == "preadv2" and (waits == "always" or (waits != "never" and next(calls) % 2)):
            return -errno.EAGAIN  # this is not in memory, so read follows
        return syscalls.short_read(call, max(count, 997) if path == large else count)

    (line,) = run("supervise(); report(outcome())", decide, tmp_path, 0)
    assert {path: status for path, status, _ in json.loads(line)} == verdicts


@pytest.mark.parametrize("in_memory", [True, False], ids=["in memory", "on a slow disk"])
def test_a_large_file_is_read_ahead_only_if_it_is_not_in_memory(in_memory: bool, tmp_path: Path) -> None:
    content = bytes(2_000_000)
    (tmp_path / "large").write_bytes(content)
    (tmp_path / "sha1sum.txt").write_text(f"{hashlib.sha1(content).hexdigest()}  large\n")
    reads = OnRead(tmp_path / "large", lambda _: None if in_memory else time.sleep(0.02), in_memory=in_memory)
    lengths = []

    def decide(call: syscalls.Call) -> int | None:
        if call.name == "fadvise64":
            lengths.append(call.arguments[2])
        return reads.decide(call)

    (line,) = run("supervise(); report(outcome('ignore'))", decide, tmp_path, 0)
    assert json.loads(line) == [["large", "OK", None]]
    assert lengths == [] if in_memory else max(lengths) > 1_000_000  # more than one piece


def test_openat2_is_called_again_after_eagain(tmp_path: Path) -> None:
    """The kernel answers so if a rename elsewhere kept it from proving that .. stays inside."""
    verdicts = make_files(tmp_path)
    calls = itertools.count()

    def decide(call: syscalls.Call) -> int | None:
        return -errno.EAGAIN if call.name == "openat2" and next(calls) % 2 == 0 else None

    (line,) = run("supervise(); report(outcome())", decide, tmp_path, 0)
    assert {path: status for path, status, _ in json.loads(line)} == verdicts
    assert next(calls) > 10


def test_an_io_error_in_a_file_names_the_file_and_the_cause(tmp_path: Path) -> None:
    verdicts = make_files(tmp_path)
    reads = OnRead(tmp_path / "large", lambda count: -errno.EIO if count == 2 else None)
    code = "supervise(); print(checksig.check(root).message)"
    lines = run(code, reads.decide, tmp_path, 0)
    assert lines == [f'"{tmp_path}/large" - input/output error', f'"{tmp_path}/wrong" - mismatch']
    assert verdicts["large"] == "OK"


def test_a_killed_process_leaves_nothing_behind(tmp_path: Path) -> None:
    verdicts = make_files(tmp_path)
    before = sorted(os.walk(tmp_path))
    reads = OnRead(tmp_path / "large", lambda count: os.kill(child, signal.SIGKILL))
    with syscalls.Supervisor(reads.decide) as supervisor:
        code = CHILD + "supervise(); outcome()"
        process = subprocess.Popen(
            [sys.executable, "-c", code, TESTS, str(supervisor.descriptor), tmp_path, "0"],
            pass_fds=[supervisor.descriptor],
            env=environment(),
        )
        child = process.pid
        assert process.wait(60) == -signal.SIGKILL
    assert sorted(os.walk(tmp_path)) == before
    assert {r.path: r.status for r in checksig.iter_check(tmp_path, extra="fail")} == verdicts


@pytest.mark.timing
def test_waiting_for_a_slow_disk_takes_little_processor_time(tmp_path: Path) -> None:
    """It must not be a busy loop. benchmarks/call_cost.py measures the time."""
    make_files(tmp_path)
    # A job reads the file 3 times, so the fifth read is in the second job.
    slow = OnRead(tmp_path / "large", lambda count: time.sleep(2) if count == 5 else None)
    code = """
import time
supervise()
outcome()
cpu, wall = time.process_time(), time.monotonic()
checksig.check(root)
print((time.process_time() - cpu) / (time.monotonic() - wall))
"""
    (line,) = run(code, slow.decide, tmp_path, 0)
    assert float(line) < 0.03


@pytest.mark.parametrize(
    ("error", "names"),
    [(errno.ENOSYS, ("cases", "extra", "hostile")), (errno.EPERM, ("hostile",))],
    ids=["ENOSYS", "EPERM"],
)
def test_without_openat2_all_verdicts_are_the_same(error: int, names: tuple[str, ...]) -> None:
    """os.Root resolves names on Linux before 5.6, and in sandboxes that answer EPERM."""
    code = """
import sys
sys.path.insert(0, sys.argv[1])
import pytest, syscalls
syscalls.refuse("openat2", int(sys.argv[2]))
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", *sys.argv[3:]]))
"""
    modules = [TESTS / f"test_{name}.py" for name in names]
    done = subprocess.run(
        [sys.executable, "-c", code, TESTS, str(error), *modules],
        cwd=CHECKOUT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout

"""checksig inside a process: threads, leaks, panics, limits, forks."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import threading
import time
from pathlib import Path
from random import Random

import pytest
from signed import ADA
from support import (
    ENGINE,
    LIBRARY,
    LOADS,
    LOGS,
    MANY,
    MISMATCH,
    PACKAGE,
    Directory,
    Python,
    loads_library,
    needs_library,
    verify,
)

import checksig
from checksig import Status


def test_32_threads_make_1000_calls_each_and_one_is_cancelled_at_random(directory: Directory) -> None:
    good = directory({str(i): b"x" * i for i in range(20)})
    (good / "two").mkdir()
    (good / "two" / "f").write_bytes(b"wrong")
    (good / "two" / "sha1sum.txt").write_text(f"{'0' * 40}  f\n{'0' * 40}  gone\n")
    wrong = [f'"{good}/two/f" - mismatch', f'"{good}/two/gone" - missing']
    cases = [(good, None), (good / "two", "\n".join(wrong)), (LOGS, MISMATCH), (good.parent, "no manifest")]
    begin = threading.Barrier(33)
    mistakes: list[object] = []

    def ask(kind: int, path: Path) -> str | None:
        if kind == 0:
            return verify(path)
        try:
            if kind == 1:
                return checksig.check(path).message
            bad = [result for result in checksig.iter_check(path) if result.status is not Status.OK]
            return "\n".join(f'"{path}/{result.path}" - {result.reason}' for result in bad) or None
        except checksig.ManifestNotFoundError as error:
            return str(error)

    def work(number: int) -> None:
        random = Random(number)
        begin.wait()
        for call in range(MANY):
            path, expected = cases[0 if random.random() < 0.9 else random.randrange(4)]
            answer = ask(call % 3, path)
            if answer != expected and not (expected == "no manifest" and expected in str(answer)):
                mistakes.append(answer)

    def abandon() -> None:
        random = Random("abandon")
        begin.wait()
        while any(thread.is_alive() for thread in threads):
            results = checksig.iter_check(good)
            for _ in range(random.randrange(5)):
                next(results)
            time.sleep(random.random() / 1000)
            results.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(32)]
    descriptors = len(os.listdir("/proc/self/fd"))
    canceller = threading.Thread(target=abandon)
    for thread in (*threads, canceller):
        thread.start()
    for thread in (*threads, canceller):
        thread.join()
    assert mistakes == []
    assert len(os.listdir("/proc/self/fd")) <= descriptors + 2  # the runtime's poller


def test_other_python_threads_run_meanwhile(python: Python, tmp_path: Path) -> None:
    (tmp_path / "big").touch()
    with (tmp_path / "big").open("r+b") as file:
        file.truncate(1 << 30)
    (tmp_path / "sha1sum.txt").write_text("0" * 40 + "  big\n")
    code = """
import sys, threading, time
import checksig
ticks, done = 0, threading.Event()
def check():
    print(checksig.check(sys.argv[1]).message)
    done.set()
thread = threading.Thread(target=check)
thread.start()
while not done.is_set():
    ticks += 1
    time.sleep(0.001)
thread.join()
print(ticks > 50)
"""
    assert python(code, tmp_path).stdout == f'"{tmp_path}/big" - mismatch\nTrue\n'


def test_10000_calls_leak_neither_memory_nor_descriptors(python: Python, directory: Directory) -> None:
    root = directory({f"{number}{'x' * 200}": b"1" for number in range(20)})
    for path in root.glob("*x"):
        path.unlink()
    code = """
import ctypes, os, sys, checksig
if checksig.get_engine().name == "library":
    library = ctypes.CDLL(checksig.get_library())
    library.checksig_verify.restype = ctypes.c_void_p
    library.checksig_free.argtypes = [ctypes.c_void_p]
    def verify(path): library.checksig_free(library.checksig_verify(path))
else:
    verify = checksig.check
def calls(count):
    for _ in range(count):
        try:
            checksig.check_signatures(sys.argv[1])
        except checksig.VerificationError:
            pass
        try:
            checksig.check_signatures(sys.argv[2])
        except checksig.ManifestNotFoundError:
            pass
        verify(sys.argv[1].encode())
def state():
    pages = int(open("/proc/self/statm").read().split()[1])
    return len(os.listdir("/proc/self/fd")), pages * os.sysconf("SC_PAGESIZE")
calls(int(sys.argv[3]) * 2 // 5)
descriptors, memory = state()
calls(int(sys.argv[3]) * 10 // 3)
after = state()
print(after[0] - descriptors, (after[1] - memory) / 2**20)
"""
    done = python(code, root, root.parent, str(MANY))
    assert done.returncode == 0, done.stderr
    descriptors, mebibytes = done.stdout.split()
    assert int(descriptors) == 0
    # A message has 5 kB. Losing one in each call would take 30 MiB, or 2 MiB with fewer helper calls.
    assert float(mebibytes) < max(8 * MANY / 1000, 1)


def test_a_panic_is_an_internal_error_and_the_next_call_works(
    python: Python, directory: Directory, injected_package: Path
) -> None:
    root = directory({str(number): b"1" for number in range(100)})
    # With several files there are several workers.
    (root / "sha1sum.txt.sig").touch()
    for name in ("panic-in-call", "panic-in-worker", "panic-in-error", "panic-in-verifier"):
        root.with_name(name).symlink_to(root)
    code = """
import sys, checksig
for _ in range(3):
    for name in ("panic-in-call", "panic-in-worker", "panic-in-error", "panic-in-verifier"):
        keys = sys.argv[2] if name == "panic-in-verifier" else None
        try:
            checksig.check_signatures(f"{sys.argv[1]}/{name}", signed_by=keys)
        except checksig.InternalError as error:
            print("RuntimeError" if isinstance(error, RuntimeError) else "", str(error).splitlines()[0])
    print(checksig.check(f"{sys.argv[1]}/directory").ok)
"""
    done = python(code, root.parent, ADA, package=injected_package)
    fault = "internal error: injected; please report it with this stack:"
    assert done.stdout == (f"RuntimeError {fault}\n" * 4 + "True\n") * 3, done.stderr


def test_100000_files_under_a_limit_of_20_descriptors(python: Python, tmp_path: Path) -> None:
    import hashlib

    lines = []
    for number in range(100_000):
        content, name = str(number).encode(), f"{number % 100}/{number}"
        if number < 100:
            (tmp_path / str(number)).mkdir()
        (tmp_path / name).write_bytes(content)
        lines.append(f"{hashlib.sha1(content).hexdigest()}  {name}\n")
    (tmp_path / "sha1sum.txt").write_text("".join(lines))
    (tmp_path / "77" / "99977").write_bytes(b"wrong")
    code = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))
import checksig
print(checksig.check(sys.argv[1]).message)
print(len(os.listdir("/proc/self/task")) < 40 + 2 * os.cpu_count())
"""
    done = python(code, tmp_path)
    assert done.stdout == f'"{tmp_path}/77/99977" - mismatch\nTrue\n', done.stderr


@pytest.mark.parametrize("free", range(9))
def test_with_few_free_descriptors_a_check_works_or_raises_oserror(
    python: Python, directory: Directory, free: int
) -> None:
    root = directory({str(i): b"x" for i in range(100)})
    code = """
import os, resource, sys, checksig
checksig.get_engine()
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
held = []
try:
    while True:
        held.append(os.open("/", os.O_RDONLY))
except OSError:
    pass
for _ in range(int(sys.argv[2])):
    os.close(held.pop())
try:
    checksig.check_signatures(sys.argv[1])
    print("verified")
except OSError as error:
    print(error.strerror)
"""
    done = python(code, root, str(free))
    needed = 4 if LOADS else 6  # to start a process, musl needs two more
    expected = "verified" if free >= needed else os.strerror(errno.EMFILE)
    assert done.stdout == f"{expected}\n", done.stderr


@needs_library
def test_the_poller_is_open_before_descriptors_run_out(python: Python) -> None:
    """Go would end the process if it could not open its poller during a job."""
    code = """
import os, sys
import checksig
checksig.check(sys.argv[1])
with os.scandir("/proc/self/fd") as entries:
    print(sorted(os.readlink(e.path) for e in entries if "anon_inode" in os.readlink(e.path)))
"""
    done = python(code, LOGS)
    assert done.stdout == "['anon_inode:[eventfd]', 'anon_inode:[eventpoll]']\n", done.stderr


def test_without_a_descriptor_for_loading_a_check_raises_oserror(python: Python) -> None:
    code = """
import errno, os, resource, sys, checksig
resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
try:
    checksig.check_signatures(sys.argv[1])
except OSError as error:
    print(error.errno == errno.EMFILE)
"""
    done = python(code, LOGS)
    assert done.stdout == "True\n", done.stderr


# With several files, goroutines are started. An idle runtime answers small calls even in a forked child.
FORKING = """
import multiprocessing, os, signal, sys, warnings
import checksig
warnings.simplefilter("ignore")
def ask():
    report = checksig.check(sys.argv[1])
    print(report.message, len(report.failures), flush=True)
"""
ANSWER = f"{MISMATCH} 1\n"


@pytest.mark.parametrize("way", ["os.fork", "multiprocessing"])
def test_a_child_forked_after_a_check_gets_the_right_answer(python: Python, way: str) -> None:
    code = (
        FORKING
        + """
ask()
if sys.argv[2] == "os.fork":
    if os.fork() == 0:
        signal.alarm(20)
        ask()
        os._exit(0)
    print(os.wait()[1], flush=True)
else:
    process = multiprocessing.get_context("fork").Process(target=ask)
    process.start()
    process.join(20)
    print(process.exitcode, flush=True)
ask()
"""
    )
    done = python(code, LOGS, way)
    assert done.stdout == f"{ANSWER}{ANSWER}0\n{ANSWER}", done.stderr


def test_a_chain_of_20_forks_answers_at_each_link(python: Python) -> None:
    code = (
        FORKING
        + """
def link(depth):
    ask()
    if depth == 0:
        return
    if os.fork() == 0:
        signal.alarm(60)
        link(depth - 1)
        os._exit(0)
    assert os.wait()[1] == 0
link(20)
ask()
"""
    )
    done = python(code, LOGS)
    assert done.stdout == ANSWER * 22, done.stderr


def test_pools_of_forked_workers_answer(python: Python) -> None:
    code = (
        FORKING
        + """
def work(number):
    return checksig.check(sys.argv[1]).message
ask()
for _ in range(3):
    with multiprocessing.get_context("fork").Pool(4) as pool:
        print(set(pool.map(work, range(100))) == {checksig.check(sys.argv[1]).message}, flush=True)
"""
    )
    done = python(code, LOGS)
    assert done.stdout == ANSWER + "True\n" * 3, done.stderr


@loads_library
@pytest.mark.parametrize("engine", ["library", ""])
def test_a_forked_child_that_cannot_load_a_copy_raises_or_starts_a_helper(
    python: Python, engine: str
) -> None:
    code = (
        FORKING
        + """
ask()
del os.memfd_create
if os.fork() == 0:
    signal.alarm(20)
    try:
        ask()
    except RuntimeError as error:
        print(error, flush=True)
    os._exit(0)
print(os.wait()[1], checksig.get_engine().name)
"""
    )
    done = python(code, LOGS, engine=engine)
    lines = done.stdout.splitlines()
    if engine:
        assert lines[1].startswith("checksig was used before this process was forked"), done.stderr
    else:
        assert lines[1] == ANSWER.strip(), done.stderr
    assert lines[2] == "0 library"


def test_a_child_forked_after_the_import_can_check(python: Python) -> None:
    code = """
import multiprocessing, sys, warnings
warnings.simplefilter("ignore")
import checksig
def verify(path): return checksig.check(path).message
with multiprocessing.get_context("fork").Pool(2) as pool:
    print(*pool.map(verify, [sys.argv[1]] * 4), sep="\\n")
"""
    done = python(code, LOGS, timeout=30)
    assert done.stdout == f"{MISMATCH}\n" * 4, done.stderr


def test_the_limits_and_handlers_of_the_process_stay_as_they_were(python: Python) -> None:
    code = """
import resource, signal, subprocess, sys
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
def state():
    handlers = [signal.getsignal(number) for number in signal.valid_signals()]
    command = ["sh", "-c", "ulimit -Sn; grep SigIgn /proc/self/status"]
    limit, _, ignored = subprocess.check_output(command, restore_signals=False).split()
    mine = int(ignored, 16) & ~(3 << 31)  # the C library uses 32 and 33
    return resource.getrlimit(resource.RLIMIT_NOFILE), handlers, limit, mine
def caught():
    with open("/proc/self/status") as status:
        (mask,) = [int(line.split()[1], 16) for line in status if line.startswith("SigCgt")]
    return {number for number in signal.valid_signals() if mask >> (number - 1) & 1}
before, caught_before = state(), caught()
import checksig
print(checksig.check(sys.argv[1]).message, state() == before, before[0] == (256, hard))
print(*sorted(signal.Signals(number).name for number in caught() - caught_before))
"""
    done = python(code, LOGS)
    first, second = done.stdout.splitlines()
    assert first == f"{MISMATCH} True True", done.stderr
    assert set(second.split()) <= {"SIGBUS", "SIGFPE", "SIGSEGV", "SIGSTKFLT"}


@pytest.mark.parametrize("mebibytes", [200, 700, 1300, 2000, 3100])
def test_too_little_address_space_is_an_oserror(python: Python, mebibytes: int) -> None:
    code = """
import errno, resource, sys, checksig
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]) << 20,) * 2)
try:
    checksig.check_signatures(sys.argv[1])
except OSError as error:
    print(error.errno == errno.ENOMEM, error)
"""
    done = python(code, LOGS, str(mebibytes), engine="library")
    expected = "checksig needs 3200 MiB of address space, and 'ulimit -v' leaves less"
    assert done.stdout == f"True [Errno 12] {expected}\n", done.stderr


@pytest.mark.parametrize(("mebibytes", "workers"), [(3300, 8), (3300, 256), (4000, 64)])
def test_the_required_address_space_suffices(
    python: Python, directory: Directory, mebibytes: int, workers: int
) -> None:
    root = directory({str(number): b"1" for number in range(600)})
    code = """
import resource, sys, checksig
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]) << 20,) * 2)
print(checksig.check(sys.argv[1], workers=int(sys.argv[3])).ok)
"""
    for _ in range(3):
        done = python(code, root, str(mebibytes), str(workers))
        assert done.stdout == "True\n", done.stderr


# For code that runs in a child: become a user without other processes, with a limit on threads.
ALONE = """
import errno, os, resource, sys, threading
import checksig, checksig._helper
from checksig import *  # the user may not be able to read the modules
def alone(threads):
    os.setuid(100_000 + os.getpid())  # nobody else
    resource.setrlimit(resource.RLIMIT_NPROC, (threads, threads))
"""
only_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can become a user without other processes"
)


@pytest.fixture
def public_package(public_directory: Path) -> Path:
    """Return a copy of the package that every user may read."""
    return shutil.copytree(PACKAGE, public_directory / "checksig")


@only_root
@loads_library
def test_with_few_threads_a_check_works_or_raises_oserror(
    python: Python, public_package: Path, public_directory: Path
) -> None:
    logs = shutil.copytree(LOGS, public_directory / "logs")
    code = (
        ALONE
        + """
alone(int(sys.argv[2]))
try:
    print(len(checksig.check(sys.argv[1], progress=lambda _: None).failures))
except OSError as error:
    print(error.errno == errno.EAGAIN and error.strerror.startswith(("too few threads: ", "Resource temp")))
"""
    )
    for engine in ("library", ""):
        some = range(1, 60, 3)
        answers = [
            python(code, logs, str(left), package=public_package, engine=engine).stdout for left in some
        ]
        first = answers.index("1\n")
        assert (first > 7) if engine else (1 < first < 4)
        assert answers == ["True\n"] * first + ["1\n"] * (20 - first)


def test_hundreds_of_checks_with_all_workers_share_the_threads(python: Python, directory: Directory) -> None:
    """Go would end a process that has 10,000 threads."""
    root = directory({str(number): b"1" for number in range(600)})
    code = """
import os, sys, checksig
paused = [checksig.iter_check(sys.argv[1], workers=256) for _ in range(200)]
for results in paused:
    next(results)
print(len(os.listdir("/proc/self/task")) < 600 + 2 * os.cpu_count())
print({sum(1 for _ in results) for results in paused})
"""
    assert python(code, root).stdout == "True\n{599}\n"


@only_root
@pytest.mark.parametrize("left", [0, 1, 5, 40])
def test_running_out_of_threads_after_the_first_call_does_no_harm(
    python: Python, directory: Directory, public_package: Path, public_directory: Path, left: int
) -> None:
    made = directory({str(number): b"1" * number for number in range(600)})
    root = shutil.copytree(made, public_directory / "root")
    code = (
        ALONE
        + """
checksig.check(sys.argv[1])
alone(len(os.listdir("/proc/self/task")) + 10 + int(sys.argv[2]))
right, refused, begin = [], [], threading.Barrier(10)
def work():
    begin.wait()
    for _ in range(20):
        try: right.append(checksig.check(sys.argv[1], workers=256).ok)
        except OSError as error: refused.append(error.errno == errno.EAGAIN)
threads = [threading.Thread(target=work) for _ in range(10)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(right + refused == [True] * 200, len(right) == 200)
"""
    )
    done = python(code, root, str(left), package=public_package)
    assert done.stdout.startswith("True True\n" if ENGINE == "library" else "True "), done.stderr


def test_sockets_in_a_manifest_leave_the_descriptors_of_others_open(python: Python, tmp_path: Path) -> None:
    lines = [f"{'0' * 40}  socket{number}\n" for number in range(50)]
    (tmp_path / "sha1sum.txt").write_text("".join(lines))
    code = """
import os, socket, sys, threading, time
import checksig
os.chdir(sys.argv[1])
with socket.socket(socket.AF_UNIX) as server:
    server.bind("socket0")
for number in range(1, 50):
    os.link("socket0", f"socket{number}")
answers = set()
end = time.monotonic() + 2
def check():
    while time.monotonic() < end:
        answers.add(checksig.check(".").message.count("is a socket"))
threads = [threading.Thread(target=check) for _ in range(2)]
for thread in threads: thread.start()
lost = 0
while time.monotonic() < end:
    descriptor = os.open("/", os.O_RDONLY)
    try:
        os.fstat(descriptor)
        os.close(descriptor)
    except OSError:
        lost += 1
for thread in threads: thread.join()
print(lost, answers)
"""
    assert python(code, tmp_path).stdout == "0 {20}\n"


@loads_library
def test_a_child_forked_after_a_call_of_the_c_interface_gets_the_right_answer(python: Python) -> None:
    code = """
import ctypes, os, signal, sys, warnings
import checksig
warnings.simplefilter("ignore")
ctypes.CDLL(checksig.get_library()).checksig_verify(sys.argv[1].encode())
import checksig
if os.fork() == 0:
    signal.alarm(20)
    print(checksig.check(sys.argv[1]).message, flush=True)
    os._exit(0)
print(os.wait()[1])
"""
    done = python(code, LOGS)
    assert done.stdout == f"{MISMATCH}\n0\n", done.stderr


def test_an_iterator_in_a_forked_child_raises_and_does_not_hang(python: Python, tmp_path: Path) -> None:
    (tmp_path / "small").touch()
    (tmp_path / "endless").touch()
    os.truncate(tmp_path / "endless", 1 << 42)
    (tmp_path / "md5sum.txt").write_text(f"d41d8cd98f00b204e9800998ecf8427e  small\n{'0' * 32}  endless\n")
    code = """
import gc, os, signal, sys, warnings
import checksig
warnings.simplefilter("ignore")
results = checksig.iter_check(sys.argv[1])
print(next(results).status, flush=True)
if os.fork() == 0:
    signal.alarm(20)
    try:
        next(results)
    except RuntimeError as error:
        print(error, flush=True)
    del results
    gc.collect()
    sys.exit(0)
print(os.wait()[1])
results.close()
"""
    done = python(code, tmp_path)
    expected = "this job was started before the process was forked"
    assert done.stdout == f"OK\n{expected}\n0\n", done.stderr


def test_a_fork_while_another_thread_loads_is_safe(python: Python) -> None:
    code = """
import os, signal, sys, threading, time, warnings
import checksig
def verify(path): return checksig.check(path).message
warnings.simplefilter("ignore")
thread = threading.Thread(target=verify, args=(sys.argv[1],))
thread.start()
time.sleep(float(sys.argv[2]))
child = os.fork()
if child == 0:
    signal.alarm(20)
    print(verify(sys.argv[1]), flush=True)
    os._exit(0)
print(os.waitpid(child, 0)[1])
thread.join()
"""
    for microseconds in (0, 100, 300, 600, 1000, 1500, 2000, 3000):
        done = python(code, LOGS, str(microseconds / 1e6), timeout=60)
        assert done.stdout == f"{MISMATCH}\n0\n", done.stderr


@loads_library
def test_two_go_runtimes_work_in_one_process(python: Python, injected_package: Path) -> None:
    """The second Go library is another build of our own. Both work in many threads."""
    code = """
import ctypes, signal, sys, threading
import checksig
other = ctypes.CDLL(sys.argv[2])
other.verify.argtypes, other.verify.restype = [ctypes.c_char_p], ctypes.c_void_p
other.checksig_free.argtypes = [ctypes.c_void_p]
answers = set()
def by_other():
    for _ in range(200):
        message = other.verify(sys.argv[1].encode())
        answers.add(ctypes.string_at(message).decode())
        other.checksig_free(message)
def by_checksig():
    for _ in range(200):
        answers.add(checksig.check(sys.argv[1]).message)
ticks = []
signal.signal(signal.SIGALRM, lambda *_: ticks.append(1))
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
threads = [threading.Thread(target=work) for work in (by_other, by_checksig) * 4]
for thread in threads: thread.start()
for thread in threads: thread.join()
signal.setitimer(signal.ITIMER_REAL, 0)
print(answers == {sys.argv[3]}, bool(ticks))
"""
    done = python(code, LOGS, injected_package / LIBRARY, MISMATCH)
    assert done.stdout == "True True\n", done.stderr


GO_VARIABLES = {
    "malformed memory limit": {"GOMEMLIMIT": "512Mi"},
    "tiny memory limit": {"GOMEMLIMIT": "1"},
    "unknown FIPS mode": {"GODEBUG": "fips140=2"},
    "FIPS only": {"GODEBUG": "fips140=only"},
    "a trace of the garbage collector": {"GODEBUG": "gctrace=1"},
    "a trace of the scheduler": {"GODEBUG": "schedtrace=1,scheddetail=1"},
    "unknown setting": {"GODEBUG": "nothing=1,,=,x"},
    "no garbage collection": {"GOGC": "off"},
    "malformed garbage collection": {"GOGC": "often"},
    "one processor": {"GOMAXPROCS": "1"},
    "many processors": {"GOMAXPROCS": "4000"},
    "malformed processors": {"GOMAXPROCS": "-1x"},
    "core dumps": {"GOTRACEBACK": "crash"},
    "all": {"GOMEMLIMIT": "x", "GODEBUG": "fips140=2", "GOGC": "x", "GOMAXPROCS": "x", "GOTRACEBACK": "x"},
}


@pytest.mark.parametrize("variables", GO_VARIABLES)
def test_go_variables_in_the_environment_change_nothing(variables: str, python: Python) -> None:
    code = """
import os, sys, checksig
given = {name: os.environ[name] for name in sys.argv[3:]}
for _ in range(3):
    print(checksig.check(sys.argv[1]).message)
report = checksig.check(sys.argv[1], sys.argv[2])
print({name: os.environ[name] for name in sys.argv[3:]} == given, len(os.listdir("/proc/self/task")) < 60)
child = "import os, sys; sys.exit(not all(name in os.environ for name in sys.argv[1:]))"
print(os.spawnl(os.P_WAIT, sys.executable, sys.executable, "-c", child, *sys.argv[3:]))
"""
    names = GO_VARIABLES[variables]
    done = python(code, LOGS, LOGS / "sha1sum.txt", *names, variables=names)
    assert done.stdout == f"{MISMATCH}\n" * 3 + "True True\n0\n", done.stderr
    assert done.stderr == ""


# The signals of faults, which a Go runtime turns into panics, and those that nobody can block.
UNBLOCKED = {"SIGILL", "SIGTRAP", "SIGBUS", "SIGFPE", "SIGSEGV", "SIGKILL", "SIGSTOP"}

AFTER_A_CHECK = """
import os, signal, sys, checksig
list(checksig.iter_check(sys.argv[1], workers=8))
checksig.check(sys.argv[1])
"""


def test_the_threads_of_the_library_block_all_signals_except_faults(python: Python) -> None:
    code = (
        AFTER_A_CHECK
        + """
names = set()
for task in set(os.listdir("/proc/self/task")) - {str(os.getpid())}:
    with open(f"/proc/self/task/{task}/status") as status:
        (mask,) = [int(line.split()[1], 16) for line in status if line.startswith("SigBlk")]
    names |= {signal.Signals(s).name for s in signal.valid_signals() if not mask >> (s - 1) & 1}
print(*sorted(names))
"""
    )
    done = python(code, LOGS)
    assert set(done.stdout.split()) <= UNBLOCKED, done.stderr


def test_a_signal_that_the_only_thread_waits_for_arrives_there(python: Python) -> None:
    code = (
        AFTER_A_CHECK
        + """
waited = signal.valid_signals() - {getattr(signal, name) for name in sys.argv[2:]}
signal.pthread_sigmask(signal.SIG_BLOCK, waited)
for number in sorted(waited):
    for _ in range(3):
        os.kill(os.getpid(), number)
        assert signal.sigtimedwait({number}, 10).si_signo == number, number
print(len(waited) > 50)
"""
    )
    done = python(code, LOGS, *UNBLOCKED)
    assert done.stdout == "True\n", done


@pytest.mark.parametrize("first", ["handler", "check"])
def test_sigurg_is_the_hosts(first: str, python: Python) -> None:
    steps = {"check": AFTER_A_CHECK, "handler": "signal.signal(signal.SIGURG, lambda *_: seen.append(1))"}
    later = "check" if first == "handler" else "handler"
    code = f"""
import signal, time
seen = []
{steps[first]}
{steps[later]}
for _ in range(200):
    checksig.check(sys.argv[1], workers=8)
print(len(seen))
os.kill(os.getpid(), signal.SIGURG)
time.sleep(0.01)
print(len(seen))
"""
    done = python(code, LOGS)
    assert done.stdout == "0\n1\n", done


def test_a_host_that_resets_all_handlers_lives_on(python: Python) -> None:
    code = """
import os, signal, sys, threading, checksig
checksig.check(sys.argv[1])
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_DFL)
threads = [threading.Thread(target=checksig.check, args=(sys.argv[1],)) for _ in range(64)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(checksig.check(sys.argv[1]).message)
"""
    assert python(code, LOGS).stdout == f"{MISMATCH}\n"


# Allows this thread, and those that it starts later, to read files below the given directories only.
LANDLOCK = """
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
READ_FILE, BENEATH, NO_NEW_PRIVS = 1 << 2, 1, 38
def restrict(*folders):
    attributes = struct.pack("=Q", READ_FILE)
    rules = libc.syscall(444, attributes, len(attributes), 0)
    if rules < 0:
        sys.exit(f"no Landlock: {os.strerror(ctypes.get_errno())}")
    for folder in folders:
        rule = struct.pack("=Qi", READ_FILE, os.open(folder, os.O_PATH))
        assert libc.syscall(445, rules, BENEATH, rule, 0) == 0, folder
    assert libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    assert libc.syscall(446, rules, 0) == 0
"""


def test_landlock_before_the_first_call_binds(python: Python, directory: Directory) -> None:
    root = directory({str(number): b"x" for number in range(500)})
    (root / "denied").mkdir()
    (root / "denied/file").write_bytes(b"y")
    with (root / "sha1sum.txt").open("a") as sums:
        sums.write(f"{hashlib.sha1(b'y').hexdigest()}  denied/file\n")
    code = (
        LANDLOCK
        + """
import checksig
allowed = [os.path.join(sys.argv[1], name) for name in os.listdir(sys.argv[1]) if name != "denied"]
restrict(*allowed, "/usr", "/lib", "/proc", "/dev", sys.prefix, sys.base_prefix, sys.argv[2])
report = checksig.check(sys.argv[1])
print(report.counts[checksig.Status.OK], [(f.path, f.reason) for f in report.failures])
"""
    )
    done = python(code, root, PACKAGE)
    if "no Landlock" in done.stderr:
        pytest.skip(done.stderr)
    assert done.stdout == "500 [('denied/file', 'permission denied')]\n", done.stderr

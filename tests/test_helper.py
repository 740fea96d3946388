"""Library or helper: which one serves, and why; and the helper, a process that does one job."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest
import toolchain
from support import (
    CHILDREN,
    HELPER,
    LIBRARY,
    LOGS,
    MISMATCH,
    OPEN_BELOW,
    Directory,
    Python,
    environment,
    loads_library,
)

from checksig import _installation

ASK = """
import sys, checksig
print(*checksig.get_engine(), sep=": ")
print(checksig.check(sys.argv[1]).message)
"""


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """Return a directory with a small good file and a file that is too large to be read to its end."""
    root = tmp_path / "endless"
    root.mkdir()
    (root / "small").touch()
    (root / "endless").touch()
    os.truncate(root / "endless", 1 << 42)
    (root / "md5sum.txt").write_text(f"d41d8cd98f00b204e9800998ecf8427e  small\n{'0' * 32}  endless\n")
    return root


def is_gone(pid: int) -> bool:
    """Return whether a process ends, or becomes a zombie, within two seconds."""
    end = time.monotonic() + 2
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state in "ZX":
            return True
        time.sleep(0.005)
    return False


@pytest.mark.parametrize("name", [pytest.param("library", marks=loads_library), "helper"])
def test_checksig_engine_selects_the_library_or_the_helper(python: Python, name: str) -> None:
    done = python(ASK, LOGS, engine=name)
    assert done.stdout == f"{name}: CHECKSIG_ENGINE selects it\n{MISMATCH}\n", done.stderr


@loads_library
def test_the_library_serves_unless_there_is_a_reason(python: Python) -> None:
    assert python(ASK, LOGS, engine="").stdout == f"library: it can be loaded into this process\n{MISMATCH}\n"


def test_every_function_refuses_an_unknown_checksig_engine(python: Python) -> None:
    code = """
import sys, checksig
for call in (checksig.check, checksig.check_signatures, checksig.iter_check, checksig.create,
             lambda _: checksig.get_engine(), lambda _: checksig.get_algorithms()):
    try: call(sys.argv[1])
    except ValueError as error: print(error)
"""
    done = python(code, LOGS, engine="libary")
    expected = 'invalid CHECKSIG_ENGINE "libary" (choose "library" or "helper")\n'
    assert done.stdout == expected * 6, done.stderr


def test_the_helper_serves_in_a_package_without_the_library(python: Python, package_copy: Path) -> None:
    (package_copy / LIBRARY).unlink(missing_ok=True)
    done = python(ASK, LOGS, package=package_copy, engine="")
    assert done.stdout == f"helper: this package contains no library\n{MISMATCH}\n", done.stderr
    (package_copy / HELPER).unlink()
    for engine in ("", "helper", "library"):
        last = python(ASK, LOGS, package=package_copy, engine=engine).stderr.splitlines()[-1]
        assert last.startswith("ImportError: cannot ")
        assert "reinstall checksig" in last


@loads_library
def test_the_helper_serves_if_the_c_library_is_not_glibc(python: Python) -> None:
    code = "import os\ndef refuse(name): raise OSError(22, name)\nos.confstr = refuse\n" + ASK
    done = python(code, LOGS, engine="")
    reason = "the C library is not glibc, and cannot load a Go runtime"
    assert done.stdout == f"helper: {reason}\n{MISMATCH}\n", done.stderr


def test_the_helper_needs_neither_a_c_library_nor_a_file() -> None:
    """It starts in an otherwise empty root directory, without an ELF interpreter or a library."""
    if os.geteuid() != 0:
        pytest.skip("only root changes the root")
    assert b"/ld-" not in Path(_installation.HELPER).read_bytes()[: 1 << 16]
    done = subprocess.run(
        [sys.executable, "-c", ALONE_IN_A_ROOT, _installation.HELPER, LOGS], capture_output=True, check=False
    )
    assert done.stdout.count(MISMATCH.replace(str(LOGS), "/logs").encode()) == 1, done


ALONE_IN_A_ROOT = """
import os, shutil, subprocess, sys, tempfile
sys.path.insert(0, "src")
from checksig._wire import Request, pack_request
with tempfile.TemporaryDirectory() as root:
    shutil.copy(sys.argv[1], root + "/helper")
    shutil.copytree(sys.argv[2], root + "/logs")
    made = subprocess.Popen(["/helper"], preexec_fn=lambda: os.chroot(root), cwd="/",
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    made.stdin.write(pack_request(Request(b"/logs")))
    made.stdin.flush()
    sys.stdout.buffer.write(made.stdout.read())
"""


def spoil(package: Path, how: str) -> None:
    """Damage a helper."""
    program = package / HELPER
    whole = program.read_bytes()
    program.unlink()
    if how == "not executable":
        program.write_bytes(whole)
    elif how == "another version":
        toolchain.build_helper("0.0.9", package)
    elif how != "missing":
        program.write_bytes({"empty": b"", "truncated": whole[:5000]}.get(how, how.encode()))
        program.chmod(0o755)


@pytest.mark.parametrize("how", ["missing", "not executable", "another version", "empty", "no program"])
def test_a_helper_that_cannot_run_is_an_import_error(python: Python, package_copy: Path, how: str) -> None:
    spoil(package_copy, how)
    last = python(ASK, LOGS, package=package_copy, engine="helper").stderr.splitlines()[-1]
    assert last.startswith("ImportError: ")
    assert str(package_copy / HELPER) in last
    assert "reinstall checksig" in last
    assert ("version 0.0.9" in last) == (how == "another version")


SCRIPTS = {
    "ends": "#!/bin/sh\nexit 0\n",
    "reads and ends": "#!/bin/sh\nhead -c 8 > /dev/null\n",
    "complains": "#!/bin/sh\necho broken >&2\nexit 3\n",
    "says something else": "#!/bin/sh\necho OK\n",
    "says a lot": "#!/bin/sh\nyes hello | head -c 100000\n",
    "says a short frame": "#!/bin/sh\nprintf '\\3\\0\\0\\0abc'; sleep 0.1\n",
    "says too little": "#!/bin/sh\nprintf '\\0\\0\\0\\1abc'\n",
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_program_that_is_not_a_helper_is_an_internal_error(
    python: Python, package_copy: Path, script: str
) -> None:
    spoil(package_copy, SCRIPTS[script])
    done = python(ASK, LOGS, package=package_copy, engine="helper")
    assert "checksig.errors.InternalError: the helper process ended without a verdict" in done.stderr
    assert MISMATCH not in done.stdout
    assert ("broken" in done.stderr) == (script == "complains")


def test_a_request_to_a_helper_that_has_ended_does_not_end_python(python: Python, package_copy: Path) -> None:
    """Not even if SIGPIPE has its default action."""
    spoil(package_copy, SCRIPTS["ends"])
    code = """
import signal, sys, checksig
from checksig import Entry
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
entries = [Entry("x" * 200 + str(number), "sha1", "0" * 40, None) for number in range(10_000)]
try: checksig.check(sys.argv[1], entries)
except checksig.InternalError as error: print(error)
"""
    done = python(code, LOGS, package=package_copy, engine="helper")
    assert done.stdout.startswith("the helper process ended without a verdict"), done


def test_a_helper_that_is_killed_at_any_moment_is_an_internal_error(python: Python, tmp_path: Path) -> None:
    """It never gives a verdict or a false result."""
    with (tmp_path / "sha1sum.txt").open("w") as file:
        file.writelines(f"{'0' * 40}  {number}\n" for number in range(50_000))
    code = (
        CHILDREN
        + """
import os, random, signal, sys, threading, time, checksig
for number in range(40):
    results, seen = checksig.iter_check(sys.argv[1]), 0
    (pid,) = children()
    def kill():
        time.sleep(number / 500)
        try: os.kill(int(pid), signal.SIGKILL)
        except ProcessLookupError: pass
    killer = threading.Thread(target=kill)
    killer.start()
    try:
        for result in results:
            assert (result.path, result.status) == (str(seen), "MISSING")
            seen += 1
        print("whole", seen == 50_000)
    except checksig.InternalError:
        print("InternalError", seen < 50_000)
    killer.join()
    assert children() == []
"""
    )
    done = python(code, tmp_path, engine="helper")
    outcomes = done.stdout.splitlines()
    assert len(outcomes) == 40, done.stderr
    assert set(outcomes) <= {"whole True", "InternalError True"}
    assert outcomes.count("InternalError True") > 3


WAITING = (
    CHILDREN
    + """
import ctypes, os, subprocess, sys, threading, time, warnings, checksig
warnings.simplefilter("ignore")
results = checksig.iter_check(sys.argv[1])
next(results)
"""
)


@pytest.mark.parametrize("fork", ["none", "os.fork", "fork of the C library"])
@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGTERM])
def test_no_helper_outlives_its_parent(death: signal.Signals, fork: str, endless: Path) -> None:
    """Not even if a forked child of its parent survives and holds the other end of its socket."""
    code = (
        WAITING
        + {
            "none": "child = 0",
            "os.fork": "child = os.fork()",
            "fork of the C library": "child = ctypes.PyDLL(None).fork()",
        }[fork]
        + """
if child or sys.argv[2] == "none":
    print(*[pid for pid in children() if int(pid) != child], child, flush=True)
time.sleep(60)
"""
    )
    env = environment() | {"CHECKSIG_ENGINE": "helper"}
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(endless), fork], env=env, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    pid, child = map(int, process.stdout.readline().split())
    try:
        assert (
            "helper" in Path(f"/proc/{pid}/cmdline").read_text()
            or HELPER in Path(f"/proc/{pid}/cmdline").read_text()
        )
        process.send_signal(death)
        assert process.wait(10) == -death
        assert is_gone(pid)
    finally:
        if child:
            os.kill(child, signal.SIGKILL)
        process.stdout.close()


def test_a_forked_child_has_no_end_of_its_parents_sockets(python: Python, endless: Path) -> None:
    code = (
        WAITING
        + """
child = os.fork()
if child == 0:
    print(sorted(name[:4] for path in glob.glob("/proc/self/fd/*") if (name := os.path.realpath(path))
                 and ("socket:" in name or "pipe:" in name) and int(path.split("/")[-1]) > 2), flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""
    )
    assert python(code, endless, engine="helper").stdout == "[]\n"


def test_a_helper_outlives_the_thread_that_started_it(python: Python, directory: Directory) -> None:
    root = directory({str(number): b"1" for number in range(3000)})
    code = """
import sys, threading, time, checksig
made = []
def start():
    made.append(checksig.iter_check(sys.argv[1]))
thread = threading.Thread(target=start)
thread.start()
thread.join()
time.sleep(0.3)
print(sum(1 for _ in made[0]))
"""
    assert python(code, root, engine="helper").stdout == "3000\n"


def in_its_own_group(code: str, *arguments: str | Path) -> subprocess.Popen[str]:
    """Start Python in a process group of its own, as a shell does, so that Ctrl-C goes to the group."""
    env = environment() | {"CHECKSIG_ENGINE": "helper"}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True, process_group=0)


@pytest.mark.timing
def test_ctrl_c_at_the_terminal_does_not_reach_the_helper(endless: Path) -> None:
    """A signal handler that returns finds the helper running."""
    code = """
import signal, sys, time, checksig
seen = []
signal.signal(signal.SIGINT, lambda *_: seen.append(1))
results = checksig.iter_check(sys.argv[1])
print(next(results).status, flush=True)
def stop(progress):
    if seen and time.monotonic() > end: raise KeyError
end = time.monotonic() + 1
try: checksig.check(sys.argv[1], progress=stop)
except KeyError: print("went on", flush=True)
signal.signal(signal.SIGINT, signal.default_int_handler)
print("ready", flush=True)
try: checksig.check(sys.argv[1])
except KeyboardInterrupt: print(time.monotonic())
"""
    process = in_its_own_group(code, endless)
    assert process.stdout is not None
    assert process.stdout.readline() == "OK\n"
    time.sleep(0.2)
    os.killpg(process.pid, signal.SIGINT)
    assert process.stdout.readline() == "went on\n"
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.2)
    sent = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    output = process.communicate()[0]
    assert float(output) - sent < 0.2


def test_no_descriptor_passes_between_the_helper_and_other_processes(python: Python, endless: Path) -> None:
    code = (
        OPEN_BELOW
        + WAITING
        + """
def listed(pid):
    return {os.readlink(path) for path in glob.glob(f"/proc/{pid}/fd/*") if os.path.islink(path)}
other = subprocess.Popen(["sleep", "60"], close_fds=False)
print([name for name in listed(other.pid) if "socket" in name])
meant_for_others = os.pipe()
for descriptor in meant_for_others:
    os.set_inheritable(descriptor, True)
before = children()
later = checksig.iter_check(sys.argv[1])
next(later)
(pid,) = set(children()) - set(before)
print(os.readlink(f"/proc/self/fd/{meant_for_others[0]}") in listed(pid), len(listed(pid)) > 2)
other.kill()
other.wait()
"""
    )
    done = python(code, endless, engine="helper")
    assert done.stdout == "[]\nFalse True\n", done.stderr


HOSTS = {
    "no standard streams": "out = os.dup(1); [os.close(number) for number in range(3)]",
    "no standard output": "out = os.dup(1); os.close(1)",
    "SIGCHLD is ignored": "signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
    "sockets have a timeout": "socket.setdefaulttimeout(0.0001)",
    "all signals are blocked": "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())",
    "another thread waits for all children": "threading.Thread(target=thief, daemon=True).start()",
    "another directory": "os.chdir('/')",
    "odd variables": "os.environb[b'x\\xff'] = b'\\xff'; os.environ['GOTRACEBACK'] = 'all'",
}


@pytest.mark.parametrize("host", HOSTS)
def test_the_helper_serves_in_an_unusual_process(host: str, python: Python) -> None:
    code = f"""
import os, signal, socket, subprocess, sys, threading, time, checksig
out = 1
def thief():
    while True:
        try: os.wait()
        except ChildProcessError: time.sleep(0.0001)
posix_spawn = os.posix_spawn
def spawn(*arguments, file_actions, **more):
    # An old C library would close a descriptor that is duplicated to its own number.
    assert min(source for _, source, _ in file_actions) > 2
    return posix_spawn(*arguments, file_actions=file_actions, **more)
os.posix_spawn = spawn
{HOSTS[host]}
answers = {{checksig.check(sys.argv[1]).message for _ in range(30)}}
os.write(out, f"{{answers}}\\n".encode())
"""
    done = python(code, LOGS, engine="helper")
    assert done.stdout == f"{ {MISMATCH} }\n", done.stderr


def test_helpers_leave_nothing_behind(python: Python, endless: Path) -> None:
    """Jobs that end, and jobs that are closed, leave no zombie, no descriptor and no thread."""
    code = (
        CHILDREN
        + """
import os, sys, threading, checksig
def state():
    return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task")), children()
checksig.check(sys.argv[2])
before = state()
for _ in range(30):
    checksig.check(sys.argv[2])
    results = checksig.iter_check(sys.argv[1])
    next(results)
    results.close()
    checksig.iter_check(sys.argv[1])
checksig.check(sys.argv[2])
print(before[2], state() == before, state())
"""
    )
    done = python(code, endless, LOGS, engine="helper")
    assert done.stdout.startswith("[] True"), (done.stdout, done.stderr)


@pytest.mark.timing
def test_a_job_that_another_thread_closes_ends_at_once(python: Python, endless: Path) -> None:
    code = """
import sys, threading, time, checksig
results = checksig.iter_check(sys.argv[1])
next(results)
def close():
    time.sleep(0.3)
    times.append(time.monotonic())
    results.close()
times = []
threading.Thread(target=close).start()
try:
    list(results)
except checksig.CancelledError as error:
    print(time.monotonic() - times[0] < 0.2, error)
"""
    done = python(code, endless, engine="helper")
    assert done.stdout.startswith("True this job was closed"), done.stderr


def test_a_request_of_many_megabytes_and_its_answer_arrive(python: Python, tmp_path: Path) -> None:
    code = """
import sys, checksig
from checksig import Entry
entries = [Entry("x" * 200 + str(number), "sha1", "0" * 40, None) for number in range(100_000)]
print({result.status for result in checksig.iter_check(sys.argv[1], entries)})
print(len(checksig.check(sys.argv[1], entries).failures))
"""
    done = python(code, tmp_path, engine="helper")
    assert done.stdout == "{<Status.MISSING: 'MISSING'>}\n100000\n", done.stderr


@pytest.mark.timing
def test_a_stopped_helper_can_be_closed(python: Python, endless: Path) -> None:
    code = (
        CHILDREN
        + """
import os, signal, sys, threading, time, checksig
results = checksig.iter_check(sys.argv[1])
next(results)
os.kill(int(children()[0]), signal.SIGSTOP)
time.sleep(0.2)
threading.Timer(0.3, results.close).start()
start = time.monotonic()
try:
    list(results)
except checksig.CancelledError:
    print(0.1 < time.monotonic() - start < 0.6)
time.sleep(0.2)
print(children())
"""
    )
    assert python(code, endless, engine="helper").stdout == "True\n[]\n"


@loads_library
@pytest.mark.parametrize("mebibytes", [200, 700, 1300, 1600, 2000, 3100])
def test_with_little_address_space_the_helper_serves_or_the_call_raises_oserror(
    python: Python, mebibytes: int
) -> None:
    code = f"import resource\nresource.setrlimit(resource.RLIMIT_AS, ({mebibytes} << 20,) * 2)\n" + ASK
    done = python(code, LOGS, engine="")
    needed = "checksig needs {} MiB of address space, and 'ulimit -v' leaves less"
    if mebibytes > 1500:
        why = f"helper: the library cannot be loaded into this process: [Errno 12] {needed.format(3200)}"
        assert done.stdout == f"{why}\n{MISMATCH}\n", done.stderr
    else:
        assert f"OSError: [Errno {errno.ENOMEM}] {needed.format(1500)}" in done.stderr


@loads_library
@pytest.mark.parametrize("mebibytes", [20, 150, 250, 600])
def test_with_little_data_the_helper_serves_or_the_call_raises_oserror(
    python: Python, mebibytes: int
) -> None:
    limit = f"import resource\nresource.setrlimit(resource.RLIMIT_DATA, ({mebibytes} << 20,) * 2)\n"
    done = python(limit + ASK, LOGS, engine="")
    needed = "checksig needs {} MiB of data, and 'ulimit -d' leaves less"
    if mebibytes > 500:
        assert done.stdout.startswith("library: "), done.stderr
    elif mebibytes > 200:
        why = f"helper: the library cannot be loaded into this process: [Errno 12] {needed.format(320)}"
        assert done.stdout == f"{why}\n{MISMATCH}\n", done.stderr
    else:
        assert f"OSError: [Errno {errno.ENOMEM}] {needed.format(200)}" in done.stderr


# Loads libraries until no static TLS is left, as torch, OpenMP and jemalloc together may.
WITHOUT_STATIC_TLS = """
import ctypes, subprocess, sys
source = "__thread char a[{size}] = {{1}}; char *address(void) {{ return a; }}"
for size in (512, 64, 8):
    for number in range(1000):
        library = f"{sys.argv[2]}/{size}-{number}.so"
        flags = ["-shared", "-fPIC", "-ftls-model=initial-exec", "-xc", "-", "-o", library]
        subprocess.run(["gcc", *flags], input=source.format(size=size).encode(), check=True)
        try:
            ctypes.CDLL(library)
        except OSError:
            break
"""


@loads_library
def test_the_helper_serves_if_an_undamaged_library_cannot_be_loaded(python: Python, tmp_path: Path) -> None:
    if not shutil.which("gcc"):
        pytest.skip("gcc is not installed")
    cause = "cannot allocate memory in static TLS block"
    done = python(WITHOUT_STATIC_TLS + ASK, LOGS, tmp_path, engine="")
    assert done.stdout.startswith("helper: the library cannot be loaded into this process: "), done.stderr
    assert done.stdout.endswith(f"{cause}\n{MISMATCH}\n")
    done = python(WITHOUT_STATIC_TLS + ASK, LOGS, tmp_path, engine="library")
    message = done.stderr.splitlines()[-1]
    assert message.endswith(f"{cause}; _checksig.so is as it was built, but cannot be used here"), done
    assert "reinstall" not in message


@loads_library
def test_a_damaged_library_is_an_import_error_although_there_is_a_helper(
    python: Python, package_copy: Path
) -> None:
    with (package_copy / LIBRARY).open("r+b") as library:
        library.write(b"\x7fELG")
    done = python(ASK, LOGS, package=package_copy, engine="")
    assert "ImportError" in done.stderr
    assert "reinstall checksig" in done.stderr


def test_the_helper_needs_no_poll(python: Python) -> None:
    """Libraries such as eventlet remove it."""
    code = "import select\ndel select.poll, select.epoll\n" + ASK
    done = python(code, LOGS, engine="helper")
    assert done.stdout.endswith(f"{MISMATCH}\n"), done.stderr


@loads_library
def test_library_and_helper_give_the_same_results(python: Python, directory: Directory) -> None:
    random = Random("engines")
    root = directory({f"{number}\xff": random.randbytes(number) for number in range(200)})
    more = b"?\n" + b"0" * 40 + b"  gone\xfe\n" + b"1" * 40 + b"  0\xc3\xbf\n"
    (root / "sha1sum.txt").write_bytes((root / "sha1sum.txt").read_bytes() + more)
    (root / "17\xff").write_bytes(b"other")
    code = """
import sys, checksig
print(*checksig.iter_check(sys.argv[1], extra="fail"), sep="\\n")
report = checksig.check(sys.argv[1], extra="fail")
print(report.failures, report.counts, report.bad_lines, report.manifests, report.bytes, report.message)
print(checksig.find_manifests(sys.argv[1]), checksig.get_algorithms())
"""
    answers = {python(code, root, engine=engine).stdout for engine in ("library", "helper")}
    assert len(answers) == 1
    assert "CONFLICT" in answers.pop()

"""Receipts: files that were hashed before, were OK and are untouched since are not hashed again."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import json
import mmap
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import journals
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import CHECKOUT, LOGS, Python, command, environment, needs_library, posix

import checksig
from checksig import Status

DAY = 86400
linux = pytest.mark.skipif(sys.platform != "linux", reason="receipts are used on Linux alone")
pytestmark = linux


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory that has the state of programs."""
    folder = tmp_path / "state"
    folder.mkdir()
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))
    return folder


def plant(root: Path, content: bytes = b"1", listed: bytes = b"1", names: str = "ab") -> dict[str, str]:
    """Make a directory of files and the manifest for them; return the digests of each."""
    root.mkdir()
    digest = hashlib.sha256(listed).hexdigest()
    for name in names:
        (root / name).write_bytes(content)
    (root / "SHA256SUMS").write_text("".join(f"{digest}  {name}\n" for name in names))
    return {"sha256": digest}


@pytest.fixture
def rotten(state: Path, tmp_path: Path) -> Path:
    """Return a directory whose files a and b have receipts, but have lost their content since."""
    root = tmp_path / "rotten"
    digests = plant(root, content=b"rot", listed=b"1")
    if not journals.is_trusted(root):
        pytest.skip("no receipts are used on this file system")
    journals.write(state, root, *(journals.receipt(root, name, digests, time.time() - DAY) for name in "ab"))
    return root


def by_receipt(root: Path, **options: Any) -> int:
    """Return how many files of a rotten directory are OK by receipts; all others must have failed."""
    report = checksig.check(root, receipts=True, **options)
    assert report.counts[Status.OK] == report.by_receipt
    return report.by_receipt


def test_a_file_with_a_receipt_is_not_hashed(rotten: Path) -> None:
    report = checksig.check(rotten, receipts=True)
    assert (report.ok, report.by_receipt, report.bytes, report.notes) == (True, 2, 0, ())
    assert report.oldest_receipt is not None
    assert abs(datetime.now(UTC) - timedelta(days=1) - report.oldest_receipt) < timedelta(minutes=1)
    date = f"{report.oldest_receipt.astimezone():%Y-%m-%d}"
    assert report.summary().startswith(
        f"2 files OK, 2 of them by receipts (oldest {date}) · sha256 · 0 B hashed in"
    )
    assert f"by receipts (oldest {date})" in report._repr_html_()
    with checksig.iter_check(rotten, receipts=True, progress=lambda _: None) as results:
        found = list(results)
    assert [(r.path, r.actual, r.size, r.receipt) for r in found] == [
        (name, None, 3, report.oldest_receipt) for name in "ab"
    ]
    assert results.progress.total_bytes in (0, None)


def test_receipts_are_used_only_if_asked_for(rotten: Path) -> None:
    journal = next(rotten.parent.glob("state/checksig/*"))
    before = journal.read_bytes()
    for name in ("check_signatures", "create", "update", "diff"):
        assert "receipts" not in inspect.signature(getattr(checksig, name)).parameters
    for name in ("check", "iter_check"):
        assert inspect.signature(getattr(checksig, name)).parameters["receipts"].default is False
    assert set(checksig.diff(rotten).modified) == {"a", "b"}
    assert journal.read_bytes() == before
    assert not checksig.check(rotten).ok
    journal.write_bytes(before)
    with pytest.raises(checksig.VerificationError):
        checksig.check_signatures(rotten)
    journal.write_bytes(before)
    assert command("check", rotten, cwd=rotten).returncode == 1


@pytest.mark.parametrize("how", ["check", "iter_check", "check_signatures", "command"])
def test_a_bad_verdict_of_any_check_revokes(how: str, rotten: Path) -> None:
    """Damage below the file system is OK by receipt, is found by hashing, and stays found."""
    assert by_receipt(rotten) == 2
    if how == "command":
        assert command("check", rotten, cwd=rotten).returncode == 1
    elif how == "check_signatures":
        with pytest.raises(checksig.VerificationError):
            checksig.check_signatures(rotten)
    else:
        assert any(result.bad for result in checksig.iter_check(rotten, shard=(1, 2)))
        assert by_receipt(rotten) == 1
        checksig.check(rotten)
    assert by_receipt(rotten) == 0


def write_again(root: Path) -> None:
    (root / "a").write_bytes(b"rot")


def touch(root: Path) -> None:
    before = (root / "a").stat()
    os.utime(root / "a", ns=(before.st_atime_ns, before.st_mtime_ns + 1))


def change_mode(root: Path) -> None:
    (root / "a").chmod(0o600)


def grow(root: Path) -> None:
    before = (root / "a").stat()
    with (root / "a").open("ab") as file:
        file.write(b"!")
    os.utime(root / "a", ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(root: Path) -> None:
    before = (root / "a").stat()
    shutil.copy2(root / "a", root / "copy")
    os.utime(root / "copy", ns=(before.st_atime_ns, before.st_mtime_ns))
    (root / "copy").rename(root / "a")


def swap(root: Path) -> None:
    for old, new in (("a", "c"), ("b", "a"), ("c", "b")):
        (root / old).rename(root / new)


def link(root: Path) -> None:
    (root / "a").rename(root / "x")
    (root / "a").symlink_to("b")


def link_hard(root: Path) -> None:
    os.link(root / "a", root / "x")


def list_another_digest(root: Path) -> None:
    text = (root / "SHA256SUMS").read_text()
    (root / "SHA256SUMS").write_text(text.replace("6b86", "6b87", 1))


def list_another_algorithm(root: Path) -> None:
    (root / "MD5SUMS").write_text(f"{hashlib.md5(b'1').hexdigest()}  a\n")


TOUCHES: list[Callable[[Path], None]] = [
    *(write_again, touch, change_mode, grow, replace, swap, link, link_hard),
    *(list_another_digest, list_another_algorithm),
]


@pytest.mark.parametrize("change", TOUCHES)
def test_a_file_that_differs_in_anything_is_hashed(change: Callable[[Path], None], rotten: Path) -> None:
    """In its name, a listed digest, the size, the inode, mtime or ctime."""
    change(rotten)
    assert by_receipt(rotten) == (0 if change is swap else 1)


def test_a_moved_directory_is_hashed_and_a_symlink_to_one_is_the_same(rotten: Path) -> None:
    (rotten.parent / "link").symlink_to(rotten)
    assert by_receipt(rotten.parent / "link") == 2
    rotten.rename(rotten.parent / "moved")
    assert by_receipt(rotten.parent / "moved") == 0
    assert checksig.check(rotten.parent / "moved", receipts=True).notes == ()


def test_a_symlink_inside_has_the_receipt_of_its_target(state: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    digests = plant(root, b"rot", names="a")
    if not journals.is_trusted(root):
        pytest.skip("no receipts are used on this file system")
    (root / "a").rename(root / "target")
    (root / "a").symlink_to("target")
    journals.write(state, root, journals.receipt(root, "a", digests, time.time()))
    assert by_receipt(root) == 1
    (root / "target").write_bytes(b"rot")
    assert by_receipt(root) == 0


def test_an_old_receipt_and_one_from_the_future_are_none(state: Path, rotten: Path) -> None:
    digests = {"sha256": hashlib.sha256(b"1").hexdigest()}
    now = time.time()
    cases: list[tuple[float, dict[str, Any], bool]] = [
        (29 * DAY, {}, True),
        (30 * DAY + 1, {}, False),
        (60, {"max_age": 100}, True),
        (60, {"max_age": 60}, False),
        (60, {"max_age": timedelta(minutes=2)}, True),
        (0, {"max_age": 0}, False),
        (0, {"max_age": 0.9}, False),
        (360 * DAY, {"max_age": timedelta(days=366)}, True),
        (-300, {}, False),
    ]
    for age, options, used in cases:
        journals.write(state, rotten, journals.receipt(rotten, "a", digests, now - age))
        assert by_receipt(rotten, **options) == used, (age, options)


def test_an_age_has_an_end_and_needs_receipts(rotten: Path) -> None:
    for max_age in (-1, float("inf"), float("nan"), 367 * DAY, timedelta(days=-1)):
        with pytest.raises(ValueError, match="0 to 366 days"):
            checksig.check(rotten, receipts=True, max_age=max_age)
    with pytest.raises(ValueError, match="needs receipts=True"):
        checksig.check(rotten, max_age=3)
    with pytest.raises(TypeError, match="receipts must be"):
        checksig.check(rotten, receipts="yes")  # type: ignore[arg-type]
    for arguments in (
        *(["--max-age", "3d"], ["--receipts", "--max-age", "forever"], ["--receipts", "--max-age", "3"]),
        *(["--receipts", "--max-age", "53w"], ["--receipts", "--max-age", "d"]),
    ):
        done = command("check", *arguments, cwd=rotten)
        assert (done.returncode, done.stdout) == (2, "")
    assert command("check", "--receipts", "--max-age", "2d", cwd=rotten).returncode == 0
    assert command("check", "--receipts", "--max-age", "12h", cwd=rotten).returncode == 1
    assert command("check", "--receipts", "--max-age", "0", cwd=rotten).returncode == 1


def test_a_receipt_that_is_not_newer_than_a_revocation_is_none(state: Path, rotten: Path) -> None:
    """Another run may write a receipt long after it has read the file, and clocks are set back."""
    digests = {"sha256": hashlib.sha256(b"1").hexdigest()}
    now = time.time() - DAY
    old, new = (journals.receipt(rotten, "a", digests, now + more) for more in (0, 100))
    for records, used in [
        ([old, journals.revocation("a", now + 50)], False),
        ([journals.revocation("a", now + 50), old], False),
        ([journals.revocation("a", now + 50), new], True),
        ([new, journals.revocation("a", now + 50)], False),
        ([journals.revocation("b", now + 50), old], True),
    ]:
        journals.write(state, rotten, *records)
        assert by_receipt(rotten, manifest=[checksig.Entry("a", "sha256", digests["sha256"])]) == used


def test_a_journal_that_is_torn_anywhere_has_no_receipt_that_is_not_whole(state: Path, rotten: Path) -> None:
    journal = journals.path_of(state, rotten)
    whole = journal.read_bytes()
    start = len(journals.header(rotten))
    for size in range(0, len(whole), 7):
        journal.write_bytes(whole[:size])
        entries = [*checksig.read_manifest(rotten)]
        found = [r.path for r in checksig.iter_check(rotten, entries, receipts=True) if r.receipt]
        assert len([name for name in found if name]) == max(0, (size - start) // 48)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_damaged_journal_makes_a_bad_file_ok(state: Path, rotten: Path, data: st.DataObject) -> None:
    """The receipts are revoked; no damage to the journal brings them back."""
    digests = {"sha256": hashlib.sha256(b"1").hexdigest()}
    receipts = [journals.receipt(rotten, name, digests, time.time() - DAY) for name in "ab"]
    journal = journals.write(
        state, rotten, *receipts, *(journals.revocation(name, time.time()) for name in "ab")
    )
    content = bytearray(journal.read_bytes())
    first = len(journals.header(rotten)) + 96 if data.draw(st.booleans()) else 0
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(first, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    journal.write_bytes(content)
    assert by_receipt(rotten) == 0


def test_a_foreign_journal_is_none_and_is_left_alone(state: Path, rotten: Path) -> None:
    journal = journals.path_of(state, rotten)
    whole = journal.read_bytes()
    other = rotten.parent / "other"
    other.write_bytes(whole)
    other.chmod(0o600)
    plant(rotten.parent / "elsewhere")

    def link() -> None:
        journal.unlink()
        journal.symlink_to(other)

    def share() -> None:
        journal.chmod(0o620)

    def text() -> None:
        journal.write_text("precious" * 100)

    def fifo() -> None:
        journal.unlink()
        os.mkfifo(journal, 0o600)

    def of_another_directory() -> None:
        journal.write_bytes(journals.header(rotten.parent / "elsewhere") + whole[-96:])

    for make in (link, share, text, fifo, of_another_directory):
        if os.path.lexists(journal):
            journal.unlink()
        journal.touch(0o600)
        journal.write_bytes(whole)
        make()
        before = None if make is fifo else journal.read_bytes()
        report = checksig.check(rotten, receipts=True)
        assert (report.by_receipt, report.bad) == (0, 2), make
        assert len(report.notes) == 1
        assert report.notes[0].startswith("receipts not read:")
        assert "not a journal of this user" in report.notes[0]
        assert make is fifo or journal.read_bytes() == before


def test_a_file_gets_a_receipt_only_if_it_is_ok_and_60_seconds_old(state: Path, tmp_path: Path) -> None:
    root = tmp_path / "new"
    plant(root)
    if not journals.is_trusted(root):
        pytest.skip("no receipts are used on this file system")
    assert checksig.check(root, receipts=True).ok
    assert checksig.check(root, receipts=True).by_receipt == 0
    assert not journals.path_of(state, root).exists()

    newest = max(max(path.stat().st_mtime, path.stat().st_ctime) for path in LOGS.iterdir())
    if time.time() - newest < 61 or not journals.is_trusted(LOGS):
        pytest.skip("the checkout is too new")
    for count in (0, 9):
        report = checksig.check(LOGS, receipts=True)
        assert (report.by_receipt, report.counts[Status.OK], report.bad) == (count, 9, 1)
    written = journals.read(state, LOGS)
    assert {record.name for record in written if record.stamp != bytes(16)} == {
        journals.key(f"httpd-0{number}.log") for number in range(10) if number != 8
    }
    entries = [entry for entry in checksig.read_manifest(LOGS) if entry.path != "httpd-08.log"]
    expected = [journals.receipt(LOGS, e.path, {"sha1": e.digest}, written[0].time) for e in entries]
    found = {record._replace(time=written[0].time) for record in written if any(record.stamp)}
    assert found == set(expected)


def test_a_store_through_a_memory_map_under_the_same_stamp_is_found(state: Path, tmp_path: Path) -> None:
    root = tmp_path / "mapped"
    plant(root, names="a")
    with (root / "a").open("r+b") as file, mmap.mmap(file.fileno(), 1) as view:
        view[0] = ord("1")
        before = (root / "a").stat()
        assert checksig.check(root, receipts=True).ok
        view[0] = ord("2")
        after = (root / "a").stat()
        assert (before.st_mtime_ns, before.st_ctime_ns) == (after.st_mtime_ns, after.st_ctime_ns)
        assert not checksig.check(root, receipts=True).ok


@pytest.mark.parametrize("receipts", [True, False])
def test_the_hint_says_rot_or_changed_since(receipts: bool, state: Path, rotten: Path) -> None:
    digests = {"sha256": hashlib.sha256(b"1").hexdigest()}
    old = time.time() - 40 * DAY
    journals.write(state, rotten, *(journals.receipt(rotten, name, digests, old) for name in "ab"))
    (rotten / "b").write_bytes(b"two")
    day, today = (f"{datetime.fromtimestamp(when):%Y-%m-%d}" for when in (old, time.time()))
    for _ in range(2):
        done = command("check", *(["--receipts"] if receipts else []), cwd=rotten)
        assert done.returncode == 1
        assert done.stderr == (
            f"checksig: hint: a was OK on {day}, and its size, times and inode are as then\n"
            f"checksig: hint: b changed on {today}, after it was OK on {day}\n"
        )
    a, b = checksig.check(rotten).failures
    assert (a.receipt, a.touched) == (datetime.fromtimestamp(int(old), UTC), None)
    assert b.receipt == a.receipt
    assert a.receipt is not None
    assert b.touched is not None
    assert json.loads(json.dumps(checksig.check(rotten).to_dicts()))[0]["receipt"] == a.receipt.isoformat()
    list_another_digest(rotten)
    assert checksig.check(rotten).failures[0].receipt is None


def test_a_check_of_a_directory_without_receipts_leaves_nothing(state: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    plant(root, b"2")
    assert checksig.check(root).notes == ()
    assert list(state.iterdir()) == []


def test_several_digests_and_duplicates(state: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    digests = plant(root, b"rot", names="a")
    if not journals.is_trusted(root):
        pytest.skip("no receipts are used on this file system")
    digests["md5"] = hashlib.md5(b"1").hexdigest()
    (root / "MD5SUMS").write_text(f"{digests['md5']}  ./a\n{digests['md5']}  a\n")
    journals.write(state, root, journals.receipt(root, "a", digests, time.time()))
    assert by_receipt(root) == 1
    (root / "MD5SUMS").write_text(f"{digests['md5']}  a\n{'0' * 32}  a\n")
    report = checksig.check(root, receipts=True)
    assert [failure.status for failure in report.failures] == [Status.CONFLICT]


def test_each_shard_uses_and_writes_the_receipts_of_its_files(rotten: Path) -> None:
    for number in (1, 2):
        report = checksig.check(rotten, receipts=True, shard=(number, 2))
        assert (report.ok, report.by_receipt, report.files) == (True, 1, 1)


def test_a_file_system_without_true_times_is_hashed_and_a_note_says_so(state: Path) -> None:
    shm = Path("/dev/shm")
    if not shm.is_dir() or "tmpfs" not in Path("/proc/mounts").read_text("utf-8"):
        pytest.skip("there is no tmpfs")
    root = shm / f"checksig-test-{os.getpid()}"
    try:
        digests = plant(root, b"rot", names="a")
        journals.write(state, root, journals.receipt(root, "a", digests, time.time()))
        report = checksig.check(root, receipts=True)
        assert (report.by_receipt, report.bad) == (0, 1)
        assert report.notes == ("no receipts on tmpfs: its files were hashed",)
        assert report.summary().endswith(" · no receipts on tmpfs: its files were hashed")
    finally:
        shutil.rmtree(root)


LIMITED = """
import resource, sys, checksig
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
report = checksig.check(sys.argv[1], receipts=True)
print(report.counts[checksig.Status.OK], report.by_receipt, *report.notes, sep="\\n")
"""


@pytest.mark.parametrize("limit", [0, 50, 200])
def test_a_full_disk_is_a_note_and_the_verdict_stands(limit: int, state: Path, python: Python) -> None:
    newest = max(max(path.stat().st_mtime, path.stat().st_ctime) for path in LOGS.iterdir())
    if time.time() - newest < 61 or not journals.is_trusted(LOGS):
        pytest.skip("the checkout is too new")
    done = python(LIMITED, LOGS, str(limit))
    ok, used, *notes = done.stdout.splitlines()
    assert (ok, used) == ("9", "0"), done.stderr
    assert notes[0].startswith("receipts not kept: ")
    assert journals.path_of(state, LOGS).read_bytes() in (b"", journals.header(LOGS))
    assert checksig.check(LOGS, receipts=True).notes == ()
    assert len([r for r in journals.read(state, LOGS) if any(r.stamp)]) == 9


def test_receipts_that_cannot_be_revoked_are_removed(state: Path, rotten: Path, python: Python) -> None:
    size = journals.path_of(state, rotten).stat().st_size
    code = LIMITED.replace(", receipts=True", "")
    assert python(code, rotten, str(size)).stdout.splitlines() == ["0", "0"]
    assert not journals.path_of(state, rotten).exists()
    assert by_receipt(rotten) == 0


@pytest.mark.parametrize("variables", [{"XDG_STATE_HOME": "FILE"}, {"XDG_STATE_HOME": "", "HOME": ""}])
def test_a_state_directory_that_cannot_be_used_is_a_note(
    variables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    for name, value in variables.items():
        monkeypatch.setenv(name, value.replace("FILE", str(tmp_path / "file")))
    report = checksig.check(LOGS, receipts=True)
    assert (report.counts[Status.OK], report.bad, report.by_receipt) == (9, 1, 0)
    assert report.notes[0].startswith("receipts ")
    assert command("receipts", cwd=LOGS).returncode == (0 if variables["XDG_STATE_HOME"] else 2)


def test_the_journal_is_for_its_owner_alone(state: Path) -> None:
    checksig.check(LOGS, receipts=True)
    journal = journals.path_of(state, LOGS)
    if not journal.exists():
        pytest.skip("the checkout is too new")
    assert (journal.stat().st_mode & 0o777, journal.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_runs_at_the_same_time_write_whole_records(state: Path) -> None:
    code = "import sys, checksig\nfor _ in range(5): checksig.check(sys.argv[1], receipts=True, max_age=0)"
    runs = [subprocess.Popen([sys.executable, "-c", code, LOGS], env=environment()) for _ in range(3)]
    assert [run.wait(60) for run in runs] == [0, 0, 0]
    if not journals.path_of(state, LOGS).exists():
        pytest.skip("the checkout is too new")
    assert len([record for record in journals.read(state, LOGS) if any(record.stamp)]) == 3 * 5 * 9


@needs_library  # a helper ends at once, and loses the receipts of up to 10 s
def test_a_run_that_is_stopped_goes_on_where_it_was(state: Path, tmp_path: Path) -> None:
    library = Path(os.__file__).parent
    names = sorted(path.name for path in library.glob("*.py") if path.is_file())
    ages = [time.time() - max((library / n).stat().st_mtime, (library / n).stat().st_ctime) for n in names]
    if min(ages) < 61 or not journals.is_trusted(library):
        pytest.skip("this Python is too new, or on a file system on which no receipts are used")
    entries = [
        checksig.Entry(name, "sha256", hashlib.sha256((library / name).read_bytes()).hexdigest())
        for name in names
    ]
    with checksig.iter_check(library, entries, workers=1, receipts=True) as results:
        assert next(results).receipt is None
    deadline = time.monotonic() + 10
    while not journals.path_of(state, library).exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    report = checksig.check(library, entries, receipts=True)
    assert report.ok
    assert 0 < report.by_receipt <= len(names)
    assert checksig.check(library, entries, receipts=True).by_receipt == len(names)


def test_the_command_shows_and_forgets_receipts(state: Path, rotten: Path) -> None:
    journal = journals.path_of(state, rotten)
    day = f"{datetime.fromtimestamp(time.time() - DAY):%Y-%m-%d}"
    shown = f": 2 receipts · oldest {day} · {journal}\n"
    assert command("receipts", cwd=rotten).stdout == f".{shown}"
    gone = rotten.parent / "gone"
    plant(gone)
    journals.write(state, gone)
    shutil.rmtree(gone)
    (state / "checksig" / "stray").write_text("no journal")
    (everything,) = [command("receipts", "--all", cwd=rotten).stdout]
    assert everything == (
        f"{gone.resolve()}: no receipts · no such file or directory · {journals.path_of(state, gone)}\n"
        f"{rotten.resolve()}{shown}"
    )
    line = json.loads(command("receipts", "--json", cwd=rotten).stdout)
    assert (line["type"], line["count"], line["forgotten"]) == ("receipts", 2, False)
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((CHECKOUT / "docs/checksig.schema.json").read_text("utf-8"))
    for arguments in (["receipts", "--all"], ["check", "--receipts"], ["check"]):
        for text in command(*arguments, "--json", cwd=rotten).stdout.splitlines():
            jsonschema.validate(json.loads(text), schema)
    done = command("receipts", "--forget", rotten, gone, cwd=rotten)
    assert done.stdout.count("forgotten") == 2
    assert not journal.exists()
    assert command("receipts", "--all", ".", cwd=rotten).returncode == 2


def test_the_summary_for_github_says_it_too(rotten: Path, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    env = {**os.environ, "GITHUB_STEP_SUMMARY": str(summary)}
    assert command("check", "--receipts", cwd=rotten, env=env).returncode == 0
    assert "2 of them by receipts (oldest " in summary.read_text("utf-8")


def test_the_page_says_in_bold_what_a_receipt_does_not_say() -> None:
    assert "**A receipt says *untouched since*, not *intact now*.**" in (
        CHECKOUT / "docs/receipts.md"
    ).read_text("utf-8")


@posix
@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mkfs.ext4") is None, reason="needs root and e2fsprogs")
def test_damage_to_the_disk_under_a_file_is_found_by_hashing(state: Path, tmp_path: Path) -> None:
    root, image = tmp_path / "root", tmp_path / "image"
    content = b"precious data " * 1000
    plant(root, content, listed=content, names="a")
    changes = tmp_path / "changes"
    image.touch()
    os.truncate(image, 8 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-d", root, image], check=True)
    changes.write_text("".join(f"set_inode_field /a {name} 20260101000000\n" for name in ("ctime", "mtime")))
    subprocess.run(["debugfs", "-w", "-f", changes, image], check=True, capture_output=True)
    mounted = tmp_path / "mounted"
    mounted.mkdir()

    def mount() -> None:
        done = subprocess.run(["mount", "-o", "loop", image, mounted], capture_output=True, check=False)
        if done.returncode != 0:
            pytest.skip("no file system can be mounted")

    mount()
    try:
        assert checksig.check(mounted, receipts=True).by_receipt == 0
        subprocess.run(["umount", mounted], check=True)
        image.write_bytes(image.read_bytes().replace(b"precious data ", b"previous data "))
        mount()
        assert checksig.check(mounted, receipts=True).by_receipt == 1
        (failure,) = checksig.check(mounted).failures
        assert failure.receipt is not None
        assert failure.touched is None
        assert checksig.check(mounted, receipts=True).failures == (dataclasses.replace(failure),)
    finally:
        subprocess.run(["umount", mounted], check=False, capture_output=True)

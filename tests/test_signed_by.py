"""Manifests that must be signed: ``signed_by`` and what belongs to it."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import multiprocessing
import os
import pickle
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import syscalls
from signed import ADA, BOB, BY_ADA, BY_BOB, MANIFEST, OF_BAG, OF_PERCENT, key_file, make_signed
from support import ENGINE, blocks, command, environment, install_command

import checksig
from checksig import SignatureError

TESTS = Path(__file__).parent
INSIDE = "the key lies in the directory that it is to vouch for; take it from elsewhere"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_signed(tmp_path / "root")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "ada.pub"
    path.write_text(key_file(ADA))
    return path


# The keys


def test_keys_are_paths_lines_files_and_lists_of_these(root: Path, key: Path) -> None:
    relative = os.path.relpath(key)
    keys: list[Any] = [key, str(key), bytes(key), relative, ADA, io.BytesIO(key.read_bytes())]
    keys += [[key], (ADA, BOB), iter([BOB, key]), {ADA}, [io.BytesIO(ADA.encode()), BOB]]
    for signed_by in keys:
        report = checksig.check(root, signed_by=signed_by)
        assert report.ok
        assert report.authentic is True
        (signature,) = report.signatures
        assert (signature.manifest, signature.path) == (f"{root}/SHA256SUMS", f"{root}/SHA256SUMS.minisig")
        assert (signature.scheme, signature.key) == ("minisign", "3779AB4E1E2AFEE9")
    with key.open("rb") as file:
        assert checksig.check(root, signed_by=file).ok


@pytest.mark.parametrize(
    ("signed_by", "error"),
    [
        ([], ValueError),
        ((), ValueError),
        ("", ValueError),
        ([""], ValueError),
        ("a\0b", ValueError),
        (3, TypeError),
        ([3], TypeError),
        ([None], TypeError),
        (io.StringIO(ADA), TypeError),
    ],
)
def test_what_is_no_key_is_refused_at_once(signed_by: Any, error: type[Exception], root: Path) -> None:
    for call in (checksig.check, checksig.iter_check, checksig.read_manifest, checksig.diff):
        with pytest.raises(error, match=r"signed_by|key file"):
            call(root, signed_by=signed_by)


@pytest.mark.parametrize("options", [{"min_signers": 1}, {"signature": "x"}, {"namespace": "file"}], ids=str)
def test_an_option_that_makes_no_sense_without_keys_is_refused(options: dict[str, Any], root: Path) -> None:
    calls = (checksig.check, checksig.check_signatures, checksig.iter_check, checksig.read_manifest)
    for call in (*calls, checksig.diff):
        with pytest.raises(ValueError, match=f"{next(iter(options))} needs signed_by"):
            call(root, **options)
    option = next(iter(options)).replace("_", "-")
    for name in ("check", "show", "diff"):
        shown = command(name, f"--{option}", "1", cwd=root)
        assert shown.returncode == 2
        assert f"--{option} needs --signed-by" in shown.stderr


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"min_signers": 0}, ValueError),
        ({"min_signers": -1}, ValueError),
        ({"min_signers": 1 << 31}, ValueError),
        ({"min_signers": "2"}, TypeError),
        ({"min_signers": 1.0}, TypeError),
        ({"namespace": ""}, ValueError),
        ({"namespace": b"file"}, TypeError),
        ({"signature": ""}, ValueError),
        ({"signature": 3}, TypeError),
    ],
)
def test_a_value_that_is_not_allowed_is_refused(
    options: dict[str, Any], error: type[Exception], root: Path
) -> None:
    with pytest.raises(error):
        checksig.iter_check(root, signed_by=ADA, **options)


def test_more_signers_than_keys_are_an_error(root: Path) -> None:
    with pytest.raises(ValueError, match="2 signers are demanded, but only 1 key is given"):
        checksig.check(root, signed_by=[ADA, key_file(ADA)], min_signers=2)
    shown = command("check", "--signed-by", ADA, "--min-signers", "2", cwd=root)
    assert shown.returncode == 2


def test_create_update_and_find_manifests_take_no_keys(root: Path) -> None:
    for call in (checksig.create, checksig.update, checksig.find_manifests):
        with pytest.raises(TypeError, match="signed_by"):
            call(root, signed_by=ADA)  # type: ignore[call-arg]


# Key files that must not be used


@pytest.mark.parametrize("place", ["KEYS", "d/e/KEYS"])
def test_a_key_in_the_directory_is_refused_whatever_its_path(place: str, root: Path, tmp_path: Path) -> None:
    path = root / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(key_file(ADA))
    (tmp_path / "link").symlink_to(path)
    (tmp_path / "folder").symlink_to(path.parent)
    (tmp_path / "root2").symlink_to(root)
    outside = tmp_path / "outside"
    outside.write_text(key_file(ADA))
    (root / "out").symlink_to(outside)
    ways: list[Any] = [path, tmp_path / "link", tmp_path / "folder" / "KEYS", tmp_path / "root2" / place]
    (root / "folder").symlink_to(tmp_path)
    (tmp_path / "through").symlink_to(root / "out")
    ways += [root / "folder" / "outside", tmp_path / "through"]
    (tmp_path / "slashes").symlink_to(f"{root}//.///{place}")
    ways += [f"{root}//{place}", f"/.//{root}/./{place}", tmp_path / "slashes"]
    ways += [f"{tmp_path}/folder/../{path.parent.name}/KEYS", root / "out", os.path.relpath(path)]
    for way in ways:
        for directory in (root, tmp_path / "root2", f"{root}/."):
            with pytest.raises(SignatureError) as caught:
                checksig.check(directory, signed_by=[outside, way])
            assert caught.value.reason == INSIDE
            assert caught.value.path == str(way)
    shown = command("check", root, "--signed-by", "KEYS", cwd=path.parent)
    assert shown.stderr == f"checksig: KEYS: {INSIDE}\n"
    with path.open("rb") as file, pytest.raises(SignatureError, match="the key lies in the directory"):
        checksig.check(root, signed_by=file)
    with pytest.raises(SignatureError, match="the key lies in the directory"):
        checksig.diff(root, root / "SHA256SUMS", signed_by=path)


def test_a_key_beside_the_directory_is_used_whatever_its_path(root: Path, key: Path, tmp_path: Path) -> None:
    (root / "d").mkdir()
    (tmp_path / "link").symlink_to("ada.pub")
    (tmp_path / "sub").mkdir()
    (tmp_path / "folder").symlink_to(tmp_path / "sub")
    beside = ("../ada.pub", "./../root/../link", "../folder/../ada.pub", key, "d/../../ada.pub")
    for way in beside[:-1]:
        assert command("check", "--signed-by", way, cwd=root).returncode == 0, way
    assert command("check", "--signed-by", beside[-1], cwd=root).returncode == 2  # d may be changed


def test_a_key_file_without_a_key_is_an_error_and_never_waited_for(root: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("no key\n")
    (tmp_path / "large").touch()
    os.truncate(tmp_path / "large", (8 << 20) + 1)
    reasons = {"fifo": "is a FIFO", "large": "is larger than 8 MiB", "empty": "key", "text": "key"}
    for name, reason in reasons.items():
        with pytest.raises(SignatureError, match=reason) as caught:
            checksig.check(root, signed_by=tmp_path / name)
        assert caught.value.path == f"{tmp_path}/{name}"
    with pytest.raises(FileNotFoundError):
        checksig.check(root, signed_by=tmp_path / "gone")
    with pytest.raises(SignatureError, match="larger"):
        checksig.check(root, signed_by=io.BytesIO(bytes((8 << 20) + 1)))
    for directory in (tmp_path, "/dev/null"):
        with pytest.raises((OSError, SignatureError)):
            checksig.check(root, signed_by=directory)


# Verdicts


def test_exit_status_and_output_say_whether_the_manifest_is_signed(root: Path, key: Path) -> None:
    good = command("check", "root", "--signed-by", key, cwd=root.parent)
    assert good.returncode == 0
    assert " · root/SHA256SUMS · signed by " in good.stdout
    assert "3779AB4E1E2AFEE9" in good.stdout
    (root / "a").write_text("2")
    bad = command("check", "root", "--signed-by", key, "--signed-by", BOB, cwd=root.parent)
    assert bad.returncode == 1
    assert "signed by" in bad.stdout
    other = command("check", "root", "--signed-by", BOB, cwd=root.parent)
    assert (other.returncode, other.stdout) == (2, "")
    assert other.stderr.startswith("checksig: root/SHA256SUMS: ")
    without = command("check", "root", cwd=root.parent)
    assert without.returncode == 1
    assert without.stdout.endswith("signature not checked\n")


def test_json_and_the_other_commands_say_it(root: Path, key: Path) -> None:
    for name in ("check", "show", "diff"):
        lines = command(name, "--json", "--signed-by", key, cwd=root).stdout.splitlines()
        last = json.loads(lines[-1])
        assert last["authentic"] is True
        assert last["signatures"][0]["path"] == "./SHA256SUMS.minisig"
        assert last["signatures"][0]["key"] == "3779AB4E1E2AFEE9"
        text = command(name, "--signed-by", key, cwd=root)
        assert text.returncode == 0
        assert "signed by" in text.stdout.splitlines()[-1]
        refused = command(name, "--json", "--signed-by", BOB, cwd=root)
        assert refused.returncode == 2
        assert "authentic" not in refused.stdout
        plain = json.loads(command(name, "--json", cwd=root).stdout.splitlines()[-1])
        assert (plain["authentic"], plain["signatures"]) == (None, [])


def test_the_report_the_entries_and_the_changes_say_it(root: Path) -> None:
    report = checksig.check(root, signed_by=ADA)
    assert "signed by" in report.summary()
    assert "signed by" in report._repr_html_()
    with checksig.iter_check(root, signed_by=ADA) as results:
        assert [result.path for result in results] == ["a"]
        assert results.report is not None
        assert results.report.signatures == report.signatures
    entries = checksig.read_manifest(root / "SHA256SUMS", signed_by=ADA)
    assert [entry.path for entry in entries] == ["a"]
    assert (entries.authentic, tuple(entries.signatures)) == (True, report.signatures)
    changes = checksig.diff(root, signed_by=ADA)
    assert (changes.authentic, changes.signatures) == (True, report.signatures)
    assert checksig.diff(root).authentic is None
    assert pickle.loads(pickle.dumps(report)) == report
    (root / "a").write_text("2")
    with pytest.raises(checksig.VerificationError) as caught:
        checksig.check_signatures(root, signed_by=ADA)
    assert caught.value.report is not None
    assert caught.value.report.authentic is True


def test_the_error_names_the_claimed_keys_and_can_be_pickled(root: Path) -> None:
    with pytest.raises(SignatureError) as caught:
        checksig.check(root, signed_by=BOB)
    error = caught.value
    assert isinstance(error, ValueError)
    assert error.path == f"{root}/SHA256SUMS"
    assert str(error) == f'"{root}/SHA256SUMS" - {error.reason}'
    assert error.claimed == ("3779AB4E1E2AFEE9",)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is SignatureError
    assert (str(again), again.path, again.reason, again.claimed) == (
        str(error),
        error.path,
        error.reason,
        error.claimed,
    )


def test_several_signers_are_distinct_keys(root: Path) -> None:
    two: dict[str, Any] = {"signed_by": [ADA, BOB], "min_signers": 2}
    with pytest.raises(SignatureError, match="1 of 2 signers"):
        checksig.check(root, **two)
    (root / "SHA256SUMS.sig").write_text(BY_ADA)
    with pytest.raises(SignatureError, match="1 of 2 signers"):
        checksig.check(root, **two)
    (root / "SHA256SUMS.sig").write_text(BY_BOB)
    report = checksig.check(root, **two)
    assert [os.path.basename(signature.path) for signature in report.signatures] == [
        "SHA256SUMS.sig",
        "SHA256SUMS.minisig",
    ]


def test_a_manifest_from_a_file_object_needs_its_signature_by_name(root: Path) -> None:
    path = root / "SHA256SUMS.minisig"
    with pytest.raises(SignatureError, match="not signed: name its signature"):
        checksig.check(root, io.BytesIO(MANIFEST.encode()), signed_by=ADA)
    assert checksig.check(root, io.BytesIO(MANIFEST.encode()), signed_by=ADA, signature=path).ok
    shown = command(
        *("check", "-", "--signed-by", ADA, "--signature", "SHA256SUMS.minisig"),
        cwd=root,
        stdin=MANIFEST.encode(),
    )
    assert shown.returncode == 0
    changed = MANIFEST.replace(" a", " b").encode()
    shown = command(
        "check", "-", "--signed-by", ADA, "--signature", "SHA256SUMS.minisig", cwd=root, stdin=changed
    )
    assert shown.returncode == 2


def test_of_several_manifests_only_signed_ones_are_read(root: Path) -> None:
    wrong = f"{hashlib.sha512(b'2').hexdigest()}  a\n"
    (root / "SHA512SUMS").write_text(wrong)
    report = checksig.check(root, signed_by=ADA)
    assert report.ok
    assert [manifest.entries for manifest in report.manifests] == [0, 1]
    assert report.manifests[0].notes == ('"SHA512SUMS" is not signed, and was not read',)
    assert not checksig.check(root).ok
    assert [r.path for r in checksig.check(root, signed_by=ADA, extra="report").extra] == ["SHA512SUMS"]
    (root / "SHA512SUMS.sig").write_text(BY_ADA)
    with pytest.raises(SignatureError, match="SHA512SUMS"):
        checksig.check(root, signed_by=ADA)
    named = root / "SHA256SUMS.minisig"
    assert checksig.check(root, signed_by=ADA, signature=named).ok
    shutil.copy(named, root.parent / "one.sig")
    with pytest.raises(SignatureError, match="several manifests"):
        checksig.check(root, signed_by=ADA, signature=root.parent / "one.sig")
    assert checksig.check(root, root / "SHA256SUMS", signed_by=ADA, signature=root.parent / "one.sig").ok


def test_several_directories_are_each_verified(root: Path, tmp_path: Path) -> None:
    other = make_signed(tmp_path / "other")
    assert command("check", root, other, "--signed-by", ADA, cwd=tmp_path).returncode == 0
    (other / "SHA256SUMS.minisig").unlink()
    shown = command("check", root, other, "--signed-by", ADA, cwd=tmp_path)
    assert shown.returncode == 2
    assert "not signed: there is no SHA256SUMS.asc, .sig, .gpg" in shown.stderr


def test_entries_bags_and_installed_packages_have_no_signature(root: Path) -> None:
    with pytest.raises(SignatureError, match="entries have no signature"):
        checksig.check(root, list(checksig.read_manifest(root)), signed_by=ADA)
    (root / "bagit.txt").write_text("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")
    with pytest.raises(SignatureError, match="a bag has no signature"):
        checksig.check(root, signed_by=ADA)
    shown = command("check", "--installed", "--signed-by", ADA, cwd=root)
    assert shown.returncode == 2


@pytest.mark.parametrize("version", ["0.97", "1.0"])
@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16"])
def test_what_bagit_txt_says_of_a_signed_manifest_is_not_believed(
    version: str, encoding: str, tmp_path: Path
) -> None:
    """In version 1.0, %25 in a name stands for a percent sign."""
    digest = MANIFEST.split()[0]
    (tmp_path / "data").mkdir()
    for name in ("a", "a%", "a%25"):
        (tmp_path / "data" / name).write_text("1")
    declaration = f"BagIt-Version: {version}\nTag-File-Character-Encoding: {encoding}\n"
    (tmp_path / "bagit.txt").write_text(declaration)
    manifest = tmp_path / "manifest-sha256.txt"
    for name, signature in (("a", OF_BAG), ("a%25", OF_PERCENT)):
        manifest.write_text(f"{digest}  data/{name}\n")
        (tmp_path / "manifest-sha256.txt.sig").write_text(signature)
        if name == "a" and encoding == "UTF-8":
            assert checksig.check(tmp_path, manifest, signed_by=ADA).ok
        elif name == "a%25":
            with pytest.raises(SignatureError, match=r"bagit\.txt, which is not signed"):
                checksig.check(tmp_path, manifest, signed_by=ADA)
        else:
            with pytest.raises(checksig.ManifestError):
                checksig.check(tmp_path, manifest, signed_by=ADA)


def test_the_workers_of_an_executor_use_the_keys_of_the_caller(
    root: Path, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "ada.pub").write_text(key_file(BOB))
    monkeypatch.chdir(tmp_path)
    context = multiprocessing.get_context("spawn")
    elsewhere = (tmp_path / "elsewhere",)
    every: list[Any] = ["ada.pub", [ADA, "ada.pub", io.BytesIO(ADA.encode())]]
    with ProcessPoolExecutor(1, context, initializer=os.chdir, initargs=elsewhere) as executor:
        for keys in every:
            report = checksig.check("root", signed_by=keys, executor=executor, shards=2)
            assert report.ok
            assert report.authentic is True
            assert report.signatures == checksig.check("root", signed_by="ada.pub").signatures
        with pytest.raises(SignatureError, match="is by key"):
            checksig.check("root", signed_by=BOB, executor=executor, shards=2)


# Signature files


def grow(path: Path) -> None:
    os.truncate(path, (1 << 20) + 1)


def lead_out(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/passwd")


def become_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def become_endless(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def become_huge(path: Path) -> None:
    os.truncate(path, 1 << 30)


@pytest.mark.parametrize("change", [grow, lead_out, become_fifo, become_endless, become_huge, Path.unlink])
def test_a_signature_that_is_no_small_file_is_refused_at_once(
    change: Callable[[Path], object], root: Path
) -> None:
    path = root / "SHA256SUMS.minisig"
    change(path)
    start = time.monotonic()
    for manifest in (None, root / "SHA256SUMS"):
        with pytest.raises(SignatureError) as caught:
            checksig.check(root, manifest, signed_by=ADA)
        assert caught.value.path == f"{root}/SHA256SUMS"
    assert time.monotonic() - start < 2
    (root / "SHA256SUMS.sig").write_text(BY_ADA)
    assert checksig.check(root, signed_by=ADA).ok  # a good one beside it counts
    with pytest.raises((SignatureError, FileNotFoundError)):
        checksig.check(root, signed_by=ADA, signature=path)


def test_text_of_others_is_escaped(root: Path) -> None:
    signature = checksig.Signature("m", "p", "ssh", "SHA256:" + "a" * 43, "x\x1b[31m\u202e", None, "n\n")
    report = checksig.check(root, signed_by=ADA)
    odd = checksig.Report(**{**vars(report), "signatures": (signature,)})
    assert r"signed by x\x1b[31m\u202e SHA256:aaaaaaaa…aaaa (n\n)" in odd.summary()
    assert "\x1b" not in odd._repr_html_()


# What an attacker does meanwhile, and what is not done


CALLS = ("openat", "openat2", "newfstatat", "fstat", "read", "getdents64", "close")

# The child sends messages to the supervisor by closing descriptors with numbers that none has.
ARM, DONE = 1_000_000, 2_000_000

CHILD = f"""
import json, os, sys
sys.path.insert(0, sys.argv[1])
import checksig, syscalls
syscalls.supervise({CALLS!r}, int(sys.argv[2]))
def outcome():
    try:
        with checksig.iter_check(sys.argv[3], signed_by=sys.argv[4]) as results:
            found = [(r.path, str(r.status), r.expected) for r in results]
            return [results.report.authentic, *found]
    except (OSError, ImportError, checksig.ManifestError, checksig.InternalError) as error:
        return [type(error).__name__]
outcome()  # the library is loaded
for number in range(1, 1000):
    os.close({ARM} + number)
    found = outcome()
    print(json.dumps(found))
    try:
        os.close({DONE})
    except OSError:
        break
"""


ERRORS = {
    "SignatureError",
    "ManifestError",
    "OSError",
    "FileNotFoundError",
    "PermissionError",
    "ManifestNotFoundError",
}
if ENGINE == "helper":  # one that cannot start gives no verdict
    ERRORS |= {"InternalError", "ImportError"}


def run_child(decide: syscalls.Decision, root: Path, key: str | Path) -> list[list[Any]]:
    """Return the outcome of a check for each call with which ``decide`` does something, and of one more."""
    with syscalls.Supervisor(decide) as supervisor:
        done = subprocess.run(
            [sys.executable, "-c", CHILD, str(TESTS), str(supervisor.descriptor), str(root), str(key)],
            pass_fds=[supervisor.descriptor],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


class Fault:
    """Makes the call with the number that the child chose fail."""

    def __init__(self, error: int) -> None:
        self.error = error
        self.left = 0

    def decide(self, call: syscalls.Call) -> int | None:
        if call.name == "close" and call.arguments[0] == DONE:
            return 0 if self.left <= 0 else -errno.EBADF
        if call.name == "close" and call.arguments[0] >= ARM:
            self.left = call.arguments[0] - ARM
            return 0
        self.left -= 1
        return -self.error if self.left == 0 else None


class Swap(Fault):
    """Replaces files before that call, and puts them back before the next check."""

    def __init__(self, good: Path, evil: Path, work: Path) -> None:
        super().__init__(0)
        self.good, self.evil, self.work = good, evil, work

    def decide(self, call: syscalls.Call) -> int | None:
        if call.name == "close" and DONE > call.arguments[0] >= ARM:
            self.put(self.good)
        outcome = super().decide(call)
        if self.left == 0 and outcome == 0 and call.name != "close":
            self.put(self.evil)
            return None
        return outcome

    def put(self, source: Path) -> None:
        for name in ("SHA256SUMS", "a"):
            shutil.copy(source / name, self.work / "new")
            (self.work / "new").rename(self.work / name)


@pytest.mark.skipif(not syscalls.supported(), reason="needs seccomp user notifications")
def test_files_that_are_swapped_between_any_two_calls_are_never_ok(tmp_path: Path) -> None:
    good, work = make_signed(tmp_path / "good"), make_signed(tmp_path / "work")
    line = f"{hashlib.sha256(b'2').hexdigest()}  a\n"
    evil = make_signed(tmp_path / "evil", a="2", SHA256SUMS=line)
    outcomes = run_child(Swap(good, evil, work).decide, work, ADA)
    expected = MANIFEST.split()[0]
    for first, *results in outcomes:
        assert first in {True, *ERRORS}
        assert all(digest == expected for _, _, digest in results)
    assert outcomes[-1] == [True, ["a", "OK", expected]]
    assert ["SignatureError"] in outcomes
    assert [True, ["a", "FAILED", expected]] in outcomes
    assert len(outcomes) > 20


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_no_data_file_is_opened_nothing_is_fetched_and_no_program_runs(root: Path, tmp_path: Path) -> None:
    """Nor are an empty HOME and PATH noticed."""
    other = make_signed(tmp_path / "other", **{"SHA256SUMS.minisig": BY_BOB})
    code = """
import checksig, sys
assert checksig.check(sys.argv[1], signed_by=sys.argv[3]).ok
try:
    checksig.check(sys.argv[2], signed_by=sys.argv[3])
except checksig.SignatureError:
    print("refused")
"""
    home = tmp_path / "home"
    home.mkdir()
    trace = tmp_path / "trace"
    done = subprocess.run(
        [
            *("strace", "-f", "-qq", "-e", "trace=%file,%network", "-o", str(trace)),
            *(sys.executable, "-c", code, str(root), str(other), ADA),
        ],
        env={**environment(), "CHECKSIG_ENGINE": "library", "HOME": str(home), "PATH": os.defpath},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert done.stdout == "refused\n"
    lines = trace.read_text("utf-8", "replace").splitlines()
    assert not [line for line in lines if "connect(" in line or "sendto(" in line]
    assert sum("execve(" in line for line in lines) == 1
    assert sum('"a"' in line for line in lines) == 1  # of the good directory
    assert not [line for line in lines if str(home) in line and ".gnupg" in line]


def test_no_bit_of_a_signed_manifest_can_flip_and_none_of_a_signature_changes_a_verdict(root: Path) -> None:
    expected = checksig.check(root, signed_by=ADA).signatures
    accepted = 0
    for name in ("SHA256SUMS", "SHA256SUMS.minisig"):
        content = (root / name).read_bytes()
        for bit in range(8 * len(content)):
            flipped = bytearray(content)
            flipped[bit // 8] ^= 1 << bit % 8
            (root / name).write_bytes(flipped)
            try:
                report = checksig.check(root, signed_by=ADA)
            except checksig.ManifestError:
                continue
            assert name == "SHA256SUMS.minisig"
            assert report.ok
            assert [s.key for s in report.signatures] == [s.key for s in expected]
            accepted += 1
        (root / name).write_bytes(content)
    assert accepted < 500  # of the first comment, which is not signed


def test_names_that_are_not_utf_8_come_through(root: Path) -> None:
    name = "caf\udce9-sha256sums"
    for suffix in ("", ".minisig"):
        (root / f"SHA256SUMS{suffix}").rename(root / f"{name}{suffix}")
    (signature,) = checksig.check(root, signed_by=ADA).signatures
    assert (signature.manifest, signature.path) == (f"{root}/{name}", f"{root}/{name}.minisig")


@pytest.mark.skipif(not syscalls.supported(), reason="needs seccomp user notifications")
@pytest.mark.parametrize("name", ["EIO", "ENOENT", "EMFILE"])
def test_whichever_call_fails_nothing_unsigned_is_ok(name: str, tmp_path: Path) -> None:
    """A key in the directory, a manifest that was changed, and a signature by another key."""
    inside = make_signed(tmp_path / "inside", KEYS=key_file(ADA))
    (tmp_path / "link").symlink_to(inside / "KEYS")
    changed = make_signed(tmp_path / "changed", a="", SHA256SUMS=f"{hashlib.sha256().hexdigest()}  a\n")
    other = make_signed(tmp_path / "other", **{"SHA256SUMS.minisig": BY_BOB})
    for root, key in ((inside, tmp_path / "link"), (changed, ADA), (other, ADA)):
        fault = Fault(getattr(errno, name))
        outcomes = run_child(fault.decide, root, key)
        assert len(outcomes) > 10
        assert {first for first, *_ in outcomes} <= ERRORS
        assert outcomes[-1] == ["SignatureError"]


# The page

SIGNING = [
    block
    for block in blocks("docs/signatures.md", "sh")
    if block.startswith("checksig create") and "ssh" not in block
]
UNATTENDED = {
    "signify -G": "signify -G -n",
    "minisign -G": "minisign -G -W",
    "gpg --armor --detach-sign": "gpg --batch --passphrase '' --pinentry-mode loopback --armor --detach-sign",
    "YOUR-KEY-ID": "ada@example.org",
}
NEW_KEY = {
    "gpg": "gpg --batch -q --passphrase '' --quick-generate-key ada@example.org ed25519 sign never",
    "ssh-keygen": "mkdir -m 700 ~/.ssh && ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519",
}


@pytest.mark.parametrize("block", SIGNING, ids=lambda block: block.splitlines()[1].split()[0])
def test_a_manifest_is_signed_as_the_page_says(block: str, tmp_path: Path) -> None:
    tool = block.splitlines()[1].split()[0]
    installed = shutil.which(tool) or shutil.which(f"{tool}-openbsd")
    if installed is None:
        pytest.skip(f"{tool} is not installed")
    if tool == "gpg" and "blake2b" not in checksig.get_algorithms():
        pytest.skip("this build is without Go modules")
    for plain, unattended in UNATTENDED.items():
        block = block.replace(plain, unattended)
    path = install_command(tmp_path / "bin")
    (tmp_path / "bin" / tool).symlink_to(installed)
    (tmp_path / "home").mkdir(mode=0o700)
    make_signed(tmp_path / "data")
    for name in ("SHA256SUMS", "SHA256SUMS.minisig"):
        (tmp_path / "data" / name).unlink()
    env = {**environment(), "PATH": path, "HOME": str(tmp_path / "home")}
    env.pop("GNUPGHOME", None)
    done = subprocess.run(
        ["sh", "-ec", f"{NEW_KEY.get(tool, '')}\n{block}"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    if tool == "gpg":
        subprocess.run(["gpgconf", "--kill", "all"], env=env, check=False)
    assert done.returncode == 0, done.stderr
    assert "1 file OK" in done.stdout.splitlines()[-1]
    assert "signed by" in done.stdout.splitlines()[-1]

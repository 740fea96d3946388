"""The C interface: its header, its structures, and how it handles mistakes of the caller."""

from __future__ import annotations

import ctypes
import faulthandler
import re
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import toolchain
from signed import BOB, key_file, make_signed
from support import CHECKOUT, LOGS, MISMATCH, environment, loads_library, posix

import checksig
from checksig import _wire
from checksig.checksig import Library, _Error, _Progress, _Request
from checksig.report import Status

HEADER = CHECKOUT / "go" / "checksig.h"
STRUCTURES = {
    "checksig_request": _wire.REQUEST_MEMBERS,
    "checksig_error": _wire.ERROR_MEMBERS,
    "checksig_progress": _wire.PROGRESS_MEMBERS,
    "checksig_record": _wire.RECORD_MEMBERS,
}
TYPES = {
    "I": "uint32_t",
    "i": "int32_t",
    "q": "int64_t",
    "8q": "int64_t[8]",
    "N": "size_t",
    "P": "char *",
    "z": "const char *",
    "B": "uint8_t",
    "2x": "uint8_t[2]",
    "4x": "uint32_t",
}


def members(structure: str) -> list[tuple[str, str]]:
    """Return the names and types of the members of a structure of the header, in order."""
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text("utf-8"), flags=re.DOTALL)
    found = re.search(rf"typedef struct {structure} {{(.*?)}} {structure};", text, re.DOTALL)
    assert found
    parsed = []
    for declaration in filter(None, map(str.strip, found[1].split(";"))):
        kind, pointer, name, array = re.fullmatch(r"([\w ]+?) (\*?)(\w+)(\[\d+\])?", declaration).groups()  # type: ignore[union-attr]
        parsed.append((name, kind + (" *" if pointer else "") + (array or "")))
    return parsed


@pytest.mark.parametrize("structure", STRUCTURES)
def test_the_members_of_each_structure_are_those_of_the_header(structure: str) -> None:
    assert members(structure) == [(name, TYPES[letter]) for name, letter in STRUCTURES[structure].items()]
    assert members(structure)[0] == ("struct_size", "uint32_t")


def enumerators(prefix: str) -> dict[str, int]:
    """Return the enumerators of the header whose names begin with a prefix, without it."""
    return {
        name: int(value)
        for name, value in re.findall(rf"^    {prefix}(\w+) = (\d+)", HEADER.read_text("utf-8"), re.MULTILINE)
    }


def test_the_numbers_are_those_of_the_header() -> None:
    everything = enumerators("CHECKSIG_")
    statuses, records = enumerators("CHECKSIG_STATUS_"), enumerators("CHECKSIG_RECORD_")
    kinds = {name: value for name, value in vars(_wire.Kind).items() if name.isupper()}
    flags = {
        name: value
        for name, value in everything.items()
        if name not in kinds and not name.startswith(("STATUS_", "RECORD_"))
    }
    assert kinds == {name: everything[name] for name in kinds}
    assert list(statuses) == list(_wire.STATUSES)
    assert list(statuses.values()) == list(range(len(statuses)))
    assert records == {
        name: getattr(_wire, name)
        for name in ("FILE", "BAD_LINE", "MANIFEST", "ENTRY", "SIGNATURE", "NOTE", "LINES", "NAMES")
    }
    assert len(flags) == 15
    assert flags == {name: getattr(_wire, name) for name in flags}
    assert f"#define CHECKSIG_BUFFER {_wire.BUFFER_SIZE}\n" in HEADER.read_text("utf-8")
    assert f'#define CHECKSIG_VERSION "{checksig.__version__}"\n' in HEADER.read_text("utf-8")


def test_the_order_of_the_statuses_does_not_depend_on_the_public_enumeration() -> None:
    assert {Status(name) for name in _wire.STATUSES} == set(Status)


def offsets(structure: str, names: Mapping[str, str]) -> list[int]:
    """Return the offsets of the members of a structure and its size, from ctypes or struct."""
    if structure == "checksig_record":
        letters, found = list(names.values()), []
        for end in range(len(letters)):
            found.append(struct.calcsize("=" + "".join(letters[:end])))
        return [*found, _wire._RECORD.size]
    made = {"checksig_request": _Request, "checksig_error": _Error, "checksig_progress": _Progress}[structure]
    return [*(getattr(made, name).offset for name in names), ctypes.sizeof(made)]


@pytest.mark.parametrize("structure", STRUCTURES)
def test_the_members_are_where_a_c_compiler_puts_them(structure: str, tmp_path: Path) -> None:
    names = STRUCTURES[structure]
    values = ", ".join([*(f"offsetof({structure}, {name})" for name in names), f"sizeof({structure})"])
    program = f"""#include <stdio.h>
#include "checksig.h"
int main(void) {{
    size_t values[] = {{{values}}};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) printf("%zu ", values[i]);
    return 0;
}}
"""
    (tmp_path / "layout.c").write_text(program)
    compile_ = [*toolchain.cc_command(), f"-I{HEADER.parent}", "-o", "layout", "layout.c"]
    subprocess.run(compile_, cwd=tmp_path, check=True)
    printed = subprocess.run([tmp_path / "layout"], capture_output=True, text=True, check=True).stdout
    assert list(map(int, printed.split())) == offsets(structure, names)


STRICT = """#include <checksig.h>

#if CHECKSIG_ABI != 1
#error "another interface"
#endif

int main(int count, char **arguments)
{
    const char *root = count > 1 ? arguments[1] : "";
    checksig_request request = ZERO;
    checksig_error error = ZERO;
    checksig_progress progress = ZERO;
    static char buffer[CHECKSIG_BUFFER];
    uint64_t job = 0;
    size_t written = 0;
    int32_t kind;

    request.struct_size = sizeof request;
    error.struct_size = sizeof error;
    progress.struct_size = sizeof progress;
    request.root = root;
    while (root[request.root_length] != 0)
        request.root_length++;
    kind = checksig_start(&request, &job, &error);
    while (kind == CHECKSIG_MORE)
        kind = checksig_next(job, buffer, sizeof buffer, 100, &written, &progress, &error);
    checksig_close(job, 1000);
    checksig_error_free(&error);
    checksig_free(checksig_verify(root));
    checksig_free(verify(root));
    return checksig_version() == 0 || checksig_algorithms() == 0 ? 99 : (int)kind * 10 + (int)progress.bad;
}
"""


@posix
@loads_library
@pytest.mark.parametrize(
    ("suffix", "standard", "zero"), [(".c", "-std=c99", "{0}"), (".cc", "-std=c++17", "{}")]
)
def test_a_c_and_a_cpp_program_compile_strictly_and_run(
    suffix: str, standard: str, zero: str, tmp_path: Path
) -> None:
    compiler = toolchain.cc_command()
    if suffix == ".cc":
        compiler = [{"gcc": "g++", "cc": "c++", "clang": "clang++"}.get(part, part) for part in compiler]
        compiler = ["c++" if part == "zig-cc" else part for part in compiler]
    warnings = ["-Wall", "-Wextra", "-Werror", "-pedantic"]
    source = tmp_path / f"strict{suffix}"
    source.write_text(STRICT.replace("ZERO", zero))
    library = checksig.get_library()
    include = f"-I{checksig.get_include()}"
    command = [*compiler, standard, *warnings, include, "-o", "strict", str(source), library]
    try:
        subprocess.run([*command, f"-Wl,-rpath,{Path(library).parent}"], cwd=tmp_path, check=True)
    except FileNotFoundError:
        pytest.skip(f"there is no compiler for {suffix}")
    done = subprocess.run([tmp_path / "strict", LOGS], env=environment(), check=False)
    assert done.returncode == 11  # CHECKSIG_FAILED, one bad file


class Caller:
    """Calls the library as a C program does, mistakes included."""

    def __init__(self) -> None:
        self.calls = Library(checksig.get_library()).calls
        self.error = _Error(ctypes.sizeof(_Error))
        self.handle = ctypes.c_uint64(7)

    def start(self, root: bytes | None, length: int, **more: Any) -> int:
        """Start a job; return what checksig_start returns, after the error is compared with it."""
        request = _Request(**{"struct_size": ctypes.sizeof(_Request), **more}, root=root, root_length=length)
        kind = self.calls.checksig_start(
            ctypes.byref(request), ctypes.byref(self.handle), ctypes.byref(self.error)
        )
        assert kind in (8, self.error.kind)
        return int(kind)

    def message(self) -> str:
        """Return the message of the error, which is released."""
        text = ctypes.string_at(self.error.message).decode()
        self.calls.checksig_error_free(ctypes.byref(self.error))
        return text


@pytest.fixture
def caller() -> Caller:
    return Caller()


@loads_library
def test_an_argument_that_is_not_allowed_is_an_error_with_its_reason(caller: Caller) -> None:
    refusals: list[tuple[bytes, dict[str, int], str]] = [
        (b"a\0b", {}, "NUL"),
        (b"", {}, "empty"),
        (b"a", {"workers": -1}, "negative"),
        (b"a", {"shard": 3, "shards": 2}, "shard 3 of 2"),
    ]
    for root, more, reason in refusals:
        assert caller.start(root, len(root), **more) == _wire.Kind.ARGUMENT
        assert reason in caller.message()
        assert caller.handle.value == 0


@loads_library
def test_options_about_signatures_need_keys(caller: Caller) -> None:
    options: list[tuple[dict[str, Any], str]] = [
        ({"min_signers": 1}, "need keys"),
        ({"signature": b"x"}, "need keys"),
        ({"name_space": b"file"}, "need keys"),
        ({"keys": b"x", "keys_length": 1, "min_signers": -1}, "negative"),
    ]
    for keys in (b"", b"x", b"x\0", b"x\x00-1", b"x\0001\0", b"x\x00-2\0", b"x\0y\0", b"x\x00-1\0z"):
        options.append(({"keys": keys, "keys_length": len(keys)}, "the list of keys is empty or incomplete"))
    for more, reason in options:
        assert caller.start(b".", 1, **more) == _wire.Kind.ARGUMENT, more
        assert reason in caller.message()


@loads_library
def test_a_job_whose_manifest_is_not_signed_says_by_whom_it_is(caller: Caller, tmp_path: Path) -> None:
    root = make_signed(tmp_path / "root")
    (tmp_path / "bob.pub").write_text(key_file(BOB))
    keys = b"%s\x00-1\0" % bytes(tmp_path / "bob.pub")
    more = {"keys": keys, "keys_length": len(keys)}
    assert caller.start(bytes(root), len(bytes(root)), **more) == _wire.Kind.MORE
    progress, kind = _Progress(ctypes.sizeof(_Progress)), _wire.Kind.MORE
    while kind == _wire.Kind.MORE:
        kind = next_(caller, progress)
    assert kind == _wire.Kind.NOT_SIGNED
    assert ctypes.string_at(caller.error.path) == bytes(root / "SHA256SUMS")
    reason, *claimed = ctypes.string_at(caller.error.reason).split(b"\n")
    assert b"key" in reason
    assert claimed == [b"3779AB4E1E2AFEE9"]
    assert caller.message().startswith(f'"{root}/SHA256SUMS" - ')
    assert caller.calls.checksig_close(caller.handle, 1000) == 1


@loads_library
def test_null_where_it_is_not_allowed_is_an_error(caller: Caller) -> None:
    """Even if another handler of SIGSEGV, here faulthandler, has replaced the one of Go."""
    faulthandler.enable()
    assert caller.start(None, 3) == _wire.Kind.ARGUMENT
    assert "empty" in caller.message()
    calls, error, handle = caller.calls, ctypes.byref(caller.error), ctypes.byref(caller.handle)
    request = _Request(ctypes.sizeof(_Request), root=b".", root_length=1)
    for arguments in ((None, handle), (ctypes.byref(request), None)):
        assert calls.checksig_start(*arguments, error) == _wire.Kind.ARGUMENT
        assert caller.message() == "a pointer that must not be NULL is NULL"
    assert calls.checksig_start(ctypes.byref(request), handle, None) == _wire.Kind.ARGUMENT
    buffer, written = ctypes.create_string_buffer(200_000), ctypes.byref(ctypes.c_size_t())
    progress = ctypes.byref(_Progress(ctypes.sizeof(_Progress)))
    for buffer_, written_, progress_ in (
        (None, written, progress),
        (buffer, None, progress),
        (buffer, written, None),
    ):
        assert calls.checksig_next(1, buffer_, 200_000, 0, written_, progress_, error) == 5
        assert caller.message() == "a pointer that must not be NULL is NULL"
    assert calls.checksig_next(1, buffer, 200_000, 0, written, progress, None) == _wire.Kind.ARGUMENT
    calls.checksig_error_free(None)
    calls.checksig_free(None)


@loads_library
@pytest.mark.parametrize("name", ["verify", "checksig_verify"])
def test_both_names_of_verify_do_the_same(caller: Caller, name: str) -> None:
    function = caller.calls[name]
    function.restype, caller.calls.checksig_free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    for root, expected in (
        (bytes(LOGS), MISMATCH),
        (None, "the path of the directory is empty or contains NUL"),
    ):
        pointer = function(root)
        assert ctypes.string_at(pointer).decode() == expected
        caller.calls.checksig_free(pointer)


@loads_library
def test_a_structure_that_is_too_small_is_refused(caller: Caller) -> None:
    assert caller.start(b".", 1, struct_size=8) == _wire.Kind.ARGUMENT
    assert caller.message() == "checksig_request.struct_size is 8, less than 144"

    caller.error.struct_size, caller.error.line = 16, 12345
    request = _Request(ctypes.sizeof(_Request), root=b"", root_length=0)
    arguments = (ctypes.byref(request), ctypes.byref(caller.handle), ctypes.byref(caller.error))
    assert caller.calls.checksig_start(*arguments) == _wire.Kind.ARGUMENT
    assert (caller.error.line, caller.error.message) == (12345, None)  # nothing was written
    caller.error.struct_size = ctypes.sizeof(_Error)

    assert caller.start(bytes(LOGS), len(bytes(LOGS))) == _wire.Kind.MORE
    assert next_(caller, _Progress(4)) == _wire.Kind.ARGUMENT
    assert caller.message() == "checksig_progress.struct_size is 4, less than 152"
    assert next_(caller, _Progress(ctypes.sizeof(_Progress))) in (_wire.Kind.MORE, _wire.Kind.FAILED)
    caller.calls.checksig_error_free(ctypes.byref(caller.error))
    assert caller.calls.checksig_close(caller.handle, 1000) == 1


def next_(caller: Caller, progress: _Progress, size: int = 200_000) -> int:
    """Return what checksig_next returns."""
    buffer, written = ctypes.create_string_buffer(size), ctypes.c_size_t()
    more = (ctypes.byref(written), ctypes.byref(progress), ctypes.byref(caller.error))
    return int(caller.calls.checksig_next(caller.handle, buffer, size, 100, *more))


@loads_library
def test_a_request_with_members_that_the_library_does_not_know_is_refused(caller: Caller) -> None:
    class Later(ctypes.Structure):
        _fields_ = (*_Request._fields_, ("option", ctypes.c_int64))

    calls = caller.calls
    calls.checksig_start.argtypes = (ctypes.c_void_p,) * 3
    root = bytes(LOGS)
    for option, expected in ((0, _wire.Kind.MORE), (1, _wire.Kind.ARGUMENT)):
        request = Later(ctypes.sizeof(Later), root=root, root_length=len(root), option=option)
        kind = calls.checksig_start(
            ctypes.byref(request), ctypes.byref(caller.handle), ctypes.byref(caller.error)
        )
        assert kind == expected
        calls.checksig_close(caller.handle, 1000)
    assert caller.message() == "checksig_request has members that this version of the library does not know"


@loads_library
def test_an_unknown_handle_and_a_small_buffer_are_errors(caller: Caller) -> None:
    caller.handle.value = 12345678
    assert next_(caller, _Progress(ctypes.sizeof(_Progress))) == _wire.Kind.ARGUMENT
    assert caller.message() == "unknown job handle"
    assert caller.calls.checksig_close(12345678, 0) == 1

    assert caller.start(bytes(LOGS), len(bytes(LOGS))) == _wire.Kind.MORE
    assert next_(caller, _Progress(ctypes.sizeof(_Progress)), 1000) == _wire.Kind.ARGUMENT
    assert "CHECKSIG_BUFFER" in caller.message()
    caller.calls.checksig_close(caller.handle, 1000)


@loads_library
def test_an_error_can_be_released_twice(caller: Caller) -> None:
    assert caller.start(b"", 0) == _wire.Kind.ARGUMENT
    assert caller.message()
    assert (caller.error.message, caller.error.path, caller.error.reason) == (None, None, None)
    caller.calls.checksig_error_free(ctypes.byref(caller.error))


@loads_library
def test_a_panic_in_the_text_of_an_error_is_contained(injected_package: Path, tmp_path: Path) -> None:
    """Also in checksig_verify, whose message is that text."""
    (tmp_path / "panic-in-error").mkdir()
    library = ctypes.CDLL(str(injected_package / Path(checksig.get_library()).name))
    library.checksig_verify.restype = ctypes.c_void_p
    message = library.checksig_verify(bytes(tmp_path / "panic-in-error"))
    assert ctypes.string_at(message).decode().startswith("internal error: injected")

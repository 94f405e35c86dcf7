"""Specific Character Set (0008,0005): decode and encode text, ISO 2022 code extensions included.

Most values are ASCII and most are never decoded at all. What can't be decoded strictly gives None,
so that the caller decides; nothing is replaced by question marks in silence.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_DEFAULT = "latin_1"
"""For the default repertoire (ISO-IR 6): bytes above it are not allowed and yet common."""

_CODECS: Final = {
    "": _DEFAULT,
    "IR 6": _DEFAULT,
    "IR 13": "shift_jis",
    "IR 100": "latin_1",
    "IR 101": "iso8859_2",
    "IR 109": "iso8859_3",
    "IR 110": "iso8859_4",
    "IR 126": "iso8859_7",
    "IR 127": "iso8859_6",
    "IR 138": "iso8859_8",
    "IR 144": "iso8859_5",
    "IR 148": "iso8859_9",
    "IR 203": "iso8859_15",
    "IR 166": "iso8859_11",
    "IR 192": "utf_8",
    "IR 58": "gb2312",
    "IR 87": "iso2022_jp",
    "IR 149": "euc_kr",
    "IR 159": "iso2022_jp_2",
    "GB18030": "gb18030",
    "GBK": "gbk",
}
"""Defined terms (PS3.3 Tables C.12-2 to C.12-5) without "ISO_" or "ISO 2022 " -> Python's codec."""

ESCAPES: Final = {
    b"(B": _DEFAULT,
    b"-A": "latin_1",
    b"-B": "iso8859_2",
    b"-C": "iso8859_3",
    b"-D": "iso8859_4",
    b"-F": "iso8859_7",
    b"-G": "iso8859_6",
    b"-H": "iso8859_8",
    b"-L": "iso8859_5",
    b"-M": "iso8859_9",
    b"-b": "iso8859_15",
    b"-T": "iso8859_11",
    b")I": "shift_jis",
    b"(J": "shift_jis",
    b"$)C": "euc_kr",
    b"$)A": "gb2312",
    b"$B": "iso2022_jp",
    b"$(D": "iso2022_jp_2",
}
"""Escape sequences (PS3.3 Tables C.12-3 and C.12-4) -> Python's codec."""

STATEFUL = frozenset({"iso2022_jp", "iso2022_jp_2"})
"""Codecs of Python that want to see the escape sequence themselves."""

_NOT_ENCODED = STATEFUL | {"shift_jis"}
_ASCII_ONLY = ("", "IR 6")

_TERM = r"(?i)(?:ISO[ _-](?:2022[ _-])?)?(IR[ _-]\d+|GBK|GB18030)?"
_FRAGMENT = rb"^[^\x1b]+|\x1b[^\x1b]*"
_DELIMITER = rb"([\\^=\r\n\f\t])"

CharacterSet = tuple[str, ...]
"""The values of Specific Character Set."""

DEFAULT: Final[CharacterSet] = ("",)


@lru_cache(maxsize=256)
def character_set(value: bytes) -> CharacterSet:
    """Return the values of an element Specific Character Set."""
    return tuple(part.strip() for part in value.decode("latin_1").strip("\0 ").split("\\"))


def _repertoire(term: str) -> str | None:
    """Return a defined term as it is in `_CODECS`; None if it is not understood."""
    match = re.fullmatch(_TERM, term.strip("\0 "))
    return (match[1] or "").upper().replace("_", " ").replace("-", " ") if match else None


def codec(term: str) -> str | None:
    """Return Python's codec for a value of Specific Character Set; None if it is not known."""
    repertoire = _repertoire(term)
    return None if repertoire is None else _CODECS.get(repertoire)


@lru_cache(maxsize=256)
def are_known(character_set: CharacterSet) -> bool:
    """Tell if each value of Specific Character Set is a defined term."""
    return all(codec(term) is not None for term in character_set)


def decode(value: bytes, character_set: CharacterSet = DEFAULT) -> str | None:
    """Decode a text; None if it is not text in this character set, or the set is not known.

    Notes
    -----
    Source: PS3.5 section 6.1.2.
    """
    if value.isascii() and b"\x1b" not in value:
        return value.decode("ascii")
    first = codec(character_set[0] if character_set else "")
    if first is None:
        return None
    try:
        if b"\x1b" not in value:
            return value.decode(_DEFAULT if first in STATEFUL else first)
        return "".join(_decode_fragment(part, first) for part in re.findall(_FRAGMENT, value))
    except (UnicodeError, KeyError):
        return None


def _decode_fragment(fragment: bytes, first: str) -> str:
    """Decode what one escape sequence holds for; delimiters end that (PS3.5 section 6.1.2.5.3)."""
    if not fragment.startswith(b"\x1b"):
        return fragment.decode(_DEFAULT if first in STATEFUL else first)
    size = 3 if fragment[1:3] in (b"$)", b"$(") else 2
    found = ESCAPES[fragment[1 : 1 + size]]
    if found in STATEFUL:
        return fragment.decode(found)
    head, *rest = re.split(_DELIMITER, fragment[1 + size :])
    return head.decode(found) + "".join(_decode_rest(part, first, found) for part in rest)


def _decode_rest(part: bytes, first: str, escaped: str) -> str:
    """Decode what comes after a delimiter; many writers forget to repeat the escape sequence."""
    if part.isascii():
        return part.decode("ascii")
    try:
        return part.decode(_DEFAULT if first in STATEFUL else first)
    except UnicodeError:
        return part.decode(escaped)


def encode(text: str, character_set: CharacterSet = DEFAULT) -> bytes | None:
    """Encode a text without escape sequences; None if this character set does not have it."""
    if text.isascii():
        return text.encode("ascii")
    first = character_set[0] if character_set else ""
    found = codec(first)
    if found is None or found in _NOT_ENCODED or _repertoire(first) in _ASCII_ONLY:
        return None
    try:
        return text.encode(found)
    except UnicodeError:
        return None

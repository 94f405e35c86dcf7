"""Values that stay and are not what their VR says: text under numbers, numbers under other VRs.

The profile keeps attributes because of what they are: Rows is a number. What is not one, whatever
VR it comes under, was judged by nobody. Where it can't be told that a value is of the attribute's
kind, the instance is held, and a private element removed; values of a kind that holds words anyway
are not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from gatehouse.dicom.scan import Buffer
from gatehouse.dicom.value_lengths import UNASKED
from gatehouse.errors import ScanError

Spelling = Callable[[Buffer, int, int], object]
"""Tells if the bytes from one place to another are spelled as a VR asks."""

_SIZES: Final = {
    **dict.fromkeys(("US", "SS"), 2),
    **dict.fromkeys(("AT", "FL", "SL", "UL"), 4),
    **dict.fromkeys(("FD", "SV", "UV"), 8),
}
"""Bytes of a binary number."""

_STREAMS: Final = frozenset({"OB", "OD", "OF", "OL", "OV", "OW"})

_NUMBER: Final = re.compile(rb"[0-9+\-.eE, \\\0]*").fullmatch
_SPELLED: Final = {
    "DS": _NUMBER,
    "IS": _NUMBER,
    "UI": re.compile(rb"[0-9. \\\0]*").fullmatch,
    "DA": re.compile(rb"[0-9.\-/: \\\0]*").fullmatch,
    "DT": re.compile(rb"[0-9.\-+/: \\\0]*").fullmatch,
    "TM": re.compile(rb"[0-9.\-: \\\0]*").fullmatch,
    "AS": re.compile(rb"[0-9DWMYdwmy \\\0]*").fullmatch,
}
"""What is written in a few letters (PS3.5 Table 6.2-1), with what is commonly seen besides. None of
it can hold a word."""

_HEAD_BYTES: Final = 64
_TEXT_BYTES_MIN: Final = 16
"""Eight numbers of two bytes, or two of eight, of which each byte is a letter, a digit or a sign,
are no numbers: fractions, tags and counts have bytes of other kinds."""

_NO_NUMBERS: Final = re.compile(
    rb"(?i)(?:[0-9+\-.e, \\\0\t\r\n]|nan|infinity|inf|n/a|none|null|\*|#|ind|unknown)*"
).fullmatch
"""What devices write where they have no number."""


_STRANGE: Final = {
    "DA": re.compile(rb"[^0-9.\-/: \\\0]").search,
    "DS": re.compile(rb"[^0-9+\-.eE, \\\0]").search,
    "DT": re.compile(rb"[^0-9.\-+/: \\\0]").search,
    "IS": re.compile(rb"[^0-9+\-.eE, \\\0]").search,
    "TM": re.compile(rb"[^0-9.\-: \\\0]").search,
    "UI": re.compile(rb"[^0-9. \\\0]").search,
}
"""The same the other way round: what is asked of nearly every element is asked the fastest way."""

_FITTING: Final = {
    "CS": re.compile(rb"[^\\]{0,16}(?:\\[^\\]{0,16})*").fullmatch,
    "DS": re.compile(rb"[0-9+\-.eE, \0]{0,16}(?:\\[0-9+\-.eE, \0]{0,16})*").fullmatch,
    "IS": re.compile(rb"[0-9+\-.eE, \0]{0,12}(?:\\[0-9+\-.eE, \0]{0,12})*").fullmatch,
}


def strange(vr: str) -> Spelling | None:
    """Return how to find in a value of this VR what is no part of a number, moment or UID."""
    return _STRANGE.get(vr)


def fitting(vr: str) -> Spelling | None:
    """Return how to tell that each of several values is as long as it may be, and of its kind."""
    return _FITTING.get(vr)


def is_told(known: str) -> bool:
    """Tell if `is_of_kind` can say no for an attribute of this VR."""
    _, is_binary, spelled = _kind(known)
    return is_binary or spelled is not None


def longest(known: str, *, is_single: bool) -> int:
    """Return up to which length a value under its attribute's VR needs no closer look.

    Parameters
    ----------
    known : str
        The attribute's VR in the dictionary; of several, the first is meant.
    is_single : bool
        Whether the attribute has one value only.
    """
    size = _kind(known)[0] if is_single else 0
    return size or UNASKED.get(known.partition(" ")[0].encode("ascii"), 0)


def is_of_kind(
    known: str, vr: bytes, data: Buffer, start: int, end: int, *, is_single: bool
) -> bool:
    """Tell if a value is of its attribute's kind.

    Parameters
    ----------
    known : str
        The attribute's VR in the dictionary, or several joined by "or"; empty if nothing is known.
    vr : bytes
        The VR in the file; empty in implicit VR.
    is_single : bool
        Whether the attribute has one value only.
    """
    size, is_binary, spelled = _kind(known)
    length = end - start
    written = vr.decode("ascii")
    if spelled is not None:
        return bool(spelled(data, start, end) or _NO_NUMBERS(data, start, end))
    if not is_binary or not length:
        return True
    if written in _SIZES or written in ("", "UN"):
        if is_single:
            return not size or length <= max(size, _SIZES.get(written, 0))
        return not size or not _is_text(bytes(data[start : min(end, start + _HEAD_BYTES)]))
    if written in _STREAMS:
        return not size
    return bool(size and _NUMBER(data, start, end))  # a number as text, which can be read


def hold_other(
    known: str, vr: bytes, data: Buffer, start: int, end: int, *, is_single: bool
) -> None:
    """Hold an instance whose value is not of its attribute's kind; see `is_of_kind`.

    Raises
    ------
    ScanError
        With rule ``dicom.vr``.
    """
    if not is_of_kind(known, vr, data, start, end, is_single=is_single):
        raise ScanError("dicom.vr", "a value that stays is not of its attribute's kind")


def _is_text(head: bytes) -> bool:
    plain = head.rstrip(b"\0 ")
    return len(plain) >= _TEXT_BYTES_MIN and plain.isascii() and plain.decode("ascii").isprintable()


@lru_cache(maxsize=64)
def _kind(known: str) -> tuple[int, bool, Spelling | None]:
    """Return the size of a number, 0 for streams; if it is binary; how it is spelled if not."""
    kinds = known.split(" or ") if known else []
    size = max(_SIZES[kind] for kind in kinds) if kinds and _SIZES.keys() >= set(kinds) else 0
    is_binary = bool(kinds) and set(kinds) <= _SIZES.keys() | _STREAMS
    return size, is_binary, _SPELLED.get(known)

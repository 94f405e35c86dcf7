"""Whether a value of an element that would leave really holds what was looked for.

The search over all values is quick and coarse; what it finds is judged here, in view of the VR and
of what stands beside the find.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gatehouse.deid.verify.needles import Needle, digits_of, fold

BINARY_LENGTH_MIN = 6
"""In a binary value five letters stand by chance: a table of 128 KiB holds a given word of three
letters, in any case, with a chance of 6 percent, one of six with less than one in 10^7."""

UID_CONTINUED_LENGTH_MIN = 30
"""A shorter UID with more behind it may be the root of an organization, as in a SOP class's UID."""

_BINARY_VRS = frozenset(
    {"AT", "FD", "FL", "OB", "OD", "OF", "OL", "OV", "OW", "SL", "SS", "SV", "UL", "US", "UV"}
)
_NUMBER_VRS = frozenset({"DS", "IS"})
_DATE_VRS = frozenset({"AS", "DA", "DT", "TM"})
_NUMBERLESS_KINDS = frozenset({"id", "text"})
_DATE_KINDS = frozenset({"birth-date", "date"})

_LETTER, _LETTER_OR_DIGIT, _DIGIT = (
    frozenset(fold(letters))
    for letters in (
        b"abcdefghijklmnopqrstuvwxyz" + bytes(range(0x80, 0x100)),
        b"abcdefghijklmnopqrstuvwxyz0123456789" + bytes(range(0x80, 0x100)),
        b"0123456789",
    )
)
_LOOSEST_VRS = ("LT", "DT", "UI", "OB")
"""What does not count under one of these counts under none."""

_DOT = 0x2E
_NUMBERS_AND_DOTS = re.compile(rb"[0-9.\\ ]*")


def holds(value: bytes, vr: str, needle: Needle) -> bool:
    """Tell if an element's value holds what is looked for.

    Parameters
    ----------
    value : bytes
        As it stands in the object that would leave.
    vr : str
        Its VR; ``"UN"`` if it is not known.
    needle : Needle
        What is looked for.
    """
    plain = fold(value)
    folded = digits_of(plain) if needle.match == "digits" else plain
    if needle.folded not in folded:
        return False
    if vr in _BINARY_VRS and not _is_text(value):
        return len(needle.folded) >= BINARY_LENGTH_MIN and needle.match != "whole"
    if vr == "UI" and needle.kind != "uid" and _NUMBERS_AND_DOTS.fullmatch(folded):
        # Parts of UIDs are serial numbers and times of other things. The UIDs themselves are
        # looked for, and those that a policy keeps are kept with what is in them.
        return False
    if vr in _NUMBER_VRS and needle.folded.isdigit():
        # 0.123456 does not hold the number 123456.
        is_long = len(needle.folded) >= BINARY_LENGTH_MIN
        return is_long and needle.folded in _values(plain)
    if vr in _DATE_VRS and needle.kind in _NUMBERLESS_KINDS and needle.folded.isdigit():
        return False
    if needle.match == "whole":
        # A short UID outside of UIDs may be a version.
        is_place = needle.kind != "uid" or vr in ("UI", "UN")
        return is_place and needle.folded in _values(folded)
    return any(_fits(folded, at, needle, vr) for at in _finds(folded, needle.folded))


def may_hold(value: bytes, needle: Needle) -> bool:
    """Tell if a value would hold what is looked for under some VR."""
    return any(holds(value, vr, needle) for vr in _LOOSEST_VRS)


def _is_text(value: bytes) -> bool:
    """Tell if a binary value is a text in fact."""
    plain = value.rstrip(b"\0 ")
    return bool(plain) and plain.isascii() and plain.decode("ascii").isprintable()


def _values(folded: bytes) -> list[bytes]:
    return [value.strip() for value in folded.split(b"\\")]


def _finds(folded: bytes, text: bytes) -> Iterator[int]:
    at = folded.find(text)
    while at >= 0:
        yield at
        at = folded.find(text, at + 1)


def _fits(folded: bytes, at: int, needle: Needle, vr: str) -> bool:
    """Tell if what stands beside a find lets it count."""
    end = at + len(needle.folded)
    before = folded[at - 1] if at else 0
    after = folded[end] if end < len(folded) else 0
    match needle.match:
        case "word":
            return before not in _LETTER and after not in _LETTER
        case "token":
            return before not in _LETTER_OR_DIGIT and after not in _LETTER_OR_DIGIT
        case "number":
            is_with_time = vr == "DT" and needle.kind in _DATE_KINDS
            return before not in _DIGIT and (after not in _DIGIT or is_with_time)
        case "uid":
            is_continued = after == _DOT and len(needle.folded) < UID_CONTINUED_LENGTH_MIN
            is_inner = before in _DIGIT or before == _DOT or after in _DIGIT
            return not is_inner and not is_continued
        case _:
            return True

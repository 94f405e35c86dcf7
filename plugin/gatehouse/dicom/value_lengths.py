"""How long a value may be in each VR (PS3.5 Table 6.2-1), and how one that is too long is mended.

A value that is longer can only be given on after a repair that loses nothing that it says: padding
goes, numbers are written shorter. Texts and identifiers are never cut.
"""

from __future__ import annotations

import re
from typing import Final

from gatehouse.dicom import charsets
from gatehouse.dicom.encodings import SHORT_LENGTH_MAX, SHORT_VRS
from gatehouse.errors import ScanError

_BYTES_MAX: Final = {
    "AE": 16,
    "AS": 4,
    "CS": 16,
    "DA": 10,
    "DS": 16,
    "DT": 26,
    "IS": 12,
    "TM": 16,
    "UI": 64,
}
"""Of each value, of VRs in the default repertoire. DA and TM in the form of ACR-NEMA, with dots and
colons, which readers know."""

_CHARACTERS_MAX: Final = {"LO": 64, "LT": 10240, "PN": 64, "SH": 16, "ST": 1024}
"""Of each value, of PN in each component group. UC, UR and UT end where their lengths do."""

_SINGLE: Final = frozenset({"LT", "ST"})
"""VRs without multiple values: a backslash is just a character."""

_NUMBERS: Final = {"AT": 8, "FD": 48, "FL": 24, "SL": 16, "SS": 6, "UL": 16, "US": 6}
"""Bytes of binary numbers that are common together: a point, a matrix row, a table's descriptor."""

UNASKED: Final = {
    **dict.fromkeys(SHORT_VRS, SHORT_LENGTH_MAX),
    **{vr.encode(): length for vr, length in (_BYTES_MAX | _CHARACTERS_MAX | _NUMBERS).items()},
}
"""VR of a header of 8 bytes -> the length up to which a value needs no closer look."""

_DECIMAL: Final = rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[Ee][+-]?[0-9]+)?"
_INTEGER: Final = rb"[+-]?[0-9]+"
_DIGITS_MAX: Final = 16
_INTEGERS: Final = range(-(2**31), 2**31)


def is_limited(vr: str) -> bool:
    """Tell if values of this VR have a longest length of their own."""
    return vr in _BYTES_MAX or vr in _CHARACTERS_MAX


def fitted(value: bytes, vr: str, character_set: charsets.CharacterSet) -> bytes | None:
    """Return a value that fits its VR; None if it does so as it is.

    Raises
    ------
    ScanError
        With rule ``dicom.value-length``, if it can't be made to fit.

    Notes
    -----
    Source: PS3.5 Table 6.2-1. A Decimal String is written with as many digits as its 16 bytes hold.
    """
    longest = _BYTES_MAX.get(vr)
    if longest is not None:
        if len(value) <= longest:
            return None
        parts = value.split(b"\\")
        if all(len(part) <= longest for part in parts):
            return None
        return b"\\".join(_mended(part, vr, longest) for part in parts)
    longest = _CHARACTERS_MAX.get(vr)
    if longest is None or len(value) <= longest:
        return None
    return _fitted_text(value, vr, longest, character_set)


def _mended(part: bytes, vr: str, longest: int) -> bytes:
    if len(part) <= longest:
        return part
    plain = part.strip(b" \0")
    if len(plain) > longest and vr == "DS":
        plain = _shorter_decimal(plain)
    elif len(plain) > longest and vr == "IS" and re.fullmatch(_INTEGER, plain):
        plain = b"%d" % int(plain) if len(plain) < SHORT_LENGTH_MAX // 64 else plain
    if len(plain) > longest:
        raise _too_long()
    return plain


def _shorter_decimal(plain: bytes) -> bytes:
    """Write a number with as many digits as fit into 16 bytes."""
    if not re.fullmatch(_DECIMAL, plain):
        raise _too_long()
    number = float(plain)
    for digits in range(_DIGITS_MAX, 0, -1):
        text = f"{number:.{digits}g}"
        if len(text) <= _BYTES_MAX["DS"] and text[-1].isdigit():
            return text.encode("ascii")
    raise _too_long()


def _fitted_text(
    value: bytes, vr: str, longest: int, character_set: charsets.CharacterSet
) -> bytes | None:
    text = charsets.decode(value, character_set)
    if text is None:
        text = value.decode("latin-1")
    texts = [text] if vr in _SINGLE else text.split("\\")
    if all(_fits(one, vr, longest) for one in texts):
        return None
    parts = [value] if vr in _SINGLE else value.split(b"\\")
    # Where a byte of a character looks like a backslash, there are more parts than texts.
    if len(parts) != len(texts) or not all(_fits(one.strip(" \0"), vr, longest) for one in texts):
        raise _too_long()
    return b"\\".join(
        part if _fits(one, vr, longest) else part.strip(b" \0")
        for part, one in zip(parts, texts, strict=True)
    )


def _fits(text: str, vr: str, longest: int) -> bool:
    if vr == "PN":
        return all(len(group) <= longest for group in text.split("="))
    return len(text) <= longest


def _too_long() -> ScanError:
    return ScanError("dicom.value-length", "a value that stays is longer than its VR allows")

"""Dummy values: one for each value representation, fixed, and known by sight.

A value is not taken from the original in any way, but for what is no identifier: the number of
values where the Standard may ask for one (numbers, dates), and the length of binary values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TEXT: Final = b"REMOVED"
DATE: Final = b"19000101"

BY_VR: Final[Mapping[str, bytes]] = {
    "AE": TEXT,
    "AS": b"000Y",
    "CS": TEXT,
    "DA": DATE,
    "DS": b"0",
    "DT": DATE + b"000000",
    "IS": b"0",
    "LO": TEXT,
    "LT": TEXT,
    "PN": TEXT,
    "SH": TEXT,
    "ST": TEXT,
    "TM": b"000000",
    "UC": TEXT,
    "UR": b"about:blank",
    "UT": TEXT,
}

_BY_TAG: Final[Mapping[int, bytes]] = {
    # Where the Standard has defined terms, one of them (PS3.3 C.7.1.1, C.7.1.1.1.3, C.12.1.1.9.1).
    0x00100040: b"O",
    0x00102203: b"UNALTERED",
    0x04000565: b"COERCE",
}

_SIZES: Final[Mapping[str, int]] = {
    "AT": 4,
    "FD": 8,
    "FL": 4,
    "OB": 2,
    "OD": 8,
    "OF": 4,
    "OL": 4,
    "OV": 8,
    "OW": 2,
    "SL": 4,
    "SS": 2,
    "SV": 8,
    "UL": 4,
    "UN": 2,
    "US": 2,
    "UV": 8,
}

_REPEATED: Final = frozenset({"AS", "DA", "DS", "DT", "IS", "TM"})
_VALUES_MAX: Final = 64


def dummy(tag: int, vr: str, original: bytes) -> bytes | None:
    """Return a dummy for an element; None if its VR has none (SQ, UI, or no VR at all)."""
    value = _BY_TAG.get(tag) or BY_VR.get(vr)
    if value is None:
        size = _SIZES.get(vr)
        if size is None:
            return None
        return bytes(max(size, len(original) // size * size))
    if vr in _REPEATED:
        count = min(original.count(b"\\") + 1, _VALUES_MAX)
        return b"\\".join([value] * count)
    return value

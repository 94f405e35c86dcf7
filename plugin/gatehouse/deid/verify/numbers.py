"""Whether what stays under an attribute of numbers, moments or UIDs is one.

The plan keeps such attributes because of what they are. A word in its place is no value that
anybody judged, whoever it names; so it is looked for without knowing what to look for.
"""

from __future__ import annotations

import re
from collections.abc import Set

from gatehouse.standard import dictionary, multiplicity

_SIZES = {
    b"": 0, b"UN": 0, b"SS": 2, b"US": 2, b"AT": 4, b"FL": 4, b"SL": 4, b"UL": 4,
    b"FD": 8, b"SV": 8, b"UV": 8,
}  # fmt: skip
"""VRs of binary numbers and their bytes; first those that say nothing."""

_NUMBERS = frozenset(_SIZES)
_STREAMS = frozenset(b"OB OD OF OL OV OW".split())
_WRITTEN = frozenset(b"AS DA DS DT IS TM UI".split())
_NO_LIMIT = 1 << 32

_NUMBER = re.compile(
    rb"(?:[-+0-9.,:/ \\\0\t\r\n#*edwmy]|nan|inf|inity|n/a|none|null|ind|unknown)*", re.IGNORECASE
)
"""Digits, what stands between them, the units of ages, and what devices write if there are none."""

_REMEMBERED_VALUES_MAX = 20_000
_REMEMBERED_LENGTH_MAX = 256
_free: set[bytes] = set()

Kind = tuple[frozenset[bytes], int]
"""The VRs under which a value need not be looked at, and how long it may be."""


class Kinds(dict[int, Kind | None]):
    """Of public attributes, what is a number; None for one that may hold words."""

    def __missing__(self, tag: int) -> Kind | None:
        known = dictionary.vr(tag)
        if known is None:
            return None
        self[tag] = kind = _kind(frozenset(known.encode("ascii").split(b" or ")), tag)
        return kind


KINDS = Kinds()
"""Grows to what the dictionary holds, and no more."""


def _kind(known: frozenset[bytes], tag: int) -> Kind | None:
    if known <= _WRITTEN:
        return frozenset(), 0
    if known <= _NUMBERS:
        size = max(_SIZES[vr] for vr in known)
        return _NUMBERS, size if multiplicity.is_single(tag) else _NO_LIMIT
    if known <= _NUMBERS | _STREAMS:
        return _NUMBERS | _STREAMS, _NO_LIMIT
    return None


def is_too_long(vr: bytes, length: int, longest: int) -> bool:
    """Tell if a binary number is longer than one of its attribute's or its own VR is."""
    return length > longest and length > _SIZES.get(vr, _NO_LIMIT)


def are_numbers(values: Set[bytes]) -> bool:
    """Tell if all values are numbers, moments or UIDs, or say that there is none."""
    for value in values - _free:
        if not _NUMBER.fullmatch(value):
            return False
        if len(value) <= _REMEMBERED_LENGTH_MAX and len(_free) < _REMEMBERED_VALUES_MAX:
            _free.add(value)
    return True


def is_number(tag: int, vr: bytes, value: bytes) -> bool:
    """Tell if the value of an element is a number, wherever its attribute is one."""
    kind = None if tag >> 16 & 1 else KINDS[tag]
    if kind is None:
        return True
    plain, longest = kind
    if vr in plain:
        return not is_too_long(vr, len(value), longest)
    return _NUMBER.fullmatch(value) is not None

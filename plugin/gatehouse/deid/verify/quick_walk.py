"""The verification's walk over an original: in half the time, because it is asked for less."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from struct import Struct

from gatehouse.deid.verify.walk import (
    ITEM_END,
    ITEM_STARTS,
    LENGTH,
    LONG_VRS,
    PIXEL_DATA,
    SHORT_VRS,
    UNDEFINED,
    Buffer,
    Path,
    UnreadableError,
    Walk,
)


class QuickWalk(Walk):
    """The same for an original: only the elements that are asked for, twice as fast.

    The order of the elements is not looked at, since nothing depends on it here; zeros behind the
    data set are let pass, since nothing is in them. Tags are compared as they are read, group and
    element number exchanged.
    """

    def __init__(self, wanted: Iterable[int]) -> None:
        super().__init__(frozenset(wanted), private=False, every_value=False)
        self._exchanged = _exchanged(frozenset(wanted))
        self._may_be_padded = True

    def _explicit(self, buffer: Buffer, position: int, end: int, path: Path) -> tuple[int, bool]:
        if self._is_big_endian:
            return super()._explicit(buffer, position, end, path)
        unpack, unpack_length = _EXCHANGED.unpack_from, LENGTH.unpack_from
        short, long, wanted, name = SHORT_VRS, LONG_VRS, self._exchanged, b"PN"
        room = end - 7
        while position < room:
            exchanged, vr, length = unpack(buffer, position)
            start = position + 8
            if vr not in short:
                tag = (exchanged & 0xFFFF) << 16 | exchanged >> 16
                if vr not in long:
                    if tag == ITEM_END and not unpack_length(buffer, position + 4)[0]:
                        return start, True
                    if self._is_padding(buffer, position, end, path):
                        return end, False
                    raise UnreadableError("something else stands where an element should", path)
                (length,) = unpack_length(buffer, start)
                start += 4
                if tag in PIXEL_DATA and not path:
                    return position, False
                if length == UNDEFINED or vr == b"SQ":
                    position = self._nested(buffer, start, length, end, (*path, tag), vr)
                    continue
                if vr == b"UN" and self._is_sequence(buffer, start, start + length, (*path, tag)):
                    position = start + length
                    continue
            position = start + length
            if exchanged in wanted or vr == name:
                tag = (exchanged & 0xFFFF) << 16 | exchanged >> 16
                self.elements.append((path, tag, vr, bytes(buffer[start:position])))
        return self._end(buffer, position, end, path), False

    def _implicit(self, buffer: Buffer, position: int, end: int, path: Path) -> tuple[int, bool]:
        if self._is_big_endian:
            return super()._implicit(buffer, position, end, path)
        unpack, wanted, starts = _EXCHANGED_IMPLICIT.unpack_from, self._exchanged, ITEM_STARTS
        room = end - 7
        while position < room:
            exchanged, length = unpack(buffer, position)
            start = position + 8
            group = exchanged & 0xFFFF
            if length == UNDEFINED or group in _UNUSUAL_GROUPS:
                tag = group << 16 | exchanged >> 16
                if tag == ITEM_END and not length:
                    return start, True
                if group in _NO_GROUPS:
                    if self._is_padding(buffer, position, end, path):
                        return end, False
                    raise UnreadableError("something else stands where an element should", path)
                if tag in PIXEL_DATA and not path:
                    return position, False
                if length == UNDEFINED:
                    position = self._nested(buffer, start, length, end, (*path, tag), b"")
                    continue
            position = start + length
            if length >= 8 and buffer[start : start + 2] in starts:
                tag = group << 16 | exchanged >> 16
                if self._is_sequence(buffer, start, position, (*path, tag)):
                    continue
            if exchanged in wanted:
                tag = group << 16 | exchanged >> 16
                self.elements.append((path, tag, b"", bytes(buffer[start:position])))
        return self._end(buffer, position, end, path), False


_EXCHANGED, _EXCHANGED_IMPLICIT = Struct("<I2sH"), Struct("<II")
_NO_GROUPS = (0xFFFE, 0)
"""Of delimiters, and of the command set: no data set has elements of these."""
_UNUSUAL_GROUPS = frozenset({*_NO_GROUPS, *(tag >> 16 for tag in PIXEL_DATA)})


@lru_cache(maxsize=8)
def _exchanged(tags: frozenset[int]) -> frozenset[int]:
    return frozenset((tag & 0xFFFF) << 16 | tag >> 16 for tag in tags)

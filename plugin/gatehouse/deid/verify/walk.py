"""The verification's own walk over a data set, with every byte accounted for.

It shares no line with the scanner of the engine, so that an element which that one overlooks is
seen here. It is strict: what it does not understand is an error, not a guess.
"""

from __future__ import annotations

from collections.abc import Container
from struct import Struct
from struct import error as struct_error
from typing import NamedTuple

Buffer = bytes | memoryview
Path = tuple[int, ...]

DEPTH_MAX = 128
"""More than any IOD needs and than the engine lets through; a bound for our own recursion."""

UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
PIXEL_DATA = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
_ITEM_BYTES = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")

HEADER_BYTES = {
    **dict.fromkeys(b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split(), 8),
    **dict.fromkeys(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split(), 12),
}
"""Length of the header of an element by its VR (PS3.5 section 7.1.2)."""

EXPLICIT, IMPLICIT, LENGTH = Struct("<HH2sH"), Struct("<HHI"), Struct("<I")
_EXPLICIT_BIG, _IMPLICIT_BIG, _LENGTH_BIG = Struct(">HH2sH"), Struct(">HHI"), Struct(">I")


class UnreadableError(Exception):
    """The bytes are not a data set. Carries where, and no value."""

    def __init__(self, reason: str, path: Path = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path


class Element(NamedTuple):
    """An element that was asked for."""

    path: Path
    """Tags of the sequences above."""
    tag: int
    vr: bytes
    """``b""`` where the transfer syntax does not say it."""
    value: bytes
    """Empty for a sequence."""


class Walk:
    """Collects elements and values while it goes over data sets.

    Parameters
    ----------
    wanted : container of int
        Tags of the elements to collect, at every depth. Those with VR PN are collected as well.
    private : bool
        Whether to collect private elements as well.
    every_value : bool
        Whether to collect every value, and every tag by the path of its data set. Of Pixel Data the
        value is left out.

    Notes
    -----
    Source: PS3.5 chapter 7.
    """

    def __init__(self, wanted: Container[int], *, private: bool, every_value: bool) -> None:
        self.elements: list[Element] = []
        self.values: set[bytes] | None = set() if every_value else None
        self.tags: dict[Path, set[int]] = {}
        self._wanted = wanted
        self._private = int(private)
        self._is_big_endian = False

    def top(
        self, buffer: Buffer, position: int, *, explicit: bool, big_endian: bool
    ) -> tuple[int, bool]:
        """Walk the top level; return where it ended, and whether pixel data stands there."""
        self._is_big_endian = big_endian
        stop = self._data_set(buffer, position, len(buffer), (), explicit, False)
        return stop, stop < len(buffer)

    def _data_set(
        self,
        buffer: Buffer,
        position: int,
        end: int,
        path: Path,
        explicit: bool,
        delimited: bool,
    ) -> int:
        """Walk one data set; return where it ended.

        A delimited one ends behind its Item Delimitation Item, the top level before pixel data.
        """
        if len(path) > DEPTH_MAX:
            raise UnreadableError("sequences are nested too deep", path)
        big = self._is_big_endian
        unpack_explicit = (_EXPLICIT_BIG if big else EXPLICIT).unpack_from
        unpack_implicit = (_IMPLICIT_BIG if big else IMPLICIT).unpack_from
        unpack_length = (_LENGTH_BIG if big else LENGTH).unpack_from
        sizes, wanted, odd, values = HEADER_BYTES, self._wanted, self._private, self.values
        vr, size, last = b"", 8, -1
        tags = self.tags.setdefault(path, set()) if values is not None else None
        while position < end:
            if explicit:
                group, element, vr, length = unpack_explicit(buffer, position)
                size = sizes.get(vr, 0)
                if size == 12:
                    (length,) = unpack_length(buffer, position + 8)
            else:
                group, element, length = unpack_implicit(buffer, position)
            tag = group << 16 | element
            if tag <= last:
                raise UnreadableError("elements are not in ascending order", path)
            if group == 0xFFFE or not size:
                if tag == ITEM_END and delimited and not unpack_length(buffer, position + 4)[0]:
                    return position + 8
                raise UnreadableError("something else stands where an element should", path)
            last = tag
            if tags is not None:
                tags.add(tag)
            start = position + size
            if not path and tag in PIXEL_DATA:
                return position
            if length == UNDEFINED or vr == b"SQ":
                position = self._nested(buffer, start, length, end, (*path, tag), vr)
                continue
            position = start + length
            if position > end:
                raise UnreadableError("an element reaches beyond the end", path)
            if (vr == b"UN" or not explicit) and self._is_sequence(
                buffer, start, position, (*path, tag)
            ):
                continue
            if tag in wanted or group & odd or vr == b"PN":
                value = bytes(buffer[start:position])
                self.elements.append(Element(path, tag, vr, value))
                if values is not None:
                    values.add(value)
            elif values is not None:
                values.add(bytes(buffer[start:position]))
        if delimited:
            raise UnreadableError("an item does not end", path)
        return position

    def _nested(
        self, buffer: Buffer, start: int, length: int, end: int, path: Path, vr: bytes
    ) -> int:
        """Walk a sequence, or the fragments of an icon; return where it ended."""
        is_delimited = length == UNDEFINED
        stop = end if is_delimited else start + length
        if stop > end:
            raise UnreadableError("a sequence reaches beyond the end", path)
        if vr in (b"OB", b"OW"):
            return self._fragments(buffer, start, end, path)
        if vr == b"UN":
            # PS3.5 section 6.2.2: of undefined length, it is in implicit VR little endian.
            big, self._is_big_endian = self._is_big_endian, False
            try:
                return self._items(buffer, start, stop, path, False, is_delimited)
            finally:
                self._is_big_endian = big
        if vr not in (b"SQ", b""):
            raise UnreadableError("an element has no length", path)
        return self._items(buffer, start, stop, path, vr == b"SQ", is_delimited)

    def _items(
        self, buffer: Buffer, position: int, end: int, path: Path, explicit: bool, delimited: bool
    ) -> int:
        unpack = (_IMPLICIT_BIG if self._is_big_endian else IMPLICIT).unpack_from
        if path[-1] in self._wanted or path[-1] >> 16 & self._private:
            self.elements.append(Element(path[:-1], path[-1], b"SQ", b""))
        while position < end:
            group, element, length = unpack(buffer, position)
            tag = group << 16 | element
            position += 8
            if tag == ITEM and length == UNDEFINED:
                position = self._data_set(buffer, position, end, path, explicit, True)
            elif tag == ITEM and position + length <= end:
                position = self._data_set(
                    buffer, position, position + length, path, explicit, False
                )
            elif tag == SEQUENCE_END and delimited and not length:
                return position
            else:
                raise UnreadableError("something else stands where an item should", path)
        if delimited:
            raise UnreadableError("a sequence does not end", path)
        return position

    def _is_sequence(self, buffer: Buffer, start: int, stop: int, path: Path) -> bool:
        """Walk a value that begins like an item as a sequence in implicit VR.

        Implicit VR does not tell sequences from other values. What only looks like one is taken
        as a value.
        """
        if bytes(buffer[start : start + 4]) not in _ITEM_BYTES or stop - start < 8:
            return False
        before = len(self.elements)
        try:
            self._items(buffer, start, stop, path, False, False)
        except (UnreadableError, struct_error):
            del self.elements[before:]
            return False
        return True

    def _fragments(self, buffer: Buffer, position: int, end: int, path: Path) -> int:
        """Take the fragments of an encapsulated icon as values."""
        unpack = (_IMPLICIT_BIG if self._is_big_endian else IMPLICIT).unpack_from
        while True:
            group, element, length = unpack(buffer, position)
            tag = group << 16 | element
            position += 8
            if tag == SEQUENCE_END and not length:
                return position
            if tag != ITEM or position + length > end:
                raise UnreadableError("fragments are broken", path)
            if self.values is not None:
                self.values.add(bytes(buffer[position : position + length]))
            position += length

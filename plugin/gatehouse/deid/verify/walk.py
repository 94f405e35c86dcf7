"""The verification's own walk over a data set, with every byte accounted for.

It shares no line with the scanner of the engine, so that an element which that one overlooks is
seen here. It is strict: what it does not understand is an error, not a guess.
"""

from __future__ import annotations

from collections.abc import Container
from struct import Struct
from struct import error as struct_error

from gatehouse.deid.verify.numbers import KINDS, is_too_long

Buffer = bytes | memoryview
Path = tuple[int, ...]

DEPTH_MAX = 128
"""More than any IOD needs and than the engine lets through; a bound for our own recursion."""

UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
PIXEL_DATA = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
_ITEM_BYTES = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")
ITEM_STARTS = tuple(item[:2] for item in _ITEM_BYTES)

SHORT_VRS = frozenset(b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split())
LONG_VRS = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
"""VRs with a header of 8 and of 12 bytes (PS3.5 section 7.1.2)."""

EXPLICIT, IMPLICIT, LENGTH = Struct("<HH2sH"), Struct("<HHI"), Struct("<I")
_EXPLICIT_BIG, _IMPLICIT_BIG, _LENGTH_BIG = Struct(">HH2sH"), Struct(">HHI"), Struct(">I")


class UnreadableError(Exception):
    """The bytes are not a data set. Carries where, and no value."""

    def __init__(self, reason: str, path: Path = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path


Element = tuple[Path, int, bytes, bytes]
"""Tags of the sequences above, tag, VR (``b""`` where the transfer syntax does not say it), value
(empty for a sequence). A plain tuple, because one with names takes three times as long to make."""


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
        self.numbers: set[bytes] = set()
        self.has_long_number = False
        self._wanted = wanted
        self._private = int(private)
        self._is_big_endian = False
        self._may_be_padded = False

    def top(
        self, buffer: Buffer, position: int, *, explicit: bool, big_endian: bool
    ) -> tuple[int, bool]:
        """Walk the top level; return where it ended, and whether pixel data stands there."""
        self._is_big_endian = big_endian
        one = self._explicit if explicit else self._implicit
        end = len(buffer)
        stop, is_ended = one(buffer, position, end, ())
        if is_ended:
            raise UnreadableError("an item ends where none begins")
        if stop > end:
            raise UnreadableError("an element reaches beyond the end")
        return stop, stop < end

    def _explicit(self, buffer: Buffer, position: int, end: int, path: Path) -> tuple[int, bool]:
        """Walk a data set in explicit VR; return where it ended, and whether by a delimiter.

        The loop that takes the time: the verification is done for every instance.
        """
        big = self._is_big_endian
        unpack = (_EXPLICIT_BIG if big else EXPLICIT).unpack_from
        unpack_length = (_LENGTH_BIG if big else LENGTH).unpack_from
        wanted, odd, values, elements = self._wanted, self._private, self.values, self.elements
        short, long, kinds, numbers = SHORT_VRS, LONG_VRS, KINDS, self.numbers
        tags = self.tags.setdefault(path, set()) if values is not None else None
        last, room = -1, end - 7
        while position < room:
            group, number, vr, length = unpack(buffer, position)
            tag = group << 16 | number
            if tag <= last:
                if self._is_padding(buffer, position, end, path):
                    return end, False
                raise UnreadableError("elements are not in ascending order", path)
            last = tag
            start = position + 8
            if vr not in short:
                if vr not in long or group == 0xFFFE:
                    if tag == ITEM_END and not unpack_length(buffer, position + 4)[0]:
                        return start, True
                    if self._is_padding(buffer, position, end, path):
                        return end, False
                    raise UnreadableError("something else stands where an element should", path)
                (length,) = unpack_length(buffer, start)
                start += 4
                if tags is not None:
                    tags.add(tag)
                if tag in PIXEL_DATA and not path:
                    return position, False
                if length == UNDEFINED or vr == b"SQ":
                    position = self._nested(buffer, start, length, end, (*path, tag), vr)
                    continue
                if vr == b"UN" and self._is_sequence(buffer, start, start + length, (*path, tag)):
                    position = start + length
                    continue
            position = start + length
            if values is not None and tags is not None:
                tags.add(tag)
                value = bytes(buffer[start:position])
                values.add(value)
                kind = None if group & 1 else kinds[tag]
                if kind is not None:
                    if vr not in kind[0]:
                        numbers.add(value)
                    elif length > kind[1] and is_too_long(vr, length, kind[1]):
                        self.has_long_number = True
            if tag in wanted or group & odd or vr == b"PN":
                elements.append((path, tag, vr, bytes(buffer[start:position])))
        return self._end(buffer, position, end, path), False

    def _implicit(self, buffer: Buffer, position: int, end: int, path: Path) -> tuple[int, bool]:
        """Walk a data set in implicit VR; see `_explicit`."""
        unpack = (_IMPLICIT_BIG if self._is_big_endian else IMPLICIT).unpack_from
        wanted, odd, values, elements = self._wanted, self._private, self.values, self.elements
        starts, kinds, numbers = ITEM_STARTS, KINDS, self.numbers
        tags = self.tags.setdefault(path, set()) if values is not None else None
        last, room = -1, end - 7
        while position < room:
            group, number, length = unpack(buffer, position)
            tag = group << 16 | number
            if tag <= last:
                if self._is_padding(buffer, position, end, path):
                    return end, False
                raise UnreadableError("elements are not in ascending order", path)
            last = tag
            start = position + 8
            if group in (0, 0xFFFE):
                if tag == ITEM_END and not length:
                    return start, True
                if self._is_padding(buffer, position, end, path):
                    return end, False
                raise UnreadableError("something else stands where an element should", path)
            if tags is not None:
                tags.add(tag)
            if tag in PIXEL_DATA and not path:
                return position, False
            if length == UNDEFINED:
                position = self._nested(buffer, start, length, end, (*path, tag), b"")
                continue
            position = start + length
            # Most values don't begin like an item: to ask for each of them takes half of the time.
            if (
                length >= 8
                and buffer[start : start + 2] in starts
                and self._is_sequence(buffer, start, position, (*path, tag))
            ):
                continue
            if values is not None:
                value = bytes(buffer[start:position])
                values.add(value)
                kind = None if group & 1 else kinds[tag]
                if kind is not None:
                    if not kind[0]:
                        numbers.add(value)
                    elif length > kind[1]:
                        self.has_long_number = True
            if tag in wanted or group & odd:
                elements.append((path, tag, b"", bytes(buffer[start:position])))
        return self._end(buffer, position, end, path), False

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
        if len(path) > DEPTH_MAX:
            raise UnreadableError("sequences are nested too deep", path)
        unpack = (_IMPLICIT_BIG if self._is_big_endian else IMPLICIT).unpack_from
        one = self._explicit if explicit else self._implicit
        if path[-1] in self._wanted or path[-1] >> 16 & self._private:
            self.elements.append((path[:-1], path[-1], b"SQ", b""))
        while position < end:
            group, number, length = unpack(buffer, position)
            start = position + 8
            if group != 0xFFFE or number != 0xE000:
                if delimited and not length and (group << 16 | number) == SEQUENCE_END:
                    return start
                raise UnreadableError("something else stands where an item should", path)
            stop = end if length == UNDEFINED else start + length
            position, is_ended = one(buffer, start, stop, path)
            if position > stop or stop > end or is_ended is not (length == UNDEFINED):
                raise UnreadableError("an item does not end where it should", path)
        if delimited:
            raise UnreadableError("a sequence does not end", path)
        return position

    def _end(self, buffer: Buffer, position: int, end: int, path: Path) -> int:
        """Return the end of a data set in which there is no room for another element."""
        if position < end and not self._is_padding(buffer, position, end, path):
            raise UnreadableError("an element reaches beyond the end", path)
        return max(position, end)

    def _is_padding(self, buffer: Buffer, position: int, end: int, path: Path) -> bool:
        """Tell if nothing but zeros is left of a file that may be padded."""
        return self._may_be_padded and not path and not any(buffer[position:end])

    def _is_sequence(self, buffer: Buffer, start: int, stop: int, path: Path) -> bool:
        """Walk a value that begins like an item as a sequence in implicit VR.

        Implicit VR does not tell sequences from other values. What only looks like one is taken
        as a value.
        """
        if stop - start < 8 or bytes(buffer[start : start + 4]) not in _ITEM_BYTES:
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

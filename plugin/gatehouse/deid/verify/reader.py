"""The verification's own reader of files: preamble, group 0002, data set, and what comes after.

Pixel data is the one thing that is stepped over. An object may come in pieces (untouched views of
the original and new bytes), of which only the headers are joined.

Source: PS3.10 chapter 7; PS3.5 sections A.4 (encapsulated) and A.5 (deflated).
"""

from __future__ import annotations

import re
import zlib
from bisect import bisect_right
from collections.abc import Callable, Container, Sequence
from functools import partial
from itertools import accumulate
from struct import error as struct_error
from typing import NamedTuple

from gatehouse.deid.verify.quick_walk import QuickWalk
from gatehouse.deid.verify.walk import (
    EXPLICIT,
    IMPLICIT,
    ITEM,
    LENGTH,
    LONG_VRS,
    SEQUENCE_END,
    SHORT_VRS,
    UNDEFINED,
    Buffer,
    Element,
    Path,
    UnreadableError,
    Walk,
)

INFLATED_BYTES_MAX = 1 << 29
"""A deflated data set may not unfold to more than this: it is held in memory as a whole."""

_WINDOW_BYTES = 1 << 12
"""How much longer than its original's the header of an output may be before it is read twice."""

_PREFIX = b"DICM"
_GROUP_LENGTH_BYTES = 12
_TRANSFER_SYNTAX_UID = 0x00020010
_IMPLICIT_LITTLE_ENDIAN = b"1.2.840.10008.1.2"
_EXPLICIT_BIG_ENDIAN = b"1.2.840.10008.1.2.2"
_DEFLATED = b"1.2.840.10008.1.2.1.99"

_IMAGE_HEAD_BYTES = 4096
_IMAGE_BEGINS = re.compile(rb"\xff[\xda\x93]")
"""Before the first scan of a JPEG, or the first tile of a JPEG 2000 image, are its headers."""


class Reading(NamedTuple):
    """What was read of an object."""

    preamble: bytes
    meta: dict[int, bytes]
    """Group 0002, tag -> value; empty if there is no file meta information."""
    elements: list[Element]
    """Elements of the data set that were asked for, in order."""
    values: set[bytes]
    """Every value of the data set and of group 0002, of an output; no pixel data."""
    tags: dict[Path, set[int]]
    """Every tag by the path of sequences above it, of an output."""
    numbers: set[bytes]
    """Values of an output that should be written numbers, moments or UIDs; see `numbers`."""
    has_long_number: bool
    """Whether a single binary number of an output is longer than one."""
    pixel_bytes: int
    """Length of the value of Pixel Data with the heads of its fragments; 0 if there is none. The
    Basic Offset Table does not count: one that is none is emptied."""
    meta_bytes: int
    """Length of group 0002 behind its group length, which has to say just this."""
    header_bytes: int
    """Length of what is before the pixel data; of all of it if there is none."""


class _Pieces:
    """An object in pieces, read without joining them."""

    def __init__(self, pieces: Sequence[Buffer]) -> None:
        self._pieces = [piece for piece in pieces if len(piece)]
        self._starts = [0, *accumulate(map(len, self._pieces))]
        self.length = self._starts.pop()

    def read(self, start: int, stop: int) -> Buffer:
        """Return the bytes from ``start`` to ``stop``, or fewer at the end."""
        if len(self._pieces) == 1:
            return self._pieces[0][start:stop] if start or stop < self.length else self._pieces[0]
        index = max(0, bisect_right(self._starts, start) - 1)
        found: list[Buffer] = []
        while index < len(self._pieces) and self._starts[index] < stop:
            begin = self._starts[index]
            found.append(self._pieces[index][max(0, start - begin) : stop - begin])
            index += 1
        return b"".join(found)


def read_original(dicom: Buffer, wanted: frozenset[int]) -> Reading:
    """Read a file for some elements, at every depth. Those with VR PN are returned as well.

    Raises
    ------
    UnreadableError
        If any byte of it is not understood.
    """
    return _read_in_windows(_Pieces([dicom]), len(dicom), lambda: QuickWalk(wanted))


def read_output(pieces: Sequence[Buffer], wanted: Container[int], header_bytes: int = 0) -> Reading:
    """Read an object for some elements and all private ones, for every value and every tag.

    Parameters
    ----------
    header_bytes : int, optional
        How long its header may be expected to be: that much is joined at first.

    Raises
    ------
    UnreadableError
        If any byte of it is not understood.
    """
    walk = partial(Walk, wanted, private=True, every_value=True)
    return _read_in_windows(_Pieces(pieces), header_bytes + _WINDOW_BYTES, walk)


def _read_in_windows(whole: _Pieces, window: int, walk: Callable[[], Walk]) -> Reading:
    """Read the joined beginning of an object, and more of it until it suffices."""
    while True:
        try:
            return _read(whole, window, walk())
        except UnreadableError:
            if window >= whole.length:
                raise
        except struct_error:
            if window >= whole.length:
                raise UnreadableError("an element reaches beyond the end") from None
        window = min(window * 4, whole.length)


def _read(whole: _Pieces, window: int, walk: Walk) -> Reading:
    head = whole.read(0, window)
    preamble, meta, position = _file_meta(head)
    meta_bytes = position - len(preamble) - len(_PREFIX) - _GROUP_LENGTH_BYTES
    if walk.values is not None:
        walk.values.update(meta.values())
    syntax = meta.get(_TRANSFER_SYNTAX_UID, b"").strip(b"\0 ")
    if syntax == _DEFLATED:
        head = _inflate(whole.read(position, whole.length))
        whole, position = _Pieces([head]), 0
    explicit = syntax != _IMPLICIT_LITTLE_ENDIAN
    if not syntax:
        explicit = bytes(head[position + 4 : position + 6]) in SHORT_VRS | LONG_VRS
    big = syntax == _EXPLICIT_BIG_ENDIAN
    pixel_bytes = 0
    position, is_at_pixels = walk.top(head, position, explicit=explicit, big_endian=big)
    header_bytes = position
    while is_at_pixels:
        start, stop, table_bytes = _pixels(whole, position, explicit, big, walk.values)
        pixel_bytes += stop - start - table_bytes
        tail = whole.read(stop, whole.length)
        position, is_at_pixels = walk.top(tail, 0, explicit=explicit, big_endian=big)
        position += stop
    return Reading(
        preamble,
        meta,
        walk.elements,
        walk.values or set(),
        walk.tags,
        walk.numbers,
        walk.has_long_number,
        pixel_bytes,
        meta_bytes,
        header_bytes,
    )


def _file_meta(head: Buffer) -> tuple[bytes, dict[int, bytes], int]:
    """Read preamble and group 0002, which is in explicit VR little endian always."""
    preamble, position = b"", 0
    if head[128:132] == _PREFIX:
        preamble, position = bytes(head[:128]), 132
    meta: dict[int, bytes] = {}
    while head[position : position + 2] == b"\x02\x00":
        group, element, vr, length = EXPLICIT.unpack_from(head, position)
        start = position + 8
        if vr in LONG_VRS:
            (length,) = LENGTH.unpack_from(head, start)
            start += 4
        elif vr not in SHORT_VRS:
            raise UnreadableError("the file meta information is not in explicit VR")
        position = start + length
        if position > len(head):
            raise UnreadableError("an element reaches beyond the end")
        meta[group << 16 | element] = bytes(head[start:position])
    return preamble, meta, position


def _inflate(deflated: Buffer) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        inflated = inflater.decompress(deflated, INFLATED_BYTES_MAX)
    except zlib.error:
        raise UnreadableError("the deflated data set can't be inflated") from None
    if not inflater.eof:
        raise UnreadableError("the deflated data set does not end")
    # Some writers append what ends a gzip file: a checksum and the length (RFC 1952 section 2.3.1).
    trailer = b"".join(
        (number & 0xFFFFFFFF).to_bytes(4, "little")
        for number in (zlib.crc32(inflated), len(inflated))
    )
    if inflater.unused_data.strip(b"\0") not in (b"", trailer.strip(b"\0")):
        raise UnreadableError("something stands behind the deflated data set")
    return inflated


def _pixels(
    whole: _Pieces, position: int, explicit: bool, big: bool, values: set[bytes] | None
) -> tuple[int, int, int]:
    """Return where the value of the pixel data element at ``position`` starts and stops.

    Behind it, how long the Basic Offset Table is. The beginnings of compressed images, in which
    comments stand, and the table are added to the values.
    """
    start = position + (12 if explicit else 8)
    field = bytes(whole.read(start - 4, start))
    if len(field) < 4:
        raise UnreadableError("the pixel data has no length")
    length = int.from_bytes(field, "big" if big else "little")
    if length != UNDEFINED:
        if start + length > whole.length:
            raise UnreadableError("the pixel data reaches beyond the end")
        return start, start + length, 0
    stop, table_bytes = start, None
    while stop < whole.length:
        head = whole.read(stop, stop + 8)
        if len(head) < 8:
            break
        group, element, length = IMPLICIT.unpack(head)
        stop += 8 + (0 if length == UNDEFINED else length)
        if (group << 16 | element, length) == (SEQUENCE_END, 0):
            return start, stop, table_bytes or 0
        if group << 16 | element != ITEM or length == UNDEFINED:
            raise UnreadableError("the fragments of the pixel data are broken")
        if table_bytes is None:
            table_bytes = length
            if values is not None:
                values.add(bytes(whole.read(stop - length, stop)))
        elif values is not None:
            head = whole.read(stop - length, stop - length + min(length, _IMAGE_HEAD_BYTES))
            if head[:1] == b"\xff":
                values.add(_IMAGE_BEGINS.split(head, 1)[0])
    raise UnreadableError("the fragments of the pixel data don't end")

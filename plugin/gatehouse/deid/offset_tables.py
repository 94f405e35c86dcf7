"""Tables that say where the frames of encapsulated pixels begin (PS3.5 section A.4), and only that.

A table whose numbers can't be places in the pixels is something else under its name. It is emptied,
which the Standard allows: readers then find the frames by themselves.
"""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from gatehouse.deid.output import Edit
from gatehouse.dicom import scan
from gatehouse.dicom.encodings import EXPLICIT_LITTLE
from gatehouse.dicom.scan import Buffer
from gatehouse.errors import ScanError

if TYPE_CHECKING:
    from gatehouse.deid.instance import Instance

EXTENDED_OFFSET_TABLE: Final = 0x7FE00001
EXTENDED_OFFSET_TABLE_LENGTHS: Final = 0x7FE00002
TAGS: Final = frozenset({EXTENDED_OFFSET_TABLE, EXTENDED_OFFSET_TABLE_LENGTHS})

_LENGTH_MAX: Final = 64 * 1024 * 1024
"""Bytes of a table; beyond it there are more items than are read (`encodings.ELEMENTS_MAX`)."""


def emptied(data: Buffer, start: int, end: int) -> Edit | None:
    """Return the edit that empties a Basic Offset Table which is none; None if it is one.

    Parameters
    ----------
    start, end : int
        Value of Pixel Data: items and delimiter.
    """
    _, length = scan.read_item(data, start, end, EXPLICIT_LITTLE)
    table = start + 8
    if length <= _LENGTH_MAX and not length % 4:
        numbers = struct.unpack(f"<{length // 4}I", data[table : table + length])
        if _are_offsets(numbers, end - table - length):
            return None
    return start + 4, table + length, EXPLICIT_LITTLE.length32(0)


def hold_extended(instance: Instance, pixels_length: int) -> None:
    """Hold pixels with an Extended Offset Table whose numbers are no places in them.

    Raises
    ------
    ScanError
        With rule ``dicom.offset-table``.
    """
    for tag in TAGS & instance.notes.keys():
        found = instance.notes[tag]
        value = bytes(instance.file.data[found.start : min(found.end, found.start + _LENGTH_MAX)])
        numbers = struct.unpack(f"<{len(value) // 8}Q", value[: len(value) // 8 * 8])
        is_table = not len(value) % 8 and (
            _are_offsets(numbers, pixels_length)
            if tag == EXTENDED_OFFSET_TABLE
            else max(numbers, default=0) <= pixels_length
        )
        if not is_table:
            raise ScanError("dicom.offset-table", "a table of its frames is none", "PixelData")


def _are_offsets(numbers: tuple[int, ...], length: int) -> bool:
    """Tell if these are places of frames, in order, the first at the beginning."""
    if not numbers:
        return True
    is_ascending = all(one < other for one, other in pairwise(numbers))
    return numbers[0] == 0 and is_ascending and numbers[-1] < max(length, 1)

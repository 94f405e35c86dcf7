"""The first attributes of a file, quickly: for a look at all files of a folder before the work.

Only the top level is read, and no further than the last wanted tag, so that the beginning of a file
is enough. Explicit VR little endian, in which nearly all files are, has a loop of its own.
"""

from __future__ import annotations

import struct
from typing import Final

from gatehouse.dicom import scan
from gatehouse.dicom.encodings import (
    EXPLICIT_LITTLE,
    LONG_VRS,
    SHORT_VRS,
    UNDEFINED,
    new_budget,
)
from gatehouse.dicom.part10 import File, open_file
from gatehouse.dicom.scan import Buffer
from gatehouse.errors import ScanError

_DIRECTORY_GROUP: Final = 4


def leading(dicom: Buffer, wanted: frozenset[int], *, is_whole: bool) -> dict[int, bytes]:
    """Return the values of some top-level attributes, those that are there.

    Parameters
    ----------
    dicom : bytes or memoryview
        A DICOM file, or its beginning.
    wanted : frozenset of int
        Tags.
    is_whole : bool
        Whether this is all of the file.

    Raises
    ------
    ScanError
        If it is no DICOM file, if it can't be read, or if a beginning ends before the last tag.
    """
    file = open_file(dicom)
    try:
        found, is_complete = _read(file, wanted, max(wanted))
    except struct.error:
        raise scan.truncated() from None
    if not (is_complete or is_whole):
        raise scan.truncated()
    return found


def _read(file: File, wanted: frozenset[int], last: int) -> tuple[dict[int, bytes], bool]:
    """Return the values, and whether a tag beyond the last one was met."""
    if file.syntax.encoding is EXPLICIT_LITTLE:
        return _read_explicit(file, wanted, last)
    found: dict[int, bytes] = {}
    for tag, element in scan.elements(file.data, file.start, file.end, file.syntax.encoding):
        if tag > last:
            return found, True
        if tag >> 16 == _DIRECTORY_GROUP:
            raise _is_directory()
        if tag in wanted:
            found[tag] = bytes(file.data[element.start : element.end])
    return found, False


def _read_explicit(file: File, wanted: frozenset[int], last: int) -> tuple[dict[int, bytes], bool]:
    data, position, end = file.data, file.start, file.end
    unpack, unpack_length = EXPLICIT_LITTLE.header, EXPLICIT_LITTLE.u32
    found: dict[int, bytes] = {}
    while position < end:
        group, number, vr, length = unpack(data, position)
        tag = group << 16 | number
        if tag > last:
            return found, True
        if group == _DIRECTORY_GROUP:
            raise _is_directory()
        start = position + 8
        if vr not in SHORT_VRS:
            if vr not in LONG_VRS:
                raise ScanError("dicom.vr", "an element has no value representation that exists")
            (length,) = unpack_length(data, start)
            start += 4
            if length == UNDEFINED:
                inside = scan.content_encoding(EXPLICIT_LITTLE, vr)
                position = scan.skip_undefined(data, start, end, tag, vr, inside, 0, new_budget())
                continue
        position = start + length
        if position > end:
            raise scan.truncated()
        if tag in wanted:
            found[tag] = bytes(data[start:position])
    return found, False


def _is_directory() -> ScanError:
    return ScanError("dicom.dicomdir", "it is a DICOMDIR, not an instance of a study")

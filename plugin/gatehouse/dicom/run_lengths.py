"""Frames in run lengths (PS3.5 Annex G): where there is room in them for what is no pixel."""

from __future__ import annotations

import struct
from typing import Final

from gatehouse.dicom.code_streams import Stretch

SUFFIX: Final = "5"
"""Of the transfer syntax below 1.2.840.10008.1.2."""

_HEADER: Final = struct.Struct("<16I")
_SEGMENTS_MAX: Final = 15
_NOTHING: Final = 128
"""A byte that stands for no run."""


def unused(frame: memoryview, pixels: int) -> list[Stretch]:
    """Return the stretches of a frame that no decoder reads, and that are not zero.

    Parameters
    ----------
    frame : memoryview
        A fragment.
    pixels : int
        Of the frame: as many bytes are in each segment. With 0, its end is not looked for.

    Notes
    -----
    Source: PS3.5 sections G.3 to G.5. What is no frame in run lengths has none.
    """
    if len(frame) < _HEADER.size:
        return []
    count, *offsets = _HEADER.unpack_from(frame)
    if not 0 < count <= _SEGMENTS_MAX or offsets[0] != _HEADER.size:
        return []
    found = [(4 + 4 * count, _HEADER.size)]
    last = offsets[count - 1]
    if pixels and last < len(frame):
        found.append((_segment_end(frame, last, pixels), len(frame)))
    return [(start, end) for start, end in found if start < end and any(frame[start:end])]


def _segment_end(frame: memoryview, position: int, pixels: int) -> int:
    """Return where a segment has given a byte to each pixel."""
    data, end, given = frame, len(frame), 0
    while given < pixels and position < end:
        run = data[position]
        if run < _NOTHING:
            given += run + 1
            position += run + 2
        elif run > _NOTHING:
            given += 257 - run
            position += 2
        else:
            position += 1
    return min(position, end)

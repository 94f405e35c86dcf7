"""Frames in run lengths (PS3.5 Annex G): where there is room in them for what is no pixel."""

from __future__ import annotations

import struct
from typing import Final

from gatehouse.dicom.code_streams import Stretch
from gatehouse.errors import ScanError

SUFFIX: Final = "5"
"""Of the transfer syntax below 1.2.840.10008.1.2."""

_HEADER: Final = struct.Struct("<16I")
_SEGMENTS_MAX: Final = 15

_STEPS: Final = (*range(2, 130), 1, *[2] * 127)
_GIVEN: Final = (*range(1, 129), 0, *range(128, 1, -1))
"""By the byte that begins a run: how long the run is, and to how many pixels it gives a byte."""


def unused(frame: memoryview, pixels: int) -> list[Stretch]:
    """Return the stretches of a frame that no decoder reads, and that are not zero.

    Parameters
    ----------
    frame : memoryview
        A fragment.
    pixels : int
        Of the frame: as many bytes are in each segment. With 0, no segment's end is looked for.

    Raises
    ------
    ScanError
        With rule ``dicom.code-stream``, if it is no frame in run lengths.

    Notes
    -----
    Source: PS3.5 sections G.3 to G.5.
    """
    count, *offsets = _HEADER.unpack_from(frame) if len(frame) >= _HEADER.size else (0,)
    begins = offsets[:count]
    if (
        not 0 < count <= _SEGMENTS_MAX
        or begins[0] != _HEADER.size
        or begins != sorted(set(begins))
        or begins[-1] > len(frame)
    ):
        raise ScanError(
            "dicom.code-stream", "its pixels are not compressed as it says", "PixelData"
        )
    found = [(4 + 4 * count, _HEADER.size)]
    if pixels:
        data = bytes(frame)
        for begin, end in zip(begins, [*begins[1:], len(frame)], strict=True):
            found.append((_segment_end(data, begin, end, pixels), end))
    return [(start, end) for start, end in found if start < end and any(frame[start:end])]


def _segment_end(data: bytes, position: int, end: int, pixels: int) -> int:
    """Return where a segment has given a byte to each pixel."""
    steps, given = _STEPS, _GIVEN
    while pixels > 0 and position < end:
        run = data[position]
        pixels -= given[run]
        position += steps[run]
    return min(position, end)

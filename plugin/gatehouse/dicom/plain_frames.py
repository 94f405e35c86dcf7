"""Frames that are encapsulated as they are, or deflated: where there is room for what is no pixel.

Source: PS3.5 sections A.4.11 and A.4.12. Each fragment is a frame.
"""

from __future__ import annotations

import zlib
from typing import Final

from gatehouse.dicom.code_streams import Stretch
from gatehouse.errors import ScanError

PLAIN_SUFFIX: Final = "1.98"
DEFLATED_SUFFIX: Final = "8.1"
"""Of the transfer syntaxes below 1.2.840.10008.1.2."""

FRAME_BYTES_MAX: Final = 1 << 29
"""What a deflated frame may unfold to where its size is not known: as a deflated data set."""

_STEP_BYTES: Final = 1 << 20


def unused_of_plain(frame: memoryview, frame_bytes: int) -> list[Stretch]:
    """Return the stretch behind the last pixel of a frame, if it is not zero.

    Parameters
    ----------
    frame_bytes : int
        Of its pixels; 0 if that is not known.
    """
    return _not_zero(frame, frame_bytes) if frame_bytes else []


def unused_of_deflated(frame: memoryview, frame_bytes: int) -> list[Stretch]:
    """Return the stretch behind the end of a deflated frame, if it is not zero.

    Raises
    ------
    ScanError
        With rule ``dicom.code-stream``, if it does not inflate, or to more than its pixels.
    """
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    room = frame_bytes + frame_bytes % 2 if frame_bytes else FRAME_BYTES_MAX
    given, rest = 0, bytes(frame)
    try:
        while rest and not inflater.eof and given <= room:
            given += len(inflater.decompress(rest, _STEP_BYTES))
            rest = inflater.unconsumed_tail
    except zlib.error:
        raise _strange() from None
    if not inflater.eof or given > room:
        raise _strange()
    return _not_zero(frame, len(frame) - len(inflater.unused_data))


def _not_zero(frame: memoryview, start: int) -> list[Stretch]:
    return [(start, len(frame))] if any(frame[start:]) else []


def _strange() -> ScanError:
    return ScanError("dicom.code-stream", "its pixels are not compressed as it says", "PixelData")

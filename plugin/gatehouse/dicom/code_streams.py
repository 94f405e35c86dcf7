"""Text within compressed images: comments and application data of JPEG, JPEG-LS and JPEG 2000.

Only the markers are read, never a coefficient. What is found can be overwritten in place, so that
no length and no offset table changes, and no pixel.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from gatehouse.dicom.scan import Buffer
from gatehouse.errors import ScanError

JPEG_SUFFIXES: Final = frozenset(f"4.{number}" for number in (*range(50, 67), 70, 80, 81))
JPEG_2000_SUFFIXES: Final = frozenset(f"4.{number}" for number in (90, 91, 92, 93, 201, 202, 203))
JPEG_XL_SUFFIXES: Final = frozenset({"4.110", "4.111", "4.112"})
"""Of transfer syntaxes below 1.2.840.10008.1.2."""

Stretch = tuple[int, int]
"""Start and end of bytes that mean nothing to a decoder."""

_SOI, _EOI, _SOS, _COM = 0xD8, 0xD9, 0xDA, 0xFE
_APPLICATIONS: Final = range(0xE0, 0xF0)
_KEPT: Final = {
    0xE0: ((b"JFIF\0", 14),),
    0xE2: ((b"ICC_PROFILE\0", None),),
    0xE8: ((b"mrfx", 5), (b"SPIFF\0", 30)),
    0xEE: ((b"Adobe", 12),),
}
"""What decoders read of application data: how it begins, and how many bytes of it. Of JFIF not the
thumbnail; APP8 is the colour transformation of JPEG-LS, and SPIFF without its entries."""
_RESERVED: Final = frozenset({*range(0x02, 0xC0), *range(0xF0, 0xF7), *range(0xF9, 0xFE)})
"""No decoder knows these."""
_LONE: Final = frozenset({0x01, *range(0xD0, 0xD8)})
"""Markers without a segment: TEM and the restarts."""

_NEXT_MARKER = rb"\xff[\x80-\xcf\xd8-\xfe]"
"""After SOS. JPEG stuffs FF with 00, JPEG-LS with a bit; restarts are part of the data."""
_FILL = rb"(?s)[\0\xff]*?(?=\xff\xd8|[^\0\xff]|\Z)"

_SOC, _SOT, _SOD, _EOC, _J2K_COM = 0xFF4F, 0xFF90, 0xFF93, 0xFFD9, 0xFF64
_END = rb"\xff\xd9"
_REGISTRATION: Final = 2
"""Bytes of a JPEG 2000 comment that say of what kind it is."""
_LONE_2000: Final = range(0xFF30, 0xFF40)
_SEGMENTS_2000: Final = range(0xFF50, 0xFF80)
"""Parameters of the decoder, and comments; SOT comes after these."""
_BOXES: Final = {
    b"jP  ": 4,
    b"ftyp": 12,
    b"ihdr": None,
    b"bpcc": None,
    b"colr": None,
    b"pclr": None,
    b"cmap": None,
    b"cdef": None,
    b"res ": None,
}
"""Boxes that decoders read, and how many bytes of them."""

_BOXES_XL: Final = frozenset({b"JXL ", b"ftyp", b"jxll", b"jxli", b"jxlc", b"jxlp"})
"""Boxes of JPEG XL that make the image. Not the one that gives the JPEG file back from which it was
made, with all its comments."""


def starts_stream(head: bytes) -> bool:
    """Tell if these first bytes of a fragment begin a compressed image."""
    return (
        head[:3] == b"\xff\xd8\xff"
        or head[:4] == b"\xff\x4f\xff\x51"
        or head[:2] == b"\xff\x0a"
        or head[4:8] in (b"jP  ", b"JXL ")
    )


def texts_of_jpeg(stream: Buffer) -> list[Stretch]:
    """Return the stretches of a JPEG or JPEG-LS image that hold text.

    Raises
    ------
    ScanError
        If its markers can't be followed.

    Notes
    -----
    Source: ISO/IEC 10918-1 Annex B, ISO/IEC 14495-1 Annex C; PS3.5 section 8.2.1.
    """
    found: list[Stretch] = []
    position, end = 0, len(stream)
    while position + 2 <= end:
        if stream[position] != 0xFF:
            raise _broken()
        marker = stream[position + 1]
        if marker == 0xFF:
            position += 1
        elif marker == _EOI:
            position = _after_image(stream, position + 2, found)
        elif marker == _SOI or marker in _LONE:
            position += 2
        else:
            stop = _segment_end(stream, position, end)
            found += _texts_of_segment(stream, marker, position + 4, stop)
            position = stop
            if marker == _SOS:
                following = re.compile(_NEXT_MARKER).search(stream, position)
                position = following.start() if following else end
    return found


def _segment_end(stream: Buffer, position: int, end: int) -> int:
    length = int.from_bytes(stream[position + 2 : position + 4], "big")
    if length < 2 or position + 2 + length > end:
        raise _broken()
    return position + 2 + length


def _texts_of_segment(stream: Buffer, marker: int, start: int, stop: int) -> Iterator[Stretch]:
    if marker in _APPLICATIONS:
        for name, size in _KEPT.get(marker, ()):
            if bytes(stream[start : min(start + len(name), stop)]) == name:
                start = stop if size is None else min(start + size, stop)
                break
    elif marker != _COM and marker not in _RESERVED:
        return
    if stop > start:
        yield start, stop


def _after_image(stream: Buffer, position: int, found: list[Stretch]) -> int:
    """Return where another image begins, or the end; what is between is padding or text."""
    fill = re.compile(_FILL).match(stream, position)
    position = fill.end() if fill else position
    end = len(stream)
    if position < end and bytes(stream[position : position + 2]) != b"\xff\xd8":
        found.append((position, end))
        return end
    return position


def texts_of_jpeg_2000(stream: Buffer) -> list[Stretch]:
    """Return the stretches of a JPEG 2000 image that hold text.

    Raises
    ------
    ScanError
        If its markers can't be followed.

    Notes
    -----
    Source: ISO/IEC 15444-1 Annexes A and I; PS3.5 section 8.2.4.
    """
    if bytes(stream[4:8]) == b"jP  ":
        return _texts_of_boxes(stream)
    return _texts_of_code_stream(stream, 0, len(stream))


def _texts_of_boxes(stream: Buffer) -> list[Stretch]:
    """Go through the boxes of a JP2 file, which should not be there, and is."""
    return list(_boxes(stream, 0, len(stream)))


def _boxes(stream: Buffer, position: int, end: int, *, is_inner: bool = False) -> Iterator[Stretch]:
    while position + 8 <= end:
        length = int.from_bytes(stream[position : position + 4], "big")
        kind = bytes(stream[position + 4 : position + 8])
        start, stop = position + 8, position + length if length else end
        if length == 1:
            start = position + 16
            stop = position + int.from_bytes(stream[position + 8 : start], "big")
        if not start <= stop <= end:
            raise _broken()
        if kind == b"jp2c":
            yield from _texts_of_code_stream(stream, start, stop)
        elif kind == b"jp2h" and not is_inner:
            yield from _boxes(stream, start, stop, is_inner=True)
        else:
            size = _BOXES.get(kind, 0)
            start = stop if size is None else min(start + size, stop)
            if start < stop:
                yield start, stop
        position = stop
    if bytes(stream[position:end]).strip(b"\0"):
        yield position, end


def _texts_of_code_stream(stream: Buffer, position: int, end: int) -> list[Stretch]:
    found: list[Stretch] = []
    tile_end = 0
    while position + 2 <= end:
        marker = int.from_bytes(stream[position : position + 2], "big")
        if marker == _SOC or marker in _LONE_2000:
            position += 2
        elif marker == _SOD:
            if tile_end <= position:
                raise _broken()  # else it would be read for ever
            position = tile_end
        elif marker == _EOC:
            if bytes(stream[position + 2 : end]).strip(b"\0\xff"):
                found.append((position + 2, end))
            break
        elif marker >> 8 != 0xFF:
            raise _broken()
        else:
            stop = _segment_end(stream, position, end)
            if marker == _SOT:
                tile_end = _tile_end(stream, position, end)
            elif marker == _J2K_COM or marker not in _SEGMENTS_2000:
                kept = _REGISTRATION if marker == _J2K_COM else 0
                if stop > position + 4 + kept:
                    found.append((position + 4 + kept, stop))
            position = stop
    return found


def _tile_end(stream: Buffer, position: int, end: int) -> int:
    """Return where a tile-part ends; the last may say 0, for the end of the image."""
    length = int.from_bytes(stream[position + 6 : position + 10], "big")
    if length:
        # A tile-part that reaches beyond the end was cut off: nothing comes after it.
        return max(min(position + length, end), position + 12)
    # In compressed data no byte above 8F follows FF (ISO/IEC 15444-1 B.10.1).
    ended = re.compile(_END).search(stream, position)
    return ended.start() if ended else end


def texts_of_jpeg_xl(stream: Buffer) -> list[Stretch]:
    """Return the stretches of a JPEG XL image that hold text.

    Raises
    ------
    ScanError
        If its boxes can't be followed.

    Notes
    -----
    Source: ISO/IEC 18181-2 (file format); PS3.5 section 8.2.16. A bare code stream has no comments.
    """
    return [] if bytes(stream[:2]) == b"\xff\x0a" else list(_boxes_xl(stream))


def _boxes_xl(stream: Buffer) -> Iterator[Stretch]:
    position, end = 0, len(stream)
    while position + 8 <= end:
        length = int.from_bytes(stream[position : position + 4], "big")
        start, stop = position + 8, position + length if length else end
        if length == 1:
            start = position + 16
            stop = position + int.from_bytes(stream[position + 8 : start], "big")
        if not start <= stop <= end:
            raise _broken()
        if bytes(stream[position + 4 : position + 8]) not in _BOXES_XL:
            # Its name goes as well: a box of no known name is passed over by decoders.
            yield position + 4, position + 8
            if start < stop:
                yield start, stop
        position = stop
    if bytes(stream[position:end]).strip(b"\0"):
        yield position, end


def _broken() -> ScanError:
    return ScanError("dicom.code-stream", "its compressed pixels can't be followed", "PixelData")

"""Goal: no compressed image, however broken, keeps the engine busy, and none keeps its text.

Method: images of which only the markers are real, broken in the ways that once made the reader go
in circles or take quadratic time; and text in each place in which one may hide.
"""

from __future__ import annotations

import struct
import time

import pytest

from gatehouse.deid.code_streams import blanked
from gatehouse.dicom.code_streams import texts_of_jpeg, texts_of_jpeg_2000
from gatehouse.errors import ScanError

SECONDS_MAX = 5


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">HH", marker, len(content) + 2) + content


def _tile(length: int, inner: bytes) -> bytes:
    return struct.pack(">HHHIBB", 0xFF90, 10, 0, length, 0, 1) + inner


SIZE = b"\xff\x4f" + _segment(0xFF51, bytes(38))
DATA = b"\xff\x93\x12\x34\xff\xd9"
COMMENT = _segment(0xFF64, b"\0\1" + b"SECRET")


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "stream",
    [
        SIZE + DATA,
        SIZE + _tile(1, DATA),
        SIZE + _tile(12, DATA),
        SIZE + _tile(14, COMMENT + DATA),
    ],
    ids=["no tile", "too short", "only a head", "ends in its comment"],
)
def test_tile_parts_that_end_before_their_data_are_not_followed_in_circles(stream: bytes) -> None:
    with pytest.raises(ScanError, match="can't be followed"):
        texts_of_jpeg_2000(stream)


@pytest.mark.timeout(120)
def test_many_comments_in_many_fragments_take_linear_time() -> None:
    stream = b"\xff\xd8" + _segment(0xFFFE, b"ABCD") * 20_000 + b"\xff\xd9"
    pieces = [b"", *(stream[start : start + 8] for start in range(0, len(stream), 8))]
    items = (struct.pack("<HHI", 0xFFFE, 0xE000, len(piece)) + piece for piece in pieces)
    value = b"".join(items) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)

    start = time.process_time()
    edits = list(blanked(value, 0, len(value), "1.2.840.10008.1.2.4.50"))

    assert time.process_time() - start < SECONDS_MAX
    assert len(edits) >= 20_000


SCAN = _segment(0xFFDA, b"\1\1\0\0\x3f\0") + b"\x12\xff\0\x34"
THUMBNAIL = b"\1\1\0\0\1\0\1"


@pytest.mark.parametrize(
    "segment",
    [
        _segment(0xFFE2, b"SECRET"),
        _segment(0xFFE2, b"FPXR\0SECRET"),
        _segment(0xFFE8, b"SECRET"),
        _segment(0xFFE0, b"JFIF\0" + THUMBNAIL + b"\0\0SECRET"),
        _segment(0xFFEE, b"Adobe\0\x64\0\0\0\0\0SECRET"),
    ],
    ids=["application 2", "FlashPix", "application 8", "behind JFIF", "behind Adobe"],
)
def test_segments_that_decoders_know_hold_no_text_besides(segment: bytes) -> None:
    stream = b"\xff\xd8" + segment + SCAN + b"\xff\xd9"

    covered = {place for start, end in texts_of_jpeg(stream) for place in range(start, end)}

    at = stream.index(b"SECRET")
    assert set(range(at, at + len(b"SECRET"))) <= covered

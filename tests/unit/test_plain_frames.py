"""Goal: behind the pixels of frames that are plain or deflated, nothing is left.

Method: frames of four bytes, written by hand.
"""

from __future__ import annotations

import zlib

import pytest

from gatehouse.dicom.plain_frames import unused_of_deflated, unused_of_plain
from gatehouse.errors import ScanError

PIXELS = b"\1\2\3\4"


def deflated(data: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflater.compress(data) + deflater.flush()


@pytest.mark.parametrize("rest", [b"", b"\0", b"\0\0"])
def test_a_frame_without_more_than_its_pixels_stays(rest: bytes) -> None:
    assert unused_of_plain(memoryview(PIXELS + rest), 4) == []
    assert unused_of_deflated(memoryview(deflated(PIXELS) + rest), 4) == []
    assert unused_of_deflated(memoryview(deflated(PIXELS + rest[:1])), 5) == []


def test_what_is_behind_the_pixels_is_found() -> None:
    frame = deflated(PIXELS)

    assert unused_of_plain(memoryview(PIXELS + b"JANE"), 4) == [(4, 8)]
    assert unused_of_deflated(memoryview(frame + b"JANE"), 4) == [(len(frame), len(frame) + 4)]


def test_without_the_size_of_a_frame_only_the_end_of_a_deflated_one_is_known() -> None:
    frame = deflated(PIXELS)

    assert unused_of_plain(memoryview(PIXELS + b"JANE"), 0) == []
    assert unused_of_deflated(memoryview(frame + b"JANE"), 0) == [(len(frame), len(frame) + 4)]


@pytest.mark.parametrize(
    "frame", [deflated(PIXELS + b"JANE"), b"JANE QUIMBY", deflated(bytes(1 << 22)), b""]
)
def test_what_does_not_inflate_to_its_pixels_is_held(frame: bytes) -> None:
    with pytest.raises(ScanError) as held:
        unused_of_deflated(memoryview(frame), 4)

    assert held.value.rule == "dicom.code-stream"


def test_what_ends_too_early_is_held() -> None:
    with pytest.raises(ScanError):
        unused_of_deflated(memoryview(deflated(bytes(range(256)))[:-9]), 256)

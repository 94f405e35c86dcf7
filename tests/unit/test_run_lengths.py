"""Goal: where run lengths have room for what is no pixel, nothing is left in it.

Method: frames of a few pixels, written by hand (PS3.5 Annex G).
"""

from __future__ import annotations

import struct

import pytest

from gatehouse.dicom.run_lengths import unused

RUNS = b"\x01ab" + b"\xfez"
"""Two letters as they are, and three times one letter."""


def frame(*segments: bytes, rest: bytes = b"", header: bytes = b"") -> memoryview:
    offsets, position = [], 64
    for segment in segments:
        offsets.append(position)
        position += len(segment)
    begin = struct.pack(f"<{len(offsets) + 1}I", len(segments), *offsets)
    return memoryview((begin + header).ljust(64, b"\0") + b"".join(segments) + rest)


@pytest.mark.parametrize(
    "whole",
    [
        frame(RUNS),
        frame(RUNS, RUNS),
        frame(RUNS, rest=b"\0"),
        memoryview(b""),
        memoryview(b"x" * 80),
    ],
)
def test_a_frame_without_more_than_its_pixels_stays(whole: memoryview) -> None:
    assert unused(whole, 5) == []


def test_offsets_of_segments_that_are_not_there_are_found() -> None:
    assert unused(frame(RUNS, header=b"JANE"), 5) == [(8, 64)]


def test_what_is_behind_the_last_pixel_is_found() -> None:
    whole = frame(RUNS, RUNS, rest=b"JANE")

    assert unused(whole, 5) == [(64 + 2 * len(RUNS), len(whole))]


def test_without_the_size_of_the_image_no_end_is_looked_for() -> None:
    assert unused(frame(RUNS, rest=b"JANE"), 0) == []

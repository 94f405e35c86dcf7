"""Goal: where run lengths have room for what is no pixel, nothing is left in it.

Method: frames of a few pixels, written by hand (PS3.5 Annex G).
"""

from __future__ import annotations

import struct

import pytest

from gatehouse.dicom.run_lengths import unused
from gatehouse.errors import ScanError

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
        frame(RUNS + b"\0", RUNS),
        frame(b"\x80\x80" + RUNS),
    ],
)
def test_a_frame_without_more_than_its_pixels_stays(whole: memoryview) -> None:
    assert unused(whole, 5) == []


def test_offsets_of_segments_that_are_not_there_are_found() -> None:
    assert unused(frame(RUNS, header=b"JANE"), 5) == [(8, 64)]


def test_what_is_behind_the_last_pixel_is_found() -> None:
    whole = frame(RUNS, RUNS, rest=b"JANE")

    assert unused(whole, 5) == [(64 + 2 * len(RUNS), len(whole))]


def test_what_is_between_two_segments_is_found() -> None:
    whole = frame(RUNS + b"JANE", RUNS)

    assert unused(whole, 5) == [(64 + len(RUNS), 64 + len(RUNS) + 4)]


def test_a_segment_that_ends_too_early_has_no_room() -> None:
    assert unused(frame(RUNS), 6) == []


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"x" * 80,
        struct.pack("<16I", 0, *(0,) * 15) + b"JANE",
        struct.pack("<16I", 16, 64, *range(65, 79)) + b"JANE",
        struct.pack("<16I", 1, 68, *(0,) * 14) + b"JANE" + RUNS,
        struct.pack("<16I", 2, 64, 64, *(0,) * 13) + RUNS,
        struct.pack("<16I", 2, 64, 500, *(0,) * 13) + RUNS,
    ],
)
def test_what_is_no_frame_in_run_lengths_is_held(broken: bytes) -> None:
    with pytest.raises(ScanError) as held:
        unused(memoryview(broken), 5)

    assert held.value.rule == "dicom.code-stream"


def test_without_the_size_of_the_image_no_end_is_looked_for() -> None:
    assert unused(frame(RUNS, rest=b"JANE"), 0) == []

"""Overwrite what compressed Pixel Data says besides the image (PS3.5 section A.4).

Comments and application data lie outside of every attribute. They are overwritten with spaces in
place: fragments and offset tables stay as they are, and images decode to the same pixels.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Final

from gatehouse.deid.output import Edit
from gatehouse.dicom import plain_frames, run_lengths, scan, video_streams
from gatehouse.dicom.code_streams import (
    JPEG_2000_SUFFIXES,
    JPEG_SUFFIXES,
    JPEG_XL_SUFFIXES,
    Stretch,
    starts_stream,
    texts_of_jpeg,
    texts_of_jpeg_2000,
    texts_of_jpeg_xl,
)
from gatehouse.dicom.encodings import EXPLICIT_LITTLE, SEQUENCE_DELIMITATION, new_budget
from gatehouse.dicom.scan import Buffer
from gatehouse.errors import DeidentificationError, ScanError

_ROOT = "1.2.840.10008.1.2."
_HEAD_BYTES = 8

_VIDEO_HEAD_BYTES = 256

_Reader = Callable[[Buffer], list[Stretch]]

_IMAGES: Final[tuple[tuple[frozenset[str], _Reader], ...]] = (
    (JPEG_SUFFIXES, texts_of_jpeg),
    (JPEG_2000_SUFFIXES, texts_of_jpeg_2000),
    (JPEG_XL_SUFFIXES, texts_of_jpeg_xl),
)
_VIDEOS: Final[tuple[tuple[frozenset[str], _Reader], ...]] = (
    (video_streams.MPEG_2_SUFFIXES, video_streams.texts_of_mpeg_2),
    (video_streams.AVC_SUFFIXES, video_streams.texts_of_avc),
    (video_streams.HEVC_SUFFIXES, video_streams.texts_of_hevc),
)

_FRAMES: Final[dict[str, Callable[[memoryview, int], list[Stretch]]]] = {
    run_lengths.SUFFIX: run_lengths.unused,
    plain_frames.PLAIN_SUFFIX: plain_frames.unused_of_plain,
    plain_frames.DEFLATED_SUFFIX: plain_frames.unused_of_deflated,
}
"""How to find what no decoder reads where each fragment is a frame."""


def blanked(
    data: Buffer,
    start: int,
    end: int,
    transfer_syntax_uid: str,
    pixels: int = 0,
    frame_bytes: int = 0,
) -> Iterator[Edit]:
    """Yield the edits that overwrite text in the fragments of Pixel Data.

    Parameters
    ----------
    start, end : int
        Value of the element: items and delimiter.
    pixels : int, optional
        Of a frame, where they are known: behind them, run lengths end.
    frame_bytes : int, optional
        Of a frame that is not compressed, where they are known.

    Raises
    ------
    ScanError
        If a compressed image can't be followed.
    """
    view = memoryview(data)
    suffix = transfer_syntax_uid.removeprefix(_ROOT)
    for suffixes, reader in _IMAGES:
        if suffix in suffixes:
            for frame in _frames(view, start, end):
                yield from _blanked(view, frame, reader)
    if suffix in _FRAMES:
        unused = _FRAMES[suffix]
        size = pixels if suffix == run_lengths.SUFFIX else frame_bytes
        for base, stop in _images(view, start, end):
            for first, last in unused(view[base:stop], size):
                yield base + first, base + last, bytes(last - first)
    for suffixes, reader in _VIDEOS:
        if suffix in suffixes:
            video = _images(view, start, end)
            if video and not _is_in_container(view, video):
                yield from _blanked(view, video, reader)


def hold_container(data: Buffer, start: int, end: int, transfer_syntax_uid: str) -> None:
    """Hold a video in a container of films, whose titles and tables are not looked through.

    Raises
    ------
    DeidentificationError
        With rule ``pixels.container``.
    """
    suffix = transfer_syntax_uid.removeprefix(_ROOT)
    if not any(suffix in suffixes for suffixes, _ in _VIDEOS):
        return
    view = memoryview(data)
    video = _images(view, start, end)
    if video and _is_in_container(view, video):
        raise DeidentificationError(
            "pixels.container",
            "its video is in a container that is not looked through",
            "PixelData",
        )


def _images(view: memoryview, start: int, end: int) -> list[Stretch]:
    """Return the fragments that are not empty, without the Basic Offset Table.

    Of a video, they are one stream together (PS3.5 section A.4.5); of the others, each is a frame.
    """
    return [(one, stop) for one, stop in list(_fragments(view, start, end))[1:] if one < stop]


def _is_in_container(view: memoryview, video: list[Stretch]) -> bool:
    start, stop = video[0]
    return video_streams.is_in_container(bytes(view[start : min(stop, start + _VIDEO_HEAD_BYTES)]))


def _blanked(view: memoryview, frame: list[Stretch], reader: _Reader) -> Iterator[Edit]:
    if len(frame) == 1:
        (base, stop), *_ = frame
        stream: Buffer = view[base:stop]
    else:
        stream = b"".join(view[base:stop] for base, stop in frame)
    texts = reader(stream)
    # Where each fragment begins in the image: there may be a million of both.
    begins = list(accumulate((stop - base for base, stop in frame[:-1]), initial=0))
    for text in texts:
        yield from _edits(view, frame, begins, text)


def _frames(view: memoryview, start: int, end: int) -> Iterator[list[Stretch]]:
    """Yield the fragments of each image. The first item is the Basic Offset Table."""
    frame: list[Stretch] = []
    for index, (base, stop) in enumerate(_fragments(view, start, end)):
        if index == 0 or base == stop:
            continue
        if starts_stream(bytes(view[base : min(stop, base + _HEAD_BYTES)])):
            if frame:
                yield frame
            frame = []
        elif not frame:
            raise ScanError(
                "dicom.code-stream", "its pixels are not compressed as it says", "PixelData"
            )
        frame.append((base, stop))
    if frame:
        yield frame


def _fragments(view: memoryview, position: int, end: int) -> Iterator[Stretch]:
    for _ in new_budget():
        tag, length = scan.read_item(view, position, end, EXPLICIT_LITTLE)
        position += 8
        if tag == SEQUENCE_DELIMITATION:
            return
        yield position, position + length
        position += length


def _edits(
    view: memoryview, frame: list[Stretch], begins: list[int], text: Stretch
) -> Iterator[Edit]:
    """Yield the edits for a stretch of an image, which may lie over several fragments."""
    for index in range(bisect_right(begins, text[0]) - 1, len(frame)):
        before = begins[index]
        if before >= text[1]:
            break
        base, stop = frame[index]
        first = max(text[0] - before, 0) + base
        last = min(text[1] - before, stop - base) + base
        if first < last and bytes(view[first:last]).strip(b" "):
            yield first, last, b" " * (last - first)

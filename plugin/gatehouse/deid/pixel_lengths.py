"""Hold images whose pixels are missing or too few for what the attributes say of them.

A file that was cut off exactly between two elements reads as a shorter data set. Where the pixels
should be in it, that can be known; for anything else there is nothing to know it by.
"""

from __future__ import annotations

from typing import Final

from gatehouse.deid.instance import Instance
from gatehouse.dicom.encodings import PIXEL_DATA
from gatehouse.errors import ScanError

_SAMPLES_PER_PIXEL: Final = 0x00280002
_PHOTOMETRIC_INTERPRETATION: Final = 0x00280004
_NUMBER_OF_FRAMES: Final = 0x00280008
_ROWS: Final = 0x00280010
_COLUMNS: Final = 0x00280011
_BITS_ALLOCATED: Final = 0x00280100

_INSTEAD: Final = frozenset({0x7FE00008, 0x7FE00009, 0x56000020})
"""In whose presence there is no Pixel Data: float and double float pixels, and spectra, which have
rows and columns too (PS3.3 C.7.6.3, C.8.14.1). The URL of pixels that are elsewhere is removed, and
without it nothing is left of them."""

_DESCRIBED_BY: Final = frozenset(
    {
        _SAMPLES_PER_PIXEL,
        _PHOTOMETRIC_INTERPRETATION,
        _NUMBER_OF_FRAMES,
        _ROWS,
        _COLUMNS,
        _BITS_ALLOCATED,
    }
)
TAGS: Final = _DESCRIBED_BY | _INSTEAD
"""What `hold_missing` has to know of the top of the data set."""

_SUBSAMPLED: Final = {"422": 2.0, "420": 1.5}
"""Samples of a pixel where colours are stored for two or four of them (PS3.3 C.7.6.3.1.2)."""


def hold_missing(instance: Instance) -> None:
    """Hold an image without the pixels that it should have.

    Raises
    ------
    ScanError
        With rule ``dicom.pixels-missing``.

    Notes
    -----
    Source: PS3.3 C.7.6.3 (Image Pixel Module), PS3.5 section 8. Encapsulated pixels that are cut
    off lack their delimiter, which is noticed as they are read.
    """
    notes = instance.notes
    pixels = notes.get(PIXEL_DATA)
    if pixels is None:
        if not pixels_of_frame(instance):
            return
        if not _INSTEAD.isdisjoint(notes):
            return
        raise ScanError("dicom.pixels-missing", "it describes an image and has no pixels")
    frame_bits = instance.frame_bits
    frames = _frames(instance)
    if instance.file.syntax.is_encapsulated or not frame_bits or frames is None:
        return
    length = pixels.end - pixels.start
    if length * 8 >= frame_bits * frames:
        return
    if length * 8 < frame_bits * frames * _share(instance):
        raise ScanError(
            "dicom.pixels-missing", "it has fewer pixels than its attributes say", "PixelData"
        )


def end_of_pixels(instance: Instance, start: int, end: int) -> int:
    """Return where the last pixel of native Pixel Data ends; ``end`` if that can't be known.

    Raises
    ------
    ScanError
        With rule ``dicom.pixel-data``, if there is room for one more frame: what it shows, no
        attribute speaks of.
    """
    frame_bits = instance.frame_bits = _frame_bits(instance)
    frames = _frames(instance)
    if not frame_bits or frames is None:
        return end
    # Up to the end of a word: in big endian, the byte that pads stands before the last pixel.
    expected = (frame_bits * frames + 15) // 16 * 2
    if (end - start - expected) * 8 >= frame_bits:
        raise ScanError(
            "dicom.pixel-data", "it has more pixels than its attributes say", "PixelData"
        )
    return min(start + expected, end)


def _frame_bits(instance: Instance) -> int:
    """Return the bits of a frame in which no samples are shared; 0 if they are not known."""
    bits, samples = _number(instance, _BITS_ALLOCATED), _number(instance, _SAMPLES_PER_PIXEL) or 1
    return pixels_of_frame(instance) * samples * bits


def bytes_of_frame(instance: Instance) -> int:
    """Return the bytes of a frame in which no samples are shared; 0 if they are not known."""
    return (_frame_bits(instance) + 7) // 8


def pixels_of_frame(instance: Instance) -> int:
    """Return rows by columns; 0 if they are not known."""
    return _number(instance, _ROWS) * _number(instance, _COLUMNS)


def _frames(instance: Instance) -> int | None:
    """Return the number of frames; None if it is not a number."""
    frames = instance.value(_NUMBER_OF_FRAMES).strip(b" \0") or b"1"
    return int(frames[:9]) if frames.isdigit() else None


def _share(instance: Instance) -> float:
    """Return which share of the samples is stored where pixels share their colours."""
    if _number(instance, _SAMPLES_PER_PIXEL) != 3:
        return 1
    interpretation = instance.value(_PHOTOMETRIC_INTERPRETATION).strip(b" \0").decode("latin-1")
    return _SUBSAMPLED.get(interpretation[-3:], 3) / 3


def _number(instance: Instance, tag: int) -> int:
    """Return a US; 0 if it is absent or none."""
    value = instance.value(tag)
    if len(value) != 2:
        return 0
    is_big_endian = instance.file.syntax.encoding.is_big_endian
    return int.from_bytes(value, "big" if is_big_endian else "little")

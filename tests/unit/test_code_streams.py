"""Goal: text in compressed images does not leave, and the images stay what they are.

Method: code streams of hand-made segments, as fragments of Pixel Data, through engine and
verification; real images with comments are decoded before and after.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, encapsulate_extended

from gatehouse.deid.verify import verify
from gatehouse.dicom.code_streams import texts_of_jpeg, texts_of_jpeg_2000
from gatehouse.errors import ScanError, VerificationError
from support.dicom_builder import ct, to_bytes
from support.engine_run import BASIC, KEYS, read, run

JPEG = "1.2.840.10008.1.2.4.50"
JPEG_LS = "1.2.840.10008.1.2.4.80"
JPEG_2000 = "1.2.840.10008.1.2.4.90"
SECRET = b"SECRET OF QUIMBY"


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">HH", marker, len(content) + 2) + content


SCAN = segment(0xFFDA, b"\1\1\0\0\x3f\0") + b"\x12\xff\0\xff\xd0\x34\xff\x7f\x56"


def jpeg(*segments: bytes, after: bytes = b"") -> bytes:
    jfif = segment(0xFFE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
    adobe = segment(0xFFEE, b"Adobe\0\x64\0\0\0\0\0")
    table = segment(0xFFDB, b"\xff\xfe\0\x08TABLE_")
    return b"\xff\xd8" + jfif + adobe + b"".join(segments) + table + SCAN + b"\xff\xd9" + after


def tile(*segments: bytes, data: bytes = b"\x12\xff\x64\x34", is_last: bool = False) -> bytes:
    inner = b"".join(segments) + b"\xff\x93" + data
    size = 0 if is_last else 12 + len(inner)
    return struct.pack(">HHHIBB", 0xFF90, 10, 0, size, 0, 1) + inner


def jpeg_2000(*segments: bytes, tiles: bytes = tile(is_last=True), after: bytes = b"") -> bytes:
    size = segment(0xFF51, bytes(38))
    return b"\xff\x4f" + size + b"".join(segments) + tiles + b"\xff\xd9" + after


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + kind + content


def image(stream: bytes | list[bytes], syntax: str) -> bytes:
    frames = stream if isinstance(stream, list) else [stream]
    padded = [frame + b"\0" * (len(frame) % 2) for frame in frames]
    data_set = ct(PixelData=encapsulate(padded), NumberOfFrames=str(len(frames)))
    data_set["PixelData"].VR = "OB"
    data_set["PixelData"].is_undefined_length = True
    return to_bytes(data_set, syntax)


COMMENT = segment(0xFFFE, SECRET)
COMMENT_2000 = segment(0xFF64, b"\0\1" + SECRET)


@pytest.mark.parametrize(
    ("stream", "syntax"),
    [
        (jpeg(COMMENT), JPEG),
        (jpeg(COMMENT), JPEG_LS),
        (jpeg(segment(0xFFE1, b"Exif\0\0" + SECRET)), JPEG),
        (jpeg(segment(0xFFED, b"Photoshop 3.0\0" + SECRET)), JPEG),
        (b"\xff\xd8" + SCAN + COMMENT + SCAN + b"\xff\xd9", JPEG),
        (jpeg(after=SECRET), JPEG),
        (jpeg(after=b"\0\xff" + jpeg(COMMENT)), JPEG),
        ([jpeg(), jpeg(COMMENT)], JPEG),
        (jpeg_2000(COMMENT_2000), JPEG_2000),
        (jpeg_2000(tiles=tile(COMMENT_2000) + tile(COMMENT_2000, is_last=True)), JPEG_2000),
        (jpeg_2000(after=SECRET), JPEG_2000),
        (
            box(b"jP  ", b"\r\n\x87\n") + box(b"xml ", SECRET) + box(b"jp2c", jpeg_2000()),
            JPEG_2000,
        ),
    ],
)
def test_text_beside_the_image_is_overwritten_in_place(
    stream: bytes | list[bytes], syntax: str
) -> None:
    original = image(stream, syntax)

    made = run(original)

    assert SECRET in original
    assert b"QUIMBY" not in made.to_bytes()
    assert len(read(made).PixelData) == len(dcmread(io.BytesIO(original)).PixelData)
    assert ("PixelData", "code-stream") in {(one.path, one.rule) for one in made.changes}
    assert verify(original, made, BASIC, KEYS).needles


@pytest.mark.parametrize(
    ("stream", "syntax"),
    [
        (jpeg(), JPEG),
        (jpeg(segment(0xFFE8, b"mrfx\1")), JPEG_LS),
        (jpeg(segment(0xFFE2, b"ICC_PROFILE\0")), JPEG),
        (jpeg_2000(tiles=tile() + tile(data=b"\xff\x64\0\x0aDATADATA")), JPEG_2000),
    ],
)
def test_what_a_decoder_needs_stays(stream: bytes, syntax: str) -> None:
    original = image(stream, syntax)

    assert read(run(original)).PixelData == dcmread(io.BytesIO(original)).PixelData


def test_a_comment_over_two_fragments_is_overwritten_in_both() -> None:
    stream = jpeg(COMMENT)
    data_set = ct(
        PixelData=encapsulate([stream + b"\0" * (len(stream) % 2)], fragments_per_frame=2)
    )
    data_set["PixelData"].VR = "OB"
    data_set["PixelData"].is_undefined_length = True
    whole = to_bytes(data_set, JPEG)

    assert b"SECRET" not in run(whole).to_bytes()


def test_an_extended_offset_table_stays_true() -> None:
    pixels, offsets, lengths = encapsulate_extended(
        [jpeg(COMMENT) + b"\0", jpeg_2000()[:0] + jpeg()]
    )
    data_set = ct(PixelData=pixels, ExtendedOffsetTable=offsets, ExtendedOffsetTableLengths=lengths)
    data_set["PixelData"].VR = "OB"
    data_set["PixelData"].is_undefined_length = True

    output = read(run(to_bytes(data_set, JPEG)))

    assert output.ExtendedOffsetTable == offsets
    assert b"QUIMBY" not in output.PixelData


@pytest.mark.parametrize(
    "stream", [b"\xff\xd8\xff\xfe\0\x90AB", b"\xff\xd8\xff\xfe\0\1", b"\xff\xd8\xff\xd8AB"]
)
def test_markers_that_lead_nowhere_hold(stream: bytes) -> None:
    with pytest.raises(ScanError, match="followed"):
        texts_of_jpeg(stream)


def test_boxes_and_tiles_that_lead_nowhere_hold() -> None:
    with pytest.raises(ScanError, match="followed"):
        texts_of_jpeg_2000(b"\0\0\0\x0cjP  \r\n\x87\n\0\0\x90\0xml ")
    with pytest.raises(ScanError, match="followed"):
        texts_of_jpeg_2000(b"\xff\x4f\xff\x51\0\4\0\0AB")


def test_pixels_that_are_not_compressed_as_the_transfer_syntax_says_are_held() -> None:
    with pytest.raises(ScanError, match="compressed as it says"):
        run(image(b"NOT A JPEG", JPEG))


def test_the_verification_finds_a_comment_that_was_left() -> None:
    original = image(jpeg(segment(0xFFFE, b"EXAMPLE^JANE")), JPEG)
    made = run(original)
    left = made.to_bytes().replace(b" " * 12, b"EXAMPLE^JANE")

    with pytest.raises(VerificationError):
        verify(original, made._replace(chunks=[left]), BASIC, KEYS)


@pytest.mark.parametrize("name", ["JPEG2000.dcm", "MR_small_jp2klossless.dcm", "693_J2KR.dcm"])
def test_real_images_decode_to_the_same_pixels(name: str) -> None:
    file = get_testdata_file(name)
    assert isinstance(file, str)
    before = dcmread(file)

    after = read(run(Path(file).read_bytes()))

    assert after.PixelData != before.PixelData
    assert (after.pixel_array == before.pixel_array).all()

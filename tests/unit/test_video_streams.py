"""Goal: user data in compressed video and metadata of JPEG XL do not leave, and nothing moves.

Method: streams of hand-made units, as fragments of Pixel Data, through engine and verification.
"""

from __future__ import annotations

import struct

import pytest
from pydicom.encaps import encapsulate

from gatehouse.deid.plan import Plan
from gatehouse.deid.verify import verify
from gatehouse.dicom.code_streams import texts_of_jpeg_xl
from gatehouse.dicom.video_streams import texts_of_avc, texts_of_hevc, texts_of_mpeg_2
from gatehouse.errors import HoldError
from support.dicom_builder import ct, to_bytes
from support.engine_run import KEYS, plan, run

MPEG_2 = "1.2.840.10008.1.2.4.100"
AVC = "1.2.840.10008.1.2.4.102"
HEVC = "1.2.840.10008.1.2.4.107"
JPEG_XL = "1.2.840.10008.1.2.4.110"
SECRET = b"SECRET OF QUIMBY"
START = b"\0\0\1"

ACCEPT, HOLD = plan(), plan(suspicious="hold")


def message(kind: int, content: bytes) -> bytes:
    size = len(content)
    return bytes([kind]) + b"\xff" * (size // 255) + bytes([size % 255]) + content


def mpeg_2(*user_data: bytes) -> bytes:
    sequence = START + b"\xb3" + bytes(range(0x10, 0x18))
    picture = START + b"\0\x12\x34" + START + b"\1SLICE"
    return sequence + b"".join(START + b"\xb2" + one for one in user_data) + picture


def avc(*messages: bytes) -> bytes:
    sets = b"\0" + START + b"\x67\x42\0\x1e" + START + b"\x68\xce"
    sei = START + b"\x06" + b"".join(messages) + b"\x80"
    return sets + sei + START + b"\x65SLICE OF QUIMBYS\x80"


def hevc(*messages: bytes) -> bytes:
    sei = START + b"\x4e\1" + b"".join(messages) + b"\x80"
    return START + b"\x40\1\x0c" + sei + START + b"\x26\1SLICE"


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + kind + content


def jpeg_xl(*boxes: bytes) -> bytes:
    signature = box(b"JXL ", b"\r\n\x87\n") + box(b"ftyp", b"jxl \0\0\0\0jxl ")
    return signature + b"".join(boxes) + box(b"jxlc", b"\xff\x0aIMAGE")


STREAMS = {
    MPEG_2: mpeg_2(SECRET, b"more " + SECRET),
    AVC: avc(message(1, b"time"), message(5, b"u" * 16 + SECRET), message(4, SECRET)),
    HEVC: hevc(message(5, b"u" * 16 + SECRET * 20)),
    JPEG_XL: jpeg_xl(box(b"Exif", SECRET), box(b"jbrd", SECRET), box(b"xml ", SECRET)),
}


def video(syntax: str, *fragments: bytes) -> bytes:
    image = ct(PixelData=encapsulate(list(fragments)))
    image["PixelData"].VR = "OB"
    # pydicom knows no JPEG XL yet.
    return to_bytes(image, AVC).replace(AVC.encode(), syntax.encode())


@pytest.mark.parametrize("syntax", STREAMS)
def test_user_data_is_overwritten_and_nothing_else(syntax: str) -> None:
    original = video(syntax, STREAMS[syntax])

    made = run(original, ACCEPT)
    output = made.to_bytes()

    assert SECRET in original
    assert b"QUIMBY" not in output.replace(b"SLICE OF QUIMBYS", b"")
    assert b"SLICE" in output or b"IMAGE" in output
    before = original[original.rindex(STREAMS[syntax][:12]) :]
    after = output[output.rindex(STREAMS[syntax][:12]) :]
    assert len(before) == len(after)
    assert {one for one, other in zip(after, before, strict=True) if one != other} == {ord(" ")}
    assert ("PixelData", "C", "code-stream", 0) in list(made.changes)
    verify(original, made, ACCEPT, KEYS)


@pytest.mark.parametrize("syntax", [MPEG_2, AVC, HEVC])
def test_user_data_over_two_fragments_is_overwritten(syntax: str) -> None:
    stream = STREAMS[syntax]
    middle = stream.index(SECRET) + 7 & ~1

    output = run(video(syntax, stream[:middle], stream[middle:]), ACCEPT).to_bytes()

    assert b"SECRET" not in output
    assert b"QUIMBY" not in output.replace(b"SLICE OF QUIMBYS", b"")


def test_bytes_that_only_keep_start_codes_apart_do_not_count() -> None:
    content = b"A" * 16 + b"\0\0\3\1" + b"B\0\0\3\0\0\3\3"
    stream = avc(bytes([5, len(content) - 3]) + content, message(1, b"time"))

    stretches = texts_of_avc(stream)

    blanked = bytearray(stream)
    for start, end in stretches:
        blanked[start:end] = b" " * (end - start)
    assert bytes(blanked) == stream.replace(b"A" * 16, b" " * 16).replace(b"B\0\0", b" \0\0")
    assert texts_of_avc(bytes(blanked)) == stretches


def test_streams_without_user_data_stay_as_they_are() -> None:
    assert texts_of_mpeg_2(mpeg_2()) == []
    assert texts_of_avc(avc(message(1, SECRET), message(6, b"\x81"))) == []
    assert texts_of_hevc(hevc(message(137, SECRET))) == []
    assert texts_of_jpeg_xl(b"\xff\x0a" + SECRET) == []
    assert texts_of_jpeg_xl(jpeg_xl()) == []


def test_a_box_with_a_long_size_keeps_its_size() -> None:
    long = struct.pack(">I4sQ", 1, b"xml ", 16 + len(SECRET)) + SECRET
    stream = jpeg_xl(long)
    at = stream.index(b"xml ")

    assert texts_of_jpeg_xl(stream) == [(at, at + 4), (at + 12, at + 12 + len(SECRET))]


@pytest.mark.parametrize(
    ("syntax", "stream"),
    [
        (AVC, avc(b"\5\xf0" + SECRET)),
        (AVC, avc(b"\xff\xff")),
        (HEVC, hevc(b"\5" + b"\xff" * 9)),
        (JPEG_XL, jpeg_xl()[:-3]),
    ],
)
def test_a_stream_that_can_not_be_followed_is_held(syntax: str, stream: bytes) -> None:
    with pytest.raises(HoldError) as held:
        run(video(syntax, stream), ACCEPT)

    assert held.value.rule == "dicom.code-stream"


@pytest.mark.parametrize(
    ("syntax", "stream"),
    [
        (AVC, box(b"ftyp", b"isom") + box(b"mdat", SECRET)),
        (MPEG_2, START + b"\xba" + SECRET),
        (MPEG_2, b"\x47" + bytes(187)),
    ],
)
@pytest.mark.parametrize("by", [HOLD, ACCEPT])
def test_a_video_in_a_container_is_held_whatever_a_policy_accepts(
    syntax: str, stream: bytes, by: Plan
) -> None:
    with pytest.raises(HoldError) as held:
        run(video(syntax, stream), by)

    assert held.value.rule == "pixels.container"

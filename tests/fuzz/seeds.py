"""Where fuzzing begins: small valid files in every encoding, made here, the same at each run."""

from __future__ import annotations

import base64
import itertools
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGLSLossless,
)

from gatehouse.dicom.encodings import LONG_VRS, SHORT_VRS
from support import other_objects
from support.dicom_builder import CT_IMAGE_STORAGE, INSTANCE_UID, add_private, ct, to_bytes
from support.raw_data_sets import TRANSFER_SYNTAXES, encode

EXPLICIT_BIG = "1.2.840.10008.1.2.2"
VIDEO_SYNTAXES = tuple(f"1.2.840.10008.1.2.4.{number}" for number in (102, 107, 100))
CORPUS = Path(__file__).parent / "corpus.txt"

_TEXTS = (
    "CT CHEST 55F Dr. Smith 03/14/2021",
    "Befund vom 12. März 2021: Herr Müller, Tel. 0761/5550123",
    "t2_tse_sag_p2_320",
    "MÜLLER^ANNA, MRN: 00553190; https://pacs.example/view?acc=1",
    "山田太郎 様 胸部CT 2021年3月12日",
    "Петрова Ж. без динамики",
)

DICTIONARY = (
    *sorted(SHORT_VRS | LONG_VRS),
    b"\xff\xff\xff\xff",
    b"\xfe\xff\x00\xe0",
    b"\xfe\xff\x0d\xe0\0\0\0\0",
    b"\xfe\xff\xdd\xe0\0\0\0\0",
    b"\xe0\x7f\x10\0",
    b"\x08\0\x05\0",
    b"\x10\0\x20\0",
    b"\x12\0\x64\0",
    b"\x19\0\x10\0",
    b"\x19\0\x0c\x10",
    b"SIEMENS MR HEADER ",
    b"ISO 2022 IR 87",
    b"ISO_IR 192",
    b"1.2.840.10008.1.2",
)  # fmt: skip
"""Pieces that a mutation puts in; chance alone seldom finds four bytes in order."""


def files() -> Iterator[bytes]:
    """Yield valid DICOM files of different kinds and encodings."""
    image = ct(
        rows=2,
        columns=2,
        RequestAttributesSequence=[
            {
                "ScheduledProcedureStepID": "STEP",
                "ScheduledProtocolCodeSequence": [{"CodeValue": "1", "CodeMeaning": "one"}],
            },
        ],
        SpecificCharacterSet="ISO_IR 192",
        PatientName="Müller^Jörg",
        ReferencedImageSequence=[
            {"ReferencedSOPClassUID": CT_IMAGE_STORAGE, "ReferencedSOPInstanceUID": INSTANCE_UID}
        ],
    )
    add_private(image, 0x0019, "SIEMENS MR HEADER", [(0x0C, "IS", "100"), (0x30, "LO", "SECRET")])
    for syntax in (
        ExplicitVRLittleEndian,
        ImplicitVRLittleEndian,
        EXPLICIT_BIG,
        DeflatedExplicitVRLittleEndian,
        JPEGBaseline8Bit,
    ):
        for undefined_lengths in (False, True):
            yield to_bytes(image, syntax, undefined_lengths=undefined_lengths)
    for stream, syntax in zip(
        streams(), (JPEGBaseline8Bit, JPEGLSLossless, JPEG2000, JPEG2000, JPEG2000), strict=True
    ):
        for frames in ([stream], [stream, stream]):
            image.PixelData = encapsulate(frames)
            yield to_bytes(image, syntax)
        image.PixelData = encapsulate([stream], fragments_per_frame=2)
        yield to_bytes(image, syntax, undefined_lengths=True)
    for stream, syntax in zip(videos(), VIDEO_SYNTAXES, strict=False):
        image.PixelData = encapsulate([stream], fragments_per_frame=2)
        yield to_bytes(image, syntax)
    for build in (
        other_objects.encapsulated_pdf,
        other_objects.presentation_state,
        other_objects.report,
        other_objects.key_object_selection,
    ):
        yield to_bytes(build())
    for syntax in TRANSFER_SYNTAXES:
        yield b"\x08\0" + encode([(0x00100010, "PN", b"A^B ")], syntax)


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">HH", marker, len(content) + 2) + content


def streams() -> Iterator[bytes]:
    """Yield compressed images of which only the markers are real, with text in them."""
    scan = _segment(0xFFDA, b"\1\1\0\0\x3f\0") + b"\x12\xff\0\xff\xd0\x34"
    comment = _segment(0xFFFE, b"SECRET")
    exif = _segment(0xFFE1, b"Exif\0\0SECRET")
    jfif = _segment(0xFFE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
    yield b"\xff\xd8" + jfif + comment + exif + scan + comment + scan + b"\xff\xd9"
    yield b"\xff\xd8" + scan + b"\xff\xd9\0\xff\xd8" + scan + b"\xff\xd9SECRET"
    size = _segment(0xFF51, bytes(38))
    comment = _segment(0xFF64, b"\0\1SECRET")
    inner = comment + b"\xff\x93\x12\x34"
    tile = struct.pack(">HHHIBB", 0xFF90, 10, 0, 12 + len(inner), 0, 1) + inner
    last = struct.pack(">HHHIBB", 0xFF90, 10, 0, 0, 1, 1) + b"\xff\x93\x12\x34"
    image = b"\xff\x4f" + size + comment + tile + last + b"\xff\xd9"
    yield image
    yield image + b"SECRET"
    boxes = ((b"jP  ", b"\r\n\x87\n"), (b"ftyp", b"jp2 "), (b"xml ", b"SECRET"), (b"jp2c", image))
    yield b"".join(struct.pack(">I", 8 + len(inside)) + kind + inside for kind, inside in boxes)


def videos() -> Iterator[bytes]:
    """Yield an H.264, an HEVC and an MPEG-2 video and a JPEG XL image, with text in them."""
    unit = b"\0\0\1"
    message = b"\5\x18" + b"u" * 16 + b"SEC\0\0\3\1RET" + b"\4\6SECRET" + b"\1\2\3\4"
    yield unit + b"\x67\x42" + unit + b"\6" + message + b"\x80" + unit + b"\x65SLICE"
    yield unit + b"\x40\1\x0c" + unit + b"\x4e\1" + message + b"\x80" + unit + b"\x26\1SLICE"
    yield unit + b"\xb3SEQUENCE" + unit + b"\xb2SECRET" + unit + b"\0PICTURE" + unit + b"\1SLICE"
    boxes = (
        (b"JXL ", b"\r\n\x87\n"),
        (b"ftyp", b"jxl "),
        (b"Exif", b"SECRET"),
        (b"jxlc", b"\xff\n"),
    )
    yield b"".join(struct.pack(">I", 8 + len(inside)) + kind + inside for kind, inside in boxes)


def of(target: str) -> list[bytes]:
    """Return the seeds of a target."""
    own = {"text": texts, "streams": lambda: itertools.chain(streams(), videos())}
    return list(own.get(target, files)())


def texts() -> Iterator[bytes]:
    """Yield free texts."""
    yield from (text.encode() for text in _TEXTS)


def found() -> Iterator[tuple[str, bytes]]:
    """Yield target and input of what fuzzing has found so far, one to a line of the corpus."""
    for line in CORPUS.read_text("ascii").splitlines():
        if line and not line.startswith("#"):
            target, _, packed = line.partition(" ")
            yield target, unpack(packed)


def pack(data: bytes) -> str:
    """Return an input as a word of a corpus file."""
    return base64.b85encode(zlib.compress(data, 9)).decode("ascii")


def unpack(word: str) -> bytes:
    """Return what `pack` has packed."""
    return zlib.decompress(base64.b85decode(word))

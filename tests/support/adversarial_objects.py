"""More files that were made by hand to get something past the engine: pixels, kinds of objects."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final

from support.adversarial import (
    CANARY,
    CODE_SEQUENCE,
    KEPT_SEQUENCE,
    STORAGE,
    Case,
    base,
    encapsulated,
    text,
    with_elements,
    written,
)
from support.raw_data_sets import DataSet, Element

JPEG_BASELINE: Final = "1.2.840.10008.1.2.4.50"
JPEG_2000: Final = "1.2.840.10008.1.2.4.91"
MPEG_2: Final = "1.2.840.10008.1.2.4.100"
H_264: Final = "1.2.840.10008.1.2.4.102"
RLE: Final = "1.2.840.10008.1.2.5"
PLAIN: Final = "1.2.840.10008.1.2.1.98"
DEFLATED_FRAMES: Final = "1.2.840.10008.1.2.8.1"


def cases() -> Iterator[Case]:
    """Yield name and file of each."""
    yield from _pixels()
    yield from _objects()
    yield from _unlisted()


def _pixels() -> Iterator[Case]:
    yield "text behind the pixels", written(base(pixels=b"\1\2\3\4" + CANARY * 3))
    yield "an icon", with_elements((0x00880200, "SQ", [[text(0x7FE00010, "OB")]]))
    yield "pixels in an item", with_elements((KEPT_SEQUENCE, "SQ", [[text(0x7FE00010, "OB")]]))
    yield "an overlay", with_elements(text(0x60003000, "OB"), text(0x60001500))
    yield "a curve", with_elements(text(0x50003000, "OB"), text(0x50002500))
    yield "the end of pixels", with_elements(text(0x7FE0FFFE, "OB"))
    yield "an offset table as text", with_elements(text(0x7FE00001, "OV", CANARY * 4))
    jpeg = b"\xff\xd8\xff\xda\0\x08\1\1\0\0\x3f\0\1\2\3\4\xff\xd9"
    comment = b"\xff\xfe" + struct.pack(">H", len(CANARY) + 2) + CANARY
    exif = b"\xff\xe1" + struct.pack(">H", len(CANARY) + 8) + b"Exif\0\0" + CANARY
    yield "a comment of JPEG", encapsulated(JPEG_BASELINE, jpeg[:2] + comment + jpeg[2:])
    yield "application data of JPEG", encapsulated(JPEG_BASELINE, jpeg[:2] + exif + jpeg[2:])
    yield "text behind JPEG", encapsulated(JPEG_BASELINE, jpeg + CANARY)
    yield "a second JPEG", encapsulated(JPEG_BASELINE, jpeg + jpeg[:2] + comment + jpeg[2:])
    yield "a fragment of text", encapsulated(JPEG_BASELINE, jpeg, CANARY)
    yield "a fragment of text first", encapsulated(JPEG_BASELINE, CANARY, jpeg)
    yield "the offset table", encapsulated(JPEG_BASELINE, jpeg, table=CANARY + b"  ")
    rle = struct.pack("<16I", 1, 64, *(0,) * 14) + b"\3\1\2\3\4\0"
    yield "text behind RLE", encapsulated(RLE, rle + CANARY)
    two = struct.pack("<16I", 2, 64, 64 + 6 + len(CANARY), *(0,) * 13) + rle[64:]
    yield "text between the segments of RLE", encapsulated(RLE, two + CANARY + rle[64:])
    yield "text instead of RLE", encapsulated(RLE, CANARY * 8)
    yield "a fragment of text behind RLE", encapsulated(RLE, rle, CANARY * 8)
    yield "offsets of RLE", encapsulated(RLE, rle[:24] + CANARY * 4 + rle[64:])
    deflated = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    frame = deflated.compress(b"\1\2\3\4") + deflated.flush()
    more = zlib.compress(b"\1\2\3\4" + CANARY, 0)[2:-4]
    yield "text behind plain frames", encapsulated(PLAIN, b"\1\2\3\4" + CANARY)
    yield "text behind deflated frames", encapsulated(DEFLATED_FRAMES, frame + CANARY)
    yield "text within deflated frames", encapsulated(DEFLATED_FRAMES, more)
    yield "text instead of deflated frames", encapsulated(DEFLATED_FRAMES, CANARY * 4)
    j2k = (
        b"\xff\x4f\xff\x51\0\x29" + bytes(39) + b"\xff\x64"
        + struct.pack(">H", len(CANARY) + 4) + b"\0\1" + CANARY
        + b"\xff\x90\0\x0a\0\0\0\0\0\0\0\1\xff\x93\1\2\xff\xd9"
    )  # fmt: skip
    yield "a comment of JPEG 2000", encapsulated(JPEG_2000, j2k)
    yield "text behind JPEG 2000", encapsulated(JPEG_2000, j2k + CANARY)
    video = b"\0\0\1\xb3\x14\0\xf0\x23\xff\xff\xe0\x18"
    user_data = b"\0\0\1\xb2" + CANARY + b"\0\0\1\xb7"
    yield "user data of MPEG-2", encapsulated(MPEG_2, video + user_data)
    pack = b"\0\0\1\xba\x44\0\4\0\4\1\0\0\3\xf8"
    packet = (
        b"\0\0\1\xe0"
        + struct.pack(">H", len(video + user_data) + 3)
        + b"\x80\0\0"
        + video
        + user_data
    )
    yield "user data in a program stream", encapsulated(MPEG_2, pack + packet + b"\0\0\1\xb9")
    private = b"\0\0\1\xbd" + struct.pack(">H", len(CANARY)) + CANARY
    yield "private data in a program stream", encapsulated(MPEG_2, pack + private + packet)
    sei = b"\0\0\1\x06\x05" + bytes([16 + len(CANARY)]) + bytes(16) + CANARY + b"\x80"
    yield "user data of H.264", encapsulated(H_264, b"\0\0\0\1\x67\x42\0\x1e" + sei)
    film = struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0)
    title = struct.pack(">I4s", 8 + len(CANARY), b"udta") + CANARY
    yield "the title of a film", encapsulated(H_264, film + title)


def _objects() -> Iterator[Case]:
    report = STORAGE + "88.33"
    code: DataSet = [
        (0x00080100, "SH", b"121106"),
        (0x00080102, "SH", b"DCM "),
        (0x00080104, "LO", b"Comment "),
    ]

    def content(kind: str, *elements: Element) -> Element:
        item: DataSet = [(0x0040A040, "CS", kind.encode()), (0x0040A043, "SQ", [code]), *elements]
        return (0x0040A730, "SQ", [item])

    for kind, element in (
        ("TEXT", text(0x0040A160, "UT")),
        ("PNAME ", text(0x0040A123, "PN")),
        ("UIDREF", (0x0040A124, "UI", CANARY)),
        ("DATE", text(0x0040A121, "DA")),
        ("DATETIME", text(0x0040A120, "DT")),
        ("NUM ", (0x0040A300, "SQ", [[text(0x0040A30A, "DS")]])),
        ("SCOORD", (0x0040A730, "SQ", [[(0x0040DB73, "UL", b"\1\0\0\0"), text(0x0040A160, "UT")]])),
    ):
        yield f"a report {kind}", with_elements(content(kind, element), sop_class=report)
        yield f"content of an image {kind}", with_elements(content(kind, element))
    yield (
        "text of a report outside of its content",
        with_elements(text(0x0040A160, "UT"), sop_class=report),
    )
    yield (
        "who verified",
        with_elements(
            (0x0040A073, "SQ", [[text(0x0040A075, "PN"), text(0x0040A027)]]), sop_class=report
        ),
    )
    state = STORAGE + "11.1"
    note: DataSet = [text(0x00700006, "ST"), (0x00700008, "SQ", [[text(0x00700006, "ST")]])]
    yield "a graphic annotation", with_elements((0x00700001, "SQ", [note]), sop_class=state)
    yield "who made a presentation", with_elements(text(0x00700084, "PN"), sop_class=state)
    structures = STORAGE + "481.3"
    roi: DataSet = [text(0x30060026), text(0x30060028, "ST")]
    yield (
        "structures",
        with_elements(
            text(0x30060002, "SH"),
            text(0x30060004),
            (0x30060020, "SQ", [roi]),
            sop_class=structures,
        ),
    )
    observed: DataSet = [text(0x30060085, "SH"), text(0x300600A6, "PN"), text(0x30060088, "ST")]
    yield "observations", with_elements((0x30060080, "SQ", [observed]), sop_class=structures)
    plan = STORAGE + "481.5"
    yield (
        "a plan",
        with_elements(
            text(0x300A0002, "SH"), text(0x300A0003), text(0x300A0004, "ST"), sop_class=plan
        ),
    )
    waveform = STORAGE + "9.1.1"
    yield (
        "an annotation of a waveform",
        with_elements((0x0040B020, "SQ", [[text(0x00700006, "ST")]]), sop_class=waveform),
    )
    yield "raw data", with_elements(text(0x00291010, "OB"), sop_class=STORAGE + "66")
    for suffix in ("104.1", "104.2", "104.3"):
        yield (
            f"a document {suffix}",
            with_elements(
                text(0x00420010, "ST"), text(0x00420011, "OB"), sop_class=STORAGE + suffix
            ),
        )
    yield "encrypted attributes", with_elements((0x04000500, "SQ", [[text(0x04000520, "OB")]]))
    yield (
        "original attributes",
        with_elements(
            (
                0x04000561,
                "SQ",
                [[(0x04000550, "SQ", [[text(0x00100010, "PN")]]), text(0x04000563)]],
            )
        ),
    )
    yield "macs", with_elements((0x4FFE0001, "SQ", [[text(0x04000120, "OB")]]))
    yield (
        "a person as a code",
        with_elements(
            (
                CODE_SEQUENCE,
                "SQ",
                [[(0x00401101, "SQ", [[text(0x00080104), text(0x00080100, "SH")]])]],
            )
        ),
    )
    yield "an unknown SOP class", with_elements(text(0x00420010, "ST"), sop_class="1.2.3.4")


def _unlisted() -> Iterator[Case]:
    """Yield what has no row in Table E.1-1, and names people, places, moments or instances."""
    texts: dict[int, str] = {
        0x00081190: "UR", 0x0040E010: "UR", 0x00142006: "PN", 0x00140104: "PN",
        0x00140102: "DA", 0x00080404: "DT", 0x00400400: "LT", 0x0040A160: "UT", 0x00420010: "ST",
        0x00401006: "SH", 0x00401007: "SH", 0x00402006: "SH", 0x00402007: "SH", 0x21000160: "SH",
        0x0040E001: "ST", 0x00400031: "UT", 0x00400032: "UT", 0x00181003: "LO", 0x30020020: "SH",
        0x00880130: "SH", 0x00181803: "LO", 0x01000424: "LT", 0x00440106: "LT", 0x00660004: "LT",
        0x0040A224: "ST", 0x0040A992: "ST", 0x00720008: "LO", 0x0074100C: "LO", 0x04000520: "OB",
        0x00240044: "LT", 0x0074100A: "UR", 0x00404073: "UR",
    }  # fmt: skip
    for tag, vr in texts.items():
        yield f"unlisted {tag:08X}", with_elements(text(tag, vr))
    for tag in (0x00081167, 0x0018991E, 0x00200242, 0x00209312, 0x00209313, 0x0040E011, 0x0070031B):
        yield f"unlisted UID {tag:08X}", with_elements((tag, "UI", CANARY))

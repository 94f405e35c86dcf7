"""Files that were made by hand to get something past the engine.

Each carries a canary where nobody looks for it: in a place that is not an attribute, under a wrong
VR, beside what is removed, in an encoding that hides it. Whoever reads the output must not find it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final

from support.dicom_builder import explicit_element, file_around
from support.raw_data_sets import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    DataSet,
    Element,
    encode,
)

CANARY: Final = b"QXCANARYQX"
"""An even number of letters, and a word of no language."""

DEFLATED: Final = "1.2.840.10008.1.2.1.99"
STORAGE: Final = "1.2.840.10008.5.1.4.1.1."

KEPT_SEQUENCE: Final = 0x00089215
CODE_SEQUENCE: Final = 0x00082218

Case = tuple[str, bytes]


def uid(text: str) -> bytes:
    """Return the value of an element with a UID."""
    return text.encode() + b"\0" * (len(text) % 2)


def base(sop_class: str = STORAGE + "2", **pixels: bytes) -> DataSet:
    """Return a small CT image, or an object of another class."""
    small = {0x00280002: 1, 0x00280010: 2, 0x00280011: 2, 0x00280100: 8}
    return [
        (0x00080005, "CS", b"ISO_IR 100"),
        (0x00080008, "CS", b"ORIGINAL\\PRIMARY\\AXIAL "),
        (0x00080016, "UI", uid(sop_class)),
        (0x00080018, "UI", uid("1.2.276.99.3")),
        (0x00080020, "DA", b"20240229"),
        (0x00080060, "CS", b"CT"),
        (0x00100010, "PN", b"Doe^Jane"),
        (0x00100020, "LO", b"4711"),
        (0x0020000D, "UI", uid("1.2.276.99.1")),
        (0x0020000E, "UI", uid("1.2.276.99.2")),
        (0x00280004, "CS", b"MONOCHROME2 "),
        *((tag, "US", struct.pack("<H", value)) for tag, value in small.items()),
        (0x7FE00010, "OB", pixels.get("pixels", b"\1\2\3\4")),
    ]


def changed(*elements: Element, sop_class: str = STORAGE + "2") -> DataSet:
    """Return the small object with these elements in the place of its own."""
    new = {element[0] for element in elements}
    return [element for element in base(sop_class) if element[0] not in new] + list(elements)


def written(data_set: DataSet, syntax: str = EXPLICIT_LITTLE, **how: bool) -> bytes:
    """Write a file."""
    return file_around(encode(data_set, syntax, **how), syntax)


def with_elements(*elements: Element, sop_class: str = STORAGE + "2") -> bytes:
    """Write the small object with these elements."""
    return written(changed(*elements, sop_class=sop_class))


def encapsulated(syntax: str, *fragments: bytes, table: bytes = b"") -> bytes:
    """Write the small object with these fragments as its pixels."""
    items = b"".join(
        struct.pack("<HHI", 0xFFFE, 0xE000, len(one)) + one for one in (table, *fragments)
    )
    pixels = (
        struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF)
        + items
        + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    )
    body = encode([one for one in base() if one[0] != 0x7FE00010], EXPLICIT_LITTLE)
    return file_around(body + pixels, syntax)


def text(tag: int, vr: str = "LO", value: bytes = CANARY) -> Element:
    """Return an element with the canary, or another text."""
    return (tag, vr, value + b" " * (len(value) % 2))


def cases() -> Iterator[Case]:
    """Yield name and file of each."""
    yield from _around()
    yield from _structure()
    yield from _representations()
    yield from _private()
    yield from _character_sets()


def _around() -> Iterator[Case]:
    body = encode(base(), EXPLICIT_LITTLE)
    syntax = explicit_element(2, 0x10, "UI", uid(EXPLICIT_LITTLE))
    yield "preamble", CANARY * 12 + b"12345678DICM" + syntax + body
    meta = (
        explicit_element(2, 2, "UI", b"1.2.3." + CANARY)
        + explicit_element(2, 3, "UI", b"1.2.3." + CANARY)
        + syntax
        + explicit_element(2, 0x13, "SH", CANARY)
        + explicit_element(2, 0x16, "AE", CANARY)
        + explicit_element(2, 0x17, "AE", CANARY)
        + explicit_element(2, 0x26, "UR", CANARY)
        + explicit_element(2, 0x35, "LO", CANARY)
        + explicit_element(2, 0x100, "UI", b"1.2.3.4\0")
        + explicit_element(2, 0x102, "OB", CANARY)
    )
    yield "file meta information", bytes(128) + b"DICM" + meta + body
    yield "text behind the last element", written(base()) + CANARY
    yield "text behind zero bytes", written(base()) + bytes(64) + CANARY
    yield "data set trailing padding", written([*base(), (0xFFFCFFFC, "OB", CANARY)])
    yield "text behind a deflated data set", file_around(_deflate(body), DEFLATED) + CANARY
    yield "text within a deflated data set", file_around(_deflate(body + CANARY), DEFLATED)
    yield (
        "digital signatures",
        written([*base(), (0xFFFAFFFA, "SQ", [[text(0x04000120, "OB"), text(0x04000115, "OB")]])]),
    )


def _deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = compressor.compress(data) + compressor.flush()
    return packed + b"\0" * (len(packed) % 2)


def _structure() -> Iterator[Case]:
    name = text(0x00100010, "PN")
    for group in (0x0008, 0x0010, 0x0028, 0x7FE0):
        yield f"group length {group:04x}", with_elements(text(group << 16))
    yield "length to end", with_elements(text(0x00080001, "OB"))
    body = encode(base(), EXPLICIT_LITTLE)
    twice = explicit_element(0x0010, 0x0010, "PN", CANARY)
    at = body.index(b"\x10\0\x10\0PN")
    yield "an element twice", file_around(body[:at] + twice + body[at:])
    yield "an element out of order", file_around(body + twice)
    yield "a command element", file_around(explicit_element(0, 0x0900, "LO", CANARY) + body)
    yield (
        "a file meta element in the data set",
        file_around(explicit_element(8, 5, "CS", b"ISO_IR 6") + twice + body),
    )
    yield "a directory record", with_elements((KEPT_SEQUENCE, "SQ", [[text(0x00041130, "CS")]]))
    nested: list[DataSet] = [[name]]
    for _ in range(6):
        nested = [[(KEPT_SEQUENCE, "SQ", nested)]]
    for way in ({}, {"undefined": True}, {"unknown": True}):
        yield f"deep in sequences {way}", written(changed((KEPT_SEQUENCE, "SQ", nested)), **way)
    yield (
        "deep in implicit VR",
        written(changed((KEPT_SEQUENCE, "SQ", nested)), IMPLICIT_LITTLE),
    )
    little = encode([(0x00100010, "PN", CANARY)], IMPLICIT_LITTLE)
    item = struct.pack("<HHI", 0xFFFE, 0xE000, len(little)) + little
    yield "UN with items and a length", with_elements((KEPT_SEQUENCE, "UN", item))
    yield "OB with items", with_elements((KEPT_SEQUENCE, "OB", item))
    yield "items in what is no sequence", with_elements((0x00280010, "UN", item))
    yield "items as text", with_elements((0x00280010, "UT", item))
    yield "a sequence instead of a number", with_elements((0x00280010, "SQ", [[name]]))
    yield "a sequence of the rows of a table", with_elements((0x00281201, "SQ", [[name]]))
    explicit = encode([(0x00100010, "PN", CANARY)], EXPLICIT_LITTLE)
    item = struct.pack("<HHI", 0xFFFE, 0xE000, len(explicit)) + explicit
    yield "UN with items in explicit VR", with_elements((KEPT_SEQUENCE, "UN", item))
    yield "text instead of items", with_elements((KEPT_SEQUENCE, "UN", CANARY))
    yield (
        "text behind the last item",
        with_elements((KEPT_SEQUENCE, "UN", item + CANARY)),
    )
    padded = struct.pack("<HHI", 0xFFFE, 0xE000, len(CANARY)) + CANARY
    yield "text instead of a data set", with_elements((KEPT_SEQUENCE, "UN", padded))
    delimiter = struct.pack("<HHI", 0xFFFE, 0xE0DD, len(CANARY)) + CANARY
    head = struct.pack("<HH2sHI", 8, 0x9215, b"SQ", 0, 0xFFFFFFFF)
    cut = body.index(b"\x10\0\x10\0PN")
    yield "a delimiter with text", file_around(body[:cut] + head + delimiter + body[cut:])


def _representations() -> Iterator[Case]:
    long = b"%s " % CANARY * 8
    numbers = {
        "US": 0x00280010,
        "UL": 0x003A0010,
        "FD": 0x00189073,
        "FL": 0x00189441,
        "SL": 0x00186020,
        "SS": 0x00186040,
        "AT": 0x00209165,
    }
    for vr, tag in numbers.items():
        yield f"text as {vr}", with_elements((tag, vr, long))
        yield f"text as UN in place of {vr}", with_elements((tag, "UN", long))
        yield f"text as UT in place of {vr}", with_elements((tag, "UT", long))
        yield f"text as OB in place of {vr}", with_elements((tag, "OB", long))
        yield f"text as LO in place of {vr}", with_elements(text(tag, "LO"))
        yield f"text as PN in place of {vr}", with_elements(text(tag, "PN"))
    several = {
        "US": 0x00181310,
        "UL": 0x00081161,
        "FD": 0x00081163,
        "FL": 0x00182043,
        "SL": 0x00700052,
        "SS": 0x00289503,
        "AT": 0x00280009,
    }
    for vr, tag in several.items():
        yield f"text as several {vr}", with_elements((tag, vr, long))
        yield f"text as UN in place of several {vr}", with_elements((tag, "UN", long))
    for vr, tag in {"DS": 0x00180050, "IS": 0x00200013}.items():
        yield f"a name as {vr}", with_elements(text(tag, vr))
        yield f"a name as PN in place of {vr}", with_elements(text(tag, "PN"))
        yield f"a name as UT in place of {vr}", with_elements((tag, "UT", long))
        yield f"a name as UN in place of {vr}", with_elements((tag, "UN", long))
    yield "a name as an age", with_elements((0x00101010, "AS", CANARY[:4]), text(0x00189074, "AS"))
    yield "a name in a UID of a class", with_elements((0x00081150, "UI", CANARY))
    yield "a name in a UID", with_elements((0x00081155, "UI", CANARY))
    yield "a name as PN in a code", with_elements(text(0x00080060, "PN"))
    yield (
        "a name in the SOP class",
        with_elements((0x00080016, "UI", uid("1.2.3")), text(0x00100010)),
    )
    yield (
        "in big endian",
        written(changed((KEPT_SEQUENCE, "SQ", [[text(0x00100010, "PN")]])), EXPLICIT_BIG),
    )
    yield "odd length", with_elements((0x00080080, "LO", CANARY + b"X"))


def _private() -> Iterator[Case]:
    creator = text(0x00290010, "LO", b"SIEMENS CSA HEADER")
    mr = text(0x00190010, "LO", b"SIEMENS MR HEADER ")
    yield "private", with_elements(creator, text(0x00291010, "OB"))
    yield "private without creator", with_elements(text(0x00291010, "OB"))
    yield "the creator itself", with_elements(text(0x00290010))
    yield "below the creators", with_elements(text(0x00290001), text(0x0029000F))
    yield "safe private of a wrong VR", with_elements(mr, text(0x0019100C, "LO"))
    yield "safe private as UN", with_elements(mr, text(0x0019100C, "UN"))
    yield "safe private as OB", with_elements(mr, text(0x0019100C, "OB"))
    yield "text as a safe number", with_elements(mr, (0x0019100C, "IS", CANARY))
    yield (
        "two creators in one",
        with_elements(
            (0x00190010, "LO", b"SIEMENS MR HEADER\\" + CANARY + b" "), text(0x0019100C, "IS")
        ),
    )
    inner: DataSet = [text(0x00290010), text(0x00291010, "UN"), text(0x00100010, "PN")]
    yield "private in private", with_elements(creator, (0x00291020, "SQ", [inner]))
    yield "private in public", with_elements((KEPT_SEQUENCE, "SQ", [inner]))
    for group in (0x0001, 0x0003, 0x0005, 0x0007):
        body = encode(base(), EXPLICIT_LITTLE)
        yield f"group {group:04x}", file_around(explicit_element(group, 0x10, "LO", CANARY) + body)
    yield "group FFFF", with_elements(text(0xFFFF0010 - 0x20000))
    for block in (0x0301, 0x0302, 0x030D):
        yield (
            f"characteristics {block:04x}",
            with_elements(
                (0x00080300, "SQ", [[text(0x00080000 | block, "LO"), text(0x0008030E, "UT")]])
            ),
        )
    safe: DataSet = [
        (0x00080301, "US", b"\x29\0"),
        (0x00080302, "LO", b"MAKER "),
        (0x00080303, "CS", b"SAFE"),
    ]
    maker = (0x00290010, "LO", b"MAKER ")
    for vr in ("LO", "UT", "PN", "UN", "DA", "UI"):
        yield (
            f"declared safe {vr}",
            with_elements((0x00080300, "SQ", [safe]), maker, text(0x00291001, vr)),
        )


def _character_sets() -> Iterator[Case]:
    yield "the character set", with_elements((0x00080005, "CS", b"ISO_IR 100\\" + CANARY + b" "))
    yield "an unknown character set", with_elements((0x00080005, "CS", CANARY))
    yield (
        "the character set of an item",
        with_elements((KEPT_SEQUENCE, "SQ", [[(0x00080005, "CS", CANARY)]])),
    )
    for name, term in (
        ("GB18030", b"GB18030 "),
        ("UTF-8", b"ISO_IR 192"),
        ("Korean", b"\\ISO 2022 IR 149 "),
        ("Japanese", b"\\ISO 2022 IR 87\\ISO 2022 IR 159"),
        ("Thai", b"ISO_IR 166"),
    ):
        charset = (0x00080005, "CS", term + b" " * (len(term) % 2))
        for way, value in (
            ("plain", CANARY),
            ("behind an escape sequence", b"\x1b$B;3ED\x1b(B^" + CANARY + b" "),
            ("in an open escape sequence", b"\x1b$)C" + CANARY + b"\\" + CANARY + b" "),
            ("in an unknown escape sequence", b"\x1b$Z" + CANARY + b" "),
            ("behind a byte like a backslash", b"\x81\x5c" + CANARY + b"\x81\x5c"),
            ("in two bytes each", CANARY.decode().encode("utf-16-le")),
        ):
            padded = value + b" " * (len(value) % 2)
            yield (
                f"{name} {way}",
                with_elements(
                    charset,
                    (0x00081030, "LO", padded),
                    (0x00100010, "PN", padded + b"=" + padded + b"= "),
                    (0x00104000, "LT", padded),
                    (0x00321060, "LO", padded),
                ),
            )

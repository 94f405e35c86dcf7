"""What stands in for the contents of a sequence or a document with the action code D.

The action for a sequence is meant for all of its contents (PS3.15 E.1.1, notes to the codes).
So nothing of the original items is kept: neither their number nor a value. What an item requires
(Type 1 and 2) is there, so that the object stays valid.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple

Item = tuple["Element", ...]


class Element(NamedTuple):
    """An element of an item: values of SQ are items, of US whole numbers, of FL numbers."""

    tag: int
    vr: str
    values: tuple[str | int | float | bytes | Item, ...]


def _code(value: str, scheme: str, meaning: str) -> Item:
    return (
        Element(0x00080100, "SH", (value,)),
        Element(0x00080102, "SH", (scheme,)),
        Element(0x00080104, "LO", (meaning,)),
    )


_TEXT = "REMOVED"

_NOBODY = _code(_TEXT, "99GATEHOUSE", "Removed person")
"""A code of our own scheme (99...: PS3.16 section 8.2), which nobody else's can be taken for."""

_NOWHERE = _code(_TEXT, "99GATEHOUSE", "Removed institution")

_COMMENT: Item = (
    Element(0x0040A010, "CS", ("CONTAINS",)),
    Element(0x0040A040, "CS", ("TEXT",)),
    Element(0x0040A043, "SQ", (_code("121106", "DCM", "Comment"),)),
    Element(0x0040A160, "UT", (_TEXT,)),
)

_OBSERVER: Item = (
    Element(0x0040A027, "LO", (_TEXT,)),
    Element(0x0040A030, "DT", ("19000101000000",)),
    Element(0x0040A075, "PN", (_TEXT,)),
    Element(0x0040A088, "SQ", ()),
)

_GRAPHIC: Item = (
    Element(0x00700002, "CS", (_TEXT,)),
    Element(
        0x00700008,
        "SQ",
        (
            (
                Element(0x00700004, "CS", ("DISPLAY",)),
                Element(0x00700006, "ST", (_TEXT,)),
                Element(0x00700014, "FL", (0.0, 0.0)),
                Element(0x00700015, "CS", ("N",)),
            ),
        ),
    ),
)

_PROCEDURE_STEP: Item = (
    Element(0x00081150, "UI", ("1.2.840.10008.3.1.2.3.3",)),
    # The nil UUID (PS3.5 B.2): a reference to nothing.
    Element(0x00081155, "UI", ("2.25.0",)),
)

DUMMY_ITEMS: Mapping[int, tuple[Item, ...]] = {
    0x0040A730: (_COMMENT,),  # Content Sequence
    0x00340001: ((Element(0x00340002, "OB", (b"\0\0",)),),),  # Flow Identifier Sequence
    0x00700001: (_GRAPHIC,),  # Graphic Annotation Sequence
    0x00080082: (_NOWHERE,),  # Institution Code Sequence
    0x00081072: (  # Operator Identification Sequence
        (
            Element(0x00080080, "LO", (_TEXT,)),
            Element(0x00401101, "SQ", (_NOBODY,)),
        ),
    ),
    0x00401101: (_NOBODY,),  # Person Identification Code Sequence
    0x00081111: (_PROCEDURE_STEP,),  # Referenced Performed Procedure Step Sequence
    0x0040A073: (_OBSERVER,),  # Verifying Observer Sequence
    0x0040B020: (  # Waveform Annotation Sequence
        (
            Element(0x0040A0B0, "US", (1, 0)),
            Element(0x00700006, "ST", (_TEXT,)),
        ),
    ),
}
"""Sequences whose row of Table E.1-1 has, or can have, the code D."""

_PDF = (
    b"%PDF-1.4\n"
    b"1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 72]>>endobj\n"
    b"xref\n0 4\n"
    b"0000000000 65535 f \n0000000009 00000 n \n0000000052 00000 n \n0000000101 00000 n \n"
    b"trailer<</Size 4/Root 1 0 R>>\nstartxref\n162\n%%EOF\n"
)

_CDA = (
    b'<?xml version="1.0" encoding="UTF-8"?>'
    b'<ClinicalDocument xmlns="urn:hl7-org:v3"><title>REMOVED</title></ClinicalDocument>'
)

DUMMY_DOCUMENTS: Mapping[str, bytes] = {
    "encapsulated-pdf": _PDF,
    "encapsulated-cda": _CDA,
    "encapsulated-stl": bytes(84),  # a header of 80 bytes and the count of triangles: none
    "encapsulated-obj": b"# REMOVED\n",
    "encapsulated-mtl": b"# REMOVED\n",
}
"""IOD -> an empty document of the kind that Encapsulated Document (0042,0011) has there."""

_LONG = frozenset(("OB", "SQ", "UC", "UR", "UT"))


def encode(items: Sequence[Item], *, explicit: bool = True, little: bool = True) -> bytes:
    """Return items in a transfer syntax, with defined lengths, to stand in a sequence."""
    order = "<" if little else ">"
    parts: list[bytes] = []
    for item in items:
        content = b"".join(_element(element, explicit, order) for element in item)
        parts.append(struct.pack(order + "HHL", 0xFFFE, 0xE000, len(content)) + content)
    return b"".join(parts)


def _element(element: Element, explicit: bool, order: str) -> bytes:
    value = _value(element, explicit, order)
    tag = struct.pack(order + "HH", element.tag >> 16, element.tag & 0xFFFF)
    if not explicit:
        return tag + struct.pack(order + "L", len(value)) + value
    vr = element.vr.encode("ascii")
    if element.vr in _LONG:
        return tag + vr + struct.pack(order + "HL", 0, len(value)) + value
    return tag + vr + struct.pack(order + "H", len(value)) + value


def _value(element: Element, explicit: bool, order: str) -> bytes:
    values = element.values
    if element.vr == "SQ":
        items = [value for value in values if isinstance(value, tuple)]
        return encode(items, explicit=explicit, little=order == "<")
    if element.vr in ("US", "FL"):
        return struct.pack(f"{order}{len(values)}{'H' if element.vr == 'US' else 'f'}", *values)
    if element.vr == "OB":
        return b"".join(value for value in values if isinstance(value, bytes))
    text = "\\".join(str(value) for value in values).encode("ascii")
    padding = b"\0" if element.vr == "UI" else b" "
    return text + padding * (len(text) % 2)

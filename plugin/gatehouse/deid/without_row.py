"""Attributes without a row in Table E.1-1 that identify all the same.

The table lists what its editors found in the dictionary; other attributes name persons, moments,
places, orders and instances exactly like siblings of theirs that are listed. Each is treated as
such a sibling is (docs/adr/0018-attributes-without-a-row.md). No listed attribute is touched.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from gatehouse.standard import dictionary
from gatehouse.standard.table import Cell

_DATES: Final = {"retain-full-dates": "K", "retain-modified-dates": "C"}
_DESCRIPTORS: Final = {"clean-descriptors": "C"}
_STRUCTURED: Final = {"clean-descriptors": "C", "clean-structured-content": "C"}
_UIDS: Final = {"retain-uids": "K"}
_DEVICES: Final = {"retain-device-identity": "K"}
_INSTITUTIONS: Final = {"retain-institution-identity": "K"}

_BY_VR: Final = {
    "PN": Cell("X/Z/D", {}),
    "DA": Cell("X/Z/D", _DATES),
    "DT": Cell("X/Z/D", _DATES),
    "TM": Cell("X/Z/D", _DATES),
    "UR": Cell("X/Z/D", {}),
}
"""Names are names and dates are dates, whatever they are of; an address of the net leads to a host
of the institution, and often names the study."""

_NO_ADDRESS: Final = frozenset({0x0008010E, 0x00080120, 0x00687005})
"""Coding Scheme URL and URN Code Value say what a code is; a relative URI within a document."""

_TEXTS: Final = """
    00080401 00080402 00080418 00189910 00189917 0018991A 0022112C 00240044 00400400
    00440003 00440011 00440106 00660004 00741238 01000424 0040A224 0040A33A 30040006
    30080066 30080202 300600C8 300A0402 30020004
"""
"""Comments, titles and reasons, of procedures, patients and documents."""

_TITLES: Final = "00420010"
"""Document Title, which encapsulated documents have, even if it is empty (PS3.3 C.24.2, Type 2)."""

_NUMBERS: Final = """
    00102295 0008041B 0008041C 00140105 00401006 00401007 00402006 00402007 00880130
    01000426 04000120 04000520 0040A074 0040A089 0040A992 0040E001 21000010 21000160 21100099
    4010101A 40101051 40101053 40101054 40101055 40101058
"""
"""Of orders, records, documents, media, persons; what is signed, and what is encrypted."""

_PERSONS_AND_PLACES: Final = """
    00140100 00720008 00720010 0074100C 00741202 4010101E 4010101F 4010102A 40101052
"""

_OF_INSTITUTIONS: Final = "00400031 00400032"
"""Who assigns an identifier, wherever its sequence is not removed."""

_OF_DEVICES: Final = """
    00181003 00181006 00181801 00181803 00440012 21100030 30020020 300A0263 300A0352
"""
"""Numbers that users gave to devices; the machine that a treatment machine's name also tells."""

_OF_INSTANCES: Final = """
    00081167 00083012 0018991E 00200242 00209312 00209313 00280304 0040A021 0040A022 0040E011
    0040E030 0040E031 00440102 00440108 0070031B 00701209 00701904 0072007F 300A0675
"""
"""UIDs of instances, frames of reference, places and parts of them. Those of the Standard's own
instances stay as they are, as new UIDs do everywhere."""

_OF_PRIVATE_ELEMENTS: Final = "0008030C 0008030D 0008030E"
"""Names and descriptions of private elements; without these, the sequence they are in goes, too."""

_TEXT_VALUES: Final = "0040A160"
"""The table leaves it to the row of Content Sequence, in which it need not be."""

_GROUPS: Final = (
    (_TEXTS, Cell("X/Z/D", _DESCRIPTORS)),
    (_TITLES, Cell("Z", _DESCRIPTORS)),
    (_NUMBERS, Cell("X/Z/D", {})),
    (_PERSONS_AND_PLACES, Cell("X/Z/D", {})),
    (_OF_INSTITUTIONS, Cell("X/Z/D", _INSTITUTIONS)),
    (_OF_DEVICES, Cell("X/Z/D", _DEVICES)),
    (_OF_INSTANCES, Cell("U", _UIDS)),
    ("00080300", Cell("X", {"retain-safe-private": "K"})),
    (_OF_PRIVATE_ELEMENTS, Cell("X", _DESCRIPTORS)),
    (_TEXT_VALUES, Cell("D", _STRUCTURED)),
)


@cache
def cells() -> dict[int, Cell]:
    """Return how the attributes are treated that are listed here one by one."""
    return {int(tag, 16): cell for tags, cell in _GROUPS for tag in tags.split()}


def cell(tag: int) -> Cell | None:
    """Return how an attribute without a row is treated; None if it says nothing of anybody."""
    found = cells().get(tag)
    if found is not None or tag in _NO_ADDRESS:
        return found
    return _BY_VR.get(dictionary.vr(tag) or "")

"""Data sets as plain values, written by hand in any encoding, and Hypothesis' strategies for them.

Nothing here uses the engine's own reader or writer. An element is ``(tag, VR, value)``; the value
of a sequence is a list of data sets, each a list of elements.
"""

from __future__ import annotations

import struct
from typing import Any

from hypothesis import strategies as st
from pydicom.datadict import DicomDictionary

from gatehouse.standard import multiplicity, table
from support.dicom_builder import CT_IMAGE_STORAGE, INSTANCE_UID, SERIES_UID, STUDY_UID

EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
TRANSFER_SYNTAXES = (EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG)

Element = tuple[int, str, Any]
DataSet = list[Element]

_LONG = ("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV")
_UNDEFINED = 0xFFFFFFFF


def encode(
    data_set: DataSet, transfer_syntax: str, *, undefined: bool = False, unknown: bool = False
) -> bytes:
    """Write a data set.

    Parameters
    ----------
    undefined : bool
        Write sequences and items with undefined length.
    unknown : bool
        In explicit VR little endian, write sequences as UN of undefined length, with implicit VR
        inside (PS3.5 section 6.2.2). pydicom can't read these in big endian.
    """
    order = ">" if transfer_syntax == EXPLICIT_BIG else "<"
    is_explicit = transfer_syntax != IMPLICIT_LITTLE
    return b"".join(
        _unknown_sequence(tag, value, order)
        if vr == "SQ" and unknown and transfer_syntax == EXPLICIT_LITTLE
        else _element(tag, vr, value, order, is_explicit, undefined)
        for tag, vr, value in sorted(data_set, key=lambda element: element[0])
    )


def _element(
    tag: int, vr: str, value: Any, order: str, is_explicit: bool, undefined: bool
) -> bytes:
    syntax = (EXPLICIT_BIG if order == ">" else EXPLICIT_LITTLE) if is_explicit else IMPLICIT_LITTLE
    length = None
    if vr == "SQ":
        items = [encode(item, syntax, undefined=undefined) for item in value]
        if undefined:
            value = b"".join(_open_item(item, order) for item in items) + _head(
                0xFFFEE0DD, 0, order
            )
            length = _UNDEFINED
        else:
            value = b"".join(_head(0xFFFEE000, len(item), order) + item for item in items)
    length = len(value) if length is None else length
    if not is_explicit:
        return _head(tag, length, order) + value
    head = struct.pack(order + "HH", tag >> 16, tag & 0xFFFF) + vr.encode()
    if vr in _LONG:
        return head + struct.pack(order + "HI", 0, length) + value
    return head + struct.pack(order + "H", length) + value


def _unknown_sequence(tag: int, items: list[DataSet], order: str) -> bytes:
    head = struct.pack(order + "HH2sHI", tag >> 16, tag & 0xFFFF, b"UN", 0, _UNDEFINED)
    inside = [_open_item(encode(item, IMPLICIT_LITTLE, undefined=True), "<") for item in items]
    return head + b"".join(inside) + _head(0xFFFEE0DD, 0, "<")


def _open_item(item: bytes, order: str) -> bytes:
    return _head(0xFFFEE000, _UNDEFINED, order) + item + _head(0xFFFEE00D, 0, order)


def _head(tag: int, length: int, order: str) -> bytes:
    return struct.pack(order + "HHI", tag >> 16, tag & 0xFFFF, length)


BASE: dict[int, tuple[str, bytes]] = {
    0x00080005: ("CS", b"ISO_IR 100"),
    0x00080016: ("UI", CT_IMAGE_STORAGE.encode() + b"\0"),
    0x00080018: ("UI", INSTANCE_UID.encode() + b"\0" * (len(INSTANCE_UID) % 2)),
    0x0020000D: ("UI", STUDY_UID.encode() + b"\0" * (len(STUDY_UID) % 2)),
    0x0020000E: ("UI", SERIES_UID.encode() + b"\0" * (len(SERIES_UID) % 2)),
}
"""What an instance can't be without."""

_NEVER = {0x00080005, 0x7FE00010, 0x7FE00008, 0x7FE00009, *BASE}
"""Set by the base, or bound to what pixels there are."""

_KNOWN = {
    tag: entry[0]
    for tag, entry in DicomDictionary.items()
    if tag >> 16 >= 8 and tag < 0xFFFE0000 and len(entry[0]) == 2 and tag not in _NEVER
}
_IN_TABLE = sorted(tag for tag in table.rows() if tag in _KNOWN)
_OTHERS = sorted(tag for tag in _KNOWN if tag not in table.rows())
_SEQUENCES = sorted(tag for tag, vr in _KNOWN.items() if vr == "SQ")


def _texts(longest: int) -> st.SearchStrategy[bytes]:
    alphabet = "ABCXYZabcxyz0123456789 ^=\\.-+_/"
    return st.text(alphabet=alphabet, min_size=0, max_size=longest).map(
        lambda text: (text + " " * (len(text) % 2)).encode()
    )


_TEXTS = {length: _texts(length) for length in (16, 24)}
_LONGEST = {"AE": 16, "CS": 16, "SH": 16}
"""What is longer is held; tests/unit/test_value_lengths.py is about that."""

_UIDS = st.lists(st.integers(1, 9999), min_size=1, max_size=6).map(
    lambda parts: "1.2." + ".".join(map(str, parts))
)
_UID = st.one_of(
    st.just(b""),
    _UIDS.map(lambda uid: (uid + "\0" * (len(uid) % 2)).encode()),
    st.sampled_from([b"1.2.840.10008.1.4.1.1\0", b"1.2.840.10008.5.1.4.1.1.2\0"]),
)
WORDS_AS_DATES = (b"nodate", b"midnight", b"whenever")
_DATES = st.sampled_from(
    [b"", b"20240229", b"19700101\\20201231", b"1999", b"1999.12.31", b"nodate", b"00010101"]
).map(lambda value: value + b" " * (len(value) % 2))
_TIMES = st.sampled_from([b"", b"235959", b"12:30 ", b"101112.123456", b"midnight"]).map(
    lambda value: value + b" " * (len(value) % 2)
)
_DATE_TIMES = st.sampled_from(
    [b"", b"20240229235959.5+0100", b"2024", b"202402", b"20240229-20240301", b"whenever"]
).map(lambda value: value + b" " * (len(value) % 2))
_NUMBERS = st.sampled_from([b"", b"1 ", b"-12\\3 ", b"+007", b"12\\\\0"]).map(
    lambda value: value + b" " * (len(value) % 2)
)
_AGES = st.sampled_from([b"", b"034Y", b"090Y", b"011M", b"12W ", b"91", b"    "])
_SIZES = {"AT": 4, "FD": 8, "FL": 4, "OD": 8, "OF": 4, "OL": 4, "OV": 8, "SL": 4, "SV": 8}
_SIZES |= {"UL": 4, "UV": 8}
_PRIVATE_VRS = ("LO", "SH", "DS", "UI", "DA", "UN", "OB")


def _values(vr: str, longest: int = 3) -> st.SearchStrategy[Any]:
    special = {"UI": _UID, "DA": _DATES, "TM": _TIMES, "DT": _DATE_TIMES}
    special |= {"DS": _NUMBERS, "IS": _NUMBERS, "AS": _AGES}
    if vr in special:
        return special[vr]
    if vr in ("OB", "OW", "UN", "US", "SS", *_SIZES):
        size = _SIZES.get(vr, 2)
        return st.integers(0, longest).flatmap(
            lambda count: st.binary(min_size=size * count, max_size=size * count)
        )
    return _TEXTS[_LONGEST.get(vr, 24)]


def _public(tag: int, depth: int) -> st.SearchStrategy[Element]:
    vr = _KNOWN[tag]
    if vr == "SQ":
        if depth <= 0:
            return st.just((tag, vr, []))
        return st.lists(data_sets(depth - 1), max_size=2).map(lambda items: (tag, vr, items))
    longest = 1 if multiplicity.is_single(tag) and vr not in ("OB", "OW", "UN") else 3
    return _values(vr, longest).map(lambda value: (tag, vr, value))


_CREATORS = ("SIEMENS MR HEADER", "GEMS_PARM_01", "SOMEBODY", "Philips PET Private Group")
_GROUPS = (0x0009, 0x0019, 0x0043, 0x7053)


@st.composite
def _private_block(draw: st.DrawFn) -> DataSet:
    group, block = draw(st.sampled_from(_GROUPS)), draw(st.integers(0x10, 0x13))
    elements: DataSet = []
    if draw(st.booleans()):
        creator = draw(st.sampled_from(_CREATORS)).encode()
        elements.append((group << 16 | block, "LO", creator + b" " * (len(creator) % 2)))
    for low in draw(st.sets(st.sampled_from((0, 0x09, 0x0C, 0x27, 0xFF)), max_size=3)):
        vr = draw(st.sampled_from(_PRIVATE_VRS))
        elements.append((group << 16 | block << 8 | low, vr, draw(_values(vr))))
    return elements


@st.composite
def data_sets(draw: st.DrawFn, depth: int = 2) -> DataSet:
    """Return a data set without what an instance needs: any attributes, private ones, sequences."""
    found: dict[int, Element] = {}
    tags = draw(st.sets(st.sampled_from(_IN_TABLE), max_size=8))
    tags |= draw(st.sets(st.sampled_from(_OTHERS), max_size=4))
    if depth > 0:
        tags |= draw(st.sets(st.sampled_from(_SEQUENCES), max_size=2))
    for tag in tags:
        found[tag] = draw(_public(tag, depth))
    for element in draw(_private_block()):
        found[element[0]] = element
    return list(found.values())


@st.composite
def instances(draw: st.DrawFn, depth: int = 2) -> DataSet:
    """Return the data set of an instance: what it needs, and anything else."""
    found = {element[0]: element for element in draw(data_sets(depth))}
    found |= {tag: (tag, vr, value) for tag, (vr, value) in BASE.items()}
    found[0x7FE00010] = (0x7FE00010, "OW", draw(st.binary(min_size=4, max_size=4)))
    return list(found.values())

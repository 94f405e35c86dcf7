"""Goal: nothing that was planted anywhere in an original is in any byte of an output.

Method: more than 100,000 canaries, each with its own number, are planted in every attribute of
Table E.1-1, in private, unknown and retired ones, in every VR, encoding, transfer syntax and depth;
the joined output is searched for all of them. Then a name is planted in each attribute that the
profile keeps: such an object is held by the verification, or leaves without the name.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gatehouse.deid.engine import deidentify
from gatehouse.deid.plan import Plan
from gatehouse.deid.verify import verify
from gatehouse.errors import HoldError
from support.canaries import Shape, flock, found_in, kept_attributes
from support.dicom_builder import explicit_element, file_around
from support.leaks import keys, plan
from support.raw_data_sets import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, encode

STORAGE = "1.2.840.10008.5.1.4.1.1."
SOP_CLASSES = [STORAGE + suffix for suffix in ("2", "4.1", "88.33", "481.5")] + ["1.2.3.4.5"]
DEPTHS = (0, 1, 3)
VRS = (None, "LO", "UN", "OB", "UT")
WAYS = (
    (EXPLICIT_LITTLE, False, False),
    (EXPLICIT_LITTLE, True, False),
    (EXPLICIT_LITTLE, True, True),
    (IMPLICIT_LITTLE, True, False),
    (EXPLICIT_BIG, False, False),
)
CLEANING = ("clean-descriptors", "clean-structured-content", "clean-graphics")
PLANS = {
    "basic": plan(),
    "cleaning": plan(*CLEANING, "retain-modified-dates", "retain-safe-private"),
}


def shapes(sop_class_uid: str) -> Iterator[Shape]:
    """Yield what is planted for a SOP class, each with numbers of its own."""
    first = (SOP_CLASSES.index(sop_class_uid) + 1) * 1_000_000
    for depth in DEPTHS:
        for vr in VRS:
            yield Shape(sop_class_uid, depth, vr, first)
            first += 10_000


def planted(sop_class_uid: str) -> Iterator[bytes]:
    """Yield files full of canaries."""
    for number, shape in enumerate(shapes(sop_class_uid)):
        syntax, undefined, unknown = WAYS[number % len(WAYS)]
        data_set = encode(flock(shape), syntax, undefined=undefined, unknown=unknown)
        yield b"CNRY0000001 " * 10 + file_around(data_set, syntax)[120:]


def test_more_than_100_000_canaries_are_planted() -> None:
    numbers = {
        number for name in SOP_CLASSES for dicom in planted(name) for number in found_in(dicom)
    }

    assert len(numbers) * len(PLANS) > 100_000


@pytest.mark.parametrize("by", PLANS.values(), ids=PLANS.keys())
@pytest.mark.parametrize("sop_class_uid", SOP_CLASSES)
def test_no_canary_is_in_any_byte_of_an_output(sop_class_uid: str, by: Plan) -> None:
    files = list(planted(sop_class_uid))

    outputs = [deidentify(dicom, by, keys()).to_bytes() for dicom in files]

    assert len(outputs) == len(DEPTHS) * len(VRS)
    assert set().union(*map(found_in, outputs)) == set()


@pytest.mark.parametrize("depth", [0, 1])
def test_a_name_in_any_kept_attribute_is_held_or_does_not_leave(depth: int) -> None:
    leaked = []
    held = 0

    for number, (tag, vr) in enumerate(kept_attributes()):
        name = b"CNRY%07d" % number
        dicom = _with_name(name, tag, vr, depth)
        try:
            made = deidentify(dicom, PLANS["basic"], keys())
            verify(dicom, made, PLANS["basic"], keys())
        except HoldError:
            held += 1
        else:
            leaked += [f"{tag:08X}"] if found_in(made.to_bytes()) else []

    assert leaked == []
    assert held > 2500


def _with_name(name: bytes, tag: int, vr: str, depth: int) -> bytes:
    """Return a file of a patient with a name, which is in one other attribute as well."""
    value = b"of " + name + b" " * (-(len(name) + 3) % 8)
    inner = [(tag, vr, value)]
    for _ in range(depth):
        inner = [(0x00089215, "SQ", [inner])]
    data_set = [
        (0x00080016, "UI", STORAGE.encode() + b"2\0"),
        (0x00080018, "UI", b"1.2.276.9.1\0"),
        (0x00100010, "PN", name + b"^A"),
        (0x00100020, "LO", b"4711"),
        (0x0020000D, "UI", b"1.2.276.9.2\0"),
        (0x0020000E, "UI", b"1.2.276.9.3\0"),
    ]
    others = [one for one in data_set if one[0] != inner[0][0]]
    return file_around(encode([*others, *inner], EXPLICIT_LITTLE))


def test_a_canary_behind_the_data_set_or_before_it_does_not_leave() -> None:
    data_set = flock(Shape(STORAGE + "2", 0, None, 1))
    body = encode(data_set, EXPLICIT_LITTLE)
    behind = explicit_element(0xFFFC, 0xFFFC, "OB", b"CNRY9999999 ")
    meta = explicit_element(0x0002, 0x0016, "AE", b"CNRY8888888 ")
    syntax = explicit_element(0x0002, 0x0010, "UI", b"1.2.840.10008.1.2.1\0")

    output = deidentify(bytes(128) + b"DICM" + syntax + meta + body + behind, plan(), keys())

    assert found_in(output.to_bytes()) == set()

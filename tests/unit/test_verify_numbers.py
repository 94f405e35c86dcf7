"""Goal: the verification sees by itself what stays under an attribute of numbers and is none.

Method: outputs in which a number was exchanged for something else of the same length, as an engine
would leave it that does not look.
"""

from __future__ import annotations

import pytest

from gatehouse.deid.engine import deidentify
from gatehouse.deid.recipe import AttributeRule
from gatehouse.deid.verify import verify
from gatehouse.deid.verify.numbers import KINDS, is_number
from gatehouse.errors import VerificationError
from support.dicom_builder import file_around
from support.leaks import keys, plan
from support.raw_data_sets import (
    BASE,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    Element,
    encode,
)

ROWS, THICKNESS, EXPOSURE, DISTANCE, CLASS = (
    0x00280010, 0x00180050, 0x00181152, 0x00189402, 0x00081150,
)  # fmt: skip
PLAIN = b"7777777777777777"
"""Stands for itself under every VR of this test."""


def exchanged(element: Element, word: bytes, syntax: str = EXPLICIT_LITTLE) -> None:
    """Verify an output with a word in place of an element's value."""
    data_set = {tag: (tag, vr, value) for tag, (vr, value) in BASE.items()}
    data_set[element[0]] = element
    dicom = file_around(encode([data_set[tag] for tag in sorted(data_set)], syntax), syntax)
    by = plan()
    made = deidentify(dicom, by, keys())
    output = made.to_bytes()
    assert output.count(element[2]) == 1
    verify(dicom, made._replace(chunks=(output.replace(element[2], word),)), by, keys())


@pytest.mark.parametrize("syntax", [EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG])
@pytest.mark.parametrize(
    ("tag", "vr", "word"),
    [
        (THICKNESS, "DS", b"JANE QUIMBY"),
        (THICKNESS, "DS", b"7.0\\JANE Q"),
        (EXPOSURE, "IS", b"QUIMBY"),
        (CLASS, "UI", b"1.2.JANE"),
    ],
)
def test_a_word_where_a_number_should_be_is_held(
    syntax: str, tag: int, vr: str, word: bytes
) -> None:
    value = PLAIN[: len(word) + len(word) % 2]

    with pytest.raises(VerificationError) as held:
        exchanged((tag, vr, value), word.ljust(len(value)), syntax)

    assert held.value.rule == "verify.not-a-number"
    assert "JANE" not in str(held.value)


@pytest.mark.parametrize(
    ("syntax", "number", "word"),
    [
        (EXPLICIT_LITTLE, b"US\x02\0\x77\x77", b"US\x04\0JANE"),
        (IMPLICIT_LITTLE, b"\x02\0\0\0\x77\x77", b"\x04\0\0\0JANE"),
    ],
)
def test_a_word_where_a_binary_number_should_be_is_held(
    syntax: str, number: bytes, word: bytes
) -> None:
    rows = b"\x28\0\x10\0"
    data_set = {tag: (tag, vr, value) for tag, (vr, value) in BASE.items()}
    data_set[ROWS] = (ROWS, "US", b"\x77\x77")
    dicom = file_around(encode([data_set[tag] for tag in sorted(data_set)], syntax), syntax)
    made = deidentify(dicom, plan(), keys())
    output = made.to_bytes()
    assert output.count(rows + number) == 1
    broken = made._replace(chunks=(output.replace(rows + number, rows + word),))

    with pytest.raises(VerificationError) as held:
        verify(dicom, broken, plan(), keys())

    assert (held.value.rule, held.value.path) == ("verify.not-a-number", "Rows")


@pytest.mark.parametrize(
    "value",
    [b"-1.5e-3\\+7 ", b"NaN ", b"unknown ", b"N/A ", b"*** ", b"77  \0\0"],
)
def test_a_number_as_devices_write_it_passes(value: bytes) -> None:
    exchanged((THICKNESS, "DS", PLAIN[: len(value)]), value)


@pytest.mark.parametrize(
    ("tag", "vr", "value", "expected"),
    [
        (ROWS, b"US", b"\0\2", True),
        (ROWS, b"US", b"JANE", False),
        (ROWS, b"UL", b"\0\2\0\0", True),
        (ROWS, b"", b"JANE", False),
        (ROWS, b"UN", b"JANE", False),
        (ROWS, b"LO", b"JANE", False),
        (ROWS, b"IS", b"512 ", True),
        (ROWS, b"OB", b"JANE", False),
        (DISTANCE, b"FL", b"JANE QUI", False),
        (0x7FE00010, b"OW", b"JANE", True),
        (0x00281201, b"LO", b"JANE", False),
        (0x00080020, b"DA", b"2024", True),
        (0x00080020, b"DA", b"JANE", False),
        (0x00101010, b"AS", b"042Y", True),
        (0x00080060, b"CS", b"JANE", True),
        (0x00091010, b"DS", b"JANE", True),
        (0x00080003, b"DS", b"JANE", True),
    ],
)
def test_only_what_can_be_no_number_is_seen(
    tag: int, vr: bytes, value: bytes, expected: bool
) -> None:
    assert is_number(tag, vr, value) is expected


def test_a_value_that_the_policy_writes_is_its_own() -> None:
    rule = AttributeRule("SliceThickness", "replace", "a", parameters={"with": "NOT TOLD"})
    data_set = {tag: (tag, vr, value) for tag, (vr, value) in BASE.items()}
    data_set[THICKNESS] = (THICKNESS, "DS", b"5.0 ")
    elements = [data_set[tag] for tag in sorted(data_set)]
    dicom = file_around(encode(elements, EXPLICIT_LITTLE), EXPLICIT_LITTLE)
    by = plan(rules=(rule,))

    made = deidentify(dicom, by, keys())

    assert verify(dicom, made, by, keys())
    assert b"NOT TOLD" in made.to_bytes()


def test_no_more_attributes_are_remembered_than_there_are() -> None:
    before = len(KINDS)

    kinds = [KINDS[tag] for tag in range(0x00070000, 0x00070100)]

    assert kinds == [None] * 256
    assert len(KINDS) == before

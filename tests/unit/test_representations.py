"""Goal: what stays is of its attribute's kind, and numbers as devices write them are not held.

Method: single elements of a CT, alone and in each encoding. What is asked of nearly every element
is asked in two ways (by length and letters in the engine's loop, by kind behind it): both are met.
"""

from __future__ import annotations

import pytest

from gatehouse.deid.engine import deidentify
from gatehouse.deid.plan import Plan
from gatehouse.deid.representations import is_of_kind
from gatehouse.errors import HoldError
from support.dicom_builder import file_around
from support.leaks import keys, plan
from support.oracle import flatten
from support.raw_data_sets import (
    BASE,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    TRANSFER_SYNTAXES,
    Element,
    encode,
)

ROWS, THICKNESS, SPACING, EXPOSURE = 0x00280010, 0x00180050, 0x00280030, 0x00181152
IMAGE_TYPE, CLASS, DISTANCE = 0x00080008, 0x00081150, 0x00189402

B_VALUE = 0x0019100C


def outcome(element: Element, syntax: str = EXPLICIT_LITTLE, by: Plan | None = None) -> bytes | str:
    """Return the value that leaves, or the rule that holds the instance."""
    data_set = {tag: (tag, vr, value) for tag, (vr, value) in BASE.items()}
    data_set[element[0]] = element
    written = encode([data_set[tag] for tag in sorted(data_set)], syntax)
    try:
        made = deidentify(file_around(written, syntax), by or plan(), keys())
    except HoldError as error:
        return error.rule
    return flatten(made.to_bytes())[(element[0],)]


@pytest.mark.parametrize("syntax", TRANSFER_SYNTAXES)
@pytest.mark.parametrize(
    ("tag", "vr", "value"),
    [
        (THICKNESS, "DS", b"5.0 "),
        (THICKNESS, "DS", b""),
        (SPACING, "DS", b"0.859375\\0.859375 "),
        (SPACING, "DS", b"0.8593751234567\\0.859375123456"),
        (EXPOSURE, "IS", b"-12 "),
        (EXPOSURE, "IS", b"NaN "),
        (EXPOSURE, "IS", b"unknown "),
        (IMAGE_TYPE, "CS", b"ORIGINAL\\PRIMARY\\AXIAL\\CT_SOM5 SPI"),
    ],
)
def test_a_number_stays_as_it_is(syntax: str, tag: int, vr: str, value: bytes) -> None:
    value += b" " * (len(value) % 2)

    assert outcome((tag, vr, value), syntax) == value


@pytest.mark.parametrize("syntax", TRANSFER_SYNTAXES)
@pytest.mark.parametrize(
    ("tag", "vr", "value"),
    [
        (THICKNESS, "DS", b"JANE"),
        (SPACING, "DS", b"0.8593751234567\\JANE QUIMBY "),
        (SPACING, "DS", b"JANE QUIMBY\\JANE QUIMBY "),
        (EXPOSURE, "IS", b"12 JANE "),
        (ROWS, "US", b"JANE"),
        (ROWS, "US", b"JANE Q"),
        (DISTANCE, "FL", b"JANE QUI"),
    ],
)
def test_a_word_in_place_of_a_number_is_held(syntax: str, tag: int, vr: str, value: bytes) -> None:
    assert outcome((tag, vr, value), syntax) == "dicom.vr"


@pytest.mark.parametrize("vr", ["LO", "PN", "UT", "OB"])
@pytest.mark.parametrize("tag", [ROWS, DISTANCE])
def test_a_word_under_another_vr_than_the_number_s_is_held(vr: str, tag: int) -> None:
    assert outcome((tag, vr, b"JANE")) == "dicom.vr"


@pytest.mark.parametrize(("value", "leaves"), [(b"100 ", True), (b"JANE", False)])
def test_a_safe_private_number_that_is_a_word_is_removed(value: bytes, leaves: bool) -> None:
    data_set = {tag: (tag, vr, value) for tag, (vr, value) in BASE.items()}
    data_set[0x00190010] = (0x00190010, "LO", b"SIEMENS MR HEADER ")
    data_set[B_VALUE] = (B_VALUE, "IS", value)
    written = encode([data_set[tag] for tag in sorted(data_set)], EXPLICIT_LITTLE)

    made = deidentify(file_around(written, EXPLICIT_LITTLE), plan("retain-safe-private"), keys())

    assert ((B_VALUE,) in flatten(made.to_bytes())) is leaves
    assert ((0x00190010,) in flatten(made.to_bytes())) is leaves


def test_a_number_as_text_is_one_that_can_be_read() -> None:
    assert outcome((ROWS, "IS", b"512 ")) == b"512 "


@pytest.mark.parametrize("syntax", [EXPLICIT_LITTLE, IMPLICIT_LITTLE])
@pytest.mark.parametrize(("vr", "word"), [("DA", b"JANE"), ("TM", b"JANE Q")])
def test_a_word_in_place_of_a_moment_that_is_kept_is_held(
    vr: str, word: bytes, syntax: str
) -> None:
    tag = {"DA": 0x00080020, "TM": 0x00080030}[vr]
    by = plan("retain-full-dates")

    assert outcome((tag, vr, word), syntax, by) == "dicom.vr"
    assert outcome((tag, vr, b"1999/12/31"), syntax, by) == (
        b"1999/12/31" if vr == "DA" else "dicom.vr"
    )


@pytest.mark.parametrize("syntax", [EXPLICIT_LITTLE, IMPLICIT_LITTLE])
def test_a_word_in_place_of_a_uid_is_held(syntax: str) -> None:
    assert outcome((CLASS, "UI", b"JANE"), syntax) == "dicom.vr"


@pytest.mark.parametrize(
    ("known", "vr", "value", "single", "expected"),
    [
        ("US or SS", b"SS", b"\0\1", True, True),
        ("US or SS", b"US", b"JANE", True, False),
        ("US or SS or OW", b"OW", b"JANE", False, True),
        ("OB or OW", b"LO", b"JANE", False, False),
        ("FD", b"UN", bytes(8), True, True),
        ("FD", b"UN", bytes(16), True, False),
        ("FD", b"UN", bytes(16), False, True),
        ("FD", b"FD", b"JANE QUIMBY 1970", False, False),
        ("US", b"", b"JANE QUIMBY 1970", False, False),
        ("US", b"US", b"JANE QUIMBY" + bytes(5), False, True),
        ("US", b"US", b"JANE QUIMBY 197\x01", False, True),
        ("US or SS or OW", b"US", b"JANE QUIMBY 1970", False, True),
        ("LO", b"PN", b"JANE", False, True),
        ("TM", b"TM", b"JANE", True, False),
        ("", b"LO", b"JANE", False, True),
    ],
)
def test_the_kind_of_a_value_is_that_of_its_attribute(
    known: str, vr: bytes, value: bytes, single: bool, expected: bool
) -> None:
    assert is_of_kind(known, vr, value, 0, len(value), is_single=single) is expected

"""Goal: no value that stays is longer than its VR allows, and what a value says is never cut.

Method: values at and beyond the lengths of PS3.5 Table 6.2-1, alone and within instances in every
encoding. Numbers are compared by what they are worth.
"""

from __future__ import annotations

import pytest

from gatehouse.deid.engine import deidentify
from gatehouse.deid.plan import compile_plan
from gatehouse.deid.pseudonyms import derive_project_keys
from gatehouse.deid.recipe import AttributeRule, Recipe
from gatehouse.dicom import charsets
from gatehouse.dicom.value_lengths import fitted
from gatehouse.errors import HoldError
from support.dicom_builder import file_around
from support.oracle import flatten
from support.raw_data_sets import BASE, TRANSFER_SYNTAXES, Element, encode

KEYS = derive_project_keys(b"k" * 32, "lengths")
UTF_8 = charsets.character_set(b"ISO_IR 192")
GB18030 = charsets.character_set(b"GB18030 ")

MANUFACTURER, KERNEL, AGE, SPACING = 0x00080070, 0x00181210, 0x00101010, 0x00280030


def _plan(*attributes: AttributeRule) -> object:
    return compile_plan(Recipe("lengths", attributes=attributes, suspicious_pixels="accept"))


def _deidentified(syntax: str, *elements: Element, plan: object = None) -> dict:
    base = [(tag, vr, value) for tag, (vr, value) in BASE.items()]
    dicom = file_around(encode([*base, *elements], syntax), syntax)
    return flatten(deidentify(dicom, plan or _plan(), KEYS).to_bytes())


@pytest.mark.parametrize(
    ("vr", "value"),
    [
        ("CS", b"A" * 16),
        ("CS", b"\\".join([b"A" * 16] * 9)),
        ("DS", b"-1.2345678901e-5\\1234567890123456"),
        ("IS", b"-12345678901"),
        ("UI", b"1." + b"2" * 62),
        ("SH", b"A" * 16 + b"\\" + b"B" * 16),
        ("LO", b"A" * 64),
        ("PN", b"A" * 64 + b"=" + b"B" * 64 + b"=" + b"C" * 64),
        ("ST", b"\\" * 1024),
        ("UT", b"A" * 100_000),
        ("US", b"\0\1" * 100),
        ("DA", b"1999.12.31"),
    ],
)
def test_a_value_that_fits_stays_as_it_is(vr: str, value: bytes) -> None:
    assert fitted(value, vr, charsets.DEFAULT) is None


@pytest.mark.parametrize(
    ("vr", "value", "character_set"),
    [
        ("LO", ("é" * 64).encode(), UTF_8),
        ("SH", ("山" * 16).encode(), UTF_8),
        ("SH", ("山" * 16).encode("gb18030"), GB18030),
    ],
)
def test_characters_are_counted_and_not_bytes(
    vr: str, value: bytes, character_set: charsets.CharacterSet
) -> None:
    assert fitted(value, vr, character_set) is None


@pytest.mark.parametrize(
    ("vr", "value", "expected"),
    [
        ("CS", b"ORIGINAL          \\PRIMARY", b"ORIGINAL\\PRIMARY"),
        ("LO", b"A" * 64 + b"  ", b"A" * 64),
        ("SH", b"                A", b"A"),
        ("UI", b"1.2" + b"\0" * 63, b"1.2"),
        ("IS", b"0000000000000017", b"17"),
        ("DS", b"0.50000000000000000000", b"0.5"),
        ("DS", b"1\\+0.333333333333333333", b"1\\0.33333333333333"),
        ("DS", b"-1.234567890123456789e-100", b"-1.23456789e-100"),
    ],
)
def test_padding_and_surplus_digits_go(vr: str, value: bytes, expected: bytes) -> None:
    assert fitted(value, vr, charsets.DEFAULT) == expected


@pytest.mark.parametrize("number", [1 / 3, -2 / 3e7, 1.5e300, -123456789.123456789, 0.1 + 0.2])
def test_a_number_keeps_all_the_digits_that_there_is_room_for(number: float) -> None:
    text = f"{number:.25f}" if abs(number) < 1e9 else f"{number:.20e}"

    shorter = fitted(text.encode(), "DS", charsets.DEFAULT)

    assert shorter is not None
    assert len(shorter) <= 16
    assert float(shorter) == pytest.approx(number, rel=1e-8)


@pytest.mark.parametrize(
    ("vr", "value"),
    [
        ("CS", b"A" * 17),
        ("SH", b"short\\" + b"A" * 17),
        ("LO", b"A" * 65),
        ("PN", b"A=" + b"B" * 65),
        ("ST", b"A" * 1025),
        ("UI", b"1." + b"2" * 63),
        ("IS", b"1234567890123"),
        ("DS", b"12345678901234567890x"),
        ("DS", b"1e99999999999999999"),
        ("AS", b"0047Y"),
    ],
)
def test_what_can_not_be_said_shorter_is_held(vr: str, value: bytes) -> None:
    with pytest.raises(HoldError, match="longer than its VR allows") as held:
        fitted(value, vr, charsets.DEFAULT)

    assert held.value.rule == "dicom.value-length"
    assert value.decode() not in str(held.value)


@pytest.mark.parametrize("syntax", TRANSFER_SYNTAXES)
def test_numbers_in_an_instance_are_written_shorter(syntax: str) -> None:
    output = _deidentified(syntax, (SPACING, "DS", b"0.66406250000000000\\0.6640625 "))

    assert output[(SPACING,)] == b"0.6640625\\0.6640625 "


@pytest.mark.parametrize("syntax", TRANSFER_SYNTAXES)
@pytest.mark.parametrize(
    ("tag", "vr", "value"), [(MANUFACTURER, "LO", b"M" * 66), (KERNEL, "SH", b"K" * 18)]
)
def test_an_instance_with_a_text_that_is_too_long_is_held_with_its_place(
    syntax: str, tag: int, vr: str, value: bytes
) -> None:
    with pytest.raises(HoldError) as held:
        _deidentified(syntax, (tag, vr, value))

    assert held.value.rule == "dicom.value-length"
    assert held.value.path in ("Manufacturer", "ConvolutionKernel")


@pytest.mark.parametrize("syntax", TRANSFER_SYNTAXES)
def test_an_age_that_a_policy_keeps_is_looked_at(syntax: str) -> None:
    plan = _plan(AttributeRule("PatientAge", "keep", "cohort"))

    with pytest.raises(HoldError) as held:
        _deidentified(syntax, (AGE, "AS", b"00047Y"), plan=plan)

    assert held.value.path == "PatientAge"


def test_a_policy_can_settle_it_for_an_attribute() -> None:
    plan = _plan(AttributeRule("ConvolutionKernel", "empty", "our scanner writes too much"))

    output = _deidentified(TRANSFER_SYNTAXES[0], (KERNEL, "SH", b"K" * 18), plan=plan)

    assert output[(KERNEL,)] == b""


def test_what_is_within_a_sequence_is_looked_at() -> None:
    code = [(0x00080100, "SH", b"C" * 18)]

    with pytest.raises(HoldError) as held:
        _deidentified(TRANSFER_SYNTAXES[0], (0x00082218, "SQ", [code]))

    assert held.value.path == "AnatomicRegionSequence[0]/CodeValue"

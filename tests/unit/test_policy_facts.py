"""Facts: what is read of an instance for a decision.

Goal: only what policies name is read, from any transfer syntax and character set, at any place; and
what can't be read holds. Method: files made by pydicom, mappings compared.
"""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from gatehouse.errors import HoldError, ScanError
from gatehouse.policy.facts import extract
from support.dicom_builder import add_private, ct, to_bytes

SYNTAXES = [
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
]


def values(attribute: str, **attributes: Any) -> tuple[str, ...]:
    return extract(to_bytes(ct(**attributes)), [attribute])[attribute]


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.name)
def test_values_are_read_from_every_uncompressed_transfer_syntax(syntax: str) -> None:
    names = ["PatientAge", "ImageType", "Rows", "SliceThickness", "StudyInstanceUID"]

    assert extract(to_bytes(ct(), syntax), names) == {
        "PatientAge": ("054Y",),
        "ImageType": ("ORIGINAL", "PRIMARY", "AXIAL"),
        "Rows": ("16",),
        "SliceThickness": ("1.0",),
        "StudyInstanceUID": ("1.2.826.0.1.3680043.8.498.1001",),
    }


@pytest.mark.parametrize(
    "attributes", [{"PatientAge": None}, {"PatientAge": ""}, {"PatientAge": "  "}]
)
def test_what_is_absent_empty_or_blank_has_no_values(attributes: dict[str, Any]) -> None:
    assert values("PatientAge", **attributes) == ()


def test_a_person_name_of_delimiters_only_has_no_value() -> None:
    assert values("PatientName", PatientName="^^^=") == ()


def test_a_backslash_in_a_text_that_has_one_value_is_kept() -> None:
    assert values("PatientComments", PatientComments="a\\b") == ("a\\b",)


@pytest.mark.parametrize(
    ("character_set", "text"),
    [("ISO_IR 100", "Müller^Jörg"), ("ISO_IR 192", "山田^太郎"), ("ISO_IR 144", "Житiя")],
)
def test_text_is_decoded_in_its_character_set(character_set: str, text: str) -> None:
    assert values("PatientName", SpecificCharacterSet=character_set, PatientName=text) == (text,)


def test_text_that_is_none_in_its_character_set_holds_and_the_error_has_no_value() -> None:
    dicom = to_bytes(ct(SpecificCharacterSet="ISO_IR 192", StudyDescription="CANARYx"))
    broken = dicom.replace(b"CANARYx", b"CANARY\xff")

    with pytest.raises(HoldError) as caught:
        extract(broken, ["StudyDescription"])

    assert str(caught.value) == (
        "facts.undecodable: an attribute that a policy asks for is no text at StudyDescription"
    )


def test_text_that_nobody_asks_for_may_be_broken() -> None:
    dicom = to_bytes(ct(SpecificCharacterSet="ISO_IR 192", StudyDescription="CANARYx"))

    assert extract(dicom.replace(b"CANARYx", b"CANARY\xff"), ["Modality"]) == {"Modality": ("CT",)}


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.name)
@pytest.mark.parametrize("undefined", [True, False], ids=["undefined length", "defined length"])
def test_a_path_has_the_values_of_all_items(syntax: str, undefined: bool) -> None:
    data_set = ct(
        RequestAttributesSequence=[
            {"RequestedProcedureID": "A", "ReferencedStudySequence": [{"StudyID": "1"}]},
            {"ScheduledProcedureStepID": "x"},
            {"RequestedProcedureID": "B", "ReferencedStudySequence": [{"StudyID": "2"}]},
        ]
    )
    data_set["RequestAttributesSequence"].is_undefined_length = undefined
    names = [
        "RequestAttributesSequence/RequestedProcedureID",
        "RequestAttributesSequence/ReferencedStudySequence/StudyID",
        "StudyID",
    ]

    assert extract(to_bytes(data_set, syntax), names) == {
        names[0]: ("A", "B"),
        names[1]: ("1", "2"),
        names[2]: ("STUDY77",),
    }


def test_the_character_set_of_an_item_is_its_own() -> None:
    item = {"SpecificCharacterSet": "ISO_IR 192", "RequestedProcedureDescription": "Größe"}
    data_set = ct(RequestAttributesSequence=[item], SpecificCharacterSet="ISO_IR 100")

    name = "RequestAttributesSequence/RequestedProcedureDescription"

    assert extract(to_bytes(data_set), [name]) == {name: ("Größe",)}


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.name)
def test_a_private_attribute_is_found_by_its_creator_in_any_block(syntax: str) -> None:
    data_set = ct()
    add_private(data_set, 0x0019, "OTHER MAKER", [(0x0C, "LO", "other")])
    add_private(data_set, 0x0019, "SIEMENS MR HEADER", [(0x0C, "IS", "1000")])
    add_private(data_set, 0x0021, "THIRD MAKER", [(0x0C, "LO", "third")])
    names = [
        "(0019,{SIEMENS MR HEADER},0C)",
        "(0019,{OTHER MAKER},0c)",
        "(0021,{SIEMENS MR HEADER},0C)",
    ]

    assert extract(to_bytes(data_set, syntax), names) == {
        names[0]: ("1000",),
        names[1]: ("other",),
        names[2]: (),
    }


def test_an_attribute_by_tag_and_by_keyword_has_the_same_values() -> None:
    found = extract(to_bytes(ct()), ["PatientAge", "(0010,1010)"])

    assert found == {"PatientAge": ("054Y",), "(0010,1010)": ("054Y",)}


def test_nothing_after_the_last_wanted_attribute_is_read() -> None:
    dicom = to_bytes(ct())
    cut = dicom[: dicom.index(b"\x20\x00\x0e\x00UI")]  # before Series Instance UID

    assert extract(cut, ["PatientAge"]) == {"PatientAge": ("054Y",)}


@pytest.mark.parametrize(
    ("dicom", "rule"),
    [
        (b"", "dicom.not-dicom"),
        (b"%PDF-1.7" * 100, "dicom.not-dicom"),
        (to_bytes(ct())[:700], "dicom.truncated"),
    ],
    ids=["empty", "PDF", "truncated"],
)
def test_what_is_no_dicom_file_holds(dicom: bytes, rule: str) -> None:
    with pytest.raises(ScanError) as caught:
        extract(dicom, ["SeriesInstanceUID"])

    assert caught.value.rule == rule


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("Modality", ["CT", "US"]),
        ("PatientAge", ["054Y", "001Y"]),
        ("Rows", [512, 513]),
        ("SeriesInstanceUID", ["1.2", "1.3"]),
    ],
)
def test_several_values_where_the_standard_allows_one_hold(
    attribute: str, value: list[Any]
) -> None:
    with pytest.raises(HoldError) as caught:
        values(attribute, **{attribute: value})

    assert (caught.value.rule, caught.value.path) == ("facts.several-values", attribute)


def test_a_backslash_in_a_description_is_a_character_of_it() -> None:
    assert values("StudyDescription", StudyDescription=["CT", "Chest"]) == ("CT\\Chest",)


def test_an_attribute_that_may_have_several_values_has_them() -> None:
    assert values("ImageType", ImageType=["ORIGINAL", "PRIMARY"]) == ("ORIGINAL", "PRIMARY")
    assert values("OtherPatientNames", OtherPatientNames=["A^B", "C^D"]) == ("A^B", "C^D")

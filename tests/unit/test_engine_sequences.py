"""Goal: what is inside of sequences and private blocks is cleaned, and lengths around it are right.

Method: files with sequences in both forms and in every encoding, private blocks at any place, and
unknown VRs; outputs are read with pydicom, and canaries looked for in their bytes.
"""

from __future__ import annotations

import struct

import pytest
from pydicom.dataset import Dataset

from gatehouse.deid.model import Change
from gatehouse.deid.pseudonyms import pseudonym
from support.dicom_builder import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    add_private,
    ct,
    ct_bytes,
    data_set_of,
    file_around,
    to_bytes,
)
from support.dicom_builder import explicit_element as element
from support.engine_run import KEYS, plan, read, run, run_and_read

EXPLICIT_BIG = "1.2.840.10008.1.2.2"


def region(**attributes: object) -> list[dict[str, object]]:
    """Return the items of a sequence that the profile keeps, with these attributes."""
    return [{"CodeValue": "T-D3000", "CodingSchemeDesignator": "SRT", **attributes}]


@pytest.mark.parametrize("undefined_lengths", [True, False])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, EXPLICIT_BIG])
def test_lengths_around_a_change_are_right_at_every_depth(
    syntax: str, undefined_lengths: bool
) -> None:
    inner = {"CodeValue": "A", "PatientName": "SECRET", "InstitutionName": "SECRET"}
    middle = {"CodeValue": "B", "AnatomicRegionModifierSequence": [inner, inner]}
    image = ct(AnatomicRegionSequence=[middle, {"CodeValue": "C"}], PatientComments="SECRET")

    result = run(to_bytes(image, syntax, undefined_lengths=undefined_lengths))

    output = read(result)
    first, second = output.AnatomicRegionSequence
    modifiers = first.AnatomicRegionModifierSequence
    assert [item.CodeValue for item in (*modifiers, first, second)] == ["A", "A", "B", "C"]
    assert "InstitutionName" not in modifiers[1]
    assert b"SECRET" not in result.to_bytes()


def test_a_sequence_in_which_nothing_changes_stays_byte_for_byte() -> None:
    items = [{"CodeValue": "A"}, {"CodeValue": "B"}]
    image = ct(AnatomicRegionSequence=items)
    dicom = to_bytes(image, undefined_lengths=True)
    start = dicom.index(b"\x08\0\x18\x22SQ")
    end = dicom.index(b"\xdd\xe0\0\0\0\0", start)

    assert dicom[start:end] in run(dicom).to_bytes()


def test_a_removed_sequence_goes_whole() -> None:
    items = [{"RequestedProcedureID": "SECRET", "CodeValue": "SECRET"}]

    output = run(ct_bytes(RequestAttributesSequence=items)).to_bytes()

    assert b"SECRET" not in output


def test_an_emptied_sequence_has_no_items() -> None:
    by = plan(AnatomicRegionSequence="empty")

    for undefined_lengths in (True, False):
        image = ct(AnatomicRegionSequence=region(CodeMeaning="SECRET"))
        output = run_and_read(to_bytes(image, undefined_lengths=undefined_lengths), by)
        assert list(output.AnatomicRegionSequence) == []


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, EXPLICIT_BIG])
def test_a_sequence_that_must_not_be_empty_gets_a_dummy_item(syntax: str) -> None:
    report = Dataset()
    report.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.11"
    report.SOPInstanceUID, report.StudyInstanceUID, report.SeriesInstanceUID = "1.1", "1.2", "1.3"
    report.ContentSequence = [Dataset(), Dataset()]
    report.ContentSequence[0].TextValue = "SECRET"

    output = run_and_read(to_bytes(report, syntax))

    assert [item.TextValue for item in output.ContentSequence] == ["REMOVED"]


@pytest.mark.parametrize(("syntax", "order"), [(ExplicitVRLittleEndian, "<"), (EXPLICIT_BIG, ">")])
def test_an_unknown_vr_of_undefined_length_is_a_sequence_in_implicit_vr_little_endian(
    syntax: str, order: str
) -> None:
    inner = struct.pack("<HHI", 0x0010, 0x0010, 6) + b"SECRET"
    inner += struct.pack("<HHI", 0x0010, 0x0020, 4) + b"OTH "
    item = b"\xfe\xff\x00\xe0" + struct.pack("<I", len(inner)) + inner
    unknown = struct.pack(order + "HH2sHI", 0x08, 0x2218, b"UN", 0, 0xFFFFFFFF)
    dicom = data_set_of(ct_bytes(syntax))
    at = dicom.index(struct.pack(order + "HH2s", 0x10, 0x10, b"PN"))
    end = b"\xfe\xff\xdd\xe0\0\0\0\0"

    result = run(file_around(dicom[:at] + unknown + item + end + dicom[at:], syntax))

    output = result.to_bytes()
    assert b"SECRET" not in output
    assert b"OTH " not in output
    assert unknown in output
    assert Change("AnatomicRegionSequence[0]/PatientID", "Z", "profile", 0) in result.changes


@pytest.mark.parametrize("length_is_defined", [True, False])
def test_a_known_attribute_under_an_unknown_vr_is_treated_by_the_dictionary(
    length_is_defined: bool,
) -> None:
    code = struct.pack("<HHI", 0x0008, 0x0080, 6) + b"SECRET"
    item = b"\xfe\xff\x00\xe0" + struct.pack("<I", len(code)) + code
    dicom = ct_bytes()
    at = dicom.index(b"\x10\0\x10\0PN")
    length = len(item) if length_is_defined else 0xFFFFFFFF
    end = b"" if length_is_defined else b"\xfe\xff\xdd\xe0\0\0\0\0"
    unknown = struct.pack("<HH2sHI", 0x08, 0x2218, b"UN", 0, length) + item + end

    output = run(dicom[:at] + unknown + dicom[at:])

    assert b"SECRET" not in output.to_bytes()
    assert read(output).Modality == "CT"


def test_an_unknown_vr_with_a_value_gets_a_value_of_the_dictionarys_vr() -> None:
    dicom = ct_bytes(AccessionNumber=None)
    at = dicom.index(b"\x08\0\x60\0CS")
    unknown = element(0x08, 0x50, "UN", b"SECRET")

    output = run_and_read(dicom[:at] + unknown + dicom[at:], plan(AccessionNumber="dummy"))

    assert output.AccessionNumber == "REMOVED"


def test_the_character_set_of_an_item_holds_for_this_item_only() -> None:
    items = [
        {"SpecificCharacterSet": "ISO_IR 192", "PatientID": "Иванов"},
        {"PatientID": "Иванов"},
    ]
    dicom = ct_bytes(AnatomicRegionSequence=items, SpecificCharacterSet="ISO_IR 144")

    first, second = run_and_read(dicom).AnatomicRegionSequence

    assert first.PatientID == second.PatientID == pseudonym(KEYS, "Иванов")


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, EXPLICIT_BIG])
def test_private_elements_and_their_creators_are_removed(syntax: str) -> None:
    image = add_private(ct(), 0x0009, "SECRET MAKER", [(1, "LO", "SECRET"), (2, "SH", "SECRET")])

    result = run(to_bytes(image, syntax))

    assert b"SECRET" not in result.to_bytes()
    assert [change for change in result.changes if change.rule == "private"] == [
        Change("(0009,0010)", "X", "private", 0),
        Change("(0009,1001)", "X", "private", 0),
        Change("(0009,1002)", "X", "private", 0),
    ]


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, EXPLICIT_BIG])
@pytest.mark.parametrize("undefined_lengths", [True, False])
def test_a_private_element_that_a_policy_keeps_brings_its_creator_back(
    syntax: str, undefined_lengths: bool
) -> None:
    kept = {"(0019,{MAKER},0C)": "keep"}
    image = ct(AnatomicRegionSequence=region())
    for target in (image, image.AnatomicRegionSequence[0]):
        add_private(target, 0x0019, "OTHER", [(0x0C, "LO", "SECRET")])
        add_private(target, 0x0019, "MAKER", [(0x0C, "LO", "b 1000"), (0x0D, "LO", "SECRET")])
    dicom = to_bytes(image, syntax, undefined_lengths=undefined_lengths)

    result = run(dicom, plan(paths=kept))

    output = read(result)
    for target in (output, output.AnatomicRegionSequence[0]):
        private = [int(tag) for tag in target.keys() if tag.is_private]  # noqa: SIM118
        assert private == [0x00190011, 0x0019110C]
    assert b"SECRET" not in result.to_bytes()
    assert b"OTHER" not in result.to_bytes()


def test_a_private_element_without_a_creator_is_nobodys_and_goes() -> None:
    orphan = element(0x19, 0x110C, "LO", b"SECRET")
    dicom = ct_bytes()
    at = dicom.index(b"\x20\0\x0d\0UI")

    result = run(dicom[:at] + orphan + dicom[at:], plan(paths={"(0019,{MAKER},0C)": "keep"}))

    assert b"SECRET" not in result.to_bytes()


@pytest.mark.parametrize("vr", ["UN", "SQ"])
def test_items_inside_a_private_element_that_is_kept_are_cleaned(vr: str) -> None:
    if vr == "UN":
        inner = struct.pack("<HHI", 0x0010, 0x0010, 6) + b"SECRET"
    else:
        inner = element(0x0010, 0x0010, "PN", b"SECRET")
    item = b"\xfe\xff\x00\xe0" + struct.pack("<I", len(inner)) + inner
    private = element(0x19, 0x10, "LO", b"MAKER ") + element(0x19, 0x100C, vr, item)
    dicom = ct_bytes()
    at = dicom.index(b"\x20\0\x0d\0UI")

    result = run(dicom[:at] + private + dicom[at:], plan(paths={"(0019,{MAKER},0C)": "keep"}))

    assert b"SECRET" not in result.to_bytes()
    assert (0x0019, 0x100C) in read(result)


def test_private_groups_that_no_data_set_should_have_are_removed() -> None:
    odd = element(7, 0x10, "LO", b"SECRET")
    dicom = file_around(odd + data_set_of(ct_bytes()))

    assert b"SECRET" not in run(dicom).to_bytes()


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_safe_private_text_is_cleaned_as_its_vr_asks_in_implicit_vr_too(syntax: str) -> None:
    image = ct(PatientName="Quimby^Jane")
    add_private(image, 0x0119, "SIEMENS Ultrasound SC2000", [(0x00, "LO", "LIVER QUIMBY")])

    output = run(to_bytes(image, syntax), plan("retain-safe-private")).to_bytes()

    assert b"LIVER " in output[output.index(b"SC2000") :]
    assert b"QUIMBY" not in output


def test_a_creator_at_a_number_that_is_none_opens_no_block() -> None:
    wrong = element(0x19, 0x01, "LO", b"MAKER ") + element(0x19, 0x010C, "LO", b"SECRET")
    dicom = ct_bytes()
    at = dicom.index(b"\x20\0\x0d\0UI")

    result = run(dicom[:at] + wrong + dicom[at:], plan(paths={"(0019,{MAKER},0C)": "keep"}))

    assert b"SECRET" not in result.to_bytes()

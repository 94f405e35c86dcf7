"""Goal: an output says of itself, and the result of it, what was really done.

Method: the elements of PS3.15 E.1.1 are read with pydicom for several plans and inputs; changes are
compared as values.
"""

from __future__ import annotations

import pytest

from gatehouse.deid.model import Change
from support.dicom_builder import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    ct,
    ct_bytes,
    to_bytes,
)
from support.engine_run import plan, read, run, run_and_read

EXPLICIT_BIG = "1.2.840.10008.1.2.2"
ALL_SYNTAXES = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    EXPLICIT_BIG,
    DeflatedExplicitVRLittleEndian,
    JPEGBaseline8Bit,
)


@pytest.mark.parametrize("syntax", ALL_SYNTAXES)
def test_the_output_says_how_it_was_deidentified(syntax: str) -> None:
    output = run_and_read(ct_bytes(syntax), plan("retain-modified-dates", "retain-uids"))

    assert output.PatientIdentityRemoved == "YES"
    assert list(output.DeidentificationMethod) == [
        "PS3.15 2026d Basic Application Confidentiality Profile",
        "Gatehouse policy test-policy version 7",
    ]
    codes = output.DeidentificationMethodCodeSequence
    assert [(code.CodeValue, code.CodingSchemeDesignator) for code in codes] == [
        ("113100", "DCM"),
        ("113107", "DCM"),
        ("113110", "DCM"),
    ]
    assert codes[0].CodeMeaning == "Basic Application Confidentiality Profile"
    assert output.LongitudinalTemporalInformationModified == "MODIFIED"


@pytest.mark.parametrize(
    ("by", "value"),
    [
        (plan(), "REMOVED"),
        (plan("retain-full-dates"), "UNMODIFIED"),
        (plan("retain-modified-dates"), "MODIFIED"),
        (plan(StudyDate="keep"), "MODIFIED"),
        (plan("retain-full-dates", StudyDate="remove"), "MODIFIED"),
        (plan(PatientBirthDate=("truncate-date", {"to": "year"})), "MODIFIED"),
        (plan(StudyDescription="keep"), "REMOVED"),
    ],
)
def test_the_marking_of_dates_says_what_was_done_to_them(by: object, value: str) -> None:
    assert run_and_read(ct_bytes(), by).LongitudinalTemporalInformationModified == value


@pytest.mark.parametrize("undefined_lengths", [True, False])
def test_what_an_earlier_deidentification_wrote_is_added_to_once(undefined_lengths: bool) -> None:
    codes = [
        {"CodeValue": "113105", "CodingSchemeDesignator": "DCM", "CodeMeaning": "SECRET"},
        {"CodeValue": "113100", "CodingSchemeDesignator": "DCM", "CodeMeaning": "any"},
        {"CodeValue": "SECRET", "CodingSchemeDesignator": "99SECRET", "CodeMeaning": "SECRET"},
    ]
    image = ct(
        PatientIdentityRemoved="NO",
        DeidentificationMethod=["CTP", "Gatehouse policy test-policy version 7"],
        DeidentificationMethodCodeSequence=codes,
        LongitudinalTemporalInformationModified="UNMODIFIED",
    )

    result = run(to_bytes(image, undefined_lengths=undefined_lengths))

    output = read(result)
    assert output.PatientIdentityRemoved == "YES"
    assert list(output.DeidentificationMethod) == [
        "CTP",
        "PS3.15 2026d Basic Application Confidentiality Profile",
        "Gatehouse policy test-policy version 7",
    ]
    written = [code.CodeValue for code in output.DeidentificationMethodCodeSequence]
    assert written == ["113105", "113100"]
    assert output.LongitudinalTemporalInformationModified == "REMOVED"
    assert b"SECRET" not in result.to_bytes()


def test_every_change_is_recorded_with_place_code_rule_and_line() -> None:
    items = [{"CodeValue": "A"}, {"CodeValue": "B", "PatientName": "X", "InstitutionName": "Y"}]
    by = plan("retain-device-identity", StudyDescription="remove")

    changes = run(ct_bytes(AnatomicRegionSequence=items), by).changes

    assert Change("AnatomicRegionSequence[1]/PatientName", "Z", "profile", 0) in changes
    assert Change("AnatomicRegionSequence[1]/InstitutionName", "X", "profile", 0) in changes
    assert Change("StudyDescription", "X", "policy", 12) in changes
    assert Change("SOPInstanceUID", "U", "profile", 0) in changes
    assert Change("MediaStorageSOPInstanceUID", "U", "profile", 0) in changes
    assert Change("PatientIdentityRemoved", "D", "stamp", 0) in changes
    kept = {"Modality", "DeviceSerialNumber", "PixelData", "AnatomicRegionSequence"}
    assert not kept & {change.path for change in changes}


def test_what_comes_out_as_it_came_is_no_change() -> None:
    changes = run(ct_bytes(AccessionNumber="", StudyDate="")).changes

    assert not {"AccessionNumber", "StudyDate"} & {change.path for change in changes}

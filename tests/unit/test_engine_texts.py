"""Goal: free texts keep their clinical words and lose every name that the study knows.

Method: objects with names in several places go through engine and verification.
"""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from gatehouse.deid.engine import deidentify
from gatehouse.deid.known_values import KnownValues, collect
from gatehouse.deid.verify import verify
from support.dicom_builder import ct, to_bytes
from support.engine_run import KEYS, plan, read, run

DESCRIPTORS = plan("clean-descriptors")
STRUCTURED = plan("clean-structured-content")
BASIC_TEXT_SR = "1.2.840.10008.5.1.4.1.1.88.11"


def item(**attributes: object) -> Dataset:
    data_set = Dataset()
    for keyword, value in attributes.items():
        setattr(data_set, keyword, value)
    return data_set


def test_descriptions_lose_the_names_of_everybody_at_any_depth_in_the_instance() -> None:
    image = ct(
        PatientName="Quimby^Jane",
        AccessionNumber="AX-99812",
        StudyDescription="CT CHEST QUIMBY AX99812",
        SeriesDescription="Thorax Ogilvy 5.0",
        RequestAttributesSequence=[item(RequestingPhysician="Ogilvy^Ada")],
    )

    output = read(run(to_bytes(image), DESCRIPTORS))

    assert output.StudyDescription == "CT CHEST"
    assert output.SeriesDescription == "Thorax 5.0"


def test_names_in_private_sequences_that_are_removed_are_known_too() -> None:
    image = ct(StudyDescription="CHEST Ogilvyan")
    image.add_new(0x00990010, "LO", "MAKER")
    image.add_new(0x00991001, "SQ", Sequence([item(OperatorsName="Ogilvyan^Ada")]))

    assert read(run(to_bytes(image), DESCRIPTORS)).StudyDescription == "CHEST"


def test_what_other_instances_know_is_taken_out_as_well() -> None:
    other = to_bytes(ct(OperatorsName="Hand^Ada"))
    image = to_bytes(ct(StudyDescription="X-ray of the hand, Ada"))

    output = deidentify(image, DESCRIPTORS, KEYS, collect(other))

    assert "hand" not in read(output).StudyDescription
    assert "Ada" not in read(output).StudyDescription


def test_what_is_known_of_several_instances_is_the_same_in_any_order() -> None:
    one = collect(to_bytes(ct(PatientName="Quimby^Jane", InstitutionName="St. Mary")))
    other = collect(to_bytes(ct(PatientName="Ogilvy^Ada", AccessionNumber="AX-1")))

    assert one | other == other | one
    assert one | KnownValues() == one


@pytest.mark.parametrize(
    "options", [("clean-descriptors",), ("clean-descriptors", "retain-patient-characteristics")]
)
def test_age_and_sex_stay_in_a_text_only_with_their_option(options: tuple[str, ...]) -> None:
    image = to_bytes(ct(StudyDescription="CHEST 55F"))

    described = read(run(image, plan(*options))).StudyDescription

    assert ("55F" in described) is ("retain-patient-characteristics" in options)


def test_a_content_tree_is_cleaned_by_the_kind_of_each_value() -> None:
    report = ct(
        SOPClassUID=BASIC_TEXT_SR,
        Modality="SR",
        PatientName="Quimby^Jane",
        ContentSequence=[
            item(ValueType="TEXT", TextValue="No effusion in Quimby. Lungs are clear."),
            item(ValueType="PNAME", PersonName="Ogilvy^Ada"),
            item(ValueType="DATE", Date="20240102"),
            item(ValueType="UIDREF", UID="1.2.826.0.1.77"),
            item(
                ValueType="CODE",
                ConceptCodeSequence=[
                    item(CodeValue="51185008", CodingSchemeDesignator="SCT", CodeMeaning="Chest")
                ],
            ),
            item(
                ValueType="NUM",
                MeasuredValueSequence=[item(NumericValue="12.5")],
            ),
        ],
    )

    original = to_bytes(report)
    made = deidentify(original, STRUCTURED, KEYS)
    text, person, date, uid, code, number = read(made).ContentSequence

    assert verify(original, made, STRUCTURED, KEYS).needles
    assert text.TextValue == "No effusion in [name]. Lungs are clear."
    assert "Ogilvy" not in str(person.PersonName)
    assert date.get("Date", "") != "20240102"
    assert uid.UID.startswith("2.25.")
    assert code.ConceptCodeSequence[0].CodeMeaning == "Chest"
    assert code.ConceptCodeSequence[0].CodeValue == "51185008"
    assert number.MeasuredValueSequence[0].NumericValue == "12.5"


def test_a_cleaned_text_passes_the_verification() -> None:
    original = to_bytes(
        ct(
            PatientName="Quimby^Jane",
            InstitutionName="Sankt Gallus Klinik",
            ImageComments="Seen at Sankt Gallus Klinik by Dr. Ogilvy on 2024-01-02. Lungs clear.",
        )
    )

    made = deidentify(original, DESCRIPTORS, KEYS)

    assert verify(original, made, DESCRIPTORS, KEYS).needles
    assert "Lungs clear" in read(made).ImageComments
    assert "Gallus" not in read(made).ImageComments


def test_cleaning_what_is_clean_changes_nothing() -> None:
    image = to_bytes(ct(PatientName="Quimby^Jane", StudyDescription="CHEST QUIMBY 2024-01-02"))

    once = run(image, DESCRIPTORS).to_bytes()

    assert run(once, DESCRIPTORS).to_bytes() == once

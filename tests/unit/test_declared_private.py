"""Goal: private elements stay that are known or declared to be safe, and no others.

Method: blocks with and without Private Data Element Characteristics Sequence (0008,0300), and safe
elements of Table E.3.10-1 with another VR than the table's, through engine and verification.
"""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from gatehouse.deid.engine import deidentify
from gatehouse.deid.model import Deidentified
from gatehouse.deid.verify import verify
from gatehouse.errors import VerificationError
from support.dicom_builder import add_private, ct, to_bytes
from support.engine_run import BASIC, KEYS, plan, read

SAFE_PRIVATE = plan("retain-safe-private")
CREATOR = "ACME 1"
SYNTAXES = [ExplicitVRLittleEndian, ExplicitVRBigEndian]


def image(status: str, creator: str = CREATOR, **more: object) -> Dataset:
    item = Dataset()
    item.PrivateGroupReference = 0x0029
    item.PrivateCreatorReference = creator
    item.BlockIdentifyingInformationStatus = status
    for keyword, value in more.items():
        setattr(item, keyword, value)
    made = ct(PatientName="Quimby^Jane", PrivateDataElementCharacteristicsSequence=[item])
    elements = [(1, "DS", "1.5"), (2, "LO", "LIVER QUIMBY"), (3, "UI", "1.2.826.0.1.77.88.99")]
    return add_private(made, 0x0029, CREATOR, elements)


def private(made: Deidentified) -> dict[int, str]:
    return {
        element.tag.element & 0xFF: str(element.value)
        for element in read(made)
        if element.tag.is_private and not element.tag.is_private_creator
    }


def processed(dicom: bytes) -> dict[int, str]:
    made = deidentify(dicom, SAFE_PRIVATE, KEYS)
    assert verify(dicom, made, SAFE_PRIVATE, KEYS).needles
    return private(made)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_block_that_is_declared_safe_stays_and_is_cleaned_as_its_vrs_ask(syntax: str) -> None:
    found = processed(to_bytes(image("SAFE"), syntax))

    assert found[1] == "1.5"
    assert found[2] == "LIVER"
    assert found[3].startswith("2.25.")


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_of_a_mixed_block_stays_what_is_listed(syntax: str) -> None:
    mixed = image("MIXED", NonidentifyingPrivateElements=[1, 9])

    assert processed(to_bytes(mixed, syntax)) == {1: "1.5"}


@pytest.mark.parametrize(
    "declaring",
    [
        image("UNSAFE"),
        image("UNSAFE", NonidentifyingPrivateElements=[1]),
        image("SAFE", creator="OTHER"),
        image("SAFE", PrivateGroupReference=0x0031),
        image("SAFE", PrivateGroupReference=0x0028),
    ],
)
def test_what_is_not_declared_safe_goes(declaring: Dataset) -> None:
    assert processed(to_bytes(declaring)) == {}


def test_without_a_vr_nothing_can_be_cleaned_and_the_block_goes() -> None:
    assert processed(to_bytes(image("SAFE"), ImplicitVRLittleEndian)) == {}


def test_without_the_option_a_declaration_changes_nothing() -> None:
    assert private(deidentify(to_bytes(image("SAFE")), BASIC, KEYS)) == {}


def test_a_safe_element_with_another_vr_than_the_tables_goes() -> None:
    fine = add_private(ct(), 0x0019, "SIEMENS MR HEADER", [(0x0C, "IS", "1000")])
    wrong = add_private(ct(), 0x0019, "SIEMENS MR HEADER", [(0x0C, "LO", "QUIMBY")])

    assert processed(to_bytes(fine)) == {0x0C: "1000"}
    assert processed(to_bytes(wrong)) == {}


def test_the_verification_finds_an_element_that_was_not_declared_safe() -> None:
    original = to_bytes(image("UNSAFE"))
    made = deidentify(to_bytes(image("SAFE")), SAFE_PRIVATE, KEYS)

    with pytest.raises(VerificationError, match="private element"):
        verify(original, made, SAFE_PRIVATE, KEYS)


@pytest.mark.parametrize("options", [(), ("retain-full-dates", "retain-patient-characteristics")])
def test_birth_dates_in_another_calendar_go_as_the_birth_date_does(
    options: tuple[str, ...],
) -> None:
    dated = ct(
        PatientBirthDateInAlternativeCalendar="5730-05-17",
        PatientDeathDateInAlternativeCalendar="5784-01-01",
        PatientAlternativeCalendar="HEBREW",
    )

    output = deidentify(to_bytes(dated), plan(*options), KEYS).to_bytes()

    assert b"5730-05-17" not in output
    assert b"5784-01-01" not in output
    assert b"HEBREW" not in output

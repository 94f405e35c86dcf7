"""Goal: no identifying value of an original leaves, wherever and however it is written.

Method: real outputs of the engine are broken as a faulty engine would break them: something of the
original is written into an attribute that the profile keeps. The verification has to hold each one,
name the place and the kind, and never the value; and it must not hold what is no leak.
"""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from gatehouse.deid.engine import deidentify
from gatehouse.deid.recipe import AttributeRule
from gatehouse.deid.verify import verify
from gatehouse.errors import VerificationError
from support.dicom_builder import add_private, ct, ct_bytes, dataset, to_bytes
from support.leaks import Breaking, broken, check, keys, plan


def writing(**attributes: Any) -> Breaking:
    """Return a way to break an output: setting attributes that the profile keeps."""

    def breaking(output: Dataset) -> None:
        output.update(dataset(**attributes))

    return breaking


def hold(breaking: Breaking, **attributes: Any) -> VerificationError:
    """Return the error that holds an output, broken in this way."""
    with pytest.raises(VerificationError) as raised:
        check(breaking, **attributes)
    return raised.value


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Quimby", "a person's name"),
        ("QUIMBY", "a person's name"),
        ("for quimby, v2", "a person's name"),
        ("Jane", "a person's name"),
        ("scan_of_jane", "a person's name"),
        ("JANEQUIMBY", "a person's name"),
        ("quimbyjane01", "a person's name"),
        ("Rita", "a person's name"),
        ("Oskar", "a person's name"),
        ("PAT-0815", "an identifier"),
        ("xxPAT0815yy", "an identifier"),
        ("acc4711", "an identifier"),
        ("SN 123456 -> sn-123456", "an identifier"),
        ("study77", "an identifier"),
        ("19700131", "the birth date"),
        ("born 1970-01-31", "the birth date"),
        ("31.01.1970", "the birth date"),
        ("1/31/1970", "the birth date"),
        ("31-Jan-1970", "the birth date"),
        ("made 20240229", "a date"),
        ("Hospital of Nowhere, 2nd floor", "the name of a place"),
        ("CTROOM3", "the name of a place"),
        ("CT chest of Jane Quimby", "a person's name"),
        ("1.2.826.0.1.3680043.8.498.1001", "an original UID"),
        ("1.2.826.0.1.3680043.8.498.1003.7", "an original UID"),
    ],
)
def test_a_value_of_the_original_in_a_kept_text_is_found(text: str, kind: str) -> None:
    error = hold(writing(SoftwareVersions=text))

    assert error.rule == "verify.residual-identifier"
    assert error.path == "SoftwareVersions"
    assert error.reason.startswith(kind)


@pytest.mark.parametrize(
    ("attributes", "place"),
    [
        ({"BodyPartExamined": "QUIMBY"}, "BodyPartExamined"),
        ({"ConvolutionKernel": "Quimby"}, "ConvolutionKernel"),
        ({"ICCProfile": b"\x00\x01\x80profile of Quimby\x80\x00"}, "ICCProfile"),
        ({"ICCProfile": b"\x90" + "Quimby".encode("utf-16-le")}, "ICCProfile"),
        ({"ICCProfile": b"\x90" + "QUIMBY".encode("utf-16-be") + b"\x91"}, "ICCProfile"),
        ({"ICCProfile": b"\x90" + "Quimby".encode("utf-32-le") + b"\x91\x92\x93"}, "ICCProfile"),
        ({"RetrieveURL": "http://pacs/Quimby"}, "RetrieveURL"),
        (
            {"DerivationCodeSequence": [{"CodeMeaning": "for Quimby"}]},
            "DerivationCodeSequence/CodeMeaning",
        ),
        (
            {
                "AnatomicRegionSequence": [
                    {"AnatomicRegionModifierSequence": [{"CodeValue": "Quimby"}]}
                ]
            },
            "AnatomicRegionSequence/AnatomicRegionModifierSequence/CodeValue",
        ),
        (
            {"RedPaletteColorLookupTableData": b"\x00\xff\x03Quimby\x81"},
            "RedPaletteColorLookupTableData",
        ),
    ],
)
def test_it_is_found_in_every_vr_and_at_every_depth(attributes: dict[str, Any], place: str) -> None:
    assert hold(writing(**attributes)).path == place


@pytest.mark.parametrize(
    "transfer_syntax",
    [
        ImplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
        JPEGBaseline8Bit,
    ],
)
def test_it_is_found_in_every_transfer_syntax(transfer_syntax: str) -> None:
    original = ct_bytes(transfer_syntax)
    output = broken(original, writing(DerivationCodeSequence=[{"CodeMeaning": "of Jane"}]))

    with pytest.raises(VerificationError) as raised:
        verify(original, output, plan(), keys())

    assert raised.value.path == "DerivationCodeSequence/CodeMeaning"


@pytest.mark.parametrize(
    ("character_set", "name", "written"),
    [
        ("ISO_IR 100", "Müller^Zoë", "müller"),
        ("ISO_IR 100", "Müller^Zoë", "MULLER"),
        ("ISO_IR 100", "Müller^Zoë", "Mueller"),
        ("ISO_IR 192", "Müller^Zoë", "ZOË"),
        ("ISO_IR 144", "Иванов^Юрий", "юрий"),
        ("ISO_IR 192", "Wang^XiaoDong=王^小東", "小東"),
        ("ISO_IR 192", "Hong^Gildong=洪^吉洞=홍^길동", "길동"),
    ],
)
def test_a_name_in_another_script_is_found(character_set: str, name: str, written: str) -> None:
    leak = writing(SpecificCharacterSet="ISO_IR 192", SoftwareVersions=f"v {written} 2")

    error = hold(leak, SpecificCharacterSet=character_set, PatientName=name)

    assert error.reason.startswith("a person's name")


def test_a_name_is_found_in_the_encoding_of_the_original() -> None:
    japanese = ["", "ISO 2022 IR 87"]
    name = "Yamada^Tarou=山田^太郎=やまだ^たろう"

    error = hold(
        writing(SpecificCharacterSet=japanese, SoftwareVersions="山田 1"),
        SpecificCharacterSet=japanese,
        PatientName=name,
    )

    assert error.path == "SoftwareVersions"


@pytest.mark.parametrize(
    ("nested", "written"),
    [
        (
            {"OtherPatientIDsSequence": [{"PatientID": "ELSEWHERE-99"}]},
            "elsewhere-99",
        ),
        (
            {
                "PerformingPhysicianIdentificationSequence": [
                    {
                        "PersonIdentificationCodeSequence": [
                            {"CodeValue": "D12345", "CodeMeaning": "Doctor Whatsit"}
                        ],
                        "PersonTelephoneNumbers": "+49 (30) 555-0123",
                        "PersonAddress": "Lindenallee 7\n12345 Ort",
                    }
                ]
            },
            "call 4930-555-0123",
        ),
        ({"PatientAddress": "Lindenallee 7, 12345 Ort"}, "Lindenallee 7, 12345 Ort"),
        ({"PatientTelephoneNumbers": "030/5550123"}, "0305550123"),
        ({"PatientMotherBirthName": "Bornasothername"}, "bornasothername"),
        (
            {"ReferencedStudySequence": [{"ReferencedSOPInstanceUID": "1.2.276.99.1.2.3.4.5"}]},
            "1.2.276.99.1.2.3.4.5",
        ),
        (
            {"PatientComments": "knows the mayor of the village well"},
            "It knows the mayor of the village well!",
        ),
    ],
)
def test_values_from_inside_sequences_that_were_removed_are_found(
    nested: dict[str, Any], written: str
) -> None:
    assert hold(writing(SoftwareVersions=written), **nested).path == "SoftwareVersions"


@pytest.mark.parametrize("written", ["D12345", "whatsit"])
def test_the_code_of_a_person_is_a_person(written: str) -> None:
    person = {
        "PersonIdentificationCodeSequence": [
            {"CodeValue": "D12345", "CodeMeaning": "Doctor Whatsit"}
        ]
    }

    hold(writing(SoftwareVersions=written), OperatorIdentificationSequence=[person])


def test_a_name_from_a_private_element_is_found() -> None:
    original = ct()
    add_private(original, 0x0033, "MINE", [(0x13, "PN", "Secretname^Sue")])
    source = to_bytes(original)
    output = broken(source, writing(SoftwareVersions="Secretname"))

    with pytest.raises(VerificationError, match=r"verify\.residual-identifier"):
        verify(source, output, plan(), keys())


@pytest.mark.parametrize(
    ("original", "output"),
    [
        # Words of the trade that are names, too.
        ({"PatientName": "Hand^Jane"}, {"BodyPartExamined": "HAND"}),
        ({"PatientName": "CT^Test"}, {"SoftwareVersions": "CT 1 test"}),
        ({"OperatorsName": "Philips^Olga"}, {"Manufacturer": "Philips Medical Systems"}),
        ({"StationName": "Imaginary"}, {"Manufacturer": "Imaginary Scanners"}),
        # Parts of other words.
        ({"PatientName": "Ann^Lee"}, {"SoftwareVersions": "channel sleep"}),
        ({"PatientName": "Martin^Jo"}, {"SoftwareVersions": "Martinez"}),
        ({"PatientName": "Li^Wu"}, {"SoftwareVersions": "li wu-sort"}),
        ({"StationName": "ROOM3"}, {"SoftwareVersions": "darkroom3"}),
        ({"StationName": "ROOM3"}, {"SoftwareVersions": "room3b"}),
        # Numbers that are counts.
        ({"PatientID": "1"}, {"SoftwareVersions": "1"}),
        ({"PatientID": "512"}, {"SoftwareVersions": "v512"}),
        ({"PatientID": "12345"}, {"KVP": "12345"}),
        ({"PatientID": "123456"}, {"SpacingBetweenSlices": "0.123456"}),
        ({"AccessionNumber": "20240101"}, {"DateOfLastCalibration": None}),
        # Placeholders.
        ({"PatientName": "Anonymous"}, {"SoftwareVersions": "anonymous"}),
        ({"PatientID": "0000000"}, {"SoftwareVersions": "0000000"}),
        ({"StationName": "REMOVED"}, {}),
        ({"RetrieveAETitle": "GATEHOUSE"}, {}),
        ({"PatientBirthDate": "19000101"}, {"SoftwareVersions": "19000101"}),
        # A description in other words.
        ({"StudyDescription": "CT CHEST"}, {"SoftwareVersions": "CT CHEST"}),
        # A root of UIDs, and what begins with it.
        (
            {"InstanceCreatorUID": "1.2.276.0.7230010.3"},
            {"DerivationCodeSequence": [{"ContextUID": "1.2.276.0.7230010.3.1.0.1"}]},
        ),
        # A UID that begins like another one.
        (
            {"ConcatenationUID": "1.2.276.99.12345.1.2.22"},
            {"SoftwareVersions": "1.2.276.99.12345.1.2.222"},
        ),
    ],
)
def test_what_is_no_leak_is_not_held(original: dict[str, Any], output: dict[str, Any]) -> None:
    verified = check(writing(**output), **original)

    assert verified.needles > 0


def test_a_person_is_found_in_the_name_of_a_maker_that_is_not_known() -> None:
    assert hold(writing(Manufacturer="Quimby Scanners")).path == "Manufacturer"


def test_a_description_in_the_words_of_a_code_is_no_leak() -> None:
    words = "US CHEST WALL AND SOFT TISSUE"

    check(
        writing(ProcedureCodeSequence=[{"CodeMeaning": words}]),
        StudyDescription=words,
    )


@pytest.mark.parametrize(
    ("options", "attribute"),
    [
        ("retain-uids", "StudyInstanceUID"),
        ("retain-full-dates", "StudyDate"),
        ("retain-device-identity", "DeviceSerialNumber"),
        ("retain-institution-identity", "InstitutionName"),
        ("retain-modified-dates", "PatientBirthDate"),
    ],
)
def test_what_an_option_keeps_is_no_leak(options: str, attribute: str) -> None:
    original = ct_bytes(StudyDescription="chest")
    by = plan(options)

    verified = verify(original, deidentify(original, by, keys()), by, keys())

    assert verified.needles > 0


def test_what_a_policy_keeps_is_no_leak_but_a_name_in_it_is() -> None:
    by = plan(rules=(AttributeRule("StudyDescription", "keep", "a fixed list"),))
    fine = ct_bytes(StudyDescription="CT of the chest without contrast")
    bad = ct_bytes(StudyDescription="CT of the chest of Jane")

    verify(fine, deidentify(fine, by, keys()), by, keys())
    with pytest.raises(VerificationError) as raised:
        verify(bad, deidentify(bad, by, keys()), by, keys())

    assert raised.value.path == "StudyDescription"


def test_a_name_in_a_private_element_that_the_policy_keeps_is_a_leak() -> None:
    by = plan(rules=(AttributeRule("(0019,{ACME},01)", "keep", "needed"),))
    name = "Quimby^Jane"
    bad = to_bytes(add_private(ct(PatientName=name), 0x0019, "ACME", [(1, "LO", "of Quimby")]))

    with pytest.raises(VerificationError) as raised:
        verify(bad, deidentify(bad, by, keys()), by, keys())

    assert raised.value.path == "(0019,1001)"


def test_a_private_name_that_the_policy_keeps_is_not_found_in_itself() -> None:
    by = plan(rules=(AttributeRule("(0019,{ACME},01)", "keep", "the name of a phantom"),))
    fine = to_bytes(add_private(ct(), 0x0019, "ACME", [(1, "PN", "Acmephantom^Two")]))

    verify(fine, deidentify(fine, by, keys()), by, keys())


def test_what_a_kept_institution_is_called_elsewhere_is_no_leak() -> None:
    by = plan("retain-institution-identity")
    fine = ct_bytes(InstitutionName="CCHS Cleveland Clinic", IssuerOfPatientID="CCHS")

    verify(fine, deidentify(fine, by, keys()), by, keys())


def test_an_id_that_the_policy_keeps_may_stand_for_another_one() -> None:
    by = plan(rules=(AttributeRule("PatientID", "keep", "pseudonymized before"),))
    fine = ct_bytes(PatientID="TRIAL-0815", AccessionNumber="TRIAL-0815")

    verify(fine, deidentify(fine, by, keys()), by, keys())


def test_a_cleaned_text_may_be_all_of_the_text() -> None:
    text = "CT of the chest without contrast"

    check(writing(StudyDescription=text), plan("clean-descriptors"), StudyDescription=text)


@pytest.mark.parametrize("attribute", ["ContentDate", "AcquisitionDateTime"])
def test_a_moved_date_may_be_the_original_of_another_one(attribute: str) -> None:
    by = plan("retain-modified-dates")

    check(writing(**{attribute: "20240229"}), by, PatientBirthDate="20240229")


def test_a_moved_date_may_not_be_an_original_one_outside_of_dates() -> None:
    by = plan("retain-modified-dates")

    with pytest.raises(VerificationError) as raised:
        check(writing(SoftwareVersions="of 20240229"), by)

    assert raised.value.path == "SoftwareVersions"


def test_a_value_that_the_policy_writes_is_no_leak() -> None:
    rule = AttributeRule("InstitutionName", "replace", "one name for all", 1, {"with": "Nowhere"})
    by = plan(rules=(rule,))
    original = ct_bytes(InstitutionName="Nowhere")

    verify(original, deidentify(original, by, keys()), by, keys())


def test_the_name_of_the_policy_in_the_stamp_is_no_leak() -> None:
    by = plan(policy="lindenhof-ct")
    original = ct_bytes(InstitutionName="Lindenhof")

    verify(original, deidentify(original, by, keys()), by, keys())


def test_a_second_pass_finds_nothing_of_its_own() -> None:
    first = deidentify(ct_bytes(), plan(), keys()).to_bytes()

    verify(first, deidentify(first, plan(), keys()), plan(), keys())


@pytest.mark.parametrize("text", ["Quimby", "PAT-0815", "19700131", "Hospital of Nowhere"])
def test_no_message_shows_what_was_found(text: str) -> None:
    message = str(hold(writing(SoftwareVersions=f"v1 {text}")))

    assert text not in message


def test_many_uids_are_looked_up_in_a_time_that_does_not_multiply() -> None:
    references = [
        {"ReferencedSOPInstanceUID": f"1.2.276.99.5.12345678901234.{number}.{number * 7}"}
        for number in range(2000)
    ]
    for leaked in ("1.2.276.99.5.12345678901234.1999.13993", "1.2.276.99.5.12345678901234.7.49.1"):
        error = hold(writing(SoftwareVersions=leaked), SourceImageSequence=references)
        assert error.path == "SoftwareVersions"


def test_what_differs_from_instance_to_instance_is_looked_at_each_time() -> None:
    for number in range(3):
        check(writing(SoftwareVersions=f"v{number}"), InstanceNumber=str(number))

    hold(writing(SoftwareVersions="v3 Jane"), InstanceNumber="3")
    hold(writing(SoftwareVersions="v3 Jane"), InstanceNumber="4")

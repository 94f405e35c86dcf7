"""Goal: an output that is not the object which the plan describes is held, whatever it says.

Method: outputs of the engine are broken one way at a time; the rule and the place are asserted.
"""

from __future__ import annotations

import struct
from typing import Any

import pytest
from pydicom.dataset import Dataset

from gatehouse.deid.engine import deidentify
from gatehouse.deid.recipe import AttributeRule
from gatehouse.deid.verify import verify
from gatehouse.errors import VerificationError
from support.dicom_builder import add_private, ct, ct_bytes, dataset, to_bytes
from support.leaks import Breaking, broken, keys, plan


def hold(breaking: Breaking, original: bytes | None = None) -> tuple[str, str]:
    """Return rule and place of the hold of an output, broken in this way."""
    source = original or ct_bytes()
    output = broken(source, breaking)
    with pytest.raises(VerificationError) as raised:
        verify(source, output, plan(), keys())
    return raised.value.rule, raised.value.path


def hold_bytes(old: bytes, new: bytes) -> tuple[str, str]:
    """Return rule and place of the hold of an output in which some bytes were exchanged."""
    source = ct_bytes()
    made = deidentify(source, plan(), keys())
    whole = made.to_bytes()
    assert whole.count(old) == 1
    changed = made._replace(chunks=(whole.replace(old, new),))
    with pytest.raises(VerificationError) as raised:
        verify(source, changed, plan(), keys())
    return raised.value.rule, raised.value.path


def setting(**attributes: Any) -> Breaking:
    def breaking(output: Dataset) -> None:
        output.update(dataset(**attributes))

    return breaking


def test_an_output_of_the_engine_is_what_the_plan_describes() -> None:
    source = ct_bytes()

    verified = verify(source, deidentify(source, plan(), keys()), plan(), keys())

    assert verified.deidentified.sop_instance_uid_new.startswith("2.25.")


@pytest.mark.parametrize(
    ("attributes", "place"),
    [
        ({"OperatorsName": "Nobody"}, "OperatorsName"),
        ({"InstitutionName": "A hospital"}, "InstitutionName"),
        ({"PatientAddress": "Somewhere"}, "PatientAddress"),
        (
            {"DerivationCodeSequence": [{"OperatorsName": "Nobody"}]},
            "DerivationCodeSequence/OperatorsName",
        ),
        ({"IconImageSequence": [{"Rows": 1}]}, "IconImageSequence"),
    ],
)
def test_an_element_that_the_plan_removes_is_held(attributes: dict[str, Any], place: str) -> None:
    assert hold(setting(**attributes)) == ("verify.not-removed", place)


def test_an_element_that_is_not_in_the_dictionary_is_held() -> None:
    def breaking(output: Dataset) -> None:
        output.add_new(0x00081999, "LO", "something")

    assert hold(breaking) == ("verify.not-removed", "(0008,1999)")


def test_a_private_element_is_held() -> None:
    def breaking(output: Dataset) -> None:
        add_private(output, 0x0019, "ACME", [(1, "LO", "something")])

    assert hold(breaking) == ("verify.private", "(0019,1001)")


def test_a_private_element_within_a_sequence_is_held() -> None:
    item = add_private(dataset(), 0x0019, "ACME", [(1, "LO", "something")])

    place = "DerivationCodeSequence/(0019,1001)"
    assert hold(setting(DerivationCodeSequence=[item])) == ("verify.private", place)


def test_a_private_creator_without_elements_is_held() -> None:
    def breaking(output: Dataset) -> None:
        output.add_new(0x00190010, "LO", "ACME")

    assert hold(breaking) == ("verify.private", "(0019,0010)")


def test_a_private_element_that_the_policy_keeps_passes() -> None:
    by = plan(rules=(AttributeRule("(0019,{ACME},01)", "keep", "needed"),))
    source = to_bytes(add_private(ct(), 0x0019, "ACME", [(1, "DS", "1.5"), (2, "DS", "2.5")]))

    verified = verify(source, deidentify(source, by, keys()), by, keys())

    assert b"ACME" in verified.deidentified.to_bytes()


@pytest.mark.parametrize(
    ("attributes", "place"),
    [
        ({"PatientIdentityRemoved": "NO"}, "PatientIdentityRemoved"),
        ({"DeidentificationMethod": ""}, "PatientIdentityRemoved"),
        ({"LongitudinalTemporalInformationModified": "MAYBE"}, "PatientIdentityRemoved"),
    ],
)
def test_an_output_that_does_not_say_how_it_was_made_is_held(
    attributes: dict[str, Any], place: str
) -> None:
    assert hold(setting(**attributes)) == ("verify.stamp", place)


def test_an_output_without_the_method_codes_is_held() -> None:
    def breaking(output: Dataset) -> None:
        del output.DeidentificationMethodCodeSequence

    assert hold(breaking) == ("verify.stamp", "PatientIdentityRemoved")


@pytest.mark.parametrize("keyword", ["PatientID", "StudyInstanceUID", "SeriesInstanceUID"])
def test_identifiers_that_differ_from_what_was_recorded_are_held(keyword: str) -> None:
    assert hold(setting(**{keyword: "2.25.1"})) == ("verify.identity", keyword)


def test_a_sop_instance_uid_that_differs_from_the_file_meta_is_held() -> None:
    assert hold(setting(SOPInstanceUID="2.25.1")) == ("verify.file-meta", "SOPInstanceUID")


def test_another_sop_class_is_held() -> None:
    def breaking(output: Dataset) -> None:
        other = "1.2.840.10008.5.1.4.1.1.4"
        output.SOPClassUID = output.file_meta.MediaStorageSOPClassUID = other

    assert hold(breaking) == ("verify.sop-class", "SOPClassUID")


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("SourceApplicationEntityTitle", "CT1"),
        ("PrivateInformationCreatorUID", "2.25.2"),
        ("SendingApplicationEntityTitle", "CT1"),
    ],
)
def test_more_file_meta_information_than_we_write_is_held(keyword: str, value: str) -> None:
    def breaking(output: Dataset) -> None:
        setattr(output.file_meta, keyword, value)

    assert hold(breaking) == ("verify.file-meta", "FileMeta")


def test_a_wrong_group_length_of_the_file_meta_is_held() -> None:
    made = deidentify(ct_bytes(), plan(), keys()).to_bytes()
    head = b"\x02\x00\x00\x00UL\x04\x00"
    (length,) = struct.unpack_from("<I", made, made.index(head) + 8)

    held = hold_bytes(head + struct.pack("<I", length), head + struct.pack("<I", length + 2))

    assert held == ("verify.file-meta", "FileMeta")


def test_a_preamble_with_something_in_it_is_held() -> None:
    assert hold_bytes(bytes(128) + b"DICM", b"x" * 128 + b"DICM") == ("verify.preamble", "")


def test_pixel_data_of_another_length_is_held() -> None:
    def breaking(output: Dataset) -> None:
        output["PixelData"].value = bytes(8)

    assert hold(breaking) == ("verify.pixels", "PixelData")


def test_a_transfer_syntax_that_has_changed_is_held() -> None:
    held = hold_bytes(
        b"\x02\x00\x10\x00UI\x14\x001.2.840.10008.1.2.1\x00",
        b"\x02\x00\x10\x00UI\x16\x001.2.840.10008.1.2.4.50",
    )

    assert held[0] == "verify.file-meta"


def test_an_output_that_can_not_be_read_is_held() -> None:
    held = hold_bytes(b"\x10\x00\x10\x00PN", b"\x10\x00\x10\x00QQ")

    assert held[0] == "verify.unreadable"


def test_an_original_that_can_not_be_read_is_held() -> None:
    source = ct_bytes()
    made = deidentify(source, plan(), keys())

    with pytest.raises(VerificationError) as raised:
        verify(source[:-5], made, plan(), keys())

    assert raised.value.rule == "verify.unreadable"

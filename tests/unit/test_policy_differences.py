"""Two files side by side: what became of each element.

Goal: the cases and the explanation see what really happened, recorded or not. Method: pairs of data
sets that differ in one thing, with and without the engine's record of it.
"""

from __future__ import annotations

from typing import Any

import pytest

from gatehouse.deid.model import Change
from gatehouse.policy.differences import Difference, compare
from support.dicom_builder import add_private, dataset, to_bytes

BASE: dict[str, Any] = {
    "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2",
    "SOPInstanceUID": "1.2.3",
    "PatientID": "A",
}


def differences(
    before: dict[str, Any], after: dict[str, Any], *changes: Change
) -> dict[str, Difference]:
    found = compare(
        to_bytes(dataset(**BASE, **before)), to_bytes(dataset(**BASE, **after)), changes
    )
    return {one.path: one for one in found if one.path not in BASE}


@pytest.mark.parametrize(
    ("before", "after", "fate"),
    [
        ({"PatientSex": "F"}, {"PatientSex": "F"}, "kept"),
        ({"PatientSex": ""}, {"PatientSex": ""}, "kept"),
        ({"PatientSex": "F"}, {}, "removed"),
        ({"PatientSex": "F"}, {"PatientSex": ""}, "emptied"),
        ({"PatientSex": "F"}, {"PatientSex": "M"}, "replaced"),
        ({"PatientSex": ""}, {"PatientSex": "M"}, "replaced"),
        ({}, {"PatientSex": "F"}, "added"),
    ],
)
def test_the_fate_of_an_element_is_seen_in_the_bytes(
    before: dict[str, Any], after: dict[str, Any], fate: str
) -> None:
    found = differences(before, after)["PatientSex"]

    assert found.fate == fate
    assert found.before == before.get("PatientSex", "")
    assert found.after == after.get("PatientSex", "")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"PatientSex": "F"}, {}),
        ({"PatientSex": "F"}, {"PatientSex": "M"}),
        ({}, {"PatientSex": "F"}),
    ],
)
def test_a_change_has_its_record_and_without_one_is_unrecorded(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    record = Change("PatientSex", "X", "profile", 0)

    assert differences(before, after, record)["PatientSex"].change == record
    assert differences(before, after)["PatientSex"].change.rule == "unrecorded"


def items(*names: str) -> dict[str, Any]:
    return {"RequestAttributesSequence": [{"RequestedProcedureID": name} for name in names]}


def test_the_items_of_a_sequence_that_stays_are_compared_one_by_one() -> None:
    found = differences(items("A", "B"), items("A", "C"))

    assert {path: one.fate for path, one in found.items()} == {
        "RequestAttributesSequence": "kept",
        "RequestAttributesSequence[0]/RequestedProcedureID": "kept",
        "RequestAttributesSequence[1]/RequestedProcedureID": "replaced",
    }
    assert {one.name for one in found.values()} == {
        "RequestAttributesSequence",
        "RequestAttributesSequence/RequestedProcedureID",
    }


@pytest.mark.parametrize(
    ("before", "after", "changes", "fate"),
    [
        (items("A", "B"), {}, [], "removed"),
        (items("A", "B"), {"RequestAttributesSequence": []}, [], "emptied"),
        (
            items("A", "B"),
            items("C"),
            [Change("RequestAttributesSequence", "D", "profile", 0)],
            "replaced",
        ),
        ({}, items("A"), [], "added"),
    ],
)
def test_a_sequence_that_was_treated_as_one_is_listed_without_its_items(
    before: dict[str, Any], after: dict[str, Any], changes: list[Change], fate: str
) -> None:
    found = differences(before, after, *changes)

    assert {path: one.fate for path, one in found.items()} == {"RequestAttributesSequence": fate}


def test_a_private_element_is_named_by_the_creator_of_its_own_block_and_group() -> None:
    before = dataset(**BASE)
    add_private(before, 0x0019, "FIRST", [(0x0C, "LO", "x")])
    add_private(before, 0x0019, "SECOND", [(0x0C, "LO", "y")])
    add_private(before, 0x0021, "THIRD", [(0x0C, "LO", "z")])

    found = compare(to_bytes(before), to_bytes(dataset(**BASE)), [])

    assert {one.name: one.before for one in found if one.fate == "removed"} == {
        "(0019,{FIRST},0C)": "x",
        "(0019,{SECOND},0C)": "y",
        "(0021,{THIRD},0C)": "z",
    }

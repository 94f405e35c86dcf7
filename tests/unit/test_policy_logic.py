"""What is wrong with a policy by itself: rules that can never apply, policies that never decide.

Goal: what is reported is certain, and what is legitimate is not reported. Method: pairs of
conditions; packs of two policies; exceptions within sequences; codes and numbers with units.
"""

from __future__ import annotations

import pytest

from gatehouse.policy.decide import decide
from gatehouse.policy.facts import extract
from gatehouse.policy.logic import contradiction, implies
from support.dicom_builder import ct, to_bytes
from support.policies import (
    a_pack,
    a_policy,
    facts,
    pack_files,
    pack_problems,
    policy_text,
    problems_of,
)

DEIDENTIFY = "{{profile: basic, project: p, attributes: {{{}: {{action: keep, because: x}}}}}}"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("{Modality: {is: CT}}", "every-study"),
        ("{Modality: {is: CT}}", "{Modality: {is: ct}}"),
        ("{Modality: {is: CT}}", "{Modality: {in: [MR, CT]}}"),
        ("{Modality: {is: CT}, PatientSex: {is: F}}", "{PatientSex: {is: F}}"),
        ("{PatientAge: {at-least: 20Y}}", "{PatientAge: {at-least: 18Y}}"),
        ("{PatientAge: {at-most: 17Y}}", "{PatientAge: {at-most: 216M}}"),
        ("{Modality: {is: CT}}", "{any: [{Modality: {is: CT}}, {PatientSex: {is: F}}]}"),
        ("{any-instance: {Modality: {is: CT}}}", "{any-instance: {Modality: {is: CT}}}"),
        ("{not: {Modality: {is: CT}}}", "{not: {Modality: {is: CT}}}"),
        ("{Modality: {is: CT}}", "{Modality: {is: CT, if-missing: match}}"),
    ],
)
def test_a_condition_that_is_narrower_implies_the_wider_one(one: str, other: str) -> None:
    assert implies(a_policy(match=one).match, a_policy(match=other).match)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("every-study", "{Modality: {is: CT}}"),
        ("{Modality: {in: [CT, MR]}}", "{Modality: {is: CT}}"),
        ("{PatientAge: {at-least: 18Y}}", "{PatientAge: {at-least: 20Y}}"),
        ("{PatientAge: {at-least: 18Y}}", "{PatientAge: {at-most: 18Y}}"),
        ("{Modality: {is: CT}}", "{any-instance: {Modality: {is: CT}}}"),
        ("{Modality: {is: CT, if-missing: match}}", "{Modality: {is: CT}}"),
        ("{StudyDescription: {contains: a}}", "{StudyDescription: {contains: b}}"),
        ("{Modality: {is: CT}}", "{all: [{Modality: {is: CT}}, {PatientSex: {is: F}}]}"),
    ],
)
def test_a_condition_that_is_not_narrower_implies_nothing(one: str, other: str) -> None:
    assert not implies(a_policy(match=one).match, a_policy(match=other).match)


def test_a_policy_that_an_earlier_one_leaves_nothing_is_an_error() -> None:
    wide = policy_text(policy="wide", match="{Modality: {in: [CT, MR]}}")
    narrow = policy_text(policy="narrow", match="{Modality: {is: CT}, PatientSex: {is: F}}")

    assert pack_problems(pack_files(wide, narrow)) == [
        'pack.yaml:1: error: "narrow" never decides: "wide" stands before it and takes every study '
        'that it is for\nhint: put "narrow" before "wide", or remove one of them'
    ]
    assert pack_problems(pack_files(narrow, wide)) == []


@pytest.mark.parametrize("stage", ["off", "observe"])
def test_a_policy_that_is_not_active_shadows_none(stage: str) -> None:
    wide = policy_text(policy="wide", match="{Modality: {in: [CT, MR]}}", stage=stage)

    assert pack_problems(pack_files(wide, policy_text(match="{Modality: {is: CT}}"))) == []


@pytest.mark.parametrize(
    ("match", "words"),
    [
        (
            "{PatientAge: {at-least: 18Y, at-most: 17Y}}",
            '"PatientAge at-least 18Y" and "PatientAge at-most 17Y"',
        ),
        (
            "{StudyDate: {after: 2026-01-01, before: 2026-01-01}}",
            '"StudyDate after 2026-01-01" and "StudyDate before 2026-01-01"',
        ),
        (
            "{all: [{PatientSex: {exists: false}}, {PatientSex: {is: F}}]}",
            '"PatientSex exists false" and "PatientSex is F"',
        ),
        (
            "{any-instance: {KVP: {at-least: 100, at-most: 80}}}",
            '"KVP at-least 100" and "KVP at-most 80"',
        ),
    ],
)
def test_a_condition_that_no_study_can_fulfil_is_an_error(match: str, words: str) -> None:
    assert problems_of(match=match) == [
        f"lung.yaml:4: error: this can never hold: {words}\nhint: remove or correct one"
    ]


@pytest.mark.parametrize(
    "match",
    [
        "{PatientAge: {at-least: 18Y, at-most: 18Y}}",
        "{ImageType: {is: ORIGINAL}, all: [{ImageType: {is: PRIMARY}}]}",
        "{any: [{PatientAge: {at-least: 18Y}}, {PatientAge: {at-most: 17Y}}]}",
        "{not: {PatientAge: {at-least: 18Y, at-most: 17Y}}}",
        "{PatientAge: {at-least: 18Y, at-most: 17Y, if-missing: match}}",
        "{PatientSex: {exists: true, is: F}}",
    ],
)
def test_what_can_hold_is_no_contradiction(match: str) -> None:
    assert contradiction(a_policy(match=match).match) is None


def test_an_exception_in_a_sequence_that_is_removed_is_an_error() -> None:
    path = "ReferencedPatientSequence/ReferencedSOPClassUID"

    assert problems_of(deidentify=DEIDENTIFY.format(path)) == [
        f"lung.yaml:5: error: the rule for {path} can never apply: ReferencedPatientSequence is "
        "removed or replaced as a whole\nhint: keep the sequence: ReferencedPatientSequence: "
        "{action: keep, because: ...}"
    ]
    kept = "ReferencedPatientSequence: {action: keep, because: x}, " + path
    assert problems_of(deidentify=DEIDENTIFY.format(kept)) == []


def test_a_code_sequence_is_asked_for_its_codes() -> None:
    policy = a_policy(match="{AnatomicRegionSequence: {in: [SCT:51185008, SRT:T-D3000]}}")
    item = {"CodeValue": "51185008", "CodingSchemeDesignator": "SCT", "CodeMeaning": "Chest"}
    long = {"LongCodeValue": "1" * 20, "CodingSchemeDesignator": "SCT"}

    found = extract(
        to_bytes(ct(AnatomicRegionSequence=[item, long, {"CodeMeaning": "none"}])),
        ["AnatomicRegionSequence"],
    )

    assert found == {"AnatomicRegionSequence": ("SCT:51185008", "SCT:" + "1" * 20)}
    asked = facts(AnatomicRegionSequence=list(found["AnatomicRegionSequence"]))
    assert decide(a_pack(policy), [asked]).rule == "match"
    assert decide(a_pack(policy), [facts(AnatomicRegionSequence="SCT:1")]).rule == "no-policy"
    assert decide(a_pack(policy), [facts()]).rule == "match-unknown"


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ("{SliceThickness: {at-most: 1.5 mm}}", "1.5"),
        ("{SliceThickness: {at-most: 0.15cm}}", "1.5"),
        ("{PatientWeight: {at-most: 3500 g}}", "3.5"),
        ("{KVP: {at-least: 80000V}}", "80"),
        ("{RepetitionTime: {at-least: 2 s}}", "2000"),
        ("{PatientSize: {at-least: 150 cm}}", "1.5"),
    ],
)
def test_a_number_with_a_unit_is_compared_in_the_unit_of_the_attribute(
    match: str, expected: str
) -> None:
    assert a_policy(match=match).match.expected == expected


@pytest.mark.parametrize(
    "match", ["{SliceThickness: {at-most: 5 kg}}", "{SeriesNumber: {at-most: 5 mm}}"]
)
def test_a_unit_of_another_quantity_is_an_error(match: str) -> None:
    (problem,) = problems_of(match=match)

    assert "can't be compared\nhint: it takes a number such as 5 or 1.5" in problem

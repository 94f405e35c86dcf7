"""Conditions: what each comparison answers, and how answers combine over a study.

Goal: yes, no and unknown mean what the documentation says, for one value, several and none. Method:
a policy whose match is the condition, facts by hand, and the answer.
"""

from __future__ import annotations

import time

import pytest

from gatehouse.policy.conditions import Study
from gatehouse.policy.model import Answer, InstanceFacts, Origin
from support.policies import a_policy, facts

YES, NO, UNKNOWN = Answer.YES, Answer.NO, Answer.UNKNOWN


def answer(condition: str, *instances: InstanceFacts) -> Answer:
    return Study(instances or (facts(),)).answer(a_policy(match=condition).match)


@pytest.mark.parametrize(
    ("comparison", "value", "expected"),
    [
        ("{is: CT Chest}", "ct chest ", YES),
        ("{is: CT Chest}", "CT Chest 2", NO),
        ("{is: STRASSE}", "straße", YES),
        ("{is: é}", "e\u0301", YES),
        ("{is: 5}", "5", YES),
        ("{in: [CT, CT Chest]}", "ct", YES),
        ("{in: [CT, CT Chest]}", "MR", NO),
        ("{contains: chest}", "CT CHEST native", YES),
        ("{contains: chest}", "CT ABDOMEN", NO),
        ("{starts-with: ct}", "CT CHEST", YES),
        ("{starts-with: chest}", "CT CHEST", NO),
        ("{ends-with: chest}", "CT CHEST ", YES),
        ("{ends-with: ct}", "CT CHEST", NO),
        ("{matches: '^ct .*(chest|thorax)$'}", "CT native THORAX", YES),
        ("{matches: '^ct .*(chest|thorax)$'}", "CT THORAX 2", NO),
        ("{matches: thorax}", "CT THORAX 2", YES),
        ("{matches: '^CT [A-Z]+$'}", "ct thorax", YES),
        ("{exists: true}", "x", YES),
        ("{exists: false}", "x", NO),
    ],
)
def test_text_is_compared_without_case_and_outer_spaces(
    comparison: str, value: str, expected: Answer
) -> None:
    assert answer(f"{{StudyDescription: {comparison}}}", facts(StudyDescription=value)) is expected


@pytest.mark.parametrize(
    ("condition", "attribute", "value", "expected"),
    [
        ("{PatientAge: {at-least: 18Y}}", "PatientAge", "018Y", YES),
        ("{PatientAge: {at-least: 18Y}}", "PatientAge", "017Y", NO),
        ("{PatientAge: {at-least: 18Y}}", "PatientAge", "216M", YES),
        ("{PatientAge: {at-least: 18Y}}", "PatientAge", "215M", NO),
        ("{PatientAge: {at-most: 2W}}", "PatientAge", "014D", YES),
        ("{PatientAge: {at-most: 2W}}", "PatientAge", "015D", NO),
        ("{PatientAge: {is: 1Y}}", "PatientAge", "012M", YES),
        ("{PatientAge: {at-least: 18Y}}", "PatientAge", "adult", UNKNOWN),
        ("{PatientAge: {at-least: 18Y}}", "PatientAge", "54", UNKNOWN),
        ("{StudyDate: {after: 2024-02-28}}", "StudyDate", "20240229", YES),
        ("{StudyDate: {after: 2024-02-29}}", "StudyDate", "20240229", NO),
        ("{StudyDate: {at-least: 2024-02-29}}", "StudyDate", "20240229", YES),
        ("{StudyDate: {before: 20240301}}", "StudyDate", "2024.02.29", YES),
        ("{StudyDate: {before: 2024-03-01}}", "StudyDate", "202402", UNKNOWN),
        ("{StudyDate: {is: 2024-02-29}}", "StudyDate", "20240229", YES),
        (
            "{AcquisitionDateTime: {before: 2024-03-01}}",
            "AcquisitionDateTime",
            "20240229101112.5+0100",
            YES,
        ),
        ("{StudyTime: {before: '12:00'}}", "StudyTime", "101112.25", YES),
        ("{StudyTime: {at-least: '12:00'}}", "StudyTime", "101112.25", NO),
        ("{StudyTime: {at-least: '12:00'}}", "StudyTime", "990000", UNKNOWN),
        ("{SliceThickness: {at-most: 1.5}}", "SliceThickness", "1.50", YES),
        ("{SliceThickness: {at-most: 1.5}}", "SliceThickness", "+1.51E0", NO),
        ("{SliceThickness: {is: 1}}", "SliceThickness", "1.0", YES),
        ("{SliceThickness: {at-most: 1.5}}", "SliceThickness", "thin", UNKNOWN),
        ("{Rows: {at-least: 512}}", "Rows", "512", YES),
        ('{"(0019,{MAKER},0C)": {at-least: 1000}}', "(0019,{MAKER},0C)", "1000", YES),
        ('{"(0019,{MAKER},0C)": {at-least: 18Y}}', "(0019,{MAKER},0C)", "017Y", NO),
    ],
)
def test_ages_dates_times_and_numbers_are_compared_as_such(
    condition: str, attribute: str, value: str, expected: Answer
) -> None:
    assert answer(condition, facts(**{attribute: value})) is expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("{ImageType: {is: LOCALIZER}}", YES),
        ("{ImageType: {is: AXIAL}}", NO),
        ("{not: {ImageType: {is: LOCALIZER}}}", NO),
        ("{ImagePositionPatient: {at-least: 1}}", YES),
        ("{ImagePositionPatient: {at-least: 2}}", UNKNOWN),
        ("{ImagePositionPatient: {at-least: 4}}", NO),
    ],
)
def test_of_several_values_one_text_must_fit_and_all_numbers_must_agree(
    condition: str, expected: Answer
) -> None:
    instance = facts(
        ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], ImagePositionPatient=["1", "2", "3"]
    )

    assert answer(condition, instance) is expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("{StudyDescription: {contains: x}}", UNKNOWN),
        ("{not: {StudyDescription: {contains: x}}}", UNKNOWN),
        ("{StudyDescription: {contains: x, if-missing: no-match}}", NO),
        ("{StudyDescription: {contains: x, if-missing: match}}", YES),
        ("{StudyDescription: {exists: true}}", NO),
        ("{StudyDescription: {exists: false}}", YES),
        ("{all: [{StudyDescription: {is: x}}, {Modality: {is: CT}}]}", UNKNOWN),
        ("{all: [{StudyDescription: {is: x}}, {Modality: {is: MR}}]}", NO),
        ("{any: [{StudyDescription: {is: x}}, {Modality: {is: CT}}]}", YES),
        ("{any: [{StudyDescription: {is: x}}, {Modality: {is: MR}}]}", UNKNOWN),
        ("{StudyDescription: {is: x}, Modality: {is: MR}}", NO),
        ("{Modality: {is: CT, starts-with: C}}", YES),
        ("{Modality: {is: CT, starts-with: M}}", NO),
    ],
)
def test_an_absent_value_is_unknown_unless_the_policy_says_otherwise(
    condition: str, expected: Answer
) -> None:
    assert answer(condition, facts(StudyDescription="")) is expected


@pytest.mark.parametrize(
    ("condition", "modalities", "expected"),
    [
        ("{Modality: {is: CT}}", "CT CT", YES),
        ("{Modality: {is: CT}}", "MR SR", NO),
        ("{Modality: {is: CT}}", "CT SR", UNKNOWN),
        ("{Modality: {is: CT}}", "SR CT", UNKNOWN),
        ("{not: {Modality: {is: US}}}", "CT US", UNKNOWN),
        ("{Modality: {in: [CT, SR]}}", "CT SR", YES),
        ("{any: [{Modality: {is: CT}}, {Modality: {is: SR}}]}", "CT SR", YES),
        ("{every-instance: {Modality: {is: CT}}}", "CT CT", YES),
        ("{every-instance: {Modality: {is: CT}}}", "CT SR", NO),
        ("{any-instance: {Modality: {is: CT}}}", "SR CT", YES),
        ("{any-instance: {Modality: {is: CT}}}", "SR MR", NO),
        ("{not: {any-instance: {Modality: {is: US}}}}", "CT US", NO),
        ("{not: {any-instance: {Modality: {is: US}}}}", "CT SR", YES),
        ("{modalities-in-study: {is: SR}}", "CT SR", YES),
        ("{modalities-in-study: {is: US}}", "CT SR", NO),
    ],
)
def test_a_condition_is_asked_of_all_instances_never_only_of_the_first(
    condition: str, modalities: str, expected: Answer
) -> None:
    instances = [facts(str(number), Modality=one) for number, one in enumerate(modalities.split())]

    assert answer(condition, *instances) is expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("{every-instance: {PatientAge: {at-least: 18Y}}}", UNKNOWN),
        ("{every-instance: {PatientAge: {at-least: 60Y}}}", NO),
        ("{any-instance: {PatientAge: {at-least: 18Y}}}", YES),
        ("{any-instance: {PatientAge: {at-least: 60Y}}}", UNKNOWN),
        ("{PatientAge: {at-least: 18Y}}", UNKNOWN),
        ("{modalities-in-study: {is: CT}}", UNKNOWN),
    ],
)
def test_what_is_not_known_of_one_instance_is_unknown_unless_the_others_settle_it(
    condition: str, expected: Answer
) -> None:
    known, unknown = facts("1", PatientAge="054Y"), facts("2", PatientAge="", Modality="")

    assert answer(condition, known, unknown) is expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("{called-aet: {is: lungai}}", YES),
        ("{calling-aet: {in: [CT1, CT2]}}", YES),
        ("{calling-aet: {in: [CT2]}}", NO),
        ("{protocol: {is: dicom}}", YES),
        ("{user: {is: alice}}", UNKNOWN),
        ("{user: {exists: false}}", YES),
        ("{remote-address: {is: 10.1.2.3}}", YES),
        ("{remote-address: {in: [10.1.0.0/16, 192.168.0.0/16]}}", YES),
        ("{remote-address: {is: 10.2.0.0/16}}", NO),
        ("{remote-address: {is: 'fd00::/8'}}", NO),
        ("{number-of-series: {is: 2}}", YES),
        ("{number-of-instances: {at-least: 3}}", YES),
        ("{number-of-instances: {at-least: 4}}", NO),
    ],
)
def test_the_origin_and_the_shape_of_the_study_can_be_asked(
    condition: str, expected: Answer
) -> None:
    origin = Origin("dicom", "CT1", "LUNGAI", "10.1.2.3", "")
    instances = [
        facts(str(number), origin, SeriesInstanceUID=f"1.2.{number % 2}") for number in range(3)
    ]

    assert answer(condition, *instances) is expected


def test_an_address_that_is_none_is_unknown() -> None:
    instance = facts(origin=Origin(remote_address="modality.hospital.example"))

    assert answer("{remote-address: {is: 10.0.0.0/8}}", instance) is UNKNOWN


def test_a_value_can_not_hang_a_pattern() -> None:
    instance = facts(StudyDescription="a" * 60_000 + "!")
    begin = time.process_time()

    found = answer("{StudyDescription: {matches: '^(a+)+$'}}", instance)

    assert found is NO
    # A backtracking matcher would take longer than we live.
    assert time.process_time() - begin < 60.0


def test_a_value_that_is_too_long_is_unknown() -> None:
    assert answer("{StudyDescription: {contains: a}}", facts(StudyDescription="a" * 70_000)) is (
        UNKNOWN
    )


def test_a_pattern_that_would_fill_the_memory_is_refused() -> None:
    with pytest.raises(AssertionError, match="not a regular expression that RE2 takes"):
        a_policy(match="{StudyDescription: {matches: '((a{100}){100}){100}'}}")


def test_an_attribute_that_nobody_read_is_unknown_and_not_absent_from_the_question() -> None:
    assert answer("{PatientSex: {is: F}}", facts()) is UNKNOWN

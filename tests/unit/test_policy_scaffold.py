"""The first cases of a policy, made by the program, and how much of a policy cases have tried.

Goal: what is written passes, is complete where that is possible, and notices changes. Method:
policies with all kinds of conditions; their cases are written, read again and run.
"""

from __future__ import annotations

import pytest

from gatehouse.policy.cases import build_cases
from gatehouse.policy.coverage import coverage
from gatehouse.policy.model import Policy
from gatehouse.policy.report import Report
from gatehouse.policy.run_cases import CaseResult, run_cases
from gatehouse.policy.scaffold import scaffold_cases
from support.policies import a_policy


def results(policy: Policy, text: str) -> list[CaseResult]:
    report = Report("test.yaml")
    cases = build_cases(text.encode(), report, policy.name, {})
    assert report.problems == []
    return list(run_cases(policy, cases))


MATCHES = [
    "every-study",
    "{called-aet: {in: [A, B]}, Modality: {in: [CT]}}",
    "{remote-address: {is: 10.1.0.0/16}, protocol: {is: dicom}}",
    "{StudyDescription: {contains: chest}, SeriesDescription: {starts-with: ax}}",
    "{any: [{BodyPartExamined: {is: KNEE}}, {StudyDescription: {ends-with: knee}}]}",
    "{not: {ImageType: {is: LOCALIZER}}}",
    "{StudyDate: {after: 2020-01-01, before: 2030-01-01}}",
    "{SliceThickness: {at-most: 5}, KVP: {at-least: 80}}",
    "{number-of-instances: {at-least: 3}, number-of-series: {at-most: 2}}",
    "{modalities-in-study: {is: MR}}",
    "{PatientSex: {exists: true}, AcquisitionTime: {before: 18:30}}",
    "{PatientSex: {exists: false}, PatientAge: {at-least: 6M, if-missing: no-match}}",
    "{RequestAttributesSequence/RequestedProcedureID: {is: A1}}",
    "{any-instance: {Modality: {in: [CT, SR]}}, StudyDescription: {matches: ^knee$}}",
]


@pytest.mark.parametrize("match", MATCHES)
def test_the_cases_that_are_written_pass_and_begin_with_a_study_that_is_accepted(
    match: str,
) -> None:
    policy = a_policy(match=match, check="[{id: adults, PatientAge: {at-most: 90Y}}]")
    if "exists: false" in match:
        policy = a_policy(match=match)

    found = results(policy, scaffold_cases(policy))

    assert [one.failures for one in found if one.failures] == []
    assert found[0].case.decision == "accept"


@pytest.mark.parametrize("match", [MATCHES[1], MATCHES[3], MATCHES[6], MATCHES[7], MATCHES[10]])
def test_the_cases_that_are_written_try_each_answer_of_each_condition(match: str) -> None:
    policy = a_policy(
        match=match,
        deidentify="{profile: basic, project: p, attributes: {"
        "StudyID: {action: keep, because: x}, "
        '"(0019,{MAKER},0C)": {action: remove, because: x}, '
        "RequestAttributesSequence: {action: keep, because: x}, "
        "RequestAttributesSequence/AccessionNumber: {action: remove, because: x}}}",
    )

    found = coverage(
        policy, [one.result for one in results(policy, scaffold_cases(policy)) if one.result]
    )

    assert found.gaps == ()
    assert found.tried == found.total > 4


def test_cases_that_are_written_fail_when_the_policy_changes() -> None:
    sections = {"match": "{Modality: {is: CT}}", "check": "[{id: c, PatientAge: {at-least: 18Y}}]"}
    text = scaffold_cases(a_policy(**sections))

    for changed in (
        {**sections, "match": "{Modality: {is: MR}}"},
        {**sections, "check": "[{id: c, PatientAge: {at-least: 17Y}}]"},
        {**sections, "deidentify": "{profile: basic, project: p, options: [clean-descriptors]}"},
    ):
        assert any(one.failures for one in results(a_policy(**changed), text))


def test_a_comparison_that_is_always_known_needs_no_case_in_which_it_is_not() -> None:
    policy = a_policy(
        match="{all: [{PatientSex: {exists: true}}, {Modality: {is: CT, if-missing: no-match}}, "
        "{number-of-instances: {at-least: 1}}]}"
    )

    found = coverage(policy, [])

    assert found.total == 6
    assert not any("unknown" in gap.message for gap in found.gaps)

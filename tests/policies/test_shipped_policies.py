"""The policies that are shipped: they load, are locked, and their cases notice what changes.

Goal: whoever starts from them starts from something that works and is tested. Method: the cases are
run; then the policies are changed on purpose, one way at a time, and a case has to fail.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from gatehouse.adapters.policy_files import read_folder
from gatehouse.policy.load import load_cases, load_pack, load_single
from gatehouse.policy.run_cases import run_cases

POLICIES = Path(__file__).parents[2] / "policies"
NAMES = ["ct-lung-research", "basic"]


def test_the_pack_has_no_problem_and_asks_the_research_policy_first() -> None:
    pack, problems = load_pack(read_folder(POLICIES), {"dicom": ["research-pacs"]})

    assert problems == ()
    assert pack is not None
    assert [policy.name for policy in pack.policies] == NAMES
    assert pack.policies[-1].match.kind == "every-study"


@pytest.mark.parametrize("name", NAMES)
def test_every_case_of_a_shipped_policy_passes(name: str) -> None:
    files = read_folder(POLICIES)
    policy, _ = load_single(files[f"{name}/{name}.yaml"], name)
    assert policy is not None
    cases = load_cases(files)[0][name]

    results = list(run_cases(policy, cases))

    assert results
    assert [(result.case.name, result.failures) for result in results if result.failures] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_cases_of_a_shipped_policy_show_also_what_it_does_not_release(name: str) -> None:
    cases = load_cases(read_folder(POLICIES))[0][name]

    assert {"accept", "hold"} <= {case.decision for case in cases}


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("basic", "suspicious: hold", "suspicious: accept\n  because: a mistake"),
        ("basic", "project: basic", "project: basic\n  options: [retain-full-dates]"),
        ("basic", "project: basic", "project: basic\n  options: [retain-uids]"),
        ("basic", "project: basic", "project: basic\n  options: [retain-institution-identity]"),
        ("basic", "project: basic", "project: basic\n  options: [retain-patient-characteristics]"),
        ("basic", "project: basic", "project: basic\n  options: [clean-descriptors]"),
        (
            "basic",
            "project: basic",
            "project: basic\n  attributes: {PatientName: {action: keep, because: a mistake}}",
        ),
        (
            "basic",
            "project: basic",
            "project: basic\n  attributes: {SliceThickness: {action: remove, because: a mistake}}",
        ),
        ("basic", "match: every-study", "match: {Modality: {is: CT}}"),
        ("basic", "stage: active", "stage: observe"),
        ("ct-lung-research", "in: [LUNGAI]", "in: [LUNGAI, GATEHOUSE]"),
        ("ct-lung-research", "- Modality: {in: [CT]}", "- Modality: {in: [CT, MR]}"),
        ("ct-lung-research", "- Modality: {in: [CT]}", "- any-instance: {Modality: {in: [CT]}}"),
        ("ct-lung-research", "contains: chest, if-missing: no-match", "exists: true"),
        ("ct-lung-research", ", if-missing: no-match", ""),
        ("ct-lung-research", "at-least: 18Y", "at-least: 17Y"),
        ("ct-lung-research", "at-least: 18Y", "at-least: 19Y"),
        ("ct-lung-research", "every-instance: {", "any-instance: {"),
        ("ct-lung-research", "at-least: 18Y", "at-least: 18Y, if-missing: match"),
        ("ct-lung-research", "otherwise: hold", "otherwise: reject"),
        ("ct-lung-research", "retain-patient-characteristics, ", ""),
        ("ct-lung-research", "retain-modified-dates, ", ""),
        ("ct-lung-research", "retain-modified-dates", "retain-full-dates"),
        ("ct-lung-research", ", clean-descriptors", ""),
        (
            "ct-lung-research",
            "StudyDescription: {action: keep,",
            "StudyDescription: {action: remove,",
        ),
        ("ct-lung-research", "suspicious: hold", "suspicious: accept\n  because: a mistake"),
        ("ct-lung-research", "stage: active", "stage: off"),
    ],
)
def test_a_case_fails_when_a_shipped_policy_is_changed(name: str, old: str, new: str) -> None:
    files = read_folder(POLICIES)
    text = files[f"{name}/{name}.yaml"].decode()
    assert old in text
    policy, problems = load_single(text.replace(old, new).encode(), name)
    assert policy is not None, problems

    results = list(run_cases(policy, load_cases(files)[0][name]))

    assert any(result.failures for result in results)

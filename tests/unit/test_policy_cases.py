"""Cases of policies: strict both ways.

Goal: a case fails if an expectation is not met, and just as well if something happens that no
expectation names. Method: a case that passes, broken in one way at a time; failures are compared by
their whole text.
"""

from __future__ import annotations

import json

import pytest

from gatehouse.policy.cases import Case, build_cases
from gatehouse.policy.model import Policy
from gatehouse.policy.report import Report, render
from gatehouse.policy.run_cases import run_cases
from support.policies import a_policy

CASE = """\
policy: lung
cases:
  - name: it works
    study:
      origin: {called-aet: LUNGAI}
      instances:
        - Modality: CT
          PatientName: CANARY^Jane
          PatientSex: F
          InstitutionName: CANARY Hospital
          StudyDescription: CT chest
          SliceThickness: "1.5"
    expect:
      decision: accept
      changes:
        PatientName: replaced
        PatientSex: emptied
        InstitutionName: removed
        StudyDescription: kept
      groups: [uids, stamp]
"""
POLICY = a_policy(
    match="{called-aet: {is: LUNGAI}}",
    check="[{id: ct-only, every-instance: {Modality: {is: CT}}}]",
    deidentify="{profile: basic, project: p, attributes: "
    "{StudyDescription: {action: keep, because: fixed list}}}",
)


def cases_of(text: str, files: dict[str, bytes] | None = None) -> tuple[Case, ...]:
    report = Report("lung.test.yaml")
    cases = build_cases(text.encode(), report, "lung", files or {})
    assert not report.problems, [render(problem) for problem in report.problems]
    return cases


def failures(text: str, policy: Policy = POLICY, **files: bytes) -> list[str]:
    (result,) = run_cases(policy, cases_of(text, files))
    return [f"{failure.line}: {failure.message}" for failure in result.failures]


def problems(text: str) -> list[str]:
    report = Report("lung.test.yaml")
    build_cases(text.encode(), report, "lung", {"cases/localizer.json": b"{}"})
    return [render(problem) for problem in report.problems]


def test_a_case_whose_expectations_are_all_met_passes() -> None:
    assert failures(CASE) == []


@pytest.mark.parametrize(
    ("old", "new", "failure"),
    [
        (
            "PatientSex: emptied",
            "PatientSex: removed",
            "17: PatientSex should be removed, and was emptied",
        ),
        (
            "PatientSex: emptied",
            "PatientSex: kept",
            "17: PatientSex should be kept, and was emptied",
        ),
        (
            "PatientSex: emptied",
            "PatientSex: {becomes: O}",
            '17: PatientSex should become "O", and is ""',
        ),
        (
            "        PatientSex: emptied\n",
            "",
            "3: PatientSex was emptied (Z by profile), and the case does not say so; if it is "
            "right, write PatientSex: emptied",
        ),
        (
            "StudyDescription: kept",
            "StudyDescription: kept\n        PatientAge: removed",
            "20: PatientAge is in no instance",
        ),
        (
            "groups: [uids, stamp]",
            "groups: [uids, stamp, private]",
            '20: no change needs the group "private"',
        ),
        (
            "Modality: CT",
            "Modality: MR",
            "3: expected accept, and it was hold by ct-only",
        ),
        (
            "called-aet: LUNGAI",
            "called-aet: OTHER",
            "3: expected accept, and it was no-match",
        ),
        (
            'SliceThickness: "1.5"',
            "ConvolutionKernel: xcanaryx",
            "3: a canary is in the output of instance 1",
        ),
        (
            "Modality: CT",
            "Modality: CT\n          PhotometricInterpretation: RGB\n"
            '          BurnedInAnnotation: "YES"',
            "3: expected accept, and it was hold by pixels.suspicious",
        ),
    ],
)
def test_a_case_fails_where_it_is_not_as_it_says(old: str, new: str, failure: str) -> None:
    assert old in CASE

    assert failures(CASE.replace(old, new)) == [failure]


@pytest.mark.parametrize("group", ["uids", "stamp"])
def test_without_a_group_each_of_its_changes_has_to_be_named(group: str) -> None:
    text = CASE.replace("[uids, stamp]", "[stamp]" if group == "uids" else "[uids]")

    found = failures(text)

    assert len(found) >= 3
    assert all("and the case does not say so" in failure for failure in found)


def test_what_the_policy_s_own_exception_changes_can_not_hide_in_a_group() -> None:
    policy = a_policy(
        match="{called-aet: {is: LUNGAI}}",
        deidentify="{profile: basic, project: p, attributes: {SliceThickness: "
        "{action: remove, because: x}, StudyDescription: {action: keep, because: y}}}",
    )

    assert failures(CASE, policy) == [
        "3: SliceThickness was removed (X by policy), and the case does not say so; if it is "
        "right, write SliceThickness: removed"
    ]


def test_also_a_uid_that_the_policy_s_own_exception_changes_has_to_be_named() -> None:
    text = """\
policy: lung
cases:
  - name: device
    study: {instances: [{Modality: CT, DeviceUID: 1.2.3.4.5}]}
    expect: {decision: accept, changes: {Modality: kept}, groups: [uids, stamp]}
"""
    policy = a_policy(
        deidentify="{profile: basic, project: p, attributes: "
        "{DeviceUID: {action: new-uid, because: x}}}"
    )

    assert failures(text, a_policy()) == []
    assert failures(text, policy) == [
        "3: DeviceUID was replaced (U by policy), and the case does not say so; if it is right, "
        "write DeviceUID: replaced"
    ]


def test_an_expectation_of_a_hold_names_its_rule() -> None:
    text = """\
policy: lung
cases:
  - name: held
    study: {origin: {called-aet: LUNGAI}, instances: [{Modality: MR}]}
    expect: {decision: hold, rule: RULE}
"""

    assert failures(text.replace("RULE", "ct-only")) == []
    assert failures(text.replace("RULE", "other")) == [
        "3: expected hold by other, and it was hold by ct-only"
    ]


def test_an_attribute_is_meant_at_every_depth_and_a_path_from_the_top() -> None:
    text = """\
policy: lung
cases:
  - name: nested
    study:
      instances:
        - Modality: CT
          OperatorsName: CANARY^Top
          AnatomicRegionSequence:
            - {CodeMeaning: Chest, OperatorsName: CANARY^Olga}
            - {CodeMeaning: Lung, OperatorsName: CANARY^Otto}
    expect:
      decision: accept
      changes: {NAMES}
      groups: [uids, stamp]
"""
    one = "OperatorsName: removed, AnatomicRegionSequence/CodeMeaning: kept"
    two = "AnatomicRegionSequence/OperatorsName: removed"

    assert failures(text.replace("NAMES", one), a_policy()) == []
    assert failures(text.replace("NAMES", two), a_policy()) == [
        "3: OperatorsName was removed (X by profile), and the case does not say so; if it is "
        "right, write OperatorsName: removed"
    ]


def test_private_attributes_are_written_with_their_vr_and_named_by_their_creator() -> None:
    text = """\
policy: lung
cases:
  - name: private
    study:
      instances:
        - Modality: MR
          "(0019,{MAKER},0C)": {vr: IS, value: 1000}
          "(0019,{OTHER},0C)": {vr: LO, value: CANARY}
    expect:
      decision: accept
      changes: {"(0019,{MAKER},0c)": kept, "(0019,{OTHER},0C)": removed}
      groups: [uids, stamp]
"""
    policy = a_policy(
        deidentify="{profile: basic, project: p, attributes: "
        '{"(0019,{MAKER},0C)": {action: keep, because: b-value}}}'
    )

    assert failures(text, policy) == []


def test_an_instance_can_begin_from_a_dicom_json_file_and_say_what_differs() -> None:
    text = """\
policy: lung
cases:
  - name: from a file
    study: {instances: [{file: cases/a.json, PatientSex: M}]}
    expect:
      decision: accept
      changes: {PatientSex: emptied, PatientID: replaced}
      groups: [uids, stamp]
"""
    model = {
        "00080060": {"vr": "CS", "Value": ["CT"]},
        "00100020": {"vr": "LO", "Value": ["CANARY-1"]},
        "00100040": {"vr": "CS", "Value": ["F"]},
    }

    assert failures(text, a_policy(), **{"cases/a.json": json.dumps(model).encode()}) == []


@pytest.mark.parametrize(
    ("instance", "failure"),
    [
        (
            "{PatientID: A}",
            "3: it needs a SOPClassUID, or one of these as Modality: CR, CT, DX, MG, MR, NM, OT, "
            "PT, RF, SR, US, XA",
        ),
        ("{Modality: CT, Rows: many}", "3: Rows: this is no number"),
        (
            "{Modality: CT, RequestAttributesSequence: x}",
            "3: RequestAttributesSequence: a sequence is a list of items",
        ),
        (
            "{Modality: CT, RequestAttributesSequence/StudyID: x}",
            "3: RequestAttributesSequence/StudyID: write a sequence as a list of items",
        ),
        (
            '{Modality: CT, "(0019,{A},01)": x}',
            "3: (0019,{A},01): write a private attribute as {vr: LO, value: ...}",
        ),
        (
            "{Modality: CT, PatientID: {vr: LO, value: x}}",
            "3: PatientID: only a private attribute is written with its vr",
        ),
    ],
)
def test_an_instance_that_is_none_fails_its_case(instance: str, failure: str) -> None:
    text = f"""\
policy: lung
cases:
  - name: broken
    study: {{instances: [{instance}]}}
    expect: {{decision: no-match}}
"""

    assert failures(text) == [failure]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "policy: lung",
            "policy: chest",
            'lung.test.yaml:1: error: these are cases of "chest"\nhint: write policy: lung',
        ),
        (
            "PatientSex: emptied",
            "PatientSx: emptied",
            "lung.test.yaml:17: error: PatientSx is not an attribute's keyword\n"
            "hint: did you mean PatientSex?",
        ),
        (
            "PatientSex: F",
            "PatientSx: F",
            "lung.test.yaml:9: error: PatientSx is not an attribute's keyword\n"
            "hint: did you mean PatientSex?",
        ),
        (
            "PatientSex: emptied",
            "PatientSex: empty",
            'lung.test.yaml:17: error: "PatientSex" can\'t be "empty"\n'
            "hint: known here: added, emptied, kept, removed, replaced",
        ),
        (
            "decision: accept",
            "decision: reject",
            'lung.test.yaml:14: error: a case that expects "reject" says by which "rule"',
        ),
        (
            "decision: accept",
            "decision: accept\n      rule: match",
            'lung.test.yaml:15: error: "rule" has no use beside "accept"',
        ),
        (
            "decision: accept",
            "decision: no-match",
            "lung.test.yaml:14: error: only an accepted study has changes",
        ),
        (
            "- Modality: CT",
            "- file: cases/localiser.json\n          Modality: CT",
            'lung.test.yaml:7: error: there is no file "cases/localiser.json" in the folder of the '
            "policy\nhint: did you mean cases/localizer.json?",
        ),
        (
            "groups: [uids, stamp]",
            "groups: [uids, stmp]",
            'lung.test.yaml:20: error: an entry of "groups" can\'t be "stmp"\n'
            "hint: did you mean stamp?",
        ),
    ],
)
def test_a_mistake_in_a_test_file_is_named_at_its_line(old: str, new: str, message: str) -> None:
    assert old in CASE

    assert problems(CASE.replace(old, new, 1))[0] == message


def test_two_cases_can_not_have_one_name() -> None:
    second = CASE.split("cases:\n")[1]

    assert problems(CASE + second) == [
        'lung.test.yaml:21: error: two cases have the name "it works"'
    ]


def test_an_accepted_case_without_changes_is_refused() -> None:
    text = """\
policy: lung
cases:
  - name: nothing said
    study: {instances: [{Modality: CT}]}
    expect: {decision: accept}
"""

    assert problems(text) == [
        'lung.test.yaml:5: error: a case that expects "accept" says which "changes"'
    ]

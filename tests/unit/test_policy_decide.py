"""Decisions: first match in order, checks, stages, and what is always held.

Goal: nothing is accepted that a policy did not accept for all of its instances. Method: packs of
small policies, facts by hand; outcome, rule and the words of the reason are compared.
"""

from __future__ import annotations

import pytest

from gatehouse.policy.decide import attributes_of, decide, decide_checks
from gatehouse.policy.model import Answer, Asked, Decision, Outcome
from support.policies import a_pack, a_policy, facts

CT = a_policy(policy="ct", match="{Modality: {is: CT}}")
MR = a_policy(policy="mr", match="{Modality: {is: MR}}")
REST = a_policy(policy="rest")
ADULTS = a_policy(
    policy="adults",
    check="[{id: adults-only, every-instance: {PatientAge: {at-least: 18Y}}, because: approval}]",
)


def short(decision: Decision) -> tuple[Outcome, str, str]:
    return decision.outcome, decision.rule, decision.policy.name if decision.policy else ""


def test_the_first_policy_that_matches_decides() -> None:
    assert short(decide(a_pack(CT, MR, REST), [facts(Modality="MR")])) == (
        Outcome.ACCEPT,
        "match",
        "mr",
    )
    assert short(decide(a_pack(CT, MR, REST), [facts(Modality="US")])) == (
        Outcome.ACCEPT,
        "match",
        "rest",
    )


def test_a_study_that_no_policy_is_for_is_held() -> None:
    decision = decide(a_pack(CT, MR), [facts(Modality="US")])

    assert short(decision) == (Outcome.HOLD, "no-policy", "")
    assert decision.reason == "no policy is for this study"


def test_an_empty_pack_holds_everything() -> None:
    assert short(decide(a_pack(), [facts()])) == (Outcome.HOLD, "no-policy", "")


def test_a_study_for_which_a_policy_may_be_is_held_and_goes_to_no_later_policy() -> None:
    decision = decide(a_pack(CT, REST), [facts("1"), facts("2", Modality="")])

    assert short(decision) == (Outcome.HOLD, "match-unknown", "ct")
    assert decision.instance == "2"
    assert decision.reason == (
        "it can't be told whether the policy ct is for this study: "
        '"Modality is CT" has no answer where the value is absent or unreadable'
    )


def test_a_study_of_which_a_policy_is_for_a_part_is_held() -> None:
    decision = decide(a_pack(CT, REST), [facts("1"), facts("2", Modality="SR")])

    assert short(decision) == (Outcome.HOLD, "match-unknown", "ct")
    assert decision.reason == (
        "it can't be told whether the policy ct is for this study: "
        '"Modality is CT" holds for some instances and not for others; say every-instance or '
        "any-instance"
    )


def test_a_policy_that_is_off_is_not_asked() -> None:
    off = a_policy(policy="ct", match="{Modality: {is: CT}}", stage="off")

    decision = decide(a_pack(off, REST), [facts()])

    assert short(decision) == (Outcome.ACCEPT, "match", "rest")
    assert {asked.policy for asked in decision.asked} == {"rest"}


def test_what_an_observed_policy_would_accept_is_held_and_said_so() -> None:
    observed = a_policy(policy="ct", match="{Modality: {is: CT}}", stage="observe")

    decision = decide(a_pack(observed, REST), [facts()])

    assert short(decision) == (Outcome.HOLD, "observe", "ct")
    assert decision.reason == "the policy ct is observed: it would accept, and releases nothing"


def test_an_observed_policy_rejects_nothing() -> None:
    observed = a_policy(
        stage="observe", check="[{id: no-ct, not: {Modality: {is: CT}}, otherwise: reject}]"
    )

    decision = decide(a_pack(observed), [facts()])

    assert short(decision) == (Outcome.HOLD, "observe", "lung")
    assert decision.reason == (
        'the policy lung is observed: it would reject; the check "no-ct" does not hold'
    )


@pytest.mark.parametrize(
    ("otherwise", "outcome"), [("hold", Outcome.HOLD), ("reject", Outcome.REJECT)]
)
def test_a_check_that_does_not_hold_decides(otherwise: str, outcome: Outcome) -> None:
    policy = a_policy(
        check=f"[{{id: adults, every-instance: {{PatientAge: {{at-least: 18Y}}}}, "
        f"otherwise: {otherwise}, because: the approval}}]"
    )

    decision = decide(
        a_pack(policy), [facts("1", PatientAge="054Y"), facts("2", PatientAge="012Y")]
    )

    assert short(decision) == (outcome, "adults", "lung")
    assert decision.reason == 'the check "adults" does not hold: the approval'
    assert decision.instance == "2"


def test_an_unknown_check_holds_also_where_a_failed_one_would_reject() -> None:
    policy = a_policy(
        check="[{id: adults, every-instance: {PatientAge: {at-least: 18Y}}, otherwise: reject}]"
    )

    decision = decide(a_pack(policy), [facts(PatientAge="")])

    assert short(decision) == (Outcome.HOLD, "adults", "lung")
    assert decision.reason == (
        'it can\'t be told whether the check "adults" holds: "every-instance PatientAge at-least '
        '18Y" has no answer where the value is absent or unreadable'
    )


def test_the_first_check_that_does_not_hold_decides_and_all_are_answered() -> None:
    policy = a_policy(
        check="[{id: one, Modality: {is: CT}}, {id: two, Modality: {is: MR}, otherwise: reject}, "
        "{id: three, Modality: {is: US}}]"
    )

    decision = decide(a_pack(policy), [facts()])

    assert short(decision) == (Outcome.REJECT, "two", "lung")
    assert [asked.answer for asked in decision.asked if asked.rule.startswith("check three")] == [
        Answer.NO,
        Answer.NO,
    ]


def test_every_answer_is_in_the_decision_with_its_line_and_without_a_value_of_the_study() -> None:
    decision = decide(a_pack(CT, ADULTS), [facts(Modality="CANARY", PatientAge="054Y")])

    assert decision.asked == (
        Asked("ct", "match", Answer.NO, 4),
        Asked("ct", "match: Modality is CT", Answer.NO, 4),
        Asked("adults", "match", Answer.YES, 4),
        Asked("adults", "check adults-only", Answer.YES, 7),
        Asked("adults", "check adults-only: every-instance PatientAge at-least 18Y", Answer.YES, 7),
    )
    assert "CANARY" not in repr(decision)


@pytest.mark.parametrize(
    ("attribute", "values", "rule"),
    [
        ("PatientID", ("A", "B"), "several-patients"),
        ("PatientID", ("A", ""), "several-patients"),
        ("IssuerOfPatientID", ("A", "B"), "several-patients"),
        ("StudyInstanceUID", ("1.2", "1.3"), "several-studies"),
    ],
)
def test_what_is_not_one_study_of_one_patient_is_held(
    attribute: str, values: tuple[str, str], rule: str
) -> None:
    instances = [facts(str(number), **{attribute: value}) for number, value in enumerate(values)]

    assert short(decide(a_pack(REST), instances)) == (Outcome.HOLD, rule, "")
    assert short(decide_checks(REST, instances)) == (Outcome.HOLD, rule, "")


def test_a_study_whose_instances_all_lack_a_patient_id_is_one_patient_s() -> None:
    instances = [facts("1", PatientID=""), facts("2", PatientID="")]

    assert decide(a_pack(REST), instances).outcome is Outcome.ACCEPT


def test_a_study_without_instances_is_held() -> None:
    assert short(decide(a_pack(REST), [])) == (Outcome.HOLD, "no-instances", "")


def test_for_a_policy_that_a_person_named_only_the_checks_are_asked() -> None:
    policy = a_policy(match="{Modality: {is: MR}}", check="[{id: thin, Rows: {at-least: 256}}]")

    assert short(decide_checks(policy, [facts(Rows="512")])) == (Outcome.ACCEPT, "match", "lung")
    assert short(decide_checks(policy, [facts(Rows="128")])) == (Outcome.HOLD, "thin", "lung")


def test_the_attributes_to_read_are_those_that_policies_name_and_those_always_needed() -> None:
    policy = a_policy(
        match="{all: [{called-aet: {is: X}}, "
        "{not: {RequestAttributesSequence/RequestedProcedureID: {is: X}}}]}",
        check="[{id: a, any-instance: {PatientAge: {exists: true}}, number-of-series: {is: 1}}]",
    )

    assert (
        attributes_of(a_pack(policy))
        == attributes_of(policy)
        == {
            "RequestAttributesSequence/RequestedProcedureID",
            "PatientAge",
            "PatientID",
            "IssuerOfPatientID",
            "StudyInstanceUID",
            "SeriesInstanceUID",
            "Modality",
        }
    )


TO_LUNGS = a_policy(
    policy="rest",
    deliver="[{to: always, via: dicom}, "
    "{to: lungs, via: dicom, when: {StudyDescription: {contains: chest}}}]",
)


@pytest.mark.parametrize(
    ("description", "goes_to"), [("CT chest", ["always", "lungs"]), ("CT head", ["always"])]
)
def test_a_study_is_delivered_where_the_delivery_s_own_condition_holds(
    description: str, goes_to: list[str]
) -> None:
    decision = decide(a_pack(TO_LUNGS), [facts(StudyDescription=description)])

    assert [one.to for one in decision.deliver] == goes_to
    assert decision.asked[-2].rule == "deliver to lungs via dicom"


def test_a_delivery_s_condition_without_an_answer_holds_the_study() -> None:
    decision = decide(a_pack(TO_LUNGS), [facts(StudyDescription="")])

    assert short(decision) == (Outcome.HOLD, "deliver-unknown", "rest")
    assert decision.deliver == ()
    assert decision.reason.startswith(
        "it can't be told whether this study is delivered to lungs via dicom: "
    )

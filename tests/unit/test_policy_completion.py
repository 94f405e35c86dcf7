"""When a study has arrived whole: quiet time, expectations, longest wait, late instances.

Goal: nothing incomplete is released unless the policy says so, and it is known when to ask again.
Method: studies are decided about with made-up waiting times.
"""

from __future__ import annotations

import pytest

from gatehouse.policy.decide import attributes_of, decide
from gatehouse.policy.model import Decision, Outcome, Timing
from support.policies import (
    a_pack,
    a_policy,
    facts,
    problems_of,
)

ONE = [facts("1", SeriesInstanceUID="1")]
TWO = [*ONE, facts("2", SeriesInstanceUID="2")]


def decided(complete: str, waited_s: float, quiet_for_s: float = 600.0) -> Decision:
    pack = a_pack(a_policy(complete=complete))
    return decide(pack, ONE, Timing(waited_s, quiet_for_s))


@pytest.mark.parametrize(
    ("complete", "waited_s", "quiet_for_s", "outcome", "again_after_s"),
    [
        ("{quiet: 2m}", 600.0, 120.0, Outcome.ACCEPT, None),
        ("{quiet: 2m}", 600.0, 50.0, Outcome.HOLD, 70.0),
        ("{quiet: 2m, longest-wait: 10m}", 590.0, 50.0, Outcome.HOLD, 10.0),
        ("{quiet: 2m, longest-wait: 10m}", 600.0, 0.0, Outcome.ACCEPT, None),
        ("{expect: {number-of-series: {at-least: 1}}}", 0.0, 0.0, Outcome.ACCEPT, None),
        ("{expect: {number-of-series: {at-least: 2}}}", 9e9, 9e9, Outcome.HOLD, None),
        (
            "{expect: {number-of-series: {at-least: 2}}, longest-wait: 2h}",
            600.0,
            600.0,
            Outcome.HOLD,
            6600.0,
        ),
        (
            "{expect: {number-of-series: {at-least: 2}}, longest-wait: 2h}",
            7200.0,
            600.0,
            Outcome.HOLD,
            None,
        ),
        (
            "{expect: {number-of-series: {at-least: 2}}, longest-wait: 2h, incomplete: process}",
            7200.0,
            600.0,
            Outcome.ACCEPT,
            None,
        ),
    ],
)
def test_a_study_is_waited_for_as_its_policy_says(
    complete: str,
    waited_s: float,
    quiet_for_s: float,
    outcome: Outcome,
    again_after_s: float | None,
) -> None:
    found = decided(complete, waited_s, quiet_for_s)

    assert found.outcome is outcome
    assert found.again_after_s == again_after_s
    assert found.rule == ("match" if outcome is Outcome.ACCEPT else "incomplete")


def test_without_any_times_what_is_expected_is_asked_all_the_same() -> None:
    pack = a_pack(a_policy(complete="{quiet: 1h, expect: {number-of-series: {at-least: 2}}}"))

    assert decide(pack, ONE).rule == "incomplete"
    assert decide(pack, TWO).rule == "match"


def test_the_checks_are_asked_only_of_a_study_that_is_whole() -> None:
    pack = a_pack(
        a_policy(
            complete="{expect: {any-instance: {Modality: {is: SR}}}}",
            check="[{id: never, Modality: {is: XX}, otherwise: reject}]",
        )
    )

    waiting = decide(pack, ONE)
    whole = decide(pack, [*ONE, facts("2", Modality="SR")])

    assert (waiting.outcome, waiting.rule) == (Outcome.HOLD, "incomplete")
    assert [asked.rule for asked in waiting.asked] == [
        "match",
        "complete",
        "complete: any-instance Modality is SR",
    ]
    assert (whole.outcome, whole.rule) == (Outcome.REJECT, "never")


def test_late_instances_are_held_if_the_policy_wants_a_person_to_look() -> None:
    pack = a_pack(a_policy(complete="{late-instances: hold}"))

    assert decide(pack, ONE, Timing(1.0, 1.0, was_released=True)).rule == "late-instances"
    assert decide(pack, ONE, Timing(1.0, 1.0)).outcome is Outcome.ACCEPT
    assert decide(a_pack(a_policy()), ONE, Timing(1.0, 1.0, True)).outcome is Outcome.ACCEPT


@pytest.mark.parametrize(
    ("numbers", "missing"),
    [
        (["1", "2", "3"], "0"),
        (["0", "1", "5"], "3"),
        (["1", "1"], None),
        (["1", ""], None),
        (["1", "x"], None),
    ],
)
def test_missing_instances_are_counted_where_that_can_be_told(
    numbers: list[str], missing: str | None
) -> None:
    policy = a_policy(
        match=f"{{missing-instances: {{is: {missing or 0}}}}}",
    )
    study = [facts(str(at), InstanceNumber=number) for at, number in enumerate(numbers)]

    assert "InstanceNumber" in attributes_of(policy)
    assert "InstanceNumber" not in attributes_of(a_policy())
    assert decide(a_pack(policy), study).rule == ("match" if missing else "match-unknown")


@pytest.mark.parametrize(
    ("complete", "problem"),
    [
        (
            "{incomplete: process}",
            'lung.yaml:7: error: "incomplete: process" can never apply: there is no '
            '"longest-wait"\nhint: say how long an incomplete study is waited for: '
            '"longest-wait: 2h"',
        ),
        (
            "{quiet: 2h, longest-wait: 1h}",
            'lung.yaml:7: error: "longest-wait" is shorter than "quiet"',
        ),
    ],
)
def test_a_trigger_that_makes_no_sense_is_an_error(complete: str, problem: str) -> None:
    assert problems_of(complete=complete) == [problem]

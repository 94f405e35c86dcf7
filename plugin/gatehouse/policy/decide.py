"""Decide what happens to a study: the first policy of the pack that matches, and its checks.

Unknown holds: a study for which it can't be told whether a policy is for it, or whether a check
holds, is held with that reason. Nothing here reads a file; ``facts`` made the values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from gatehouse.policy.completion import incomplete
from gatehouse.policy.conditions import Study, comparisons_in, describe
from gatehouse.policy.model import (
    Answer,
    Asked,
    Check,
    Condition,
    Decision,
    Delivery,
    InstanceFacts,
    Outcome,
    Pack,
    Policy,
    Timing,
)
from gatehouse.policy.study_facts import ALWAYS_NEEDED, NEEDED_BY, ORIGIN_FACTS, STUDY_FACTS


def attributes_of(policies: Pack | Policy) -> frozenset[str]:
    """Return every attribute that must be read of each instance to decide by these policies."""
    several = policies.policies if isinstance(policies, Pack) else (policies,)
    named = {
        leaf.subject
        for policy in several
        for condition in conditions_of(policy)
        for leaf in comparisons_in(condition)
    }
    needed = {attribute for fact in named & NEEDED_BY.keys() for attribute in NEEDED_BY[fact]}
    attributes = named.difference(ORIGIN_FACTS.names(), STUDY_FACTS.names())
    return frozenset(attributes | needed | {*ALWAYS_NEEDED})


def conditions_of(policy: Policy) -> tuple[Condition, ...]:
    """Return every condition of a policy: match, what a whole study has, checks, deliveries."""
    expect = policy.complete.expect
    checks = (check.condition for check in policy.checks)
    whens = (one.when for one in policy.deliver if one.when is not None)
    return (policy.match, *((expect,) if expect is not None else ()), *checks, *whens)


def decide(pack: Pack, facts: Sequence[InstanceFacts], timing: Timing | None = None) -> Decision:
    """Decide about a study.

    Parameters
    ----------
    pack : Pack
        The policies in the order in which they are asked. Those with the stage off are not.
    facts : sequence of InstanceFacts
        All instances of the study, with the attributes that ``attributes_of`` names.
    timing : Timing, optional
        How long the study has waited, for policies that say when it is complete.

    Returns
    -------
    Decision
        Accept by the rule ``match``; else the rule is ``no-policy``, ``match-unknown``,
        ``several-patients``, ``several-studies``, ``no-instances``, ``incomplete``,
        ``late-instances``, ``observe``, ``deliver-unknown``, or the id of a check that did not
        hold.
    """
    inconsistent = _inconsistent(facts)
    if inconsistent is not None:
        return inconsistent
    study = Study(facts)
    asked: list[Asked] = []
    for policy in pack.policies:
        if policy.stage == "off":
            continue
        answer = study.answer(policy.match)
        asked += _explain(study, policy, "match", policy.match, answer)
        if answer is Answer.YES:
            expect = policy.complete.expect
            if expect is not None:
                asked += _explain(study, policy, "complete", expect, study.answer(expect))
            waits = incomplete(policy, study.answer, timing)
            if waits is not None:
                return replace(waits, asked=tuple(asked))
            return _decide_matched(policy, study, asked)
        if answer is Answer.UNKNOWN:
            return Decision(
                Outcome.HOLD,
                policy,
                "match-unknown",
                f"it can't be told whether the policy {policy.name} is for this study: "
                f"{_unclear(study, policy.match)}",
                tuple(asked),
                study.first_without(policy.match),
            )
    return Decision(Outcome.HOLD, None, "no-policy", "no policy is for this study", tuple(asked))


def decide_checks(policy: Policy, facts: Sequence[InstanceFacts]) -> Decision:
    """Decide about a study for which a person named the policy: only its checks are asked."""
    inconsistent = _inconsistent(facts)
    if inconsistent is not None:
        return inconsistent
    return _decide_matched(policy, Study(facts), [])


def _decide_matched(policy: Policy, study: Study, asked: list[Asked]) -> Decision:
    """Ask all checks; the first that does not hold decides."""
    failed: tuple[Check, Answer] | None = None
    for check in policy.checks:
        answer = study.answer(check.condition)
        asked += _explain(study, policy, f"check {check.id}", check.condition, answer, check.line)
        if failed is None and answer is not Answer.YES:
            failed = check, answer
    if failed is not None:
        return _failed(policy, study, *failed, tuple(asked))
    if policy.stage == "observe":
        reason = f"the policy {policy.name} is observed: it would accept, and releases nothing"
        return Decision(Outcome.HOLD, policy, "observe", reason, tuple(asked))
    reason = f"the policy {policy.name}, version {policy.version}, is for this study"
    if policy.recipe.profile == "none":
        reason += " and forwards it without de-identification"
    return _with_deliveries(
        Decision(Outcome.ACCEPT, policy, "match", reason, ()), policy, study, asked
    )


def _with_deliveries(
    accepted: Decision, policy: Policy, study: Study, asked: list[Asked]
) -> Decision:
    """Ask the conditions of the deliveries; where one has no answer, nothing is delivered."""
    deliver: list[Delivery] = []
    unclear: tuple[Delivery, Condition] | None = None
    for one in policy.deliver:
        if one.when is None:
            deliver.append(one)
            continue
        answer = study.answer(one.when)
        asked += _explain(study, policy, f"deliver to {one.to} via {one.via}", one.when, answer)
        if answer is Answer.YES:
            deliver.append(one)
        elif answer is Answer.UNKNOWN and unclear is None:
            unclear = one, one.when
    if unclear is not None:
        one, when = unclear
        return Decision(
            Outcome.HOLD,
            policy,
            "deliver-unknown",
            f"it can't be told whether this study is delivered to {one.to} via {one.via}: "
            f"{_unclear(study, when)}",
            tuple(asked),
            study.first_without(when),
        )
    return replace(accepted, asked=tuple(asked), deliver=tuple(deliver))


def _failed(
    policy: Policy, study: Study, check: Check, answer: Answer, asked: tuple[Asked, ...]
) -> Decision:
    instance = study.first_without(check.condition)
    because = f": {check.because}" if check.because else ""
    if answer is Answer.UNKNOWN:
        unclear = _unclear(study, check.condition)
        reason = f'it can\'t be told whether the check "{check.id}" holds: {unclear}'
        return Decision(Outcome.HOLD, policy, check.id, reason, asked, instance)
    reason = f'the check "{check.id}" does not hold{because}'
    outcome = Outcome.REJECT if check.otherwise == "reject" else Outcome.HOLD
    if outcome is Outcome.REJECT and policy.stage == "observe":
        return Decision(
            Outcome.HOLD,
            policy,
            "observe",
            f"the policy {policy.name} is observed: it would reject; {reason}",
            asked,
            instance,
        )
    return Decision(outcome, policy, check.id, reason, asked, instance)


def _inconsistent(facts: Sequence[InstanceFacts]) -> Decision | None:
    """Return a hold for what is not one study of one patient."""
    if not facts:
        return Decision(Outcome.HOLD, None, "no-instances", "the study has no instances", ())
    if _several(facts, "PatientID") or _several(facts, "IssuerOfPatientID"):
        return Decision(
            Outcome.HOLD,
            None,
            "several-patients",
            "the instances of this study do not have one Patient ID and issuer",
            (),
        )
    if _several(facts, "StudyInstanceUID"):
        return Decision(
            Outcome.HOLD,
            None,
            "several-studies",
            "the instances do not have one Study Instance UID",
            (),
        )
    return None


def _several(facts: Sequence[InstanceFacts], attribute: str) -> bool:
    return len({instance.attributes.get(attribute, ()) for instance in facts}) > 1


def _explain(
    study: Study,
    policy: Policy,
    rule: str,
    condition: Condition,
    answer: Answer,
    line: int = 0,
) -> Iterator[Asked]:
    """Return the answer of a condition, then that of each comparison in it."""
    yield Asked(policy.name, rule, answer, line or condition.line)
    for leaf, scope in study.leaves(condition):
        words = f"{rule}: {describe(leaf, scope)}"
        yield Asked(policy.name, words, study.answer_leaf(leaf, scope), leaf.line)


def _unclear(study: Study, condition: Condition) -> str:
    """Say which comparison has no answer, and why."""
    for leaf, scope in study.leaves(condition):
        answers = study.answers_of(leaf)
        if Answer.UNKNOWN in answers:
            return (
                f'"{describe(leaf, scope)}" has no answer where the value is absent or unreadable'
            )
    for leaf, scope in study.leaves(condition):
        if len(study.answers_of(leaf)) > 1:
            return (
                f'"{describe(leaf, scope)}" holds for some instances and not for others; '
                "say every-instance or any-instance"
            )
    return "its instances answer differently"

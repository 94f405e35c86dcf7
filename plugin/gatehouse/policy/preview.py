"""What would happen to a study, without anything happening: decision, elements, destinations.

Serves ``gatehouse explain`` and ``POST /gatehouse/preview``. Runs the same engine and verification
as a real study, and gives away their result; nothing is stored. Reads no file and knows no key: the
instances and the keys come in through two functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from gatehouse.deid.known_values import NOTHING, KnownValues
from gatehouse.deid.model import ProjectKeys
from gatehouse.deid.plan import Plan, compile_plan
from gatehouse.dicom.scan import Buffer
from gatehouse.errors import HoldError
from gatehouse.policy.decide import decide, decide_checks
from gatehouse.policy.explain import ElementExplanation, explain_instance, known_values
from gatehouse.policy.model import Decision, Delivery, InstanceFacts, Outcome, Pack, Policy

INSTANCES_MAX: Final = 50
"""Instances that a preview explains unless told otherwise: slices of a series are mostly alike."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Why an instance would be held."""

    rule: str
    reason: str
    path: str


@dataclass(frozen=True, slots=True)
class InstancePreview:
    """What would become of one instance."""

    instance: str
    elements: tuple[ElementExplanation, ...]
    """Empty if it would be held."""
    hold: Hold | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """What would happen to a study."""

    decision: Decision
    outcome: Outcome
    """As the decision has it, but hold if an instance would be held."""
    instances: tuple[InstancePreview, ...]
    instances_left_out: int
    """How many instances were not explained, because they are too many."""
    deliver: tuple[Delivery, ...]
    """Where the study would go; empty if it would not be accepted."""
    keep_local_label: str | None


def preview(
    policies: Pack | Policy,
    facts: Sequence[InstanceFacts],
    read: Callable[[str], Buffer],
    keys_of: Callable[[str], ProjectKeys],
    *,
    instances_max: int = INSTANCES_MAX,
) -> Preview:
    """Say what would happen to a study.

    Parameters
    ----------
    policies : Pack or Policy
        The pack that is asked; or one policy that is taken as matching, of which only the checks
        are asked, as when a person releases a study under it.
    facts : sequence of InstanceFacts
        All instances, with the attributes that ``decide.attributes_of`` names.
    read : callable
        Returns the DICOM file of an instance by ``InstanceFacts.instance``.
    keys_of : callable
        Returns the keys of a project.
    instances_max : int
        How many instances are explained.
    """
    if isinstance(policies, Pack):
        decision = decide(policies, facts)
    else:
        decision = decide_checks(policies, facts)
    policy = decision.policy
    explained: tuple[InstancePreview, ...] = ()
    if policy is not None:
        plan = compile_plan(policy.recipe)
        keys = keys_of(policy.recipe.project)
        shown = facts[:instances_max]
        try:
            known = known_values(plan, (read(one.instance) for one in facts))
        except HoldError as error:
            hold = Hold(error.rule, error.reason, error.path)
            explained = tuple(InstancePreview(one.instance, (), hold) for one in shown)
        else:
            explained = tuple(
                preview_instance(one.instance, read(one.instance), policy, plan, keys, known)
                for one in shown
            )
    outcome = decision.outcome
    if outcome is Outcome.ACCEPT and any(one.hold is not None for one in explained):
        outcome = Outcome.HOLD
    leaves = outcome is Outcome.ACCEPT and policy is not None
    return Preview(
        decision=decision,
        outcome=outcome,
        instances=explained,
        instances_left_out=max(0, len(facts) - len(explained)) if policy else len(facts),
        deliver=decision.deliver if policy is not None and leaves else (),
        keep_local_label=policy.keep_local_label if policy is not None and leaves else None,
    )


def preview_instance(
    instance: str,
    dicom: Buffer,
    policy: Policy,
    plan: Plan,
    keys: ProjectKeys,
    known: KnownValues = NOTHING,
) -> InstancePreview:
    """Say what would become of one instance of a study that says so much of persons."""
    try:
        elements = explain_instance(bytes(dicom), policy, plan, keys, known)
        return InstancePreview(instance, elements)
    except HoldError as error:
        return InstancePreview(instance, (), Hold(error.rule, error.reason, error.path))


def without_values(one: InstancePreview) -> InstancePreview:
    """Return the same without the values before and after, for whoever may not see them."""
    elements = tuple(replace(element, before="", after="") for element in one.elements)
    return replace(one, elements=elements)


def as_json(previewed: Preview, *, show_values: bool) -> dict[str, Any]:
    """Return a preview as REST answers it; values only if they are asked for."""
    decision, policy = previewed.decision, previewed.decision.policy
    return {
        "outcome": previewed.outcome.value,
        "decision": {
            "outcome": decision.outcome.value,
            "policy": policy.name if policy else None,
            "version": policy.version if policy else None,
            "digest": policy.digest if policy else None,
            "rule": decision.rule,
            "reason": decision.reason,
            "instance": decision.instance,
            "asked": [
                {
                    "policy": asked.policy,
                    "rule": asked.rule,
                    "answer": asked.answer.value,
                    "line": asked.line,
                }
                for asked in decision.asked
            ],
        },
        "instances": [_instance_json(one, show_values=show_values) for one in previewed.instances],
        "instances_left_out": previewed.instances_left_out,
        "deliver": [{"to": one.to, "via": one.via} for one in previewed.deliver],
        "keep_local": previewed.keep_local_label,
    }


def _instance_json(one: InstancePreview, *, show_values: bool) -> Mapping[str, Any]:
    if one.hold is not None:
        hold = {"rule": one.hold.rule, "reason": one.hold.reason, "path": one.hold.path}
        return {"instance": one.instance, "hold": hold, "elements": []}
    elements = [
        {
            "path": element.path,
            "fate": element.fate,
            "action": element.action,
            "code": element.code,
            "rule": element.rule,
            "line": element.line,
            "clause": element.clause,
            **({"before": element.before, "after": element.after} if show_values else {}),
        }
        for element in one.elements
    ]
    return {"instance": one.instance, "hold": None, "elements": elements}

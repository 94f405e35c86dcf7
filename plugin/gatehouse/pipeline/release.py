"""A person's word on a held study, and policies that only observe: what they change in a run.

A release skips the match of a policy and nothing else: its checks are asked, every instance is
de-identified and verified, and whatever that finds holds the study again. What a person accepts
(images that may carry text, a check that has no answer) is accepted by name, for this run only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gatehouse.errors import HoldError
from gatehouse.pipeline.desk_records import ReleaseRecord
from gatehouse.pipeline.records import StudyKey
from gatehouse.pipeline.tools import Tools
from gatehouse.policy.decide import decide_checks
from gatehouse.policy.model import Decision, Delivery, InstanceFacts, Outcome, Pack, Policy

SUSPICIOUS_PIXELS = "suspicious-pixels"
CHECK = "check "
OBSERVE = "observe"
RULE = "released"


def decide_released(pack: Pack, release: ReleaseRecord, facts: Sequence[InstanceFacts]) -> Decision:
    """Decide about a study that a person released under a policy.

    Raises
    ------
    HoldError
        If that policy does not decide any more.
    """
    policy = released_policy(pack, release)
    decision = decide_checks(relaxed(policy, release), facts)
    if decision.outcome is not Outcome.ACCEPT:
        return decision
    accepted = f", who accepts {' and '.join(release.accept)}" if release.accept else ""
    reason = f"a person released it under the policy {policy.name}{accepted}"
    return replace(decision, rule=RULE, reason=reason)


def released_policy(pack: Pack, release: ReleaseRecord) -> Policy:
    """Return the policy that a person named.

    Raises
    ------
    HoldError
        If it does not decide any more.
    """
    for policy in pack.policies:
        if policy.name == release.policy and policy.stage == "active":
            return policy
    raise HoldError(
        "release.policy", "the policy under which it was released does not decide any more"
    )


def relaxed(policy: Policy, release: ReleaseRecord) -> Policy:
    """Return a policy with what a person accepts for one run."""
    recipe = policy.recipe
    if SUSPICIOUS_PIXELS in release.accept:
        recipe = recipe._replace(suspicious_pixels="accept")
    checks = tuple(one for one in policy.checks if f"{CHECK}{one.id}" not in release.accept)
    return replace(policy, recipe=recipe, checks=checks)


def policy_of(tools: Tools, key: StudyKey, pack_digest: str, policy_digest: str) -> Policy:
    """Return the policy by which a run was decided, with what a person accepts for it."""
    policy = tools.packs.policy(pack_digest, policy_digest)
    release = tools.ledger.release_of(key)
    return policy if release is None else relaxed(policy, release)


def deliveries_of(tools: Tools, key: StudyKey, policy: Policy) -> tuple[Delivery, ...]:
    """Return the deliveries whose own conditions held when it was decided."""
    wanted = tools.ledger.destinations_of(key)
    return tuple(one for one in policy.deliver if wanted is None or (one.via, one.to) in wanted)


def would_accept(decision: Decision, facts: Sequence[InstanceFacts]) -> bool:
    """Return whether a policy that only observes would take the study if it were active."""
    policy = decision.policy
    if policy is None or decision.rule != OBSERVE:
        return False
    return decide_checks(replace(policy, stage="active"), facts).outcome is Outcome.ACCEPT


def refuse_observed(policy: Policy) -> None:
    """Stop a run by a policy that only observes before anything of it can leave.

    Raises
    ------
    HoldError
        If it is one.
    """
    if policy.stage != "active":
        raise HoldError(
            OBSERVE,
            f"the policy {policy.name} is observed: the study was decided about, de-identified and "
            "verified, and nothing of it is released",
        )

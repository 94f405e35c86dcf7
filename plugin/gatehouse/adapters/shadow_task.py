"""What a version of a policy would do otherwise with a study: decision, elements, destinations.

Runs in a process of its own, as ``side_tasks`` does. The outputs of both versions are made and
verified in memory, compared element by element, and thrown away; what is told holds no values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gatehouse.adapters.keys import read_key_file
from gatehouse.adapters.orthanc_client import OrthancArchive
from gatehouse.adapters.side_tasks import StudyToAsk
from gatehouse.adapters.side_work import SideSetup
from gatehouse.deid.engine import deidentify
from gatehouse.deid.plan import compile_plan
from gatehouse.deid.pseudonyms import derive_project_keys
from gatehouse.deid.verify import verify
from gatehouse.errors import HoldError
from gatehouse.policy.decide import attributes_of, decide
from gatehouse.policy.differences import Difference, compare
from gatehouse.policy.explain import known_values
from gatehouse.policy.facts import extract
from gatehouse.policy.model import Decision, InstanceFacts, Outcome, Pack, Policy

INSTANCES_MAX = 10
"""Instances whose elements are compared, spread over the study: slices are mostly alike."""

DIFFERENCES_MAX = 200


@dataclass(frozen=True, slots=True)
class ShadowRequest:
    """A study, what decides about it now, and the same with the shadow in its place."""

    old: Pack
    new: Pack
    study: StudyToAsk


def compare_shadow(setup: SideSetup, request: ShadowRequest) -> dict[str, Any] | None:
    """Return what is otherwise; None if the study can't be read any more.

    The keys are those of ``ShadowDifference`` of the REST routes; ``is_alike`` says that there is
    no difference at all.
    """
    archive = OrthancArchive(setup.orthanc_url, setup.orthanc_authorization)
    names = attributes_of(request.old) | attributes_of(request.new)
    facts: list[InstanceFacts] = []
    sample: dict[str, bytes] = {}
    step = max(1, -(-len(request.study.instances) // INSTANCES_MAX))
    try:
        for number, (instance, origin) in enumerate(request.study.instances):
            content = archive.read(instance)
            facts.append(InstanceFacts(instance, origin, extract(content, names)))
            if number % step == 0:
                sample[instance] = content
    except (LookupError, HoldError):
        return None
    before, after = decide(request.old, facts), decide(request.new, facts)
    words = [_words(before), _words(after)]
    attributes: list[dict[str, str]] = []
    if before.outcome is after.outcome is Outcome.ACCEPT and before.policy and after.policy:
        master = read_key_file(setup.key_file)
        files = list(sample.values())
        old, new = (_made(one, files, master) for one in (before.policy, after.policy))
        words = [
            one if isinstance(one, str) else word
            for one, word in zip((old, new), words, strict=True)
        ]
        if not isinstance(old, str) and not isinstance(new, str):
            attributes = _otherwise(old, new)
    places = [_places(one) for one in (before, after)]
    decided: list[str] | list[None] = words if words[0] != words[1] else [None, None]
    is_moved = places[0] != places[1]
    return {
        "is_alike": decided == [None, None] and not attributes and not is_moved,
        "decision_before": decided[0],
        "decision_after": decided[1],
        "attributes": attributes[:DIFFERENCES_MAX],
        "destinations_before": places[0] if is_moved else [],
        "destinations_after": places[1] if is_moved else [],
    }


def _made(
    policy: Policy, originals: Sequence[bytes], master: bytes
) -> str | dict[str, tuple[str, str]]:
    """Return for each attribute what became of it, and by what value; or why it is held."""
    plan = compile_plan(policy.recipe)
    keys = derive_project_keys(master, policy.recipe.project)
    found: dict[str, tuple[str, str]] = {}
    try:
        known = known_values(plan, originals)
        for number, original in enumerate(originals):
            made = deidentify(original, plan, keys, known)
            verify(original, made, plan, keys)
            for one in compare(original, made.to_bytes(), made.changes):
                found[f"{number}/{one.path}"] = (_treatment(one), one.after)
    except HoldError as error:
        return f"hold by {policy.name}/{error.rule}"
    return found


def _treatment(one: Difference) -> str:
    rule = f" ({one.change.code}, {one.change.rule})" if one.change.rule else ""
    return f"{one.fate}{rule}"


STAMPS = frozenset({"DeidentificationMethod"})
"""Attributes that name the version itself."""


def _otherwise(
    before: Mapping[str, tuple[str, str]], after: Mapping[str, tuple[str, str]]
) -> list[dict[str, str]]:
    """Return each attribute once, whatever the number of instances and items."""
    found: dict[tuple[str, str, str], None] = {}
    for path in sorted(before.keys() | after.keys()):
        attribute = path.partition("/")[2]
        old, new = before.get(path, ("absent", "")), after.get(path, ("absent", ""))
        if old == new or attribute.split("/")[0].split("[")[0] in STAMPS:
            continue
        words = new[0] if old[0] != new[0] else f"{new[0]}, with another value"
        found[(attribute, old[0], words)] = None
    return [{"attribute": a, "before": b, "after": c} for a, b, c in found]


def _words(decision: Decision) -> str:
    name = decision.policy.name if decision.policy else ""
    if decision.outcome is Outcome.ACCEPT:
        return f"accept by {name}"
    return f"{decision.outcome.value} by {name}{'/' if name else ''}{decision.rule}"


def _places(decision: Decision) -> list[str]:
    policy = decision.policy
    if policy is None or decision.outcome is not Outcome.ACCEPT:
        return []
    kept = [f"this Orthanc as {policy.keep_local_label}"] if policy.keep_local_label else []
    return [f"{one.to} via {one.via}" for one in decision.deliver] + kept

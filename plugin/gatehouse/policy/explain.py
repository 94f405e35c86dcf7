"""Explain what a policy does to an instance: every element, its action, rule, line and clause."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Final

from gatehouse.deid.engine import deidentify
from gatehouse.deid.known_values import NOTHING, KnownValues, collect
from gatehouse.deid.model import ProjectKeys
from gatehouse.deid.plan import ObjectPlan, Plan
from gatehouse.deid.recipe import AttributeRule
from gatehouse.deid.rules import KEEP, Rule
from gatehouse.deid.verify import verify
from gatehouse.dicom.paths import Place
from gatehouse.dicom.scan import Buffer
from gatehouse.policy.attributes import canonical
from gatehouse.policy.differences import Difference, Fate, Row, compare, is_named
from gatehouse.policy.facts import extract
from gatehouse.policy.model import Policy
from gatehouse.policy.options import OPTIONS

CLAUSES: Final[Mapping[str, str]] = {
    "profile": "PS3.15 E.2, Table E.1-1",
    "private": "PS3.15 E.2, Private Attributes",
    "unknown": "not in PS3.6",
    "stamp": "PS3.15 E.1.1",
    "unlisted": "not listed by the policy",
    "unrecorded": "",
    **{entry.name: entry.source for entry in OPTIONS},
}


NOT_IN_TABLE: Final = "not in PS3.15 Table E.1-1"


@dataclass(frozen=True, slots=True)
class ElementExplanation:
    """What becomes of one element, and why."""

    path: str
    action: str
    """The action of the plan: ``"keep"``, ``"remove"`` ...; ``"write"`` for what was added."""
    code: str
    """Action code of PS3.15 Table E.1-1a."""
    rule: str
    """``"profile"``, an option's name, ``"policy"``, ``"private"``, ``"unknown"``, ``"unlisted"``,
    ``"stamp"``, ``"forwarded"``."""
    line: int
    """Line in the policy; 0 if the policy does not speak of it."""
    clause: str
    """Clause of the Standard; for a rule of the policy its ``because``."""
    fate: Fate
    before: str
    """Values as text: for the eyes of who may see the original, and for no log."""
    after: str


def known_values(plan: Plan, instances: Iterable[Buffer]) -> KnownValues:
    """Return what all instances of a study say of persons, if the plan cleans texts of it.

    Raises
    ------
    HoldError
        If an instance can't be read.
    """
    if not plan.cleans_texts:
        return NOTHING
    return reduce(or_, map(collect, instances), NOTHING)


def explain_instance(
    dicom: bytes,
    policy: Policy,
    plan: Plan,
    keys: ProjectKeys,
    known: KnownValues = NOTHING,
) -> tuple[ElementExplanation, ...]:
    """De-identify and verify an instance; return what became of each of its elements.

    ``known`` is what its study says of persons, as ``known_values`` returns it.

    Raises
    ------
    HoldError
        If the instance would be held.
    """
    deidentified = deidentify(dicom, plan, keys, known)
    verify(dicom, deidentified, plan, keys)
    if policy.recipe.profile == "none":
        return tuple(_forwarded(one, policy) for one in compare(dicom, dicom, ()))
    sop_class_uid = "".join(extract(dicom, ["SOPClassUID"])["SOPClassUID"][:1])
    object_plan = plan.for_sop_class(sop_class_uid)
    return tuple(
        _explain(difference, object_plan, policy.recipe.attributes)
        for difference in compare(dicom, deidentified.to_bytes(), deidentified.changes)
    )


def _explain(
    difference: Difference, plan: ObjectPlan, exceptions: Sequence[AttributeRule]
) -> ElementExplanation:
    change, rule = difference.change, _planned(difference.row, plan)
    if difference.fate == "added" or change.rule == "stamp":
        action, code, name, line = "write", change.code, change.rule, change.line
    elif difference.fate == "kept":
        action, code, name, line = rule.action, rule.code, rule.source, rule.line
    else:
        action, code, name, line = rule.action, change.code, change.rule, change.line
    if difference.fate == "kept" and rule is KEEP:
        clause = NOT_IN_TABLE
    else:
        clause = _because(difference.row, line, exceptions) or CLAUSES.get(name, "")
    return ElementExplanation(
        difference.path,
        action,
        code,
        name,
        line,
        clause,
        difference.fate,
        difference.before,
        difference.after,
    )


def _forwarded(difference: Difference, policy: Policy) -> ElementExplanation:
    text = difference.before
    because = policy.recipe.because
    return ElementExplanation(
        difference.path, "keep", "", "forwarded", 0, because, difference.fate, text, text
    )


def _because(row: Row, line: int, exceptions: Sequence[AttributeRule]) -> str:
    """Return why the policy departs from the profile; empty if it is not the policy's rule."""
    reasons = (
        rule.because
        for rule in exceptions
        if rule.line == line and is_named(row, canonical(rule.path))
    )
    return next(reasons, "")


def _planned(row: Row, plan: ObjectPlan) -> Rule:
    """Return the plan's rule for an element."""
    path = _tags(row.place)
    if row.creator:
        return plan.private(path, row.tag >> 16, row.creator, row.tag & 0xFF)
    return plan.level(path)[row.tag]


def _tags(place: Place) -> tuple[int, ...]:
    tags: list[int] = []
    while place is not None:
        place, tag, _ = place
        tags.append(tag)
    return tuple(reversed(tags))

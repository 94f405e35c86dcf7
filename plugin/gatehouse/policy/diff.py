"""Compare two versions of a policy in meaning: what is decided, done and delivered otherwise.

Comments, order of keys and wording do not matter; what an option changes is found in the compiled
plan, attribute by attribute, and not in the text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gatehouse.deid.plan import Plan, compile_plan
from gatehouse.deid.rules import Rule
from gatehouse.policy.attributes import Step, canonical, parse_attribute, private_name
from gatehouse.policy.conditions import describe
from gatehouse.policy.decide import decide
from gatehouse.policy.model import (
    Answer,
    Check,
    Condition,
    Delivery,
    InstanceFacts,
    Outcome,
    Pack,
    Policy,
)
from gatehouse.policy.sop_classes import SOP_CLASSES
from gatehouse.policy.units import duration_text
from gatehouse.standard import dictionary, table
from gatehouse.standard._safe_private import ELEMENTS as SAFE_PRIVATE


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a policy that means something else; texts for people, empty if it is not there.

    Parameters
    ----------
    part : str
        ``"match"``, ``"check adults-only"``, ``"deliver to research-pacs via dicom"`` ...
    """

    part: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Treatment:
    """An attribute that is treated otherwise."""

    attribute: str
    """As policies write it."""
    before: str
    """E.g. ``"remove (X, profile)"``; several, with ``/``, if the IOD decides."""
    after: str


@dataclass(frozen=True, slots=True)
class PolicyDiff:
    """What two versions of a policy do not have in common."""

    sections: tuple[Section, ...]
    attributes: tuple[Treatment, ...]
    warnings: tuple[str, ...]
    """What is easily overlooked, e.g. that pseudonyms will not fit those given so far."""

    def __bool__(self) -> bool:
        return bool(self.sections or self.attributes)


@dataclass(frozen=True, slots=True)
class OtherDecision:
    """A study that would be decided otherwise. Rules are the names of policy and rule."""

    study: str
    before: str
    """E.g. ``"accept by lung-ai/match"``."""
    after: str


def diff(old: Policy, new: Policy) -> PolicyDiff:
    """Return what another version of a policy means otherwise."""
    return PolicyDiff(
        sections=tuple(_sections(old, new)),
        attributes=()
        if "none" in (old.recipe.profile, new.recipe.profile)
        else tuple(treatments(compile_plan(old.recipe), compile_plan(new.recipe))),
        warnings=tuple(_warnings(old, new)),
    )


def decided_otherwise(
    old: Pack, new: Pack, studies: Iterable[tuple[str, Sequence[InstanceFacts]]]
) -> Iterator[OtherDecision]:
    """Yield the studies that another pack would decide otherwise.

    Parameters
    ----------
    old, new : Pack
        Two packs; for single policies ``Pack((policy,), policy.digest)``.
    studies : iterable of (str, sequence of InstanceFacts)
        A study's name and its facts, with the attributes that ``decide.attributes_of`` names for
        both packs.
    """
    for study, facts in studies:
        before, after = _decision(old, facts), _decision(new, facts)
        if before != after:
            yield OtherDecision(study, before, after)


def as_json(found: PolicyDiff) -> dict[str, Any]:
    """Return a comparison as REST answers it."""
    return {
        "sections": [
            {"part": one.part, "before": one.before, "after": one.after} for one in found.sections
        ],
        "attributes": [
            {"attribute": one.attribute, "before": one.before, "after": one.after}
            for one in found.attributes
        ],
        "warnings": list(found.warnings),
    }


def _decision(pack: Pack, facts: Sequence[InstanceFacts]) -> str:
    decision = decide(pack, facts)
    name = decision.policy.name if decision.policy else ""
    if decision.outcome is Outcome.ACCEPT:
        return f"accept by {name}"
    return f"{decision.outcome.value} by {name}{'/' if name else ''}{decision.rule}"


def _sections(old: Policy, new: Policy) -> Iterator[Section]:
    for part, before, after in (
        ("stage", old.stage, new.stage),
        ("match", in_words(old.match), in_words(new.match)),
    ):
        if before != after:
            yield Section(part, before, after)
    yield from _named("complete", _complete(old), _complete(new))
    yield from _named("check", _checks(old.checks), _checks(new.checks))
    yield from _named(
        "option",
        dict.fromkeys(old.recipe.options, "asked for"),
        dict.fromkeys(new.recipe.options, "asked for"),
    )
    for part, before, after in (
        ("profile", old.recipe.profile, new.recipe.profile),
        ("unlisted attributes", old.recipe.unlisted, new.recipe.unlisted),
        ("project", old.recipe.project, new.recipe.project),
        ("weekdays", _weekdays(old), _weekdays(new)),
        ("suspicious pixels", old.recipe.suspicious_pixels, new.recipe.suspicious_pixels),
    ):
        if before != after:
            yield Section(part, before, after)
    yield from _named("deliver", _deliveries(old.deliver), _deliveries(new.deliver))
    for part, before, after in (
        ("keep-local", old.keep_local_label or "no", new.keep_local_label or "no"),
        ("retain-original", _retained(old), _retained(new)),
    ):
        if before != after:
            yield Section(part, before, after)


def _named(part: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Section]:
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name, ""), new.get(name, "")
        if before != after:
            yield Section(f"{part} {name}", before, after)


def _checks(checks: Iterable[Check]) -> dict[str, str]:
    return {one.id: f"{in_words(one.condition)}, otherwise {one.otherwise}" for one in checks}


def _complete(policy: Policy) -> dict[str, str]:
    complete = policy.complete
    return {
        "quiet": duration_text(complete.quiet_s) if complete.quiet_s is not None else "",
        "expect": in_words(complete.expect) if complete.expect is not None else "",
        "longest-wait": ""
        if complete.longest_wait_s is None
        else duration_text(complete.longest_wait_s),
        "incomplete": complete.incomplete,
        "late-instances": complete.late_instances,
    }


def _deliveries(deliver: Iterable[Delivery]) -> dict[str, str]:
    return {f"to {one.to} via {one.via}": _delivery(one) for one in deliver}


def _delivery(one: Delivery) -> str:
    retry = one.retry
    pauses = f"{duration_text(retry.backoff_min_s)}..{duration_text(retry.backoff_max_s)}"
    words = f"tried for {duration_text(retry.longest_s)}, with pauses of {pauses}"
    if one.window:
        words += f", from {one.window[0]} to {one.window[1]}"
    if one.when is not None:
        words += f", when {in_words(one.when)}"
    if one.transfer_syntaxes:
        words += f", only in the transfer syntaxes {', '.join(one.transfer_syntaxes)}"
    if one.priority != "normal":
        words += f", with {one.priority} priority"
    if one.only_if_absent:
        words += ", only what is not there yet"
    if one.verify != "receipts":
        words += f", verified by {one.verify}"
    return words


def _weekdays(policy: Policy) -> str:
    return "kept" if policy.recipe.preserves_weekday else "not kept"


def _retained(policy: Policy) -> str:
    seconds = policy.retain_original_s
    return "forever" if seconds is None else duration_text(seconds)


def in_words(condition: Condition) -> str:
    """Return a condition in words; two that mean the same may still differ."""
    if condition.kind == "compare":
        missing = {Answer.YES: ", missing: match", Answer.NO: ", missing: no match"}
        return describe(condition) + missing.get(condition.if_missing, "")
    if condition.kind == "every-study":
        return "every study"
    inner = [in_words(child) for child in condition.children]
    if condition.kind in ("all", "any"):
        words = " and " if condition.kind == "all" else " or "
        return f"({words.join(sorted(inner))})" if len(inner) > 1 else "".join(inner)
    return f"{condition.kind} ({inner[0]})"


def _warnings(old: Policy, new: Policy) -> Iterator[str]:
    if old.recipe.project != new.recipe.project:
        yield (
            "another project: pseudonyms, UIDs and date offsets will not fit those given so far, "
            "and studies of one patient can't be joined"
        )
    if "retain-uids" in old.recipe.options ^ new.recipe.options:
        yield "a study that is processed again gets other UIDs than it had"
    if new.version < old.version:
        yield f"version {new.version} is lower than version {old.version}"
    elif new.version == old.version and new.digest != old.digest:
        yield f"both are version {old.version}, and the texts differ"


def treatments(old: Plan, new: Plan) -> Iterator[Treatment]:
    """Yield the attributes that two plans treat otherwise, by tag."""
    named = {*_named_attributes(old), *_named_attributes(new)}
    steps: dict[tuple[Step, ...], str] = {parse_attribute(name): name for name in named}
    if old.recipe.unlisted != new.recipe.unlisted:
        for keyword in dictionary.keywords():
            steps.setdefault((Step(dictionary.tag_of(keyword) or 0, "", ()),), keyword)
    for tag in table.rows():
        keyword = dictionary.keyword(tag) or f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
        steps.setdefault((Step(tag, "", ()),), keyword)
    for (creator, group), elements in SAFE_PRIVATE.items():
        for element in elements:
            step = Step(group << 16 | element, creator, ())
            steps.setdefault((step,), private_name(group, creator, element))
    by_tags = {tuple((one.tag, one.creator) for one in path): name for path, name in steps.items()}
    for path, name in sorted(by_tags.items()):
        before, after = _treatment(old, path), _treatment(new, path)
        if _without_source(before) != _without_source(after):
            yield Treatment(name, _in_words(before), _in_words(after))


def _named_attributes(plan: Plan) -> Iterator[str]:
    return (canonical(rule.path) for rule in plan.recipe.attributes)


def _treatment(plan: Plan, path: tuple[tuple[int, str], ...]) -> tuple[Rule, ...]:
    """Return the rules for an attribute, one for each SOP class."""
    above = tuple(tag for tag, _ in path[:-1])
    tag, creator = path[-1]
    rules = []
    for sop_class_uid in SOP_CLASSES:
        objects = plan.for_sop_class(sop_class_uid)
        if creator:
            rules.append(objects.private(above, tag >> 16, creator, tag & 0xFF))
        else:
            rules.append(objects.level(above)[tag])
    return tuple(rules)


def _without_source(rules: Iterable[Rule]) -> list[tuple[str, str, list[tuple[str, Any]]]]:
    """Return what is done, without who says so: a rule that moved its line means the same."""
    return [(one.action, one.code, sorted(one.parameters.items())) for one in rules]


def _in_words(rules: Iterable[Rule]) -> str:
    words = dict.fromkeys(f"{one.action} ({one.code}, {one.source}){_with(one)}" for one in rules)
    return " / ".join(words)


def _with(rule: Rule) -> str:
    if rule.source != "policy":
        return ""
    given = [f"{name} {value}" for name, value in rule.parameters.items() if name != "items"]
    return f" {', '.join(given)}" if given else ""

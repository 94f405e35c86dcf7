"""What a policy does to objects, as a conformance statement has to say it (PS3.2, PS3.15 E.1.1).

Everything is worked out from the policy as the engine follows it, so that it can't be out of date.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gatehouse.deid import dates, dummies
from gatehouse.deid.exceptions import parse_path
from gatehouse.deid.options import METHOD_CODES
from gatehouse.deid.plan import Plan, compile_plan
from gatehouse.deid.rules import Rule
from gatehouse.deid.stamp import longitudinal
from gatehouse.policy.attributes import canonical, private_name
from gatehouse.policy.model import Policy
from gatehouse.policy.sop_classes import SOP_CLASSES
from gatehouse.standard import dictionary, table
from gatehouse.standard._cid_7050 import CODES
from gatehouse.standard._safe_private import ELEMENTS as SAFE_PRIVATE
from gatehouse.standard._table_e1_1 import EDITION

_FIRST_GROUP = 8
"""Attributes of commands, of the file meta information and of directories are in no data set."""

_DONE = {
    "remove": "removed",
    "empty": "emptied",
    "pseudonym": "keyed pseudonym",
    "new-uid": "keyed UID",
    "shift-date": "moved by the patient's offset",
    "truncate-date": "cut short",
    "generalize": "made coarse",
    "clean-text": "cleaned of what identifies",
    "keep": "kept",
}


def conformance(policy: Policy) -> str:
    """Return the statement for a policy, in Markdown."""
    if policy.recipe.profile == "none":
        return (
            f"# {policy.name}, version {policy.version}\n\nNothing is de-identified: "
            f"{policy.recipe.because}\n"
        )
    plan = compile_plan(policy.recipe)
    lines = [*_head(policy, plan), "", *_attributes(plan), "", *_dummy_values(), ""]
    lines += [*_scope(plan), "", *_private(plan)]
    return "\n".join(lines) + "\n"


def _head(policy: Policy, plan: Plan) -> Iterator[str]:
    yield f"# De-identification by {policy.name}, version {policy.version}"
    yield ""
    yield f"- Profile: {CODES['113100']} (113100, DCM), PS3.15 {EDITION}"
    for option in sorted(policy.recipe.options):
        code = METHOD_CODES[option]
        yield f"- Option: {CODES[code]} ({code}, DCM)"
    yield "- Patient Identity Removed (0012,0062): YES"
    yield f"- Longitudinal Temporal Information Modified (0028,0303): {longitudinal(plan)}"
    is_held = policy.recipe.suspicious_pixels == "hold"
    yield f"- Images that may carry burned-in text: {'held' if is_held else 'passed on'}"
    yield f"- Policy: SHA-256 {policy.digest}"


def _attributes(plan: Plan) -> Iterator[str]:
    yield "## Attributes"
    yield ""
    yield (
        "At every depth of sequences. Where several actions are given, the Type of the attribute "
        "in the object's IOD decides."
    )
    yield ""
    yield "| Attribute | Tag | VR | Action | By |"
    yield "|---|---|---|---|---|"
    single = [attribute.path for attribute in plan.recipe.attributes if "/" not in attribute.path]
    named = {step for path in single if isinstance(step := parse_path(path)[-1], int)}
    for tag in sorted({*table.rows(), *named}):
        if tag >> 16 < _FIRST_GROUP:
            continue
        rules = [plan.for_sop_class(uid).level(())[tag] for uid in SOP_CLASSES]
        vr = dictionary.vr(tag) or ""
        name = dictionary.keyword(tag) or ""
        yield f"| {name} | ({tag >> 16:04X},{tag & 0xFFFF:04X}) | {vr} | {_words(rules, tag, vr)} |"
    for attribute in plan.recipe.attributes:
        if "/" in attribute.path or "{" in attribute.path:
            done = _DONE.get(attribute.action, attribute.action)
            yield f"| {canonical(attribute.path)} | | | {done} | policy |"


def _words(rules: Iterable[Rule], tag: int, vr: str) -> str:
    """Return what is done, and who says so, of all kinds of objects together."""
    found = dict.fromkeys((f"{rule.code}: {_done(rule, tag, vr)}", rule.source) for rule in rules)
    done = " / ".join(dict.fromkeys(done for done, _ in found))
    return f"{done} | {' / '.join(dict.fromkeys(source for _, source in found))}"


def _done(rule: Rule, tag: int, vr: str) -> str:
    if rule.action == "replace":
        return f"replaced by the policy's `{rule.parameters.get('with', '')}`"
    if rule.action == "shift-date" and vr in ("SH", "TM"):
        return "kept, if it is a time: offsets are whole days"
    if rule.action != "dummy":
        return _DONE[rule.action]
    if "items" in rule.parameters:
        return "dummy items"
    value = dummies.dummy(tag, vr.partition(" ")[0], b"")
    is_text = value is not None and value.isascii() and value.decode().isprintable()
    return f"dummy `{value.decode()}`" if value and is_text else "dummy"


def _dummy_values() -> Iterator[str]:
    yield "## Dummy values"
    yield ""
    yield "| VR | Dummy |"
    yield "|---|---|"
    for vr in sorted(dummies.BY_VR):
        yield f"| {vr} | `{dummies.BY_VR[vr].decode()}` |"
    yield "| others | zeros, of the original's length |"


def _scope(plan: Plan) -> Iterator[str]:
    weeks = " in whole weeks" if plan.recipe.preserves_weekday else ""
    yield "## Scope of consistency"
    yield ""
    yield (
        f"Pseudonyms, UIDs and offsets of dates are made with keys of the project "
        f"`{plan.recipe.project}`, derived from the master key of the site. Under the same master "
        "key:"
    )
    yield ""
    yield "- a UID has one replacement in all attributes, instances, studies and times;"
    yield "- a patient (Patient ID and its issuer) has one pseudonym in all studies;"
    yield (
        f"- dates of a patient move by one offset{weeks}, 1 to {dates.OFFSET_DAYS_MAX} days into "
        "the past, where they are moved; times of day stay;"
    )
    yield "- between projects, and between master keys, nothing is consistent."


def _private(plan: Plan) -> Iterator[str]:
    yield "## Private attributes"
    yield ""
    objects = plan.for_sop_class(SOP_CLASSES[0])
    kept = [
        (private_name(group, creator, element), vr, rule)
        for (creator, group), elements in sorted(SAFE_PRIVATE.items())
        for element, vr in sorted(elements.items())
        if (rule := objects.private((), group, creator, element)).action != "remove"
    ]
    if not kept:
        yield "All are removed, but for those that the policy names above."
        return
    yield (
        "These stay, if their VR is that of PS3.15 Table E.3.10-1, and those that an instance "
        "declares safe (Private Data Element Characteristics Sequence). All others are removed."
    )
    yield ""
    yield "| Attribute | VR | Action |"
    yield "|---|---|---|"
    for name, vr, rule in kept:
        yield f"| {name} | {vr} | {_DONE.get(rule.action, rule.action)} |"

"""Make the exceptions of a policy's ``attributes`` section, and find those that make no sense."""

from __future__ import annotations

import re

from gatehouse.deid.plan import Plan
from gatehouse.deid.recipe import AttributeRule
from gatehouse.policy import units
from gatehouse.policy.actions import ACTIONS
from gatehouse.policy.attributes import (
    Step,
    UnknownAttributeError,
    canonical,
    is_attribute,
    parse_attribute,
)
from gatehouse.policy.report import Report, nearest
from gatehouse.policy.shapes import Shapes
from gatehouse.policy.sop_classes import SOP_CLASSES
from gatehouse.policy.yaml_subset import Node
from gatehouse.standard.dictionary import keywords

DIRECT_IDENTIFIERS = frozenset(
    {
        0x00080050,  # Accession Number
        0x00100010,  # Patient's Name
        0x00100020,  # Patient ID
        0x00100021,  # Issuer of Patient ID
        0x00100030,  # Patient's Birth Date
        0x00100050,  # Patient's Insurance Plan Code Sequence
        0x00101000,  # Other Patient IDs
        0x00101001,  # Other Patient Names
        0x00101002,  # Other Patient IDs Sequence
        0x00101005,  # Patient's Birth Name
        0x00101040,  # Patient's Address
        0x00101060,  # Patient's Mother's Birth Name
        0x00101090,  # Medical Record Locator
        0x00102154,  # Patient's Telephone Numbers
        0x00102155,  # Patient's Telecom Information
        0x00102297,  # Responsible Person
        0x00380010,  # Admission ID
        0x00380500,  # Patient State
    }
)
"""Attributes that name or reach the patient; keeping one is listed as a warning."""

_STAMPED = {
    0x00120062: "PatientIdentityRemoved",
    0x00120063: "DeidentificationMethod",
    0x00120064: "DeidentificationMethodCodeSequence",
    0x00280303: "LongitudinalTemporalInformationModified",
}
# Without these an object is not that object any more, or no object at all.
_INSTANCE_UIDS = frozenset({0x00080018, 0x0020000D, 0x0020000E})
_SOP_CLASS_UID = 0x00080016
_CHARACTER_SET = 0x00080005


def build_attributes(
    node: Node | None, shapes: Shapes, report: Report
) -> tuple[AttributeRule, ...]:
    """Return the rules of an ``attributes`` section; those with a problem are left out."""
    rules: list[AttributeRule] = []
    seen: dict[tuple[tuple[int, str], ...], str] = {}
    for path, rule in node.items() if node else ():
        line = node.line_of(path) if node else 0
        steps = _steps(path, line, report)
        if steps is None or not shapes.is_right(rule):
            continue
        key = tuple((step.tag, step.creator) for step in steps)
        if key in seen:
            report.error(line, f"{path} is the same attribute as {seen[key]}")
            continue
        seen[key] = path
        fields = {name: value.value for name, value in rule.items()}
        action, because = fields.pop("action"), fields.pop("because")
        _check_rule(path, steps, action, line, report)
        if "with" in fields:
            _check_replacement(steps[-1], str(fields["with"]), rule.line_of("with"), report)
        rules.append(AttributeRule(path, action, because, line, fields))
    return tuple(rules)


def gone_above(rule: AttributeRule, plan: Plan) -> str:
    """Return the sequence on a rule's path that no object keeps; empty if there is none."""
    steps = parse_attribute(rule.path)
    for depth in range(1, len(steps)):
        above, tag = tuple(step.tag for step in steps[: depth - 1]), steps[depth - 1].tag
        rules = [plan.for_sop_class(uid).level(above)[tag] for uid in SOP_CLASSES]
        if all(one.code in ("X", "Z", "D") for one in rules):
            return "/".join(canonical(rule.path).split("/")[:depth])
    return ""


def _steps(path: str, line: int, report: Report) -> tuple[Step, ...] | None:
    if not is_attribute(path):
        return None  # that is the schema's problem already
    try:
        steps = parse_attribute(path)
    except UnknownAttributeError as error:
        report.error(line, f"{error.word} {error.problem}", nearest(error.word, keywords()))
        return None
    for step in steps[:-1]:
        if step.creator:
            report.error(
                line,
                f"{path}: a path can't lead through a private sequence",
                "name the attribute alone; it is then meant at every depth",
            )
            return None
        if "SQ" not in step.vrs:
            report.error(line, f"{path}: only a sequence (SQ) has attributes in it")
            return None
    return steps


def _check_rule(path: str, steps: tuple[Step, ...], action: str, line: int, report: Report) -> None:
    """Report an action that the attribute can't take."""
    last = steps[-1]
    vrs = last.vrs
    if last.tag & 0xFFFF == 0 and not last.creator:
        report.error(line, f"{path} is a group length, which is always removed")
    elif last.tag in _STAMPED and len(steps) == 1:
        report.error(
            line,
            f"{path} says how the object was de-identified, and is always written by Gatehouse",
            "PS3.15 E.1.1",
        )
    elif last.tag in _INSTANCE_UIDS and action not in ("new-uid", "keep"):
        report.error(line, f"{path} can't be treated so: an object needs it", "use new-uid or keep")
    elif last.tag in (_SOP_CLASS_UID, _CHARACTER_SET) and action != "keep":
        report.error(line, f"{path} can't be treated so: the object could not be read any more")
    elif vrs and not any(ACTIONS[action].function(vr) for vr in vrs):
        possible = [entry.name for entry in ACTIONS if any(entry.function(vr) for vr in vrs)]
        report.error(
            line,
            f'{path} is {" or ".join(vrs)} and can\'t take the action "{action}"',
            f"it takes: {', '.join(possible)}",
        )
    elif action == "keep" and last.tag in DIRECT_IDENTIFIERS:
        report.warning(
            line,
            f"{path} identifies the patient directly, and this policy keeps it",
            "have a privacy officer confirm this",
        )


_PATTERNS = {
    "AS": "[0-9]{3}[DWMY]",
    "CS": "[A-Z0-9_]+( +[A-Z0-9_]+)*",
    "DA": "[0-9]{8}",
    "DS": r"[+-]?[0-9]*\.?[0-9]+([eE][+-]?[0-9]+)?",
    "IS": "[+-]?[0-9]+",
    "TM": r"([01][0-9]|2[0-3])([0-5][0-9]([0-5][0-9](\.[0-9]{1,6})?)?)?",
    "UI": r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+",
}
_LENGTHS = {"AE": 16, "CS": 16, "DS": 16, "IS": 12, "LO": 64, "SH": 16, "UI": 64}


def _check_replacement(step: Step, value: str, line: int, report: Report) -> None:
    """Report a replacement that is no valid value (PS3.5 Table 6.2-1)."""
    for vr in step.vrs:
        too_long = len(value) > _LENGTHS.get(vr, len(value))
        if too_long or not _is_valid(vr, value):
            report.error(line, f"the replacement is no valid value of {vr}", "PS3.5 Table 6.2-1")
            return


def _is_valid(vr: str, value: str) -> bool:
    if any(ord(char) < 0x20 or char == "\\" for char in value):
        return False
    pattern = _PATTERNS.get(vr)
    if pattern is not None and not re.fullmatch(pattern, value):
        return False
    return vr not in ("DA", "DT") or units.date(value) is not None

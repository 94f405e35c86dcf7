"""Make conditions of nodes that the schema has checked, and find what a schema can't see.

What an attribute is compared as (number, age, date ...) is settled here, by its value
representation, so that a comparison that could never be answered is a problem of the policy and not
of a study at night.
"""

from __future__ import annotations

import re

from gatehouse.policy.attributes import UnknownAttributeError, is_attribute, parse_attribute
from gatehouse.policy.comparisons import (
    COMPARISONS,
    ORDERINGS,
    TEXT_ONLY,
    Kind,
    compile_pattern,
    read,
)
from gatehouse.policy.model import Answer, Condition
from gatehouse.policy.quantities import in_unit_of
from gatehouse.policy.report import Report, nearest
from gatehouse.policy.shapes import Shapes, shown
from gatehouse.policy.study_facts import KINDS, ORIGIN_FACTS, STUDY_FACTS
from gatehouse.policy.yaml_subset import Node
from gatehouse.standard.dictionary import keywords

EVERY_STUDY = Condition("every-study")

_KIND_OF_VR: dict[str, Kind] = {
    "AS": "age",
    "DA": "date",
    "DT": "date",
    "TM": "time",
    **dict.fromkeys(["DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV"], "number"),
}
_CODE = re.compile(r"[A-Za-z0-9_]{1,16}:[^:\\s][^:]{0,63}")
"""Coding Scheme Designator and Code Value (PS3.3 8.1, 8.2)."""

_NOT_COMPARABLE = frozenset({"SQ", "OB", "OW", "OD", "OF", "OL", "OV", "UN"})
_EXAMPLES: dict[Kind, str] = {
    "number": "a number such as 5 or 1.5",
    "age": "an age such as 18Y, 6M, 2W or 3D",
    "date": "a date such as 2026-03-31",
    "time": "a time such as 18:30",
    "address": "an address such as 10.1.2.3, or a network such as 10.1.0.0/16",
}
_IF_MISSING = {"match": Answer.YES, "no-match": Answer.NO}
_COMBINED = ("all", "any")
_WRAPPED = ("not", "every-instance", "any-instance")


def build_condition(
    node: Node, shapes: Shapes, report: Report, skip: frozenset[str] = frozenset()
) -> Condition:
    """Return the condition of a mapping node.

    Parameters
    ----------
    node : Node
        A mapping, or ``every-study``. What the schema has found wrong in it is left out.
    shapes : Shapes
        Knows what the schema has found wrong.
    report : Report
        Takes the problems.
    skip : frozenset of str
        Keys of the mapping that are no conditions.
    """
    if node.kind == "text":
        return Condition("every-study", line=node.line)
    parts = [
        _build_part(key, child, node.line_of(key), shapes, report)
        for key, child in node.items()
        if key not in skip
    ]
    return _together(parts, node.line)


def _together(parts: list[Condition], line: int) -> Condition:
    return parts[0] if len(parts) == 1 else Condition("all", tuple(parts), line=line)


def _build_part(key: str, node: Node, line: int, shapes: Shapes, report: Report) -> Condition:
    if key in _COMBINED:
        children = tuple(build_condition(child, shapes, report) for child in node.elements())
        return Condition(key, children, line=line)
    if key in _WRAPPED:
        return Condition(key, (build_condition(node, shapes, report),), line=line)
    kind = _kind_of_subject(key, line, report)
    if not shapes.is_right(node):
        return Condition("all", line=line)
    return _build_comparisons(key, node, line, kind, report)


def _build_comparisons(
    subject: str, node: Node, line: int, kind: Kind | None, report: Report
) -> Condition:
    word = node.get("if-missing")
    if_missing = _IF_MISSING[word.value] if word else Answer.UNKNOWN
    operators = [(name, value) for name, value in node.items() if name != "if-missing"]
    if not operators:
        names = ", ".join(COMPARISONS.names())
        report.error(line, f'"{subject}" has no comparison', f"add one of: {names}")
        return Condition("all", line=line)
    if kind == "number":
        for _, value in operators:
            _convert(subject, value)
    if _is_sequence(subject):
        _check_codes(subject, operators, line, report)
    parts = [
        Condition(
            "compare",
            subject=subject,
            operator=operator,
            expected=_expected(operator, value, kind, report),
            if_missing=if_missing,
            line=line,
            compared_as=_compared_as(operator, value, kind, report),
        )
        for operator, value in operators
    ]
    if word and all(part.operator == "exists" for part in parts):
        report.error(word.line, '"if-missing" has no use beside "exists", which is never unknown')
    return _together(parts, line)


def _kind_of_subject(subject: str, line: int, report: Report) -> Kind | None:
    """Return what a subject is compared as; None if only the comparison can tell."""
    if subject in ORIGIN_FACTS or subject in STUDY_FACTS:
        return KINDS.get(subject, "text")
    if not is_attribute(subject):
        return None  # that is the schema's problem already
    try:
        steps = parse_attribute(subject)
    except UnknownAttributeError as error:
        hint = nearest(error.word, keywords())
        report.error(line, f"{error.word} {error.problem}", hint)
        return None
    for step in steps[:-1]:
        if step.vrs and "SQ" not in step.vrs:
            report.error(line, f"{subject}: only a sequence (SQ) has attributes in it")
    vrs = steps[-1].vrs
    if "SQ" not in vrs and vrs and all(vr in _NOT_COMPARABLE for vr in vrs):
        report.error(line, f"{subject} holds bytes ({' or '.join(vrs)}) and can't be compared")
    if not vrs:
        return None
    return _KIND_OF_VR.get(vrs[0], "text")


def _is_sequence(subject: str) -> bool:
    try:
        return is_attribute(subject) and "SQ" in parse_attribute(subject)[-1].vrs
    except UnknownAttributeError:
        return False


def _check_codes(
    subject: str, operators: list[tuple[str, Node]], line: int, report: Report
) -> None:
    """Report what can't be asked of a sequence: only which codes its items are."""
    for operator, value in operators:
        codes = value.elements() or [value]
        if operator not in ("is", "in") or not all(
            isinstance(code.value, str) and _CODE.fullmatch(code.value) for code in codes
        ):
            report.error(
                line,
                f"{subject} is a sequence and has no value to compare",
                f"ask for a code (is: SCT:51185008), or name an attribute in it: {subject}/Keyword",
            )
            return


def _convert(subject: str, node: Node) -> None:
    """Write numbers with units in the unit of the attribute."""
    for value in node.elements() or [node]:
        if isinstance(value.value, str):
            value.value = in_unit_of(subject, value.value) or value.value


def _compared_as(operator: str, node: Node, kind: Kind | None, report: Report) -> Kind:
    if operator in TEXT_ONLY or operator == "exists":
        return "text"
    if operator not in ORDERINGS:
        return kind or "text"
    if kind is None or (kind == "text" and operator in ("at-least", "at-most")):
        kind = next((one for one in _ordered_kinds(operator) if _reads(node, one)), None)
    if kind not in _ordered_kinds(operator):
        examples = " or ".join(_EXAMPLES[one] for one in _ordered_kinds(operator))
        report.error(
            node.line,
            f'"{operator}" can\'t be asked of this with {shown(node)}',
            f"it takes {examples}",
        )
        return "text"
    return kind or "text"


def _ordered_kinds(operator: str) -> tuple[Kind, ...]:
    if operator in ("before", "after"):
        return ("date", "time")
    return ("age", "number", "date", "time")


def _reads(node: Node, kind: Kind) -> bool:
    return read(str(node.value), kind) is not None


def _expected(operator: str, node: Node, kind: Kind | None, report: Report) -> object:
    if operator == "matches":
        try:
            compile_pattern(node.value)
        except ValueError as error:
            report.error(
                node.line,
                f"this is not a regular expression that RE2 takes: {error}",
                "RE2 has no look-around and no back references, so that no value can hang it",
            )
        return node.value
    values = node.elements() or [node]
    if kind not in (None, "text") and operator not in TEXT_ONLY and operator != "exists":
        for value in values:
            if not _reads(value, kind):
                report.error(
                    value.line, f"{shown(value)} can't be compared", f"it takes {_EXAMPLES[kind]}"
                )
    return tuple(value.value for value in values) if node.kind == "sequence" else node.value

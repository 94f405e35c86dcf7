"""The cases of a policy: ``<name>.test.yaml`` as values.

A case is a study, in the words of the data dictionary, and what must happen to it. Here the file is
read and checked; ``run_cases`` runs it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gatehouse.policy.attributes import (
    UnknownAttributeError,
    canonical,
    is_attribute,
    parse_attribute,
)
from gatehouse.policy.cases_schema import cases_schema
from gatehouse.policy.model import Origin
from gatehouse.policy.report import Report, nearest
from gatehouse.policy.shapes import Shapes
from gatehouse.policy.yaml_subset import Node, parse
from gatehouse.standard.dictionary import keywords

_OWN_KEYS = frozenset({"file", "origin"})


@dataclass(frozen=True, slots=True)
class CaseInstance:
    """One instance of a case's study."""

    attributes: Mapping[str, Any]
    """Attribute as written -> value as written."""
    json_model: Mapping[str, Any]
    """DICOM JSON Model of the file it begins from; empty if there is none."""
    origin: Origin
    line: int


@dataclass(frozen=True, slots=True)
class ExpectedChange:
    """What must have happened to an attribute."""

    attribute: str
    word: str
    """``"kept"``, ``"removed"``, ``"emptied"``, ``"replaced"``, ``"added"`` or ``"becomes"``."""
    value: str
    """For ``"becomes"``."""
    line: int


@dataclass(frozen=True, slots=True)
class Golden:
    """A file that says what becomes of every element of a case's study."""

    file: str
    """Path from the policy's folder."""
    content: bytes | None
    """None if there is no such file yet; ``gatehouse test --update`` writes it."""
    line: int


@dataclass(frozen=True, slots=True)
class Case:
    """A study and what must happen to it."""

    name: str
    instances: tuple[CaseInstance, ...]
    decision: str
    """``"accept"``, ``"hold"``, ``"reject"`` or ``"no-match"``."""
    rule: str
    changes: tuple[ExpectedChange, ...]
    groups: Mapping[str, int]
    """Groups whose changes need not be named, with their lines."""
    line: int
    golden: Golden | None = None


def build_cases(
    content: bytes, report: Report, policy: str, files: Mapping[str, bytes]
) -> tuple[Case, ...]:
    """Return the cases of a test file; none if anything in it is wrong.

    Parameters
    ----------
    content : bytes
        The file.
    report : Report
        Takes the problems.
    policy : str
        Name of the policy whose folder the file is in.
    files : Mapping of str to bytes
        The files of the policy's folder, by their path in it.
    """
    top = parse(content, report)
    if top is None:
        return ()
    shapes = Shapes(cases_schema(), report)
    shapes.check(top, "the test file")
    name = top.get("policy")
    if name is not None and shapes.is_right(name) and name.value != policy:
        report.error(name.line, f'these are cases of "{name.value}"', f"write policy: {policy}")
    cases: list[Case] = []
    nodes = top.get("cases")
    for node in nodes.elements() if nodes else ():
        if _has_known_attributes(node, report) and shapes.is_right(node):
            case = _case(node, report, files)
            if any(case.name == other.name for other in cases):
                report.error(node.line_of("name"), f'two cases have the name "{case.name}"')
            cases.append(case)
    return () if report.has_errors else tuple(cases)


def _case(node: Node, report: Report, files: Mapping[str, bytes]) -> Case:
    study, expect = node.value["study"], node.value["expect"]
    origin = _origin(study.get("origin"), Origin())
    rule, changes = expect.get("rule"), expect.get("changes")
    groups = expect.get("groups")
    case = Case(
        name=node.value["name"].value,
        instances=tuple(
            _instance(instance, origin, report, files)
            for instance in study.value["instances"].elements()
        ),
        decision=expect.value["decision"].value,
        rule=rule.value if rule else "",
        changes=tuple(
            _change(attribute, change, changes.line_of(attribute))
            for attribute, change in (changes.items() if changes else ())
        ),
        groups={group.value: group.line for group in (groups.elements() if groups else ())},
        line=node.line,
        golden=_golden(expect.get("golden"), files),
    )
    _check_expectation(case, expect, report)
    return case


def _check_expectation(case: Case, expect: Node, report: Report) -> None:
    if case.decision in ("hold", "reject") and not case.rule:
        report.error(expect.line, f'a case that expects "{case.decision}" says by which "rule"')
    if case.decision in ("accept", "no-match") and case.rule:
        report.error(expect.line_of("rule"), f'"rule" has no use beside "{case.decision}"')
    if case.decision == "accept" and not case.golden and expect.get("changes") is None:
        report.error(expect.line, 'a case that expects "accept" says which "changes"')
    if case.golden and case.groups:
        report.error(expect.line_of("groups"), '"groups" has no use beside "golden"')
    if case.decision != "accept" and (case.changes or case.groups or case.golden):
        report.error(expect.line, "only an accepted study has changes")


def _golden(node: Node | None, files: Mapping[str, bytes]) -> Golden | None:
    return None if node is None else Golden(node.value, files.get(node.value), node.line)


def _change(attribute: str, node: Node, line: int) -> ExpectedChange:
    attribute = canonical(attribute)
    becomes = node.get("becomes")
    if becomes is not None:
        return ExpectedChange(attribute, "becomes", str(becomes.value), line)
    return ExpectedChange(attribute, node.value, "", line)


def _origin(node: Node | None, default: Origin) -> Origin:
    if node is None:
        return default
    values = {key.replace("-", "_"): value.value for key, value in node.items()}
    return Origin(**values)


def _instance(
    node: Node, origin: Origin, report: Report, files: Mapping[str, bytes]
) -> CaseInstance:
    file = node.get("file")
    return CaseInstance(
        attributes={key: value.plain() for key, value in node.items() if key not in _OWN_KEYS},
        json_model=_json_model(file, report, files) if file else {},
        origin=_origin(node.get("origin"), origin),
        line=node.line,
    )


def _json_model(node: Node, report: Report, files: Mapping[str, bytes]) -> Mapping[str, Any]:
    content = files.get(node.value)
    if content is None:
        report.error(
            node.line,
            f'there is no file "{node.value}" in the folder of the policy',
            nearest(node.value, [name for name in files if name.startswith("cases/")]),
        )
        return {}
    try:
        model = json.loads(content)
    except ValueError:
        model = None
    if not isinstance(model, dict):
        report.error(node.line, f'"{node.value}" is no DICOM JSON Model of one instance')
        return {}
    return model


def _has_known_attributes(case: Node, report: Report) -> bool:
    """Report attributes that do not exist, wherever a case names one; True if there are none."""
    before = len(report.problems)
    study, expect = case.get("study"), case.get("expect")
    instances = study.get("instances") if study else None
    for instance in instances.elements() if instances else ():
        _check_names(instance, report)
    changes = expect.get("changes") if expect else None
    for attribute, _ in changes.items() if changes else ():
        _check_name(attribute, changes.line_of(attribute) if changes else 0, report)
    return len(report.problems) == before


def _check_names(node: Node, report: Report) -> None:
    for key, value in node.items():
        if key[:1].isupper() or key.startswith("("):
            _check_name(key, node.line_of(key), report)
        for element in value.elements():
            _check_names(element, report)


def _check_name(attribute: str, line: int, report: Report) -> None:
    if not is_attribute(attribute):
        return  # that is the schema's problem already
    try:
        parse_attribute(attribute)
    except UnknownAttributeError as error:
        report.error(line, f"{error.word} {error.problem}", nearest(error.word, keywords()))

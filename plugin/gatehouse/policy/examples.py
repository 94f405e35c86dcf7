"""Make studies for which a policy's conditions answer yes, no or unknown.

A study is described as in a case. Begins with one that should be accepted, and then spoils one
comparison after the other, so that each condition is asked for each of its answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from gatehouse.policy.attributes import parse_attribute
from gatehouse.policy.conditions import comparisons_in
from gatehouse.policy.decide import conditions_of
from gatehouse.policy.example_values import TYPICAL, no_value, of_vr, yes_value
from gatehouse.policy.model import Condition, Policy
from gatehouse.policy.study_facts import ORIGIN_FACTS, STUDY_FACTS
from gatehouse.policy.synthetic import SERIES_INSTANCE_UID, SOP_CLASSES

INSTANCES_MAX: Final = 40

_MAY_STAY: Final = frozenset({"keep", "clean-text", "generalize"})

IDENTIFYING: Final = {
    "PatientName": "CANARY^Jane",
    "PatientID": "CANARY-0815",
    "PatientBirthDate": "19700131",
    "PatientSex": "F",
    "PatientAge": "054Y",
    "PatientWeight": "70",
    "PatientAddress": "CANARY Street 1",
    "StudyDate": "20240229",
    "AccessionNumber": "CANARY4711",
    "StudyDescription": "CANARY of Jane",
    "SeriesDescription": "axial, Ms CANARY",
    "InstitutionName": "CANARY Hospital",
    "ReferringPhysicianName": "CANARY^Rita",
    "OperatorsName": "CANARY^Olga",
    "DeviceSerialNumber": "SN-4477",
    "PatientComments": "call CANARY",
    "SliceThickness": "1.5",
}
"""What the accepted study of a policy has besides what its conditions ask for."""


@dataclass
class ExampleStudy:
    """A study as a case describes it."""

    origin: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    """Of every instance."""
    absent: set[str] = field(default_factory=set)
    """Attributes that it must not have."""
    series: int = 1
    instances: int = 1
    other: dict[str, Any] = field(default_factory=dict)
    """What one more instance has otherwise; empty if there is no such instance."""

    def described(self) -> dict[str, Any]:
        """Return the study as the cases' file has it."""
        every = []
        for number in range(max(self.instances, self.series)):
            attributes = dict(self.attributes)
            if self.series > 1:
                attributes["SeriesInstanceUID"] = f"{SERIES_INSTANCE_UID}.{number % self.series}"
            every.append(attributes)
        if self.other:
            differing = {**self.attributes, **self.other}
            every.append({name: one for name, one in differing.items() if one is not None})
        return {**({"origin": self.origin} if self.origin else {}), "instances": every}

    def set(self, subject: str, value: Any) -> None:
        """Give a fact or an attribute a value; None takes it away."""
        if value is None:
            self.absent.add(subject)
        if subject in STUDY_FACTS:
            self._set_shape(subject, value)
        elif subject in ORIGIN_FACTS:
            self.origin.pop(subject, None)
            if value:
                self.origin[subject] = value
        else:
            _put(self.attributes, subject, value)

    def _set_shape(self, subject: str, value: Any) -> None:
        if subject == "modalities-in-study":
            self.set("Modality", value)
        elif value is not None and value.isdecimal() and 1 <= int(value) <= INSTANCES_MAX:
            if subject == "number-of-series":
                self.series = int(value)
            elif subject == "number-of-instances":
                self.instances = int(value)


def accepted_study(policy: Policy) -> ExampleStudy:
    """Return a study that the policy should accept, with something for each of its exceptions."""
    study = ExampleStudy()
    for condition in conditions_of(policy):
        _satisfy(condition, study, wanted=True)
    for rule in policy.recipe.attributes:
        if _get(study.attributes, rule.path) is None:
            study.set(rule.path, _example(rule.path, may_stay=rule.action in _MAY_STAY))
    for subject, value in IDENTIFYING.items():
        if subject not in study.absent:
            study.attributes.setdefault(subject, value)
    if policy.recipe.profile == "none":  # nothing is taken out, so nothing is a canary
        study.attributes = {
            name: value.replace("CANARY", "EXAMPLE") if isinstance(value, str) else value
            for name, value in study.attributes.items()
        }
    return _with_modality(study)


def spoiled_studies(policy: Policy) -> Iterator[tuple[str, ExampleStudy]]:
    """Yield studies in which one comparison is answered no or unknown, with their names."""
    for leaf in (leaf for condition in conditions_of(policy) for leaf in comparisons_in(condition)):
        for value in (no_value(leaf), yes_value(leaf)):  # the latter beneath not
            if value is not None:
                yield (
                    f"a study with {value} as {leaf.subject}",
                    _spoiled(policy, leaf.subject, value),
                )
        if leaf.subject not in STUDY_FACTS or leaf.subject == "modalities-in-study":
            yield f"a study without {leaf.subject}", _spoiled(policy, leaf.subject, None)
    yield from _mixed_studies(policy)


def _mixed_studies(policy: Policy) -> Iterator[tuple[str, ExampleStudy]]:
    """Yield studies of which only one instance does not fit a check."""
    for leaf in (leaf for check in policy.checks for leaf in comparisons_in(check.condition)):
        if leaf.subject in STUDY_FACTS or leaf.subject in ORIGIN_FACTS or "/" in leaf.subject:
            continue
        values: list[tuple[str, str | None]] = [("without", None)]
        no = no_value(leaf)
        if no is not None:
            values.append((f"with {no} as", no))
        for words, value in values:
            study = _plain(policy)
            study.other = {leaf.subject: value}
            if value is None or leaf.subject == "Modality":
                study.other["SOPClassUID"] = SOP_CLASSES["CT"]
            yield f"a study with one instance {words} {leaf.subject}", study


def _spoiled(policy: Policy, subject: str, value: str | None) -> ExampleStudy:
    study = _plain(policy)
    study.set(subject, value)
    if "Modality" not in study.attributes:
        study.attributes["SOPClassUID"] = SOP_CLASSES["CT"]
    return _with_modality(study)


def _plain(policy: Policy) -> ExampleStudy:
    study = ExampleStudy()
    for condition in conditions_of(policy):
        _satisfy(condition, study, wanted=True)
    return _with_modality(study)


def _with_modality(study: ExampleStudy) -> ExampleStudy:
    modality = study.attributes.get("Modality")
    if modality is None and "SOPClassUID" not in study.attributes:
        study.attributes = {"Modality": "CT", **study.attributes}
    elif modality is not None and modality not in SOP_CLASSES:
        study.attributes.setdefault("SOPClassUID", SOP_CLASSES["OT"])
    return study


def _satisfy(condition: Condition, study: ExampleStudy, *, wanted: bool) -> None:
    """Give a study the values for which a condition should answer yes; no if it is not wanted."""
    kind = condition.kind
    if kind == "compare":
        value = yes_value(condition) if wanted else no_value(condition)
        if value is not None or condition.operator == "exists":
            study.set(condition.subject, value)
    elif kind == "not":
        _satisfy(condition.children[0], study, wanted=not wanted)
    elif kind == ("any" if wanted else "all"):  # one is enough
        _satisfy(condition.children[0], study, wanted=wanted)
    else:
        for child in condition.children:
            _satisfy(child, study, wanted=wanted)


def _example(path: str, *, may_stay: bool) -> Any:
    """Return an example for an attribute; for a private one with its VR.

    What may stay has no canary in it.
    """
    last = parse_attribute(path)[-1]
    text = "EXAMPLE" if may_stay else "CANARY"
    if last.creator:
        return {"vr": "LO", "value": text}
    vr = last.vrs[0] if last.vrs else "LO"
    if vr == "SQ":
        return [{"CodeMeaning": text}]
    return TYPICAL.get(path) or of_vr(vr).replace("CANARY", text)


def _put(attributes: dict[str, Any], path: str, value: Any) -> None:
    """Set an attribute, within the first item of each sequence that a path leads through."""
    first, *rest = _split(path)
    for name in rest:
        items = attributes.setdefault(first, [{}])
        attributes, first = (items[0] if isinstance(items, list) and items else {}), name
    attributes.pop(first, None)
    if value is not None:
        attributes[first] = value


def _get(attributes: dict[str, Any], path: str) -> Any:
    found: Any = attributes
    for name in _split(path):
        if isinstance(found, list):
            found = found[0] if found else None
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _split(path: str) -> list[str]:
    """Split a path at its slashes; those within a private creator's braces are none."""
    steps = [""]
    inside = False
    for char in path:
        inside = (inside or char == "{") and char != "}"
        if char == "/" and not inside:
            steps.append("")
        else:
            steps[-1] += char
    return steps

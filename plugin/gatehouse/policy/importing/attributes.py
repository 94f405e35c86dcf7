"""Take over one rule for one attribute, if a policy can have it and it is not there already."""

from __future__ import annotations

from typing import Any, Final

from gatehouse.deid.plan import compile_plan
from gatehouse.deid.recipe import Recipe
from gatehouse.policy.attributes import UnknownAttributeError, canonical, parse_attribute
from gatehouse.policy.build_attributes import build_attributes
from gatehouse.policy.importing.model import Imported
from gatehouse.policy.report import Report
from gatehouse.policy.schema import policy_schema
from gatehouse.policy.shapes import Shapes
from gatehouse.policy.write_yaml import flow
from gatehouse.policy.yaml_subset import parse

_WRITTEN_BY_US: Final = frozenset(
    {
        "PatientIdentityRemoved",
        "DeidentificationMethod",
        "DeidentificationMethodCodeSequence",
        "LongitudinalTemporalInformationModified",
    }
)
# For a CT slice, as everywhere where one IOD has to stand for all.
_SOP_CLASS_UID: Final = "1.2.840.10008.5.1.4.1.1.2"


def tag_name(tag: str) -> str | None:
    """Return an attribute by its eight digits as policies write it; None if it has no name."""
    digits = "".join(char for char in tag if char not in "(), ").upper()
    if len(digits) != 8 or any(char not in "0123456789ABCDEF" for char in digits):
        return None
    try:
        return canonical(f"({digits[:4]},{digits[4:]})")
    except UnknownAttributeError:
        return None


def take_over(
    imported: Imported, line: int, text: str, attribute: str, action: str, **parameters: Any
) -> None:
    """Add an exception, unless the profile does the same, or the attribute can't take the action.

    Parameters
    ----------
    imported : Imported
        Gets the exception, or the reason why there is none.
    line : int
        Line in the file that is imported.
    text : str
        The rule as it is there.
    attribute : str
        The attribute.
    action : str
        An action of policies.
    **parameters
        What the action needs besides; ``with_`` is written ``with``.
    """
    name = _known(attribute)
    if name is None:
        imported.leave(line, text, f"{attribute} is no attribute that a policy can name")
        return
    if name in _WRITTEN_BY_US:
        imported.leave(line, text, "Gatehouse writes by itself how it de-identified")
        return
    if name in imported.attributes:
        imported.leave(line, text, f"there is a rule for {name} already")
        return
    if action in ("remove", "empty", "new-uid", "keep") and _is_profile(name, action, imported):
        return  # nothing to write down
    given = {key.rstrip("_"): value for key, value in parameters.items()}
    if not all(str(value).isprintable() for value in given.values()):
        imported.leave(line, text, "its text has characters that no value may have")
        return
    rule = {"action": action, **given, "because": f"taken over from line {line} of the import"}
    problem = _problem(name, rule)
    if problem:
        imported.leave(line, text, problem)
        return
    imported.attributes[name] = rule


def _known(attribute: str) -> str | None:
    try:
        return canonical(attribute)
    except UnknownAttributeError:
        return None


def _is_profile(name: str, action: str, imported: Imported) -> bool:
    """Return whether profile and options do with an attribute what a rule asks for."""
    (step, *more) = parse_attribute(name)
    if more:
        return False
    recipe = Recipe("import", options=frozenset(imported.options), unlisted=imported.unlisted)
    objects = compile_plan(recipe).for_sop_class(_SOP_CLASS_UID)
    if step.creator:
        rule = objects.private((), step.tag >> 16, step.creator, step.tag & 0xFF)
    else:
        rule = objects.level(())[step.tag]
    return rule.action == action


def _problem(name: str, rule: dict[str, Any]) -> str:
    """Return what the loader of policies says of an exception; empty if it takes it."""
    report = Report("")
    node = parse(
        f"deidentify: {flow({'profile': 'basic', 'attributes': {name: rule}})}".encode(), report
    )
    section = node.get("deidentify") if node else None
    if section is None or node is None:
        return "a policy can't say this"
    shapes = Shapes(policy_schema(), report)
    shapes.check(node, "the policy")
    of_rule = [one for one in report.problems if "the policy has no key" not in one.message]
    report.problems[:] = of_rule
    build_attributes(section.get("attributes"), shapes, report)
    errors = [one.message for one in report.problems if one.severity == "error"]
    return errors[0] if errors else ""

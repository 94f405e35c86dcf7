"""Read a profile of Karnak (YAML): an ordered list of profile elements with tags and exceptions.

Source: the documentation of Karnak, "Profiles".
"""

from __future__ import annotations

from typing import Any, Final

from gatehouse.errors import PolicyError
from gatehouse.policy.importing.attributes import tag_name, take_over
from gatehouse.policy.importing.model import Imported
from gatehouse.policy.report import Report
from gatehouse.policy.yaml_subset import Node, parse

_ACTIONS: Final = {
    "K": "keep",
    "X": "remove",
    "Z": "empty",
    "D": "dummy",
    "U": "new-uid",
}
_FORMATS: Final = {"day": "month", "month_day": "year"}
_DATES: Final = ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate", "PatientBirthDate")


def read_karnak(content: bytes) -> Imported:
    """Read a profile.

    Raises
    ------
    PolicyError
        If it is none.
    """
    report = Report("profile")
    top = parse(content, report)
    if top is None:
        problem = report.problems[0]
        raise PolicyError(f"line {problem.line}: {problem.message}")
    elements = top.get("profileElements")
    if elements is None or not elements.elements():
        raise PolicyError("this is no profile of Karnak: it has no profileElements")
    imported = Imported()
    for element in elements.elements():
        imported.rules += 1
        _element(imported, element)
    masks = top.get("masks")
    if masks is not None and masks.elements():
        imported.leave(
            masks.line, "masks", "pixels can't be masked yet; suspicious images are held"
        )
    return imported


def _text(node: Node, key: str) -> str:
    found = node.get(key)
    return str(found.value) if found is not None and found.kind in ("text", "integer") else ""


def _element(imported: Imported, node: Node) -> None:
    codename, name = _text(node, "codename"), _text(node, "name")
    shown = f"{codename} {name}"
    if node.get("condition") is not None:
        imported.leave(node.line, shown, "rules under a condition: write a policy for each case")
        return
    match codename:
        case "basic.dicom.profile":
            return
        case "action.on.specific.tags" | "action.on.privatetags" | "replace.uid":
            _on_tags(imported, node, shown, codename)
        case "action.on.dates":
            _on_dates(imported, node, shown)
        case "clean.pixel.data":
            imported.leave(node.line, shown, "pixels can't be cleaned yet; such images are held")
        case "clean.recognizable.visual.features":
            imported.leave(node.line, shown, "faces can't be removed")
        case "expression.on.tags":
            imported.leave(node.line, shown, "a policy holds no expressions that are run")
        case _:
            imported.leave(node.line, shown, "there is nothing like it in a policy")


def _on_tags(imported: Imported, node: Node, shown: str, codename: str) -> None:
    action = "new-uid" if codename == "replace.uid" else _ACTIONS.get(_text(node, "action"))
    if action is None:
        imported.leave(node.line, shown, "its action is not known")
        return
    tags = node.get("tags")
    for tag in tags.elements() if tags is not None else []:
        for name in _names(imported, tag, shown):
            take_over(imported, tag.line, f"{shown} {tag.value}", name, action)
    if tags is None and codename == "action.on.privatetags" and action != "remove":
        imported.leave(node.line, shown, "private attributes are kept one by one, by their creator")
    if tags is None and codename != "action.on.privatetags":
        imported.leave(node.line, shown, "it names no tags")
    excluded = node.get("excludedTags")
    for tag in excluded.elements() if excluded is not None else []:
        imported.leave(tag.line, f"{shown} except {tag.value}", "name the exception by itself")


def _names(imported: Imported, tag: Node, shown: str) -> list[str]:
    """Return the attributes of a tag, which may be a pattern such as ``(0008,00XX)``."""
    written = str(tag.value)
    name = tag_name(written)
    if name is not None:
        return [name]
    why = "a pattern stands for many attributes: name those that are needed"
    if "X" not in written.upper():
        why = "it names no attribute that a policy can name"
    imported.leave(tag.line, f"{shown} {written}", why)
    return []


def _on_dates(imported: Imported, node: Node, shown: str) -> None:
    option, arguments = _text(node, "option"), _arguments(node)
    tags = node.get("tags")
    if option in ("shift", "shift_range", "shift_by_tag"):
        imported.change(node.line, shown, "dates are moved by a keyed offset of the patient")
        if tags is None:
            imported.options.add("retain-modified-dates")
            return
        action: dict[str, Any] = {"action": "shift-date"}
    elif option == "date_format" and arguments.get("remove") in _FORMATS:
        action = {"action": "truncate-date", "to": _FORMATS[arguments["remove"]]}
    else:
        imported.leave(node.line, shown, f'the option "{option}" of dates has no action')
        return
    places = [(tag.line, tag_name(str(tag.value)) or str(tag.value)) for tag in _elements(tags)]
    for line, name in places or [(node.line, name) for name in _DATES]:
        parameters = {key: value for key, value in action.items() if key != "action"}
        take_over(imported, line, f"{shown} {name}", name, action["action"], **parameters)


def _elements(node: Node | None) -> list[Node]:
    return node.elements() if node is not None else []


def _arguments(node: Node) -> dict[str, str]:
    arguments = node.get("arguments")
    return {key: str(one.value) for key, one in arguments.items()} if arguments else {}

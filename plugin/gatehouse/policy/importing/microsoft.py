"""Read a configuration of Microsoft's DICOM anonymization tool (JSON).

Rules are in the order in which they win: ``{"tag": "(0010,0010)", "method": "redact"}``, also by
keyword, by VR (``"DA"``) or by a mask (``"(0040,xxxx)"``), with parameters of their own or of
``customSettings``.

Source: Microsoft, Tools for Health Data Anonymization, "DICOM data anonymization".
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from gatehouse.errors import PolicyError
from gatehouse.policy.attributes import UnknownAttributeError, canonical
from gatehouse.policy.importing.attributes import tag_name, take_over
from gatehouse.policy.importing.model import Imported

_ACTIONS: Final = {
    "keep": "keep",
    "remove": "remove",
    "refreshuid": "new-uid",
    "dateshift": "shift-date",
    "cryptohash": "pseudonym",
    "redact": "empty",
}
_CHANGED: Final = {
    "dateshift": "dates are moved by a keyed offset of the patient, without a range of its own",
    "cryptohash": "the hash becomes a keyed pseudonym of the project",
}
_WHY_NOT: Final = {
    "perturb": "numbers are not made noisy",
    "encrypt": "nothing that could be turned back leaves",
    "substitute": "it says no text to write",
}
_DATE_OPTIONS: Final = frozenset({"DA", "DT"})


def read_microsoft(content: bytes) -> Imported:
    """Read a configuration.

    Raises
    ------
    PolicyError
        If it is none.
    """
    try:
        text = content.decode("utf-8-sig")
        top = json.loads(text)
    except (ValueError, RecursionError):
        raise PolicyError("this is no JSON") from None
    rules = top.get("rules") if isinstance(top, dict) else None
    if not isinstance(rules, list) or not rules:
        raise PolicyError("this is no configuration of the DICOM anonymization: it has no rules")
    imported = Imported()
    lines = _lines(text)
    for number, rule in enumerate(rules):
        line = lines[number] if number < len(lines) else 1
        imported.rules += 1
        if not isinstance(rule, dict):
            imported.leave(line, str(rule), "a rule is an object")
            continue
        _rule(imported, line, {str(key): value for key, value in rule.items()})
    _defaults(imported, text, top)
    return imported


def _lines(text: str) -> list[int]:
    """Return the lines on which rules say what they are for: JSON itself has none."""
    begin = text.find('"rules"')
    found = re.finditer(r'"tag"\s*:', text[begin:])
    return [text.count("\n", 0, begin + one.start()) + 1 for one in found]


def _rule(imported: Imported, line: int, rule: dict[str, Any]) -> None:
    tag, method = str(rule.get("tag", "")), str(rule.get("method", "")).lower()
    shown = f"{tag} {method}"
    attribute = tag_name(tag) or _known(tag)
    if attribute is None:
        _several(imported, line, tag, method, shown)
        return
    parameters = rule.get("params")
    given = parameters if isinstance(parameters, dict) else {}
    if method == "substitute" and given.get("replaceWith"):
        text = str(given["replaceWith"])
        take_over(imported, line, shown, attribute, "replace", with_=text)
        return
    if method not in _ACTIONS:
        imported.leave(line, shown, _WHY_NOT.get(method, f'the method "{method}" is not known'))
        return
    if given.get("enablePartialDatesForRedact") or given.get("enablePartialAgesForRedact"):
        imported.change(line, shown, "it is emptied whole; what stays in part is said by an action")
    if method == "cryptohash" and attribute in ("PatientID", "PatientName"):
        imported.change(line, shown, "the profile replaces it by the patient's keyed pseudonym")
        return
    if method in _CHANGED:
        imported.change(line, shown, _CHANGED[method])
    take_over(imported, line, shown, attribute, _ACTIONS[method])


def _several(imported: Imported, line: int, tag: str, method: str, shown: str) -> None:
    """Take over a rule for a VR or a mask of tags, where there is something like it."""
    if tag in _DATE_OPTIONS and method == "dateshift":
        imported.options.add("retain-modified-dates")
        imported.change(line, shown, _CHANGED[method])
    elif tag == "UI" and method == "refreshuid":
        return  # the profile does it, but for UIDs of the Standard itself
    elif tag == "PN" and method in ("redact", "remove"):
        return  # the profile removes, empties or replaces every person's name
    elif len(tag) == 2 and tag.isupper():
        imported.leave(line, shown, "a rule for a VR stands for many attributes: name them")
    elif "x" in tag.lower() and tag.startswith("("):
        imported.leave(line, shown, "a mask stands for many attributes: name them")
    else:
        imported.leave(line, shown, "it names no attribute that a policy can name")


def _defaults(imported: Imported, text: str, top: dict[str, Any]) -> None:
    for section in ("defaultSettings", "customSettings"):
        settings = top.get(section)
        for name in settings if isinstance(settings, dict) else ():
            at = text.find(f'"{name}"', text.find(f'"{section}"'))
            line = text.count("\n", 0, max(at, 0)) + 1
            imported.leave(line, f"{section} {name}", "actions have no settings of this kind")


def _known(name: str) -> str | None:
    if not name[:1].isupper() or len(name) == 2:
        return None
    try:
        return canonical(name)
    except UnknownAttributeError:
        return None

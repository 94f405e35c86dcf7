"""Example values: what makes a comparison answer yes or no, and what an attribute may look like.

For the cases that ``gatehouse new`` and ``gatehouse import`` write. What comes out is tried by
running it, so a value that misses its aim makes a case weaker, and never wrong.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from gatehouse.policy import units
from gatehouse.policy.model import Condition

_BY_VR: Final = {
    "AE": "CANARYAET",
    "AS": "054Y",
    "CS": "CANARY",
    "DA": "20240229",
    "DS": "1.5",
    "DT": "20240229101500",
    "FD": "1",
    "FL": "1",
    "IS": "7",
    "SL": "7",
    "SS": "7",
    "SV": "7",
    "TM": "101500",
    "UI": "1.2.3.4.5.6.7.8",
    "UL": "7",
    "UR": "https://canary.example",
    "US": "7",
    "UV": "7",
}
TYPICAL: Final = {
    "BodyPartExamined": "CHEST",
    "ImageType": "ORIGINAL",
    "Manufacturer": "SIEMENS",
    "Modality": "CT",
    "PhotometricInterpretation": "MONOCHROME2",
}
"""Attributes of which only few values make sense."""

_TEXT: Final = "CANARY"
_OTHER: Final = "OTHER"


def of_vr(vr: str) -> str:
    """Return an example of a value; text has a canary in it."""
    return _BY_VR.get(vr, _TEXT)


def yes_value(leaf: Condition) -> str | None:
    """Return a value for which a comparison answers yes; None if none is known, or none is it."""
    expected, operator = leaf.expected, leaf.operator
    if operator == "exists":
        return _any_value(leaf) if expected else None
    if operator == "in":
        return str(expected[0])
    if operator == "matches":
        return _literal(str(expected))
    if operator == "after":
        return _moved(str(expected), leaf.compared_as, 1)
    if operator == "before":
        return _moved(str(expected), leaf.compared_as, -1)
    if leaf.compared_as == "address":
        return str(expected).partition("/")[0]
    return _written(str(expected), leaf.compared_as)


def no_value(leaf: Condition) -> str | None:
    """Return a value for which a comparison answers no; None if none is known, or none is it."""
    expected, operator, kind = leaf.expected, leaf.operator, leaf.compared_as
    if operator == "exists":
        return None if expected else _any_value(leaf)
    if operator in ("at-least", "after"):
        return _moved(str(expected), kind, -1)
    if operator in ("at-most", "before"):
        return _moved(str(expected), kind, 1)
    if kind == "address":
        return "192.0.2.77"  # of a network that is only for examples (RFC 5737)
    if kind == "text":
        return _OTHER
    several = expected if isinstance(expected, tuple) else (expected,)
    return _moved(str(max(several, key=str)), kind, 1)


def _any_value(leaf: Condition) -> str:
    if leaf.subject in TYPICAL:
        return TYPICAL[leaf.subject]
    kinds = {"number": "7", "age": "054Y", "date": "20240229", "time": "101500"}
    return kinds.get(leaf.compared_as, "7")


def _literal(pattern: str) -> str | None:
    """Return a text that fits a simple expression: one that is text but for its ends."""
    text = pattern.removeprefix("^").removesuffix("$")
    return text if text and not set(text) & set("\\.[](){}*+?|^$") else None


def _written(text: str, kind: str) -> str:
    """Return a value as DICOM writes it: ages with three digits, dates and times with digits."""
    if kind == "age" and text[:-1].isdecimal():
        return f"{int(text[:-1]):03d}{text[-1].upper()}"
    if kind == "date":
        return text.replace("-", "").replace(".", "")
    return text.replace(":", "") if kind == "time" else text


def _moved(text: str, kind: str, by: int) -> str | None:
    """Return a value that is greater or less by one; None if there is none."""
    if kind == "age":
        number = int(text[:-1]) + by
        return f"{number:03d}{text[-1].upper()}" if 0 <= number <= 999 else None
    if kind == "number":
        found = units.number(text)
        return None if found is None else f"{found + Decimal(by):f}"
    if kind == "date":
        digits = _written(text, kind)
        return f"{int(digits[:4]) + by:04d}0101"
    if kind == "time":
        hours = int(text[:2]) + by
        return f"{hours:02d}0000" if 0 <= hours <= 23 else None
    return None

"""A policy's exceptions for single attributes: how they are written, and how they are found.

``PatientName``, ``(0010,0010)``, ``(0019,{SIEMENS MR HEADER},0C)``, or a path of these joined with
``/``. A single attribute is meant at every depth, a path is anchored at the top of the data set.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from gatehouse.deid.dummy_items import DUMMY_ITEMS
from gatehouse.deid.recipe import ActionName, AttributeRule
from gatehouse.deid.rules import Rule
from gatehouse.errors import PolicyError
from gatehouse.standard import dictionary

CODES: dict[ActionName, str] = {
    "keep": "K",
    "remove": "X",
    "empty": "Z",
    "dummy": "D",
    "replace": "D",
    "pseudonym": "D",
    "new-uid": "U",
    "shift-date": "C",
    "truncate-date": "C",
    "generalize": "C",
    "clean-text": "C",
}
"""Action of a policy -> action code of Table E.1-1a."""

_STEP = r"""(?P<keyword>[A-Za-z][A-Za-z0-9]*)
      | \( (?P<group>[0-9A-Fa-f]{4}) , (?P<element>[0-9A-Fa-f]{4}) \)
      | \( (?P<odd>[0-9A-Fa-f]{4}) , \{ (?P<creator>[^{}]+) \} , (?P<low>[0-9A-Fa-f]{2}) \)"""


class PrivateTag(NamedTuple):
    """A private attribute, wherever its block is."""

    group: int
    creator: str
    element: int
    """The low byte of the element number."""


Step = int | PrivateTag


def _step(match: re.Match[str], text: str) -> Step:
    if keyword := match["keyword"]:
        tag = dictionary.tag_of(keyword)
        if tag is None:
            raise PolicyError(f"{text}: there is no attribute {keyword} in the data dictionary")
        return tag
    if match["group"]:
        tag = int(match["group"] + match["element"], 16)
        if tag >> 16 & 1:
            raise PolicyError(
                f"{text}: a private attribute is written with its creator, "
                "e.g. (0019,{SIEMENS MR HEADER},0C)"
            )
        return tag
    group = int(match["odd"], 16)
    if not group & 1:
        raise PolicyError(f"{text}: the group of a private attribute is odd")
    return PrivateTag(group, match["creator"].strip(), int(match["low"], 16))


def parse_path(text: str) -> tuple[Step, ...]:
    """Return the steps of an attribute as a policy writes it.

    Raises
    ------
    PolicyError
        If it is not understood. The text is the policy's, so the message may quote it.
    """
    steps: list[Step] = []
    position = 0
    while True:
        match = re.compile(_STEP, re.VERBOSE).match(text, position)
        if match is None:
            raise PolicyError(
                f"{text}: not an attribute; write PatientName, (0010,0010), "
                "(0019,{SIEMENS MR HEADER},0C), or a path of these joined with /"
            )
        steps.append(_step(match, text))
        position = match.end()
        if position == len(text):
            break
        if text[position] != "/":
            raise PolicyError(f"{text}: the steps of a path are joined with /")
        position += 1
    if any(isinstance(step, PrivateTag) for step in steps[:-1]):
        raise PolicyError(
            f"{text}: a path can't lead through a private sequence; "
            "name the attribute alone, it is then meant at every depth"
        )
    return tuple(steps)


def _items(attribute: AttributeRule, step: Step) -> dict[str, Any]:
    """Return what a dummy for a sequence consists of."""
    if attribute.action != "dummy" or isinstance(step, PrivateTag):
        return {}
    if dictionary.vr(step) != "SQ":
        return {}
    if step not in DUMMY_ITEMS:
        raise PolicyError(
            f"{attribute.path}: there is no dummy for this sequence; empty or remove it"
        )
    return {"items": DUMMY_ITEMS[step]}


class Exceptions:
    """The exceptions of a policy, by path. The path wins over the attribute alone."""

    def __init__(self, attributes: Iterable[AttributeRule]) -> None:
        self._bare: dict[Step, Rule] = {}
        self._anchored: dict[tuple[Step, ...], Rule] = {}
        for attribute in attributes:
            steps = parse_path(attribute.path)
            if attribute.action not in CODES:
                raise PolicyError(f"{attribute.path}: there is no action {attribute.action!r}")
            code = CODES[attribute.action]
            parameters = {**attribute.parameters, **_items(attribute, steps[-1])}
            rule = Rule(attribute.action, code, "policy", attribute.line, parameters)
            if len(steps) == 1:
                known = self._bare.setdefault(steps[0], rule)
            else:
                known = self._anchored.setdefault(steps, rule)
            if known is not rule:
                raise PolicyError(f"{attribute.path}: the policy has two rules for this attribute")

    def find(self, path: tuple[int, ...], step: Step) -> Rule | None:
        """Return the rule for an attribute in the data set at this path of sequences."""
        if self._anchored:
            anchored = self._anchored.get((*path, step))
            if anchored is not None:
                return anchored
        return self._bare.get(step)

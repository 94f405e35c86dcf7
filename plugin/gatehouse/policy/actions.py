"""The actions of a policy's ``attributes`` section: what they are, take and need.

Each function answers whether an attribute of a value representation can take its action. What an
action does to bytes is the engine's work; this module only knows what makes sense to ask for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gatehouse.policy.registry import Registry

ACTIONS: Registry[Callable[[str], bool]] = Registry("action")
action = ACTIONS.register

TEXT_VRS = frozenset(
    [
        "AE",
        "AS",
        "CS",
        "DA",
        "DS",
        "DT",
        "IS",
        "LO",
        "LT",
        "PN",
        "SH",
        "ST",
        "TM",
        "UC",
        "UI",
        "UR",
        "UT",
    ]
)
_DATE_VRS = frozenset({"DA", "DT", "TM"})
_FREE_TEXT_VRS = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})


def _parameter(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"properties": {name: schema}, "required": [name]}


@action("keep", source="PS3.15 Table E.1-1a, K")
def keep(vr: str) -> bool:  # noqa: ARG001
    """Keep the value. A sequence is kept, and its items are cleaned as everything else is."""
    return True


@action("remove", source="PS3.15 Table E.1-1a, X")
def remove(vr: str) -> bool:  # noqa: ARG001
    """Remove the attribute."""
    return True


@action("empty", source="PS3.15 Table E.1-1a, Z")
def empty(vr: str) -> bool:  # noqa: ARG001
    """Keep the attribute without a value."""
    return True


@action("dummy", source="PS3.15 Table E.1-1a, D")
def dummy(vr: str) -> bool:  # noqa: ARG001
    """Replace the value with a constant that is valid for the value representation."""
    return True


@action(
    "replace",
    source="PS3.15 Table E.1-1a, D",
    schema=_parameter(
        "with",
        {
            "type": ["string", "integer"],
            "minLength": 1,
            "maxLength": 1024,
            "description": "The new value, the same in every instance.",
        },
    ),
)
def replace(vr: str) -> bool:
    """Replace the value with the text that ``with`` gives."""
    return vr in TEXT_VRS


@action("pseudonym", source="PS3.15 Table E.1-1a, D")
def pseudonym(vr: str) -> bool:
    """Replace the value with a keyed pseudonym: the same value gives the same one in a project."""
    return vr in _FREE_TEXT_VRS


@action("new-uid", source="PS3.15 Table E.1-1a, U")
def new_uid(vr: str) -> bool:
    """Replace a UID with a keyed one: the same UID gives the same new one in a project."""
    return vr == "UI"


@action("shift-date", source="PS3.15 Table E.1-1a, C; E.3.6")
def shift_date(vr: str) -> bool:
    """Move a date or time by the patient's offset; intervals stay as they are."""
    return vr in _DATE_VRS


@action(
    "truncate-date",
    source="PS3.15 Table E.1-1a, C",
    schema=_parameter(
        "to", {"enum": ["year", "month"], "description": "What stays; the rest becomes 01."}
    ),
)
def truncate_date(vr: str) -> bool:
    """Keep the year, or year and month, of a date."""
    return vr in {"DA", "DT"}


@action("generalize", source="PS3.15 Table E.1-1a, C")
def generalize(vr: str) -> bool:
    """Make an age coarse, so that it no longer points to one person."""
    return vr == "AS"


@action("clean-text", source="PS3.15 Table E.1-1a, C; E.3.5")
def clean_text(vr: str) -> bool:
    """Keep a text after what identifies was taken out of it."""
    return vr in _FREE_TEXT_VRS

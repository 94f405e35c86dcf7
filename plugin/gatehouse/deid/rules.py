"""What the plan says about one element: a rule."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from gatehouse.deid.recipe import ActionName

NO_PARAMETERS: Mapping[str, Any] = MappingProxyType({})


class Rule(NamedTuple):
    """The action for one element, and where it comes from.

    A sequence that is kept, or has the code C or U, is kept with its items, and each item's
    elements have rules of their own; with any other action its items are of no interest.
    """

    action: ActionName
    code: str
    """Action code of Table E.1-1a, resolved: D, Z, X, K, C or U."""
    source: str
    """``"profile"``, an option's name, ``"policy"``, ``"private"`` or ``"unknown"``."""
    line: int = 0
    """Line in the policy, for the source ``"policy"``."""
    parameters: Mapping[str, Any] = NO_PARAMETERS
    """What the action needs besides, e.g. ``with`` of replace; ``items`` of a dummy sequence."""


KEEP = Rule("keep", "K", "profile")
"""For what no table, option or policy speaks of. The engine passes it on as it came."""

GROUP_LENGTH = Rule("remove", "X", "profile")
"""Group lengths are retired, and would be wrong after any change (PS3.5 section 7.2)."""

UNKNOWN = Rule("remove", "X", "unknown")
"""A public element that is not in the dictionary can't be said to be free of identifiers."""

PRIVATE = Rule("remove", "X", "private")

UNLISTED = Rule("remove", "X", "unlisted")
"""Under an allow-list: the profile would pass it on, and the policy does not name it."""

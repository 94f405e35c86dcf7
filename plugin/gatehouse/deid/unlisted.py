"""An allow-list: of what the profile passes on, only what the policy names stays.

For recipes with ``unlisted="remove"``. Attributes for which an option or an exception has an action
are named in that sense; what the profile removes, empties or replaces is so in any case. Within a
sequence that is named, the profile decides as it always does.
"""

from __future__ import annotations

from typing import Final

from gatehouse.deid import pixels
from gatehouse.deid.rules import UNLISTED, Rule

_GROUPS: Final = frozenset({0x0028, 0x7FE0})
"""Without its Image Pixel Module, Pixel Data means nothing (PS3.3 C.7.6.3)."""

_OBJECT: Final = frozenset(
    {
        0x00080005,  # Specific Character Set
        0x00080016,  # SOP Class UID
        0x00080060,  # Modality
        0x00200011,  # Series Number
        0x00200013,  # Instance Number
        0x00200020,  # Patient Orientation
        0x00200032,  # Image Position (Patient)
        0x00200037,  # Image Orientation (Patient)
    }
)
"""Without these an object is not the object it says, or its images are in no order."""


def restricted(path: tuple[int, ...], tag: int, rule: Rule) -> Rule:
    """Return what an allow-list makes of the profile's rule for an attribute."""
    if path or rule.action != "keep" or rule.code != "K" or rule.source != "profile":
        return rule
    # By the attributes of `pixels` images that may carry text are told from others: they stay.
    if tag >> 16 in _GROUPS or tag in _OBJECT or tag in pixels.TAGS:
        return rule
    return UNLISTED

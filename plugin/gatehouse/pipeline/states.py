"""The states of a study and of a delivery, and the transitions between them, as data.

Each run over a study is a generation. New or changed instances, and a person who asks for it, open
the next generation from any state; every other transition stays within one generation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

StudyState = Literal[
    "receiving",
    "waiting",
    "processing",
    "delivering",
    "done",
    "held",
    "rejected",
    "archived",
]

DeliveryState = Literal["waiting", "sending", "delivered", "failed", "cancelled", "superseded"]

STUDY_STATES: tuple[StudyState, ...] = get_args(StudyState)
DELIVERY_STATES: tuple[DeliveryState, ...] = get_args(DeliveryState)

TRANSITIONS: Mapping[StudyState, frozenset[StudyState]] = {
    # Quiet for its time.
    "receiving": frozenset({"waiting", "held"}),
    # A worker began; held where the archive lost an instance before that.
    "waiting": frozenset({"processing", "held"}),
    "processing": frozenset({"delivering", "done", "held", "rejected"}),
    # Held again when a destination did not take it for the longest time.
    "delivering": frozenset({"done", "held"}),
    "done": frozenset(),
    # An operator has a delivery that was given up tried again, or cancels it.
    "held": frozenset({"delivering"}),
    "rejected": frozenset(),
    "archived": frozenset(),
}
"""What may follow within one generation."""

OPENS_GENERATION: frozenset[StudyState] = frozenset(STUDY_STATES) - {"receiving"}
"""States in which a new or changed instance opens the next generation, in state ``receiving``.

While a study is still ``receiving``, it simply joins the generation. ``waiting`` is among these
because its workflow may already be queued under the generation's name: a name is used once.
"""

OPEN_DELIVERIES: frozenset[DeliveryState] = frozenset({"waiting", "sending"})
"""Deliveries that will still be tried."""

"""The states of a study and of a delivery, and the steps between them, as data.

Each run over a study is a generation. New or changed instances, and a person who asks for it, open
the next generation from nearly any state; every other step stays within one generation. The ledger
takes no step that is not in this table; ``docs/states.md`` is drawn from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, get_args

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

MEANINGS: Final[Mapping[StudyState, str]] = {
    "receiving": "instances still come",
    "waiting": "complete; a worker will begin with it",
    "processing": "a worker asks, decides, de-identifies, verifies and keeps",
    "delivering": "every output is verified and recorded; destinations take them",
    "done": "each destination has given its receipts, or a person cancelled that, or there is none",
    "held": "nothing of this run leaves unless a person does something, or more comes",
    "rejected": "a rule or a person said that it is not to be processed",
    "archived": "it was in Orthanc before Gatehouse, and is left alone until a person asks",
}


class Step(NamedTuple):
    """One kind of step of a study.

    Parameters
    ----------
    source : str or None
        None: the study was not known yet.
    reason : str
        What the history says where there is no better reason.
    opens : bool
        Whether the step begins the next generation.
    by_person : bool
        Whether only a person can cause it: a worker that does a step twice must not.
    """

    source: StudyState | None
    target: StudyState
    event: str
    reason: str
    opens: bool = False
    by_person: bool = False


_LATE: Final = "new or changed instances came"
_AGAIN: Final = "it was asked for again"

STEPS: Final[tuple[Step, ...]] = (
    Step(None, "receiving", "first instance", "its first instance came"),
    Step(None, "archived", "found", "it was in Orthanc before Gatehouse"),
    Step("receiving", "waiting", "quiet", "no instance came for its time"),
    Step("waiting", "processing", "begun", "a worker began with it"),
    # Before its first step, when what it needs does not answer for a day.
    Step("waiting", "held", "held", "it can't be begun with"),
    Step("processing", "delivering", "made", "every instance is made, verified and recorded"),
    Step("processing", "done", "nothing to deliver", "it is made, and its policy delivers nothing"),
    Step("processing", "held", "held", "a rule holds it"),
    Step("processing", "rejected", "rejected", "a rule rejects it"),
    Step("delivering", "done", "delivered", "every destination has it"),
    Step("delivering", "held", "given up", "a destination did not take it"),
    Step("held", "delivering", "tried again", "a delivery is tried again", by_person=True),
    Step(
        "held", "rejected", "rejected", "a person rejects it, or its time is over", by_person=True
    ),
    # While a study is still receiving, an instance simply joins it. ``waiting`` is among these,
    # because its workflow may already be queued under the generation's name: a name is used once.
    Step("waiting", "receiving", "late instance", _LATE, opens=True),
    Step("processing", "receiving", "late instance", _LATE, opens=True),
    Step("delivering", "receiving", "late instance", _LATE, opens=True),
    Step("done", "receiving", "late instance", _LATE, opens=True),
    Step("held", "receiving", "late instance", _LATE, opens=True),
    Step("rejected", "receiving", "late instance", _LATE, opens=True),
    Step("archived", "receiving", "late instance", _LATE, opens=True),
    Step("processing", "waiting", "again", _AGAIN, opens=True),
    Step("delivering", "waiting", "again", _AGAIN, opens=True),
    Step("done", "waiting", "again", _AGAIN, opens=True),
    Step("held", "waiting", "again", _AGAIN, opens=True),
    Step("rejected", "waiting", "again", _AGAIN, opens=True),
    Step("archived", "waiting", "again", _AGAIN, opens=True),
)
"""Everything that can happen to a study. No two have the same source, target and generation."""

_BY_PAIR: Final = {(one.source, one.target, one.opens): one for one in STEPS}

TRANSITIONS: Final[Mapping[StudyState, frozenset[StudyState]]] = {
    state: frozenset(
        one.target for one in STEPS if one.source == state and not one.opens and not one.by_person
    )
    for state in STUDY_STATES
}
"""What a worker may do within one generation."""

OPENS_GENERATION: Final[frozenset[StudyState]] = frozenset(
    one.source for one in STEPS if one.opens and one.target == "receiving" and one.source
)
"""States in which a new or changed instance opens the next generation."""

OPEN_DELIVERIES: Final[frozenset[DeliveryState]] = frozenset({"waiting", "sending"})
"""Deliveries that will still be tried."""


def step(source: StudyState | None, target: StudyState, *, opens: bool) -> Step | None:
    """Return the step between two states; None if there is none."""
    return _BY_PAIR.get((source, target, opens))

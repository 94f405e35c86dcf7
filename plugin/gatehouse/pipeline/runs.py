"""Runs over an archive: studies that are processed because a person asks for it, not as they come.

A run names its policy. Its studies go through the same pipeline as all others, a few at a time, and
leave the same evidence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

RunState = Literal["paused", "running", "done", "cancelled"]
ItemState = Literal[
    "pending", "fetching", "working", "done", "held", "rejected", "failed", "skipped"
]

ITEMS_UNDER_WAY: frozenset[ItemState] = frozenset({"fetching", "working"})
"""Studies that are decided about under the policy of their run."""

ITEMS_LEFT: frozenset[ItemState] = ITEMS_UNDER_WAY | {"pending"}

# What comes is de-identified by whichever policy is for it, before anybody knows of which run it
# is, and then has other identifiers than those that the PACS had listed.
FETCHES_NOTHING = (
    "in reception mode no run fetches studies: have the PACS send them, and the active policies "
    "decide about each instance as it comes"
)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run. Times are seconds since the epoch.

    Parameters
    ----------
    source : str
        ``archive``: studies that are in the gateway. ``remote``: fetched by C-MOVE.
    modality : str
        For ``remote``: the key of DicomModalities to fetch from.
    at_once : int
        Studies that are fetched or processed at the same time.
    per_hour : float, optional
        Studies that are begun in an hour.
    window : str
        Local times between which studies are begun, ``20:00-06:00``; empty: always.
    counts : Mapping
        State -> how many studies.
    """

    run_id: int
    policy: str
    source: Literal["archive", "remote"]
    modality: str
    state: RunState
    at_once: int
    per_hour: float | None
    window: str
    created_at: float
    created_by: str
    finished_at: float | None
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def hours(self) -> tuple[str, str] | None:
        """Both ends of the window; None if there is none."""
        begin, _, end = self.window.partition("-")
        return (begin, end) if end else None


@dataclass(frozen=True, slots=True)
class RunItem:
    """One study of a run.

    Parameters
    ----------
    study_instance_uid : str
        By which a remote PACS is asked; empty once it is there.
    generation : int, optional
        The run over the study that belongs to this; while it is fetched, the one before.
    """

    item_id: int
    run_id: int
    position: int
    study_orthanc_id: str
    study_instance_uid: str = field(repr=False)
    state: ItemState
    generation: int | None
    reason: str
    begun_at: float | None

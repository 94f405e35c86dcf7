"""What the routes of the worklist of held studies take and answer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from gatehouse.web.policy_answers import Because, PolicyName, Request


class HeldReason(BaseModel):
    """A reason for which studies are held now, in plain words."""

    rule: str
    words: str
    """What it means, and what can be done."""
    policy: str
    studies: int
    oldest_held_at: str


class HeldReasons(BaseModel):
    """Why studies are held now, the most frequent reason first."""

    reasons: list[HeldReason]


class ReevaluateRequest(Request):
    """Which held studies are to be decided about again: exactly one of these is given."""

    holds: Annotated[list[int], Field(min_length=1, max_length=1000)] | None = None
    rule: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    """All that are held for this reason."""
    everything: bool = False
    because: Annotated[str, Field(max_length=1000)] = ""


class Reevaluated(BaseModel):
    """Studies whose next run was opened, by our numbers, and holds that were left alone."""

    studies: list[int]
    skipped: list[int]
    """Holds that were resolved already, or whose study is being received again."""
    left: int
    """How many more there are for this reason: one request takes at most 1000."""


class ReleaseRequest(Request):
    """Under which policy a held study goes on, and who answers for it.

    The policy's match is not asked. Everything else is as always: its checks, de-identification
    and verification. ``accept`` names what is accepted for this study only, and needs a privacy
    officer: ``suspicious-pixels``, or ``check ID``.
    """

    policy: PolicyName
    justification: Because
    accept: Annotated[
        list[Annotated[str, Field(max_length=128)]], Field(max_length=20, default_factory=list)
    ]


class Released(BaseModel):
    """The run that was opened."""

    study: int
    generation: int
    policy: str
    accept: list[str]


class RejectRequest(Request):
    """Why a held study is rejected for good."""

    justification: Because


class Rejection(BaseModel):
    """A rejection that can be taken back until ``due_at``."""

    hold: int
    study: int
    state: Literal["pending", "taken-back", "done"]
    due_at: str
    by: str

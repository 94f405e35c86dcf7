"""The REST route about reception mode: whether it is on, what was taken in, what was refused."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from gatehouse.web.answers import iso
from gatehouse.web.backend import backend
from gatehouse.web.words import words_of

REFUSALS_MAX = 1000

reception_api = APIRouter(prefix="/gatehouse")


class Refused(BaseModel):
    """An instance that was refused: nothing of it was stored, and its sender was told."""

    at: str
    rule: str
    reason: str
    words: str
    """What the rule means, and what can be done, in plain words."""
    path: str
    study: str
    """Orthanc ID that the original's study would have had; a digest of its identifiers."""
    instance: str
    policy: str
    """Digest of the policy that decided; empty if there was none."""


class Reception(BaseModel):
    """What became of instances on reception. The counts are over all time."""

    on: bool
    pack: str
    taken_in: int
    refused: dict[str, int]
    """By rule."""
    refused_last_day: int
    refusals: list[Refused]
    """The last ones, the newest first."""


@reception_api.get("/reception")
def reception(
    request: Request, limit: Annotated[int, Query(ge=1, le=REFUSALS_MAX)] = 100
) -> Reception:
    """Say whether instances are de-identified on reception, and which were refused why."""
    parts = backend(request)
    pack = parts.ledger.active_pack()
    counts = parts.ledger.reception_counts()
    return Reception(
        on=pack is not None and pack.reception,
        pack=pack.digest if pack else "",
        taken_in=counts.taken_in,
        refused=dict(counts.refused),
        refused_last_day=parts.health.refused_last_day(),
        refusals=[
            Refused(
                at=iso(one.at),
                rule=one.rule,
                reason=one.reason,
                words=words_of(one.rule),
                path=one.path,
                study=one.study,
                instance=one.instance,
                policy=one.policy,
            )
            for one in parts.ledger.refusals(limit=limit)
        ],
    )

"""The worklist of held studies: why, in plain words, and what a person can do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query, Request, Response

from gatehouse.adapters.ledger_search import StudySearch
from gatehouse.errors import PolicyError
from gatehouse.pipeline.records import HoldRecord, StudyRecord
from gatehouse.policy.model import Check
from gatehouse.web import answers, held_answers, held_routes
from gatehouse.web.access import Asker
from gatehouse.web.backend import Backend, backend
from gatehouse.web.pages_base import PREFIX, page, pages
from gatehouse.web.words import words_of

ROWS = 50
HOLDS_SHOWN = 3
"""Instances of a study that are named; there may be many for the same reason."""


@dataclass(frozen=True, slots=True)
class HeldStudy:
    """A line of the worklist."""

    study: answers.Study
    holds: list[answers.Hold]
    words: str
    rejected_at: str | None
    """When a rejection will be final that can still be taken back."""


@dataclass(frozen=True, slots=True)
class Releasing:
    """A policy under which a study can be released, and its checks: those can be accepted."""

    name: str
    checks: list[Check]


@pages.get("/ui/held")
def held(
    request: Request,
    asker: Asker,
    rule: Annotated[str, Query(max_length=128)] = "",
    study: Annotated[int | None, Query(ge=1, le=2**53)] = None,
    before: Annotated[int | None, Query(ge=0, le=2**53)] = None,
) -> Response:
    """List what is held now, by reason."""
    parts = backend(request)
    search = StudySearch(state="held", rule=rule)
    if study is not None:
        one = parts.ledger.study(study)
        found = [one] if one is not None and one.state == "held" else []
    else:
        found = parts.ledger.search_studies(search, before=before, limit=ROWS + 1)
    shown = found[:ROWS]
    ids = [one.study_id for one in shown]
    holds = parts.ledger.open_holds_of(ids)
    rejections = parts.ledger.pending_rejections_of(ids)
    rows = [
        _line(one, holds.get(one.study_id, [])[:HOLDS_SHOWN], rejections.get(one.study_id))
        for one in shown
    ]
    reasons = held_routes.reasons(request).reasons
    return page(
        "held.html",
        asker,
        section="held",
        rows=rows,
        rule=rule,
        study=study,
        reasons=reasons,
        chosen=_chosen(reasons, rule),
        policies=_releasing(parts),
        reject_after_s=parts.reject_after_s,
        older=f"{PREFIX}/held?{urlencode({'rule': rule, 'before': rows[-1].study.id})}"
        if len(found) > ROWS
        else None,
    )


def _chosen(reasons: list[held_answers.HeldReason], rule: str) -> held_answers.HeldReason | None:
    same = [one for one in reasons if one.rule == rule]
    if not same:
        return None
    return same[0].model_copy(update={"studies": sum(one.studies for one in same)})


def _line(record: StudyRecord, holds: list[HoldRecord], due_at: float | None) -> HeldStudy:
    return HeldStudy(
        answers.study(record),
        [answers.hold(one) for one in holds],
        words_of(holds[0].rule if holds else record.rule),
        answers.iso_or_none(due_at),
    )


def _releasing(parts: Backend) -> list[Releasing]:
    """Return the policies that the route takes: those that decide now and are active."""
    try:
        found = parts.desk.active().policies if parts.desk is not None else ()
    except PolicyError:
        return []
    return [Releasing(one.name, list(one.checks)) for one in found if one.stage == "active"]

"""The REST routes of runs over an archive."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, TypeVar

from fastapi import APIRouter, HTTPException, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from gatehouse.adapters.run_desk import RunDesk
from gatehouse.errors import PolicyError, StateError, UnavailableError
from gatehouse.pipeline.runs import RunRecord
from gatehouse.policy.units import WINDOW_PATTERN
from gatehouse.web.access import Asker
from gatehouse.web.answers import iso, iso_or_none
from gatehouse.web.backend import backend
from gatehouse.web.routes import PAGE_MAX

QUERIES_MAX = 50
"""In one request: a PACS may take a second for each."""

run_api = APIRouter(prefix="/gatehouse")

T = TypeVar("T")


class NewRun(BaseModel):
    """What is to be run over which archive, and how fast."""

    model_config = ConfigDict(extra="forbid")

    policy: str = Field(max_length=64)
    modality: str = Field("", max_length=128)
    """Key of DicomModalities to fetch studies from; empty: the gateway's own archive."""
    at_once: int = Field(2, ge=1, le=64)
    per_hour: float | None = Field(None, ge=1, le=1e6)
    window: str = Field("", pattern=f"^$|{WINDOW_PATTERN}")


class StudyQueries(BaseModel):
    """Which studies: for each query, attribute (keyword) -> what it must match."""

    model_config = ConfigDict(extra="forbid")

    queries: list[dict[str, str]] = Field(min_length=1, max_length=QUERIES_MAX)


class Run(BaseModel):
    """A run, and how many of its studies are in which state."""

    id: int
    policy: str
    source: str
    modality: str
    state: str
    at_once: int
    per_hour: float | None
    window: str
    created_at: str
    created_by: str
    finished_at: str | None
    counts: dict[str, int]


class Runs(BaseModel):
    """Runs, newest first."""

    runs: list[Run]


class Added(BaseModel):
    """How many studies were added, and the numbers (from 0) of queries that found none."""

    added: int
    nothing_found: list[int]
    run: Run


class RunStudy(BaseModel):
    """A study of a run."""

    position: int
    study_orthanc_id: str
    state: str
    generation: int | None
    reason: str
    begun_at: str | None


class RunStudies(BaseModel):
    """A page of the studies of a run."""

    studies: list[RunStudy]
    next_offset: int | None


@run_api.get("/runs")
def runs(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 100,
    before: Annotated[int | None, Query(ge=0, le=2**53)] = None,
) -> Runs:
    """List runs, newest first; ``before``: those with a smaller number."""
    found = backend(request).ledger.runs(before=before, limit=limit)
    return Runs(runs=[_answer(one) for one in found])


@run_api.get("/runs/{run_id}")
def run(request: Request, run_id: int) -> Run:
    """Say how far a run is."""
    return _answer(_done(lambda: _desk(request).run(run_id)))


@run_api.get("/runs/{run_id}/studies")
def run_studies(
    request: Request,
    run_id: int,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 100,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
) -> RunStudies:
    """List the studies of a run in their order."""
    _done(lambda: _desk(request).run(run_id))
    found = backend(request).ledger.run_items(run_id, limit=limit + 1, offset=offset)
    return RunStudies(
        studies=[
            RunStudy(
                position=one.position,
                study_orthanc_id=one.study_orthanc_id,
                state=one.state,
                generation=one.generation,
                reason=one.reason,
                begun_at=iso_or_none(one.begun_at),
            )
            for one in found[:limit]
        ],
        next_offset=offset + limit if len(found) > limit else None,
    )


@run_api.post("/runs")
def create_run(request: Request, asked: NewRun, asker: Asker) -> Run:
    """Make a run, which waits for its studies and to be begun; the audit trail says who."""
    return _answer(
        _done(
            lambda: _desk(request).create(
                asked.policy,
                asked.modality,
                asked.at_once,
                asked.per_hour,
                asked.window,
                asker.name,
            ),
            "there is no such modality",
        )
    )


@run_api.post("/runs/{run_id}/studies")
def add_studies(request: Request, run_id: int, asked: StudyQueries, asker: Asker) -> Added:
    """Add the studies that queries find; what was asked for is kept nowhere."""
    if any(not query for query in asked.queries):
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, "a query names an attribute")
    desk = _desk(request)
    added, empty = _done(lambda: desk.add(run_id, asked.queries, asker.name))
    return Added(added=added, nothing_found=empty, run=_answer(desk.run(run_id)))


@run_api.post("/runs/{run_id}/begin")
def begin_run(request: Request, run_id: int, asker: Asker) -> Run:
    """Begin a run, or go on with one that is paused."""
    return _answer(_done(lambda: _desk(request).change(run_id, "running", asker.name)))


@run_api.post("/runs/{run_id}/pause")
def pause_run(request: Request, run_id: int, asker: Asker) -> Run:
    """Begin no more studies of a run; those that are under way go on."""
    return _answer(_done(lambda: _desk(request).change(run_id, "paused", asker.name)))


@run_api.post("/runs/{run_id}/cancel")
def cancel_run(request: Request, run_id: int, asker: Asker) -> Run:
    """End a run; studies that are under way go on to their end."""
    return _answer(_done(lambda: _desk(request).change(run_id, "cancelled", asker.name)))


def _desk(request: Request) -> RunDesk:
    desk = backend(request).runs
    if desk is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "this service makes no runs")
    return desk


def _done(work: Callable[[], T], unknown: str = "there is no such run") -> T:
    try:
        return work()
    except LookupError:
        raise HTTPException(HTTPStatus.NOT_FOUND, unknown) from None
    except StateError as error:
        raise HTTPException(HTTPStatus.CONFLICT, str(error)) from None
    except PolicyError as error:
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None
    except UnavailableError as error:
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from None


def _answer(record: RunRecord) -> Run:
    return Run(
        id=record.run_id,
        policy=record.policy,
        source=record.source,
        modality=record.modality,
        state=record.state,
        at_once=record.at_once,
        per_hour=record.per_hour,
        window=record.window,
        created_at=iso(record.created_at),
        created_by=record.created_by,
        finished_at=iso_or_none(record.finished_at),
        counts=dict(record.counts),
    )

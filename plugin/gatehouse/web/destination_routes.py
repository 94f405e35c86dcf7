"""The REST routes of destinations and of what operators do with deliveries."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel

from gatehouse.adapters.destination_desk import DestinationDesk, DestinationView
from gatehouse.errors import StateError
from gatehouse.pipeline.destinations import DestinationKey
from gatehouse.pipeline.records import DeliveryKey
from gatehouse.web.access import Asker
from gatehouse.web.answers import iso_or_none
from gatehouse.web.backend import backend

destination_api = APIRouter(prefix="/gatehouse")


class DestinationLimits(BaseModel):
    """What a destination may be burdened with, as the settings say it."""

    concurrency: int
    instances_per_s: float | None
    bytes_per_s: float | None
    window: str | None
    failures_that_open: int


class Destination(BaseModel):
    """A destination, and what waits for it.

    ``state``: ``ok``, ``paused``, ``failing`` (its circuit is open) or ``shut`` (its window is).
    ``failed``: deliveries that were given up and wait for a person.
    """

    via: str
    name: str
    state: str
    circuit: str
    failures: int
    circuit_opened_at: str | None
    next_probe_at: str | None
    window_opens_at: str | None
    paused_at: str | None
    paused_by: str
    waiting: int
    sending: int
    failed: int
    oldest_at: str | None
    last_error: str
    last_error_at: str | None
    answered_at: str | None
    is_configured: bool
    policies: list[str]
    limits: DestinationLimits


class Destinations(BaseModel):
    """All destinations."""

    destinations: list[Destination]


class Tested(BaseModel):
    """What a test of the connection found."""

    via: str
    name: str
    is_ok: bool
    detail: str
    seconds: float


class ChangedDelivery(BaseModel):
    """A delivery after an operator's word."""

    id: int
    study: int
    generation: int
    via: str
    destination: str
    state: str


@destination_api.get("/destinations")
def destinations(request: Request) -> Destinations:
    """List every destination with its state, its queue and its last error."""
    views = _desk(request).destinations()
    return Destinations(destinations=[_answer(view) for view in views])


@destination_api.post("/destinations/{via}/{name}/test")
def test_destination(request: Request, via: str, name: str) -> Tested:
    """Ask a destination whether it is there: C-ECHO, REST, QIDO-RS, the bucket, the folder."""
    key = DestinationKey(via, name)
    try:
        report = _desk(request).test(key)
    except LookupError:
        raise _unknown() from None
    return Tested(
        via=via, name=name, is_ok=report.is_ok, detail=report.detail, seconds=report.seconds
    )


@destination_api.post("/destinations/{via}/{name}/pause")
def pause_destination(request: Request, via: str, name: str, asker: Asker) -> Destination:
    """Have a destination's deliveries wait; the audit trail says who."""
    try:
        return _answer(_desk(request).pause(DestinationKey(via, name), asker.name))
    except LookupError:
        raise _unknown() from None


@destination_api.post("/destinations/{via}/{name}/resume")
def resume_destination(request: Request, via: str, name: str, asker: Asker) -> Destination:
    """Have a destination's deliveries go on at once; the audit trail says who."""
    try:
        return _answer(_desk(request).resume(DestinationKey(via, name), asker.name))
    except LookupError:
        raise _unknown() from None


@destination_api.post("/deliveries/{delivery_id}/retry")
def retry_delivery(request: Request, delivery_id: int, asker: Asker) -> ChangedDelivery:
    """Have a delivery tried now that waits or was given up; its longest time begins anew."""
    try:
        key = _desk(request).retry(delivery_id, asker.name)
    except LookupError:
        raise _no_delivery() from None
    except StateError as error:
        raise HTTPException(HTTPStatus.CONFLICT, str(error)) from None
    return _changed(delivery_id, key, "waiting")


@destination_api.post("/deliveries/{delivery_id}/cancel")
def cancel_delivery(request: Request, delivery_id: int, asker: Asker) -> ChangedDelivery:
    """Close a delivery that is not wanted any more; what has arrived stays there."""
    try:
        key = _desk(request).cancel(delivery_id, asker.name)
    except LookupError:
        raise _no_delivery() from None
    except StateError as error:
        raise HTTPException(HTTPStatus.CONFLICT, str(error)) from None
    return _changed(delivery_id, key, "cancelled")


def _desk(request: Request) -> DestinationDesk:
    desk = backend(request).destinations
    if desk is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "this service has no destinations")
    return desk


def _changed(delivery_id: int, key: DeliveryKey, state: str) -> ChangedDelivery:
    return ChangedDelivery(
        id=delivery_id,
        study=key.study_id,
        generation=key.generation,
        via=key.via,
        destination=key.destination,
        state=state,
    )


def _unknown() -> HTTPException:
    return HTTPException(HTTPStatus.NOT_FOUND, "there is no such destination")


def _no_delivery() -> HTTPException:
    return HTTPException(HTTPStatus.NOT_FOUND, "there is no such delivery")


def _answer(view: DestinationView) -> Destination:
    record, limits = view.record, view.limits
    return Destination(
        via=record.key.via,
        name=record.key.name,
        state=view.state,
        circuit=view.circuit,
        failures=record.circuit.failures,
        circuit_opened_at=iso_or_none(record.circuit.opened_at),
        next_probe_at=iso_or_none(record.circuit.probe_at),
        window_opens_at=iso_or_none(view.opens_at),
        paused_at=iso_or_none(record.paused_at),
        paused_by=record.paused_by,
        waiting=record.waiting,
        sending=record.sending,
        failed=record.failed,
        oldest_at=iso_or_none(record.oldest_at),
        last_error=record.last_error,
        last_error_at=iso_or_none(record.last_error_at),
        answered_at=iso_or_none(record.answered_at),
        is_configured=view.is_configured,
        policies=list(view.policies),
        limits=DestinationLimits(
            concurrency=limits.concurrency,
            instances_per_s=limits.instances_per_s,
            bytes_per_s=limits.bytes_per_s,
            window="-".join(limits.window) if limits.window else None,
            failures_that_open=limits.breaker.failures,
        ),
    )

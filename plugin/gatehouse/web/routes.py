"""The REST routes under ``/gatehouse``. Each is in the table of ``web.access``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, TypeVar

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from gatehouse.adapters.ledger import Ledger
from gatehouse.errors import StateError
from gatehouse.pipeline.records import StudyRecord
from gatehouse.pipeline.states import DeliveryState, StudyState
from gatehouse.web import answers, version_answers
from gatehouse.web.access import Asker
from gatehouse.web.backend import Backend, backend
from gatehouse.web.health import Status, metrics

__all__ = ["Backend", "api", "backend", "find_study"]

ORTHANC_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{8}){4}")
NUMBER = re.compile(r"[0-9]{1,18}")

PAGE_MAX = 1000

Limit = Annotated[int, Query(ge=1, le=PAGE_MAX)]
Offset = Annotated[int, Query(ge=0, le=10**9)]

T = TypeVar("T")

api = APIRouter(prefix="/gatehouse")


@api.get(
    "/status",
    response_model=Status,
    responses={503: {"model": Status, "description": "The gateway does not do its work"}},
)
def status(request: Request) -> JSONResponse:
    """How the gateway is; 503 if no worker is alive, or the ledger or Orthanc can't be reached."""
    reading = backend(request).health.status()
    code = HTTPStatus.OK if reading.status == "ok" else HTTPStatus.SERVICE_UNAVAILABLE
    return JSONResponse(reading.model_dump(), code)


@api.get("/metrics", response_class=PlainTextResponse)
def metrics_(request: Request) -> Response:
    """Return the same as numbers, for Prometheus."""
    return Response(
        metrics(backend(request).health.status()), media_type="text/plain; version=0.0.4"
    )


@api.get("/openapi.json", include_in_schema=False)
def openapi(request: Request) -> JSONResponse:
    """Describe these routes."""
    return JSONResponse(request.app.openapi())


@api.get("/studies")
def studies(
    request: Request,
    state: StudyState | None = None,
    policy: str | None = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> answers.Studies:
    """List studies, the one that changed last first."""
    found = backend(request).ledger.studies(state, policy=policy, limit=limit + 1, offset=offset)
    rows, next_offset = _page(found, limit, offset)
    return answers.Studies(studies=[answers.study(row) for row in rows], next_offset=next_offset)


@api.get("/studies/{which}")
def study(
    request: Request, which: str, asker: Asker
) -> answers.StudyDetails | answers.DeidentifiedStudy:
    """Explain one study, by our number or by its Orthanc ID, also one that was de-identified."""
    ledger = backend(request).ledger
    record = find_study(ledger, which)
    if which not in (str(record.study_id), record.orthanc_id):
        # Anything that tells the original's number, times or IDs would be a link to it.
        return answers.DeidentifiedStudy(
            orthanc_id=which,
            state=record.state,
            policy=record.policy,
            policy_version=record.policy_version,
            policy_digest=record.policy_digest,
            actions=ledger.action_counts(record.key),
            deidentified_from=record.orthanc_id if asker.may_link else None,
        )
    deliveries = ledger.deliveries(study_id=record.study_id, limit=PAGE_MAX)
    return answers.study_details(
        record,
        timeline=ledger.history(record.study_id),
        decision=ledger.decision(record.key),
        actions=ledger.action_counts(record.key),
        holds=ledger.holds(open_only=False, study_id=record.study_id, limit=PAGE_MAX),
        deliveries=[answers.delivery(one, ledger.receipts(one.key)) for one in deliveries],
        deidentified_as=ledger.kept_studies(record.study_id) if asker.may_link else None,
    )


@api.post("/studies/{which}/process")
def process_again(request: Request, which: str, asker: Asker) -> answers.ProcessedAgain:
    """Process a study again, under the policies that are active now; the audit trail says who."""
    parts = backend(request)
    record = find_study(parts.ledger, which)
    try:
        key = parts.ledger.process_again(record.study_id, asker.name, parts.health.clock())
    except StateError as error:
        raise HTTPException(HTTPStatus.CONFLICT, str(error)) from None
    parts.wake()
    return answers.ProcessedAgain(id=key.study_id, generation=key.generation)


@api.get("/held")
def held(
    request: Request,
    resolved: bool = False,
    rule: Annotated[str | None, Query(max_length=128)] = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> answers.Holds:
    """List why studies are held now; with ``resolved`` also why they ever were."""
    ledger = backend(request).ledger
    found = ledger.holds(open_only=not resolved, rule=rule, limit=limit + 1, offset=offset)
    rows, next_offset = _page(found, limit, offset)
    due = ledger.rejections_due([row.study_id for row in rows])
    held_now = [answers.hold(row, due.get(row.study_id)) for row in rows]
    return answers.Holds(held=held_now, next_offset=next_offset)


@api.get("/held/{hold_id}")
def hold(request: Request, hold_id: int) -> answers.Hold:
    """Explain one hold: rule, reason, place in the data set and instance."""
    record = backend(request).ledger.hold_record(hold_id)
    if record is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "there is no such hold")
    due = backend(request).ledger.rejections_due([record.study_id])
    return answers.hold(record, due.get(record.study_id))


@api.get("/policies")
def policies(request: Request) -> version_answers.ActivePack:
    """List the policies that decide now, in the order in which they are asked."""
    pack = backend(request).ledger.active_pack()
    if pack is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "no policies are active")
    return version_answers.active_pack(pack)


@api.get("/policies/{name}")
def policy(request: Request, name: str) -> version_answers.PolicyHistory:
    """List every version of a policy that was ever active, newest first."""
    ledger = backend(request).ledger
    versions = ledger.policy_versions(name)
    if not versions:
        raise HTTPException(HTTPStatus.NOT_FOUND, "there is no such policy")
    pack = ledger.active_pack()
    active = [one.version for one in (pack.policies if pack else ()) if one.name == name]
    return version_answers.PolicyHistory(
        name=name,
        active_version=active[0] if active else None,
        versions=[
            version_answers.known_version(one, ledger.activations(one.digest)) for one in versions
        ],
    )


@api.get("/policies/{name}/versions/{version}")
def version(request: Request, name: str, version: int) -> version_answers.PolicyText:
    """Return one version of a policy with its whole text."""
    found = [one for one in backend(request).ledger.policy_versions(name) if one.version == version]
    if not found:
        raise HTTPException(HTTPStatus.NOT_FOUND, "there is no such version of this policy")
    return version_answers.policy_text(found[0])


@api.get("/deliveries")
def deliveries(
    request: Request,
    state: DeliveryState | None = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> answers.Deliveries:
    """List deliveries, newest first."""
    found = backend(request).ledger.deliveries(state=state, limit=limit + 1, offset=offset)
    rows, next_offset = _page(found, limit, offset)
    return answers.Deliveries(
        deliveries=[answers.delivery(row) for row in rows], next_offset=next_offset
    )


@api.get("/audit")
def audit(request: Request, after: Offset = 0, limit: Limit = 100) -> answers.AuditRows:
    """List the audit trail after a number, oldest first."""
    rows = backend(request).ledger.audit_rows(after=after, limit=limit)
    return answers.AuditRows(audit=[answers.audit_row(row) for row in rows])


@api.get("/audit/verification")
def audit_verification(request: Request) -> answers.Verification:
    """Check the whole audit trail for rows that were changed, removed or cut off."""
    report = backend(request).ledger.verify_audit()
    return answers.Verification(
        rows=report.rows, is_intact=report.is_intact, broken_at=report.broken_at
    )


def _page(found: Sequence[T], limit: int, offset: int) -> tuple[Sequence[T], int | None]:
    """Cut the row off that was only asked for to learn whether there is a next page."""
    return found[:limit], offset + limit if len(found) > limit else None


def find_study(ledger: Ledger, which: str) -> StudyRecord:
    """Return a study by our number or by Orthanc's ID; 404 if there is none."""
    record = None
    if NUMBER.fullmatch(which):
        record = ledger.study(int(which))
    elif ORTHANC_ID.fullmatch(which):
        record = ledger.study(which)
    if record is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "there is no such study")
    return record

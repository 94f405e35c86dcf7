"""Routes of the worklist of held studies: why, again, release, reject, take back."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Request

from gatehouse.errors import PolicyError, StateError
from gatehouse.pipeline.desk_records import RejectionRecord
from gatehouse.pipeline.records import HoldRecord
from gatehouse.policy.model import Policy
from gatehouse.web import held_answers as answers
from gatehouse.web.access import PRIVACY, Asker
from gatehouse.web.answers import iso
from gatehouse.web.backend import Backend, backend
from gatehouse.web.policy_routes import desk_of
from gatehouse.web.words import words_of

REEVALUATED_MAX = 1000

REEVALUATED_AT_ONCE = 25
"""In one transaction, which others that write to the ledger wait for."""

REEVALUATED_FOR_S = 15.0
"""Orthanc's own route waits no longer than twice as long: what is left then is said."""

SUSPICIOUS_PIXELS = "suspicious-pixels"
CHECK = "check "

HoldPath = Annotated[int, Path(ge=1, le=2**53)]


held_api = APIRouter(prefix="/gatehouse")


@held_api.get("/held-reasons")
def reasons(request: Request) -> answers.HeldReasons:
    """Say why studies are held now, in plain words, the most frequent reason first."""
    found = backend(request).ledger.held_reasons()
    return answers.HeldReasons(
        reasons=[
            answers.HeldReason(
                rule=one.rule,
                words=words_of(one.rule),
                policy=one.policy,
                studies=one.studies,
                oldest_held_at=iso(one.oldest_held_at),
            )
            for one in found
        ]
    )


@held_api.post("/held/re-evaluate")
def reevaluate(
    request: Request, wanted: answers.ReevaluateRequest, asker: Asker
) -> answers.Reevaluated:
    """Decide again about held studies: those named, all held for a reason, or all."""
    if sum((wanted.holds is not None, wanted.rule is not None, wanted.everything)) != 1:
        raise HTTPException(
            HTTPStatus.UNPROCESSABLE_ENTITY, 'give one of "holds", "rule" and "everything"'
        )
    parts = backend(request)
    skipped: list[int] = []
    left = 0
    if wanted.holds is not None:
        studies, skipped = _studies(parts, wanted.holds)
    else:
        studies, left = parts.ledger.held_studies(wanted.rule, limit=REEVALUATED_MAX)
    begun, rest = _again(parts, studies, asker.name)
    left += rest
    if wanted.because and begun:
        parts.ledger.record_audit(
            asker.name,
            "held.re-evaluated",
            wanted.rule or "held studies",
            f"{len(begun)} studies",
            parts.health.clock(),
            detail=wanted.because,
        )
    parts.wake()
    return answers.Reevaluated(studies=begun, skipped=skipped, left=left)


@held_api.post("/held/{hold_id}/release")
def release(
    request: Request, hold_id: HoldPath, wanted: answers.ReleaseRequest, asker: Asker
) -> answers.Released:
    """Let a held study go on under a named policy, with its checks, engine and verification."""
    parts = backend(request)
    record = _hold(parts, hold_id)
    policy = _policy(request, wanted.policy)
    _check_accept(policy, wanted.accept)
    if wanted.accept and not asker.roles & PRIVACY:
        raise HTTPException(
            HTTPStatus.FORBIDDEN, "only a privacy officer may accept what a policy holds"
        )
    try:
        key = parts.ledger.release_study(
            record.study_id,
            policy.name,
            sorted(set(wanted.accept)),
            wanted.justification,
            asker.name,
            parts.health.clock(),
            policy_digest=policy.digest,
        )
    except StateError as error:
        raise HTTPException(HTTPStatus.CONFLICT, str(error)) from None
    parts.wake()
    return answers.Released(
        study=key.study_id,
        generation=key.generation,
        policy=policy.name,
        accept=sorted(set(wanted.accept)),
    )


@held_api.post("/held/{hold_id}/reject")
def reject(
    request: Request, hold_id: HoldPath, wanted: answers.RejectRequest, asker: Asker
) -> answers.Rejection:
    """Reject a held study for good, after a delay in which that can be taken back."""
    parts = backend(request)
    record = _hold(parts, hold_id)
    now = parts.health.clock()
    try:
        made = parts.ledger.reject_later(
            record.study_id, wanted.justification, asker.name, now, now + parts.reject_after_s
        )
    except StateError as error:
        raise HTTPException(HTTPStatus.CONFLICT, str(error)) from None
    return _rejection(hold_id, made, "pending")


@held_api.post("/held/{hold_id}/take-back")
def take_back(request: Request, hold_id: HoldPath, asker: Asker) -> answers.Rejection:
    """Take the rejection of a study back; it stays held."""
    parts = backend(request)
    record = _hold(parts, hold_id)
    try:
        made = parts.ledger.take_back(record.study_id, asker.name, parts.health.clock())
    except StateError as error:
        raise HTTPException(HTTPStatus.CONFLICT, str(error)) from None
    return _rejection(hold_id, made, "taken-back")


def _again(parts: Backend, studies: list[int], by: str) -> tuple[list[int], int]:
    """Have studies decided about again for as long as there is time; return how many are left."""
    begun: list[int] = []
    until = time.monotonic() + REEVALUATED_FOR_S
    for start in range(0, len(studies), REEVALUATED_AT_ONCE):
        if start and time.monotonic() >= until:
            return begun, len(studies) - start
        part = studies[start : start + REEVALUATED_AT_ONCE]
        begun += parts.ledger.reevaluate(part, by, parts.health.clock())
    return begun, 0


def _studies(parts: Backend, holds: list[int]) -> tuple[list[int], list[int]]:
    """Return the studies of open holds, each once, and the holds that are resolved or unknown."""
    studies: dict[int, None] = {}
    skipped: list[int] = []
    for number in holds:
        record = parts.ledger.hold_record(number) if 0 < number <= 2**53 else None
        if record is None or record.resolved_at is not None:
            skipped.append(number)
        else:
            studies[record.study_id] = None
    return list(studies), skipped


def _hold(parts: Backend, hold_id: int) -> HoldRecord:
    record = parts.ledger.hold_record(hold_id)
    if record is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "there is no such hold")
    if record.resolved_at is not None:
        raise HTTPException(HTTPStatus.CONFLICT, "this hold is resolved already")
    return record


def _policy(request: Request, name: str) -> Policy:
    """Return the policy of this name that decides now; only such a one may release."""
    try:
        policy = desk_of(request).version(name, None)
    except (LookupError, PolicyError):
        raise HTTPException(HTTPStatus.CONFLICT, "no such policy decides now") from None
    if policy.stage != "active":
        raise HTTPException(HTTPStatus.CONFLICT, "this policy is not active, and releases nothing")
    return policy


def _check_accept(policy: Policy, accept: list[str]) -> None:
    known = {SUSPICIOUS_PIXELS, *(f"{CHECK}{one.id}" for one in policy.checks)}
    unknown = [one for one in accept if one not in known]
    if unknown:
        raise HTTPException(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"of this policy can be accepted: {', '.join(sorted(known))}",
        )


def _rejection(hold_id: int, made: RejectionRecord, state: str) -> answers.Rejection:
    return answers.Rejection.model_validate(
        {
            "hold": hold_id,
            "study": made.key.study_id,
            "state": state,
            "due_at": iso(made.due_at),
            "by": made.rejected_by,
        }
    )

"""Routes that look before anything is done: check, test, preview, compare. Nothing is stored.

The work is done in a process of its own with a time limit, and each user may ask so often only.
"""

from __future__ import annotations

import base64
import binascii
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request

from gatehouse.adapters.policy_desk import PolicyDesk
from gatehouse.adapters.side_tasks import (
    OtherwiseRequest,
    PreviewRequest,
    StudyToAsk,
    check_draft,
    compare_versions,
    decide_otherwise,
    load_draft,
    preview_study,
    replaced,
    run_draft_cases,
)
from gatehouse.errors import PolicyError
from gatehouse.pipeline.records import StudyRecord
from gatehouse.policy.model import Origin, Pack, Policy
from gatehouse.web import policy_answers as answers
from gatehouse.web import preview_answers
from gatehouse.web.access import PRIVACY, Asker
from gatehouse.web.backend import backend
from gatehouse.web.beside import run_beside
from gatehouse.web.limits import Expensive
from gatehouse.web.policy_routes import NamePath, desk_of
from gatehouse.web.routes import find_study

UPLOAD_MAX_BYTES = 48 << 20

NO_ORIGINAL = (
    "this study was de-identified when it was received: there is no original to compare with; "
    "upload files to see what a policy does"
)

draft_api = APIRouter(prefix="/gatehouse")


@draft_api.post("/policies/validate")
def validate(request: Request, draft: answers.DraftRequest, _turn: Expensive) -> answers.Validation:
    """Check a draft as the loader will: all problems at once, with line and hint."""
    desk = desk_of(request)
    found = run_beside(desk, check_draft, _draft(desk, draft.name, draft.text, draft.cases))
    return answers.Validation.model_validate(found)


@draft_api.post("/policies/test")
def test(request: Request, draft: answers.DraftRequest, _turn: Expensive) -> answers.TestReport:
    """Run the cases of a draft; without ``cases`` those that are in the folder."""
    desk = desk_of(request)
    found = run_beside(desk, run_draft_cases, _draft(desk, draft.name, draft.text, draft.cases))
    return answers.TestReport.model_validate(found)


@draft_api.get("/policies/{name}/diff")
def diff_versions(
    request: Request,
    name: NamePath,
    from_: Annotated[int | None, Query(alias="from", ge=1, le=999_999)] = None,
    to: Annotated[int | None, Query(ge=1, le=999_999)] = None,
) -> answers.Diff:
    """Compare two versions of a policy in meaning; without a number, the one that decides now."""
    desk = desk_of(request)
    return _diff(desk, _version(desk, name, from_), _version(desk, name, to), is_draft=False)


@draft_api.post("/policies/{name}/diff")
def diff_draft(
    request: Request, name: NamePath, wanted: answers.CompareRequest, _turn: Expensive
) -> answers.Diff:
    """Compare the version that decides now with a draft, or with a version, in meaning."""
    desk = desk_of(request)
    new = _wanted(desk, name, wanted.text, wanted.version)
    return _diff(desk, _version(desk, name, None), new, is_draft=wanted.text is not None)


@draft_api.post("/policies/{name}/otherwise")
def otherwise(
    request: Request, name: NamePath, wanted: answers.OtherwiseRequest, _turn: Expensive
) -> answers.Otherwise:
    """Say which of the studies that changed last a draft or a version would decide otherwise.

    Their files are read again. There is a time limit: ``left_out`` says for how many there was
    no time. Studies that were de-identified on reception are not asked: they have no originals.
    """
    desk = desk_of(request)
    old = _active(desk)
    new = replaced(old, _wanted(desk, name, wanted.text, wanted.version))
    ledger = backend(request).ledger
    records = [
        one
        for one in ledger.studies(limit=wanted.last)
        if one.state != "receiving" and not ledger.is_marked(one.study_id)
    ]
    studies = tuple(_to_ask(request, one) for one in records)
    found = run_beside(
        desk, decide_otherwise, OtherwiseRequest(old, new, studies, desk.side.limit_s)
    )
    return answers.Otherwise.model_validate(found)


@draft_api.post("/preview", response_model_exclude_unset=True)
def preview(
    request: Request, wanted: preview_answers.PreviewRequest, asker: Asker, _turn: Expensive
) -> preview_answers.Preview:
    """Say what would happen to a study or to uploaded files, element by element.

    Nothing is stored. The values before and after are only for privacy officers.
    """
    desk = desk_of(request)
    study, uploads = subject_of(request, wanted)
    found = run_beside(
        desk,
        preview_study,
        PreviewRequest(
            policies=policies_of(desk, wanted),
            study=study,
            uploads=uploads,
            origin=Origin(**wanted.origin.model_dump()),
            instances_max=wanted.instances,
            show_values=bool(asker.roles & PRIVACY),
        ),
    )
    return preview_answers.Preview.model_validate(found)


def subject_of(
    request: Request, wanted: preview_answers.PreviewRequest
) -> tuple[StudyToAsk | None, tuple[bytes, ...]]:
    """Return the study or the files that are to be previewed."""
    if (wanted.study is None) == (not wanted.dicom):
        raise HTTPException(
            HTTPStatus.UNPROCESSABLE_ENTITY, 'give either "study" or "dicom", and not both'
        )
    if wanted.study is not None:
        record = find_study(backend(request).ledger, wanted.study)
        if wanted.study not in (str(record.study_id), record.orthanc_id):
            # By the ID of what was made of it: that would link the two.
            raise HTTPException(HTTPStatus.NOT_FOUND, "there is no such study")
        if backend(request).ledger.is_marked(record.study_id):
            raise HTTPException(HTTPStatus.CONFLICT, NO_ORIGINAL)
        return _to_ask(request, record), ()
    try:
        files = tuple(base64.b64decode(one, validate=True) for one in wanted.dicom or ())
    except (binascii.Error, ValueError):
        raise HTTPException(
            HTTPStatus.UNPROCESSABLE_ENTITY, '"dicom" must be DICOM files in base64'
        ) from None
    if sum(map(len, files)) > UPLOAD_MAX_BYTES:
        raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "these files are too large")
    return None, files


def policies_of(desk: PolicyDesk, wanted: preview_answers.PreviewRequest) -> Pack | Policy:
    """Return the policies by which somebody wants to see something: the active ones, or one."""
    if wanted.text is None and wanted.policy is None:
        if wanted.version is not None:
            raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, "a version of which policy?")
        return _active(desk)
    return _wanted(desk, wanted.policy or "draft", wanted.text, wanted.version)


def _to_ask(request: Request, record: StudyRecord) -> StudyToAsk:
    instances = backend(request).ledger.instances(record.study_id)
    return StudyToAsk(record.study_id, tuple((one.orthanc_id, one.origin) for one in instances))


def _active(desk: PolicyDesk) -> Pack:
    try:
        return desk.active()
    except PolicyError as error:
        raise HTTPException(HTTPStatus.CONFLICT, str(error)) from None


def _wanted(desk: PolicyDesk, name: str, text: str | None, version: int | None) -> Policy:
    if text is None:
        return _version(desk, name, version)
    if version is not None:
        raise HTTPException(
            HTTPStatus.UNPROCESSABLE_ENTITY, 'give either "text" or "version", and not both'
        )
    policy: Policy = run_beside(desk, load_draft, _draft(desk, name, text, None))
    if name not in (policy.name, "draft"):
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, "the text is that of another policy")
    return policy


def _version(desk: PolicyDesk, name: str, version: int | None) -> Policy:
    try:
        return desk.version(name, version)
    except LookupError:
        raise HTTPException(HTTPStatus.NOT_FOUND, "there is no such policy or version") from None
    except PolicyError as error:
        raise HTTPException(HTTPStatus.CONFLICT, str(error)) from None


def _draft(desk: PolicyDesk, name: str, text: str, cases: str | None) -> Any:
    try:
        return desk.draft(name, text, cases)
    except PolicyError as error:
        raise HTTPException(HTTPStatus.CONFLICT, str(error)) from None


def _diff(desk: PolicyDesk, old: Policy, new: Policy, *, is_draft: bool) -> answers.Diff:
    found = run_beside(desk, compare_versions, (old, new))
    return answers.Diff.model_validate(
        {
            **found,
            "from_version": old.version,
            "to_version": None if is_draft else new.version,
        }
    )

"""Routes that change which policies decide: load, activate, propose, approve, go back."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query, Request
from fastapi.responses import JSONResponse

from gatehouse.adapters.policy_desk import Change, DraftError, FourEyesError, PolicyDesk
from gatehouse.adapters.policy_files import schema_texts
from gatehouse.adapters.policy_folder import is_writable, source_of
from gatehouse.adapters.side_tasks import load_draft, problem_json
from gatehouse.errors import ConfigurationError, GatehouseError, PolicyError, StateError
from gatehouse.pipeline.desk_records import ProposalRecord, ShadowRecord
from gatehouse.policy.conformance import conformance
from gatehouse.policy.model import Policy
from gatehouse.policy.safe_harbor import safe_harbor
from gatehouse.web import policy_answers as answers
from gatehouse.web.access import Asker
from gatehouse.web.answers import iso, iso_or_none
from gatehouse.web.backend import backend
from gatehouse.web.beside import run_beside
from gatehouse.web.limits import Expensive

NamePath = Annotated[str, Path(pattern=answers.NAME)]
VersionPath = Annotated[int, Path(ge=1, le=999_999)]


policy_api = APIRouter(prefix="/gatehouse")


def desk_of(request: Request) -> PolicyDesk:
    """Return where policies are changed."""
    found = backend(request).desk
    if found is None:
        raise ConfigurationError("this service has no folder of policies")
    return found


@policy_api.get("/schemas/{name}", response_model=dict[str, Any])
def schema(name: Annotated[str, Path(pattern="^(policy|pack|test)$")]) -> JSONResponse:
    """Return the JSON Schema of a policy, of ``pack.yaml``, or of cases, for editors."""
    return JSONResponse(json.loads(schema_texts()[f"{name}.schema.json"]))


@policy_api.get("/policies-folder")
def folder(request: Request) -> answers.Folder:
    """Say how the folder of policies is beside what decides now, with its problems."""
    desk = desk_of(request)
    seen = desk.look()
    return answers.Folder.model_validate(
        {
            "state": seen.state,
            "is_writable": desk.folder is not None and is_writable(desk.folder),
            "four_eyes": desk.four_eyes,
            "source": source_of(desk.folder) if desk.folder is not None else "",
            "looked_at": iso_or_none(seen.looked_at),
            "problems": [problem_json(one) for one in seen.problems],
        }
    )


@policy_api.post("/policies/reload")
def reload(request: Request, asker: Asker) -> answers.Reloaded:
    """Load the folder of policies; one with an error changes nothing, and says so."""
    change = desk_of(request).reload(asker.name)
    backend(request).wake()
    return answers.Reloaded.model_validate(
        {
            "state": change.state,
            "proposal": change.proposal,
            "pack_digest": change.pack_digest,
            "problems": [problem_json(one) for one in change.problems],
        }
    )


@policy_api.post("/policies/{name}/activate", response_model=answers.Activated)
def activate_text(
    request: Request,
    name: NamePath,
    wanted: answers.ActivateRequest,
    asker: Asker,
    _turn: Expensive,
) -> Any:
    """Let a text decide from now on: it is checked, its cases are run, and it goes into the folder.

    With four eyes it waits for a second person. A text with errors or failing cases is refused with
    422; ``about`` then is what ``validate`` or ``test`` answers.
    """
    desk = desk_of(request)
    try:
        change = desk.activate_text(name, wanted.text, wanted.cases, asker.name, wanted.because)
    except DraftError as error:
        return JSONResponse(
            {"error": str(error), "about": dict(error.about)}, HTTPStatus.UNPROCESSABLE_ENTITY
        )
    except PolicyError as error:
        raise HTTPException(HTTPStatus.CONFLICT, str(error)) from None
    backend(request).wake()
    return _activated(change)


@policy_api.post("/policies/{name}/versions/{version}/activate")
def activate_version(
    request: Request,
    name: NamePath,
    version: VersionPath,
    asker: Asker,
    wanted: answers.ReasonRequest | None = None,
) -> answers.Activated:
    """Let a version decide again that was active before; studies in work end as they began."""
    because = wanted.because if wanted is not None else ""
    try:
        change = desk_of(request).activate_version(name, version, asker.name, because)
    except LookupError:
        raise HTTPException(HTTPStatus.NOT_FOUND, "there is no such version") from None
    except PolicyError as error:
        raise HTTPException(HTTPStatus.CONFLICT, str(error)) from None
    backend(request).wake()
    return _activated(change)


@policy_api.get("/policies/{name}/source")
def source(request: Request, name: NamePath) -> answers.CasesText:
    """Return the texts of a policy and of its cases as they are in the folder now."""
    try:
        files = desk_of(request).files()
    except PolicyError as error:
        raise HTTPException(HTTPStatus.CONFLICT, str(error)) from None
    texts = [files.get(f"{name}/{name}{ending}") for ending in (".yaml", ".test.yaml")]
    if texts[0] is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "there is no such policy in the folder")
    shown = [None if one is None else one.decode("utf-8", "replace") for one in texts]
    return answers.CasesText(name=name, text=shown[0], cases=shown[1])


@policy_api.get("/policies/{name}/conformance")
def conformance_of(
    request: Request,
    name: NamePath,
    version: Annotated[int | None, Query(ge=1, le=999_999)] = None,
) -> answers.Conformance:
    """Say what a version does to each attribute, and which identifiers A to R it covers."""
    policy = _version(request, name, version)
    return answers.Conformance(
        name=policy.name,
        version=policy.version,
        digest=policy.digest,
        markdown=conformance(policy),
        safe_harbor=[
            answers.SafeHarborLetter(
                letter=one.letter, name=one.name, verdict=one.verdict, why=one.why
            )
            for one in safe_harbor(policy)
        ],
    )


@policy_api.get("/proposals")
def proposals(request: Request) -> answers.Proposals:
    """List changes of the policies that wait, or waited, for a second person, newest first."""
    found = backend(request).ledger.proposals()
    return answers.Proposals(proposals=[proposal_answer(one) for one in found])


@policy_api.get("/proposals/{number}")
def proposal(request: Request, number: Annotated[int, Path(ge=1, le=2**53)]) -> answers.Proposal:
    """Return one proposal with its text."""
    found = backend(request).ledger.proposal(number)
    if found is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "there is no such proposal")
    answer = proposal_answer(found)
    answer.text = "\n".join(found.files[name] for name in sorted(found.files))
    return answer


@policy_api.post("/proposals/{number}/approve")
def approve(
    request: Request, number: Annotated[int, Path(ge=1, le=2**53)], asker: Asker
) -> answers.Activated:
    """Let a proposal decide; whoever proposed it can't."""
    try:
        change = desk_of(request).approve(number, asker.name)
    except LookupError:
        raise HTTPException(HTTPStatus.NOT_FOUND, "there is no such proposal") from None
    except FourEyesError as error:
        raise HTTPException(HTTPStatus.FORBIDDEN, str(error)) from None
    except GatehouseError as error:
        raise HTTPException(HTTPStatus.CONFLICT, str(error)) from None
    backend(request).wake()
    return _activated(change)


@policy_api.post("/proposals/{number}/decline")
def decline(
    request: Request, number: Annotated[int, Path(ge=1, le=2**53)], asker: Asker
) -> answers.Proposal:
    """Close a proposal without effect; whoever proposed it may, too."""
    try:
        desk_of(request).decline(number, asker.name)
    except LookupError:
        raise HTTPException(HTTPStatus.NOT_FOUND, "there is no such proposal") from None
    except StateError as error:
        raise HTTPException(HTTPStatus.CONFLICT, str(error)) from None
    return proposal(request, number)


@policy_api.get("/policies/{name}/shadow")
def shadow(request: Request, name: NamePath) -> answers.Shadow:
    """Return the version that runs beside the active one, or ran last, and where they differ."""
    found = backend(request).ledger.shadows(name, running=False)
    if not found:
        raise HTTPException(HTTPStatus.NOT_FOUND, "no version of this policy was ever a shadow")
    return _shadow(request, found[0])


@policy_api.post("/policies/{name}/shadow")
def begin_shadow(
    request: Request, name: NamePath, wanted: answers.ShadowRequest, asker: Asker
) -> answers.Shadow:
    """Let a draft or an older version run beside the active one; it delivers nothing."""
    desk = desk_of(request)
    _version(request, name, None)
    if wanted.text is not None:
        policy: Policy = run_beside(desk, load_draft, desk.draft(name, wanted.text, None))
        if policy.name != name:
            raise HTTPException(
                HTTPStatus.UNPROCESSABLE_ENTITY, "the text is that of another policy"
            )
    else:
        policy = _version(request, name, wanted.version)
    ledger = backend(request).ledger
    ledger.begin_shadow(policy, asker.name, desk.clock())
    return _shadow(request, ledger.shadows(name)[0])


@policy_api.delete("/policies/{name}/shadow")
def end_shadow(request: Request, name: NamePath, asker: Asker) -> answers.Shadow:
    """End the shadow of a policy; what it did otherwise stays."""
    ledger = backend(request).ledger
    if not ledger.end_shadow(name, asker.name, desk_of(request).clock()):
        raise HTTPException(HTTPStatus.NOT_FOUND, "no version of this policy is a shadow now")
    return shadow(request, name)


def _version(request: Request, name: str, version: int | None) -> Any:
    try:
        return desk_of(request).version(name, version)
    except LookupError:
        raise HTTPException(HTTPStatus.NOT_FOUND, "there is no such policy or version") from None
    except PolicyError as error:
        raise HTTPException(HTTPStatus.CONFLICT, str(error)) from None


def _activated(change: Change) -> answers.Activated:
    return answers.Activated.model_validate(
        {
            "state": change.state,
            "proposal": change.proposal,
            "pack_digest": change.pack_digest,
            "name": change.policy.name if change.policy else None,
            "version": change.policy.version if change.policy else None,
            "warnings": [f"{one.file}:{one.line}: {one.message}" for one in change.problems],
        }
    )


def proposal_answer(record: ProposalRecord) -> answers.Proposal:
    """Answer a proposal, without its text."""
    return answers.Proposal.model_validate(
        {
            "id": record.id,
            "kind": record.kind,
            "name": record.name,
            "version": record.version,
            "proposed_by": record.proposed_by,
            "proposed_at": iso(record.proposed_at),
            "because": record.because,
            "state": record.state,
            "decided_by": record.decided_by,
            "decided_at": iso_or_none(record.decided_at),
        }
    )


def _shadow(request: Request, record: ShadowRecord) -> answers.Shadow:
    counts, found = backend(request).ledger.comparisons(record)
    return answers.Shadow(
        name=record.name,
        version=record.version,
        digest=record.digest,
        begun_at=iso(record.begun_at),
        begun_by=record.begun_by,
        ended_at=iso_or_none(record.ended_at),
        compared=counts.get("alike", 0) + counts.get("otherwise", 0),
        unreadable=counts.get("unreadable", 0),
        differences=[
            answers.ShadowDifference(
                study=one.key.study_id,
                generation=one.key.generation,
                compared_at=iso(one.compared_at),
                **one.found,
            )
            for one in found
        ],
    )

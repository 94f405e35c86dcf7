"""The pages of policies: the list, one policy with its editor and history, its conformance."""

from __future__ import annotations

from typing import Annotated

from fastapi import HTTPException, Query, Request, Response

from gatehouse.errors import PolicyError
from gatehouse.pipeline.desk_records import ProposalRecord
from gatehouse.policy.draft import Draft, render_draft
from gatehouse.policy.load import load_single
from gatehouse.policy.model import Policy
from gatehouse.policy.scaffold import scaffold_cases
from gatehouse.web import policy_answers, policy_routes, routes, version_answers
from gatehouse.web.access import Asker
from gatehouse.web.backend import backend
from gatehouse.web.markdown import Block, blocks
from gatehouse.web.pages_base import page, pages
from gatehouse.web.policy_answers import NAME
from gatehouse.web.policy_routes import NamePath, desk_of

HITS_DAYS = 7

AET_MAX = 16
"""Characters of an AE title (PS3.5 6.2)."""


@pages.get("/ui/policies")
def policies(request: Request, asker: Asker) -> Response:
    """List the policies in the order in which they are asked, and what waits for a person."""
    parts = backend(request)
    pack = parts.ledger.active_pack()
    loaded = _loaded(request)
    counted = parts.ledger.decided_by_policy(parts.health.clock() - HITS_DAYS * 86_400)
    hits: dict[str, dict[str, int]] = {}
    for (name, state), number in counted.items():
        hits.setdefault(name, {})[state] = number
    return page(
        "policies.html",
        asker,
        section="policies",
        pack=version_answers.active_pack(pack) if pack is not None else None,
        loaded=loaded,
        hits=hits,
        hits_days=HITS_DAYS,
        folder=policy_routes.folder(request),
        proposals=[
            (policy_routes.proposal_answer(one), _policies_in(one))
            for one in parts.ledger.proposals()
            if one.state == "open"
        ],
    )


@pages.get("/ui/policies/{name}")
def policy(
    request: Request,
    name: NamePath,
    asker: Asker,
    proposal: Annotated[int | None, Query(ge=1, le=2**53)] = None,
) -> Response:
    """Show one policy: its text to be edited and tried, its versions, and its shadow.

    With the number of a proposal the editor has its text: who approves it can see what it does.
    """
    proposed = None
    if proposal is not None:
        proposed = backend(request).ledger.proposal(proposal)
        if proposed is None or name not in _policies_in(proposed):
            raise HTTPException(404, "there is no such proposal")
    history: version_answers.PolicyHistory | None
    try:
        history = routes.policy(request, name)
    except HTTPException:
        history = None
    source = _source(request, name, history, proposed)
    try:
        shadow = policy_routes.shadow(request, name)
    except HTTPException:
        shadow = None
    active = _loaded(request).get(name)
    return page(
        "policy.html",
        asker,
        section="policies",
        name=name,
        history=history,
        active=active,
        source=source,
        shadow=shadow,
        folder=policy_routes.folder(request),
        is_changed=proposed is None and active is not None and source.text != active.text,
        proposed=proposed,
        last_studies=[one.study_id for one in backend(request).ledger.studies(policy=name, limit=1)]
        or [one.study_id for one in backend(request).ledger.studies(limit=1)],
    )


@pages.get("/ui/new-policy")
def new_policy(
    request: Request, asker: Asker, name: Annotated[str, Query(pattern=NAME)]
) -> Response:
    """Show the editor with the beginning of a policy; nothing decides by it yet."""
    if name in _loaded(request):
        return policy(request, name, asker)
    # Asked for by an AE title of its own: one for every study would hide the policies behind it.
    called = (name.upper()[:AET_MAX],)
    text = render_draft(Draft(name, f"Studies of {name}.", asker.name, name, called))
    drafted, _ = load_single(text.encode(), f"{name}/{name}.yaml")
    cases = scaffold_cases(drafted) if drafted is not None else None
    return page(
        "policy.html",
        asker,
        section="policies",
        name=name,
        history=None,
        active=None,
        source=policy_answers.CasesText(name=name, text=text, cases=cases),
        shadow=None,
        folder=policy_routes.folder(request),
        is_changed=False,
        proposed=None,
        last_studies=[one.study_id for one in backend(request).ledger.studies(limit=1)],
    )


@pages.get("/ui/policies/{name}/conformance")
def conformance(
    request: Request,
    name: NamePath,
    asker: Asker,
    version: Annotated[int | None, Query(ge=1, le=999_999)] = None,
) -> Response:
    """Show what a version of a policy does, to be printed."""
    found = policy_routes.conformance_of(request, name, version)
    return page(
        "conformance.html", asker, section="policies", found=found, blocks=_shown(found.markdown)
    )


def _source(
    request: Request,
    name: str,
    history: version_answers.PolicyHistory | None,
    proposed: ProposalRecord | None,
) -> policy_answers.CasesText:
    """Return the texts for the editor: those of a proposal, of the folder, or the last known."""
    if proposed is not None:
        files = proposed.files
        text, cases = files[f"{name}/{name}.yaml"], files.get(f"{name}/{name}.test.yaml")
        return policy_answers.CasesText(name=name, text=text, cases=cases)
    try:
        return policy_routes.source(request, name)
    except HTTPException:
        if history is None:
            raise HTTPException(404, "there is no such policy") from None
    text = routes.version(request, name, history.versions[0].version).text
    return policy_answers.CasesText(name=name, text=text, cases=None)


def _policies_in(record: ProposalRecord) -> list[str]:
    """Return which policies a proposal has the text of."""
    names = {file.partition("/")[0] for file in record.files}
    return sorted(name for name in names if f"{name}/{name}.yaml" in record.files)


def _shown(markdown: str) -> list[Block]:
    return blocks(markdown)


def _loaded(request: Request) -> dict[str, Policy]:
    try:
        return {one.name: one for one in desk_of(request).active().policies}
    except PolicyError:
        return {}

"""The pages of studies: the list, and one study with all that explains it."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlencode

from fastapi import HTTPException, Query, Request, Response
from fastapi.responses import RedirectResponse

from gatehouse.adapters.ledger_search import COUNT_MAX, OutputSummary, StudySearch
from gatehouse.pipeline.records import StudyKey
from gatehouse.pipeline.states import STUDY_STATES
from gatehouse.standard.modalities import MODALITIES
from gatehouse.web import answers, routes
from gatehouse.web.access import Asker
from gatehouse.web.pages_base import PREFIX, page, pages
from gatehouse.web.pages_words import day, parsed

ROWS = 50

Text = Annotated[str, Query(max_length=128)]
Number = Annotated[int | None, Query(ge=0, le=10**15)]


@pages.get("/ui/studies")
def studies(
    request: Request,
    asker: Asker,
    state: Text = "",
    policy: Text = "",
    modality: Text = "",
    source: Text = "",
    rule: Text = "",
    received: Text = "",
    until: Text = "",
    before: Number = None,
    after: Number = None,
) -> Response:
    """List studies, the newest first."""
    ledger = routes.backend(request).ledger
    search = StudySearch(
        state=state if state in STUDY_STATES else "",
        policy=policy.strip(),
        modality=modality if modality in MODALITIES else "",
        source=source.strip(),
        rule=rule.strip(),
        received_from=day(received),
        received_before=day(until, days=1),
    )
    found = ledger.search_studies(search, before=before, after=after, limit=ROWS + 1)
    is_more = len(found) > ROWS
    # Going back, the row too many is the newest one.
    rows = found[1:] if is_more and after is not None else found[:ROWS]
    has_newer = is_more if after is not None else before is not None
    has_older = bool(rows) if after is not None else is_more
    asked = {
        name: value
        for name, value in (
            ("state", search.state),
            ("policy", search.policy),
            ("modality", search.modality),
            ("source", search.source),
            ("rule", search.rule),
            ("received", received if search.received_from is not None else ""),
            ("until", until if search.received_before is not None else ""),
        )
        if value
    }
    total = ledger.count_studies(search)
    return page(
        "studies.html",
        asker,
        section="studies",
        studies=[answers.study(row) for row in rows],
        asked=asked,
        total=total,
        total_max=COUNT_MAX,
        states=STUDY_STATES,
        policies=ledger.policy_names(),
        rules=ledger.open_hold_rules(),
        modalities=MODALITIES,
        newest=_address(asked) if has_newer else None,
        newer=_address(asked, after=rows[0].study_id) if has_newer and rows else None,
        older=_address(asked, before=rows[-1].study_id) if has_older else None,
    )


@pages.get("/ui/studies/{which}")
def study(request: Request, which: str, asker: Asker) -> Response:
    """Show one study: what happened to it, when, why, and by what evidence."""
    found = routes.study(request, which, asker)
    if isinstance(found, answers.DeidentifiedStudy):
        return page("study_own.html", asker, section="studies", study=found)
    ledger = routes.backend(request).ledger
    made = ledger.output_summary(StudyKey(found.id, found.generation))
    return page(
        "study.html",
        asker,
        section="studies",
        study=found,
        moments=moments(found, made),
        made=made,
        open_holds=[one for one in found.holds if one.resolved_at is None],
        earlier=[one for one in found.timeline if one.generation < found.generation],
        actions=sorted(found.actions.items(), key=lambda item: -item[1]),
        actions_max=max(found.actions.values(), default=1),
    )


@pages.get("/ui/find")
def find(request: Request, asker: Asker, q: Text = "") -> Response:
    """Lead to the study of this number or Orthanc ID."""
    try:
        routes.study(request, q.strip(), asker)
    except HTTPException:
        raise HTTPException(
            HTTPStatus.NOT_FOUND, "there is no study of this number or Orthanc ID"
        ) from None
    return RedirectResponse(f"{PREFIX}/studies/{q.strip()}", HTTPStatus.SEE_OTHER)


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened to a study, how long it took, and what shows it."""

    name: str
    at: str
    took_s: float | None
    evidence: tuple[str, ...]
    kind: str = ""
    """``"good"``, ``"bad"``, ``"now"`` or ``""``."""


def moments(study: answers.StudyDetails, made: OutputSummary) -> list[Moment]:
    """Return what happened in a study's present run, in order."""
    steps = {one.state: one for one in study.timeline if one.generation == study.generation}
    found: list[Moment] = []

    def add(
        name: str,
        at: str,
        *evidence: str,
        kind: str = "",
        since: str | None = None,
        is_timed: bool = True,
    ) -> None:
        begin = since or (found[-1].at if found else None)
        is_timed = is_timed and begin is not None
        took = (parsed(at) - parsed(begin or at)).total_seconds() if is_timed else None
        found.append(Moment(name, at, took, tuple(part for part in evidence if part), kind))

    received = steps.get("receiving") or steps.get("archived")
    if received is not None:
        from_ = f"from {study.source}" if study.source else ""
        add("Received", received.at, _instances(study.instances), from_)
    if (step := steps.get("waiting")) is not None:
        quiet = (parsed(step.at) - parsed(study.last_received_at)).total_seconds()
        is_asked = step.reason == "processed again"
        why = "processed again" if is_asked else f"no new instance for {max(0.0, quiet):.0f} s"
        add("Complete", step.at, why)
    if (step := steps.get("processing")) is not None:
        add("Begun", step.at, "a worker took it")
    if study.decision is not None:
        add(
            f"Decided: {study.decision.outcome}",
            study.decision.decided_at,
            _version(study.decision),
            f"{len(study.decision.asked)} conditions asked",
            kind="" if study.decision.outcome == "accept" else "bad",
        )
    finished = steps.get("delivering") or steps.get("done")
    if finished is not None and made.instances:
        add(
            "De-identified",
            finished.at,
            f"{_instances(made.instances)}, {sum(study.actions.values())} elements changed",
        )
        add(
            "Verified",
            finished.at,
            f"{made.needles} identifying values searched for, none found",
            kind="good",
            is_timed=False,  # each instance right after it was made: no time of its own
        )
    for one in study.deliveries:
        if one.generation == study.generation and one.finished_at is not None:
            add(
                f"{one.state.capitalize()} to {one.destination}",
                one.finished_at,
                f"{one.receipts} of {one.instances} instances confirmed",
                "answers: " + ", ".join(f"{k} ({n})" for k, n in (one.statuses or {}).items())
                if one.statuses
                else "",
                kind="good" if one.state == "delivered" else "bad",
                since=one.created_at,
            )
    for name, kind in (("held", "bad"), ("rejected", "bad"), ("done", "good")):
        if (step := steps.get(name)) is not None:
            add(name.capitalize(), step.at, step.reason, kind=kind, is_timed=False)
    return sorted(found, key=lambda one: parsed(one.at))


def _instances(number: int) -> str:
    return f"{number} instance" if number == 1 else f"{number} instances"


def _version(decision: answers.Decision) -> str:
    return (
        f"{decision.policy} version {decision.policy_version}" if decision.policy else "no policy"
    )


def _address(asked: dict[str, str], **where: int) -> str:
    query = urlencode({**asked, **where})
    return f"{PREFIX}/studies?{query}" if query else f"{PREFIX}/studies"

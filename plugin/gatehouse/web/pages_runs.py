"""Pages of runs over an archive: how far each is, which studies it has, and what can be done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query, Request, Response

from gatehouse.web import run_routes, version_answers
from gatehouse.web.access import Asker
from gatehouse.web.backend import backend
from gatehouse.web.pages_base import PREFIX, page, pages

ROWS = 25
STUDIES_SHOWN = 50
OVER = ("done", "held", "rejected", "failed", "skipped")
"""States in which a run has nothing more to do with a study."""

ATTRIBUTES = (
    ("StudyDate", "Study date", "20200101-20201231"),
    ("ModalitiesInStudy", "Modality", "CT"),
    ("AccessionNumber", "Accession number", ""),
    ("PatientID", "Patient ID", ""),
    ("StudyDescription", "Study description", "*THORAX*"),
    ("StudyInstanceUID", "Study Instance UID", ""),
)
"""What studies are found by on the page: keyword, words, an example."""

Number = Annotated[int | None, Query(ge=0, le=2**53)]


@dataclass(frozen=True, slots=True)
class Progress:
    """A run, and how far it is."""

    run: run_routes.Run
    over: int
    total: int


@pages.get("/ui/runs")
def runs(request: Request, asker: Asker, before: Number = None) -> Response:
    """List runs, newest first."""
    found = run_routes.runs(request, ROWS + 1, before).runs
    rows = found[:ROWS]
    pack = backend(request).ledger.active_pack()
    return page(
        "runs.html",
        asker,
        section="runs",
        rows=[_progress(one) for one in rows],
        policies=[one.name for one in (version_answers.active_pack(pack).policies if pack else ())],
        newest=f"{PREFIX}/runs" if before is not None else None,
        older=f"{PREFIX}/runs?{urlencode({'before': rows[-1].id})}" if len(found) > ROWS else None,
    )


@pages.get("/ui/runs/{run_id}")
def run(request: Request, run_id: int, asker: Asker, offset: Number = 0) -> Response:
    """Show one run with its studies."""
    studies = run_routes.run_studies(request, run_id, STUDIES_SHOWN, offset or 0)
    start = offset or 0
    return page(
        "run.html",
        asker,
        section="runs",
        one=_progress(run_routes.run(request, run_id)),
        studies=studies.studies,
        attributes=ATTRIBUTES,
        earlier=_address(run_id, max(start - STUDIES_SHOWN, 0)) if start else None,
        later=_address(run_id, studies.next_offset) if studies.next_offset else None,
    )


def _progress(found: run_routes.Run) -> Progress:
    # What a cancelled run left out is not done.
    over = [one for one in OVER if one != "skipped" or found.state != "cancelled"]
    return Progress(
        found,
        sum(found.counts.get(state, 0) for state in over),
        sum(found.counts.values()),
    )


def _address(run_id: int, offset: int) -> str:
    return f"{PREFIX}/runs/{run_id}?{urlencode({'offset': offset})}"

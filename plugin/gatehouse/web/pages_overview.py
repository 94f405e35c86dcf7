"""The first page: what needs attention, how much came and went, how the destinations are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from fastapi import Request, Response

from gatehouse.pipeline.states import STUDY_STATES
from gatehouse.web import destination_routes, held_routes
from gatehouse.web.access import Asker
from gatehouse.web.answers import iso
from gatehouse.web.backend import backend
from gatehouse.web.health import Status
from gatehouse.web.pages_base import PREFIX, page, pages
from gatehouse.web.pages_words import count, duration

BUCKETS: Final = 24
BUCKET_S: Final = 3600.0

CHART: Final[Mapping[str, str]] = {
    "received": "receiving",
    "done": "done",
    "held": "held",
    "rejected": "rejected",
}
"""What the chart counts -> the state into which a study came then."""

WIDTH, HEIGHT, FOOT, SIDE = 720, 150, 18, 30


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of the chart, in its coordinates."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass(frozen=True, slots=True)
class Attention:
    """Something that a person should look at."""

    kind: str
    """``"bad"`` or ``"warn"``."""
    text: str
    address: str


@pages.get("/ui")
@pages.get("/ui/")
@pages.get("/ui/overview")
def overview(request: Request, asker: Asker) -> Response:
    """Show how everything is; the page asks for itself again and again."""
    parts = backend(request)
    status = parts.health.status()
    ledger = parts.ledger
    now = parts.health.clock()
    until = (now // BUCKET_S + 1) * BUCKET_S
    counted = ledger.transitions_by_bucket(until - BUCKETS * BUCKET_S, until, BUCKET_S)
    day = {
        name: sum(number for _, state, number in counted if state == wanted)
        for name, wanted in CHART.items()
    }
    waiting = ledger.oldest("waiting")
    return page(
        "overview.html",
        asker,
        section="overview",
        status=status,
        is_fresh=not any(status.studies.values()),
        states=[(state, status.studies.get(state, 0)) for state in STUDY_STATES],
        queue_age=duration(now - waiting) if waiting is not None else "",
        day=day,
        bars=list(_bars(counted, until)),
        top=_top(counted),
        chart=(WIDTH, HEIGHT, FOOT, SIDE),
        ticks=[
            (SIDE + (WIDTH - SIDE) * index / BUCKETS, iso(until - (BUCKETS - index) * BUCKET_S))
            for index in range(0, BUCKETS, 3)
        ],
        attention=list(_attention(request, status)),
        destinations=_destinations(request),
        reasons=held_routes.reasons(request).reasons[:6],
    )


def _destinations(request: Request) -> list[destination_routes.Destination]:
    if backend(request).destinations is None:
        return []
    return destination_routes.destinations(request).destinations


def _attention(request: Request, status: Status) -> Iterator[Attention]:
    for problem in status.problems:
        yield Attention("bad" if status.status != "ok" else "warn", problem, "")
    failed = status.deliveries.get("failed", 0)
    if failed:
        words = "delivery has" if failed == 1 else "deliveries have"
        yield Attention("bad", f"{count(failed)} {words} failed for good", f"{PREFIX}/destinations")
    held = status.studies.get("held", 0)
    if held:
        words = "study is" if held == 1 else "studies are"
        yield Attention("warn", f"{count(held)} {words} held", f"{PREFIX}/held")
    open_ = [one for one in backend(request).ledger.proposals(limit=20) if one.state == "open"]
    if open_:
        words = "change of policies waits" if len(open_) == 1 else "changes of policies wait"
        yield Attention("warn", f"{len(open_)} {words} for approval", f"{PREFIX}/policies")


def _top(counted: list[tuple[int, str, int]]) -> int:
    """Return the number at the top of the chart: a round one, at least 4."""
    most = max((number for _, state, number in counted if state in CHART.values()), default=0)
    step = 4
    while step < most:
        step *= 2 if str(step)[0] in "124" else 5
    return step


def _bars(counted: list[tuple[int, str, int]], until: float) -> Iterator[Bar]:
    top = _top(counted)
    slot = (WIDTH - SIDE) / BUCKETS
    width = (slot - 4) / len(CHART)
    by_place = {(bucket, state): number for bucket, state, number in counted}
    for bucket in range(BUCKETS):
        at = iso(until - (BUCKETS - bucket) * BUCKET_S)[11:16]
        for position, (kind, state) in enumerate(CHART.items()):
            number = by_place.get((bucket, state), 0)
            if number:
                height = max(1.5, (HEIGHT - FOOT - 6) * number / top)
                x = SIDE + bucket * slot + 2 + position * width
                yield Bar(kind, x, HEIGHT - FOOT - height, width, height, f"{at}: {number} {kind}")

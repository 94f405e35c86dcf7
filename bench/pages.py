"""How fast the pages are on a ledger of 100,000 studies, and how large.

Part of ``make bench``; alone: ``python -m bench.pages [STUDIES]``. The pages are asked for on the
service's own application, without Orthanc and the network: that is the time of the server.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / part) for part in ("tests", "plugin")]

# ruff: noqa: E402  the builders of the tests are found through that
from gatehouse.adapters import ledger_tables as tables
from gatehouse.adapters.ledger import Ledger
from gatehouse.pipeline import terms
from gatehouse.policy.model import Delivery
from gatehouse.web.pages_base import STATIC
from support.asgi import call
from support.rest import Site, headers

STUDIES = 100_000
TIMES = 15
DAYS = 90

MEDIAN_MAX_S = 0.2
SIZE_MAX_BYTES = 300_000

STATES = (("done", 0.93), ("held", 0.02), ("rejected", 0.01), ("archived", 0.04))
SOURCES = tuple(f"CT{number:02}" for number in range(1, 40))
MODALITIES = ("CT", "MR", "US", "CR", "CT SR", "PT", "MG")
TERMS = terms.to_json(Delivery("research-pacs", "dicom"))
RULES = ("pixels.suspicious", "adults-only", "no-policy", "verify.residual-identifier")

PAGES = {
    "overview": "overview",
    "studies, first page": "studies",
    "studies, last page": "studies?before=60",
    "studies held": "studies?state=held",
    "studies by source and modality": "studies?source=CT07&modality=PT",
    "studies of which none fits": "studies?source=NOBODY",
    "studies of some days": "studies?received=2026-09-01&until=2026-09-03",
    "one study": "studies/{newest}",
    "held": "held",
    "held for one reason": "held?rule=adults-only",
    "policies": "policies",
    "one policy": "policies/basic",
    "preview, before it is asked for": "preview?study={newest}",
}


def fill(ledger: Ledger, studies: int, now: float) -> int:
    """Put studies with all their rows into a ledger; return the number of the newest one."""
    chance = random.Random(4711)  # noqa: S311  nothing secret
    first = 1_000_000
    with ledger.writing() as connection:
        for begin in range(0, studies, 2000):
            rows = [
                _rows(chance, first + number, now, studies)
                for number in range(begin, min(begin + 2000, studies))
            ]
            for table in (
                tables.study,
                tables.transition,
                tables.instance,
                tables.decision,
                tables.hold,
                tables.delivery,
            ):
                found = [row for one in rows for row in one.get(table.name, ())]
                if found:
                    connection.execute(sa.insert(table), found)
    with ledger.writing() as connection:
        connection.execute(sa.text("ANALYZE"))
    return first + studies - 1


def _rows(
    chance: random.Random, number: int, now: float, studies: int
) -> dict[str, list[dict[str, Any]]]:
    age = (1_000_000 + studies - number) / studies * DAYS * 86_400
    at = now - age
    state = chance.choices([name for name, _ in STATES], [part for _, part in STATES])[0]
    rule = chance.choice(RULES) if state in ("held", "rejected") else ""
    text = f"{number:040x}"
    orthanc_id = "-".join(text[start : start + 8] for start in range(0, 40, 8))
    step = {"study_id": number, "generation": 1, "rule": "", "reason": ""}
    found: dict[str, list[dict[str, Any]]] = {
        "study": [
            {
                "id": number,
                "server": "orthanc",
                "orthanc_id": orthanc_id,
                "state": state,
                "generation": 1,
                "first_received_at": at,
                "last_received_at": at + 20,
                "state_changed_at": at + 90,
                "policy": "basic",
                "policy_version": 1,
                "policy_digest": "digest-of-basic-1",
                "rule": rule,
                "reason": "it can't be told" if rule else "",
                "modalities": chance.choice(MODALITIES),
                "source": chance.choice(SOURCES),
            }
        ],
        "transition": [
            {**step, "at": at, "state": "receiving"},
            {**step, "at": at + 80, "state": "waiting"},
            {**step, "at": at + 81, "state": "processing"},
            {**step, "at": at + 90, "state": state},
        ],
        "instance": [
            {
                "study_id": number,
                "orthanc_id": f"{orthanc_id}-{index}",
                "series_orthanc_id": orthanc_id,
                "attachment_digest": "x",
                "generation": 1,
                "received_at": at,
            }
            for index in range(3)
        ],
        "decision": [
            {
                "study_id": number,
                "generation": 1,
                "outcome": "hold" if rule else "accept",
                "policy": "basic",
                "rule": rule or "match",
                "decided_at": at + 82,
            }
        ],
    }
    if state == "held":
        found["hold"] = [
            {
                "study_id": number,
                "generation": 1,
                "rule": rule,
                "reason": "it can't be told",
                "held_at": at + 90,
            }
        ]
    if state == "done":
        found["delivery"] = [
            {
                "study_id": number,
                "generation": 1,
                "via": "dicom",
                "destination": "research-pacs",
                "policy_digest": "digest-of-basic-1",
                "state": "delivered",
                "attempts": 1,
                "created_at": at + 83,
                "finished_at": at + 90,
                "terms": TERMS,
            }
        ]
    return found


def measure(studies: int = STUDIES) -> Iterator[tuple[str, float, float, int]]:
    """Yield name, median and slowest time in seconds, and size with all that the page loads."""
    with tempfile.TemporaryDirectory() as folder, Site(Path(folder)) as site:
        newest = fill(site.ledger, studies, site.health.clock())
        for name, path in PAGES.items():
            target = f"/gatehouse/ui/{path.format(newest=newest)}"
            times = []
            for _ in range(TIMES):
                begin = time.perf_counter()
                reply = call(site.app, "GET", target, headers("petra"))
                times.append(time.perf_counter() - begin)
                if reply.status != 200:
                    raise RuntimeError(f"{target} answers {reply.status}")
            size = len(reply.body) + _assets(site, reply.body.decode())
            yield name, statistics.median(times), max(times), size


def _assets(site: Site, text: str) -> int:
    """Return how many bytes the page's files have as they are sent: compressed."""
    total = 0
    for file in STATIC.rglob("*"):
        if f"/{file.name}" in text and file.suffix in (".js", ".css", ".svg"):
            target = next(word for word in text.split('"') if word.endswith(f"/{file.name}"))
            sent = call(site.app, "GET", target, headers("petra", **{"Accept-Encoding": "gzip"}))
            total += len(sent.body)
    return total


def main(studies: int = STUDIES) -> int:
    """Print a table; return 1 if a page is slower or larger than it may be."""
    is_over = False
    print(f"Pages on a ledger of {studies:,} studies (median and slowest of {TIMES}; with assets)")
    for name, median_s, slowest_s, size in measure(studies):
        over = median_s > MEDIAN_MAX_S or size > SIZE_MAX_BYTES
        is_over = is_over or over
        print(
            f"  {name:36} {median_s * 1000:7.1f} ms  {slowest_s * 1000:7.1f} ms"
            f"  {size / 1000:6.0f} kB{'  OVER' if over else ''}"
        )
    return 1 if is_over else 0


if __name__ == "__main__":
    if "--json" in sys.argv:
        print(json.dumps(list(measure())))
        raise SystemExit(0)
    raise SystemExit(main(int(sys.argv[1]) if len(sys.argv) > 1 else STUDIES))

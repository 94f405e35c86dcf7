"""How fast the pages are on a ledger of 100,000 studies, and how large.

Part of ``make bench``; alone: ``python -m bench.pages [STUDIES]``. The pages are asked for on the
service's own application, without Orthanc and the network: that is the time of the server.
"""

from __future__ import annotations

import contextlib
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

RUNS = 30
STUDIES_OF_A_RUN = 20_000

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
    "one policy": "policies/everything",
    "conformance": "policies/everything/conformance",
    "preview, before it is asked for": "preview?study={newest}",
    "destinations": "destinations",
    "runs": "runs",
    "one run": "runs/30",
    "one run, its last studies": "runs/30?offset=19950",
    "audit trail": "audit",
    "audit trail, its oldest rows": "audit?before=1060",
    "audit trail of a user": "audit?actor=oscar",
    "audit trail of a kind of action": "audit?action=study.",
    "audit trail of one study": "audit?about=study+{newest}",
    "audit trail of some days": "audit?since=2026-09-01&until=2026-09-03",
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
                tables.audit,
            ):
                found = [row for one in rows for row in one.get(table.name, ())]
                if found:
                    connection.execute(sa.insert(table), found)
    with ledger.writing() as connection:
        _add_runs(connection, first, studies, now)
        connection.execute(sa.text("ANALYZE"))
    return first + studies - 1


def _add_runs(connection: sa.Connection, first: int, studies: int, now: float) -> None:
    """Put runs over the archive into the ledger, the newest one with many studies."""
    about = {"policy": "basic", "source": "archive", "at_once": 2, "created_by": "oscar"}
    rows = [
        {**about, "id": number, "state": "done", "created_at": now - 1000 * (RUNS - number)}
        for number in range(1, RUNS + 1)
    ]
    connection.execute(sa.insert(tables.run), rows)
    items = [
        {
            "run_id": RUNS,
            "position": position,
            "study_orthanc_id": _orthanc_id(first + position % studies),
            "state": "held" if position % 50 == 0 else "done",
            "generation": 1,
            "begun_at": now,
        }
        for position in range(1, STUDIES_OF_A_RUN + 1)
    ]
    connection.execute(sa.insert(tables.run_item), items)


def _orthanc_id(number: int) -> str:
    text = f"{number:040x}"
    return "-".join(text[start : start + 8] for start in range(0, 40, 8))


def _audit(number: int, at: float, state: str) -> list[dict[str, Any]]:
    """Return the rows of the audit trail that a study leaves; the chain is not of interest here."""
    actions = ("study.decided", "study.delivering", "delivery.delivered", f"study.{state}")
    return [
        {
            # The site has written some rows of its own.
            "sequence": 1000 + (number - 1_000_000) * len(actions) + index,
            "at": at + 82 + index,
            "actor": "oscar" if number % 500 == 0 else "gatehouse",
            "action": action,
            "object": f"study {number} generation 1",
            "policy_digest": "digest-of-basic-1",
            "outcome": "accept",
            "previous": "x",
            "digest": "x",
        }
        for index, action in enumerate(actions)
    ]


def _rows(
    chance: random.Random, number: int, now: float, studies: int
) -> dict[str, list[dict[str, Any]]]:
    age = (1_000_000 + studies - number) / studies * DAYS * 86_400
    at = now - age
    state = chance.choices([name for name, _ in STATES], [part for _, part in STATES])[0]
    rule = chance.choice(RULES) if state in ("held", "rejected") else ""
    orthanc_id = _orthanc_id(number)
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
    found["audit"] = _audit(number, at, state)
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
        _load_policies(site)
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


def _load_policies(site: Site) -> None:
    """Let the policy of the site's folder decide; the ledger's own one is nothing but a name."""
    # What is logged must not come between the figures.
    with contextlib.redirect_stdout(sys.stderr):
        state = site.desk.reload("bench").state
    if state != "active":
        raise RuntimeError(f"the policies can't be loaded: {state}")


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

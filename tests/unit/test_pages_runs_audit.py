"""Goal: the pages of runs and of the audit trail show what the ledger holds, to whom they are for.

Method: the real application on a real ledger, without a browser; what a browser does is in
``tests/live/test_ui_runs_audit.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.asgi import call
from support.rest import NOW, Site, headers

MARKUP = "<img src=x onerror=window.caught=1>"
DAY_S = 86_400.0


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Site(tmp_path_factory.mktemp("site")) as made:
        for number in range(1, 31):
            run = made.ledger.create_run("basic", "", 2, None, "", MARKUP, NOW + number)
            assert run == number
        studies = [(f"{n:08x}-0-0-0-0", "") for n in range(120)]
        made.ledger.add_run_items(30, studies, "oscar", NOW)
        for item in made.ledger.run_items(30, limit=60):
            made.ledger.move_item(item, "done", NOW, generation=1)
        for number in range(200):
            made.ledger.record_audit(
                "oscar" if number % 2 else "petra",
                "study.process-again" if number % 4 else "policy.activated",
                f"study {number} generation 2",
                "done",
                NOW + number * DAY_S,
                detail=MARKUP,
            )
        yield made


def text(site: Site, path: str, user: str = "petra") -> str:
    reply = call(site.app, "GET", f"/gatehouse/ui/{path}", headers(user))
    assert reply.status == 200, reply.body
    return reply.body.decode()


def rows(page: str) -> list[int]:
    return [int(one) for one in re.findall(r'<th scope="row" class="number">(\d+)', page)]


def link(page: str, rel: str) -> str:
    found = re.search(rf'rel="{rel}" href="/gatehouse/ui/([^"]+)"', page)
    assert found is not None, rel
    return found.group(1).replace("&amp;", "&")


def test_the_trail_goes_from_the_newest_row_to_the_oldest_and_back_without_a_gap(
    site: Site,
) -> None:
    pages = [text(site, "audit")]
    while 'rel="next"' in pages[-1]:
        pages.append(text(site, link(pages[-1], "next")))
    seen = [number for page in pages for number in rows(page)]
    back = text(site, link(pages[-1], "prev"))

    assert seen == list(range(len(seen), 0, -1))
    assert len(seen) == len(site.ledger.audit_rows(limit=1000))
    assert rows(back) == rows(pages[-2])
    assert 'rel="prev"' not in pages[0]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("actor=petra", 100),
        ("actor=PETRA", 0),
        ("action=policy.", 50),
        ("action=study.process", 150),
        ("action=%25", 0),
        ("about=study%201", 1),
        ("about=study%20100%20generation%202", 1),
        ("about=study%2010*", 0),
        ("about=study%2010%3F", 0),
        ("about=study%2010%25", 0),
        ("about=run%2030", 2),
        ("since=1970-01-03&until=1970-01-04", 2),
        ("since=1970-01-03&until=1970-01-04&actor=petra", 1),
        ("since=nonsense&actor=nobody", 0),
    ],
)
def test_the_trail_is_searched_by_who_what_to_what_and_when(
    site: Site, query: str, found: int
) -> None:
    page, seen = text(site, f"audit?{query}"), 0
    seen += len(rows(page))
    while 'rel="next"' in page:
        page = text(site, link(page, "next"))
        seen += len(rows(page))

    assert seen == found


@pytest.mark.parametrize("user", ["viola", "oscar", "polly"])
def test_the_trail_is_for_privacy_officers_and_only_they_are_led_to_it(
    site: Site, user: str
) -> None:
    refused = call(site.app, "GET", "/gatehouse/ui/audit", headers(user))

    assert refused.status == 403
    assert "/ui/audit" not in text(site, "runs", user)
    assert "/ui/audit" in text(site, "runs", "petra")


def test_a_row_leads_to_what_it_is_about(site: Site) -> None:
    page = text(site, "audit?about=study%2012") + text(site, "audit?about=run%2030")

    assert 'href="/gatehouse/ui/studies/12"' in page
    assert 'href="/gatehouse/ui/runs/30"' in page


@pytest.mark.parametrize("path", ["audit", "audit?action=run.", "runs", "runs/30"])
def test_what_the_ledger_says_is_escaped(site: Site, path: str) -> None:
    page = text(site, path)

    assert "<img src=x" not in page
    assert "&lt;img src=x" in page


@pytest.mark.parametrize("name", ["actor", "action", "about", "since", "until"])
def test_what_is_searched_for_is_escaped(site: Site, name: str) -> None:
    assert "<b>" not in text(site, f"audit?{name}=%22%3E%3Cb%3E")


def test_runs_are_listed_from_the_newest_one_by_pages(site: Site) -> None:
    first = text(site, "runs")
    second = text(site, "runs?before=6")

    runs = re.compile(r'<th scope="row"><a [^>]*href="[^"]*/runs/(\d+)"')
    assert [int(one) for one in runs.findall(first)] == list(range(30, 5, -1))
    assert "runs?before=6" in first
    assert [int(one) for one in runs.findall(second)] == [5, 4, 3, 2, 1]


def test_a_run_says_how_far_it_is_and_pages_through_its_studies(site: Site) -> None:
    first = text(site, "runs/30")
    second = text(site, link(first, "next"))
    third = text(site, link(second, "next"))

    assert '<progress max="120" value="60"' in first
    assert [*rows(first), *rows(second), *rows(third)] == list(range(1, 121))
    assert 'rel="next"' not in third
    assert link(third, "prev") == "runs/30?offset=50"


@pytest.mark.parametrize("path", ["runs", "runs/30"])
def test_only_those_who_operate_are_offered_to_change_a_run(site: Site, path: str) -> None:
    changing = re.compile(r"data-action|data-opens|add-studies")

    assert changing.search(text(site, path, "oscar"))
    assert not changing.search(text(site, path, "viola"))
    assert not changing.search(text(site, path, "polly"))


@pytest.mark.parametrize("user", ["viola", "polly"])
@pytest.mark.parametrize("path", ["runs", "runs/29/studies", "runs/29/begin", "runs/29/cancel"])
def test_only_those_who_operate_change_a_run(site: Site, user: str, path: str) -> None:
    json = headers(user, **{"Content-Type": "application/json"})

    reply = call(site.app, "POST", f"/gatehouse/{path}", json, b"{}")
    run = site.ledger.run(29)

    assert reply.status == 403
    assert run is not None
    assert run.state == "paused"


def test_a_run_without_studies_can_t_be_begun_on_its_page(site: Site) -> None:
    empty = re.compile(r"/runs/(\d+)/begin[^>]*disabled")

    assert empty.search(text(site, "runs/29", "oscar"))
    assert not empty.search(text(site, "runs/30", "oscar"))


def test_a_run_that_is_over_takes_no_studies_and_can_t_be_changed(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        number = site.ledger.create_run("basic", "", 2, 30, "20:00-06:00", "oscar", NOW)
        site.ledger.change_run(number, "cancelled", "oscar", NOW)

        page = text(site, f"runs/{number}", "oscar")

    assert "add-studies" not in page
    assert "/begin" not in page
    assert "30 in an hour, from 20:00-06:00" in page


def test_what_a_cancelled_run_left_out_is_not_done(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        number = site.ledger.create_run("basic", "", 2, None, "", "oscar", NOW)
        site.ledger.add_run_items(
            number, [(f"{n:08x}-0-0-0-0", "") for n in range(3)], "oscar", NOW
        )
        [first] = site.ledger.run_items(number, limit=1)
        site.ledger.move_item(first, "done", NOW, generation=1)
        site.ledger.change_run(number, "cancelled", "oscar", NOW)

        assert '<progress max="3" value="1"' in text(site, "runs")


def test_a_run_that_is_not_there_says_so_as_a_page(site: Site) -> None:
    reply = call(site.app, "GET", "/gatehouse/ui/runs/4711", headers("oscar"))

    assert reply.status == 404
    assert b"there is no such run" in reply.body

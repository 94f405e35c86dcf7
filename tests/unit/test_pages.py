"""Goal: pages show what the ledger holds, page through it by key, and escape whatever it says.

Method: the real application on a real ledger, without a browser; what a browser does is in
``tests/live/test_ui.py``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from gatehouse.adapters.ledger_search import StudySearch
from gatehouse.pipeline.ports import Held
from gatehouse.pipeline.records import StudyKey
from gatehouse.web.markdown import blocks
from gatehouse.web.pages_base import STATIC
from gatehouse.web.pages_words import ago, bytes_, count, duration
from support.asgi import Reply, call
from support.rest import NOW, ORIGINAL, Site, headers
from support.studies import KEY, SERVER, accepted, received

MANY = 120


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Site(tmp_path_factory.mktemp("site")) as made:
        made.deliver()
        for number in range(2, MANY + 1):
            made.receive(f"instance-{number}", f"study-{number}")
        yield made


def ask(site: Site, path: str, user: str = "petra", **more: str) -> Reply:
    return call(site.app, "GET", f"/gatehouse/ui/{path}", headers(user, **more))


def text(site: Site, path: str, user: str = "petra") -> str:
    reply = ask(site, path, user)
    assert reply.status == 200, reply.body
    return reply.body.decode()


def numbers(page: str) -> list[int]:
    return [
        int(found) for found in re.findall(r'<th scope="row"><a href="[^"]*/studies/(\d+)"', page)
    ]


def link(page: str, rel: str) -> str:
    found = re.search(rf'rel="{rel}" href="/gatehouse/ui/([^"]+)"', page)
    assert found is not None, rel
    return found.group(1).replace("&amp;", "&")


def test_the_list_goes_from_the_newest_study_to_the_oldest_and_back_without_a_gap(
    site: Site,
) -> None:
    first = text(site, "studies")
    second = text(site, link(first, "next"))
    third = text(site, link(second, "next"))
    back = text(site, link(third, "prev"))

    seen = [*numbers(first), *numbers(second), *numbers(third)]
    assert seen == list(range(MANY, 0, -1))
    assert numbers(back) == numbers(second)
    assert 'rel="next"' not in third
    assert 'rel="prev"' not in first


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=done", [1]),
        ("policy=basic&state=done", [1]),
        ("state=rejected", []),
        ("source=NOBODY", []),
        ("rule=nothing", []),
        ("received=1999-01-01", []),
        ("state=unheard-of&before=3", [2, 1]),
    ],
)
def test_the_list_shows_what_is_asked_for(site: Site, query: str, found: list[int]) -> None:
    assert numbers(text(site, f"studies?{query}")) == found


def test_a_modality_is_found_as_a_whole_word(site: Site) -> None:
    search = StudySearch(modality="T")

    assert site.ledger.search_studies(search) == []


def test_a_study_shows_its_timeline_with_evidence_and_its_receipts(site: Site) -> None:
    page = text(site, "studies/1")

    for words in (
        "Received",
        "Decided: accept",
        "Verified",
        "Delivered to research-pacs",
        "2 of 2 instances confirmed",
        "0xB000",
    ):
        assert words in page


def test_a_study_is_found_by_its_orthanc_id(site: Site) -> None:
    reply = ask(site, f"find?q={ORIGINAL}")

    assert (reply.status, reply.header("location")) == (303, f"/gatehouse/ui/studies/{ORIGINAL}")
    assert ask(site, "find?q=nothing").status == 404


def test_what_the_ledger_says_is_escaped(tmp_path: Path) -> None:
    markup = "<script>alert(1)</script>"
    with Site(tmp_path) as site:
        site.ledger.advance(StudyKey(1, 1), "processing", NOW - 40)
        site.ledger.hold(StudyKey(1, 1), Held("i", markup, markup, markup), NOW - 30)
        pages = [text(site, path) for path in ("studies", "studies/1", "held", "overview")]

    for page in pages:
        assert markup not in page
    assert "&lt;script&gt;" in pages[1]


def test_a_page_says_an_error_as_a_page(site: Site) -> None:
    reply = ask(site, "studies/4711")

    assert reply.status == 404
    assert reply.header("content-type").startswith("text/html")
    assert "there is no such study" in reply.body.decode()


def test_what_changes_something_is_offered_to_those_who_may(site: Site) -> None:
    assert "/process" in text(site, "studies/1", "oscar")
    assert "/process" not in text(site, "studies/1", "viola")
    assert "Load the folder again" in text(site, "policies", "polly")
    assert "Load the folder again" not in text(site, "policies", "oscar")


def test_no_page_has_a_script_or_a_style_of_its_own(site: Site) -> None:
    for path in ("overview", "studies", "studies/1", "held", "policies", "preview?study=1"):
        page = text(site, path)
        assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|javascript:", page)


def test_answers_are_compressed_for_those_who_take_it(site: Site) -> None:
    plain = ask(site, "studies")
    packed = ask(site, "studies", **{"Accept-Encoding": "gzip"})

    assert plain.header("content-encoding") == ""
    assert packed.header("content-encoding") == "gzip"
    assert len(packed.body) < len(plain.body) / 3


def test_a_static_file_is_found_by_its_digest_only(site: Site) -> None:
    page = text(site, "studies")
    path = re.search(r'/gatehouse/ui/(static/[0-9a-f]+/gatehouse.js)"', page)
    assert path is not None

    assert ask(site, path.group(1)).header("cache-control").endswith("immutable")
    assert ask(site, "static/000000000000/gatehouse.js").status == 404
    assert ask(site, "static/000000000000/..%2Fapp.py").status == 404


def test_what_others_wrote_is_as_it_was_built_and_has_its_licence() -> None:
    vendor = STATIC / "vendor"

    for one in json.loads((vendor / "assets.json").read_text()):
        content = (vendor / one["file"]).read_bytes()
        licence = (vendor / one["file"].replace(".min.js", ".licence.txt")).read_text()
        assert sha256(content).hexdigest() == one["sha256"]
        assert all(package["name"] in licence for package in one["packages"])


def test_studies_by_hour_are_counted_where_they_belong(site: Site) -> None:
    counted = site.ledger.transitions_by_bucket(NOW - 3600, NOW, 1800.0)

    assert (1, "done", 1) in counted
    assert sum(number for _, state, number in counted if state == "receiving") == MANY


def test_a_study_that_comes_while_somebody_pages_moves_nothing(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        site.receive("instance-2", "study-2")
        before = site.ledger.search_studies(StudySearch(), before=2)
        site.ledger.record_changes(SERVER, 9, [received("instance-3", "study-3")], NOW)

        assert site.ledger.search_studies(StudySearch(), before=2) == before


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, ""), (0, "0 s"), (0.25, "250 ms"), (5.0, "5.0 s"), (90, "1.5 min"), (7200, "2.0 h")],
)
def test_durations_are_short(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


def test_numbers_are_for_people() -> None:
    assert (count(1234567), bytes_(1_234_567), bytes_(12)) == (
        "1\u202f234\u202f567",
        "1.2 MB",
        "12 B",
    )
    assert ago(None) == ""


def test_markdown_becomes_blocks_whose_text_stays_text() -> None:
    found = blocks("# Title\n\n- a `b`\n- c\n\n| A | B |\n|---|---|\n| `x` | <b> |\n\nWords\n")

    assert [one.kind for one in found] == ["h1", "list", "table", "p"]
    assert found[1].rows == [[[("a ", False), ("b", True)]], [[("c", False)]]]
    assert found[2].rows[1] == [[("x", True)], [("<b>", False)]]


def test_the_first_steps_are_shown_until_a_study_has_come(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = site.health.status()
    assert "First steps" not in text(site, "overview")

    fresh = status.model_copy(update={"studies": {}})
    monkeypatch.setattr(type(site.health), "status", lambda _self: fresh)

    assert "First steps" in text(site, "overview")


def test_the_overview_says_in_plain_words_why_studies_are_held(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        site.hold()

        assert "Images may carry burned-in text.<" in text(site, "overview")


def test_a_decision_without_a_condition_is_a_decision(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        assert "Not decided yet." in text(site, "studies/1")
        site.ledger.advance(KEY, "processing", NOW - 40)
        decision = replace(accepted(), reason="released by a person", asked=())
        site.ledger.record_decision(KEY, decision, "digest-of-pack", NOW - 39)
        page = text(site, "studies/1")

    assert "Not decided yet." not in page
    assert "released by a person" in page


def test_a_new_policy_asks_for_an_ae_title_of_its_own(site: Site) -> None:
    page = text(site, "new-policy?name=a-name-with-many-letters")

    assert "A-NAME-WITH-MANY" in page
    assert "every-study" not in page


@pytest.mark.parametrize("user", ["viola", "oscar", "polly"])
def test_images_of_originals_are_for_privacy_officers(site: Site, user: str) -> None:
    sent = headers(user, **{"Content-Type": "application/json"})

    reply = call(site.app, "POST", "/gatehouse/ui/picture", sent, b'{"study":"1","instance":"i"}')

    assert reply.status == 403


def test_pages_run_only_our_files_and_are_in_nobody_s_frame(site: Site) -> None:
    policy = ask(site, "studies").header("content-security-policy")

    assert {"default-src 'self'", "frame-ancestors 'none'", "object-src 'none'"} <= set(
        policy.split("; ")
    )
    assert "unsafe" not in policy

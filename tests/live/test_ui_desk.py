"""Goal: runs over an archive, the audit trail, what a check held, and four eyes, in the browser.

Method: a real Chromium on a real Orthanc with the plugin and four eyes. What is clicked and typed
is what a person clicks and types; the browser's console must stay silent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from support.browser import LONGEST_MS, PAGE_MAX_BYTES, Visitor, chromium
from support.orthanc import PASSWORD
from support.ui_site import UiSite, sample

expect.set_options(timeout=LONGEST_MS)

MARKUP = "<img src=x onerror=window.caught=1>"

PAGES = ("runs", "runs/1", "audit", "audit?action=run.", "held")

FRESH = (
    ("overview", "Test the destinations"),
    ("studies", "No study has come yet."),
    ("held", "Nothing is held."),
    ("runs", "There was no run yet."),
    ("preview", "Give the number or Orthanc ID of a study"),
    ("destinations", "research-pacs"),
    ("audit", "pack.activated"),
)
"""Pages of a gateway without a study, and what each says then."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UiSite]:
    with UiSite(tmp_path_factory.mktemp("ui"), FourEyes=True) as running:
        yield running


@pytest.fixture(scope="module")
def studies(site: UiSite) -> dict[str, int]:
    """A study that was delivered, and a child's, which a check of the study for adults holds."""
    child = sample(
        "CT_small.dcm",
        PatientAge="017Y",
        StudyDescription="CT chest",
        PatientName=MARKUP,
        AccessionNumber="A-2",
    )
    return {
        "done": site.send(sample("MR_small.dcm", AccessionNumber="A-1", PatientID="P-1")),
        "child": site.send(child, called_aet="LUNGAI", calling_aet="<b>CT01</b>"),
    }


@pytest.fixture(scope="module")
def run(site: UiSite, studies: dict[str, int]) -> int:
    """A run that waits to be begun, made for a reason that holds markup."""
    made = site.gateway.post("/gatehouse/runs", json={"policy": "basic"}).json()
    site.gateway.post(
        "/gatehouse/policies/basic/activate",
        json={"text": _version(site, 3), "because": MARKUP},
        auth=("petra", PASSWORD),
    )
    return int(made["id"])


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def visit(browser: Browser, site: UiSite) -> Iterator[Any]:
    """Return a function that lets somebody come in; what their browser complains of fails."""
    visitors: list[Visitor] = []

    def come(user: str, path: str) -> Page:
        visitors.append(Visitor(browser, site.url, user, PASSWORD))
        return visitors[-1].open(path)

    yield come
    for one in visitors:
        one.close()


def _version(site: UiSite, number: int) -> str:
    text = (site.policies / "basic" / "basic.yaml").read_text()
    return text.replace("version: 1", f"version: {number}")


@pytest.mark.parametrize(("path", "said"), FRESH)
def test_a_page_of_a_fresh_install_says_what_to_do(
    browser: Browser, site: UiSite, path: str, said: str
) -> None:
    assert site.gateway.ask("studies")["studies"] == [], "this must come before any study"
    visitor = Visitor(browser, site.url, "tester", PASSWORD)
    page = visitor.open(path)

    expect(page.locator("main")).to_contain_text(said)
    assert visitor.violations() == []
    assert visitor.trouble == []
    visitor.close()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_accessible_fits_its_screen_and_runs_no_markup(
    browser: Browser, site: UiSite, run: int, path: str
) -> None:
    visitor = Visitor(browser, site.url, "tester", PASSWORD)
    page = visitor.open(path)

    size = visitor.loaded_bytes()
    found = visitor.violations()
    page.emulate_media(color_scheme="dark")
    found += visitor.violations("color-contrast")
    wide = page.evaluate("document.documentElement.scrollWidth")
    page.set_viewport_size({"width": 800, "height": 1100})
    narrow = page.evaluate("document.documentElement.scrollWidth")

    assert found == []
    assert 1000 < size <= PAGE_MAX_BYTES
    assert (wide <= 1280, narrow <= 800) == (True, True)
    assert page.evaluate("window.caught") is None
    assert page.locator("main img[src=x], main b").count() == 0
    assert visitor.trouble == []
    visitor.close()


def test_a_dialog_is_accessible(
    browser: Browser, site: UiSite, studies: dict[str, int], run: int
) -> None:
    visitor = Visitor(browser, site.url, "petra", PASSWORD)
    held = f"held?study={studies['child']}"
    found = []
    for path, button in (
        (held, "Release…"),
        (held, "Reject…"),
        ("runs", "New run…"),
        (f"runs/{run}", "Cancel…"),
    ):
        page = visitor.open(path)
        page.emulate_media(color_scheme="light")
        page.get_by_role("button", name=button).first.click()
        expect(page.get_by_role("dialog")).to_be_visible()
        found += visitor.violations()
        page.emulate_media(color_scheme="dark")
        found += visitor.violations("color-contrast")
    visitor.close()

    assert found == []


def test_a_run_is_made_filled_begun_and_done(
    site: UiSite, visit: Any, studies: dict[str, int], run: int, tmp_path: Path
) -> None:
    csv = tmp_path / "list.csv"
    csv.write_text('Ward,AccessionNumber\r\n"3, north",A-1\r\n1,A-NONE\r\n1,A-1\r\n')
    page = visit("oscar", "runs")
    page.get_by_role("button", name="New run…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Policy").select_option("basic")
    dialog.get_by_label("Studies in an hour").fill("1000")
    dialog.get_by_role("button", name="Make it").click()
    expect(page).to_have_url(re.compile(r"/runs/\d+$"))
    number = int(page.url.rpartition("/")[2])

    page.get_by_label("or a CSV file").set_input_files(csv)
    page.get_by_role("button", name="Find and add").click()
    expect(page.locator("#message")).to_have_text("1 study added; 1 found none: number 2.")
    page.get_by_label("Patient ID").fill("P-1")
    page.get_by_role("button", name="Find and add").click()
    expect(page.locator("#message")).to_have_text("0 studies added.")
    page.get_by_role("button", name="Begin").click()

    expect(page.locator("h1")).to_contain_text("done")
    expect(page.locator("progress")).to_have_attribute("value", "1")
    answer = site.gateway.ask(f"runs/{number}", "viola")
    assert (answer["created_by"], answer["counts"], answer["per_hour"]) == (
        "oscar",
        {"done": 1},
        1000,
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("AccessionNumber\nA-*\n", "The file has accession numbers with wildcards"),
        ("AccessionNumber\n\n", "The file has no accession numbers."),
        (None, "Nothing says which studies."),
    ],
)
def test_what_would_find_others_or_nothing_is_not_asked_for(
    site: UiSite, visit: Any, run: int, tmp_path: Path, content: str | None, said: str
) -> None:
    page = visit("oscar", f"runs/{run}")
    if content is not None:
        (tmp_path / "list.csv").write_text(content)
        page.get_by_label("or a CSV file").set_input_files(tmp_path / "list.csv")

    page.get_by_role("button", name="Find and add").click()

    expect(page.locator("#add-said")).to_contain_text(said)
    assert site.gateway.ask(f"runs/{run}")["counts"] == {}


def test_runs_are_made_and_the_trail_is_searched_with_the_keyboard_alone(
    visit: Any, run: int
) -> None:
    page = visit("petra", "runs")
    page.get_by_role("button", name="New run…").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    assert page.evaluate("document.activeElement.closest('dialog') !== null")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.get_by_role("link", name="Audit").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Did what").focus()
    page.keyboard.type("run.")
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile(r"action=run\."))
    codes = page.locator("tbody code")
    expect(codes.filter(has_not_text=re.compile(r"^run\."))).to_have_count(0)
    expect(codes.filter(has_text="run.created").first).to_be_visible()


def test_a_button_waits_for_the_script_that_serves_it(
    browser: Browser, site: UiSite, run: int
) -> None:
    visitor = Visitor(browser, site.url, "oscar", PASSWORD)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    visitor.page.route("**/runs.js", hold)
    visitor.page.goto(f"/gatehouse/ui/runs/{run}", wait_until="commit")
    button = visitor.page.get_by_role("button", name="Find and add")

    expect(button).to_have_css("pointer-events", "none")
    while not held:
        visitor.page.wait_for_timeout(50)
    held[0].continue_()

    expect(button).to_have_css("pointer-events", "auto")
    visitor.close()


def test_a_run_is_cancelled_after_a_question(site: UiSite, visit: Any, run: int) -> None:
    made = site.gateway.post("/gatehouse/runs", json={"policy": "basic"}).json()["id"]
    page = visit("oscar", f"runs/{made}")

    page.get_by_role("button", name="Cancel…").click()
    page.get_by_role("button", name="Cancel the run").click()

    expect(page.locator("h1")).to_contain_text("cancelled")
    assert site.gateway.ask(f"runs/{made}")["state"] == "cancelled"


def test_a_viewer_is_offered_nothing_that_changes_a_run(visit: Any, run: int) -> None:
    for path in ("runs", f"runs/{run}"):
        page = visit("viola", path)
        assert page.locator("[data-action], [data-opens], #add-studies").count() == 0


@pytest.mark.parametrize("user", ["viola", "oscar", "polly", "nobody"])
def test_the_trail_is_refused_to_all_but_privacy_officers(site: UiSite, user: str) -> None:
    assert site.gateway.get("/gatehouse/ui/audit", auth=(user, PASSWORD)).status_code == 403


def test_the_trail_is_searched_and_found_whole(visit: Any, run: int) -> None:
    page = visit("petra", "audit")
    page.get_by_label("Did what").fill("run.created")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("tbody code").first).to_have_text("run.created")
    assert set(page.locator("tbody code").all_inner_texts()) == {"run.created"}
    assert "action=run.created" in page.url

    page.get_by_role("button", name="Check the whole trail").click()
    expect(page.locator("#verdict")).to_contain_text("The trail is whole")


def test_a_privacy_officer_accepts_a_check_for_one_study(
    site: UiSite, visit: Any, studies: dict[str, int]
) -> None:
    page = visit("petra", f"held?study={studies['child']}")
    page.get_by_role("button", name="Release…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Policy").select_option("basic")
    expect(dialog.get_by_label("adults-only")).to_be_hidden()
    dialog.get_by_label("Policy").select_option("ct-lung-research")
    dialog.get_by_label("adults-only").check()
    dialog.get_by_label("Justification").fill("The board agreed to this one.")
    dialog.get_by_role("button", name="Release").click()

    expect(page.locator("#message")).to_have_text("It is released.")
    site.wait_for(_uid(site, studies["child"]), ("done",))
    rows = site.gateway.ask("audit?limit=1000")["audit"]
    [released] = [row for row in rows if row["action"] == "study.released"]
    assert (released["actor"], "check adults-only" in released["outcome"]) == ("petra", True)


def _uid(site: UiSite, number: int) -> str:
    orthanc_id = site.gateway.ask(f"studies/{number}")["orthanc_id"]
    tags = site.gateway.get(f"/studies/{orthanc_id}").json()["MainDicomTags"]
    return str(tags["StudyInstanceUID"])


def test_an_operator_is_not_offered_to_accept_a_check(visit: Any, studies: dict[str, int]) -> None:
    page = visit("oscar", "held")

    assert page.locator("[name=accept]").count() == 0


def test_what_one_person_proposes_another_one_looks_at_and_approves(
    site: UiSite, visit: Any, studies: dict[str, int]
) -> None:
    polly = visit("polly", "policies/basic")
    expect(polly.locator("#verdict")).to_contain_text("valid")
    polly.evaluate(
        "text => gatehouseEditors.text.replace(text)",
        _version(site, 2).replace("owner: ", "owner: second-"),
    )
    expect(polly.locator("#verdict")).to_contain_text("valid")
    polly.get_by_label("Why (goes into the audit trail)").fill("another owner")
    polly.get_by_role("button", name="Propose").click()
    expect(polly.locator("#message")).to_contain_text("another person must approve it")
    card = polly.locator("[aria-label^='Proposal']").filter(has_text="polly")
    label = card.get_attribute("aria-label")
    expect(card.get_by_role("button", name="Approve")).to_be_disabled()
    number = str(label).rpartition(" ")[2]
    own = site.gateway.post(
        f"/gatehouse/proposals/{number}/approve", json={}, auth=("polly", PASSWORD)
    )
    before = site.gateway.ask("policies/basic")["active_version"]

    petra = visit("petra", "policies")
    theirs = petra.locator(f"[aria-label='{label}']")
    theirs.get_by_role("link", name="Look at basic").click()
    expect(petra.locator("main")).to_contain_text(
        f"The text that polly proposed, proposal {number}"
    )
    expect(petra.locator("#editor-text")).to_contain_text("owner: second-")
    petra.go_back()
    theirs.get_by_role("button", name="Approve").click()
    expect(petra.locator("#message")).to_have_text("It is active now.")

    assert own.status_code in (403, 409)
    assert before == 1
    assert site.gateway.ask("policies/basic")["active_version"] == 2
    assert "owner: second-" in (site.policies / "basic" / "basic.yaml").read_text()
    done = [
        (row["actor"], row["action"])
        for row in site.gateway.ask("audit?limit=1000")["audit"]
        if row["action"].startswith("policy.")
    ]
    assert ("polly", "policy.proposed") in done
    assert ("petra", "policy.approved") in done
    assert ("polly", "policy.approved") not in done

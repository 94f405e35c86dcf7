"""Goal: an administrator can do a day's work in the browser, and nobody more than a role allows.

Method: a real Chromium on a real Orthanc with the plugin, delivering to a second Orthanc. What is
clicked and typed is what a person clicks and types; the browser's console must stay silent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from gatehouse.adapters.orthanc_json import read_orthanc_json
from support.browser import LONGEST_MS, PAGE_MAX_BYTES, Visitor, chromium
from support.orthanc import PASSWORD, ROOT, USER, eventually
from support.ui_site import UiSite, sample

expect.set_options(timeout=LONGEST_MS)

MARKUP = "<img src=x onerror=window.caught=1>"

PAGES = (
    "overview",
    "studies",
    "studies?state=held&modality=CT",
    "studies/{held}",
    "studies/{done}",
    "held",
    "held?rule=pixels.suspicious",
    "policies",
    "policies/basic",
    "policies/basic/conformance",
    "new-policy?name=mine",
    "preview?study={done}",
    "preview?study={held}",
    "destinations",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UiSite]:
    with UiSite(tmp_path_factory.mktemp("ui")) as running:
        yield running


@pytest.fixture(scope="module")
def studies(site: UiSite) -> dict[str, int]:
    """A study that was delivered, and one that is held; with markup wherever it could do harm."""
    done = sample("CT_small.dcm", PatientName=MARKUP, StudyDescription=MARKUP, PatientID=MARKUP)
    held = sample(
        "CT_small.dcm",
        PatientName=MARKUP,
        StationName="<b>x</b>",
        BurnedInAnnotation="YES",
    )
    return {
        "done": site.send(done, calling_aet="<b>CT01</b>"),
        "held": site.send(held, calling_aet="<i>CT02</i>"),
    }


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def visit(browser: Browser, site: UiSite) -> Iterator[Any]:
    """Return a function that lets somebody come in; what their browser complains of fails."""
    visitors: list[Visitor] = []

    def come(user: str = USER, **about: Any) -> Visitor:
        visitors.append(Visitor(browser, site.url, user, PASSWORD, **about))
        return visitors[-1]

    yield come
    for one in visitors:
        one.close()


def settled(page: Page) -> None:
    """Wait until a page that loads something later has done so."""
    preview = page.locator("#preview-form")
    if preview.count():
        expect(page.locator("#preview-here h2").first).to_be_visible()
    if page.locator("#picture-before").count():
        either = page.locator("#picture-before:visible, #picture-said:not(:empty)")
        expect(either.first).to_be_visible()
    if page.locator("#policy").count():
        expect(page.locator("#policy")).to_have_attribute("data-ready", "1")
        expect(page.locator("#verdict")).not_to_have_text("checking")


def type_over(page: Page, which: str, old: str, new: str) -> None:
    """Mark what differs in a piece of an editor's text, and type something else."""
    begin = _common(old, new)
    tail = _common(old[begin:][::-1], new[begin:][::-1])
    page.evaluate(
        """([which, old, begin, end]) => {
            const view = window.gatehouseEditors[which].view;
            const from = view.state.doc.toString().indexOf(old);
            view.dispatch({selection: {anchor: from + begin, head: from + end}});
            view.focus();
        }""",
        [which, old, begin, len(old) - tail],
    )
    if len(old) - tail > begin:
        page.keyboard.press("Delete")
    page.keyboard.type(new[begin : len(new) - tail])
    page.keyboard.press("Escape")


def _common(one: str, other: str) -> int:
    """Return how many characters two texts begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))


def test_an_administrator_s_day(site: UiSite, visit: Any) -> None:
    teenager = sample(
        "CT_small.dcm", PatientAge="017Y", StudyDescription="CT chest", PatientName="Doe^Kim"
    )
    number = site.send(teenager, calling_aet="CT01", called_aet="LUNGAI")
    day = visit()

    # See a held study, and look why.
    page = day.open("held")
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name=str(number), exact=True))
    expect(row).to_contain_text("the ethics approval covers adults only")
    row.get_by_role("link", name=str(number), exact=True).click()
    expect(page.get_by_role("heading", name="Why it is held")).to_be_visible()
    expect(page.locator("main")).to_contain_text("adults-only")

    # Preview with another policy.
    page.get_by_role("link", name="Preview", exact=True).click()
    expect(page.get_by_role("heading", name="It would be held")).to_be_visible()
    page.get_by_label("Policy").select_option("basic")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", name="It would be accepted")).to_be_visible()
    expect(page.locator("#elements-1")).to_contain_text("Doe^Kim")

    # Edit the policy; see the mistake at its line, with a hint.
    page.get_by_role("link", name="Policies").click()
    page.get_by_role("rowheader").get_by_role("link", name="ct-lung-research").click()
    expect(page.locator("#policy")).to_have_count(1)
    settled(page)
    type_over(page, "text", "version: 1", "version: 2")
    type_over(page, "text", "at-least: 18Y", "at-least: 16Y")
    type_over(page, "text", "{PatientAge:", "{PatientAgee:")
    expect(page.locator("#verdict")).to_have_text("1 error")
    expect(page.locator("#problems")).to_contain_text("did you mean PatientAge?")
    expect(page.locator("#editor-text .cm-lintRange-error")).to_have_count(1)

    # Mend it, and run its tests: one says what no longer holds.
    type_over(page, "text", "{PatientAgee:", "{PatientAge:")
    expect(page.locator("#verdict")).to_contain_text("valid")
    page.get_by_role("button", name="Run its tests").click()
    expect(page.get_by_role("heading", name="Its tests fail")).to_be_visible()
    expect(page.locator("#outcome .problem")).to_contain_text("a child is held")
    page.get_by_role("tab", name="Its tests").click()
    type_over(page, "cases", "017Y", "015Y")
    page.get_by_role("button", name="Run its tests").click()
    expect(page.get_by_role("heading", name="Its tests pass")).to_be_visible()

    # What does it mean, and what would become of the study?
    page.get_by_role("button", name="Compare with the active version").click()
    expect(page.locator("#outcome")).to_contain_text("check adults-only")
    page.get_by_label("Study", exact=True).fill(str(number))
    page.get_by_role("button", name="Preview this text").click()
    expect(page.get_by_role("heading", name="It would be accepted")).to_be_visible()

    # Activate it.
    page.get_by_label("Why (goes into the audit trail)").fill("the approval was widened")
    page.get_by_role("button", name="Activate").click()
    expect(page.locator("#message")).to_contain_text("Version 2 of ct-lung-research decides")
    expect(page.locator("h1")).to_contain_text("version 2")

    # Decide again about all that were held for this reason, and see it delivered.
    page.get_by_role("link", name="Held").click()
    page.get_by_role("link", name="adults-only").first.click()
    page.get_by_role("button", name="Decide again about all").click()
    page.get_by_role("dialog").get_by_role("button", name="Decide again").click()
    expect(page.locator("#message")).to_contain_text("decided about again")
    site.wait_for(str(teenager.StudyInstanceUID), ("done",))
    page = day.open(f"studies/{number}")
    expect(page.locator("h1 .badge")).to_have_text("done")
    expect(page.locator("main")).to_contain_text("1 of 1 instances confirmed")
    assert len(site.research.get("/instances").json()) >= 1

    # Go back to the version before: its whole text is there.
    page = day.open("policies/ct-lung-research")
    page.get_by_role("button", name="Roll back to it").click()
    expect(page.locator("h1")).to_contain_text("version 1")
    assert day.trouble == []

    audit = [
        (row["actor"], row["action"])
        for row in site.gateway.get("/gatehouse/audit?limit=1000").json()["audit"]
    ]
    assert (USER, "study.process-again") in audit


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_accessible_fits_its_screen_and_runs_no_markup(
    visit: Any, studies: dict[str, int], path: str
) -> None:
    visitor = visit()
    page = visitor.open(path.format(**studies))
    settled(page)

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
    assert page.locator("main img[src=x], main b, main dd i").count() == 0
    assert visitor.trouble == []


def test_values_with_markup_are_in_the_preview_as_they_are(
    visit: Any, studies: dict[str, int]
) -> None:
    page = visit().open(f"preview?study={studies['done']}")
    settled(page)

    expect(page.locator("#elements-1")).to_contain_text(MARKUP)


def test_a_preview_shows_images_before_and_after_and_windows_them(
    visit: Any, studies: dict[str, int]
) -> None:
    page = visit().open(f"preview?study={studies['done']}")
    settled(page)
    before, after = page.locator("#picture-before"), page.locator("#picture-after")
    expect(before).to_be_visible()
    expect(after).to_be_visible()
    drawn = str(before.get_attribute("src"))

    page.locator("#picture-width").focus()
    page.keyboard.press("Home")

    expect(before).not_to_have_attribute("src", drawn)
    eventually(lambda: before.evaluate("image => image.naturalWidth") == 128, 60)


def test_only_privacy_officers_see_values_and_images(visit: Any, studies: dict[str, int]) -> None:
    page = visit("oscar").open(f"preview?study={studies['done']}")
    settled(page)

    expect(page.locator("#preview-here")).to_contain_text("Values and images are shown to privacy")
    assert MARKUP not in page.locator("#preview-here").inner_text()
    assert page.locator("#pictures").count() == 0


def test_elements_are_found_by_what_is_typed_and_those_that_stay_can_be_shown(
    visit: Any, studies: dict[str, int]
) -> None:
    page = visit().open(f"preview?study={studies['done']}")
    settled(page)
    shown = page.locator("#elements-1 tbody tr:visible")
    assert "Modality" not in shown.locator("th").all_inner_texts()

    page.get_by_label("also those that stay").first.check()
    page.get_by_placeholder("attribute, rule, value").first.fill("modality")

    assert shown.locator("th").all_inner_texts() == ["Modality"]


@pytest.mark.parametrize(
    ("user", "method", "path"),
    [
        ("viola", "POST", "studies/{held}/process"),
        ("polly", "POST", "studies/{held}/process"),
        ("viola", "POST", "held/re-evaluate"),
        ("oscar", "POST", "policies/validate"),
        ("oscar", "POST", "policies/basic/activate"),
        ("oscar", "POST", "policies/reload"),
        ("oscar", "POST", "ui/picture"),
        ("viola", "GET", "ui/new-policy?name=x"),
        ("nobody", "GET", "ui/studies"),
        ("nobody", "GET", "ui/overview"),
        ("oscar", "GET", "audit"),
    ],
)
def test_what_a_role_does_not_allow_is_refused_by_the_route(
    site: UiSite, studies: dict[str, int], user: str, method: str, path: str
) -> None:
    answer = site.gateway.request(
        method,
        f"/gatehouse/{path.format(**studies)}",
        auth=(user, PASSWORD),
        headers={"X-Gatehouse": "1", "Content-Type": "application/json"},
        data=b"{}" if method == "POST" else None,
    )

    assert answer.status_code == 403


def test_a_viewer_is_offered_nothing_that_changes(visit: Any, studies: dict[str, int]) -> None:
    visitor = visit("viola")

    for path in ("held", f"studies/{studies['held']}", "policies", "policies/basic"):
        page = visitor.open(path)
        assert page.locator("[data-action], [data-opens]").count() == 0


def test_a_form_on_somebody_else_s_page_changes_nothing(
    site: UiSite, visit: Any, studies: dict[str, int]
) -> None:
    number = studies["held"]
    before = site.gateway.ask(f"studies/{number}")["generation"]
    page = visit().page
    # A page of another origin, in a browser that knows the password.
    page.goto("data:text/html,<form method=post><input name=x></form>")
    target = f"{site.url}/gatehouse/studies/{number}/process"
    with page.expect_response(lambda answer: answer.url == target) as waiting:
        page.evaluate(
            "target => { const f = document.forms[0]; f.action = target; f.submit(); }", target
        )

    assert waiting.value.status in (401, 403)
    assert site.gateway.ask(f"studies/{number}")["generation"] == before


def test_the_keyboard_alone_leads_to_the_content_and_into_a_dialog(
    visit: Any, studies: dict[str, int]
) -> None:
    page = visit().open("held")

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Reject…").first.focus()
    page.keyboard.press("Enter")

    expect(page.get_by_role("dialog")).to_be_visible()
    assert page.evaluate("document.activeElement.closest('dialog') !== null")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_rejection_can_be_taken_back(visit: Any, studies: dict[str, int]) -> None:
    page = visit().open(f"held?study={studies['held']}")
    page.get_by_role("button", name="Reject…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Justification").fill("sent by mistake")
    dialog.get_by_role("button", name="Reject").click()
    page.get_by_role("button", name="Take back").click()

    expect(page.get_by_role("button", name="Reject…")).to_be_visible()


def test_what_there_was_no_time_for_is_said(visit: Any, studies: dict[str, int]) -> None:
    page = visit().open(f"held?study={studies['held']}")
    page.route(
        # A thousand held studies are too many for this: so the answer of such a site is given.
        "**/held/re-evaluate",
        lambda route: route.fulfill(json={"studies": [], "skipped": [], "left": 12}),
    )
    page.get_by_role("button", name="Again", exact=True).click()

    expect(page.get_by_text("12 are left: ask for them once more.")).to_be_visible()


def test_the_overview_shows_a_study_that_comes_without_being_loaded_again(
    site: UiSite, visit: Any
) -> None:
    page = visit().open("overview")
    tile = page.locator(".tiles a[href$='state=done'] strong")
    before = int(tile.inner_text())
    page.evaluate("window.stayed = true")
    page.locator("#state-held").focus()

    site.send(sample("MR_small.dcm"))

    expect(tile).not_to_have_text(str(before))
    assert page.evaluate("window.stayed") is True
    # Who uses the keyboard is where he was.
    assert page.evaluate("document.activeElement.id") == "state-held"


def test_the_editor_completes_from_the_schema(visit: Any, studies: dict[str, int]) -> None:
    page = visit().open("new-policy?name=mine")
    settled(page)
    type_over(page, "text", "  project: mine", "  pro")

    page.locator("#editor-text .cm-content").press("Control+Space")

    expect(page.locator("#editor-text .cm-tooltip-autocomplete")).to_contain_text("project")


def test_a_text_runs_beside_the_active_version_until_it_is_ended(
    visit: Any, studies: dict[str, int]
) -> None:
    page = visit("polly").open("policies/basic")
    settled(page)
    type_over(page, "text", "version: 1", "version: 2")

    page.get_by_role("button", name="Run beside the active version").click()
    shadow = page.get_by_role("heading", name="Shadow: version 2")
    expect(shadow).to_contain_text("observe")
    page.get_by_role("button", name="End it").click()

    expect(shadow).not_to_contain_text("observe")


def test_static_files_are_kept_by_the_browser_and_pages_are_not(site: UiSite) -> None:
    page = site.gateway.get("/gatehouse/ui/studies")
    asset = page.text.split('<link rel="stylesheet" href="')[1].split('"')[0]

    kept = site.gateway.get(asset)

    assert page.headers["Cache-Control"] == "no-store"
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    assert kept.headers["Cache-Control"].endswith("immutable")
    assert kept.headers["Content-Type"].startswith("text/css")
    assert kept.headers["Content-Encoding"] == "gzip"
    assert "--paper" in kept.text


def test_a_number_in_the_field_above_leads_to_its_study(
    visit: Any, studies: dict[str, int]
) -> None:
    page = visit().open("overview")

    page.get_by_role("searchbox").fill(str(studies["held"]))
    page.keyboard.press("Enter")

    expect(page.locator("h1")).to_contain_text(f"Study {studies['held']}")


def test_a_page_that_is_not_there_says_so_as_a_page(visit: Any, studies: dict[str, int]) -> None:
    page = visit().open("studies/4711")

    expect(page.locator("h1")).to_have_text("Not found")
    expect(page.get_by_role("link", name="To the first page")).to_be_visible()


BUTTONS = read_orthanc_json((ROOT / "orthanc.json").read_text(), {}, "orthanc.json")[
    "OrthancExplorer2"
]["UiOptions"]["CustomButtons"]["study"]


def press(site: UiSite, button: dict[str, Any], orthanc_id: str, user: str) -> requests.Response:
    """Ask for what a button asks for: its URL stands beside Explorer 2's page."""
    url = urljoin("/ui/app/index.html", button["Url"].replace("{UUID}", orthanc_id))
    payload = {"json": button["Payload"]} if "Payload" in button else {}
    return site.gateway.request(button["HttpMethod"], url, auth=(user, PASSWORD), **payload)


@pytest.mark.parametrize("button", BUTTONS, ids=lambda one: one["Id"])
def test_what_explorer_2_s_buttons_call_answers(
    site: UiSite, studies: dict[str, int], button: dict[str, Any]
) -> None:
    number = studies["held"]
    before = site.gateway.ask(f"studies/{number}")

    pressed = press(site, button, before["orthanc_id"], "oscar")

    assert pressed.status_code == 200, pressed.text
    assert press(site, button, before["orthanc_id"], "nobody").status_code == 403
    kind = "application/json" if button["HttpMethod"] == "POST" else "text/html"
    assert pressed.headers["Content-Type"].startswith(kind)
    if button["HttpMethod"] == "POST":
        assert pressed.json()["generation"] == before["generation"] + 1
        eventually(lambda: site.gateway.ask(f"studies/{number}")["state"] == "held", 60)


def test_a_study_that_goes_on_is_seen_to_go_on(site: UiSite, studies: dict[str, int]) -> None:
    answer = site.gateway.post(
        f"/gatehouse/studies/{studies['done']}/process", headers={"X-Gatehouse": "1"}
    )
    assert answer.status_code == 200

    eventually(
        lambda: site.gateway.ask(f"studies/{studies['done']}")["state"] == "done",
        60,
        "the study did not come to its end again",
    )

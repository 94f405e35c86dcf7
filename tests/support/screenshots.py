"""Looks at every page of a gateway with real data, and keeps what it sees in docs/screenshots.

That is ``make screenshots``.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, expect

from support.browser import LONGEST_MS, Visitor, chromium
from support.orthanc import PASSWORD, ROOT, eventually
from support.ui_site import UiSite, copies, sample

FOLDER = ROOT / "docs" / "screenshots"
SIZE = {"width": 1280, "height": 860}

STUDIES: tuple[tuple[str, int, dict[str, Any], str, str], ...] = (
    ("CT_small.dcm", 6, {"PatientName": "Doe^John", "PatientAge": "061Y"}, "CT01", "GATEHOUSE"),
    ("MR_small.dcm", 8, {"PatientName": "Muster^Erika"}, "MR02", "GATEHOUSE"),
    ("rtplan.dcm", 1, {}, "PLANNING", "GATEHOUSE"),
    ("693_UNCI.dcm", 3, {"PatientAge": "045Y"}, "CT03", "GATEHOUSE"),
    (
        "CT_small.dcm",
        4,
        {"PatientAge": "017Y", "StudyDescription": "CT chest", "PatientName": "Doe^Kim"},
        "CT01",
        "LUNGAI",
    ),
    ("examples_rgb_color.dcm", 2, {}, "US05", "GATEHOUSE"),
    ("CT_small.dcm", 1, {"BurnedInAnnotation": "YES"}, "CT02", "GATEHOUSE"),
    (
        "693_UNCI.dcm",
        5,
        {"PatientAge": "058Y", "StudyDescription": "CT chest", "PatientName": "Roe^Jane"},
        "CT03",
        "LUNGAI",
    ),
)
"""File of pydicom's tests, how many instances, attributes over its own, calling and called AET."""


def main() -> None:
    """Start everything, send the studies, and look at each page."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, UiSite(Path(folder)) as site:
        numbers = [
            site.send(*copies(sample(name, **about), count), calling_aet=calling, called_aet=called)
            for name, count, about, calling, called in STUDIES
        ]
        with chromium() as browser:
            visitor = Visitor(browser, site.url, "tester", PASSWORD, viewport=SIZE)
            for name, path, act in looks(numbers):
                print(name, flush=True)
                page = visitor.open(path)
                act(page)
                keep(page, name)
            dark = Visitor(
                browser, site.url, "tester", PASSWORD, viewport=SIZE, color_scheme="dark"
            )
            keep(dark.open("overview"), "overview-dark")
            tablet = Visitor(
                browser, site.url, "tester", PASSWORD, viewport={"width": 820, "height": 1100}
            )
            keep(tablet.open(f"studies/{numbers[0]}"), "study-tablet")
            page = visitor.page
            orthanc_id = site.gateway.ask(f"studies/{numbers[4]}")["orthanc_id"]
            page.goto(f"/app/explorer.html#study?uuid={orthanc_id}")
            page.locator("#study a.gatehouse").first.click()
            expect(page.locator("#gatehouse-study")).to_contain_text("State")
            keep(page, "orthanc-explorer")
            runs(site)
            for name, path in (("runs", "runs"), ("run", "runs/1"), ("audit", "audit")):
                keep(visitor.open(path), name)


def looks(numbers: list[int]) -> list[tuple[str, str, Callable[[Page], object]]]:
    """Return name, address, and what is done on the page before it is looked at."""
    done, teenager, lung = numbers[0], numbers[4], numbers[7]
    return [
        ("overview", "overview", _nothing),
        ("studies", "studies", _nothing),
        ("study", f"studies/{done}", _nothing),
        ("study-held", f"studies/{teenager}", _nothing),
        ("held", "held", _nothing),
        ("held-release", "held", _release),
        ("destinations", "destinations", _nothing),
        ("policies", "policies", _nothing),
        ("policy", "policies/ct-lung-research", _mistake),
        ("policy-diff", "policies/ct-lung-research", _diff),
        ("preview", f"preview?study={lung}", _previewed),
        ("preview-elements", f"preview?study={done}", _elements),
        ("conformance", "policies/ct-lung-research/conformance", _nothing),
    ]


def runs(site: UiSite) -> None:
    """Make a run that is done, one that waits to be begun, and one that was cancelled."""
    wanted = ({"ModalitiesInStudy": "CT"}, {"ModalitiesInStudy": "MR"}, {"PatientID": "*"})
    for number, query in enumerate(wanted, 1):
        made = site.gateway.post("/gatehouse/runs", json={"policy": "basic", "per_hour": 1000})
        assert made.json()["id"] == number, made.text
        site.gateway.post(f"/gatehouse/runs/{number}/studies", json={"queries": [query]})
    site.gateway.post("/gatehouse/runs/1/begin", json={})
    site.gateway.post("/gatehouse/runs/3/cancel", json={})
    eventually(lambda: site.gateway.ask("runs/1")["state"] == "done", 120, "the run did not end")


def keep(page: Page, name: str) -> None:
    """Write what is seen, with few colours: small, and as good to the eye."""
    seen = Image.open(io.BytesIO(page.screenshot()))
    file = FOLDER / f"{name}.png"
    seen.convert("RGB").quantize(256).save(file, "PNG", optimize=True)


def _nothing(page: Page) -> None:
    page.wait_for_load_state("domcontentloaded")


def _release(page: Page) -> None:
    row = page.get_by_role("row").filter(has_text="adults-only").last
    row.get_by_role("button", name="Release…").click()
    page.get_by_role("dialog").get_by_label("adults-only").check()
    page.get_by_label("Justification (goes into the audit trail)").first.fill(
        "The ethics board agreed to this one."
    )


def _settled(page: Page) -> None:
    expect(page.locator("#policy")).to_have_attribute("data-ready", "1", timeout=LONGEST_MS)
    expect(page.locator("#verdict")).to_have_text("valid", timeout=LONGEST_MS)


def _replace(page: Page, old: str, new: str) -> None:
    page.evaluate(
        "([a, b]) => gatehouseEditors.text.replace(gatehouseEditors.text.text().replace(a, b))",
        [old, new],
    )


def _mistake(page: Page) -> None:
    _settled(page)
    _replace(page, "{PatientAge:", "{PatientAgee:")
    expect(page.locator("#problems")).to_contain_text("did you mean", timeout=LONGEST_MS)
    page.locator(".cm-lintRange-error").first.wait_for()


def _diff(page: Page) -> None:
    _settled(page)
    _replace(page, "at-least: 18Y", "at-least: 16Y")
    _replace(page, "retain-patient-characteristics, ", "")
    _replace(page, "version: 1", "version: 2")
    page.get_by_role("button", name="Compare with the active version").click()
    expect(page.locator("#outcome")).to_contain_text("treated otherwise", timeout=LONGEST_MS)


def _previewed(page: Page) -> None:
    for which in ("before", "after"):
        expect(page.locator(f"#picture-{which}")).to_be_visible(timeout=LONGEST_MS)
    page.wait_for_timeout(500)
    page.evaluate("document.querySelector('#pictures').scrollIntoView()")


def _elements(page: Page) -> None:
    _previewed(page)
    page.locator("details").first.scroll_into_view_if_needed()
    page.evaluate("document.querySelector('details').scrollIntoView()")


if __name__ == "__main__":
    main()

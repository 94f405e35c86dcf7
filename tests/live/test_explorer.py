"""Goal: the button on the study page of Orthanc Explorer shows what became of the study.

Method: a real, headless Chromium on the real pages of each Orthanc at hand, as different users.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.chromium import Chromium
from support.dicom_builder import ct, to_bytes
from support.gateway import Gateway
from support.orthanc import PASSWORD, Installation, eventually, installations

BUTTON = "[...document.querySelectorAll('#study a.gatehouse')]"
SHOWN = "document.querySelector('#gatehouse-study').innerText"


@pytest.fixture(scope="module", params=installations(), ids=lambda one: one.name)
def installation(request: pytest.FixtureRequest) -> Installation:
    return request.param


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, installation: Installation
) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("gw"), installation) as running:
        yield running


@pytest.fixture(scope="module")
def study(gateway: Gateway) -> str:
    """A study that is held, with markup where a page could fall for it."""
    secondary_capture = to_bytes(
        ct(
            PatientName="<img src=x onerror=alert(1)>",
            BurnedInAnnotation="YES",
        )
    )
    instance = gateway.upload(secondary_capture)
    found = gateway.get(f"/instances/{instance}/study").json()["ID"]
    eventually(lambda: gateway.get(f"/gatehouse/studies/{found}").json().get("state") == "held")
    return str(found)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    with Chromium() as running:
        yield running


def open_study(chromium: Chromium, gateway: Gateway, study: str, user: str) -> None:
    chromium.open(f"{gateway.url}/app/explorer.html#study?uuid={study}", user, PASSWORD)
    chromium.wait_for(f"{BUTTON}.length == 4")


def shown(chromium: Chromium) -> str:
    chromium.run(f"{BUTTON}[0].click()")
    return str(chromium.wait_for(SHOWN))


def test_the_button_shows_state_decision_and_reason(
    chromium: Chromium, gateway: Gateway, study: str
) -> None:
    open_study(chromium, gateway, study, "oscar")

    lines = shown(chromium).splitlines()

    assert lines[:3] == ["State: held", "Policy: everything version 1", "Decision: accept"]
    assert lines[3].startswith("Rule: pixels.")
    assert lines[4].startswith("Reason: ")
    assert chromium.console == []


def test_the_button_is_there_once_however_often_the_page_is_visited(
    chromium: Chromium, gateway: Gateway, study: str
) -> None:
    open_study(chromium, gateway, study, "oscar")
    chromium.run("location.hash = '#find-patients'")
    chromium.wait_for("$.mobile.activePage.attr('id') == 'find-patients'")

    chromium.run(f"location.hash = '#study?uuid={study}'")
    chromium.wait_for("$.mobile.activePage.attr('id') == 'study'")

    chromium.wait_for(f"{BUTTON}.length == 4")
    assert shown(chromium).startswith("State: held")


def test_a_study_that_the_ledger_does_not_know_is_said_so(
    chromium: Chromium, gateway: Gateway, study: str
) -> None:
    open_study(chromium, gateway, study, "oscar")
    chromium.run("$.mobile.pageData = {uuid: 'abc'}; $('#study').trigger('pagebeforeshow')")

    assert shown(chromium) == "State: not known to Gatehouse"


def test_what_the_service_says_is_shown_as_text_and_never_run(
    chromium: Chromium, gateway: Gateway, study: str
) -> None:
    open_study(chromium, gateway, study, "oscar")
    chromium.run(
        "$.ajax = function() { var d = $.Deferred();"
        " d.resolve({state: '<img src=x onerror=\"window.caught = 1\">'}); return d.promise(); }"
    )

    assert shown(chromium) == 'State: <img src=x onerror="window.caught = 1">'
    assert chromium.run("document.querySelectorAll('#gatehouse-study img').length") == 0
    assert chromium.run("window.caught") is None


def test_buttons_lead_from_a_study_to_its_preview_and_to_the_worklist(
    chromium: Chromium, gateway: Gateway, study: str
) -> None:
    open_study(chromium, gateway, study, "oscar")

    links = chromium.run("[...document.querySelectorAll('#study a.gatehouse')].map(a => a.href)")

    assert [link.partition("/gatehouse/")[2] for link in links] == [
        "",
        f"ui/preview?study={study}",
        "",
        "ui/held",
    ]


def test_a_study_is_processed_again_from_its_page(
    chromium: Chromium, gateway: Gateway, study: str
) -> None:
    open_study(chromium, gateway, study, "oscar")
    before = gateway.ask(f"studies/{study}")["generation"]

    chromium.run(f"{BUTTON}[2].click()")

    eventually(lambda: gateway.ask(f"studies/{study}")["generation"] == before + 1, 60)
    eventually(lambda: gateway.ask(f"studies/{study}")["state"] == "held", 60)


def test_a_series_shows_the_state_of_its_study(
    chromium: Chromium, gateway: Gateway, study: str
) -> None:
    series = gateway.get(f"/studies/{study}").json()["Series"][0]
    chromium.open(f"{gateway.url}/app/explorer.html#series?uuid={series}", "oscar", PASSWORD)
    chromium.wait_for("document.querySelectorAll('#series a.gatehouse').length == 4")

    chromium.run("document.querySelector('#series a.gatehouse').click()")

    assert chromium.wait_for(
        "document.querySelector('#gatehouse-series').innerText.startsWith('State: held')"
    )


def test_a_patient_shows_the_states_of_all_studies(
    chromium: Chromium, gateway: Gateway, study: str
) -> None:
    patient = gateway.get(f"/studies/{study}/patient").json()["ID"]
    chromium.open(f"{gateway.url}/app/explorer.html#patient?uuid={patient}", "oscar", PASSWORD)

    chromium.wait_for(
        "(document.querySelector('#gatehouse-patient a') || {innerText: ''}).innerText"
        ".startsWith('Gatehouse: held by everything')"
    )
    assert chromium.run("document.querySelector('#gatehouse-patient a').href").endswith(
        f"/gatehouse/ui/studies/{study}"
    )


def test_the_first_page_leads_to_gatehouse(chromium: Chromium, gateway: Gateway) -> None:
    chromium.open(f"{gateway.url}/app/explorer.html", "oscar", PASSWORD)

    chromium.wait_for("document.querySelectorAll('a.gatehouse').length > 0")
    link = chromium.run("document.querySelector('a.gatehouse').href")
    assert link.endswith("/gatehouse/ui/overview")

"""Goal: what orthanc.json tells Orthanc Explorer 2 is what Explorer 2 understands.

Method: the file's section beside the options of Explorer 2's own default configuration. That the
routes of the buttons answer is in ``tests/live/test_ui.py``.
"""

from __future__ import annotations

from typing import Any

import pytest

from gatehouse.adapters.http_filter import POST, is_allowed
from gatehouse.adapters.orthanc_json import read_orthanc_json
from support.orthanc import ROOT

OPTIONS = read_orthanc_json((ROOT / "orthanc.json").read_text(), {}, "orthanc.json")[
    "OrthancExplorer2"
]["UiOptions"]
BUTTONS = [(level, one) for level, many in OPTIONS["CustomButtons"].items() for one in many]

KEYS = {
    "GET": {"Id", "Tooltip", "Icon", "HttpMethod", "Url", "Target", "Refresh"},
    "POST": {"Id", "Tooltip", "Icon", "HttpMethod", "Url", "Payload", "Refresh"},
}
"""What a button has, by its method, in the default configuration of Explorer 2 1.9."""

REFUSED = {
    "EnableSendTo": "/studies/a/store",
    "EnableAnonymization": "/studies/a/anonymize",
    "EnableModification": "/studies/a/modify",
    "EnableAddSeries": "/tools/create-dicom",
    "EnableDicomModalities": "/modalities/a/query",
    "EnableShares": "/auth/tokens/viewer-instant-link",
}
"""What Explorer 2 would offer -> the route that it calls for it, which the gateway refuses."""


@pytest.mark.parametrize(("level", "button"), BUTTONS, ids=lambda one: str(one)[:40])
def test_a_button_has_what_explorer_2_asks_for(level: str, button: dict[str, Any]) -> None:
    assert level in ("study", "series", "instance")
    assert set(button) == KEYS[button["HttpMethod"]]
    assert button["Icon"].startswith("bi bi-")
    # Orthanc's own identifier, which is no value of an attribute.
    assert button["Url"].count("{") == button["Url"].count("{UUID}")
    # It would write back the labels that the page has read before.
    assert button["Refresh"] is False


def test_buttons_are_told_apart() -> None:
    ids = [button["Id"] for _, button in BUTTONS]

    assert len(set(ids)) == len(ids) == 4


@pytest.mark.parametrize("option", sorted(REFUSED))
def test_what_the_gateway_refuses_is_not_offered(option: str) -> None:
    everybody = ("viewer", "operator", "policy-editor", "privacy-officer")

    assert OPTIONS[option] is False
    assert not is_allowed(POST, REFUSED[option], everybody)

"""Goal: a site in reception mode starts with its policies, follows them, refuses another mode.

Method: one ``gatehouse up`` with a pack that says ``reception: true``, asked over HTTP.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatehouse.pipeline.reception_journal import ReceptionMark
from support.dicom_builder import ct_bytes
from support.packs import POLICY
from support.reception import journal
from support.site import RunningUp, wait_for

pytestmark = pytest.mark.live


def write_policies(folder: Path, *, version: int = 1, reception: bool = True) -> Path:
    (folder / "everything").mkdir(parents=True, exist_ok=True)
    text = POLICY.format(
        name="everything", match="every-study", to="research-pacs", via="peer"
    ).replace("version: 1", f"version: {version}")
    (folder / "everything" / "everything.yaml").write_text(text)
    mode = "reception: true\n" if reception else ""
    (folder / "pack.yaml").write_text("policies: [everything]\n" + mode)
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningUp]:
    folder = tmp_path_factory.mktemp("site")
    up = RunningUp(folder / "home", "--policies", str(write_policies(folder / "policies")))
    try:
        yield up
    finally:
        up.stop()


def test_what_is_sent_is_stored_de_identified_and_delivered(site: RunningUp) -> None:
    status, _ = site.gateway.request("POST", "/instances", ct_bytes(PatientID="CNRYID"))

    [stored] = site.gateway.json("/instances")
    assert status == 200
    tags = site.gateway.json(f"/instances/{stored}/simplified-tags")
    assert tags["PatientIdentityRemoved"] == "YES"
    assert "CNRYID" not in json.dumps(tags)
    assert wait_for(lambda: site.research.json("/instances"), "delivery") == [stored]


def test_our_own_output_that_comes_back_is_refused(site: RunningUp) -> None:
    [stored] = wait_for(lambda: site.research.json("/instances"), "delivery")
    _, own = site.research.request("GET", f"/instances/{stored}/file")

    status, _ = site.gateway.request("POST", "/instances", own)

    assert status == 500
    assert site.gateway.json("/instances") == [stored]


def test_policies_are_exchanged_while_orthanc_runs_but_not_the_mode(site: RunningUp) -> None:
    folder = site.home.parent / "policies"
    write_policies(folder, version=2, reception=False)
    _, refused = site.gateway.request("POST", "/gatehouse/policies/reload", b"")
    write_policies(folder, version=2)
    _, taken = site.gateway.request("POST", "/gatehouse/policies/reload", b"")
    status, _ = site.gateway.request("POST", "/instances", ct_bytes(SOPInstanceUID="1.2.3.9"))

    entries = journal(site.home / "gatehouse")
    policies = site.gateway.json("/gatehouse/policies")
    assert "Orthanc was started" in refused.decode()
    assert json.loads(taken)["state"] in ("active", "unchanged")
    assert status == 200
    assert isinstance(entries[-1], ReceptionMark)
    assert entries[-1].policy == policies["policies"][0]["digest"]


def test_the_mode_outlives_a_kill_of_everything(site: RunningUp) -> None:
    site.kill_everything()
    again = RunningUp(site.home, "--policies", str(site.home.parent / "policies"))
    try:
        before = len(again.gateway.json("/instances"))
        status, _ = again.gateway.request("POST", "/instances", ct_bytes(SOPInstanceUID="1.2.3.10"))
        files = [file.read_bytes() for file in (site.home / "gateway").rglob("*") if file.is_file()]
        assert status == 200
        assert len(again.gateway.json("/instances")) == before + 1
        assert not any(b"Example^Jane" in content for content in files)
        wait_for(lambda: len(again.research.json("/instances")) == before + 1, "delivery")
    finally:
        again.stop()

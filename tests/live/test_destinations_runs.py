"""Goal: studies that were in an archive before are processed when a person asks, and only then.

Method: `gatehouse run` against a real gateway whose Orthanc held studies before the plugin was
there, and against a PACS from which studies are fetched by C-MOVE. No policy matches a study by
itself, so that whatever is delivered was asked for by name.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.dicom_builder import series, to_bytes
from support.gateway import POLICY, Gateway
from support.orthanc import PASSWORD, ROOT, USER, Orthanc, eventually

PATIENCE_S = 120.0
CANARY = "CANARY"

BY_NAME = POLICY.replace("match: every-study", "match: {StudyDescription: {is: NOBODY}}")


def study(number: int) -> list[bytes]:
    slices = list(
        series(
            2,
            StudyInstanceUID=f"1.2.3.{number}",
            SeriesInstanceUID=f"1.2.3.{number}.1",
            PatientID=f"{CANARY}-{number}",
            PatientName=f"{CANARY}^NAME",
            AccessionNumber=f"A{number}",
            StudyDescription="CHEST",
        )
    )
    for index, one in enumerate(slices):
        one.SOPInstanceUID = f"1.2.3.{number}.1.{index + 1}"
    return [to_bytes(one) for one in slices]


class Site:
    """A gateway with studies of before, a PACS with others, and a research archive."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.research = Orthanc(
            folder / "research", DicomAet="RESEARCH", DicomAlwaysAllowStore=True
        )
        self.gateway = Gateway(folder / "gateway", research_port=self.research.dicom_port)
        (self.gateway.policies / "everything" / "everything.yaml").write_text(BY_NAME)
        self.pacs = Orthanc(
            folder / "pacs",
            DicomAet="PACS",
            DicomModalities={
                "gateway": {
                    "AET": "GATEHOUSE",
                    "Host": "127.0.0.1",
                    "Port": self.gateway.dicom_port,
                    "AllowFind": True,
                    "AllowMove": True,
                }
            },
        )
        self.gateway.configuration["DicomModalities"]["pacs"] = {
            "AET": "PACS",
            "Host": "127.0.0.1",
            "Port": self.pacs.dicom_port,
            "AllowFind": False,
            "AllowGet": False,
            "AllowMove": False,
        }
        self.gateway.configuration["DicomAlwaysAllowStore"] = True
        self.credentials = folder / "credentials.json"
        self.credentials.write_text(json.dumps({"user": USER, "password": PASSWORD}))

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                *(sys.executable, "-m", "gatehouse.cli", *words),
                *("--url", self.gateway.url, "--credentials", str(self.credentials)),
            ],
            env={**os.environ, "PYTHONPATH": str(ROOT / "plugin")},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S * 2,
            check=False,
        )

    def states(self) -> list[str]:
        return sorted(one["state"] for one in self.gateway.ask("studies")["studies"])

    def arrived(self) -> list[bytes]:
        ids = self.research.get("/instances").json()
        return [self.research.get(f"/instances/{one}/file").content for one in ids]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("site"))
    before = Orthanc(made.gateway.folder, HttpPort=made.gateway.http_port)
    with before:
        for number in (1, 2, 3):
            for dicom in study(number):
                before.upload(dicom)
        before.stop()
    with made.research, made.pacs, made.gateway:
        for number in (4, 5):
            for dicom in study(number):
                made.pacs.upload(dicom)
        eventually(lambda: made.states() == ["archived"] * 3, PATIENCE_S)
        yield made


def counts(site: Site) -> dict[str, Any]:
    return dict(site.gateway.ask("runs")["runs"][0])


def test_studies_of_before_are_processed_by_their_accession_numbers_and_no_others(
    site: Site,
) -> None:
    file = site.folder / "studies.csv"
    file.write_text("Site,AccessionNumber\nx,A1\nx,A2\nx,A1\nx,A77\n")

    done = site.command("run", "--policy", "everything", "--csv", str(file))

    # One accession number found nothing.
    assert done.returncode == 1, done.stdout + done.stderr
    assert "accession number 3 found no study" in done.stderr
    assert done.stdout.splitlines()[-1] == ("run 1 (everything): done, 2 of 2 studies: 2 done")
    assert site.states() == ["archived", "done", "done"]
    arrived = site.arrived()
    assert len(arrived) == 4
    assert not any(CANARY.encode() in dicom for dicom in arrived)


def test_who_began_a_run_and_under_which_policy_is_in_the_trail_and_no_value_is(
    site: Site,
) -> None:
    rows = site.gateway.ask("audit?limit=1000")["audit"]

    actions = [row["action"] for row in rows if row["actor"] == USER]
    assert actions[:3] == ["run.created", "run.studies-added", "run.running"]
    assert "A1" not in json.dumps(rows)
    decided = [row for row in rows if row["action"] == "study.decided"]
    assert {row["outcome"] for row in decided} == {"accept: released"}


def test_studies_of_a_pacs_are_fetched_and_delivered_under_the_policy_that_was_named(
    site: Site,
) -> None:
    done = site.command(
        *("run", "--policy", "everything", "--from", "pacs", "--at-once", "1"),
        *("--find", "StudyDescription=CHEST"),
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].endswith("done, 2 of 2 studies: 2 done")
    assert site.states() == ["archived", "done", "done", "done", "done"]
    assert len(site.arrived()) == 8
    # What was found on the PACS is not kept, nor is Orthanc's record of the query.
    assert site.gateway.get("/queries").json() == []


def test_a_run_whose_window_is_shut_waits_survives_a_crash_and_can_be_cancelled(
    site: Site,
) -> None:
    import datetime

    begin = datetime.datetime.now().astimezone() + datetime.timedelta(hours=3)
    end = begin + datetime.timedelta(hours=1)
    made = site.command(
        *("run", "--policy", "everything", "--find", "AccessionNumber=A3", "--no-wait"),
        *("--window", f"{begin:%H:%M}-{end:%H:%M}"),
    )
    assert made.returncode == 0, made.stdout + made.stderr
    before = counts(site)

    site.gateway.kill()
    site.gateway.start()
    after = counts(site)
    cancelled = site.command("run", "--cancel", str(after["id"]))

    assert (before["state"], before["counts"]) == ("running", {"pending": 1})
    assert after == before
    assert "cancelled, 1 of 1 studies: 1 skipped" in cancelled.stdout
    assert "archived" in site.states()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--policy", "nothing", "--find", "AccessionNumber=A3"], "no active policy is called"),
        (["--policy", "everything"], "nothing says which studies"),
        (
            ["--policy", "everything", "--from", "nowhere", "--find", "AccessionNumber=A3"],
            "there is no such modality",
        ),
    ],
)
def test_a_run_that_can_t_be_made_says_why(site: Site, words: list[str], said: str) -> None:
    done = site.command("run", *words)

    assert (done.returncode, said in done.stderr) == (2, True), done.stderr


def test_destinations_are_listed_and_tested_from_the_command_line(site: Site) -> None:
    listed = site.command("destinations")
    tested = site.command("destinations", "test", "research-pacs")
    paused = site.command("destinations", "pause", "research-pacs")
    found = site.command("destinations")
    resumed = site.command("destinations", "resume", "research-pacs")

    assert listed.returncode == 0, listed.stdout + listed.stderr
    assert "research-pacs via dicom: ok\n  deliveries: 0 waiting" in listed.stdout
    assert "research-pacs via dicom answers: C-ECHO answered with Success" in tested.stdout
    assert f"PAUSED by {USER} since" in paused.stdout
    assert found.returncode == 1
    assert "research-pacs via dicom: ok" in resumed.stdout

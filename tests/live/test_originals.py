"""Goal: a real Orthanc has no original any more when its time is over, and nothing else is gone.

Method: a real archive with a study that was delivered and one that is held, a real worker over
PostgreSQL; the clock of what deletes originals is put forward. And a whole gateway whose policy
keeps originals for a second.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.uid import generate_uid

from gatehouse.adapters.originals import Originals
from gatehouse.adapters.orthanc_client import OrthancArchive
from support.dicom_builder import ct_bytes, series, to_bytes
from support.gateway import Gateway
from support.orthanc import Orthanc, eventually
from support.postgresql import PostgreSQL, postgresql  # noqa: F401  a fixture
from support.workers import AUTHORIZATION, Plant

PATIENCE_S = 180.0
DAY_S = 86_400.0

KEPT = "keep-local: {label: deid}\nretain-original: 30d\n"


@pytest.fixture
def plant(tmp_path: Path, postgresql: PostgreSQL) -> Iterator[Plant]:  # noqa: F811
    with Plant(tmp_path / "plant", postgresql.new_database(), more=KEPT) as made:
        yield made


def delete_after(plant: Plant, days: float) -> int:
    archive = OrthancArchive(plant.gateway.url, AUTHORIZATION)
    now = time.time() + days * DAY_S
    return Originals(plant.ledger, archive, plant.settings.server, lambda: now).delete_expired()


def all_are(plant: Plant, expected: dict[str, int]) -> None:
    eventually(lambda: plant.states() == expected, PATIENCE_S, f"{plant.states()} {plant.log()}")


def test_originals_go_and_what_was_made_of_them_stays(plant: Plant) -> None:
    study = {"StudyInstanceUID": generate_uid(), "SeriesInstanceUID": generate_uid()}
    sent = {plant.gateway.upload(to_bytes(one)) for one in series(3, **study)}
    suspicious = plant.gateway.upload(
        to_bytes(next(iter(series(1, PatientID="OTHER", BurnedInAnnotation="YES"))))
    )
    plant.read_inbox()
    plant.start_worker()
    all_are(plant, {"done": 1, "held": 1})
    arrived = plant.arrived()
    before = set(plant.gateway.get("/instances").json())

    early = delete_after(plant, 29.0)
    late = delete_after(plant, 31.0)

    after = set(plant.gateway.get("/instances").json())
    assert (early, late) == (0, 1)
    assert before - after == sent
    assert len(after) == 4
    assert suspicious in after
    assert plant.arrived() == arrived
    assert plant.inbox.compare() == 0
    assert plant.states() == {"done": 1, "held": 1}
    assert delete_after(plant, 32.0) == 0


def test_the_service_of_a_gateway_looks_after_them(tmp_path: Path) -> None:
    with Orthanc(
        tmp_path / "research", DicomAet="RESEARCH", DicomAlwaysAllowStore=True
    ) as research:
        gateway = Gateway(tmp_path / "gateway", research_port=research.dicom_port)
        policy = gateway.policies / "everything" / "everything.yaml"
        policy.write_text(policy.read_text() + "retain-original: 1s\n")
        with gateway:
            gateway.upload(ct_bytes())
            eventually(lambda: gateway.ask("status")["studies"].get("done") == 1, PATIENCE_S)
            # A service looks when it begins, and then once a minute.
            gateway.kill()
            gateway.start()

            eventually(lambda: gateway.get("/instances").json() == [], PATIENCE_S)

            trail = [one["action"] for one in gateway.ask("audit?limit=1000")["audit"]]
            assert "study.original-expired" in trail
            assert len(research.get("/instances").json()) == 1

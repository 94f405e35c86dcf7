"""Goal: when a study is complete, its work is done already, and Orthanc is not needed for it.

Method: a real Orthanc receives a study and is then stopped (SIGSTOP). A real worker finds the
instances in Orthanc's storage area, prepares them while the study still counts as arriving, and
brings it up to its delivery without an answer from Orthanc.
"""

from __future__ import annotations

import time
from pathlib import Path

from pydicom.uid import generate_uid

from support.dicom_builder import series, to_bytes
from support.orthanc import eventually
from support.workers import CANARY, Plant

PATIENCE_S = 240.0
INSTANCES = 40


def test_a_study_is_prepared_from_the_storage_area_and_decided_without_orthanc(
    tmp_path: Path,
) -> None:
    with Plant(tmp_path / "plant") as plant:
        names = {"PatientName": f"{CANARY}^NAME", "PatientID": CANARY}
        for one in series(INSTANCES, StudyInstanceUID=generate_uid(), **names):
            plant.gateway.upload(to_bytes(one))
        plant.inbox.read_changes()
        storage = plant.gateway.configuration["StorageDirectory"]
        early = plant.settings.spool / "early" / "worker-1"

        with plant.gateway.standing_still():
            plant.start_worker(StorageDirectory=storage)
            eventually(lambda: len(list(early.rglob("*.dcm"))) == INSTANCES, PATIENCE_S)
            assert plant.states() == {"receiving": 1}
            assert plant.ledger.outputs(plant.ledger.studies()[0].key) == []
            [key] = plant.ledger.quiet_studies(time.time() + 1.0, 0.5)
            plant.starter.start(*key)
            eventually(lambda: plant.states() == {"delivering": 1}, PATIENCE_S, plant.log())

        eventually(lambda: plant.states() == {"done": 1}, PATIENCE_S, plant.log())
        arrived = plant.arrived()
        assert set(arrived) == {one.sop_instance_uid_new for one in plant.ledger.outputs(key)}
        assert len(arrived) == INSTANCES
        assert not [dicom for dicom in arrived.values() if CANARY.encode() in dicom]
        # The delivery ends a moment before its files are removed.
        eventually(lambda: not list(plant.settings.spool.rglob("*.dcm")), PATIENCE_S)

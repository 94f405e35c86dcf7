"""Goal: a database that dies, or is away for a while, costs time and nothing else.

Method: a PostgreSQL of its own is killed with -9 under real workers, with studies on their way.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.orthanc import eventually
from support.postgresql import PostgreSQL
from support.workers import CANARY, Plant


@pytest.fixture
def cluster() -> Iterator[PostgreSQL]:
    folder = Path(tempfile.mkdtemp(prefix="gatehouse-pg-"))
    server = PostgreSQL(folder)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder)


def done(plant: Plant, studies: int) -> None:
    """Wait until all studies are done."""
    eventually(
        lambda: plant.states() == {"done": studies}, 180.0, f"{plant.states()} {plant.log()}"
    )


def test_a_database_that_is_killed_loses_nothing(tmp_path: Path, cluster: PostgreSQL) -> None:
    with Plant(tmp_path / "plant", cluster.new_database()) as plant:
        plant.start_worker()
        eventually(plant.ledger.workers, 180.0)
        plant.receive(studies=6, instances=6)

        for pause_s in (0.5, 1.0, 1.5):
            time.sleep(pause_s)
            cluster.kill()
            time.sleep(1.0)
            cluster.start()

        done(plant, 6)
        arrived = plant.arrived()
        known = {
            output.sop_instance_uid_new
            for study in plant.ledger.studies()
            for output in plant.ledger.outputs(study.key)
        }
        assert set(arrived) == known
        assert len(known) == 36
        assert not [dicom for dicom in arrived.values() if CANARY.encode() in dicom]
        assert plant.ledger.verify_audit().is_intact


def test_a_worker_that_starts_before_its_database_says_so_and_ends(
    tmp_path: Path, cluster: PostgreSQL
) -> None:
    with Plant(tmp_path / "plant", cluster.new_database()) as plant:
        cluster.kill()

        plant.start_worker()
        code = plant.workers["worker-1"].wait(180)

        assert code == 2
        assert "gatehouse: error: the database can't be used (OperationalError)" in plant.log()
        cluster.start()

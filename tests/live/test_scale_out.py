"""Goal: several hosts and several Orthancs do the work of one, and nobody misses one that is lost.

Method: workers with homes of their own, as on hosts of their own, over one PostgreSQL; one of them
is killed together with its disk. Two real Orthancs on one index of PostgreSQL, one of which is
killed. What must stand still does: the destination is behind a dam.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.uid import generate_uid

from gatehouse.adapters.inbox import OVERLAP, Inbox
from gatehouse.adapters.orthanc_client import OrthancArchive
from support.dicom_builder import series, to_bytes
from support.orthanc import DEBIAN_12, Orthanc, eventually
from support.postgresql import PostgreSQL, postgresql  # noqa: F401  a fixture
from support.workers import AUTHORIZATION, CANARY, Plant

PATIENCE_S = 240.0


@pytest.fixture
def plant(tmp_path: Path, postgresql: PostgreSQL) -> Iterator[Plant]:  # noqa: F811
    with Plant(tmp_path / "plant", postgresql.new_database(), is_dammed=True) as made:
        yield made


def start_host(plant: Plant, name: str, lost_s: int = 60) -> Path:
    """Start a worker that shares nothing but the database and the key; return its home."""
    home = plant.folder / name
    plant.start_worker(name, Home=str(home), LostSeconds=lost_s)
    return home


def all_are(plant: Plant, state: str, studies: int) -> None:
    eventually(
        lambda: plant.states() == {state: studies},
        PATIENCE_S,
        f"{plant.states()} {plant.ledger.holds()} {[plant.log(name) for name in plant.workers]}",
    )


def check_arrived(plant: Plant, instances: int) -> None:
    """Everything is at the destination once, as the ledger knows it, and nothing identifies."""
    arrived = plant.arrived()
    known = {
        output.sop_instance_uid_new
        for study in plant.ledger.studies()
        for output in plant.ledger.outputs(study.key)
    }
    assert set(arrived) == known
    assert len(arrived) == instances
    assert [uid for uid, dicom in arrived.items() if CANARY.encode() in dicom] == []
    assert plant.ledger.holds(open_only=False) == []
    assert plant.ledger.verify_audit().is_intact


def test_a_host_that_is_lost_with_its_disk_is_replaced_by_another_without_a_person(
    plant: Plant,
) -> None:
    home = start_host(plant, "host-1")
    plant.dam.close_after(0)
    plant.receive(studies=3, instances=4)
    all_are(plant, "delivering", 3)
    verified = {
        one.sop_instance_uid_new: one.sha256
        for study in plant.ledger.studies()
        for one in plant.ledger.outputs(study.key)
    }
    assert len(list(home.glob("spool/*/*/*.dcm"))) == 12

    plant.kill_worker("host-1")
    shutil.rmtree(home)
    plant.dam.open()
    other = start_host(plant, "host-2", lost_s=3)

    all_are(plant, "done", 3)
    check_arrived(plant, 12)
    again = {
        one.sop_instance_uid_new: one.sha256
        for study in plant.ledger.studies()
        for one in plant.ledger.outputs(study.key)
    }
    assert again == verified
    eventually(lambda: not list(other.glob("spool/*/*/*.dcm")), PATIENCE_S)


def test_hosts_share_the_work(plant: Plant) -> None:
    for name in ("host-1", "host-2", "host-3"):
        start_host(plant, name)
    eventually(lambda: len(plant.ledger.workers()) == 3, PATIENCE_S)

    plant.receive(studies=6, instances=3)

    all_are(plant, "done", 6)
    check_arrived(plant, 18)


def test_two_orthancs_on_one_index_are_one_archive(
    tmp_path: Path,
    postgresql: PostgreSQL,  # noqa: F811
) -> None:
    plant = Plant(tmp_path / "plant", postgresql.new_database())
    index = {
        "Plugins": [str(DEBIAN_12.plugins / "libOrthancPostgreSQLIndex.so")],
        "PostgreSQL": {
            "EnableIndex": True,
            "EnableStorage": False,
            "ConnectionUri": postgresql.new_database(),
            "Lock": False,
        },
        "SaveJobs": False,
    }
    plant.gateway.configuration |= index
    # The same storage area, as on a network share.
    second = Orthanc(
        tmp_path / "plant" / "gateway-2",
        **{
            **{
                key: plant.gateway.configuration[key] for key in ("DicomModalities", "OrthancPeers")
            },
            **index,
            "StorageDirectory": plant.gateway.configuration["StorageDirectory"],
        },
    )
    name = plant.settings.server
    slices = list(
        series(6, StudyInstanceUID=generate_uid(), PatientName=f"{CANARY}^NAME", PatientID=CANARY)
    )
    with plant, second:
        inboxes = [
            Inbox(OrthancArchive(one.url, AUTHORIZATION), plant.ledger, name, overlap=OVERLAP)
            for one in (plant.gateway, second)
        ]
        for number, one in enumerate(slices):
            (plant.gateway, second)[number % 2].upload(to_bytes(one))
            # Each of the two services reads, whichever Orthanc received it.
            inboxes[(number + 1) % 2].read_changes()
        read_once = [inbox.read_changes() for inbox in inboxes]
        [study] = plant.ledger.studies()
        plant.gateway.kill()

        plant.start_worker(OrthancUrl=second.url)
        [key] = plant.ledger.quiet_studies(study.last_received_at + 1.0, 0.5)
        plant.starter.start(*key)

        all_are(plant, "done", 1)
        check_arrived(plant, 6)
    assert read_once == [0, 0]
    assert study.instances == 6
    assert study.generation == 1

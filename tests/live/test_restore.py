"""Goal: what `docs/operations.md` says about backups is true: a site that burnt down goes on.

Method: a real archive, destination and workers. Everything is backed up as the document says, in
the middle of work; then more happens, everything is deleted, and the backup is put in its place.
"""

from __future__ import annotations

import shutil
import sqlite3
import struct
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.filebase import DicomBytesIO

from gatehouse.adapters.inbox import Inbox
from gatehouse.adapters.ledger import Ledger
from gatehouse.adapters.orthanc_client import OrthancArchive
from gatehouse.pipeline.start import WorkflowStarter
from support.orthanc import eventually
from support.soak import instance
from support.workers import AUTHORIZATION, Plant

PATIENCE_S = 180.0
SLICES = 4

DATABASES = ("gatehouse.db", "workflows.db")


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    with Plant(tmp_path / "plant") as made:
        yield made


def receive(plant: Plant, study: int) -> None:
    """Have a study sent; its pixels say its number and each instance's."""
    for number in range(1, SLICES + 1):
        plant.gateway.upload(instance(study, number))
    plant.read_inbox()


def all_done(plant: Plant, studies: int) -> None:
    eventually(lambda: plant.states() == {"done": studies}, PATIENCE_S, str(plant.folder))


def copy_database(source: Path, target: Path) -> None:
    """Copy a database that is in use, as ``sqlite3 SOURCE ".backup TARGET"`` does."""
    with closing(sqlite3.connect(source)) as from_, closing(sqlite3.connect(target)) as to:
        from_.backup(to)


def back_up_archive(plant: Plant, to: Path) -> None:
    """Copy Orthanc's index and files. It has its index for itself alone, so it is stopped."""
    plant.gateway.stop()
    shutil.copytree(plant.gateway.folder / "storage", to / "storage")
    plant.gateway.start()


def back_up_home(plant: Plant, to: Path, *names: str) -> None:
    """Copy ledger and workflows, and the key."""
    for name in names:
        copy_database(plant.settings.home / name, to / name)
    shutil.copy2(plant.key_file, to / "master.key")


def burn_down(plant: Plant) -> None:
    """Lose the machine."""
    plant.kill_worker()
    plant.gateway.kill()
    plant.starter.close()
    plant.ledger.close()
    shutil.rmtree(plant.gateway.folder / "storage")
    shutil.rmtree(plant.settings.home)
    plant.key_file.unlink()


def restore(plant: Plant, backup: Path) -> None:
    """Put the backup into its place, and start as the service does."""
    shutil.copytree(backup / "storage", plant.gateway.folder / "storage")
    plant.settings.home.mkdir(mode=0o700)
    for name in DATABASES:
        shutil.copy2(backup / name, plant.settings.home / name)
    shutil.copy2(backup / "master.key", plant.key_file)
    plant.gateway.start()
    plant.ledger = Ledger(plant.settings.ledger_url)
    plant.starter = WorkflowStarter(plant.settings)
    archive = OrthancArchive(plant.gateway.url, AUTHORIZATION)
    plant.inbox = Inbox(archive, plant.ledger, plant.settings.server)
    plant.inbox.begin()
    plant.inbox.compare()
    plant.start_worker()
    plant.read_inbox()


def arrived(plant: Plant) -> dict[tuple[int, int], set[tuple[str, str]]]:
    """Return what is at the destination, by its pixels: under which UIDs and pseudonyms."""
    found: dict[tuple[int, int], set[tuple[str, str]]] = defaultdict(set)
    for dicom in plant.arrived().values():
        data_set = dcmread(DicomBytesIO(dicom))
        study, number = struct.unpack_from("<II", data_set.PixelData)
        found[study, number].add((data_set.SOPInstanceUID, data_set.PatientID))
    return found


def of(*studies: int) -> set[tuple[int, int]]:
    return {(study, number) for study in studies for number in range(1, SLICES + 1)}


def test_a_site_that_burnt_down_goes_on_from_its_backup(plant: Plant, tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    backup.mkdir()
    plant.start_worker()
    receive(plant, 1)
    all_done(plant, 1)
    plant.dam.close_after(0)
    receive(plant, 2)
    eventually(lambda: plant.states() == {"done": 1, "delivering": 1}, PATIENCE_S)
    back_up_archive(plant, backup)
    back_up_home(plant, backup, *DATABASES)
    plant.dam.open()
    receive(plant, 3)
    all_done(plant, 3)
    before = arrived(plant)

    burn_down(plant)
    restore(plant, backup)
    all_done(plant, 2)
    # The archive is as old as the backup: what came later is sent once more.
    receive(plant, 3)
    all_done(plant, 3)

    assert set(before) == of(1, 2, 3)
    assert arrived(plant) == before
    assert plant.ledger.verify_audit().is_intact


def test_parts_that_were_backed_up_at_different_times_go_together(
    plant: Plant, tmp_path: Path
) -> None:
    # Between the copies studies come: the ledger knows the fewest, the archive the most.
    backup = tmp_path / "backup"
    backup.mkdir()
    plant.start_worker()
    receive(plant, 1)
    all_done(plant, 1)
    back_up_home(plant, backup, "gatehouse.db")
    receive(plant, 2)
    all_done(plant, 2)
    back_up_home(plant, backup, "workflows.db")
    receive(plant, 3)
    all_done(plant, 3)
    back_up_archive(plant, backup)
    before = arrived(plant)

    burn_down(plant)
    restore(plant, backup)
    all_done(plant, 3)

    assert set(before) == of(1, 2, 3)
    assert arrived(plant) == before
    assert plant.ledger.verify_audit().is_intact

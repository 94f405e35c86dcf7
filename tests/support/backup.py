"""Backing a plant up, deleting it, and restoring it, as `docs/operations.md` says."""

from __future__ import annotations

import shutil
import sqlite3
import struct
from collections import defaultdict
from contextlib import closing
from pathlib import Path

from pydicom import dcmread
from pydicom.filebase import DicomBytesIO

from gatehouse.adapters.inbox import Inbox
from gatehouse.adapters.ledger import Ledger
from gatehouse.adapters.orthanc_client import OrthancArchive
from gatehouse.pipeline.start import WorkflowStarter
from support.orthanc import eventually
from support.soak_clients import instance
from support.workers import AUTHORIZATION, Plant

PATIENCE_S = 240.0
SLICES = 4

DATABASES = ("gatehouse.db", "workflows.db")


def receive(plant: Plant, study: int) -> None:
    """Have a study sent; its pixels say its number and each instance's."""
    for number in range(1, SLICES + 1):
        plant.gateway.upload(instance(study, number))
    plant.read_inbox()


def all_done(plant: Plant, studies: int) -> None:
    """Wait until so many studies are done, and no other is known."""
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
    """Return what the pixels of all instances of these studies say."""
    return {(study, number) for study in studies for number in range(1, SLICES + 1)}

"""Goal: what `docs/operations.md` says about backups is true: a site that burnt down goes on.

Method: a real archive, destination and workers. Everything is backed up as the document says, in
the middle of work; then more happens, everything is deleted, and the backup is put in its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.backup import (
    DATABASES,
    PATIENCE_S,
    all_done,
    arrived,
    back_up_archive,
    back_up_home,
    burn_down,
    of,
    receive,
    restore,
)
from support.orthanc import eventually
from support.workers import Plant


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    with Plant(tmp_path / "plant", is_dammed=True) as made:
        yield made


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

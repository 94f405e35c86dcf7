"""What takes too long for ``make test``: ``make soak`` (about two hours).

The kill test in full, and a restore that needs the pauses of the workers' own looks around.

``GATEHOUSE_SOAK_KILLS`` (200 for each database) and ``GATEHOUSE_SOAK_SEED`` change it, and
``-k sqlite`` picks one database, ``-k reception`` reception mode. The figures of each run are
printed.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from support.backup import (
    all_done,
    arrived,
    back_up_archive,
    back_up_home,
    burn_down,
    of,
    receive,
    restore,
)
from support.soak import soak
from support.soak_figures import assert_all_is_well
from support.workers import Plant

KILLS = int(os.environ.get("GATEHOUSE_SOAK_KILLS", "200"))
SEED = int(os.environ.get("GATEHOUSE_SOAK_SEED", "0")) or random.SystemRandom().randrange(1 << 32)


@pytest.mark.timeout(4 * 3600)
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_site_under_load_survives_hundreds_of_kills(tmp_path: Path, database: str) -> None:
    print(f"\nseed {SEED}", flush=True)

    figures = soak(tmp_path, database, KILLS, SEED, workers=2)

    print(figures.line(), flush=True)
    assert_all_is_well(figures)


@pytest.mark.timeout(4 * 3600)
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_site_in_reception_mode_survives_as_many(tmp_path: Path, database: str) -> None:
    print(f"\nseed {SEED}", flush=True)

    figures = soak(tmp_path, database, KILLS, SEED, workers=2, is_reception=True)

    print(figures.line(), flush=True)
    assert_all_is_well(figures)
    assert figures.looks > KILLS


def test_parts_that_were_backed_up_at_different_times_go_together(tmp_path: Path) -> None:
    # Between the copies studies come: the ledger knows the fewest, the archive the most.
    backup = tmp_path / "backup"
    backup.mkdir()
    with Plant(tmp_path / "plant") as plant:
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

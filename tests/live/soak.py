"""The kill test in full: ``make soak`` (about half an hour). Not part of ``make test``.

``GATEHOUSE_SOAK_KILLS`` (200 for each database) and ``GATEHOUSE_SOAK_SEED`` change it, and
``-k sqlite`` picks one database. The figures of each run are printed.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from support.soak import assert_all_is_well, soak

KILLS = int(os.environ.get("GATEHOUSE_SOAK_KILLS", "200"))
SEED = int(os.environ.get("GATEHOUSE_SOAK_SEED", "0")) or random.SystemRandom().randrange(1 << 32)


@pytest.mark.timeout(4 * 3600)
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_site_under_load_survives_hundreds_of_kills(tmp_path: Path, database: str) -> None:
    print(f"\nseed {SEED}", flush=True)

    figures = soak(tmp_path, database, KILLS, SEED, workers=2)

    print(figures.line(), flush=True)
    assert_all_is_well(figures)

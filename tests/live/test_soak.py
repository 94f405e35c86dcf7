"""Goal: whatever part is killed at whatever moment, nothing is lost, doubled or identified.

Method: a real site under load, whose parts are killed with -9 at random moments and started
again; a short run of what ``make soak`` does at length. The seed is printed.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from support.soak import soak
from support.soak_figures import assert_all_is_well

KILLS = 6


@pytest.mark.timeout(2400)
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_kills_at_random_moments_lose_nothing_and_double_nothing(
    tmp_path: Path, database: str
) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")

    figures = soak(tmp_path, database, KILLS, seed)

    print(figures.line())
    assert_all_is_well(figures)
    assert sum(figures.kills.values()) == KILLS

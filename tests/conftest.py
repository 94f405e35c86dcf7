"""What all tests share: those in ``tests/live`` are marked as such, and none depends on luck.

Hypothesis tries the same examples at each run, so that a change is judged by what it changes;
``make fuzz`` looks for new ones.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# No deadline, and no complaint about slow examples: how fast the machine is, is no defect.
settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repeatable")

LIVE = Path(__file__).parent / "live"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if LIVE in item.path.parents:
            item.add_marker(pytest.mark.live)

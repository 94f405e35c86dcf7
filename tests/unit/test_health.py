"""Goal: a disk that fills up is told before it stops the work.

Method: the status of an empty ledger, beside a disk of a size of choice.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from gatehouse.adapters.ledger import Ledger
from gatehouse.web import health as health_module
from gatehouse.web.health import Health, metrics

NOW = 1000.0


@pytest.fixture
def health(tmp_path: Path) -> Iterator[Health]:
    ledger = Ledger(f"sqlite:///{tmp_path / 'gatehouse.db'}")
    inbox = SimpleNamespace(problem="", caught_up_at=NOW, orthanc_version="1.10.1")
    yield Health(ledger, inbox, 1, clock=lambda: NOW, home=tmp_path)
    ledger.close()


def set_free(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    usage = SimpleNamespace(free=free)
    monkeypatch.setattr(health_module.shutil, "disk_usage", lambda _folder: usage)


@pytest.mark.parametrize(
    ("free", "told"),
    [
        (5 << 20, ["only 5 MiB are free where Gatehouse.Home is"]),
        ((1 << 30) - 1, ["only 1023 MiB are free where Gatehouse.Home is"]),
        (1 << 30, []),
    ],
)
def test_a_home_with_little_room_is_told(
    health: Health, monkeypatch: pytest.MonkeyPatch, free: int, told: list[str]
) -> None:
    set_free(monkeypatch, free)

    problems = health.status().problems

    assert [one for one in problems if "free" in one] == told


def test_the_room_is_a_metric(health: Health, monkeypatch: pytest.MonkeyPatch) -> None:
    set_free(monkeypatch, 123)

    assert b"gatehouse_home_free_bytes 123.0\n" in metrics(health.status())


def test_a_home_that_is_gone_is_no_reason_to_fail(health: Health, tmp_path: Path) -> None:
    gone = Health(health.ledger, health.inbox, 1, clock=lambda: NOW, home=tmp_path / "gone")

    assert gone.status().home_free_bytes is None

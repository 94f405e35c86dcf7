"""Goal: what breaks around the workers makes studies wait, says so, and loses nothing.

Method: a real archive, destination and worker, whose disk is full or read-only, whose database is
locked, whose clock jumps, whose pool is killed; each in the middle of a study that stands still.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gatehouse.adapters.process_tree import descendants
from gatehouse.adapters.worker import HEARTBEAT_S
from gatehouse.pipeline.records import StudyKey
from support.disks import SmallDisk
from support.orthanc import ROOT, eventually
from support.workers import CANARY, Plant

PATIENCE_S = 180.0
SLICES = 20

POOL = 5
"""Processes of a worker: itself, the tracker of resources, the fork server, two of its pool."""


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    with Plant(tmp_path / "plant") as made:
        yield made


def family(pid: int) -> list[int]:
    """Return the processes of a worker, itself among them."""
    return [pid, *(one.pid for one in descendants(pid))]


def in_the_middle(plant: Plant, **settings: Any) -> int:
    """Have a study begun by a worker, with an archive that stands still; return its process."""
    pid = plant.start_worker(**settings)
    eventually(lambda: plant.states() == {"processing": 1}, PATIENCE_S)
    # The fork server, and behind it the processes that wait for the archive.
    eventually(lambda: len(family(pid)) >= POOL, PATIENCE_S)
    return pid


def says(plant: Plant, text: str) -> None:
    """Wait until the worker has said something."""
    eventually(lambda: text in plant.log(), PATIENCE_S, plant.log())


def reason(plant: Plant) -> str:
    """Return what an administrator reads about the study."""
    record = plant.ledger.study(1)
    assert record is not None
    return record.reason


def ends_well(plant: Plant) -> None:
    """The study is done; all of it arrived once, under known UIDs, and nothing identifies."""
    try:
        eventually(lambda: plant.states() == {"done": 1}, PATIENCE_S)
    except AssertionError:
        raise AssertionError(f"{plant.states()} {plant.ledger.holds()}\n{plant.log()}") from None
    arrived = plant.arrived()
    known = {one.sop_instance_uid_new for one in plant.ledger.outputs(StudyKey(1, 1))}
    assert set(arrived) == known
    assert len(arrived) == SLICES
    assert [uid for uid, dicom in arrived.items() if CANARY.encode() in dicom] == []
    assert plant.ledger.verify_audit().is_intact
    assert reason(plant) == ""


@pytest.mark.parametrize("fault", ["full", "read_only"])
def test_a_spool_that_takes_nothing_makes_a_study_wait_and_says_why(
    tmp_path: Path, fault: str
) -> None:
    with (
        SmallDisk(tmp_path / "plant/home/spool") as disk,
        Plant(tmp_path / "plant") as plant,
    ):
        plant.receive(studies=1, instances=SLICES)
        with plant.gateway.standing_still():
            pid = in_the_middle(plant)
            # The worker itself writes the ledger only.
            disk.writers = lambda: family(pid)[1:]
            broken = getattr(disk, fault)()
            broken.__enter__()

        eventually(lambda: reason(plant), PATIENCE_S)
        seen = reason(plant)
        broken.__exit__(None, None, None)

        assert seen == f"waits, because this is not available: OSError: {disk.words(fault)}"
        ends_well(plant)


def test_a_disk_without_room_for_receipts_doubles_nothing(tmp_path: Path) -> None:
    with (
        SmallDisk(tmp_path / "plant/home") as disk,
        Plant(tmp_path / "plant", is_dammed=True, scu_timeout_s=int(PATIENCE_S)) as plant,
    ):
        plant.dam.close_after(0)
        plant.receive(studies=1, instances=SLICES)
        pid = plant.start_worker()
        disk.writers = lambda: family(pid)
        eventually(
            lambda: [one.state for one in plant.ledger.deliveries()] == ["sending"], PATIENCE_S
        )
        with disk.full():
            plant.dam.open()
            eventually(lambda: plant.stored_at_research() == SLICES, PATIENCE_S)
            # No sign of life can be written either, which the status tells.
            eventually(lambda: time.time() - heartbeat(plant) > 4 * HEARTBEAT_S, PATIENCE_S)

        ends_well(plant)


def test_a_locked_database_costs_time_and_nothing_else(plant: Plant) -> None:
    plant.receive(studies=1, instances=SLICES)
    with plant.gateway.standing_still():
        in_the_middle(plant)
        locked = sqlite3.connect(plant.settings.home / "gatehouse.db", isolation_level=None)
        locked.execute("BEGIN IMMEDIATE")

    says(plant, "the ledger does not answer")
    locked.execute("ROLLBACK")
    locked.close()

    ends_well(plant)


@pytest.mark.parametrize("jump_s", [3 * 86400, -3 * 86400])
def test_a_worker_s_clock_that_jumps_in_the_middle_of_a_study_changes_nothing(
    tmp_path: Path, plant: Plant, jump_s: int
) -> None:
    clock = tmp_path / "clock"
    plant.environment = with_clock(clock)
    plant.receive(studies=1, instances=SLICES)
    with plant.gateway.standing_still():
        in_the_middle(plant)
        set_clock(clock, jump_s)
        eventually(lambda: abs(heartbeat(plant) - time.time() - jump_s) < 60, PATIENCE_S)

    ends_well(plant)


def test_a_worker_whose_clock_is_set_back_by_days_goes_on_with_its_attempts_to_deliver(
    tmp_path: Path, plant: Plant
) -> None:
    plant.environment = with_clock(tmp_path / "clock")
    plant.research.kill()
    plant.receive(studies=1, instances=SLICES)
    plant.start_worker()
    eventually(lambda: [d for d in plant.ledger.deliveries() if d.attempts > 1], PATIENCE_S)

    set_clock(tmp_path / "clock", -3 * 86400)
    # The attempt that was planned by the old clock comes.
    before = plant.ledger.deliveries()[0].attempts
    eventually(lambda: plant.ledger.deliveries()[0].attempts > before, PATIENCE_S)
    plant.research.start()

    ends_well(plant)


def with_clock(clock: Path) -> dict[str, str]:
    """Return the environment of a worker whose clock can be set."""
    set_clock(clock, 0)
    return {
        "PYTHONPATH": f"{ROOT / 'plugin'}:{ROOT / 'tests/support/clock'}",
        "GATEHOUSE_TEST_CLOCK": str(clock),
    }


def set_clock(clock: Path, seconds: float) -> None:
    """Let the worker's clock be wrong by so much; the file is there whole at any moment."""
    new = clock.with_suffix(".new")
    new.write_text(str(seconds))
    new.replace(clock)


def heartbeat(plant: Plant) -> float:
    """Return what the worker takes for the time."""
    [worker] = plant.ledger.workers()
    return worker.heartbeat_at


def test_a_pool_that_is_killed_is_made_anew_and_its_instances_are_done_again(
    plant: Plant,
) -> None:
    plant.receive(studies=1, instances=SLICES)
    with plant.gateway.standing_still():
        pid = in_the_middle(plant)
        for child in family(pid)[1:]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)

    ends_well(plant)

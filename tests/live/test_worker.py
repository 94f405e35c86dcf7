"""Goal: a study goes its way to the end, once, whatever dies in the middle.

Method: a real archive, a real destination and real workers, over SQLite and PostgreSQL; processes
are killed with -9, destinations are away. Every patient carries a canary that is looked for in
the bytes at the destination.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import dcmread

from gatehouse.pipeline.records import StudyKey
from support.dicom_builder import ct_bytes
from support.orthanc import eventually
from support.postgresql import PostgreSQL, postgresql  # noqa: F401  a fixture
from support.workers import CANARY, Plant

PATIENCE_S = 180.0


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    """Return what the setting Database says."""
    if request.param == "sqlite":
        return ""
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.new_database()


@pytest.fixture
def plant(tmp_path: Path, database: str) -> Iterator[Plant]:
    with Plant(tmp_path / "plant", database) as made:
        yield made


@pytest.fixture
def dammed_plant(tmp_path: Path, database: str) -> Iterator[Plant]:
    with Plant(tmp_path / "plant", database, is_dammed=True) as made:
        yield made


@pytest.fixture
def small_plant(tmp_path: Path) -> Iterator[Plant]:
    """A plant on SQLite, for what does not depend on the database."""
    with Plant(tmp_path / "plant") as made:
        yield made


def children(pid: int) -> set[int]:
    """Return the process IDs of all descendants."""
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found |= {int(child)} | children(int(child))
    return found


def is_alive(pid: int) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    return False


def done(plant: Plant, studies: int) -> None:
    """Wait until all studies are done."""
    try:
        eventually(lambda: plant.states() == {"done": studies}, PATIENCE_S)
    except AssertionError:
        raise AssertionError(
            f"{plant.states()} {plant.ledger.holds()} {plant.ledger.deliveries()}\n"
            + "\n".join(plant.log(name) for name in plant.workers)
        ) from None


def check_arrived(plant: Plant, instances: int) -> None:
    """Everything is there once, under the UIDs that the ledger knows, and nothing identifies."""
    arrived = plant.arrived()
    known = {
        output.sop_instance_uid_new
        for study in plant.ledger.studies()
        for output in plant.ledger.outputs(study.key)
    }
    assert set(arrived) == known
    assert len(arrived) == instances
    assert [uid for uid, dicom in arrived.items() if CANARY.encode() in dicom] == []


@pytest.mark.parametrize("via", ["dicom", "peer"])
def test_studies_arrive_de_identified_and_verified_with_a_receipt_for_each_instance(
    tmp_path: Path, via: str
) -> None:
    with Plant(tmp_path / "plant", via=via) as plant:
        plant.start_worker()

        plant.receive(studies=2, instances=5)

        done(plant, 2)
        check_arrived(plant, 10)
        assert [(one.state, one.receipts) for one in plant.ledger.deliveries()] == [
            ("delivered", 5),
            ("delivered", 5),
        ]
        assert plant.ledger.verify_audit().is_intact
        assert list(plant.settings.spool.iterdir()) == []


def test_a_worker_that_is_killed_before_its_study_is_read_loses_nothing(plant: Plant) -> None:
    [study] = plant.receive(studies=1, instances=20)
    with plant.gateway.standing_still():
        plant.start_worker()
        eventually(lambda: plant.ledger.study(study).state == "processing", PATIENCE_S)

        plant.kill_worker()

    assert plant.states() == {"processing": 1}
    plant.start_worker()
    done(plant, 1)
    check_arrived(plant, 20)
    assert plant.ledger.verify_audit().is_intact


@pytest.mark.parametrize(
    ("let_through", "has_receipts"), [(0, False), (90_000, True)], ids=["nothing", "a part"]
)
def test_a_worker_that_is_killed_while_it_sends_loses_nothing_and_sends_nothing_twice(
    dammed_plant: Plant, let_through: int, has_receipts: bool
) -> None:
    plant = dammed_plant
    plant.dam.close_after(let_through)
    plant.receive(studies=1, instances=60)
    plant.start_worker()
    eventually(
        lambda: [
            one
            for one in plant.ledger.deliveries()
            # How many were recorded before the dam closed is a matter of time.
            if one.state == "sending" and bool(one.receipts) == has_receipts
        ],
        PATIENCE_S,
    )

    plant.kill_worker()

    assert plant.states() == {"delivering": 1}
    plant.dam.open()
    plant.start_worker()
    done(plant, 1)
    check_arrived(plant, 60)
    assert plant.ledger.verify_audit().is_intact


def test_two_workers_share_the_work_and_do_it_once(plant: Plant) -> None:
    plant.start_worker("worker-1")
    plant.start_worker("worker-2")

    plant.receive(studies=8, instances=4)

    done(plant, 8)
    check_arrived(plant, 32)
    assert {one.name for one in plant.ledger.workers()} == {"worker-1", "worker-2"}
    states = [one.state for study in plant.ledger.studies() for one in history(plant, study.key)]
    assert states == ["receiving", "waiting", "processing", "delivering", "done"] * 8


def history(plant: Plant, key: StudyKey) -> list[object]:
    return list(plant.ledger.history(key.study_id))


def test_the_work_of_a_lost_worker_is_taken_over(dammed_plant: Plant) -> None:
    plant = dammed_plant
    plant.start_worker("worker-1", LostSeconds=3)
    eventually(lambda: plant.ledger.workers(), PATIENCE_S)
    plant.dam.close_after(0)
    plant.receive(studies=4, instances=6)
    eventually(lambda: "delivering" in plant.states(), PATIENCE_S)

    plant.kill_worker("worker-1")
    plant.dam.open()
    plant.start_worker("worker-2", LostSeconds=3)

    done(plant, 4)
    check_arrived(plant, 24)


def test_a_destination_that_was_away_gets_the_study_when_it_is_back(small_plant: Plant) -> None:
    plant = small_plant
    plant.research.kill()
    plant.start_worker()
    plant.receive(studies=1, instances=3)
    eventually(lambda: [d for d in plant.ledger.deliveries() if d.attempts > 1], PATIENCE_S)

    plant.research.start()

    done(plant, 1)
    check_arrived(plant, 3)
    [delivery] = plant.ledger.deliveries()
    assert delivery.last_error == "it can't be reached"


def test_late_instances_are_delivered_and_nothing_else_again(small_plant: Plant) -> None:
    plant = small_plant
    plant.start_worker()
    plant.receive(studies=1, instances=3)
    done(plant, 1)
    before = plant.research.get("/changes", params={"last": ""}).json()["Last"]
    first = dcmread(next(iter((plant.gateway.folder / "storage").glob("*/*/*"))))

    plant.gateway.upload(
        ct_bytes(
            StudyInstanceUID=first.StudyInstanceUID,
            SeriesInstanceUID=first.SeriesInstanceUID,
            PatientID=first.PatientID,
            PatientName=str(first.PatientName),
            SOPInstanceUID="1.2.3.4.5",
        )
    )
    plant.read_inbox()

    eventually(lambda: plant.ledger.study(1).generation == 2, PATIENCE_S)
    done(plant, 1)
    check_arrived(plant, 4)
    changes = plant.research.get("/changes", params={"since": before}).json()["Changes"]
    assert [one["ChangeType"] for one in changes].count("NewInstance") == 1
    study_uids = {dcmread_bytes(dicom).StudyInstanceUID for dicom in plant.arrived().values()}
    assert len(study_uids) == 1


def dcmread_bytes(dicom: bytes) -> object:
    from io import BytesIO

    return dcmread(BytesIO(dicom))


def test_a_process_of_the_pool_that_is_killed_is_replaced_and_its_instance_done_again(
    small_plant: Plant,
) -> None:
    plant = small_plant
    pid = plant.start_worker()
    plant.receive(studies=1, instances=60)
    victims = eventually(lambda: pool_children(pid), PATIENCE_S)

    os.kill(victims.pop(), signal.SIGKILL)

    done(plant, 1)
    check_arrived(plant, 60)


def pool_children(pid: int) -> set[int]:
    """Return the processes of the pool: the children of the fork server."""
    return {grandchild for child in children(pid) for grandchild in children(child)}


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_no_process_of_the_pool_outlives_its_worker(small_plant: Plant, how: str) -> None:
    pid = small_plant.start_worker()
    small_plant.receive(studies=1, instances=2)
    done(small_plant, 1)
    family = children(pid)
    assert family

    {"kill": small_plant.kill_worker, "stop": small_plant.stop_worker}[how]()

    eventually(lambda: not [one for one in family if is_alive(one)], PATIENCE_S)


def test_a_worker_ends_with_its_stdin_and_says_so_and_leaves_no_temporary_file(
    small_plant: Plant, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # Short: the path of a socket may have 107 characters.
    temporary = tmp_path_factory.mktemp("t")
    small_plant.environment = {"TMPDIR": str(temporary)}
    small_plant.receive(studies=1, instances=1)
    small_plant.start_worker()
    done(small_plant, 1)
    used = list(temporary.iterdir())

    code = small_plant.stop_worker()

    assert code == 0
    assert '"worker ended"' in small_plant.log()
    assert used
    assert list(temporary.iterdir()) == []


def test_an_orthanc_that_is_away_makes_a_study_wait_and_not_fail(small_plant: Plant) -> None:
    plant = small_plant
    plant.receive(studies=1, instances=3)
    plant.gateway.kill()
    plant.start_worker()
    eventually(lambda: "not available" in plant.ledger.study(1).reason, PATIENCE_S)

    plant.gateway.start()

    done(plant, 1)
    check_arrived(plant, 3)


def test_an_instance_that_was_deleted_before_its_turn_holds_its_study(small_plant: Plant) -> None:
    plant = small_plant
    plant.receive(studies=1, instances=2)
    [first, _] = plant.gateway.get("/instances").json()
    plant.gateway.request("DELETE", f"/instances/{first}")

    plant.start_worker()

    eventually(lambda: plant.states() == {"held": 1}, PATIENCE_S)
    [hold] = plant.ledger.holds()
    assert (hold.rule, hold.instance) == ("archive.vanished", first)
    assert plant.arrived() == {}


def test_a_kept_study_is_marked_in_orthanc_and_never_taken_for_received(tmp_path: Path) -> None:
    with Plant(tmp_path / "plant", more="keep-local: {label: deid-test}\n") as plant:
        plant.start_worker()
        plant.receive(studies=1, instances=3)
        done(plant, 1)

        started = plant.read_inbox()

        [kept] = plant.ledger.kept_studies(1)
        assert started == []
        assert len(plant.ledger.studies()) == 1
        assert len(plant.gateway.get("/studies").json()) == 2
        metadata = plant.gateway.get(f"/studies/{kept}/metadata?expand").json()
        assert "YES" in metadata.values()
        assert any(value.startswith("everything version 1 ") for value in metadata.values())
        original = plant.ledger.study(1).orthanc_id
        assert original not in str(metadata)
        assert plant.ledger.study(kept) == plant.ledger.study(1)


def test_no_value_of_an_attribute_is_in_the_ledger_the_workflows_or_the_log(
    small_plant: Plant,
) -> None:
    plant = small_plant
    plant.start_worker()
    plant.receive(studies=1, instances=2)
    plant.receive(studies=1, instances=1, BurnedInAnnotation="YES")
    eventually(lambda: plant.states() == {"done": 1, "held": 1}, PATIENCE_S)
    plant.stop_worker()

    home = plant.settings.home
    found = [
        file
        for file in [*home.rglob("*"), *plant.folder.glob("*.log")]
        if file.is_file() and CANARY.encode() in file.read_bytes()
    ]

    assert (home / "gatehouse.db").exists()
    assert found == []

"""Goal: one destination that hangs delays no other, and a pause holds until somebody ends it.

Method: real workers over a real archive, with a research archive and a server that takes
connections and never says a word. Nothing is timed: what must not happen is kept from happening.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatehouse.adapters.destination_desk import DestinationDesk
from gatehouse.adapters.destinations.registry import make_destinations
from gatehouse.adapters.orthanc_client import OrthancArchive
from gatehouse.pipeline.destinations import DestinationKey
from support.orthanc import eventually
from support.workers import AUTHORIZATION, CANARY, Plant

PATIENCE_S = 120.0
ALSO_TO_MUTE = "  - to: mute\n    via: dicom\n"
PACS = DestinationKey("dicom", "research-pacs")


class Mute:
    """Takes connections, and says nothing."""

    def __init__(self) -> None:
        self.connections: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                self.connections.append(self._listener.accept()[0])
            except OSError:
                return

    def end(self) -> None:
        self._listener.close()
        for connection in self.connections:
            connection.close()


@pytest.fixture
def mute() -> Iterator[Mute]:
    server = Mute()
    yield server
    server.end()


def desk_of(plant: Plant) -> DestinationDesk:
    archive = OrthancArchive(plant.gateway.url, AUTHORIZATION)
    return DestinationDesk(
        plant.ledger,
        make_destinations(plant.settings, archive),
        {"dicom": ["research-pacs"]},
        {},
        plant.starter,
    )


def states(plant: Plant, destination: str) -> list[str]:
    deliveries = plant.ledger.deliveries()
    return [str(one.state) for one in deliveries if one.key.destination == destination]


def test_a_destination_that_hangs_delays_no_other(tmp_path: Path, mute: Mute) -> None:
    made = Plant(tmp_path / "plant", more=ALSO_TO_MUTE)
    made.gateway.configuration["DicomModalities"]["mute"] = {
        "AET": "MUTE",
        "Host": "127.0.0.1",
        "Port": mute.port,
    }
    with made as plant:
        plant.start_worker()

        plant.receive(studies=3, instances=2)

        eventually(lambda: states(plant, "research-pacs") == ["delivered"] * 3, PATIENCE_S)
        eventually(lambda: mute.connections, PATIENCE_S)
        assert "delivered" not in states(plant, "mute")
        assert plant.states() == {"delivering": 3}
        # An operator gives it up; what has arrived elsewhere is what counts.
        desk = desk_of(plant)
        for one in plant.ledger.deliveries():
            if one.key.destination == "mute":
                desk.cancel(one.delivery_id, "oscar")
        assert plant.states() == {"done": 3}


def test_a_paused_destination_gets_everything_when_it_is_resumed(tmp_path: Path) -> None:
    with Plant(tmp_path / "plant") as plant:
        desk = desk_of(plant)
        desk.pause(PACS, "oscar")
        plant.start_worker()
        plant.receive(studies=2, instances=2)
        eventually(
            lambda: (
                [
                    one.last_error
                    for one in plant.ledger.deliveries()
                    if one.next_try_at is None and one.state == "waiting"
                ]
                == ["waits, because its destination is paused"] * 2
            ),
            PATIENCE_S,
        )
        before = plant.arrived()

        assert desk.test(PACS).detail == "C-ECHO answered with Success"
        desk.resume(PACS, "oscar")

        eventually(lambda: plant.states() == {"done": 2}, PATIENCE_S)
        assert before == {}
        assert len(plant.arrived()) == 4


def test_a_delivery_that_was_given_up_arrives_when_it_is_tried_again_by_hand(
    tmp_path: Path,
) -> None:
    with Plant(tmp_path / "plant") as plant:
        plant.research.kill()
        plant.start_worker()
        plant.receive(studies=1, instances=2)
        eventually(lambda: [one for one in plant.ledger.deliveries() if one.attempts], PATIENCE_S)
        [delivery] = plant.ledger.deliveries()
        plant.ledger.give_up(delivery.key, "given up for this test", 1.0)
        plant.research.start()

        desk_of(plant).retry(delivery.delivery_id, "oscar")

        eventually(lambda: plant.states() == {"done": 1}, PATIENCE_S)
        assert len(plant.arrived()) == 2


def test_a_study_arrives_in_a_folder_as_the_settings_of_the_worker_say(tmp_path: Path) -> None:
    exchange = tmp_path / "exchange"
    exchange.mkdir()
    with Plant(tmp_path / "plant", via="folder") as plant:
        plant.start_worker(
            Folders={"research-pacs": {"Path": str(exchange)}},
            Sending={"folder": {"research-pacs": {"Concurrency": 2, "InstancesPerSecond": 1000}}},
        )

        plant.receive(studies=2, instances=3)

        eventually(lambda: plant.states() == {"done": 2}, PATIENCE_S)
        bags = sorted(exchange.iterdir())
        assert [(bag / "COMPLETE").is_file() for bag in bags] == [True, True]
        files = [file.read_bytes() for bag in bags for file in bag.rglob("*.dcm")]
        assert len(files) == 6
        assert not any(CANARY.encode() in dicom for dicom in files)
        assert {one.receipts for one in plant.ledger.deliveries()} == {3}

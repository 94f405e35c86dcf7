"""The REST application on a real ledger, without a server: for tests of the routes."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from fastapi.routing import APIRoute

from gatehouse.adapters.destination_desk import DestinationDesk
from gatehouse.adapters.ledger import Ledger
from gatehouse.adapters.orthanc_client import OrthancArchive
from gatehouse.adapters.run_desk import RunDesk
from gatehouse.errors import DeliveryError
from gatehouse.pipeline.destinations import DestinationKey
from gatehouse.pipeline.limits import Limits
from gatehouse.pipeline.ports import Destination, Held, InstanceReceipt
from gatehouse.pipeline.records import DeliveryKey, StudyKey, WorkerRecord
from gatehouse.policy.model import Delivery
from gatehouse.web.app import ROUTERS, create_app
from gatehouse.web.health import Health
from gatehouse.web.limits import RateLimit
from gatehouse.web.routes import Backend
from support.desk import make_desk
from support.studies import KEY, SERVER, accepted, output, pack, received

SECRET = "the secret of this start"
ORIGINAL = "4f089882-5d1d52c5-15be2b96-55b2a424-7392b0b3"
NOW = 1000.0

DEFAULT_ROLES = {
    "viola": "viewer",
    "oscar": "operator",
    "polly": "policy-editor",
    "petra": "privacy-officer",
}


def headers(user: str, **more: str) -> dict[str, str]:
    """What the plugin sends; the user's name is quoted as the plugin does."""
    return {"X-Gatehouse-User": user, "X-Gatehouse-Secret": SECRET, **more}


@cache
def _empty_ledger() -> bytes:
    """The file of a new ledger: making its tables takes longer than most tests."""
    with tempfile.TemporaryDirectory() as folder:
        Ledger(f"sqlite:///{folder}/gatehouse.db").close()
        return (Path(folder) / "gatehouse.db").read_bytes()


class Site:
    """The application, its ledger with one study that was delivered, and its clock."""

    def __init__(
        self,
        folder: Path,
        roles: dict[str, Any] | None = None,
        limit: RateLimit | None = None,
    ) -> None:
        (folder / "gatehouse.db").write_bytes(_empty_ledger())
        self.ledger = Ledger(f"sqlite:///{folder}/gatehouse.db")
        self.inbox = SimpleNamespace(problem="", caught_up_at=NOW, orthanc_version="1.10.1")
        destinations = self._destinations()
        self.health = Health(
            self.ledger,
            self.inbox,
            1,
            clock=lambda: NOW,
            destinations=destinations.destinations,
        )
        self.woken: list[bool] = []
        self.desk = make_desk(folder, self.ledger, clock=lambda: NOW)
        self.started: list[DeliveryKey] = []
        backend = Backend(
            self.ledger,
            self.health,
            lambda: self.woken.append(True),
            self.desk,
            destinations=destinations,
            runs=RunDesk(self.ledger, cast(OrthancArchive, SimpleNamespace()), lambda: NOW),
        )
        limit = limit or RateLimit(burst=100_000)
        self.app = create_app(backend, SECRET, DEFAULT_ROLES if roles is None else roles, limit)
        self.ledger.activate_pack(pack(), "configuration", "policies", NOW - 100)
        self.ledger.heartbeat(WorkerRecord("worker-1", "host", 42, "0.1.0", 2, NOW - 90, NOW - 1))
        self.receive("instance-1", ORIGINAL)

    def _destinations(self) -> DestinationDesk:
        """Return destinations of which one answers a test and the other does not."""

        def test(name: str) -> str:
            if name == "away":
                raise DeliveryError("it can't be reached")
            return "C-ECHO answered with Success"

        return DestinationDesk(
            self.ledger,
            {"dicom": cast(Destination, SimpleNamespace(test=test))},
            {"dicom": ["research-pacs", "away"]},
            {DestinationKey("dicom", "away"): Limits(concurrency=2, window=("18:00", "07:00"))},
            SimpleNamespace(deliver=lambda key, _mark, _priority: self.started.append(key)),
            clock=lambda: NOW,
        )

    def __enter__(self) -> Site:
        return self

    def __exit__(self, *_: object) -> None:
        self.ledger.close()

    def routes(self) -> set[tuple[str, str]]:
        """Return method and path of every route."""
        return {
            (method, route.path)
            for router in ROUTERS
            for route in router.routes
            if isinstance(route, APIRoute)
            for method in route.methods
        }

    def receive(self, instance: str, study: str) -> None:
        """Let an instance come, and its study be quiet."""
        self.ledger.record_changes(SERVER, 1, [received(instance, study)], NOW - 60)
        self.ledger.quiet_studies(NOW - 50, 1)

    def deliver(self) -> None:
        """Take the first study all the way."""
        key = DeliveryKey(*KEY, "dicom", "research-pacs")
        self.ledger.advance(KEY, "processing", NOW - 40)
        self.ledger.record_decision(KEY, accepted(), "digest-of-pack", NOW - 39)
        self.ledger.record_outputs(KEY, [output(1), output(2)])
        self.ledger.register_own_outputs(KEY, SERVER, [output(1), output(2)], NOW - 38)
        self.ledger.open_deliveries(
            KEY, [Delivery("research-pacs", "dicom")], "digest-of-basic-1", NOW - 37
        )
        self.ledger.begin_attempt(key, NOW - 36)
        answers = [
            (InstanceReceipt("2.25.1", "0x0000", is_stored=True), output(1).sha256),
            (InstanceReceipt("2.25.2", "0xB000", is_stored=True), output(2).sha256),
        ]
        self.ledger.record_receipts(key, answers, NOW - 35)
        self.ledger.delivered(key, NOW - 34)

    def hold(self, key: StudyKey = KEY) -> None:
        """Hold a study because of one element of one instance."""
        self.ledger.advance(key, "processing", NOW - 40)
        held = Held("instance-1", "pixels.suspicious", "may carry burned-in text", "PixelData")
        self.ledger.hold(key, held, NOW - 30)

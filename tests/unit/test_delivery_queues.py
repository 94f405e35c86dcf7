"""Goal: the queue of a destination keeps to its order and number, and a person's word goes first.

Method: the real queues on DBOS, on SQLite and PostgreSQL; the attempts themselves are stand-ins
that wait until they are let go.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dbos import DBOS

from gatehouse.adapters.worker import launch
from gatehouse.pipeline import workflows
from gatehouse.pipeline.destinations import DestinationKey
from gatehouse.pipeline.limits import Limits
from gatehouse.pipeline.records import DeliveryKey
from gatehouse.pipeline.start import WorkflowStarter
from support.faults import Line
from support.orthanc import eventually
from support.postgresql import PostgreSQL, postgresql  # noqa: F401  a fixture

PATIENCE_S = 180.0
PACS = DestinationKey("dicom", "research-pacs")


@dataclasses.dataclass(frozen=True)
class Url:
    workflows_url: str


class Attempts:
    """Notes who was tried; each waits until it is let go."""

    def __init__(self) -> None:
        self.tried: list[int] = []
        self.at_once = 0
        self.most_at_once = 0
        self.delays: dict[int, list[float]] = {}
        self.let_go = threading.Event()
        self._lock = threading.Lock()

    def __call__(self, _steps: object, _tools: object, key: DeliveryKey) -> float | None:
        with self._lock:
            self.tried.append(key.study_id)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            assert self.let_go.wait(PATIENCE_S)
        finally:
            with self._lock:
                self.at_once -= 1
        delays = self.delays.get(key.study_id, [])
        return delays.pop() if delays else None


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> Attempts:
    made = Attempts()
    monkeypatch.setattr(workflows, "_attempt", made)
    # The ledger knows none of these deliveries.
    monkeypatch.setattr(workflows, "_priority", lambda _key: "normal")
    return made


@pytest.fixture(params=["sqlite", "postgresql"])
def start(
    request: pytest.FixtureRequest, tmp_path: Path, attempts: Attempts
) -> Iterator[Callable[..., WorkflowStarter]]:
    """Begin to work on deliveries in this process; return what starts them."""
    url = f"sqlite:///{tmp_path / 'workflows.db'}"
    if request.param == "postgresql":
        server: PostgreSQL = request.getfixturevalue("postgresql")
        url = server.new_database().replace("postgresql://", "postgresql+psycopg://")
    line = Line(tmp_path / "line", instances=1)
    starters: list[WorkflowStarter] = []

    def started(limits: Limits | None = None) -> WorkflowStarter:
        tools: Any = dataclasses.replace(line.tools, limits={PACS: limits or Limits()})
        launch(tools, url, "worker-1")
        starters.append(WorkflowStarter(Url(url)))
        return starters[-1]

    yield started
    attempts.let_go.set()
    for starter in starters:
        starter.close()
    DBOS.destroy(destroy_registry=True)
    line.ledger.close()


def key(number: int) -> DeliveryKey:
    return DeliveryKey(number, 1, *PACS)


def test_of_what_waits_the_highest_priority_goes_first(
    start: Callable[..., WorkflowStarter], attempts: Attempts
) -> None:
    starter = start()
    starter.deliver(key(1), 1)
    eventually(lambda: attempts.tried == [1], PATIENCE_S)

    starter.deliver(key(2), 1, "low")
    starter.deliver(key(3), 1, "normal")
    starter.deliver(key(4), 1, "high")
    attempts.let_go.set()

    eventually(lambda: len(attempts.tried) == 4, PATIENCE_S)
    assert attempts.tried == [1, 4, 3, 2]
    assert attempts.most_at_once == 1


def test_as_many_deliveries_run_at_once_as_the_settings_say_and_no_more(
    start: Callable[..., WorkflowStarter], attempts: Attempts
) -> None:
    starter = start(Limits(concurrency=2))

    for number in range(1, 5):
        starter.deliver(key(number), 1)
    eventually(lambda: attempts.at_once == 2, PATIENCE_S)
    attempts.let_go.set()

    eventually(lambda: len(attempts.tried) == 4, PATIENCE_S)
    assert attempts.most_at_once == 2


def test_a_delivery_that_waits_for_its_next_try_is_tried_now_when_a_person_says_so(
    start: Callable[..., WorkflowStarter], attempts: Attempts
) -> None:
    starter = start()
    attempts.let_go.set()
    attempts.delays[1] = [3600.0]
    starter.deliver(key(1), 1)
    eventually(lambda: DBOS.list_workflows(status="DELAYED"), PATIENCE_S)

    starter.deliver(key(1), 2)

    eventually(lambda: attempts.tried == [1, 1], PATIENCE_S)
    # It is the run that waited, and no second chain beside it.
    names = {run.workflow_id for run in DBOS.list_workflows()}
    assert names == {"deliver-1-1-dicom-research-pacs#1-1", "deliver-1-1-dicom-research-pacs#1-2"}

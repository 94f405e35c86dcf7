"""Goal: a run is started once, goes on after what was away is back, and is never forgotten.

Method: the real workflows on DBOS, on SQLite and (where its SQL differs) PostgreSQL, over ports in
this process; what the watch looks for is brought about by deleting workflows behind its back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from dbos import DBOS

from gatehouse.adapters.ledger_tables import study
from gatehouse.adapters.worker import launch
from gatehouse.errors import UnavailableError
from gatehouse.pipeline import watch, workflows
from gatehouse.pipeline.chains import DeliveryRun, StudyRun
from gatehouse.pipeline.records import DeliveryKey, WorkerRecord
from gatehouse.pipeline.start import WorkflowStarter
from gatehouse.pipeline.watch import Watch
from support.faults import Line
from support.orthanc import eventually
from support.postgresql import PostgreSQL, postgresql  # noqa: F401  a fixture
from support.studies import KEY

PATIENCE_S = 120.0
TO_RESEARCH = DeliveryKey(1, 1, "dicom", "research-pacs")


@dataclasses.dataclass(frozen=True)
class Url:
    workflows_url: str


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    monkeypatch.setattr(workflows, "AGAIN_FIRST_S", 0.1)
    monkeypatch.setattr(watch, "GRACE_S", 0.0)
    made = Line(tmp_path / "line", instances=2)
    made.now = 2000.0
    yield made
    made.ledger.close()


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of the workflows' database; SQLite unless a test asks for both."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return f"sqlite:///{tmp_path / 'workflows.db'}"
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.new_database().replace("postgresql://", "postgresql+psycopg://")


ON_BOTH = pytest.mark.parametrize("url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def start(line: Line, url: str) -> Iterator[Callable[[], WorkflowStarter]]:
    """Begin to work on workflows in this process; return what starts them."""
    starters: list[WorkflowStarter] = []

    def started() -> WorkflowStarter:
        launch(line.tools, url, "worker-1")
        starters.append(WorkflowStarter(Url(url)))
        return starters[-1]

    yield started
    for starter in starters:
        starter.close()
    DBOS.destroy(destroy_registry=True)


def state(line: Line) -> str:
    study = line.ledger.study(1)
    assert study is not None
    return study.state


def watch_of(line: Line) -> Watch:
    return Watch(line.tools, "worker-1", 60.0, lambda: 0.0)


def forget(*names: str) -> None:
    """Delete workflows, as a database does that was restored from a backup."""
    DBOS.delete_workflows(list(names))


def failing(line: Line, times: int, error: BaseException) -> None:
    """Have the archive fail its next reads."""
    read, left = line.archive.read, [error] * times

    def sometimes(instance: str) -> bytes:
        if left:
            raise left.pop()
        return read(instance)

    line.archive.read = sometimes  # type: ignore[method-assign]


@ON_BOTH
def test_a_run_that_is_started_several_times_runs_once(
    line: Line, start: Callable[[], WorkflowStarter]
) -> None:
    starter = start()

    starter.start(*KEY)
    starter.start(*KEY)
    eventually(lambda: state(line) == "done", PATIENCE_S)
    starter.start(*KEY)

    assert [one.workflow_id for one in DBOS.list_workflows(name="study")] == ["study-1-1"]
    assert len(line.research.got) == len(line.peer.got) == 2
    names = {one.workflow_id for one in DBOS.list_workflows(name="deliver")}
    assert names == {"deliver-1-1-dicom-research-pacs", "deliver-1-1-peer-archive"}


def test_a_run_goes_on_when_the_archive_is_back(
    line: Line, start: Callable[[], WorkflowStarter]
) -> None:
    failing(line, 2, UnavailableError("Orthanc: no answer"))

    start().start(*KEY)

    eventually(lambda: state(line) == "done", PATIENCE_S)
    names = {one.workflow_id for one in DBOS.list_workflows(name="study")}
    assert names == {"study-1-1", "study-1-1#0-2", "study-1-1#0-3"}
    assert line.ledger.holds(open_only=False) == []


def test_an_archive_that_is_away_for_a_day_holds_the_study(
    line: Line, start: Callable[[], WorkflowStarter], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflows, "AGAIN_FOR_S", -1.0)
    failing(line, 1, UnavailableError("Orthanc: no answer"))

    start().start(*KEY)

    eventually(lambda: state(line) == "held", PATIENCE_S)
    [held] = line.ledger.holds()
    assert (held.rule, held.reason) == ("unavailable", "for a day: Orthanc: no answer")


def test_a_defect_of_ours_holds_the_study_and_tells_only_its_type(
    line: Line, start: Callable[[], WorkflowStarter], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Any:
        raise RuntimeError("CANARY")

    monkeypatch.setattr("gatehouse.pipeline.study.decide", broken)

    start().start(*KEY)

    eventually(lambda: state(line) == "held", PATIENCE_S)
    [held] = line.ledger.holds()
    assert held.reason == "an unexpected error (RuntimeError) was met"
    [run] = DBOS.list_workflows(name="study")
    assert "CANARY" not in str([run, DBOS.list_workflow_steps(run.workflow_id)])


def test_a_complete_study_that_nobody_started_is_started(
    line: Line, start: Callable[[], WorkflowStarter]
) -> None:
    start()

    watch_of(line).look([])

    eventually(lambda: state(line) == "done", PATIENCE_S)


def test_a_study_whose_workflow_was_lost_is_begun_again(
    line: Line, start: Callable[[], WorkflowStarter]
) -> None:
    start()
    line.ledger.advance(KEY, "processing", line.now)

    watch_of(line).look([])

    eventually(lambda: state(line) == "done", PATIENCE_S)
    [run] = DBOS.list_workflows(name="study")
    assert run.workflow_id == "study-1-1#2000-1"


@pytest.mark.parametrize("was", ["waiting", "processing"])
def test_a_study_of_a_ledger_that_is_older_than_the_workflows_is_begun_again(
    line: Line, start: Callable[[], WorkflowStarter], was: str
) -> None:
    starter = start()
    starter.start(*KEY)
    eventually(lambda: state(line) == "done", PATIENCE_S)
    eventually(lambda: not active_studies(), PATIENCE_S)
    with line.ledger.writing() as connection:
        connection.execute(sa.update(study).values(state=was))

    watch_of(line).look([])

    eventually(lambda: not active_studies(), PATIENCE_S)
    assert {run.workflow_id for run in DBOS.list_workflows(name="study")} == {
        "study-1-1",
        "study-1-1#2000-1",
    }
    assert line.ledger.holds() == []


def active_studies() -> list[Any]:
    return DBOS.list_workflows(name="study", status=["PENDING", "ENQUEUED", "DELAYED"])


def test_a_study_whose_workflow_ends_without_an_end_twice_is_held(
    line: Line, start: Callable[[], WorkflowStarter], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatehouse.pipeline.workflows._run_study", lambda *_: None)
    starter = start()
    line.ledger.advance(KEY, "processing", line.now)
    starter.start(*KEY)
    for _ in range(2):
        eventually(lambda: DBOS.list_workflows(name="study") and not active_studies(), PATIENCE_S)
        watch_of(line).look([])

    [held] = line.ledger.holds()
    assert held.rule == "internal.workflow-ended"


@ON_BOTH
def test_a_delivery_whose_workflow_was_lost_is_begun_again(
    line: Line, start: Callable[[], WorkflowStarter]
) -> None:
    answer, line.research.answer = line.research.answer, failing_answer
    starter = start()
    starter.start(*KEY)
    first = DeliveryRun(TO_RESEARCH)
    eventually(lambda: len(line.peer.got) == 2 and deliveries_of(first, "DELAYED"), PATIENCE_S)
    forget(*deliveries_of(first, "DELAYED"), *deliveries_of(first, "SUCCESS"))
    line.research.answer = answer
    line.now += 60.0

    watch_of(line).look([])

    eventually(lambda: state(line) == "done", PATIENCE_S)
    assert [
        one.workflow_id for one in DBOS.list_workflows(name="deliver") if "#" in one.workflow_id
    ]


def failing_answer(_one: object) -> Any:
    raise UnavailableError("no answer")


def deliveries_of(run: DeliveryRun, status: str) -> list[str]:
    found = DBOS.list_workflows(workflow_id_prefix=run.name(), status=status)
    return [one.workflow_id for one in found]


def test_what_is_on_its_way_is_left_alone(line: Line, start: Callable[[], WorkflowStarter]) -> None:
    start().start(*KEY)
    eventually(lambda: state(line) == "done", PATIENCE_S)
    before = [one.workflow_id for one in DBOS.list_workflows()]

    watch_of(line).look([])

    assert [one.workflow_id for one in DBOS.list_workflows()] == before


def test_only_a_worker_whose_sign_of_life_stands_still_is_lost(
    line: Line, start: Callable[[], WorkflowStarter]
) -> None:
    start()
    clock = [0.0]
    looking = Watch(line.tools, "worker-1", 60.0, lambda: clock[0])

    def sign(name: str, at: float) -> WorkerRecord:
        return WorkerRecord(name, "host", 1, "0", 2, 0.0, at)

    first = looking.look([sign("worker-2", 1.0), sign("worker-3", 1.0)])
    clock[0] = 50.0
    moved = looking.look([sign("worker-2", 1.0), sign("worker-3", 2.0)])
    clock[0] = 61.0
    still = looking.look([sign("worker-2", 1.0), sign("worker-3", 2.0)])

    assert (first, moved, still) == ([], [], ["worker-2"])


@ON_BOTH
def test_old_workflows_are_forgotten_and_their_runs_do_nothing_when_started_again(
    line: Line, start: Callable[[], WorkflowStarter]
) -> None:
    starter = start()
    starter.start(*KEY)
    eventually(lambda: state(line) == "done", PATIENCE_S)
    eventually(lambda: not DBOS.list_workflows(status=["PENDING", "ENQUEUED"]), PATIENCE_S)

    forgotten = watch.forget_before(4e9)
    starter.start(*KEY)
    eventually(lambda: [one.status for one in DBOS.list_workflows()] == ["SUCCESS"], PATIENCE_S)

    assert forgotten == 3
    assert len(line.research.got) == 2
    assert StudyRun(KEY).name() == DBOS.list_workflows()[0].workflow_id


def test_the_spool_of_a_run_that_has_ended_is_emptied(
    line: Line, start: Callable[[], WorkflowStarter]
) -> None:
    start().start(*KEY)
    eventually(lambda: state(line) == "done", PATIENCE_S)
    line.spool.write(1, 1, "2.25.1", [b"left behind"])
    line.spool.write(1, 2, "2.25.1", [b"of a run to come"])

    watch.sweep(line.tools)

    assert line.spool.runs() == [(1, 2)]

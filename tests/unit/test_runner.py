"""Goal: a run begins no more studies than it may, goes on after a crash, and says how each ended.

Method: the runner's turns one by one, over a real ledger; Orthanc's part is played by a stand-in.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from gatehouse.adapters.ledger import Ledger
from gatehouse.adapters.orthanc_client import OrthancArchive
from gatehouse.adapters.run_desk import RunDesk
from gatehouse.adapters.run_source import RemoteStudies
from gatehouse.adapters.runner import ARRIVAL_S, Runner
from gatehouse.errors import PolicyError, StateError
from gatehouse.pipeline.records import StudyKey
from gatehouse.pipeline.workbench import orthanc_id
from gatehouse.policy.model import Pack
from support.studies import SERVER, pack, policy, received


class Orthanc:
    """Answers as Orthanc does, about studies that a PACS has."""

    def __init__(self) -> None:
        self.jobs: dict[str, str] = {}
        self.deleted: list[str] = []
        self.moved: list[str] = []
        self.found: list[dict[str, str]] = []

    def modality(self, name: str) -> dict[str, str]:
        if name != "pacs":
            raise LookupError(name)
        return {}

    def system(self) -> dict[str, str]:
        return {"DicomAet": "GATEHOUSE"}

    def post_json(self, path: str, body: dict[str, Any]) -> Any:
        if path == "/tools/find":
            return [row["id"] for row in self.found if row["accession"] == body["Query"]["A"]]
        if path.endswith("/query"):
            self.asked = body["Query"]
            return {"ID": "q"}
        assert path == "/queries/q/answers/0/retrieve"
        assert body == {"TargetAet": "GATEHOUSE", "Synchronous": False}
        self.moved.append(self.asked["StudyInstanceUID"])
        job = f"job-{len(self.moved)}"
        self.jobs[job] = "Running"
        return {"ID": job}

    def get_json(self, path: str, **_query: str) -> Any:
        if path.startswith("/jobs/"):
            return {"State": self.jobs[path.removeprefix("/jobs/")]}
        assert path == "/queries/q/answers"
        return self.found

    def delete(self, path: str) -> None:
        self.deleted.append(path)


class Stage:
    """A ledger with studies of before, and a runner over it."""

    def __init__(self, folder: Path, studies: int = 3) -> None:
        self.ledger = Ledger(f"sqlite:///{folder / 'ledger.db'}")
        self.ledger.activate_pack(pack(), "test", "", 1.0)
        self.orthanc = Orthanc()
        self.now = 1000.0
        self.woken = 0
        self.names = [f"study-{number}" for number in range(1, studies + 1)]
        for name in self.names:
            self.receive(name, 1.0)
        for key in self.ledger.quiet_studies(2.0, 0.5):
            self.end(key)
        self.runner = self.new_runner()
        archive = cast(OrthancArchive, self.orthanc)
        self.desk = RunDesk(self.ledger, archive, lambda: self.now)

    def new_runner(self) -> Runner:
        archive = cast(OrthancArchive, self.orthanc)
        return Runner(self.ledger, archive, self.wake, lambda: self.now)

    def wake(self) -> None:
        self.woken += 1

    def receive(self, study: str, at: float) -> None:
        self.ledger.record_changes(SERVER, 1, [received(f"{study}-1", study)], at)

    def end(self, key: StudyKey, state: Any = "held") -> None:
        self.ledger.advance(key, "processing", self.now)
        self.ledger.advance(key, state, self.now)

    def run(self, **about: Any) -> int:
        """Make a run over all studies and begin it; return its number."""
        wanted = {"modality": "", "at_once": 2, "per_hour": None, "window": "", **about}
        number = self.desk.create("basic", by="oscar", **wanted).run_id
        self.ledger.add_run_items(number, [(name, "") for name in self.names], "oscar", self.now)
        self.desk.change(number, "running", "oscar")
        return number

    def counts(self, number: int) -> dict[str, int]:
        return dict(self.desk.run(number).counts)

    def generation(self, study: str) -> int:
        found = self.ledger.study(study)
        assert found is not None
        return found.generation


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.ledger.close()


def test_so_many_studies_are_begun_at_once_and_the_next_when_one_has_ended(stage: Stage) -> None:
    number = stage.run(at_once=2)
    stage.runner.turn()
    at_first = stage.counts(number)

    stage.end(StudyKey(1, 2), "done")
    stage.runner.turn()

    assert at_first == {"working": 2, "pending": 1}
    assert stage.counts(number) == {"done": 1, "working": 2}
    assert stage.woken == 3


def test_a_run_is_done_when_all_of_its_studies_have_ended_and_says_how(stage: Stage) -> None:
    number = stage.run(at_once=3)
    stage.runner.turn()

    for study, state in ((1, "done"), (2, "held"), (3, "rejected")):
        stage.end(StudyKey(study, 2), state)
    stage.runner.turn()

    assert stage.counts(number) == {"done": 1, "held": 1, "rejected": 1}
    assert stage.desk.run(number).state == "done"


def test_a_study_of_a_run_is_decided_under_the_run_s_policy_and_no_later_one_is(
    stage: Stage,
) -> None:
    before = stage.ledger.release_of(StudyKey(1, 2))
    stage.run(at_once=3)
    stage.runner.turn()
    release = stage.ledger.release_of(StudyKey(1, 2))

    stage.end(StudyKey(1, 2), "done")
    stage.runner.turn()

    assert before is None
    assert release is not None
    assert (release.policy, release.justification, release.released_by) == (
        "basic",
        "run 1",
        "oscar",
    )
    assert stage.ledger.release_of(StudyKey(1, 2)) is None


def test_so_many_studies_are_begun_in_an_hour(stage: Stage) -> None:
    number = stage.run(at_once=3, per_hour=1)
    stage.runner.turn()
    stage.end(StudyKey(1, 2), "done")
    stage.now += 3599.0
    stage.runner.turn()
    within = stage.counts(number)

    stage.now += 2.0
    stage.runner.turn()

    assert within == {"done": 1, "pending": 2}
    assert stage.counts(number) == {"done": 1, "working": 1, "pending": 1}


def test_a_paused_run_begins_nothing_and_a_cancelled_one_never_will(stage: Stage) -> None:
    number = stage.run(at_once=1)
    stage.runner.turn()
    stage.desk.change(number, "paused", "oscar")
    stage.end(StudyKey(1, 2), "done")
    stage.runner.turn()
    paused = stage.counts(number)

    stage.desk.change(number, "cancelled", "oscar")
    stage.runner.turn()

    assert paused == {"done": 1, "pending": 2}
    assert stage.counts(number) == {"done": 1, "skipped": 2}
    with pytest.raises(StateError, match="a run that is cancelled can't be running"):
        stage.desk.change(number, "running", "oscar")


def test_a_power_cut_between_word_and_deed_is_made_good(stage: Stage) -> None:
    number = stage.run(at_once=1)
    [item] = stage.ledger.run_items(number, ("pending",), limit=1)
    stage.ledger.move_item(item, "working", stage.now, generation=2)

    stage.new_runner().turn()

    assert stage.generation("study-1") == 2
    assert stage.counts(number) == {"working": 1, "pending": 2}


def test_a_study_that_is_not_in_the_archive_fails_and_the_others_go_on(stage: Stage) -> None:
    stage.names.insert(0, "nowhere")
    number = stage.run(at_once=4)

    stage.runner.turn()

    assert stage.counts(number) == {"failed": 1, "working": 3}
    assert stage.ledger.run_items(number)[0].reason == "it is not in the archive"


def test_a_study_is_in_a_run_once_however_often_it_is_found(stage: Stage) -> None:
    number = stage.run()

    added = stage.ledger.add_run_items(
        number, [("study-1", ""), ("study-9", ""), ("study-9", "")], "oscar", stage.now
    )

    assert added == 1
    assert len(stage.ledger.run_items(number)) == 4


def test_a_policy_or_a_modality_that_is_not_there_makes_no_run(stage: Stage) -> None:
    with pytest.raises(PolicyError, match='no active policy is called "nothing"'):
        stage.desk.create("nothing", "", 1, None, "", "oscar")
    with pytest.raises(LookupError):
        stage.desk.create("basic", "nowhere", 1, None, "", "oscar")


UID = "1.2.3.4"
REMOTE = orthanc_id("P1", UID)


def remote_run(stage: Stage) -> int:
    stage.orthanc.found = [{"PatientID": "P1 ", "StudyInstanceUID": UID}]
    number = stage.desk.create("basic", "pacs", 1, None, "", "oscar").run_id
    assert stage.desk.add(number, [{"AccessionNumber": "A1"}], "oscar") == (1, [])
    stage.desk.change(number, "running", "oscar")
    return number


def test_what_a_pacs_lists_is_known_by_the_id_that_it_will_have_here(stage: Stage) -> None:
    stage.orthanc.found = [{"PatientID": "P1 ", "StudyInstanceUID": UID}]

    found = RemoteStudies(cast(OrthancArchive, stage.orthanc), "pacs").find({"A": "1"})

    assert found == [(REMOTE, UID)]
    assert stage.orthanc.deleted == ["/queries/q"]


def test_a_study_that_is_fetched_is_decided_under_the_run_s_policy_from_its_first_instance(
    stage: Stage,
) -> None:
    number = remote_run(stage)
    stage.runner.turn()
    fetching = stage.counts(number)
    stage.receive(REMOTE, stage.now)
    found = stage.ledger.study(REMOTE)
    assert found is not None
    while_fetching = stage.ledger.release_of(found.key)

    stage.orthanc.jobs["job-1"] = "Success"
    stage.runner.turn()

    assert fetching == {"fetching": 1}
    assert while_fetching is not None
    assert while_fetching.policy == "basic"
    assert stage.counts(number) == {"working": 1}
    # By what it was asked for is forgotten.
    assert stage.ledger.run_items(number)[0].study_instance_uid == ""


def test_a_study_that_was_being_fetched_in_a_crash_is_fetched_again(stage: Stage) -> None:
    remote_run(stage)
    stage.runner.turn()

    stage.new_runner().turn()

    assert stage.orthanc.moved == [UID, UID]


def test_a_study_that_is_here_already_is_processed_when_nothing_of_it_was_new(
    stage: Stage,
) -> None:
    stage.receive(REMOTE, 1.0)
    [key] = stage.ledger.quiet_studies(2.0, 0.5)
    stage.end(key)
    number = remote_run(stage)
    stage.runner.turn()
    stage.orthanc.jobs["job-1"] = "Success"
    stage.runner.turn()
    stage.now += 10.0

    stage.runner.turn()

    assert stage.generation(REMOTE) == 2
    assert stage.counts(number) == {"working": 1}


@pytest.mark.parametrize(
    ("state", "later_s", "reason"),
    [
        ("Failure", 0.0, "the PACS did not send it (C-MOVE failed)"),
        ("Success", ARRIVAL_S + 1.0, "it did not arrive as the PACS had announced it"),
    ],
)
def test_a_study_that_does_not_come_fails_with_its_reason(
    stage: Stage, state: str, later_s: float, reason: str
) -> None:
    number = remote_run(stage)
    stage.runner.turn()
    stage.orthanc.jobs["job-1"] = state
    stage.runner.turn()
    stage.now += later_s

    stage.runner.turn()

    [item] = stage.ledger.run_items(number)
    assert (item.state, item.reason) == ("failed", reason)
    assert stage.desk.run(number).state == "done"


RECEPTION = Pack((policy(),), "digest-of-reception", reception=True)


def test_nothing_is_fetched_for_a_run_in_reception_mode(stage: Stage) -> None:
    stage.ledger.activate_pack(RECEPTION, "test", "", 2.0)

    with pytest.raises(PolicyError, match="reception mode"):
        stage.desk.create("basic", "pacs", 1, None, "", "oscar")

    assert stage.ledger.runs() == []


def test_a_run_that_was_begun_before_reception_mode_fetches_nothing_more(stage: Stage) -> None:
    number = remote_run(stage)
    stage.ledger.activate_pack(RECEPTION, "test", "", 2.0)

    stage.runner.turn()

    [item] = stage.ledger.run_items(number)
    assert (item.state, item.study_instance_uid) == ("failed", "")
    assert "reception mode" in item.reason
    assert stage.orthanc.moved == []
    assert stage.desk.run(number).state == "done"


def test_a_study_that_is_fetched_while_reception_mode_begins_is_not_waited_for(
    stage: Stage,
) -> None:
    number = remote_run(stage)
    stage.runner.turn()
    stage.ledger.activate_pack(RECEPTION, "test", "", 2.0)

    stage.new_runner().turn()

    [item] = stage.ledger.run_items(number)
    assert (item.state, stage.orthanc.moved) == ("failed", [UID])


def test_what_is_in_the_archive_can_be_run_over_in_reception_mode(stage: Stage) -> None:
    stage.ledger.activate_pack(RECEPTION, "test", "", 2.0)
    number = stage.run()

    stage.runner.turn()

    assert stage.counts(number) == {"working": 2, "pending": 1}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("StudyDat", "StudyDat is not an attribute's keyword; did you mean StudyDate?"),
        ("0008,00", "0008,00 is not an attribute's keyword"),
    ],
)
def test_what_is_no_attribute_is_said_by_name_and_orthanc_is_not_asked(
    stage: Stage, name: str, said: str
) -> None:
    number = stage.run()

    with pytest.raises(PolicyError) as caught:
        stage.desk.add(
            number, [{"StudyDate": "20260101", "0008,0060": "CT"}, {name: "CANARY"}], "oscar"
        )

    assert str(caught.value) == said

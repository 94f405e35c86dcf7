"""Goal: an original goes when its policy says so, and never before everything of it has arrived.

Method: studies go through a whole pipeline in one process; then time passes. The archive's part is
played by a stand-in, which notes what is deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import pytest

from gatehouse.adapters import originals
from gatehouse.adapters.ledger import Ledger
from gatehouse.adapters.originals import Originals
from gatehouse.adapters.orthanc_client import OrthancArchive
from gatehouse.errors import UnavailableError
from gatehouse.pipeline.delivery import DeliverySteps
from gatehouse.pipeline.ports import ChangeEntry, Held, ReceivedInstance
from gatehouse.pipeline.records import StudyKey
from gatehouse.pipeline.study import StudySteps
from support.dicom_builder import ct, to_bytes
from support.faults import POLICY, Line
from support.reception_line import reception_pack
from support.studies import KEY, SERVER, mark, received

DAY_S = 86_400.0
MONTH = POLICY + "retain-original: 30d\n"
ONLY_KEPT = MONTH[: MONTH.index("deliver:")] + MONTH[MONTH.index("keep-local:") :]
NOWHERE = MONTH[: MONTH.index("deliver:")] + MONTH[MONTH.index("retain-original:") :]


class Archive:
    """Orthanc's part, over what a line has."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.deleted: list[str] = []
        self.sequence = 7
        self.entries: list[ChangeEntry] = []
        self.before: Callable[[], object] = lambda: None

    def last_change(self) -> int:
        return self.sequence

    def changes(self, since: int, _limit: int) -> tuple[Sequence[ChangeEntry], int, bool]:
        return [one for one in self.entries if one.sequence > since], self.sequence, True

    def describe(self, ids: Sequence[str]) -> list[ReceivedInstance]:
        return self.line.archive.describe(ids)

    def delete(self, path: str) -> None:
        self.before()
        instance = path.removeprefix("/instances/")
        if instance not in self.line.archive.originals:
            raise LookupError(path)
        del self.line.archive.originals[instance]
        self.deleted.append(instance)


class Stage:
    """A line whose study is done, and what looks after originals."""

    def __init__(self, folder: Path, policy: str = MONTH, *, is_run: bool = True) -> None:
        self.line = Line(folder, instances=2, policy=policy)
        if is_run:
            self.line.run(KEY)
        self.archive = Archive(self.line)
        self.done_at = self.line.now
        self.now = self.done_at
        self.warnings: list[str] = []
        archive = cast(OrthancArchive, self.archive)
        self.originals = Originals(self.ledger, archive, SERVER, lambda: self.now)

    @property
    def ledger(self) -> Ledger:
        return self.line.ledger

    def after(self, seconds: float) -> list[str]:
        """Look so long after the study was done; return what was deleted."""
        self.now = self.done_at + seconds
        self.originals.delete_expired()
        self.warnings = list(self.originals.warnings())
        return self.archive.deleted

    def audit(self) -> list[tuple[str, str]]:
        rows = self.ledger.audit_rows(limit=1000)
        return [(one.object, one.outcome) for one in rows if one.action == "study.original-expired"]


def state(stage: Stage) -> str:
    record = stage.ledger.study(1)
    assert record is not None
    return record.state


def test_originals_go_when_their_time_is_over_and_the_trail_says_so(tmp_path: Path) -> None:
    stage = Stage(tmp_path)

    before = list(stage.after(30 * DAY_S - 1))
    after = stage.after(30 * DAY_S + 1)

    assert before == []
    assert after == ["instance-1", "instance-2"]
    assert stage.audit() == [("study 1", "2 instances")]
    assert stage.ledger.instances(1) == []
    assert state(stage) == "done"
    assert stage.ledger.verify_audit().is_intact


def test_they_go_once(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.after(31 * DAY_S)

    stage.after(32 * DAY_S)

    assert len(stage.audit()) == 1


@pytest.mark.parametrize("policy", [POLICY, POLICY + "retain-original: forever\n", NOWHERE])
def test_without_a_time_or_a_place_where_it_went_the_original_stays(
    tmp_path: Path, policy: str
) -> None:
    stage = Stage(tmp_path, policy)

    assert state(stage) == "done"
    assert stage.after(10_000 * DAY_S) == []


def test_what_is_kept_in_orthanc_needs_no_delivery_besides(tmp_path: Path) -> None:
    stage = Stage(tmp_path, ONLY_KEPT)

    assert len(stage.after(31 * DAY_S)) == 2


def hold(stage: Stage) -> None:
    key = stage.ledger.process_again(1, "somebody", stage.done_at)
    stage.ledger.advance(key, "processing", stage.done_at)
    stage.ledger.hold(key, Held("", "no-policy", "for a test"), stage.done_at)


def wait(stage: Stage) -> None:
    stage.ledger.process_again(1, "somebody", stage.done_at)


def receive_more(stage: Stage) -> None:
    late = received("instance-3", digest="other")
    stage.ledger.record_changes(SERVER, 9, [late], stage.done_at)


@pytest.mark.parametrize("what", [hold, wait, receive_more])
def test_as_long_as_something_may_need_it_the_original_stays(
    tmp_path: Path, what: Callable[[Stage], None]
) -> None:
    stage = Stage(tmp_path)
    what(stage)

    assert stage.after(10_000 * DAY_S) == []


def test_where_somebody_cancelled_a_delivery_the_original_stays(tmp_path: Path) -> None:
    stage = Stage(tmp_path, is_run=False)
    line, studies = stage.line, StudySteps(stage.line.tools)
    opened = studies.release(KEY, studies.keep(KEY, studies.make(KEY, studies.decide(KEY))))
    for one in opened:
        if one.destination == "archive":
            line.ledger.give_up(one, "no answer", line.now)
        else:
            DeliverySteps(line.tools).attempt(one)
    [failed] = [one for one in line.ledger.deliveries() if one.state == "failed"]
    line.ledger.cancel_delivery(failed.delivery_id, "oscar", line.now)

    assert state(stage) == "done"
    assert stage.after(10_000 * DAY_S) == []


def test_what_was_overwritten_and_is_not_processed_yet_stays(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    there = stage.line.archive.describe
    stage.line.archive.describe = lambda ids: [  # type: ignore[method-assign]
        received(one.orthanc_id, digest="other") for one in there(ids)
    ]

    assert stage.after(31 * DAY_S) == []
    assert stage.audit() == []


def test_what_was_de_identified_on_reception_is_no_original(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    assert stage.ledger.import_journal(SERVER, "journal", 0, 1, [mark("instance-1")])

    assert stage.after(10_000 * DAY_S) == []


def test_one_that_can_not_be_deleted_keeps_no_other_from_its_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(originals, "STUDIES_AT_ONCE", 1)
    stage = Stage(tmp_path)
    line = stage.line
    other = ct(StudyInstanceUID="1.2.3.88", SOPInstanceUID="1.2.3.88.1", PatientID="SECOND")
    line.archive.originals["second"] = to_bytes(other)
    line.ledger.record_changes(SERVER, 2, [received("second", study="study-2")], line.now)
    line.run(line.complete())
    there = line.archive.describe
    line.archive.describe = lambda ids: [  # type: ignore[method-assign]
        one if one.orthanc_id == "second" else received(one.orthanc_id, digest="other")
        for one in there(ids)
    ]

    assert stage.after(31 * DAY_S) == ["second"]


def test_what_was_looked_at_is_looked_at_again_a_few_times_a_day_only(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    there = stage.line.archive.describe
    stage.line.archive.describe = lambda _ids: [received("instance-1", digest="other")]  # type: ignore[method-assign]
    stage.after(31 * DAY_S)
    stage.line.archive.describe = there  # type: ignore[method-assign]

    soon = list(stage.after(31 * DAY_S + 60.0))
    later = stage.after(31 * DAY_S + originals.LOOK_AT_ALL_S)

    assert soon == []
    assert later == ["instance-1", "instance-2"]


def test_what_becomes_due_after_a_look_is_deleted_at_the_next_one(tmp_path: Path) -> None:
    stage = Stage(tmp_path)

    looks = [len(stage.after(30 * DAY_S + seconds)) for seconds in (-120, -60, 0, 60)]

    assert looks == [0, 0, 2, 2]


def test_what_could_not_be_deleted_is_deleted_at_the_next_look(tmp_path: Path) -> None:
    stage = Stage(tmp_path)

    def fail() -> None:
        if stage.archive.deleted:
            raise UnavailableError("Orthanc does not answer")

    stage.archive.before = fail
    first, warnings = list(stage.after(31 * DAY_S)), stage.warnings
    stage.archive.before = lambda: None

    assert first == ["instance-1"]
    assert warnings == [
        "the originals of 1 study could not be deleted, although their time is over; it is tried "
        "again"
    ]
    assert stage.after(31 * DAY_S + 60) == ["instance-1", "instance-2"]
    assert stage.warnings == []
    assert stage.audit() == [("study 1", "2 instances"), ("study 1", "1 instances")]


def test_what_a_person_deleted_before_is_no_news(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.line.archive.originals.clear()

    assert stage.after(31 * DAY_S) == []
    assert stage.audit() == []
    assert stage.ledger.instances(1) == []


def test_an_instance_that_comes_in_the_moment_in_which_it_is_deleted_is_not_lost_in_silence(
    tmp_path: Path,
) -> None:
    stage = Stage(tmp_path)

    def overwrite() -> None:
        stage.archive.sequence = 8
        stage.archive.entries = [ChangeEntry(8, "instance-2")]

    stage.archive.before = overwrite
    stage.after(31 * DAY_S)

    assert state(stage) == "waiting"
    stage.line.run(StudyKey(1, 2))
    [held] = stage.ledger.holds()
    assert (state(stage), held.rule) == ("held", "archive.vanished")


def test_what_is_sent_once_more_is_processed_and_arrives_nowhere_twice(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    before = dict(stage.line.archive.originals)
    stage.after(31 * DAY_S)
    sent = len(stage.line.research.got)
    stage.line.archive.originals |= before

    stage.line.run(stage.line.receive(*before))

    assert state(stage) == "done"
    assert len(stage.line.research.got) == sent


def test_a_policy_that_decides_no_more_is_kept_to_for_what_it_took(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    other = POLICY.replace("version: 1", "version: 2")
    stage.ledger.activate_pack(reception_pack(other, reception=False), "test", "", 2.0)

    assert len(stage.after(31 * DAY_S)) == 2

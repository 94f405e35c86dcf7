"""Goal: what waits for its delivery never fills the disk, nor keeps other studies from theirs.

Method: a real ledger, spool and engine in one process; the limit is below what one study needs, and
time is moved.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gatehouse.adapters.spool import FolderSpool
from gatehouse.errors import DeliveryError
from gatehouse.pipeline.delivery import DeliverySteps
from gatehouse.pipeline.ports import InstanceReceipt, OutgoingInstance
from gatehouse.pipeline.records import DeliveryKey, StudyKey
from gatehouse.pipeline.room import NO_ROOM, NoRoomError, Room
from gatehouse.pipeline.study import StudySteps
from gatehouse.pipeline.workflows import _note_or_hold
from support.faults import Line
from support.studies import KEY, SERVER, received


def dead(_one: OutgoingInstance) -> InstanceReceipt:
    raise DeliveryError("no answer")


def line_with_limit(folder: Path, limit: int) -> Line:
    """Return a line whose spool may hold so much."""
    line = Line(folder)
    line.tools = replace(line.tools, spool_bytes=limit, monotonic=lambda: line.now)
    return line


def release(line: Line, key: StudyKey) -> tuple[DeliveryKey, ...]:
    """Bring a study to its deliveries."""
    studies = StudySteps(line.tools)
    opened = studies.release(key, studies.keep(key, studies.make(key, studies.decide(key))))
    assert opened is not None
    return opened


def another_study(line: Line) -> StudyKey:
    """Have a second study wait, of the same files under other names."""
    copies = {f"copy-of-{name}": dicom for name, dicom in line.archive.originals.items()}
    # Another study: nothing of it must be equal to the first one.
    for name, dicom in copies.items():
        line.archive.originals[name] = dicom.replace(b"1.2.826", b"1.2.827")
    news = [received(name, study="study-2") for name in copies]
    line.ledger.record_changes(SERVER, 2, news, line.now)
    line.now += 10.0
    return next(key for key in line.ledger.quiet_studies(line.now, 5.0) if key.study_id == 2)


def test_a_study_that_is_alone_is_made_however_large_it_is(tmp_path: Path) -> None:
    line = line_with_limit(tmp_path, limit=1)

    line.run(KEY)

    assert line.ledger.study(1).state == "done"


def test_a_study_waits_while_others_are_delivered_soon(tmp_path: Path) -> None:
    line = line_with_limit(tmp_path, limit=1)
    opened = release(line, KEY)
    key = another_study(line)
    studies = StudySteps(line.tools)
    accepted = studies.decide(key)

    with pytest.raises(NoRoomError, match=NO_ROOM):
        studies.make(key, accepted)

    for one in opened:
        DeliverySteps(line.tools).attempt(one)
    line.now += 10.0
    assert studies.make(key, accepted) is not None


def test_what_a_dead_destination_does_not_take_makes_room_for_others(tmp_path: Path) -> None:
    line = line_with_limit(tmp_path, limit=1)
    opened = release(line, KEY)
    line.research.answer = line.peer.answer = dead
    for one in opened:
        DeliverySteps(line.tools).attempt(one)
    with line.ledger.writing() as connection:
        connection.exec_driver_sql("UPDATE delivery SET next_try_at = 1000000.0")
    key = another_study(line)

    made = StudySteps(line.tools).make(key, StudySteps(line.tools).decide(key))

    assert made is not None
    assert line.spool.runs() == [(2, 1)]


def test_what_was_put_aside_is_delivered_as_the_bytes_that_were_verified(tmp_path: Path) -> None:
    line = line_with_limit(tmp_path, limit=1)
    opened = release(line, KEY)
    expected = {one.sop_instance_uid_new: one.sha256 for one in line.ledger.outputs(KEY)}
    line.spool.remove(*KEY)

    for one in opened:
        DeliverySteps(line.tools).attempt(one)

    assert {uid for uid, _ in line.research.got} == set(expected)
    assert line.ledger.study(1).state == "done"


def test_a_study_that_waits_for_room_is_never_held_for_it(tmp_path: Path) -> None:
    line = line_with_limit(tmp_path, limit=1)
    StudySteps(line.tools).decide(KEY)
    line.now += 7 * 24 * 3600.0

    _note_or_hold(line.tools, StudySteps(line.tools), KEY, NO_ROOM)

    study = line.ledger.study(1)
    assert study is not None
    assert (study.state, study.reason) == ("processing", f"waits, because {NO_ROOM}")


def test_a_spool_that_takes_long_to_look_at_is_looked_at_less_often(tmp_path: Path) -> None:
    line = line_with_limit(tmp_path, limit=1 << 30)
    looks = SlowLooks(line)
    line.tools = replace(line.tools, spool=looks)
    room = Room(line.tools)

    for _ in range(100):
        assert room.is_there()
        line.now += 1.0

    assert looks.count == 2


class SlowLooks(FolderSpool):
    """A spool with so much in it that a look takes three seconds."""

    def __init__(self, line: Line) -> None:
        super().__init__(line.tools.spool.path(1, 1, "1.2").parents[2])
        self.line = line
        self.count = 0

    def size(self) -> int:
        self.count += 1
        self.line.now += 3.0
        return super().size()

"""Goal: whichever call to whichever port fails, and whenever the power goes, the study arrives.

Method: the whole pipeline in one process over a real ledger, a real spool and the real engine. The
n-th call of all is made to fail, for n = 1, 2, 3 ... until no call is left, before or after it had
its effect; the run then goes on as the workflows do. In the end nothing is lost, nothing is there
twice under another UID, nothing identifies, and "delivered" stands on receipts.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatehouse.adapters import ledger_tables
from gatehouse.errors import DeliveryError
from gatehouse.pipeline.delivery import DeliverySteps
from gatehouse.pipeline.ports import InstanceReceipt, OutgoingInstance
from gatehouse.pipeline.records import StudyKey
from gatehouse.pipeline.study import StudySteps
from support.faults import CANARY, POLICY, Fuse, Line, MemoryDestination, Power
from support.studies import KEY

INSTANCES = 2


def calls_of_a_run(folder: Path) -> int:
    """Return how many calls an undisturbed run makes."""
    line = Line(folder, instances=INSTANCES)
    line.run(KEY)
    return line.fuse.calls


def attempt_once(line: Line) -> None:
    """Bring a line's study to its first attempt at its first delivery."""
    studies = StudySteps(line.tools)
    accepted = studies.decide(KEY)
    opened = studies.release(KEY, studies.keep(KEY, studies.make(KEY, accepted)))
    DeliverySteps(line.tools).attempt(opened[0])


def check(line: Line) -> None:
    """The study is where it must be, once."""
    outputs = line.ledger.outputs(KEY)
    expected = {one.sop_instance_uid_new: one.sha256 for one in outputs}
    assert line.ledger.study(1).state == "done"
    assert len(expected) == INSTANCES
    for destination in (line.research, line.peer):
        assert {uid for uid, _ in destination.got} == set(expected)
        # Sent again after a power cut perhaps, but then the same bytes.
        assert len({dicom for _, dicom in destination.got}) == INSTANCES
    assert set(line.archive.kept) == {one.orthanc_id_new for one in outputs}
    everything = [dicom for _, dicom in line.research.got + line.peer.got]
    everything += line.archive.kept.values()
    assert not [dicom for dicom in everything if CANARY.encode() in dicom]
    assert [one.receipts for one in line.ledger.deliveries()] == [INSTANCES, INSTANCES]
    assert line.ledger.holds(open_only=False) == []
    assert line.ledger.verify_audit().is_intact
    assert not [file for file in line.spool.root.rglob("*") if file.is_file()]


@pytest.fixture
def quick_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, if there is one: each run syncs its files some hundred times."""
    memory = Path("/dev/shm")  # noqa: S108
    folder = Path(tempfile.mkdtemp(dir=memory if os.access(memory, os.W_OK) else tmp_path))
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("error", [OSError, Power])
def test_the_study_arrives_whichever_call_fails(
    quick_folder: Path, error: type[BaseException], is_after: bool
) -> None:
    last = calls_of_a_run(quick_folder / "whole")
    assert last > 40

    for number in range(1, last + 1):
        line = Line(quick_folder / str(number), Fuse(number, error, is_after), instances=INSTANCES)
        line.run(KEY)
        check(line)
        line.ledger.close()


@pytest.mark.parametrize("error", [OSError, Power])
def test_a_study_that_was_prepared_arrives_whichever_call_fails(
    quick_folder: Path, error: type[BaseException]
) -> None:
    number = 0
    is_over = False
    while not is_over:
        number += 1
        fuse = Fuse(number, error)
        line = Line(quick_folder / str(number), fuse, instances=INSTANCES, is_complete=False)
        for instance in line.archive.originals:
            line.arrive(instance)
            try:
                line.early.turn()
            except Power:
                line.begin_anew()
            except OSError:
                line.early.tidy()

        line.run(line.complete())

        check(line)
        line.ledger.close()
        is_over = fuse.calls < number
    assert number > 40


def test_an_undisturbed_run_sends_each_instance_once(tmp_path: Path) -> None:
    line = Line(tmp_path, instances=INSTANCES)

    line.run(KEY)

    check(line)
    assert len(line.research.got) == len(line.peer.got) == INSTANCES


def test_the_kept_study_is_marked_with_policy_and_label_and_without_a_link(tmp_path: Path) -> None:
    line = Line(tmp_path, instances=INSTANCES)

    line.run(KEY)

    [(marks, label)] = line.archive.marks.values()
    assert label == "deid-test"
    assert marks["GatehouseDeidentified"] == "YES"
    assert marks["GatehousePolicy"].startswith("everything version 1 ")
    assert set(marks) == {"GatehouseDeidentified", "GatehousePolicy"}


def test_one_instance_that_must_be_held_holds_the_whole_study(tmp_path: Path) -> None:
    line = Line(tmp_path, instances=3)
    line.archive.originals["instance-2"] = b"not DICOM at all"

    line.run(KEY)

    assert line.ledger.study(1).state == "held"
    assert line.research.got == []
    assert line.archive.kept == {}
    assert {one.instance for one in line.ledger.holds()} == {"instance-2"}
    assert not [file for file in line.spool.root.rglob("*") if file.is_file()]


def test_an_image_that_may_carry_burned_in_text_holds_the_study(tmp_path: Path) -> None:
    line = Line(tmp_path, instances=2, BurnedInAnnotation="YES")

    line.run(KEY)

    assert line.ledger.study(1).state == "held"
    assert {one.rule for one in line.ledger.holds()} == {"pixels.suspicious"}
    assert line.research.got == []


def test_an_instance_that_is_gone_holds_the_study(tmp_path: Path) -> None:
    line = Line(tmp_path, instances=2)
    del line.archive.originals["instance-1"]

    line.run(KEY)

    assert [one.rule for one in line.ledger.holds()] == ["archive.vanished"]


def test_two_instances_that_would_get_one_uid_hold_the_study(tmp_path: Path) -> None:
    line = Line(tmp_path, instances=2)
    line.archive.originals["instance-2"] = line.archive.originals["instance-1"]

    line.run(KEY)

    assert {one.rule for one in line.ledger.holds()} == {"study.duplicate-sop-instance"}
    assert line.research.got == []


def test_an_unexpected_error_holds_the_study_and_tells_no_more_than_its_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError(f"can't read {CANARY}")

    monkeypatch.setattr("gatehouse.pipeline.workbench.verify", broken)
    line = Line(tmp_path, instances=1)

    line.run(KEY)

    [held] = line.ledger.holds()
    assert held.rule == "internal.error"
    assert held.reason == "an unexpected error (RuntimeError) was met"


def test_what_a_destination_refuses_is_sent_again_and_then_given_up(tmp_path: Path) -> None:
    line = Line(tmp_path, instances=2, policy=POLICY.replace("for: 1h", "for: 20s"))
    line.research.answer = lambda one: InstanceReceipt(
        one.sop_instance_uid, "0xA700", is_stored=False
    )

    line.run(KEY)

    assert line.ledger.study(1).state == "held"
    [held] = line.ledger.holds()
    assert held.rule == "delivery.failed"
    assert held.reason == (
        "research-pacs did not take all instances (dicom): 2 of 2 instances have no receipt; "
        "it answered 0xA700"
    )
    states = {one.key.destination: one.state for one in line.ledger.deliveries()}
    assert states == {"research-pacs": "failed", "archive": "delivered"}


def test_only_what_has_no_receipt_is_sent_again(tmp_path: Path) -> None:
    line = Line(tmp_path, instances=3)
    refused: list[str] = []

    def refuse_the_first_once(one: OutgoingInstance) -> InstanceReceipt:
        is_stored = bool(refused)
        refused.append(one.sop_instance_uid)
        return InstanceReceipt(one.sop_instance_uid, "0x0000" if is_stored else "0xA700", is_stored)

    line.research.answer = refuse_the_first_once

    line.run(KEY)

    assert line.ledger.study(1).state == "done"
    assert [uid for uid, _ in line.research.got].count(refused[0]) == 2
    assert len(line.research.got) == 4


def test_a_permanent_refusal_is_not_tried_again(tmp_path: Path) -> None:
    line = Line(tmp_path, instances=1)

    class Refusing(MemoryDestination):
        def send(self, *_: object) -> None:
            self.got.append(("asked", b""))
            raise DeliveryError("it does not accept the SOP class", is_permanent=True)

    line.tools.destinations["dicom"] = refusing = Refusing()

    line.run(KEY)

    assert len(refusing.got) == 1
    assert line.ledger.study(1).state == "held"


def test_an_output_that_is_damaged_in_the_spool_is_made_again_before_it_is_sent(
    tmp_path: Path,
) -> None:
    line = Line(tmp_path, instances=2, policy=POLICY.replace("keep-local: {label: deid-test}", ""))
    line.research.answer = lambda one: InstanceReceipt(
        one.sop_instance_uid, "0xA700", is_stored=False
    )
    attempt_once(line)
    for file in line.spool.root.rglob("*.dcm"):
        file.write_bytes(b"damaged by a bad disk")

    line.research.answer = MemoryDestination().answer
    line.run(KEY)

    digests = {one.sha256 for one in line.ledger.outputs(KEY)}
    assert {hashlib.sha256(dicom).hexdigest() for _, dicom in line.research.got[-2:]} == digests


def test_a_late_instance_is_delivered_alone_and_the_rest_is_not_made_again(tmp_path: Path) -> None:
    line = Line(tmp_path, instances=3)
    late = line.archive.originals.pop("instance-3")
    line.ledger.forget_vanished("orthanc", ["instance-3"], 1.0)
    line.run(KEY)
    before = list(line.research.got)
    line.archive.originals["instance-3"] = late

    line.run(line.receive("instance-3"))

    assert line.ledger.study(1).state == "done"
    assert len(before) == 2
    assert len(line.research.got) == 3
    outputs = line.ledger.outputs(StudyKey(1, 2))
    assert sorted(one.carried_from for one in outputs) == [0, 1, 1]


def test_older_instances_in_the_archive_hold_the_study_until_a_person_decides(
    tmp_path: Path,
) -> None:
    line = Line(tmp_path, instances=2)
    with line.ledger.writing() as connection:
        table = ledger_tables.instance
        connection.execute(
            table.update().where(table.c.orthanc_id == "instance-1").values(generation=0)
        )

    line.run(KEY)
    held = [one.rule for one in line.ledger.holds()]
    line.run(line.ledger.process_again(1, "alice", line.now))

    assert held == ["archive.older-instances"]
    assert line.ledger.study(1).state == "done"


def test_without_active_policies_everything_is_held(tmp_path: Path) -> None:
    line = Line(tmp_path, instances=1)
    with line.ledger.writing() as connection:
        connection.execute(ledger_tables.pack.delete())

    line.run(KEY)

    assert [one.rule for one in line.ledger.holds()] == ["policy.none"]

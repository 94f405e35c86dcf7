"""Goal: of a study that was de-identified on reception, just those bytes are delivered, or nothing.

Method: instances go through the real reception and then through a whole pipeline in one process;
what was delivered is compared with what was stored, byte for byte.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from gatehouse.pipeline.delivery import DeliverySteps
from gatehouse.pipeline.records import StudyKey
from gatehouse.pipeline.study import StudySteps
from support.faults import CANARY, POLICY, Line
from support.reception_line import ReceptionLine, reception_pack

SECOND = POLICY.replace("version: 1", "version: 2").replace("label: deid-test", "label: second")
MR_ONLY = POLICY.replace("match: every-study", "match: {Modality: {is: MR}}")
OTHER = POLICY.replace("policy: everything", "policy: other").replace(
    "  - to: archive\n    via: peer\n    retry: {for: 1h, backoff: 1s..2s}\n", ""
)
NOTHING_KEPT = POLICY.replace("keep-local: {label: deid-test}\n", "")


def state(line: Line) -> tuple[str, str]:
    [study] = line.ledger.studies()
    return study.state, study.rule


def delivered(line: ReceptionLine) -> set[bytes]:
    return {content for _, content in (*line.research.got, *line.peer.got)}


def test_what_orthanc_stored_is_delivered_and_nothing_is_made(tmp_path: Path) -> None:
    line = ReceptionLine(tmp_path)

    line.run(line.come())

    assert state(line) == ("done", "")
    assert delivered(line) == set(line.archive.originals.values())
    assert not any(CANARY.encode() in one for one in delivered(line))
    assert {what for what, _ in line.workshop.done} == {"marked"}
    assert [one.receipts for one in line.ledger.deliveries()] == [2, 2]
    assert not [file for file in line.spool.root.rglob("*") if file.is_file()]


def test_the_decision_is_that_of_the_policy_under_which_it_was_received(tmp_path: Path) -> None:
    line = ReceptionLine(tmp_path)
    key = line.come()
    line.activate(reception_pack(SECOND))

    line.run(key)

    decision = line.ledger.decision(key)
    assert decision is not None
    assert (decision.rule, decision.policy, decision.policy_version) == (
        "reception",
        "everything",
        1,
    )
    [label] = {label for _, label in line.archive.marks.values()}
    assert label == "deid-test"


def test_the_outputs_are_what_the_marks_say(tmp_path: Path) -> None:
    line = ReceptionLine(tmp_path)
    marks = line.take_in()
    key = line.read(*marks)

    line.run(key)

    outputs = {one.instance: one for one in line.ledger.outputs(key)}
    assert outputs.keys() == {one.instance for one in marks}
    for mark in marks:
        made = outputs[mark.instance]
        assert (made.sha256, made.size, made.policy_digest) == (mark.sha256, mark.size, mark.policy)
        assert made.sop_instance_uid_old == mark.sop_instance_uid_old
        assert made.orthanc_id_new == mark.instance
        assert made.study_orthanc_id_new == mark.study


def test_a_study_that_is_to_be_kept_is_marked_where_it_is_and_not_stored_again(
    tmp_path: Path,
) -> None:
    line = ReceptionLine(tmp_path)
    [study] = {one.study for one in line.take_in()}

    line.run(line.come())

    assert line.archive.kept == {}
    assert line.archive.marks[study][1] == "deid-test"


def test_a_study_that_is_not_to_be_kept_is_not_marked(tmp_path: Path) -> None:
    line = ReceptionLine(tmp_path, NOTHING_KEPT)

    line.run(line.come())

    assert state(line) == ("done", "")
    assert line.archive.marks == {}


def test_a_study_still_goes_the_marked_way_when_reception_mode_is_off(tmp_path: Path) -> None:
    line = ReceptionLine(tmp_path)
    key = line.come()
    line.activate(reception_pack(POLICY, reception=False))

    line.run(key)

    assert state(line) == ("done", "")
    assert delivered(line) == set(line.archive.originals.values())


@pytest.mark.parametrize("marked", [0, 1])
def test_instances_that_came_past_the_reception_hold_the_study(tmp_path: Path, marked: int) -> None:
    line = ReceptionLine(tmp_path)
    marks = line.take_in()
    del line.entries[marked:]

    line.run(line.read(*marks))

    assert state(line) == ("held", "reception.unmarked")
    assert delivered(line) == set()
    assert line.workshop.done == []


def test_a_mixed_study_is_held_also_when_reception_mode_is_off(tmp_path: Path) -> None:
    line = ReceptionLine(tmp_path)
    marks = line.take_in()
    del line.entries[1:]
    key = line.read(*marks)
    line.activate(reception_pack(POLICY, reception=False))

    line.run(key)

    assert state(line) == ("held", "reception.unmarked")


def test_instances_that_several_policies_took_hold_the_study(tmp_path: Path) -> None:
    line = ReceptionLine(tmp_path)
    [first] = line.take_in(line.to_send[0])
    line.activate(reception_pack(SECOND))
    [second] = line.take_in(line.to_send[1])

    line.run(line.read(first, second))

    assert state(line) == ("held", "reception.several-policies")
    assert delivered(line) == set()


def test_of_an_instance_that_came_twice_the_bytes_that_are_there_tell_the_policy(
    tmp_path: Path,
) -> None:
    line = ReceptionLine(tmp_path, instances=1)
    line.take_in()
    line.activate(reception_pack(SECOND))
    key = line.come()

    line.run(key)

    assert state(line) == ("done", "")
    decision = line.ledger.decision(key)
    assert decision is not None
    assert decision.policy_version == 2
    assert delivered(line) == set(line.archive.originals.values())


def test_an_instance_that_was_changed_by_hand_holds_the_study(tmp_path: Path) -> None:
    line = ReceptionLine(tmp_path)
    key = line.come()
    changed = next(iter(line.archive.originals))
    line.archive.originals[changed] += b"\0"

    line.run(key)

    assert state(line) == ("held", "reception.changed")
    assert [one.instance for one in line.ledger.holds()] == [changed]
    assert delivered(line) == set()
    assert not [file for file in line.spool.root.rglob("*") if file.is_file()]


def test_an_instance_that_came_twice_and_was_changed_holds_the_study(tmp_path: Path) -> None:
    line = ReceptionLine(tmp_path, instances=1)
    line.take_in()
    line.activate(reception_pack(SECOND))
    key = line.come()
    [name] = line.archive.originals
    line.archive.originals[name] += b"\0"

    line.run(key)

    assert state(line) == ("held", "reception.changed")


def test_a_study_that_is_deleted_in_the_middle_is_held(tmp_path: Path) -> None:
    line = ReceptionLine(tmp_path)
    key = line.come()
    line.archive.originals.clear()

    line.run(key)

    assert state(line) == ("held", "archive.vanished")


def test_late_instances_are_added_and_only_they_are_sent(tmp_path: Path) -> None:
    line = ReceptionLine(tmp_path, instances=3)
    line.run(line.read(*line.take_in(*line.to_send[:2])))
    before = len(line.research.got)

    line.run(line.read(*line.take_in(line.to_send[2])))

    assert (before, len(line.research.got)) == (2, 3)
    assert state(line) == ("done", "")


def test_a_study_that_is_processed_again_is_delivered_once(tmp_path: Path) -> None:
    line = ReceptionLine(tmp_path)
    key = line.come()
    line.run(key)

    line.run(line.ledger.process_again(key.study_id, "oscar", line.now))

    assert state(line) == ("done", "")
    assert len(line.research.got) == len(line.peer.got) == 2


def test_what_was_lost_from_the_spool_is_taken_out_of_orthanc_again(tmp_path: Path) -> None:
    line = ReceptionLine(tmp_path)
    key = line.come()
    steps = StudySteps(line.tools)
    opened = steps.release(key, steps.keep(key, steps.make(key, steps.decide(key))))
    line.spool.remove(*key)

    for one in opened or ():
        DeliverySteps(line.tools).attempt(one)

    assert state(line) == ("done", "")
    assert delivered(line) == set(line.archive.originals.values())


def test_what_was_lost_from_the_spool_and_changed_in_orthanc_is_not_delivered(
    tmp_path: Path,
) -> None:
    line = ReceptionLine(tmp_path)
    key = line.come()
    steps = StudySteps(line.tools)
    opened = steps.release(key, steps.keep(key, steps.make(key, steps.decide(key))))
    line.spool.remove(*key)
    for name in line.archive.originals:
        line.archive.originals[name] += b"\0"

    for one in opened or ():
        DeliverySteps(line.tools).attempt(one)

    assert state(line) == ("held", "reception.changed")
    assert delivered(line) == set()


def released(line: ReceptionLine, policy: str) -> StudyKey:
    [study] = line.ledger.studies()
    digest = next(one.digest for one in line.pack.policies if one.name == policy)
    return line.ledger.release_study(
        study.study_id, policy, (), "agreed", "oscar", line.now, policy_digest=digest
    )


def test_a_person_can_release_it_under_a_policy_which_says_only_where_it_goes(
    tmp_path: Path,
) -> None:
    line = ReceptionLine(tmp_path)
    [first] = line.take_in(line.to_send[0])
    line.activate(reception_pack(SECOND, OTHER))
    [second] = line.take_in(line.to_send[1])
    line.run(line.read(first, second))
    assert state(line) == ("held", "reception.several-policies")

    line.run(released(line, "other"))

    assert state(line) == ("done", "")
    assert {content for _, content in line.research.got} == set(line.archive.originals.values())
    assert line.peer.got == []


def test_a_release_under_a_policy_that_does_not_decide_any_more_is_held(tmp_path: Path) -> None:
    line = ReceptionLine(tmp_path)
    key = line.come()
    line.archive.originals[next(iter(line.archive.originals))] += b"\0"
    line.run(key)
    key = released(line, "everything")
    line.activate(reception_pack(OTHER))

    line.run(key)

    assert state(line) == ("held", "release.policy")


def test_a_release_under_a_policy_that_asks_for_its_deliveries_is_held(tmp_path: Path) -> None:
    line = ReceptionLine(tmp_path)
    key = line.come()
    line.archive.originals[next(iter(line.archive.originals))] += b"\0"
    line.run(key)
    asking = POLICY.replace("via: peer\n", "via: peer\n    when: {Modality: {is: CT}}\n")
    line.activate(reception_pack(asking, reception=False))

    line.run(released(line, "everything"))

    assert state(line) == ("held", "release.policy")
    assert delivered(line) == set()


def test_a_person_can_release_what_came_past_the_reception_and_it_is_de_identified(
    tmp_path: Path,
) -> None:
    line = ReceptionLine(tmp_path, NOTHING_KEPT, instances=1)
    line.archive.originals["instance-1"] = line.to_send[0]
    line.run(line.receive("instance-1"))
    assert state(line) == ("held", "reception.unmarked")

    line.run(released(line, "everything"))

    assert state(line) == ("done", "")
    assert len(delivered(line)) == 1
    assert not any(CANARY.encode() in one for one in delivered(line))


def test_what_came_past_the_reception_is_not_kept_where_nothing_of_ours_is_taken_in(
    tmp_path: Path,
) -> None:
    line = ReceptionLine(tmp_path, instances=1)
    line.archive.originals["instance-1"] = line.to_send[0]
    line.run(line.receive("instance-1"))

    line.run(released(line, "everything"))

    assert state(line) == ("held", "reception.keep-local")
    assert line.archive.kept == {}
    assert delivered(line) == set()


def test_nothing_is_prepared_of_a_study_that_arrives_de_identified(tmp_path: Path) -> None:
    line = ReceptionLine(tmp_path)
    line.archive.originals["instance-1"] = line.to_send[0]
    line.arrive("instance-1")

    assert line.early.turn() == 0
    assert line.workshop.done == []


def test_a_study_that_was_received_as_it_was_before_is_no_other_patients(tmp_path: Path) -> None:
    line = ReceptionLine(tmp_path, instances=1)
    marked_pack = line.pack
    line.activate(reception_pack(NOTHING_KEPT, reception=False))
    line.archive.originals["instance-1"] = line.to_send[0]
    line.run(line.receive("instance-1"))
    line.activate(marked_pack)

    line.run(line.come())

    assert {one.state for one in line.ledger.studies()} == {"done"}

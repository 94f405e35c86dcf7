"""Studies on their way through the whole pipeline: incomplete, late, and forwarded as they came.

Goal: what a policy says of completeness holds in the pipeline, too, and a policy that
forwards changes no byte. Method: a real ledger, spool and engine in one process; time is moved.
"""

from __future__ import annotations

from pathlib import Path

from support.faults import POLICY, Line
from support.studies import KEY, SERVER

EXPECT = "complete:\n  expect: {number-of-instances: {at-least: 3}}\n"


def state(line: Line) -> tuple[str, str]:
    record = line.ledger.study(1)
    assert record is not None
    return record.state, record.rule


def test_an_incomplete_study_is_held_until_the_rest_comes(tmp_path: Path) -> None:
    line = Line(tmp_path, instances=3, policy=POLICY + EXPECT)
    third = line.archive.originals.pop("instance-3")
    line.ledger.forget_vanished(SERVER, ["instance-3"], line.now)

    line.run(KEY)
    assert state(line) == ("held", "incomplete")
    assert line.research.got == []

    line.archive.originals["instance-3"] = third
    line.run(line.receive("instance-3"))

    assert state(line)[0] == "done"
    assert len(line.research.got) == 3


def test_an_incomplete_study_goes_on_after_its_longest_wait(tmp_path: Path) -> None:
    wait = "  longest-wait: 1h\n  incomplete: process\n"
    line = Line(tmp_path, instances=2, policy=POLICY + EXPECT + wait)
    line.run(KEY)
    assert state(line) == ("held", "incomplete")
    assert line.ledger.waited_out("everything", 3600.0, line.now + 3599.0) == []

    line.now += 3601.0
    assert line.ledger.waited_out("everything", 3600.0, line.now) == [1]
    line.run(line.ledger.process_again(1, "gatehouse", line.now))

    assert state(line)[0] == "done"
    assert line.ledger.waited_out("everything", 3600.0, line.now) == []


def test_late_instances_are_held_where_the_policy_wants_a_person_to_look(tmp_path: Path) -> None:
    line = Line(tmp_path, instances=2, policy=POLICY + "complete: {late-instances: hold}\n")
    line.run(KEY)
    assert state(line)[0] == "done"

    line.now += 100.0
    line.run(line.ledger.process_again(1, "somebody", line.now))

    assert state(line) == ("held", "late-instances")


def test_a_study_that_is_forwarded_arrives_byte_by_byte_as_it_came(tmp_path: Path) -> None:
    begin = POLICY.index("deidentify:")
    policy = POLICY[:begin] + (
        "deidentify: {profile: none, because: a treaty}\ndeliver:\n  - {to: research, via: dicom}\n"
    )
    line = Line(tmp_path, instances=2, policy=policy)

    line.run(KEY)

    assert state(line)[0] == "done"
    sent = sorted(dicom for _, dicom in line.research.got)
    assert sent == sorted(line.archive.originals.values())
    assert line.archive.kept == {}


def test_a_study_that_was_put_off_is_looked_at_again_when_its_time_has_come(
    tmp_path: Path,
) -> None:
    wait = "  longest-wait: 1h\n  incomplete: process\n"
    line = Line(tmp_path, instances=2, policy=POLICY + EXPECT + wait)
    line.now += 600.0
    line.run(KEY)
    assert state(line) == ("held", "incomplete")

    assert line.ledger.due_again(line.now + 2999.0) == []
    line.now += 3001.0
    assert line.ledger.due_again(line.now) == [1]
    line.run(line.ledger.process_again(1, "gatehouse", line.now))

    assert state(line)[0] == "done"
    assert line.ledger.due_again(line.now + 1e9) == []


def test_a_study_that_is_held_for_good_is_not_looked_at_again(tmp_path: Path) -> None:
    line = Line(tmp_path, instances=2, policy=POLICY + EXPECT)
    line.run(KEY)
    assert state(line) == ("held", "incomplete")

    assert line.ledger.due_again(line.now + 1e9) == []

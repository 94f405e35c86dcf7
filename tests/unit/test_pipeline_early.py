"""Goal: work that is done while a study arrives changes nothing but the time that the rest takes.

Method: the whole pipeline in one process over a real ledger, spool and engine. Instances arrive,
are prepared, and then the study is completed; what comes out is compared with what a run without
preparation makes, and what was done for it is counted.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from gatehouse.pipeline.records import Arrival
from gatehouse.policy.load import load_single
from gatehouse.policy.model import Pack
from support.faults import CANARY, POLICY, Line
from support.studies import KEY, SERVER

CLEANING = POLICY.replace("  project: test\n", "  project: test\n  options: [clean-descriptors]\n")


def arriving(folder: Path, policy: str = POLICY, instances: int = 3, **attributes: str) -> Line:
    """Return a line to which nothing has come yet."""
    return Line(folder, instances=instances, policy=policy, is_complete=False, **attributes)


def sent(line: Line) -> dict[str, bytes]:
    """Return what the destination got, by its new SOP Instance UID."""
    return dict(line.research.got)


def done(line: Line, what: str) -> list[str]:
    """Return the instances for which one kind of work was done."""
    return sorted(instance for kind, instance in line.workshop.done if kind == what)


def without_preparation(folder: Path, policy: str = POLICY, **attributes: str) -> dict[str, bytes]:
    """Return what is sent by a run that finds nothing prepared."""
    line = Line(folder, policy=policy, **attributes)
    line.run(KEY)
    return sent(line)


def test_what_was_made_while_the_study_arrived_is_not_made_again(tmp_path: Path) -> None:
    line = arriving(tmp_path / "early")
    for instance in line.archive.originals:
        line.arrive(instance)
        line.early.turn()
    line.workshop.done.clear()

    line.run(line.complete())

    assert line.workshop.done == []
    assert sent(line) == without_preparation(tmp_path / "late")
    assert line.ledger.study(1).state == "done"


def test_what_another_service_wrote_first_and_committed_last_is_prepared_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = arriving(tmp_path)
    line.arrive(*line.archive.originals)
    arrivals = line.ledger.arrivals

    def without_the_first(server: str, after: int, limit: int) -> tuple[list[Arrival], int]:
        found, last = arrivals(server, after, limit)
        return [one for one in found if one.instance.orthanc_id != "instance-1"], last

    with monkeypatch.context() as patch:
        patch.setattr(line.ledger, "arrivals", without_the_first)
        line.early.turn()

    line.early.tidy()
    line.early.turn()
    prepared = done(line, "prepare")
    line.workshop.done.clear()
    line.run(line.complete())

    assert set(prepared) == {"instance-1", "instance-2", "instance-3"}
    assert line.workshop.done == []


def test_to_look_again_at_what_came_prepares_nothing_twice(tmp_path: Path) -> None:
    line = arriving(tmp_path)
    line.arrive(*line.archive.originals)
    line.early.turn()
    before = done(line, "prepare")

    for _ in range(3):
        line.early.tidy()
        line.early.turn()

    assert done(line, "prepare") == before


def test_nothing_is_left_of_the_early_work(tmp_path: Path) -> None:
    line = arriving(tmp_path)
    line.arrive(*line.archive.originals)
    line.early.turn()
    prepared = [file for file in line.early_spool.root.rglob("*") if file.is_file()]

    line.run(line.complete())

    assert len(prepared) == 3
    assert not [file for file in line.spool.root.rglob("*") if file.is_file()]


def test_nothing_that_was_prepared_counts_before_the_decision(tmp_path: Path) -> None:
    line = arriving(tmp_path)
    line.arrive(*line.archive.originals)
    line.early.turn()

    assert line.ledger.study(1).state == "receiving"
    assert line.ledger.outputs(KEY) == []
    assert line.spool.runs() == []
    assert line.early.facts(KEY, line.ledger.instances(1), frozenset()) == {}


def test_an_instance_that_was_overwritten_meanwhile_is_made_again(tmp_path: Path) -> None:
    line = arriving(tmp_path)
    line.arrive(*line.archive.originals)
    line.early.turn()
    line.workshop.done.clear()

    line.arrive("instance-2", digest="digest-2")
    line.run(line.complete())

    assert done(line, "facts") == done(line, "make") == ["instance-2"]
    assert [one.attachment_digest for one in line.ledger.outputs(KEY)].count("digest-2") == 1


def test_an_instance_that_comes_after_the_last_turn_is_made_at_the_end(tmp_path: Path) -> None:
    line = arriving(tmp_path)
    line.arrive("instance-1", "instance-2")
    line.early.turn()
    line.arrive("instance-3")
    line.workshop.done.clear()

    line.run(line.complete())

    assert done(line, "make") == ["instance-3"]
    assert len(sent(line)) == 3


def test_another_policy_throws_away_what_the_first_one_made(tmp_path: Path) -> None:
    line = arriving(tmp_path / "early")
    line.arrive(*line.archive.originals)
    line.early.turn()
    other = POLICY.replace("project: test", "project: other").replace("version: 1", "version: 2")
    loaded, _ = load_single(other.encode(), "everything.yaml")
    assert loaded is not None
    line.ledger.activate_pack(Pack((loaded,), "pack-2"), "test", "", 2.0)
    line.workshop.done.clear()

    line.run(line.complete())

    assert done(line, "make") == ["instance-1", "instance-2", "instance-3"]
    assert sent(line) == without_preparation(tmp_path / "late", other)


def test_a_policy_that_turns_out_to_be_for_others_makes_nothing_of_it(tmp_path: Path) -> None:
    only_two = "match: {number-of-instances: {at-most: 2}}"
    line = arriving(tmp_path, POLICY.replace("match: every-study", only_two))
    line.arrive("instance-1", "instance-2")
    line.early.turn()
    line.arrive("instance-3")
    line.early.turn()

    line.run(line.complete())

    assert [one.rule for one in line.ledger.holds()] == ["no-policy"]
    assert line.ledger.outputs(KEY) == []
    assert not [file for file in line.spool.root.rglob("*") if file.is_file()]


def test_names_that_come_later_are_taken_out_of_texts_made_before(tmp_path: Path) -> None:
    texts = {"StudyDescription": "LUNG HAND"}
    line = arriving(tmp_path / "early", CLEANING, **texts)
    late = Line(tmp_path / "late", policy=CLEANING, **texts)
    for one in (line, late):
        name = one.archive.originals["instance-3"].replace(b"CANARY^NAME", b"HAND^ADA   ")
        one.archive.originals["instance-3"] = name
    for instance in ("instance-1", "instance-2"):
        line.arrive(instance)
        line.early.turn()
    line.arrive("instance-3")

    line.run(line.complete())
    late.run(KEY)

    assert sent(line) == sent(late)
    assert not [one for one in sent(line).values() if b"HAND" in one]


def test_an_instance_that_can_not_be_prepared_is_held_with_its_reason_at_the_end(
    tmp_path: Path,
) -> None:
    line = arriving(tmp_path)
    line.archive.originals["instance-2"] = b"no DICOM at all"
    line.arrive(*line.archive.originals)
    line.early.turn()
    line.early.turn()
    assert line.ledger.holds() == []

    line.run(line.complete())

    assert [one.instance for one in line.ledger.holds()] == ["instance-2"]
    assert line.ledger.study(1).state == "held"


def test_nothing_is_prepared_while_the_spool_is_full(tmp_path: Path) -> None:
    line = arriving(tmp_path)
    line.arrive(*line.archive.originals)
    line.early._has_room = lambda: False

    line.early.turn()
    line.run(line.complete())

    assert done(line, "prepare") == []
    assert len(sent(line)) == 3


def test_a_study_that_another_worker_brought_on_is_forgotten(tmp_path: Path) -> None:
    line = arriving(tmp_path)
    line.arrive(*line.archive.originals)
    line.early.turn()
    line.ledger.advance(line.complete(), "held", line.now)

    line.early.tidy()

    assert not list(line.early_spool.root.rglob("*.dcm"))


@pytest.mark.parametrize("instances", [1, 2, 40])
def test_each_instance_is_read_once_or_twice_however_many_there_are(
    tmp_path: Path, instances: int
) -> None:
    line = arriving(tmp_path, instances=instances)
    for instance in line.archive.originals:
        line.arrive(instance)
        line.early.turn()

    line.run(line.complete())

    # Of the first one only the facts are read, because no policy is known yet.
    assert len(line.workshop.done) == instances + 1


def test_no_value_of_what_is_prepared_is_in_what_is_said_of_it(tmp_path: Path) -> None:
    line = arriving(tmp_path, CLEANING)
    line.arrive(*line.archive.originals)
    line.early.turn()
    line.early.close(KEY)
    kept = line.early.known(KEY, line.ledger.instances(1))

    study = line.early._studies[KEY]

    assert any(CANARY in name for values in kept.values() for name in values.person_names)
    assert CANARY not in repr([one.prepared for one in study.instances.values()])


def test_preparing_asks_no_other_archive_than_its_own(tmp_path: Path) -> None:
    line = arriving(tmp_path)
    line.arrive(*line.archive.originals)
    with line.ledger.writing() as connection:
        connection.exec_driver_sql("UPDATE study SET server = 'elsewhere'")

    assert line.early.turn() == 0
    assert SERVER != "elsewhere"

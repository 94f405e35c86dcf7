"""Goal: what was received is recorded once, and a study is processed when, and as often as, needed.

Method: the inbox's methods on a real ledger, on SQLite and PostgreSQL; the tests set the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from gatehouse.adapters.ledger import Ledger
from gatehouse.errors import StateError
from gatehouse.pipeline.records import StudyKey
from support.postgresql import database_url, postgresql  # noqa: F401  fixtures
from support.studies import KEY, SERVER, accepted, output, pack, policy, received


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:  # noqa: F811
    made = Ledger(database_url)
    yield made
    made.close()


def waiting(ledger: Ledger) -> None:
    """Bring the study of ``instance-1`` to where a worker may begin."""
    ledger.record_changes(SERVER, 1, [received()], 10.0)
    ledger.quiet_studies(20.0, 5.0)


def processing(ledger: Ledger) -> None:
    """Bring it to where a worker is at it."""
    waiting(ledger)
    ledger.advance(KEY, "processing", 21.0)


def done(ledger: Ledger) -> None:
    """Bring it to its end, delivered nowhere."""
    processing(ledger)
    ledger.open_deliveries(KEY, [], "digest", 22.0)


def test_a_server_that_was_never_read_has_no_cursor(ledger: Ledger) -> None:
    assert ledger.cursor(SERVER) is None


def test_the_cursor_moves_with_what_it_implies(ledger: Ledger) -> None:
    news = ledger.record_changes(SERVER, 42, [received()], 10.0)

    assert news == 1
    assert ledger.cursor(SERVER) == 42
    study = ledger.study("study-1")
    assert study is not None
    assert (study.state, study.generation, study.instances) == ("receiving", 1, 1)


def test_the_origin_of_an_instance_is_kept(ledger: Ledger) -> None:
    ledger.record_changes(SERVER, 1, [received()], 10.0)

    [instance] = ledger.instances(1)

    assert instance.origin == received().origin
    assert instance.attachment_digest == "digest-1"


def test_an_instance_that_is_read_again_is_nothing_new(ledger: Ledger) -> None:
    ledger.record_changes(SERVER, 1, [received()], 10.0)

    news = ledger.record_changes(SERVER, 2, [received(), received()], 99.0)

    assert news == 0
    study = ledger.study(1)
    assert study is not None
    assert study.last_received_at == 10.0


def test_a_study_is_complete_when_it_has_been_quiet_for_its_time(ledger: Ledger) -> None:
    ledger.record_changes(SERVER, 1, [received()], 10.0)
    ledger.record_changes(SERVER, 2, [received("instance-2")], 14.0)

    too_early = ledger.quiet_studies(18.9, 5.0)
    in_time = ledger.quiet_studies(19.0, 5.0)

    assert too_early == []
    assert in_time == [KEY]
    assert ledger.waiting() == [KEY]


def test_waiting_studies_are_returned_again_until_somebody_begins(ledger: Ledger) -> None:
    ledger.record_changes(SERVER, 1, [received()], 10.0)
    ledger.quiet_studies(20.0, 5.0)

    again = ledger.quiet_studies(21.0, 5.0)
    ledger.advance(KEY, "processing", 22.0)

    assert again == [KEY]
    assert ledger.quiet_studies(23.0, 5.0) == []


def test_a_clock_that_was_set_back_does_not_keep_a_study_open(ledger: Ledger) -> None:
    ledger.record_changes(SERVER, 1, [received()], 100_000.0)

    assert ledger.quiet_studies(50.0, 5.0) == [KEY]


@pytest.mark.parametrize("begin", [waiting, processing, done])
def test_a_new_instance_opens_the_next_generation(
    ledger: Ledger, begin: Callable[[Ledger], None]
) -> None:
    begin(ledger)

    ledger.record_changes(SERVER, 2, [received("instance-2")], 30.0)

    study = ledger.study(1)
    assert study is not None
    assert (study.state, study.generation) == ("receiving", 2)
    assert ledger.quiet_studies(40.0, 5.0) == [StudyKey(1, 2)]


def test_an_instance_that_was_overwritten_opens_the_next_generation(ledger: Ledger) -> None:
    done(ledger)

    ledger.record_changes(SERVER, 2, [received(digest="digest-2")], 30.0)

    study = ledger.study(1)
    assert study is not None
    assert (study.state, study.generation, study.instances) == ("receiving", 2, 1)
    assert [one.attachment_digest for one in ledger.instances(1)] == ["digest-2"]


def test_a_resent_duplicate_of_a_done_study_changes_nothing(ledger: Ledger) -> None:
    done(ledger)

    news = ledger.record_changes(SERVER, 2, [received()], 30.0)

    study = ledger.study(1)
    assert study is not None
    assert (news, study.state, study.generation) == (0, "done", 1)


def test_a_run_that_was_superseded_can_do_nothing_more(ledger: Ledger) -> None:
    ledger.record_changes(SERVER, 1, [received()], 10.0)
    ledger.quiet_studies(20.0, 5.0)
    ledger.record_changes(SERVER, 2, [received("instance-2")], 30.0)

    assert not ledger.advance(KEY, "processing", 31.0)
    assert not ledger.record_decision(KEY, accepted(), "pack", 31.0)
    assert not ledger.open_deliveries(KEY, [], "digest", 31.0)
    study = ledger.study(1)
    assert study is not None
    assert study.state == "receiving"


def test_a_new_instance_ends_holds_and_deliveries_of_the_run_before(ledger: Ledger) -> None:
    ledger.activate_pack(pack(), "test", "", 1.0)
    ledger.record_changes(SERVER, 1, [received()], 10.0)
    ledger.quiet_studies(20.0, 5.0)
    ledger.advance(KEY, "processing", 21.0)
    ledger.record_outputs(KEY, [output()])
    ledger.open_deliveries(KEY, policy().deliver, "digest", 22.0)

    ledger.record_changes(SERVER, 2, [received("instance-2")], 30.0)

    assert [one.state for one in ledger.deliveries()] == ["superseded"]


def test_our_own_outputs_are_never_received(ledger: Ledger) -> None:
    done(ledger)
    ledger.register_own_outputs(KEY, SERVER, [output()], 22.0)

    news = ledger.record_changes(SERVER, 2, [received("made-1", study="made-study")], 30.0)

    assert news == 0
    assert ledger.study("made-study") == ledger.study(1)
    assert ledger.kept_studies(1) == ["made-study"]


def test_what_was_there_before_gatehouse_is_archived_and_not_processed(ledger: Ledger) -> None:
    ledger.record_changes(SERVER, 1, [received()], 10.0, archived=True)

    assert ledger.quiet_studies(1000.0, 5.0) == []
    study = ledger.study(1)
    assert study is not None
    assert study.state == "archived"
    assert [one.generation for one in ledger.instances(1)] == [0]


def test_a_new_instance_of_an_archived_study_is_processed_and_the_old_ones_keep_their_mark(
    ledger: Ledger,
) -> None:
    ledger.record_changes(SERVER, 1, [received()], 10.0, archived=True)

    ledger.record_changes(SERVER, 2, [received("instance-2")], 30.0)

    assert ledger.quiet_studies(40.0, 5.0) == [StudyKey(1, 2)]
    assert [one.generation for one in ledger.instances(1)] == [0, 2]


def test_a_person_can_have_an_archived_study_processed(ledger: Ledger) -> None:
    ledger.record_changes(SERVER, 1, [received()], 10.0, archived=True)

    key = ledger.process_again(1, "alice", 50.0)

    assert key == StudyKey(1, 2)
    assert ledger.waiting() == [key]
    assert [one.generation for one in ledger.instances(1)] == [2]
    [row] = ledger.audit_rows()
    assert (row.actor, row.action, row.object) == ("alice", "study.process-again", "study 1")


def test_a_study_that_is_on_its_way_can_not_be_processed_again(ledger: Ledger) -> None:
    ledger.record_changes(SERVER, 1, [received()], 10.0)

    with pytest.raises(StateError, match="the study is not complete yet, or waits already"):
        ledger.process_again(1, "alice", 50.0)


def test_processing_a_study_again_that_is_not_there_is_an_error(ledger: Ledger) -> None:
    with pytest.raises(LookupError):
        ledger.process_again(99, "alice", 50.0)


def test_an_instance_that_vanished_and_comes_back_is_new(ledger: Ledger) -> None:
    done(ledger)

    gone = ledger.forget_vanished(SERVER, ["instance-1", "unknown"], 25.0)
    left = ledger.instances(1)
    ledger.record_changes(SERVER, 2, [received()], 30.0)

    assert gone == [KEY]
    assert left == []
    assert ledger.quiet_studies(40.0, 5.0) == [StudyKey(1, 2)]
    assert [one.orthanc_id for one in ledger.instances(1)] == ["instance-1"]


def test_every_state_of_a_study_is_kept_with_its_time(ledger: Ledger) -> None:
    done(ledger)

    history = [(one.state, one.at) for one in ledger.history(1)]

    assert history == [
        ("receiving", 10.0),
        ("waiting", 20.0),
        ("processing", 21.0),
        ("done", 22.0),
    ]


def test_the_same_instance_in_two_archives_belongs_to_two_studies(ledger: Ledger) -> None:
    ledger.record_changes("east", 1, [received()], 10.0)
    ledger.record_changes("west", 1, [received()], 10.0)

    assert {one.server for one in ledger.studies()} == {"east", "west"}


def test_a_study_is_found_by_the_modalities_and_the_source_of_its_instances(
    ledger: Ledger,
) -> None:
    first = replace(received("i1", "s1"), sop_class_uid="1.2.840.10008.5.1.4.1.1.2")
    report = replace(received("i2", "s1"), sop_class_uid="1.2.840.10008.5.1.4.1.1.88.33")

    ledger.record_changes(SERVER, 1, [first], 100.0)
    ledger.record_changes(SERVER, 2, [report], 101.0)

    study = ledger.study("s1")
    assert study is not None
    assert (study.modalities, study.source) == ("CT SR", first.origin.calling_aet)

"""Goal: what a run did is kept exactly once, whatever is done twice, and counts only with evidence.

Method: the worker's methods on a real ledger, on SQLite and PostgreSQL; the tests set the time.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gatehouse.adapters.ledger import Ledger
from gatehouse.errors import StateError
from gatehouse.pipeline.ports import Held, InstanceReceipt
from gatehouse.pipeline.records import DeliveryKey, StudyKey
from gatehouse.policy.model import Answer, Decision, Delivery, Outcome
from support.postgresql import database_url, postgresql  # noqa: F401  fixtures
from support.studies import KEY, SERVER, accepted, output, pack, policy, received

RESEARCH = Delivery("research-pacs", "dicom")
ARCHIVE = Delivery("archive", "peer")
TO_RESEARCH = DeliveryKey(1, 1, "dicom", "research-pacs")
TO_ARCHIVE = DeliveryKey(1, 1, "peer", "archive")


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:  # noqa: F811
    """A ledger with one study of two instances that is being processed."""
    made = Ledger(database_url)
    made.activate_pack(pack(), "test", "", 1.0)
    made.record_changes(SERVER, 1, [received(), received("instance-2")], 10.0)
    made.quiet_studies(20.0, 5.0)
    made.advance(KEY, "processing", 21.0)
    yield made
    made.close()


def delivering(ledger: Ledger, *deliveries: Delivery) -> None:
    """Open deliveries of two outputs."""
    ledger.record_outputs(KEY, [output(1), output(2)])
    ledger.open_deliveries(KEY, deliveries or [RESEARCH], "digest", 30.0)


def receipt(number: int, status: str = "0x0000", *, is_stored: bool = True) -> InstanceReceipt:
    """Return a destination's answer on ``output(number)``."""
    return InstanceReceipt(f"2.25.{number}", status, is_stored)


def give_receipts(ledger: Ledger, key: DeliveryKey, *numbers: int) -> None:
    """Record success for outputs."""
    ledger.record_receipts(key, [(receipt(n), output(n).sha256) for n in numbers], 40.0)


def state(ledger: Ledger) -> str:
    """Return the state of the study."""
    study = ledger.study(1)
    assert study is not None
    return study.state


def test_a_decision_is_kept_with_every_answer(ledger: Ledger) -> None:
    ledger.record_decision(KEY, accepted(), "pack-1", 22.0)

    kept = ledger.decision(KEY)

    assert kept is not None
    assert (kept.outcome, kept.policy, kept.policy_version) == (Outcome.ACCEPT, "basic", 1)
    assert [(one.rule, one.answer, one.line) for one in kept.asked] == [("match", Answer.YES, 3)]
    assert ledger.accepted_by(KEY) == ("pack-1", policy().digest)


def test_a_decision_that_is_recorded_twice_is_there_once(ledger: Ledger) -> None:
    ledger.record_decision(KEY, accepted(), "pack-1", 22.0)
    ledger.record_decision(KEY, accepted(), "pack-1", 23.0)

    kept = ledger.decision(KEY)

    assert kept is not None
    assert len(kept.asked) == 1
    assert [row.action for row in ledger.audit_rows()] == ["pack.activated", "study.decided"]


def test_a_study_that_no_policy_accepted_has_nothing_to_go_on_with(ledger: Ledger) -> None:
    ledger.record_decision(KEY, Decision(Outcome.HOLD, None, "no-policy", "none", ()), "p", 22.0)

    assert ledger.accepted_by(KEY) is None


def test_a_study_is_held_with_the_reasons_of_its_instances(ledger: Ledger) -> None:
    first = Held("instance-1", "pixels.suspicious", "may carry burned-in text")
    second = Held("instance-2", "dicom.truncated", "ends too early", "PixelData")

    ledger.hold(KEY, first, 30.0)
    ledger.hold(KEY, second, 31.0)
    ledger.hold(KEY, second, 32.0)

    assert state(ledger) == "held"
    holds = [(one.instance, one.rule, one.path) for one in ledger.holds()]
    assert holds == [
        ("instance-2", "dicom.truncated", "PixelData"),
        ("instance-1", "pixels.suspicious", ""),
    ]
    assert ledger.counts().open_holds == 2


def test_a_held_study_that_is_processed_again_has_no_open_hold(ledger: Ledger) -> None:
    ledger.hold(KEY, Held("instance-1", "rule", "reason"), 30.0)

    ledger.process_again(1, "alice", 40.0)

    assert ledger.holds() == []
    [resolved] = ledger.holds(open_only=False)
    assert (resolved.resolved_at, resolved.resolved_by) == (40.0, "alice")
    assert resolved.resolution == "processed again"


def test_a_study_that_is_done_can_not_be_held_by_its_own_run(ledger: Ledger) -> None:
    ledger.open_deliveries(KEY, [], "digest", 30.0)

    assert not ledger.hold(KEY, Held("", "rule", "late"), 31.0)
    assert state(ledger) == "done"
    assert ledger.holds() == []


def test_outputs_that_are_recorded_twice_are_there_once(ledger: Ledger) -> None:
    ledger.record_outputs(KEY, [output(1), output(2)])
    ledger.record_outputs(KEY, [output(2)])

    assert ledger.outputs(KEY) == [output(1), output(2)]
    assert ledger.action_counts(KEY) == {"X": 6, "D": 2}


def test_a_study_is_done_only_when_every_destination_has_every_instance(ledger: Ledger) -> None:
    delivering(ledger, RESEARCH, ARCHIVE)
    give_receipts(ledger, TO_RESEARCH, 1, 2)
    give_receipts(ledger, TO_ARCHIVE, 1, 2)

    ledger.delivered(TO_RESEARCH, 41.0)
    after_one = state(ledger)
    ledger.delivered(TO_ARCHIVE, 42.0)

    assert after_one == "delivering"
    assert state(ledger) == "done"


def test_delivered_can_not_be_said_without_a_receipt_for_each_instance(ledger: Ledger) -> None:
    delivering(ledger)
    give_receipts(ledger, TO_RESEARCH, 1)

    with pytest.raises(StateError, match="a delivery without all its receipts"):
        ledger.delivered(TO_RESEARCH, 41.0)

    assert [one.instance for one in ledger.missing(TO_RESEARCH)] == ["instance-2"]
    assert state(ledger) == "delivering"


def test_a_refusal_is_no_receipt_of_success(ledger: Ledger) -> None:
    delivering(ledger)
    refusal = receipt(1, "0xA700", is_stored=False)

    ledger.record_receipts(TO_RESEARCH, [(refusal, output(1).sha256)], 40.0)

    assert len(ledger.missing(TO_RESEARCH)) == 2
    assert ledger.receipts(TO_RESEARCH) == [refusal]


def test_a_receipt_for_other_bytes_counts_for_nothing(ledger: Ledger) -> None:
    delivering(ledger)

    ledger.record_receipts(TO_RESEARCH, [(receipt(1), "f" * 64)], 40.0)

    assert len(ledger.missing(TO_RESEARCH)) == 2


def test_warnings_count_as_stored_and_are_shown(ledger: Ledger) -> None:
    delivering(ledger)
    remark = receipt(1, "0xB000")

    ledger.record_receipts(TO_RESEARCH, [(remark, output(1).sha256)], 40.0)
    give_receipts(ledger, TO_RESEARCH, 2)

    [kept] = ledger.deliveries()
    assert (kept.instances, kept.receipts, kept.warnings) == (2, 2, 1)
    assert ledger.missing(TO_RESEARCH) == []


def test_what_an_earlier_run_delivered_is_not_sent_again(ledger: Ledger) -> None:
    delivering(ledger)
    give_receipts(ledger, TO_RESEARCH, 1, 2)
    ledger.delivered(TO_RESEARCH, 41.0)
    ledger.record_changes(SERVER, 2, [received("instance-3")], 50.0)
    ledger.quiet_studies(60.0, 5.0)
    second = StudyKey(1, 2)
    ledger.advance(second, "processing", 61.0)

    ledger.record_outputs(second, [output(1), output(2), output(3)])
    ledger.open_deliveries(second, [RESEARCH], "digest", 62.0)

    missing = ledger.missing(DeliveryKey(1, 2, "dicom", "research-pacs"))
    assert [one.instance for one in missing] == ["instance-3"]


def test_unchanged_instances_that_everybody_has_need_not_be_made_again(ledger: Ledger) -> None:
    delivering(ledger, RESEARCH, ARCHIVE)
    give_receipts(ledger, TO_RESEARCH, 1, 2)
    give_receipts(ledger, TO_ARCHIVE, 1)
    made = output(1)

    reusable = ledger.reusable(
        StudyKey(1, 2), made.policy_digest, made.key_id, made.software, [RESEARCH, ARCHIVE]
    )

    assert [(one.instance, one.carried_from) for one in reusable] == [("instance-1", 1)]


@pytest.mark.parametrize(
    "changed", [{"policy_digest": "other"}, {"key_id": "other"}, {"software": "other"}]
)
def test_another_policy_key_or_software_makes_everything_again(
    ledger: Ledger, changed: dict[str, str]
) -> None:
    delivering(ledger)
    give_receipts(ledger, TO_RESEARCH, 1, 2)
    made = output(1)
    same = {
        "policy_digest": made.policy_digest,
        "key_id": made.key_id,
        "software": made.software,
    }

    assert ledger.reusable(StudyKey(1, 2), **(same | changed), deliveries=[RESEARCH]) == []


def test_an_instance_that_was_overwritten_is_made_again(ledger: Ledger) -> None:
    delivering(ledger)
    give_receipts(ledger, TO_RESEARCH, 1, 2)
    ledger.record_changes(SERVER, 2, [received(digest="digest-2")], 50.0)
    made = output(1)

    reusable = ledger.reusable(
        StudyKey(1, 2), made.policy_digest, made.key_id, made.software, [RESEARCH]
    )

    assert [one.instance for one in reusable] == ["instance-2"]


def test_attempts_are_counted_and_end_with_the_delivery(ledger: Ledger) -> None:
    delivering(ledger)

    first = ledger.begin_attempt(TO_RESEARCH, 31.0)
    ledger.try_later(TO_RESEARCH, 90.0, "it can't be reached")
    second = ledger.begin_attempt(TO_RESEARCH, 90.0)
    give_receipts(ledger, TO_RESEARCH, 1, 2)
    ledger.delivered(TO_RESEARCH, 91.0)
    third = ledger.begin_attempt(TO_RESEARCH, 92.0)

    assert (first, second, third) == (1, 2, None)
    [kept] = ledger.deliveries()
    assert (kept.state, kept.attempts) == ("delivered", 2)


def test_a_delivery_that_is_given_up_holds_its_study(ledger: Ledger) -> None:
    delivering(ledger, RESEARCH, ARCHIVE)

    ledger.give_up(TO_RESEARCH, "it can't be reached", 99.0)

    assert state(ledger) == "held"
    [held] = ledger.holds()
    assert held.rule == "delivery.failed"
    assert held.reason == ("research-pacs did not take all instances (dicom): it can't be reached")
    assert ledger.begin_attempt(TO_ARCHIVE, 100.0) == 1


def test_a_held_study_is_not_done_by_its_other_deliveries(ledger: Ledger) -> None:
    delivering(ledger, RESEARCH, ARCHIVE)
    ledger.give_up(TO_RESEARCH, "gone", 99.0)
    give_receipts(ledger, TO_ARCHIVE, 1, 2)

    ledger.delivered(TO_ARCHIVE, 100.0)

    assert state(ledger) == "held"


def test_deliveries_with_nothing_to_wait_for_are_found(ledger: Ledger) -> None:
    delivering(ledger, RESEARCH, ARCHIVE)
    ledger.begin_attempt(TO_ARCHIVE, 50.0)

    # Named after the time since when each is due, in milliseconds.
    assert ledger.overdue_deliveries(40.0) == [(TO_RESEARCH, 30_000)]
    assert ledger.overdue_deliveries(60.0) == [(TO_RESEARCH, 30_000), (TO_ARCHIVE, 50_000)]


def test_the_terms_of_a_delivery_are_those_it_was_opened_with(ledger: Ledger) -> None:
    wanted = Delivery("research-pacs", "dicom", window=("18:00", "07:00"))

    delivering(ledger, wanted)

    assert ledger.delivery_terms(TO_RESEARCH) == (wanted, 30.0, 0)


def test_opening_deliveries_twice_changes_nothing(ledger: Ledger) -> None:
    delivering(ledger)
    give_receipts(ledger, TO_RESEARCH, 1)

    delivering(ledger)

    assert len(ledger.deliveries()) == 1
    assert len(ledger.missing(TO_RESEARCH)) == 1


def test_a_note_says_what_a_run_waits_for_without_a_new_state(ledger: Ledger) -> None:
    ledger.note(KEY, "Orthanc does not answer")

    study = ledger.study(1)
    assert study is not None
    assert (study.state, study.reason) == ("processing", "Orthanc does not answer")

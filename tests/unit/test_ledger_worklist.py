"""Goal: what people ask for is kept once and for all, on both databases alike.

Method: every method of worklist, proposals, shadows and notices, on SQLite and on PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gatehouse.adapters.ledger import Ledger
from gatehouse.errors import StateError
from gatehouse.pipeline.ports import Held
from gatehouse.pipeline.records import DeliveryKey, StudyKey
from gatehouse.policy.model import Delivery
from support.postgresql import database_url, postgresql  # noqa: F401  fixtures
from support.studies import KEY, SERVER, accepted, output, pack, policy, received

NOW = 1000.0


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:  # noqa: F811
    made = Ledger(database_url)
    made.activate_pack(pack(), "configuration", "policies", NOW - 900)
    for number in (1, 2, 3):
        one = received(f"instance-{number}", f"study-{number}")
        made.record_changes(SERVER, number, [one], NOW - 800)
    for key in made.quiet_studies(NOW - 700, 5):
        made.advance(key, "processing", NOW - 600)
    for number, rule in ((1, "no-policy"), (2, "pixels.suspicious"), (3, "pixels.suspicious")):
        key = StudyKey(number, 1)
        made.hold(key, Held(f"instance-{number}", rule, "a reason"), NOW - 500 + number)
    yield made
    made.close()


def state(ledger: Ledger, study: int = 1) -> tuple[str, int]:
    found = ledger.study(study)
    assert found is not None
    return found.state, found.generation


def test_reasons_are_counted_by_studies(ledger: Ledger) -> None:
    found = [(one.rule, one.studies, one.oldest_held_at) for one in ledger.held_reasons()]

    assert found == [("pixels.suspicious", 2, NOW - 498), ("no-policy", 1, NOW - 499)]


def test_held_studies_are_found_by_reason_and_in_parts(ledger: Ledger) -> None:
    assert ledger.held_studies(None, limit=2) == ([1, 2], 1)
    assert ledger.held_studies("pixels.suspicious", limit=10) == ([2, 3], 0)


def test_a_release_belongs_to_the_run_that_it_opened(ledger: Ledger) -> None:
    key = ledger.release_study(
        1, "basic", ["suspicious-pixels"], "looked at", "petra", NOW, policy_digest="d"
    )

    assert key == StudyKey(1, 2)
    assert state(ledger) == ("waiting", 2)
    release = ledger.release_of(key)
    assert release is not None
    assert (release.policy, release.accept) == ("basic", ("suspicious-pixels",))
    assert ledger.release_of(KEY) is None
    with pytest.raises(StateError):
        ledger.release_study(1, "basic", [], "again", "petra", NOW, policy_digest="d")


def test_a_rejection_is_done_once_when_it_is_due(ledger: Ledger) -> None:
    ledger.reject_later(1, "wrong", "oscar", NOW, NOW + 60)
    assert ledger.pending_rejection(1) is not None

    assert ledger.reject_due(NOW + 59) == []
    assert ledger.reject_due(NOW + 61) == [1]
    assert ledger.reject_due(NOW + 62) == []

    assert state(ledger) == ("rejected", 1)
    assert ledger.pending_rejection(1) is None
    assert ledger.verify_audit().is_intact


def test_what_is_held_for_too_long_expires_once(ledger: Ledger) -> None:
    before = NOW - 498
    assert ledger.expiring(before) == [StudyKey(1, 1)]

    assert ledger.expire(KEY, before, NOW)
    assert not ledger.expire(KEY, before, NOW)
    assert not ledger.expire(StudyKey(2, 1), before, NOW)

    assert state(ledger) == ("rejected", 1)


def test_a_rejected_study_can_be_processed_again(ledger: Ledger) -> None:
    ledger.expire(KEY, NOW, NOW)

    assert ledger.process_again(1, "oscar", NOW) == StudyKey(1, 2)


def test_news_are_told_from_where_the_last_notice_ended(ledger: Ledger) -> None:
    newest, counts = ledger.news_of_holds(0)
    ledger.add_notice("held", "email", newest, {"counts": counts}, NOW)

    assert counts == {"no-policy": 1, "pixels.suspicious": 2}
    assert ledger.last_notice("held", "email") == (newest, NOW)
    assert ledger.last_notice("held", "webhook") is None
    assert ledger.news_of_holds(newest) == (newest, {})


def test_a_delivery_that_failed_is_news(ledger: Ledger) -> None:
    key = ledger.process_again(1, "oscar", NOW)
    ledger.advance(key, "processing", NOW)
    ledger.record_decision(key, accepted(), "digest-of-pack", NOW)
    ledger.record_outputs(key, [output(1)])
    delivery = Delivery("research-pacs", "dicom")
    ledger.open_deliveries(key, [delivery], "digest-of-basic-1", NOW)
    to_research = DeliveryKey(*key, "dicom", "research-pacs")
    ledger.begin_attempt(to_research, NOW)
    ledger.give_up(to_research, "no answer", NOW)

    _, counts = ledger.news_of_failures(0)

    assert counts == {"research-pacs": 1}


def test_a_delivery_that_was_opened_first_and_failed_last_is_news(ledger: Ledger) -> None:
    key = ledger.process_again(1, "oscar", NOW)
    ledger.advance(key, "processing", NOW)
    ledger.record_decision(key, accepted(), "digest-of-pack", NOW)
    ledger.record_outputs(key, [output(1)])
    names = ("first", "second")
    wanted = [Delivery(name, "dicom") for name in names]
    ledger.open_deliveries(key, wanted, "digest-of-basic-1", NOW)
    first, second = (DeliveryKey(*key, "dicom", name) for name in names)
    ledger.begin_attempt(first, NOW)
    ledger.begin_attempt(second, NOW)
    ledger.give_up(second, "no answer", NOW + 1)
    told, _ = ledger.news_of_failures(0)

    ledger.give_up(first, "no answer", NOW + 2)

    newest, counts = ledger.news_of_failures(told)
    assert counts == {"first": 1}
    assert ledger.news_of_failures(newest) == (newest, {})


def test_a_notice_is_due_until_it_was_sent_or_given_up(ledger: Ledger) -> None:
    ledger.add_notice("held", "email", 1, {"counts": {"x": 1}}, NOW)
    ledger.add_notice("held", "email", 2, {"counts": {"x": 1}}, NOW)
    [first, second] = ledger.due_notices(NOW)

    ledger.notice_sent(first.id, NOW)
    ledger.notice_failed(second.id, "no answer", NOW + 60)
    assert ledger.due_notices(NOW) == []
    assert ledger.unsent_notices() == (1, "no answer")
    [again] = ledger.due_notices(NOW + 61)
    assert (again.id, again.attempts) == (second.id, 1)
    ledger.notice_failed(second.id, "no answer", None)
    assert ledger.due_notices(NOW + 10_000) == []


def test_a_proposal_is_one_however_often_it_is_made_and_outdated_by_another(
    ledger: Ledger,
) -> None:
    def propose(text: str, by: str) -> int:
        return ledger.propose("text", "basic", 2, {"f": text}, by, NOW, base_digest="d")

    first = propose("a", "polly")
    assert propose("a", "polly") == first
    second = propose("b", "polly")

    assert [(one.id, one.state) for one in ledger.proposals()] == [
        (second, "open"),
        (first, "outdated"),
    ]
    ledger.decide_proposal(second, "approved", "petra", NOW)
    with pytest.raises(StateError):
        ledger.decide_proposal(second, "approved", "petra", NOW)
    assert ledger.proposal(99) is None


def test_a_shadow_is_asked_once_about_each_run_since_it_began(ledger: Ledger) -> None:
    ledger.begin_shadow(policy(version=8), "polly", NOW - 2000)
    ledger.begin_shadow(policy(version=9), "polly", NOW)
    [shadow] = ledger.shadows("basic")
    key = ledger.process_again(1, "oscar", NOW)
    ledger.advance(key, "processing", NOW)
    assert ledger.uncompared(shadow, 10) == []
    ledger.record_decision(key, accepted(), "digest-of-pack", NOW + 1)

    assert ledger.uncompared(shadow, 10) == [key]
    ledger.record_comparison(shadow, key, "otherwise", {"attributes": []}, NOW)
    ledger.record_comparison(shadow, key, "otherwise", {"attributes": []}, NOW)

    assert ledger.uncompared(shadow, 10) == []
    counts, found = ledger.comparisons(shadow)
    assert counts == {"otherwise": 1}
    assert [one.key for one in found] == [key]
    assert ledger.end_shadow("basic", "polly", NOW)
    assert not ledger.end_shadow("basic", "polly", NOW)
    assert [one.version for one in ledger.shadows(running=False)] == [9, 8]


def test_a_version_knows_each_time_at_which_it_began_to_decide(ledger: Ledger) -> None:
    ledger.activate_pack(pack(policy(version=2), digest="d2"), "polly", "folder", NOW)
    ledger.activate_pack(
        pack(policy(version=2), policy("other"), digest="d3"), "polly", "folder", NOW + 1
    )
    ledger.activate_pack(pack(), "petra", "folder at git commit 1", NOW + 2)

    first = ledger.activations(policy().digest)
    second = ledger.activations(policy(version=2).digest)

    assert [(one.by, one.source) for one in first] == [
        ("petra", "folder at git commit 1"),
        ("configuration", "policies"),
    ]
    assert [one.at for one in second] == [NOW]

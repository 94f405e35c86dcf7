"""Goal: what people left to the service happens once, in time, and can be taken back before.

Method: the real ledger with studies held at chosen times; the clock stands where a test puts it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gatehouse.adapters import notify
from gatehouse.adapters.keeper import Keeper, Keeping, warnings_of
from gatehouse.adapters.notify_settings import Channels, Webhook
from gatehouse.adapters.originals import Originals
from gatehouse.adapters.policy_view import FolderState
from gatehouse.errors import UnavailableError
from gatehouse.pipeline.desk_records import NoticeRecord
from gatehouse.pipeline.ports import Held
from gatehouse.pipeline.records import StudyKey
from support.desk import text, write_folder
from support.rest import NOW, Site
from support.studies import KEY, SERVER, accepted, mark

DAY_S = 86_400.0


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as made:
        made.desk.reload("start")
        made.hold()
        yield made


def keeper(site: Site, clock: Clock, **keeping: Any) -> Keeper:
    return Keeper(site.ledger, site.desk, Keeping(**keeping), lambda: None, clock)


def state(site: Site) -> tuple[str, str]:
    study = site.ledger.study(1)
    assert study is not None
    return study.state, study.rule


def test_a_rejection_is_done_when_nobody_took_it_back(site: Site, clock: Clock) -> None:
    site.ledger.reject_later(1, "wrong patient", "oscar", NOW, NOW + 60)
    one = keeper(site, clock)

    one.reject_due()
    assert state(site) == ("held", "pixels.suspicious")
    clock.now += 61
    one.reject_due()

    assert state(site) == ("rejected", "rejected-by-a-person")
    assert site.ledger.holds() == []
    [row] = [one for one in site.ledger.audit_rows() if one.action == "study.rejected"]
    assert row.actor == "oscar"


def test_a_rejection_that_was_taken_back_is_not_done(site: Site, clock: Clock) -> None:
    site.ledger.reject_later(1, "wrong patient", "oscar", NOW, NOW + 60)
    site.ledger.take_back(1, "petra", NOW + 30)
    clock.now += 61

    keeper(site, clock).reject_due()

    assert state(site) == ("held", "pixels.suspicious")


def test_a_rejection_does_not_touch_what_came_meanwhile(site: Site, clock: Clock) -> None:
    site.ledger.reject_later(1, "wrong patient", "oscar", NOW, NOW + 60)
    site.ledger.process_again(1, "oscar", NOW + 30)
    clock.now += 61

    keeper(site, clock).reject_due()

    assert state(site)[0] == "waiting"


def test_a_study_that_is_held_for_too_long_is_rejected(site: Site, clock: Clock) -> None:
    one = keeper(site, clock, held_days=30)
    clock.now += 29 * DAY_S
    one.reject_due()
    assert state(site)[0] == "held"

    clock.now += 2 * DAY_S
    one.reject_due()

    assert state(site) == ("rejected", "expired")


def test_without_a_limit_held_studies_stay_for_ever(site: Site, clock: Clock) -> None:
    clock.now += 10_000 * DAY_S

    keeper(site, clock).reject_due()

    assert state(site)[0] == "held"


# ---- Notices


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[NoticeRecord]:
    sent: list[NoticeRecord] = []
    monkeypatch.setattr(notify, "send", lambda _channels, notice, _server: sent.append(notice))
    return sent


HOOK = Channels(webhook=Webhook("http://127.0.0.1:1/"))


def test_people_are_told_once_of_each_hold(
    site: Site, clock: Clock, told: list[NoticeRecord]
) -> None:
    one = keeper(site, clock, channels=HOOK)

    one.tell()
    one.tell()
    assert [(each.event, each.content) for each in told] == [
        ("held", {"counts": {"pixels.suspicious": 1}})
    ]
    site.receive("instance-2", "study-2")
    site.hold(StudyKey(2, 1))
    one.tell()

    assert len(told) == 2


def test_people_are_told_daily_of_what_expires_soon(
    site: Site, clock: Clock, told: list[NoticeRecord]
) -> None:
    one = keeper(site, clock, channels=HOOK, held_days=30, notice_days=7)
    clock.now += 22 * DAY_S
    one.tell()
    assert "expiring" not in {each.event for each in told}

    clock.now += 2 * DAY_S
    one.tell()
    one.tell()
    clock.now += DAY_S + 1
    one.tell()

    assert [each.event for each in told].count("expiring") == 2


def test_nothing_expires_before_people_had_their_days_of_notice(
    site: Site, clock: Clock, told: list[NoticeRecord]
) -> None:
    clock.now += 300 * DAY_S
    one = keeper(site, clock, channels=HOOK, held_days=30, notice_days=7)
    one.reject_due()
    one.tell()
    told_at = clock.now
    clock.now = told_at + 6.9 * DAY_S
    one.reject_due()
    before = state(site)[0]
    clock.now = told_at + 7.1 * DAY_S
    one.reject_due()

    assert [each.event for each in told].count("expiring") == 1
    assert (before, state(site)) == ("held", ("rejected", "expired"))


def test_nothing_expires_while_nobody_can_be_told(
    site: Site, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise UnavailableError("the webhook answered 500")

    monkeypatch.setattr(notify, "send", fail)
    one = keeper(site, clock, channels=HOOK, held_days=30, notice_days=7)
    for _ in range(60):
        clock.now += DAY_S
        one.tell()
        one.reject_due()

    assert state(site)[0] == "held"


def test_a_study_that_was_in_no_notice_yet_does_not_expire_with_those_that_were(
    site: Site, clock: Clock, told: list[NoticeRecord]
) -> None:
    earlier = keeper(site, clock, channels=HOOK, held_days=30, notice_days=7)
    clock.now += 24 * DAY_S
    earlier.tell()
    site.receive("instance-2", "study-2")
    site.ledger.advance(StudyKey(2, 1), "processing", clock.now)
    site.ledger.hold(StudyKey(2, 1), Held("", "no-policy", "for a test"), clock.now)
    clock.now += 8 * DAY_S

    # Somebody is less patient now.
    keeper(site, clock, channels=HOOK, held_days=5, notice_days=1).reject_due()

    second = site.ledger.study(2)
    assert second is not None
    assert (state(site)[0], second.state) == ("rejected", "held")


def test_nothing_is_said_of_a_folder_that_nobody_has_looked_at_yet(site: Site) -> None:
    site.desk.seen = FolderState()

    assert list(warnings_of(site.desk, site.ledger)) == []


def test_people_are_told_of_a_folder_with_errors_and_the_status_says_why(
    site: Site, clock: Clock, told: list[NoticeRecord]
) -> None:
    assert site.desk.folder is not None
    write_folder(site.desk.folder, text(version=2).replace("basic", "basik"))
    one = keeper(site, clock, channels=HOOK)

    one.look_at_folder()
    one.tell()
    one.tell()

    assert [each.event for each in told].count("policies-invalid") == 1
    problems = list(warnings_of(site.desk, site.ledger))
    assert problems[0].startswith("the folder of policies can't be used")
    assert any("everything.yaml:13:" in problem for problem in problems)


def test_a_notice_that_was_not_taken_is_sent_again_later(
    site: Site, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[Exception | None] = [UnavailableError("the webhook answered 500"), None]
    tried: list[float] = []

    def send(_channels: object, _notice: object, _server: object) -> None:
        tried.append(clock.now)
        answer = answers.pop(0)
        if answer is not None:
            raise answer

    monkeypatch.setattr(notify, "send", send)
    one = keeper(site, clock, channels=HOOK)

    one.tell()
    one.tell()
    assert len(tried) == 1
    assert list(warnings_of(site.desk, site.ledger)) == [
        "1 notices were not sent so far: the webhook answered 500"
    ]
    clock.now += 61
    one.tell()

    assert len(tried) == 2
    assert list(warnings_of(site.desk, site.ledger)) == []


def test_originals_whose_time_is_over_are_looked_for(site: Site, clock: Clock) -> None:
    looks: list[bool] = []
    originals = SimpleNamespace(delete_expired=lambda is_stopping: looks.append(is_stopping()))
    made = Keeper(
        site.ledger, site.desk, Keeping(), lambda: None, clock, originals=cast(Originals, originals)
    )

    made.turn()

    assert looks == [False]


def test_one_task_that_fails_does_not_stop_the_others(
    site: Site, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = keeper(site, clock)
    site.ledger.reject_later(1, "wrong patient", "oscar", NOW, NOW - 1)

    def fails() -> None:
        raise OSError

    monkeypatch.setattr(one, "look_at_folder", fails)
    one.turn()

    assert state(site)[0] == "rejected"


def test_it_ends_when_it_is_told_to(site: Site, clock: Clock) -> None:
    one = keeper(site, clock)
    one.start()

    one.stop()
    one.join(60)

    assert not one.is_alive()


def test_a_shadow_is_not_asked_about_what_came_de_identified(
    site: Site, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unexpected(*_: object) -> None:
        raise AssertionError("it was asked")

    [policy] = site.desk.active().policies
    site.ledger.begin_shadow(policy, "polly", NOW - 100)
    assert site.ledger.import_journal(SERVER, "journal", 0, 1, [mark()])
    site.ledger.record_decision(KEY, accepted(policy), "digest-of-pack", NOW)
    monkeypatch.setattr(site.desk.side, "run", unexpected)

    keeper(site, clock).compare_shadows()

    [shadow] = site.ledger.shadows()
    assert site.ledger.comparisons(shadow)[0] == {"skipped": 1}

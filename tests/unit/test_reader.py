"""Goal: a study is handed to the workers once it is quiet, and never before its log was read.

Method: the reader's turns one by one, with a fake archive, a real ledger and a clock that is set.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gatehouse.adapters.ledger import Ledger
from gatehouse.adapters.reader import START_AGAIN_S, Reader
from gatehouse.adapters.wake import Waker
from gatehouse.pipeline.ports import Held
from gatehouse.pipeline.records import StudyKey
from gatehouse.policy.model import Decision, Outcome, Policy
from support.archive_fake import FakeArchive
from support.orthanc import eventually
from support.policies import a_policy
from support.studies import SERVER


class FakeStarter:
    def __init__(self) -> None:
        self.started: list[tuple[int, int]] = []
        self.failing: Exception | None = None

    def start(self, study_id: int, generation: int) -> None:
        if self.failing:
            raise self.failing
        self.started.append((study_id, generation))


class Bench:
    """A reader with everything that it works with."""

    def __init__(self, folder: Path) -> None:
        self.now = 1000.0
        self.policies: list[Policy] = []
        self.archive = FakeArchive()
        self.ledger = Ledger(f"sqlite:///{folder}/gatehouse.db")
        self.starter = FakeStarter()
        self.waker = Waker(folder / "wake.sock")
        self.reader = Reader(
            self.archive,
            self.ledger,
            self.starter,
            self.waker,
            server=SERVER,
            quiet_s=10.0,
            clock=lambda: self.now,
            policies=lambda: self.policies,
        )


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.reader.stop()
    made.ledger.close()


def test_a_study_is_started_when_it_has_been_quiet_for_its_time(bench: Bench) -> None:
    bench.reader.turn()
    bench.archive.store("a")
    bench.reader.turn()
    bench.now += 9.9
    bench.reader.turn()
    assert bench.starter.started == []

    bench.now += 0.2
    bench.reader.turn()

    assert bench.starter.started == [(1, 1)]


def test_another_instance_lets_the_time_begin_again(bench: Bench) -> None:
    bench.reader.turn()
    bench.archive.store("a")
    bench.reader.turn()
    bench.now += 9
    bench.archive.store("b")
    bench.reader.turn()
    bench.now += 9
    bench.reader.turn()

    assert bench.starter.started == []


def test_a_study_is_handed_over_once_and_once_more_when_nobody_took_it(bench: Bench) -> None:
    bench.reader.turn()
    bench.archive.store("a")
    bench.reader.turn()
    bench.now += 20
    bench.reader.turn()
    bench.reader.turn()
    assert bench.starter.started == [(1, 1)]

    bench.now += START_AGAIN_S
    bench.reader.turn()

    assert bench.starter.started == [(1, 1), (1, 1)]


def test_a_study_that_waited_before_a_restart_is_handed_over(bench: Bench) -> None:
    bench.reader.turn()
    bench.archive.store("a")
    bench.reader.turn()
    bench.ledger.quiet_studies(bench.now + 20, 10.0)

    bench.reader.turn()

    assert bench.starter.started == [(1, 1)]


def put_off(bench: Bench) -> None:
    """Have the study held for a minute."""
    bench.reader.turn()
    bench.archive.store("a")
    bench.reader.turn()
    bench.now += 20
    bench.reader.turn()
    key = StudyKey(1, 1)
    bench.ledger.advance(key, "processing", bench.now)
    held = Held("", "incomplete", "more is expected")
    bench.ledger.hold(key, held, bench.now, again_at=bench.now + 60)


def test_a_study_that_was_put_off_is_handed_over_when_its_time_has_come(bench: Bench) -> None:
    put_off(bench)
    bench.now += 59
    bench.reader.turn()
    assert bench.starter.started == [(1, 1)]

    bench.now += 2
    bench.reader.turn()

    assert bench.starter.started == [(1, 1), (1, 2)]


def test_a_study_that_another_service_has_begun_again_is_left_to_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_off(bench)
    bench.now += 61
    bench.ledger.process_again(1, "gatehouse", bench.now)
    monkeypatch.setattr(bench.ledger, "due_again", lambda _now: [1])

    bench.reader.turn()

    study = bench.ledger.study(1)
    assert study is not None
    assert (study.generation, study.state) == (2, "waiting")


def test_no_study_counts_as_quiet_while_the_log_can_t_be_read(bench: Bench) -> None:
    bench.reader.turn()
    bench.archive.store("a")
    bench.reader.turn()
    bench.now += 100
    bench.archive.failing = ConnectionError()

    with pytest.raises(ConnectionError):
        bench.reader.turn()

    assert bench.starter.started == []
    assert [study.state for study in bench.ledger.studies()] == ["receiving"]


def test_the_reader_says_what_keeps_it_and_goes_on_by_itself(bench: Bench) -> None:
    bench.archive.failing = ConnectionError("SECRET")

    bench.reader.start()
    eventually(lambda: bench.reader.problem)
    assert bench.reader.problem == "ConnectionError"
    bench.archive.failing = None

    eventually(lambda: not bench.reader.problem and bench.reader.caught_up_at)
    assert bench.reader.orthanc_version == "1.2.3"


def test_a_wake_up_is_answered_at_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatehouse.adapters.reader.POLL_S", 3600.0)
    bench.reader.start()
    eventually(lambda: bench.reader.caught_up_at)
    bench.archive.store("a")

    bench.waker.wake()

    eventually(lambda: bench.ledger.studies())


def test_a_reader_ends_when_it_is_told_to(bench: Bench) -> None:
    bench.reader.start()

    bench.reader.stop()
    bench.reader.join(60)

    assert not bench.reader.is_alive()


def test_many_wake_ups_are_one(tmp_path: Path) -> None:
    waker = Waker(tmp_path / "w.sock")
    for _ in range(1000):
        waker.wake()

    assert waker.wait(0.01)
    assert not waker.wait(0.01)


def test_a_socket_that_was_left_behind_is_replaced(tmp_path: Path) -> None:
    Waker(tmp_path / "w.sock")

    second = Waker(tmp_path / "w.sock")
    second.wake()

    assert second.wait(0.01)


def test_the_longest_quiet_time_of_all_policies_counts(bench: Bench) -> None:
    bench.policies = [a_policy(complete="{quiet: 1m}"), a_policy()]
    bench.reader.turn()
    bench.archive.store("a")
    bench.reader.turn()
    bench.now += 59.0
    bench.reader.turn()
    assert bench.starter.started == []

    bench.now += 2.0
    bench.reader.turn()

    assert bench.starter.started == [(1, 1)]


def test_an_incomplete_study_is_begun_again_once_its_longest_wait_is_over(bench: Bench) -> None:
    policy = a_policy(complete="{longest-wait: 100s, incomplete: process}")
    bench.policies = [policy]
    bench.reader.turn()
    bench.archive.store("a")
    bench.reader.turn()
    bench.now += 20.0
    bench.reader.turn()
    hold_as_incomplete(bench, StudyKey(1, 1), policy)
    bench.now += 79.0
    bench.reader.turn()
    assert bench.starter.started == [(1, 1)]

    bench.now += 2.0
    bench.reader.turn()
    assert bench.starter.started == [(1, 1), (1, 2)]

    hold_as_incomplete(bench, StudyKey(1, 2), policy)
    bench.now += 1000.0
    bench.reader.turn()
    assert bench.starter.started == [(1, 1), (1, 2)]


def hold_as_incomplete(bench: Bench, key: StudyKey, policy: Policy) -> None:
    """Do what a worker does with a study that is not whole."""
    decision = Decision(Outcome.HOLD, policy, "incomplete", "not whole", ())
    assert bench.ledger.advance(key, "processing", bench.now)
    assert bench.ledger.record_decision(key, decision, "0" * 64, bench.now)
    assert bench.ledger.hold(key, Held("", "incomplete", "not whole"), bench.now)

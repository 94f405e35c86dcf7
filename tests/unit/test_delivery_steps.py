"""Goal: a delivery is tried when it may be, sends what it must, and says what is there.

Method: a whole pipeline in memory up to its delivery; the destination answers as it is told, the
clock is set by hand.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from gatehouse.errors import DeliveryError
from gatehouse.pipeline.circuit import Breaker
from gatehouse.pipeline.delivery import DeliverySteps
from gatehouse.pipeline.destinations import DestinationKey
from gatehouse.pipeline.limits import Limits
from gatehouse.pipeline.ports import InstanceReceipt, OutgoingInstance
from gatehouse.pipeline.records import DeliveryKey, DeliveryRecord
from gatehouse.pipeline.study import StudySteps
from gatehouse.policy.model import Delivery
from support.faults import Line

POLICY = """\
policy: everything
version: 1
description: Every study.
owner: test
stage: active
match: every-study
deidentify:
  profile: basic
  project: test
deliver:
  - to: research-pacs
    via: dicom
    retry: {for: 1h, backoff: 10s..20s}
"""
PACS = DestinationKey("dicom", "research-pacs")


@pytest.fixture(autouse=True)
def utc() -> Iterator[None]:
    """Have local time be UTC."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    yield
    os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
    time.tzset()


class Stage:
    """A study that waits for its delivery."""

    def __init__(self, folder: Path, more: str = "", limits: Limits | None = None) -> None:
        self.line = Line(folder, policy=POLICY + more)
        self.tools = dataclasses.replace(self.line.tools, limits={PACS: limits or Limits()})
        [study] = self.line.ledger.studies()
        steps: Any = StudySteps(self.tools)
        made = steps.make(study.key, steps.decide(study.key))
        opened = steps.release(study.key, steps.keep(study.key, made))
        self.key: DeliveryKey = opened[0]
        self.steps = DeliverySteps(self.tools)

    def attempt(self) -> float | None:
        """Try once; return in how many seconds it is tried again."""
        at = self.steps.attempt(self.key)
        return None if at is None else at - self.line.now

    @property
    def delivery(self) -> DeliveryRecord:
        [found] = self.line.ledger.deliveries()
        return found

    @property
    def study_state(self) -> tuple[str, str]:
        [study] = self.line.ledger.studies()
        return study.state, study.rule


@pytest.fixture
def stage(tmp_path: Path) -> Callable[..., Stage]:
    return lambda *arguments: Stage(tmp_path / "stage", *arguments)


def silent(
    _delivery: Delivery, _instances: Sequence[OutgoingInstance]
) -> Iterator[InstanceReceipt]:
    """Be a destination that is away."""
    raise DeliveryError("it can't be reached")


def test_a_delivery_with_all_receipts_is_finished_and_its_study_done(
    stage: Callable[..., Stage],
) -> None:
    made = stage()

    assert made.attempt() is None

    assert (made.delivery.state, made.delivery.receipts) == ("delivered", 3)
    assert made.study_state == ("done", "")
    # What comes after the last instance is told of all of them.
    assert len(made.line.research.finished) == 3


def test_what_waits_for_the_window_of_its_destination_counts_no_attempt(
    stage: Callable[..., Stage],
) -> None:
    made = stage("", Limits(window=("18:00", "07:00")))
    made.line.now = datetime.fromisoformat("2026-01-15T12:00").timestamp()

    assert made.attempt() == 6 * 3600.0

    assert (made.delivery.attempts, made.delivery.last_error) == (0, "waits for its time window")
    assert made.line.research.got == []


def test_of_two_windows_both_must_be_open(stage: Callable[..., Stage]) -> None:
    made = stage("    window: 20:00-22:00\n", Limits(window=("18:00", "07:00")))
    made.line.now = datetime.fromisoformat("2026-01-15T12:00").timestamp()

    assert made.attempt() == 8 * 3600.0


def test_a_window_that_shuts_in_the_middle_ends_the_attempt_and_the_rest_follows_later(
    stage: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatehouse.pipeline.delivery.RECEIPTS_BATCH", 1)
    made = stage("", Limits(window=("18:00", "07:00")))
    made.line.now = datetime.fromisoformat("2026-01-15T06:59:59").timestamp()

    def answer(one: OutgoingInstance) -> InstanceReceipt:
        made.line.now += 1.0
        return InstanceReceipt(one.sop_instance_uid, "0x0000", is_stored=True)

    made.line.research.answer = answer

    waits_s = made.attempt()
    sent_at_first = len(made.line.research.got)
    made.line.now += waits_s or 0.0
    made.attempt()

    assert waits_s == 11 * 3600.0
    assert sent_at_first < 3
    assert (made.delivery.state, len(made.line.research.got)) == ("delivered", 3)


def test_a_paused_destination_gets_nothing_until_somebody_resumes_it(
    stage: Callable[..., Stage],
) -> None:
    made = stage()
    made.line.ledger.pause_destination(PACS, "oscar", made.line.now)

    paused = made.attempt()
    while_paused = (made.delivery.state, made.delivery.next_try_at, made.delivery.attempts)
    started = made.line.ledger.resume_destination(PACS, "oscar", made.line.now)
    made.attempt()

    assert paused is None
    assert while_paused == ("waiting", None, 0)
    assert [key for key, _ in started] == [made.key]
    assert made.delivery.state == "delivered"


def test_a_delivery_that_waits_for_a_pause_to_end_is_not_taken_for_lost(
    stage: Callable[..., Stage],
) -> None:
    made = stage()
    made.line.ledger.pause_destination(PACS, "oscar", made.line.now)
    made.attempt()

    assert made.line.ledger.overdue_deliveries(made.line.now + 1e6) == []


def test_failures_open_the_circuit_and_a_probe_closes_it(stage: Callable[..., Stage]) -> None:
    made = stage("", Limits(breaker=Breaker(failures=2, probe_min_s=60.0)))
    research = made.line.research
    answering = research.send
    research.send = silent  # type: ignore[method-assign]
    for _ in range(2):
        made.line.now += made.attempt() or 0.0
    [away] = made.line.ledger.destinations()

    waits_s = made.attempt()
    attempts_while_open = made.delivery.attempts
    made.line.now = (away.circuit.probe_at or 0.0) + 20.0
    research.send = answering  # type: ignore[method-assign]
    made.attempt()

    assert away.circuit.is_open
    assert away.last_error == "it can't be reached"
    assert waits_s is not None
    assert attempts_while_open == 2
    assert made.delivery.state == "delivered"
    [back] = made.line.ledger.destinations()
    assert not back.circuit.is_open


def test_a_delivery_that_waits_for_a_circuit_is_given_up_after_its_longest_time(
    stage: Callable[..., Stage],
) -> None:
    made = stage("", Limits(breaker=Breaker(failures=1, probe_min_s=7200.0, probe_max_s=7200.0)))
    made.line.research.send = silent  # type: ignore[method-assign]
    made.attempt()
    made.line.now += 3601.0

    assert made.attempt() is None

    assert made.delivery.state == "failed"
    assert made.study_state == ("held", "delivery.failed")


@pytest.mark.parametrize(
    ("status", "is_open"), [("0xC000", False), ("0xA900", False), ("0xA700", True), ("503", True)]
)
def test_a_refusal_shows_that_a_destination_is_there_and_being_out_of_resources_does_not(
    stage: Callable[..., Stage], status: str, is_open: bool
) -> None:
    made = stage("", Limits(breaker=Breaker(failures=1)))
    made.line.research.answer = lambda one: InstanceReceipt(
        one.sop_instance_uid, status, is_stored=False
    )

    made.attempt()

    [found] = made.line.ledger.destinations()
    assert found.circuit.is_open is is_open
    assert found.last_error.startswith("3 of 3 instances have no receipt")


def test_only_what_is_absent_is_sent_where_the_policy_says_so(
    stage: Callable[..., Stage],
) -> None:
    made = stage("    only-if-absent: true\n")
    there = made.line.ledger.missing(made.key)[0].sop_instance_uid_new
    made.line.research.got.append((there, b"from elsewhere"))

    made.attempt()

    sent = [uid for uid, dicom in made.line.research.got if dicom != b"from elsewhere"]
    assert (made.delivery.state, len(sent), there in sent) == ("delivered", 2, False)
    statuses = {one.status: one.detail for one in made.line.ledger.receipts(made.key)}
    assert statuses == {"0x0000": "", "present": "it was there before, says a look"}


def test_nothing_is_sent_in_a_transfer_syntax_that_the_policy_does_not_allow(
    stage: Callable[..., Stage],
) -> None:
    made = stage("    transfer-syntax: [JPEG2000Lossless, JPEGLSLossless]\n")

    made.attempt()

    assert made.line.research.got == []
    assert made.delivery.state == "failed"
    assert made.delivery.last_error == (
        "instances are in transfer syntaxes that this delivery does not allow "
        "(1.2.840.10008.1.2.1), and nothing is transcoded"
    )


def test_a_delivery_that_is_verified_by_query_is_delivered_when_all_are_found(
    stage: Callable[..., Stage],
) -> None:
    made = stage("    verify: query\n")

    made.attempt()

    assert (made.delivery.state, made.delivery.confirmed) == ("delivered", 3)


def test_what_a_destination_took_and_does_not_have_is_sent_again(
    stage: Callable[..., Stage],
) -> None:
    made = stage("    verify: query\n")
    research = made.line.research
    lost = made.line.ledger.missing(made.key)[0].sop_instance_uid_new

    def forgets(_delivery: Delivery, instances: Sequence[OutgoingInstance]) -> tuple[set[str], str]:
        found = {one.sop_instance_uid for one in instances}
        times = [uid for uid, _ in research.got].count(lost)
        return (found - {lost} if times < 2 else found), "C-FIND"

    research.present = forgets  # type: ignore[method-assign]

    made.line.now += made.attempt() or 0.0
    after_first = (made.delivery.state, made.delivery.receipts, made.delivery.last_error)
    made.attempt()

    assert after_first == (
        "waiting",
        2,
        "1 of 3 instances that it had taken were not there when it was asked by C-FIND; they are "
        "sent again",
    )
    assert (made.delivery.state, made.delivery.confirmed) == ("delivered", 3)
    assert [uid for uid, _ in research.got].count(lost) == 2


def test_a_delivery_that_is_to_be_confirmed_is_not_closed_by_receipts_alone(
    stage: Callable[..., Stage],
) -> None:
    made = stage("    verify: commitment\n")

    def silence(*_: object) -> tuple[set[str], str]:
        raise DeliveryError("it did not report on storage commitment within 60 s")

    made.line.research.committed = silence  # type: ignore[method-assign,assignment]

    made.attempt()

    assert (made.delivery.state, made.delivery.receipts, made.delivery.confirmed) == (
        "waiting",
        3,
        0,
    )


def test_a_delivery_that_is_cancelled_while_it_is_sent_stops(
    stage: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatehouse.pipeline.delivery.RECEIPTS_BATCH", 1)
    made = stage()

    def answer(one: OutgoingInstance) -> InstanceReceipt:
        if made.delivery.state == "sending":
            made.line.ledger.cancel_delivery(made.delivery.delivery_id, "oscar", made.line.now)
        return InstanceReceipt(one.sop_instance_uid, "0x0000", is_stored=True)

    made.line.research.answer = answer

    assert made.attempt() is None

    assert (made.delivery.state, len(made.line.research.got)) == ("cancelled", 1)
    assert made.study_state == ("done", "delivery.cancelled")


def test_a_delivery_whose_own_condition_does_not_hold_is_not_opened(tmp_path: Path) -> None:
    elsewhere = "  - to: lungs\n    via: dicom\n    when: {Modality: {is: MR}}\n"

    made = Stage(tmp_path / "stage", elsewhere)

    assert [one.key.destination for one in made.line.ledger.deliveries()] == ["research-pacs"]

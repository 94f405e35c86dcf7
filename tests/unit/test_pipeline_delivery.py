"""Goal: retries come later and later but never too late, and windows mean local time.

Method: the pure helpers of deliveries, names of workflows, terms and file meta information.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import datetime

import pytest

from gatehouse.errors import VerificationError
from gatehouse.pipeline import terms
from gatehouse.pipeline.chains import DeliveryRun, StudyRun, delivery_queue
from gatehouse.pipeline.file_meta import read_file_meta
from gatehouse.pipeline.records import DeliveryKey, StudyKey
from gatehouse.pipeline.states import OPENS_GENERATION, STUDY_STATES, TRANSITIONS
from gatehouse.pipeline.times import next_opening, pause_s
from gatehouse.pipeline.workflows import pause_s as study_pause_s
from gatehouse.policy.model import Delivery, Retry
from support.dicom_builder import CT_IMAGE_STORAGE, JPEGBaseline8Bit, ct_bytes

RETRY = Retry(longest_s=3600.0, backoff_min_s=30.0, backoff_max_s=600.0)


@pytest.fixture(autouse=True)
def berlin() -> Iterator[None]:
    """Have local time with a summer time."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Europe/Berlin"
    time.tzset()
    yield
    os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
    time.tzset()


def at(text: str) -> float:
    """Return a local time as seconds since the epoch."""
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("number", "seconds"), [(1, 30.0), (2, 60.0), (3, 120.0), (6, 600.0), (1000, 600.0)]
)
def test_pauses_double_up_to_the_longest(number: int, seconds: float) -> None:
    assert pause_s(RETRY, number, spread=0.0) == seconds


def test_pauses_are_spread_over_a_quarter_of_their_length() -> None:
    assert pause_s(RETRY, 1, spread=1.0) == 22.5


def test_a_study_waits_longer_each_time_and_never_more_than_five_minutes() -> None:
    assert [study_pause_s(tries) for tries in (1, 2, 3, 50)] == [2.0, 4.0, 8.0, 300.0]


@pytest.mark.parametrize(
    ("window", "now", "opens"),
    [
        (None, "2026-01-15T12:00", None),
        (("08:00", "18:00"), "2026-01-15T08:00", None),
        (("08:00", "18:00"), "2026-01-15T07:59", "2026-01-15T08:00"),
        (("08:00", "18:00"), "2026-01-15T18:00", "2026-01-16T08:00"),
        (("18:00", "07:00"), "2026-01-15T23:00", None),
        (("18:00", "07:00"), "2026-01-15T06:59", None),
        (("18:00", "07:00"), "2026-01-15T07:00", "2026-01-15T18:00"),
        (("18:00", "07:00"), "2026-12-31T12:00", "2026-12-31T18:00"),
        # The clocks go forward in between: the window opens at six by the clock on the wall.
        (("06:00", "07:00"), "2026-03-28T08:00", "2026-03-29T06:00"),
        # They go forward over its begin: there is no such time, and it opens an hour later.
        (("02:30", "04:00"), "2026-03-29T01:00", "2026-03-29T03:30"),
        # They go forward over all of it: what comes then is shut, and the next night's is meant.
        (("02:10", "02:50"), "2026-03-29T03:10", "2026-03-30T02:10"),
        # They go back, and it is 02:30 twice: the first time is the next before it, ...
        (("02:30", "02:45"), "2026-10-25T02:20+02:00", "2026-10-25T02:30+02:00"),
        # ... the second time between the two, ...
        (("02:30", "02:45"), "2026-10-25T02:20+01:00", "2026-10-25T02:30+01:00"),
        # ... and open both times.
        (("02:30", "02:45"), "2026-10-25T02:40+02:00", None),
        (("02:30", "02:45"), "2026-10-25T02:40+01:00", None),
    ],
)
def test_a_window_opens_at_its_local_time(
    window: tuple[str, str] | None, now: str, opens: str | None
) -> None:
    assert next_opening(window, at(now)) == (None if opens is None else at(opens))


@pytest.mark.parametrize("day", ["2026-03-29", "2026-06-15", "2026-10-25"])
@pytest.mark.parametrize("window", [("02:30", "02:45"), ("00:00", "00:01"), ("23:50", "02:10")])
def test_what_waits_for_a_window_never_waits_for_a_time_that_is_over(
    window: tuple[str, str], day: str
) -> None:
    minutes = [at(day) + 60.0 * minute for minute in range(25 * 60)]

    waits = [(next_opening(window, now) or now + 1.0) - now for now in minutes]

    assert min(waits) > 0.0
    assert max(waits) < 26 * 3600.0


def test_each_run_of_a_chain_has_a_name_of_its_own() -> None:
    first = StudyRun(StudyKey(12, 1))
    again = StudyRun(StudyKey(12, 1), since=7)

    names = [first.name(), first.next().name(), again.name(), again.next().name()]

    assert names == ["study-12-1", "study-12-1#0-2", "study-12-1#7-1", "study-12-1#7-2"]


def test_a_delivery_is_named_after_its_destination_and_waits_in_its_queue() -> None:
    run = DeliveryRun(DeliveryKey(12, 1, "dicom", "research-pacs"))

    assert run.name() == "deliver-12-1-dicom-research-pacs"
    assert run.options()["queue_name"] == delivery_queue("dicom", "research-pacs")
    assert "delay_seconds" not in run.options()
    assert run.next().options(30.0)["delay_seconds"] == 30.0


@pytest.mark.parametrize("window", [None, ("18:00", "07:00")])
def test_terms_survive_json(window: tuple[str, str] | None) -> None:
    delivery = Delivery("research-pacs", "dicom", RETRY, window)

    assert terms.from_json(terms.to_json(delivery)) == delivery


def test_the_file_says_its_sop_class_and_transfer_syntax() -> None:
    whole = ct_bytes(JPEGBaseline8Bit)

    found = read_file_meta([whole[:100], memoryview(whole)[100:]])

    assert found == (CT_IMAGE_STORAGE, JPEGBaseline8Bit)


@pytest.mark.parametrize("file", [b"", b"no DICOM" * 100, ct_bytes()[:140], ct_bytes()[:170]])
def test_a_file_without_file_meta_information_does_not_leave(file: bytes) -> None:
    with pytest.raises(VerificationError, match="no readable file meta information"):
        read_file_meta([file])


def test_every_state_has_its_transitions() -> None:
    assert set(TRANSITIONS) == set(STUDY_STATES)
    assert {state for states in TRANSITIONS.values() for state in states} <= set(STUDY_STATES)
    assert set(STUDY_STATES) == OPENS_GENERATION | {"receiving"}

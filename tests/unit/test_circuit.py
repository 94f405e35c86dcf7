"""Goal: a destination that is away is left alone but for a probe, and is not forgotten.

Method: circuits and rates are values and small objects; clocks are given by hand.
"""

from __future__ import annotations

import pytest

from gatehouse.pipeline.circuit import (
    CLOSED,
    PROBE_PATIENCE_S,
    Breaker,
    Circuit,
    admit,
    failed,
    state_of,
)
from gatehouse.pipeline.limits import Limits, Pace

BREAKER = Breaker(failures=3, probe_min_s=10.0, probe_max_s=60.0)


def after_failures(number: int, at: float = 100.0) -> Circuit:
    circuit = CLOSED
    for _ in range(number):
        circuit = failed(circuit, BREAKER, at)
    return circuit


@pytest.mark.parametrize(("failures", "state"), [(0, "closed"), (2, "closed"), (3, "open")])
def test_so_many_failures_in_a_row_open_a_circuit(failures: int, state: str) -> None:
    assert state_of(after_failures(failures), 100.0) == state


def test_an_open_circuit_lets_nobody_through_before_its_probe_is_due() -> None:
    circuit = after_failures(3)

    assert admit(circuit, 109.0) == (circuit, 110.0)
    assert state_of(circuit, 109.0) == "open"


def test_one_probe_goes_through_and_the_others_wait_for_its_outcome() -> None:
    circuit, first = admit(after_failures(3), 110.0)
    _, second = admit(circuit, 111.0)

    assert first is None
    assert second == 110.0 + PROBE_PATIENCE_S


def test_a_probe_of_which_nothing_is_heard_is_followed_by_another_one() -> None:
    circuit, _ = admit(after_failures(3), 110.0)

    _, again_at = admit(circuit, 110.0 + PROBE_PATIENCE_S)

    assert again_at is None


def test_probes_come_later_each_time_and_never_later_than_the_longest_pause() -> None:
    pauses = [failed(after_failures(number), BREAKER, 100.0).probe_at for number in range(2, 8)]

    assert pauses == [110.0, 120.0, 140.0, 160.0, 160.0, 160.0]


def test_a_circuit_remembers_when_it_opened() -> None:
    circuit = failed(after_failures(3, at=100.0), BREAKER, 200.0)

    assert (circuit.opened_at, circuit.failures) == (100.0, 4)


class Clock:
    """A clock that sleeping puts forward."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(
    ("limits", "seconds"),
    [
        (Limits(), 0.0),
        (Limits(instances_per_s=2.0), 5.0),
        (Limits(bytes_per_s=1000.0), 20.0),
        # Whichever is slower.
        (Limits(instances_per_s=2.0, bytes_per_s=1000.0), 20.0),
        # A share of the rate for each of the deliveries that may run at once.
        (Limits(instances_per_s=2.0, concurrency=3), 15.0),
    ],
)
def test_ten_instances_take_as_long_as_the_rate_says(limits: Limits, seconds: float) -> None:
    clock = Clock()
    pace = Pace(limits, clock, clock.sleep)

    for _ in range(10):
        pace.sent(2000)

    assert clock.now == pytest.approx(seconds)


def test_time_that_sending_took_counts_and_what_was_not_used_is_not_made_up_for() -> None:
    clock = Clock()
    pace = Pace(Limits(instances_per_s=1.0), clock, clock.sleep)

    clock.now = 100.0
    pace.sent(1)
    pace.sent(1)

    assert clock.now == pytest.approx(101.0)

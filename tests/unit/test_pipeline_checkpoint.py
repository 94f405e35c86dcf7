"""Goal: a thread that is held is known to wait, and nobody but its holder lets it go on.

Method: a thread that passes a checkpoint in a loop, as pynetdicom's association thread does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from gatehouse.adapters.destinations.checkpoint import Checkpoint
from support.orthanc import eventually


class Passing:
    """A thread that passes a checkpoint again and again."""

    def __init__(self) -> None:
        self.checkpoint = Checkpoint()
        self.passed = 0
        self._is_ended = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def end(self) -> None:
        self._is_ended = True
        self.checkpoint.let_go()
        self.thread.join(60)

    def _run(self) -> None:
        while not self._is_ended:
            self.checkpoint.wait()
            self.passed += 1
            time.sleep(0.0001)


@pytest.fixture
def passing() -> Iterator[Passing]:
    made = Passing()
    yield made
    made.end()


def test_a_thread_that_is_held_does_nothing_more_from_that_moment_on(passing: Passing) -> None:
    for _ in range(200):
        is_waiting = passing.checkpoint.hold(60.0)
        at_once = passing.passed
        passing.checkpoint.set()
        passing.checkpoint.clear()
        passing.checkpoint.set()
        time.sleep(0.0005)
        assert is_waiting
        assert passing.passed == at_once
        passing.checkpoint.let_go()


def test_a_thread_that_was_let_go_goes_on(passing: Passing) -> None:
    passing.checkpoint.hold(60.0)
    before = passing.passed

    passing.checkpoint.let_go()

    eventually(lambda: passing.passed > before)
    assert passing.checkpoint.is_set()


def test_holding_nobody_is_said() -> None:
    assert not Checkpoint().hold(0.05)


def test_it_opens_and_closes_like_any_event_while_nobody_holds_it() -> None:
    checkpoint = Checkpoint()

    checkpoint.clear()
    closed = checkpoint.wait(0.01)
    checkpoint.set()

    assert not closed
    assert checkpoint.wait(0.01)

"""Goal: forked processes share tasks, and none is lost, also when processes die or hang.

Method: small functions as work, some of which kill or stop their process.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from gatehouse.adapters.fork_pool import ForkPool, Lost


def results(work: Any, count: int, *, size: int = 2, task_s: float = 60.0) -> list[Any]:
    with ForkPool(size, work, task_s) as pool:
        return list(pool.run(7, range(count)))


@pytest.mark.parametrize("size", [1, 2, 5])
def test_answers_come_in_the_order_of_the_tasks(size: int) -> None:
    def work(phase: int, number: int) -> tuple[int, int]:
        time.sleep(0.002 * (number % 3))
        return phase, number * number

    answers = results(work, 50, size=size)

    assert answers == [(number, (7, number * number)) for number in range(50)]


def test_the_work_is_shared_and_not_done_here() -> None:
    # The first two tasks wait for each other, so neither process can do them both.
    both_are_there = multiprocessing.get_context("fork").Barrier(2)

    def work(_phase: int, number: int) -> int:
        if number < 2:
            both_are_there.wait(60)
        return os.getpid()

    workers = {answer for _, answer in results(work, 40)}

    assert len(workers) == 2
    assert os.getpid() not in workers


def test_the_work_begins_before_the_first_answer_is_asked_for() -> None:
    reading, writing = os.pipe()

    def work(_phase: int, number: int) -> int:
        os.write(writing, b"x")
        return number

    with ForkPool(1, work, 60.0) as pool:
        answers = pool.run(7, range(2))
        os.read(reading, 1)  # does not return unless somebody is at work

        assert list(answers) == [(0, 0), (1, 1)]
    os.close(reading)
    os.close(writing)


def test_a_process_that_dies_costs_its_task_only() -> None:
    def work(_phase: int, number: int) -> int:
        if number in (0, 3, 4, 19):
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    answers = dict(results(work, 20))

    assert {number for number, answer in answers.items() if answer == Lost("died")} == {0, 3, 4, 19}
    assert [answers[number] for number in (1, 2, 5, 18)] == [1, 2, 5, 18]


def test_an_exception_that_nobody_caught_costs_its_task_only(
    capfd: pytest.CaptureFixture[str],
) -> None:
    def work(_phase: int, number: int) -> int:
        return 10 // number

    answers = results(work, 3)

    assert answers == [(0, Lost("died")), (1, 10), (2, 5)]
    assert capfd.readouterr().err == ""


def test_a_process_that_hangs_is_ended() -> None:
    def work(_phase: int, number: int) -> int:
        if number == 1:
            time.sleep(3600)  # much longer than any test may take
        return number

    answers = results(work, 4, task_s=3.0)

    assert answers == [(0, 0), (1, Lost("too-long")), (2, 2), (3, 3)]


def test_those_who_wait_for_answers_are_told_before_each_wait() -> None:
    events: list[object] = []

    with ForkPool(1, lambda _phase, number: number, 60.0) as pool:
        for number, _ in pool.run(7, range(30), before_wait=lambda: events.append("wait")):
            events.append(number)

    assert events[0] == "wait"
    assert [event for event in events if event != "wait"] == list(range(30))


def test_tasks_are_handed_out_evenly_however_many_a_process_gets_ahead() -> None:
    # Every task waits for one of the other process: none can have them all.
    both = multiprocessing.get_context("fork").Barrier(2)

    def work(_phase: int, _number: int) -> int:
        both.wait(60)
        return os.getpid()

    with ForkPool(2, work, 60.0) as pool:
        workers = [answer for _, answer in pool.run(7, range(100), ahead=64)]

    assert sorted(workers.count(one) for one in set(workers)) == [50, 50]


def test_a_large_answer_comes_whole() -> None:
    answers = results(lambda _phase, number: b"x" * (300_000 + number), 4)

    assert [len(answer) for _, answer in answers] == [300_000, 300_001, 300_002, 300_003]


def test_one_pool_does_several_phases() -> None:
    with ForkPool(2, lambda phase, number: phase + number, 60.0) as pool:
        first = list(pool.run(100, [1, 2]))
        second = list(pool.run(200, [5]))

    assert (first, second) == ([(1, 101), (2, 102)], [(5, 205)])


def test_no_process_and_no_descriptor_is_left() -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = descriptors()

    workers = {answer for _, answer in results(lambda *_: os.getpid(), 10, size=3)}

    assert descriptors() == before
    assert [pid for pid in workers if Path(f"/proc/{pid}").exists()] == []


def test_nothing_to_do_is_done() -> None:
    assert results(lambda _phase, number: number, 0) == []

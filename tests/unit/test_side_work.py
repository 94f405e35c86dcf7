"""Goal: work beside the service ends in time, says nothing it may not, and harms nobody else.

Method: real child processes that hang, die, fail and quote a value.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from gatehouse.adapters.side_work import RefusedError, SideSetup, SideWork, TookTooLongError
from gatehouse.errors import PolicyError, UnavailableError

SETUP = SideSetup("http://127.0.0.1:1", "", Path("/nowhere"))


@pytest.fixture
def side() -> SideWork:
    return SideWork(SETUP, limit_s=240.0)


def answers(_setup: SideSetup, request: Any) -> tuple[int, Any]:
    return os.getpid(), request


def hangs(_setup: SideSetup, _request: Any) -> None:
    time.sleep(3600)


def dies(_setup: SideSetup, _request: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def refuses(_setup: SideSetup, _request: Any) -> None:
    raise PolicyError("line 3: no")


def quotes(_setup: SideSetup, request: Any) -> None:
    raise ValueError(request)


def test_work_is_done_in_another_process(side: SideWork) -> None:
    pid, given = side.run(answers, {"a": 1})

    assert pid != os.getpid()
    assert given == {"a": 1}


def test_work_that_takes_too_long_is_ended(side: SideWork) -> None:
    side.warm_up()

    with pytest.raises(TookTooLongError, match=r"took more than 0\.5 s"):
        SideWork(SETUP, limit_s=0.5).run(hangs, None)


def test_a_process_that_dies_is_an_error_and_the_next_one_works(side: SideWork) -> None:
    with pytest.raises(UnavailableError, match="died"):
        side.run(dies, None)

    assert side.run(answers, 7)[1] == 7


def test_our_own_words_are_passed_on(side: SideWork) -> None:
    with pytest.raises(RefusedError, match="line 3: no"):
        side.run(refuses, None)


def test_words_of_others_are_not_passed_on(side: SideWork) -> None:
    with pytest.raises(UnavailableError) as caught:
        side.run(quotes, "QZXCANARY")

    assert str(caught.value) == "it failed (ValueError)"

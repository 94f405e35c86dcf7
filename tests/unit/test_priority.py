"""Goal: workers come after Orthanc, and never before what the system was told.

Method: processes of their own, since nobody may take niceness back.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import gatehouse

PLUGIN = Path(gatehouse.__file__).parents[1]

SCRIPT = """
import os, sys, threading
sys.path.insert(0, sys.argv[1])
from gatehouse.adapters.priority import step_back

def tell():
    print(os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0), flush=True)

{before}
before = os.getpriority(os.PRIO_PROCESS, 0)
step_back(before + int(sys.argv[2]))
print(before)
for start in (tell, threading.Thread(target=tell).start):
    start()
"""


def run(step: int, before: str = "") -> list[list[int]]:
    words = [sys.executable, "-c", SCRIPT.format(before=before), str(PLUGIN), str(step)]
    printed = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    return [[int(word) for word in line.split()] for line in printed.splitlines()]


def test_a_process_and_its_threads_come_after_others_and_interrupt_nobody() -> None:
    [niceness], itself, thread = run(3)

    # os.SCHED_BATCH
    assert itself == thread == [niceness + 3, 3]


@pytest.mark.parametrize("step", [-3, 0])
def test_what_the_system_gives_less_already_gets_no_more(step: int) -> None:
    [niceness], itself, _ = run(step, "os.nice(4)")

    assert itself[0] == niceness


def test_another_kind_of_scheduling_is_left_as_it_is() -> None:
    idle = "os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))"

    _, itself, _ = run(0, idle)

    assert itself[1] == 5  # os.SCHED_IDLE

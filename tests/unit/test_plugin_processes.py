"""Goal: our processes come back when they die, and never outlive Orthanc.

Method: real processes, small Python programs that write what they read from stdin into a file.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gatehouse.adapters.processes import Processes, Watched, environment
from support.orthanc import eventually

OBEYS = """
import pathlib, sys
line = sys.stdin.readline()
with pathlib.Path(sys.argv[1]).open("a") as file:
    file.write(line)
sys.stdin.read()
with pathlib.Path(sys.argv[1]).open("a") as file:
    file.write("ended\\n")
"""

STUBBORN = """
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(sys.argv[1]).write_text("up")
time.sleep(60)
"""

ENDS_AT_ONCE = "import sys; sys.exit(7)"


@pytest.fixture
def log() -> list[str]:
    return []


@pytest.fixture
def watched(tmp_path: Path, log: list[str]) -> Callable[[str], Watched]:
    def make(program: str) -> Watched:
        command = [sys.executable, "-c", program, str(tmp_path / "said")]
        return Watched("worker-1", command, b"handover\n", {}, log.append, pause_first_s=0.05)

    return make


def said(tmp_path: Path) -> list[str]:
    file = tmp_path / "said"
    return file.read_text().splitlines() if file.exists() else []


def test_a_process_gets_one_line_and_ends_when_its_stdin_ends(
    tmp_path: Path, watched: Callable[[str], Watched]
) -> None:
    process = watched(OBEYS)

    process.start()
    eventually(lambda: said(tmp_path) == ["handover"])
    process.stop()

    assert said(tmp_path) == ["handover", "ended"]


def test_a_process_that_is_killed_is_started_again_with_the_same_handover(
    tmp_path: Path, watched: Callable[[str], Watched], log: list[str]
) -> None:
    process = watched(OBEYS)
    process.start()
    eventually(lambda: said(tmp_path) == ["handover"])
    first = process.pid
    assert first is not None

    os.kill(first, signal.SIGKILL)

    eventually(lambda: said(tmp_path) == ["handover", "handover"])
    assert process.pid != first
    assert log == ["worker-1 ended with exit code -9; started again in 0.05 s"]
    process.stop()


def test_a_process_that_never_lives_is_started_with_growing_pauses(
    watched: Callable[[str], Watched], log: list[str]
) -> None:
    process = watched(ENDS_AT_ONCE)

    process.start()
    eventually(lambda: len(log) >= 3)
    process.stop()

    assert log[:3] == [
        f"worker-1 ended with exit code 7; started again in {pause} s"
        for pause in ("0.05", "0.1", "0.2")
    ]


def test_a_program_that_is_not_there_is_reported_and_tried_again(log: list[str]) -> None:
    process = Watched("service", ["/nowhere/python"], b"", {}, log.append, pause_first_s=0.05)

    process.start()
    eventually(lambda: len(log) >= 2)
    process.stop()

    assert log[0] == (
        "service can't be started (No such file or directory); started again in 0.05 s"
    )


def test_a_process_that_does_not_want_to_end_is_killed(
    tmp_path: Path, watched: Callable[[str], Watched], log: list[str]
) -> None:
    process = watched(STUBBORN)
    process.start()
    eventually(lambda: said(tmp_path) == ["up"])
    pid = process.pid

    process.stop(patience_s=0.3)

    assert log == [
        "worker-1 takes too long to end: terminate",
        "worker-1 takes too long to end: kill",
    ]
    assert process.pid is None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_nothing_is_started_after_the_stop(
    tmp_path: Path, watched: Callable[[str], Watched]
) -> None:
    process = watched(OBEYS)
    process.ask_to_stop()

    process.start()
    process.stop()

    assert said(tmp_path) == []


def test_all_processes_are_ended_side_by_side(
    tmp_path: Path, watched: Callable[[str], Watched]
) -> None:
    both = Processes([watched(OBEYS), watched(OBEYS)])

    both.start()
    eventually(lambda: said(tmp_path) == ["handover"] * 2)
    both.stop()

    assert sorted(said(tmp_path)) == ["ended"] * 2 + ["handover"] * 2


def test_a_process_inherits_no_secret_and_nothing_meant_for_orthanc_s_python() -> None:
    inherited = {
        "PATH": "/usr/bin",
        "LANG": "C.UTF-8",
        "ORTHANC__POSTGRESQL__PASSWORD": "secret",
        "PYTHONHOME": "/elsewhere",
        "LD_PRELOAD": "x.so",
    }

    assert environment("/opt/plugin", inherited) == {
        "PATH": "/usr/bin",
        "LANG": "C.UTF-8",
        "PYTHONPATH": "/opt/plugin",
        "PYTHONUNBUFFERED": "1",
    }

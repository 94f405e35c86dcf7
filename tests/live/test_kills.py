"""Goal: whatever is killed in the middle of a study, nothing is lost and nothing arrives twice.

Method: kill -9 a worker, the gateway's Orthanc, or everything, while a study is on its way, which
it is for as long as the research archive stands still; then count what is there, and search it for
what identified the original.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO

from support.dicom_builder import ct, to_bytes
from support.site import RunningUp, holding, wait_for

SLICES = 120

PATIENT = "KILLCANARYID"
NAME = "Killcanaryname^Given"


def study_of(number: int) -> list[Dataset]:
    uid = f"1.2.826.0.1.3680043.8.498.9999.{number}"
    return [
        ct(
            rows=128,
            columns=128,
            PatientID=PATIENT,
            PatientName=NAME,
            StudyInstanceUID=uid,
            SeriesInstanceUID=f"{uid}.1",
            SOPInstanceUID=f"{uid}.1.{index}",
            FrameOfReferenceUID=f"{uid}.2",
            InstanceNumber=str(index),
        )
        for index in range(1, SLICES + 1)
    ]


def write(folder: Path, datasets: list[Dataset]) -> list[Path]:
    files = [folder / f"{index:04}.dcm" for index in range(len(datasets))]
    for file, dataset in zip(files, datasets, strict=True):
        file.write_bytes(to_bytes(dataset))
    return files


def assert_all_arrived_once(up: RunningUp, datasets: list[Dataset], before: set[str]) -> None:
    arrived = [file for one, file in up.at_research().items() if one not in before]
    read = [pydicom.dcmread(DicomBytesIO(file), stop_before_pixels=True) for file in arrived]
    uids = {dataset.SOPInstanceUID.encode() for dataset in datasets}

    assert len(arrived) == len(datasets)
    assert len({dataset.SOPInstanceUID for dataset in read}) == len(datasets)
    assert {int(dataset.InstanceNumber) for dataset in read} == {*range(1, len(datasets) + 1)}
    assert len({dataset.StudyInstanceUID for dataset in read}) == 1
    assert len({dataset.PatientID for dataset in read}) == 1
    assert holding({b"killcanary", *uids}, arrived) == set()


@contextlib.contextmanager
def research_standing_still(up: RunningUp) -> Iterator[None]:
    """Stop the research archive for a while, so that no study gets to its end."""
    pid = up.pids()["research"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        # Where everything was killed, it is gone.
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def when_in(up: RunningUp, dataset: Dataset, *states: str) -> None:
    """Wait until the whole study is in one of these states."""
    wait_for(
        lambda: (
            (study := up.study(dataset))
            and study["instances"] == SLICES
            and study["state"] in states
        ),
        f"the study is {' or '.join(states)}",
        120,
    )


def kill_worker(up: RunningUp) -> None:
    os.kill(up.pids()["worker-1"], signal.SIGKILL)


def kill_gateway(up: RunningUp) -> None:
    os.kill(up.pids()["gateway"], signal.SIGKILL)


def kill_service(up: RunningUp) -> None:
    os.kill(up.pids()["service"], signal.SIGKILL)


@pytest.mark.parametrize(
    ("number", "kill", "states"),
    [
        (11, kill_worker, ("processing", "delivering")),
        (12, kill_worker, ("delivering",)),
        (13, kill_gateway, ("processing", "delivering")),
        (14, kill_gateway, ("delivering",)),
        (15, kill_service, ("processing", "delivering")),
    ],
)
def test_a_study_survives_the_death_of_a_part(
    running: RunningUp,
    tmp_path: Path,
    number: int,
    kill: Callable[[RunningUp], None],
    states: tuple[str, ...],
) -> None:
    datasets = study_of(number)
    before = {*running.at_research()}
    with research_standing_still(running):
        running.send(write(tmp_path, datasets))
        when_in(running, datasets[0], *states)

        kill(running)
    study = running.wait_for_end(datasets[0], instances=SLICES)

    assert (study["state"], study["rule"], study["reason"]) == ("done", "", "")
    assert_all_arrived_once(running, datasets, before)


def test_what_was_answered_with_success_survives_a_death_during_reception(
    running: RunningUp, tmp_path: Path
) -> None:
    datasets = study_of(1)
    files = write(tmp_path, datasets)
    before = {*running.at_research()}
    running.send(files[:50])

    kill_gateway(running)
    wait_for(lambda: running.try_to_send(files[:1]).returncode == 0, "the gateway receives again")
    running.send(files[50:])
    wait_for(
        lambda: (found := running.study(datasets[0])) and found["instances"] == SLICES,
        "all instances are known",
    )
    study = running.wait_for_end(datasets[0], instances=SLICES)

    assert (study["state"], study["rule"], study["reason"]) == ("done", "", "")
    assert_all_arrived_once(running, datasets, before)


@pytest.mark.parametrize("moment", ["received", "delivering"])
def test_a_study_survives_the_death_of_everything(
    tmp_path: Path, policies: Path, moment: str
) -> None:
    datasets = study_of(2)
    (tmp_path / "files").mkdir()
    files = write(tmp_path / "files", datasets)
    first = RunningUp(tmp_path / "home", "--policies", str(policies))
    with research_standing_still(first):
        first.send(files)
        if moment == "delivering":
            when_in(first, datasets[0], "delivering")

        first.kill_everything()
    second = RunningUp(tmp_path / "home", "--policies", str(policies))
    try:
        study = second.wait_for_end(datasets[0], instances=SLICES)

        assert (study["state"], study["rule"], study["reason"]) == ("done", "", "")
        assert_all_arrived_once(second, datasets, set())
    finally:
        second.stop()

"""Goal: a policy author gets through the whole day of the page, by just the commands it names.

Method: every command of ``docs/policy-authors-day.md`` is run against a real gateway, in its order,
and has to print what stands there; between them studies are sent, and say by whom they were done.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.dicom_builder import ct, to_bytes
from support.site import ROOT, RunningUp

PAGE = ROOT / "docs" / "policy-authors-day.md"
MR_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.4"

pytestmark = pytest.mark.live


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a folder with the shipped policies and the command."""
    shutil.copytree(ROOT / "policies", tmp_path / "policies")
    command = tmp_path / "bin" / "gatehouse"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m gatehouse.cli "$@"\n')
    command.chmod(0o755)
    return tmp_path


@pytest.fixture
def up(place: Path) -> Iterator[RunningUp]:
    running = RunningUp(place / ".gatehouse", "--policies", str(place / "policies"))
    try:
        yield running
    finally:
        running.stop()


def steps() -> list[tuple[str, str]]:
    """Return what the page does: commands with what they print, and studies with who does them."""
    found: list[tuple[str, str]] = []
    marks = r"<!-- test: an MR study is done by (.*?) -->|```console\n(.*?)```"
    for match in re.finditer(marks, PAGE.read_text(), re.DOTALL):
        if match[1] is not None:
            found.append(("", match[1]))
            continue
        for part in re.split(r"(?m)^\$ ", match[2])[1:]:
            command, _, printed = part.partition("\n")
            found.append((command, printed))
    return found


def says(printed: str, expected: str) -> bool:
    """Return whether it is what the page says; ``...`` stands for anything."""
    parts = [re.escape(part) for part in expected.strip("\n").split("...")]
    return re.fullmatch(".*?".join(parts), printed.strip("\n"), re.DOTALL) is not None


def send(up: RunningUp, folder: Path, number: int) -> str:
    """Send a study of one image; return by which version of which policy it was done."""
    study = f"1.2.826.0.1.3680043.8.498.4711.{number}"
    dataset = ct(
        Modality="MR",
        SOPClassUID=MR_IMAGE_STORAGE,
        StudyInstanceUID=study,
        SeriesInstanceUID=f"{study}.1",
        SOPInstanceUID=f"{study}.1.1",
        PatientSex="F",
    )
    file = folder / f"{number}.dcm"
    file.write_bytes(to_bytes(dataset))
    up.send([file])
    found = up.wait_for_end(dataset, 180)
    return (
        f"{found['policy']} {found['policy_version']}" if found["state"] == "done" else str(found)
    )


def test_the_whole_day_of_a_policy_author(up: RunningUp, place: Path, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PATH": f"{place / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "plugin"),
    }
    sent = 0
    for command, expected in steps():
        if not command:
            sent += 1
            assert send(up, tmp_path, sent) == expected
            continue
        outcome = subprocess.run(
            ["bash", "-c", command],
            cwd=place,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        printed = outcome.stdout + outcome.stderr
        assert says(printed, expected), f"$ {command}\n{printed}\n--- and the page says\n{expected}"
    assert sent == 4
    # The way back is in the folder too: the next start decides by it.
    assert "version: 1\n" in (place / "policies" / "knee-mr" / "knee-mr.yaml").read_text()

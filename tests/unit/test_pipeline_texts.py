"""Goal: texts of a study lose the names that any of its instances knows, also later ones.

Method: a study with two instances, of which one names a person whom a text of the other mentions,
goes through the steps of a run over ports in this process.
"""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from pydicom import dcmread

from gatehouse.deid.known_values import NOTHING, KnownValues
from gatehouse.pipeline.delivery import DeliverySteps
from gatehouse.pipeline.ports import MakeJob
from gatehouse.pipeline.study import StudySteps
from support.dicom_builder import to_bytes
from support.faults import POLICY, Line
from support.studies import KEY

CLEANING = POLICY.replace("project: test\n", "project: test\n  options: [clean-descriptors]\n")


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(tmp_path / "line", policy=CLEANING, instances=2, StudyDescription="LUNG HAND")


def descriptions(line: Line) -> list[str]:
    files = [file for _, file in line.research.got]
    return [dcmread(io.BytesIO(file)).StudyDescription for file in files]


def name_hand(line: Line, instance: str, number: int) -> None:
    """Have an instance say that its operator is called Hand."""
    first = dcmread(io.BytesIO(line.archive.originals["instance-1"]))
    first.OperatorsName = "Hand^Ada"
    first.SOPInstanceUID = f"{first.SOPInstanceUID[:-1]}{number}"
    line.archive.originals[instance] = to_bytes(first)


def test_a_name_in_one_instance_is_taken_out_of_the_texts_of_all(line: Line) -> None:
    name_hand(line, "instance-2", 2)

    line.run(KEY)

    assert descriptions(line) == ["LUNG", "LUNG"]


def test_without_the_name_the_word_stays(line: Line) -> None:
    line.run(KEY)

    assert descriptions(line) == ["LUNG HAND", "LUNG HAND"]


def test_a_name_that_comes_later_is_taken_out_of_what_was_made_before(line: Line) -> None:
    line.run(KEY)
    name_hand(line, "instance-3", 3)

    line.run(line.receive("instance-3"))

    assert descriptions(line) == ["LUNG HAND", "LUNG HAND", "LUNG", "LUNG", "LUNG"]


def test_a_study_with_an_instance_that_can_not_be_asked_is_held(line: Line) -> None:
    line.archive.originals["instance-2"] = line.archive.originals["instance-2"][:-3]

    line.run(KEY)

    study = line.ledger.study(1)
    assert study is not None
    assert study.state == "held"
    assert line.research.got == []


def test_names_do_not_show_when_a_task_is_printed() -> None:
    known = KnownValues(frozenset({"Quimby^Jane"}))

    assert "Quimby" not in repr(MakeJob("one", "digest", None, 1, 1, known))  # type: ignore[arg-type]
    assert MakeJob("one", "digest", None, 1, 1).known == NOTHING  # type: ignore[arg-type]


def test_an_output_that_was_lost_is_made_again_with_all_names_known(line: Line) -> None:
    name_hand(line, "instance-2", 2)
    studies = StudySteps(line.tools)
    opened = studies.release(KEY, studies.keep(KEY, studies.make(KEY, studies.decide(KEY))))
    assert opened is not None
    # As when the host that made it is lost: another one has a spool of its own.
    line.spool.remove(*KEY)

    for one in opened:
        DeliverySteps(line.tools).attempt(one)

    assert descriptions(line) == ["LUNG", "LUNG"]

"""Goal: nothing gets into the spool unverified, and what leaves is known when it comes back.

Method: the engine is replaced by ones that leave everything, or a name, where it was.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from gatehouse.adapters.spool import FolderSpool
from gatehouse.deid import engine
from gatehouse.deid.known_values import KnownValues
from gatehouse.deid.model import Deidentified, ProjectKeys
from gatehouse.deid.plan import Plan
from gatehouse.deid.recipe import Recipe
from gatehouse.pipeline import workbench
from gatehouse.pipeline.ports import Held, MakeJob
from gatehouse.pipeline.records import Output
from support.dicom_builder import ct_bytes
from support.faults import Line
from support.studies import KEY

JOB = MakeJob("instance", "digest", Recipe("test", policy="test", digest="d"), 1, 1)
ORIGINAL = ct_bytes(PatientName="Quimby^Quentin", StudyDescription="CT")


class _Archive:
    def read(self, instance: str) -> bytes:
        del instance
        return ORIGINAL


def _leave_all(
    dicom: bytes, plan: Plan, keys: ProjectKeys, known: KnownValues | None = None
) -> Deidentified:
    return _right(dicom, plan, keys)._replace(chunks=[dicom])


def _leave_name(
    dicom: bytes, plan: Plan, keys: ProjectKeys, known: KnownValues | None = None
) -> Deidentified:
    made = _right(dicom, plan, keys)
    output = made.to_bytes()
    return made._replace(chunks=[output.replace(b"Model 1 ", b"Quimby's")])


_right = engine.deidentify


@pytest.mark.parametrize("leak", [_leave_all, _leave_name])
def test_what_the_verification_refuses_is_held_and_not_spooled(
    leak: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbench, "deidentify", leak)

    result = workbench.Bench(_Archive(), FolderSpool(tmp_path), bytes(32)).make(JOB)

    assert isinstance(result, Held)
    assert result.rule.startswith("verify.")
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


def test_what_the_verification_passes_is_spooled(tmp_path: Path) -> None:
    result = workbench.Bench(_Archive(), FolderSpool(tmp_path), bytes(32)).make(JOB)

    assert isinstance(result, Output)
    assert [file.suffix for file in tmp_path.rglob("*") if file.is_file()] == [".dcm"]


def test_outputs_are_known_as_our_own_when_they_come_back(tmp_path: Path) -> None:
    line = Line(tmp_path, instances=2)

    line.run(KEY)

    new = [one.orthanc_id_new for one in line.ledger.outputs(KEY)]
    assert len(new) == 2
    assert line.ledger.own_outputs(line.tools.server, [*new, "another"]) == set(new)

"""Goal: a policy can ask that dates move by whole weeks.

Method: a policy text, loaded and run over files of several patients.
"""

from __future__ import annotations

from datetime import date

import pytest

from gatehouse.deid.plan import compile_plan
from gatehouse.policy.load import load_single
from support.dicom_builder import ct_bytes
from support.engine_run import run_and_read

POLICY = """\
policy: weeks
version: 1
description: For tests.
owner: tests@hospital.example
stage: active
match: every-study
deidentify:
  profile: basic
  project: tests
  options: [retain-modified-dates]
  dates: {preserve-weekday: true}
pixels: {suspicious: accept, because: tests have no pixels}
deliver: [{to: nowhere, via: dicom}]
"""


@pytest.mark.parametrize("patient", ["A", "B", "C", "D", "E", "F"])
def test_the_day_of_the_week_stays(patient: str) -> None:
    policy, problems = load_single(POLICY.encode(), "weeks.yaml")
    assert policy is not None, problems

    output = run_and_read(
        ct_bytes(PatientID=patient, StudyDate="20240229"), compile_plan(policy.recipe)
    )

    moved = date.fromisoformat(output.StudyDate)
    assert moved != date(2024, 2, 29)
    assert moved.weekday() == date(2024, 2, 29).weekday()
    assert output.LongitudinalTemporalInformationModified == "MODIFIED"

"""Goal: how many changes there are by each action code is what their list says.

Method: instances with changes at the top, within sequences, and taken back, counted with the list
in its words and without.
"""

from __future__ import annotations

from collections import Counter

from gatehouse.deid.changes import Changes, counted
from gatehouse.deid.engine import deidentify
from gatehouse.deid.model import Change
from support.dicom_builder import ct_bytes
from support.engine_run import BASIC, KEYS


def test_changes_are_counted_without_their_places() -> None:
    nested = {"CodeValue": "C", "PatientName": "Canary^Tweety", "StudyDate": "20200101"}
    made = deidentify(ct_bytes(AnatomicRegionSequence=[nested]), BASIC, KEYS)

    assert isinstance(made.changes, Changes)
    assert any("/" in change.path for change in made.changes)
    assert counted(made.changes) == Counter(change.code for change in made.changes)
    assert counted(made.changes) == counted(tuple(made.changes))


def test_a_change_that_was_taken_back_does_not_count() -> None:
    change = Change("PatientName", "Z", "profile", 0)

    assert counted(Changes([change, None, change])) == {"Z": 2}

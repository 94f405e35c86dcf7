"""Goal: what is unusual about a study has a rule, the one that docs/states.md gives.

Method: each case goes through the whole pipeline in one process, over a real ledger, spool and
engine; each test is named after the sentence in docs/states.md that it holds to.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from gatehouse.pipeline.delivery import DeliverySteps
from gatehouse.pipeline.ports import Held
from gatehouse.pipeline.records import StudyKey
from gatehouse.pipeline.study import StudySteps
from support.dicom_builder import to_bytes
from support.faults import Line
from support.studies import KEY, SERVER, received


def state(line: Line, study: int = 1) -> tuple[str, str]:
    record = line.ledger.study(study)
    assert record is not None
    return record.state, record.rule


def arrived(line: Line) -> dict[str, Dataset]:
    """Return what the destination has, by SOP Instance UID."""
    return {uid: dcmread(io.BytesIO(dicom)) for uid, dicom in line.research.got}


def change(line: Line, instance: str, how: Callable[[Dataset], None]) -> None:
    """Change an original in the archive."""
    original = dcmread(io.BytesIO(line.archive.originals[instance]))
    how(original)
    original.file_meta.MediaStorageSOPInstanceUID = original.SOPInstanceUID
    line.archive.originals[instance] = to_bytes(original)


def test_late_instances_are_added_under_the_same_uids_and_only_they_are_sent(
    tmp_path: Path,
) -> None:
    line = Line(tmp_path, instances=3)
    third = line.archive.originals.pop("instance-3")
    line.ledger.forget_vanished(SERVER, ["instance-3"], line.now)
    line.run(KEY)
    before = len(line.research.got)

    line.archive.originals["instance-3"] = third
    line.run(line.receive("instance-3"))

    assert (before, len(line.research.got)) == (2, 3)
    found = arrived(line).values()
    assert len({one.StudyInstanceUID for one in found}) == 1
    assert len({one.PatientID for one in found}) == 1
    assert state(line)[0] == "done"


def test_instances_that_come_while_it_is_processed_end_that_run(tmp_path: Path) -> None:
    line = Line(tmp_path, instances=3)
    studies = StudySteps(line.tools)
    accepted = studies.decide(KEY)
    line.arrive("instance-2", digest="digest-2")

    made = studies.make(KEY, accepted)

    assert made is None
    assert state(line)[0] == "receiving"
    line.run(line.complete())
    assert state(line)[0] == "done"
    assert len(arrived(line)) == len(line.research.got) == 3


def test_instances_that_come_while_it_is_delivered_end_that_delivery(tmp_path: Path) -> None:
    line = Line(tmp_path, instances=3)
    studies = StudySteps(line.tools)
    opened = studies.release(KEY, studies.keep(KEY, studies.make(KEY, studies.decide(KEY))))
    assert opened is not None
    line.arrive("instance-2", digest="digest-2")

    again = DeliverySteps(line.tools).attempt(opened[0])

    assert again is None
    assert line.research.got == []
    line.run(line.complete())
    assert {one.state for one in line.ledger.deliveries()} == {"delivered", "superseded"}
    assert len(line.research.got) == 3


def test_a_study_that_is_sent_once_more_as_it_was_is_nothing_new(tmp_path: Path) -> None:
    line = Line(tmp_path)
    line.run(KEY)
    sent = list(line.research.got)

    news = line.ledger.record_changes(
        SERVER, 2, [received(one) for one in line.archive.originals], line.now
    )

    assert news == 0
    assert state(line)[0] == "done"
    assert line.research.got == sent


def test_a_study_that_is_deleted_and_sent_once_more_is_processed_and_not_sent_twice(
    tmp_path: Path,
) -> None:
    line = Line(tmp_path)
    line.run(KEY)
    sent = list(line.research.got)
    line.ledger.forget_vanished(SERVER, list(line.archive.originals), line.now)

    line.run(line.receive(*line.archive.originals))

    assert state(line)[0] == "done"
    # The same bytes come of it, for which the destination has given its receipts.
    assert line.research.got == sent


def test_overwritten_instances_are_made_again_and_sent_under_their_uids(tmp_path: Path) -> None:
    line = Line(tmp_path)
    line.run(KEY)
    before = arrived(line)
    change(line, "instance-2", lambda one: setattr(one, "SliceThickness", "7.5"))
    line.arrive("instance-2", digest="digest-2")

    line.run(line.complete())

    after = arrived(line)
    assert len(line.research.got) == 4
    assert set(after) == set(before)
    assert sorted(str(one.SliceThickness) for one in after.values()).count("7.5") == 1


@pytest.mark.parametrize("deleted", [["instance-2"], ["instance-1", "instance-2", "instance-3"]])
def test_a_study_that_is_deleted_while_it_is_processed_is_held(
    tmp_path: Path, deleted: list[str]
) -> None:
    line = Line(tmp_path)
    studies = StudySteps(line.tools)
    accepted = studies.decide(KEY)
    for name in deleted:
        del line.archive.originals[name]

    made = studies.make(KEY, accepted)

    assert made is None
    assert state(line) == ("held", "archive.vanished")
    assert line.research.got == []


def test_a_study_that_is_deleted_before_it_is_begun_with_is_held(tmp_path: Path) -> None:
    line = Line(tmp_path)
    line.ledger.forget_vanished(SERVER, list(line.archive.originals), line.now)

    line.run(KEY)

    assert state(line) == ("held", "archive.vanished")


def test_a_study_that_is_deleted_after_it_was_made_is_delivered(tmp_path: Path) -> None:
    line = Line(tmp_path)
    studies = StudySteps(line.tools)
    made = studies.make(KEY, studies.decide(KEY))
    line.archive.originals.clear()

    opened = studies.release(KEY, studies.keep(KEY, made))
    assert opened is not None
    for one in opened:
        DeliverySteps(line.tools).attempt(one)

    assert state(line)[0] == "done"
    assert len(line.research.got) == 3


def test_two_studies_that_share_a_series_uid_are_two_studies_with_one_new_series_uid(
    tmp_path: Path,
) -> None:
    line = Line(tmp_path, instances=2)
    other = "1.2.826.0.1.3680043.8.498.77"
    change(line, "instance-2", lambda one: setattr(one, "StudyInstanceUID", other))
    line.ledger.forget_vanished(SERVER, ["instance-2"], line.now)
    line.ledger.record_changes(SERVER, 2, [received("instance-2", study="study-2")], line.now)

    line.run(KEY)
    line.run(line.complete())

    assert (state(line)[0], state(line, 2)[0]) == ("done", "done")
    found = list(arrived(line).values())
    assert len({one.StudyInstanceUID for one in found}) == 2
    # It was one series to whoever made it: who has both studies sees that still.
    assert len({one.SeriesInstanceUID for one in found}) == 1


def test_instances_of_several_patients_in_one_study_hold_it(tmp_path: Path) -> None:
    line = Line(tmp_path)
    change(line, "instance-2", lambda one: setattr(one, "PatientID", "SOMEBODY-ELSE"))

    line.run(KEY)

    assert state(line) == ("held", "several-patients")
    assert line.research.got == []


def test_instances_of_several_studies_in_one_hold_it(tmp_path: Path) -> None:
    line = Line(tmp_path)
    change(line, "instance-2", lambda one: setattr(one, "StudyInstanceUID", "1.2.3.4"))

    line.run(KEY)

    assert state(line) == ("held", "several-studies")


def test_two_instances_of_one_uid_in_two_series_hold_the_study(tmp_path: Path) -> None:
    line = Line(tmp_path, instances=2)
    first = dcmread(io.BytesIO(line.archive.originals["instance-1"]))

    def take_its_uid(one: Dataset) -> None:
        one.SOPInstanceUID, one.SeriesInstanceUID = first.SOPInstanceUID, "1.2.3.4.5"

    change(line, "instance-2", take_its_uid)

    line.run(KEY)

    assert state(line) == ("held", "study.duplicate-sop-instance")
    assert line.research.got == []


def test_a_patient_id_that_was_changed_between_studies_makes_another_pseudonym(
    tmp_path: Path,
) -> None:
    line = Line(tmp_path, instances=2)

    def correct(one: Dataset) -> None:
        one.PatientID, one.StudyInstanceUID = "CORRECTED-ID", "1.2.826.0.1.3680043.8.498.78"

    change(line, "instance-2", correct)
    line.ledger.forget_vanished(SERVER, ["instance-2"], line.now)
    line.ledger.record_changes(SERVER, 2, [received("instance-2", study="study-2")], line.now)

    line.run(KEY)
    line.run(line.complete())

    assert (state(line)[0], state(line, 2)[0]) == ("done", "done")
    assert len({one.PatientID for one in arrived(line).values()}) == 2


def send_corrected(line: Line) -> StudyKey:
    """Send the line's study once more with another Patient ID: to Orthanc, another study."""
    original = line.archive.originals["instance-1"]
    change(line, "instance-1", lambda one: setattr(one, "PatientID", "CORRECTED-ID"))
    line.archive.originals["corrected"] = line.archive.originals["instance-1"]
    line.archive.originals["instance-1"] = original
    corrected = received("corrected", study="study-2")
    line.ledger.record_changes(SERVER, 2, [corrected], line.now)
    [key] = [one for one in line.ledger.quiet_studies(line.now + 100.0, 5.0) if one.study_id == 2]
    return key


def test_a_study_that_comes_again_with_another_patient_id_is_held_while_the_first_is_there(
    tmp_path: Path,
) -> None:
    line = Line(tmp_path, instances=1)
    line.run(KEY)

    line.run(send_corrected(line))

    assert state(line, 2) == ("held", "study.other-patient")
    assert len(line.research.got) == 1


def hold_again(line: Line) -> None:
    key = line.ledger.process_again(1, "somebody", line.now)
    line.ledger.advance(key, "processing", line.now)
    line.ledger.hold(key, Held("", "no-policy", "for a test"), line.now)


def receive_late(line: Line) -> None:
    late = received("late", study=received().study_orthanc_id)
    line.ledger.record_changes(SERVER, 2, [late], line.now)


@pytest.mark.parametrize(
    "what_happens", [receive_late, hold_again], ids=["more of it comes", "it is held now"]
)
def test_what_went_out_before_counts_whatever_becomes_of_its_study_later(
    tmp_path: Path, what_happens: Callable[[Line], None]
) -> None:
    line = Line(tmp_path, instances=1)
    line.run(KEY)
    what_happens(line)

    line.run(send_corrected(line))

    assert state(line, 2) == ("held", "study.other-patient")
    assert len(line.research.got) == 1


def test_what_was_made_and_never_sent_is_no_other_patient_s(tmp_path: Path) -> None:
    line = Line(tmp_path, instances=1)
    studies = StudySteps(line.tools)
    assert studies.make(KEY, studies.decide(KEY)) is not None
    hold_again(line)

    line.run(send_corrected(line))

    assert state(line, 2)[0] == "done"


def test_when_the_wrong_one_was_deleted_the_corrected_one_goes_out(tmp_path: Path) -> None:
    line = Line(tmp_path, instances=1)
    line.run(KEY)
    line.run(send_corrected(line))
    del line.archive.originals["instance-1"]

    line.run(line.ledger.process_again(2, "somebody", line.now))

    assert state(line, 2)[0] == "done"
    assert len(line.research.got) == 2


def test_a_step_that_a_crash_repeats_takes_no_held_study_back(tmp_path: Path) -> None:
    line = Line(tmp_path)
    studies = StudySteps(line.tools)
    kept = studies.keep(KEY, studies.make(KEY, studies.decide(KEY)))
    for one in studies.release(KEY, kept) or ():
        line.ledger.give_up(one, "no answer", line.now)
    assert state(line) == ("held", "delivery.failed")

    again = studies.release(KEY, kept)

    assert again is None
    assert state(line) == ("held", "delivery.failed")


def test_a_run_that_a_crash_left_behind_says_nothing_about_the_next_one(tmp_path: Path) -> None:
    line = Line(tmp_path)
    studies = StudySteps(line.tools)
    accepted = studies.decide(KEY)
    key = line.ledger.process_again(1, "somebody", line.now)

    late = studies.make(KEY, accepted)
    line.run(key)

    assert late is None
    assert key == StudyKey(1, 2)
    assert line.ledger.outputs(KEY) == []
    assert state(line)[0] == "done"

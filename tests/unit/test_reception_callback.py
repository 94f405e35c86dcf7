"""Goal: in reception mode an instance comes out de-identified and written down, or is refused.

Method: the steps over a journal and a service of the test's own; then everything in between that
can fail is made to fail. What is refused is told by rule, and no value of it is in that.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
from collections.abc import Callable
from typing import Any

import pytest
from pydicom import dcmread

from gatehouse.errors import HoldError, PolicyError
from gatehouse.pipeline import reception
from gatehouse.pipeline.reception import Reception, TakenIn
from gatehouse.pipeline.reception_journal import ReceptionMark, ReceptionRefusal
from gatehouse.pipeline.workbench import orthanc_id
from support.dicom_builder import INSTANCE_UID, SERIES_UID, STUDY_UID, ct_bytes
from support.reception import ADULTS, MASTER_KEY, pack, policy

NOW = 1_763_800_000.0


class Desk:
    """A reception with a journal in memory and a service that answers what it is told."""

    def __init__(self, *policies: Any) -> None:
        self.lines: list[ReceptionMark | ReceptionRefusal] = []
        self.asked: list[str] = []
        self.is_own: bool | None = False
        self.write: Callable[[Any], None] = self.lines.append
        self.pack = pack(*policies)
        self.reception = Reception(
            self.pack,
            MASTER_KEY,
            self,
            self.is_own_output,
            lambda: NOW,  # type: ignore[arg-type]
        )

    def is_own_output(self, orthanc_id: str) -> bool | None:
        self.asked.append(orthanc_id)
        return self.is_own

    def takes(self, dicom: bytes, protocol: str = "dicom") -> TakenIn:
        outcome = self.reception.receive(dicom, protocol)
        assert isinstance(outcome, TakenIn), outcome
        return outcome

    def refuses(self, dicom: bytes, protocol: str = "dicom") -> ReceptionRefusal:
        outcome = self.reception.receive(dicom, protocol)
        assert isinstance(outcome, ReceptionRefusal)
        return outcome


@pytest.fixture
def desk() -> Desk:
    return Desk()


def raising(error: BaseException) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> Any:
        raise error

    return fail


def test_what_is_taken_in_is_de_identified(desk: Desk) -> None:
    taken = desk.takes(ct_bytes(PatientName="Canary^Tweety", PatientID="CANARY7"))

    output = dcmread(io.BytesIO(taken.dicom))
    assert output.PatientIdentityRemoved == "YES"
    assert output.StudyInstanceUID != STUDY_UID
    assert b"CANARY7" not in taken.dicom
    assert b"Tweety" not in taken.dicom


def test_a_view_of_the_bytes_is_taken_as_well_as_bytes(desk: Desk) -> None:
    assert desk.takes(memoryview(ct_bytes())).dicom == desk.takes(ct_bytes()).dicom


def test_the_journal_says_what_was_made(desk: Desk) -> None:
    taken = desk.takes(ct_bytes())

    output = dcmread(io.BytesIO(taken.dicom))
    ids = (
        output.PatientID,
        output.StudyInstanceUID,
        output.SeriesInstanceUID,
        output.SOPInstanceUID,
    )
    assert desk.lines == [taken.mark]
    assert taken.mark.sha256 == hashlib.sha256(taken.dicom).hexdigest()
    assert taken.mark.size == len(taken.dicom)
    assert taken.mark.instance == orthanc_id(*ids)
    assert taken.mark.study == orthanc_id(*ids[:2])
    assert taken.mark.sop_instance_uid_old == INSTANCE_UID
    assert taken.mark.sop_instance_uid_new == output.SOPInstanceUID
    assert taken.mark.pack == desk.pack.digest
    assert taken.mark.policy == desk.pack.policies[0].digest
    assert taken.mark.transfer_syntax_uid == output.file_meta.TransferSyntaxUID
    assert taken.mark.needles > 0
    assert taken.mark.actions["X"] > 0
    assert taken.mark.at == NOW


def test_the_same_instance_gives_the_same_bytes_again(desk: Desk) -> None:
    assert desk.takes(ct_bytes()).dicom == desk.takes(ct_bytes()).dicom


def test_the_first_policy_that_is_for_an_instance_takes_it() -> None:
    mr = policy("mr", "{all: [{Modality: {in: [MR]}}]}", project="mr")
    ct = policy("ct", "{all: [{Modality: {in: [CT]}}]}", project="ct")
    desk = Desk(mr, ct)

    assert desk.takes(ct_bytes()).mark.policy == ct.digest


def test_a_policy_may_ask_how_an_instance_came() -> None:
    desk = Desk(policy("by-http", "{all: [{protocol: {in: [http]}}]}"))

    assert desk.takes(ct_bytes(), "http")
    assert desk.refuses(ct_bytes(), "dicom").rule == "no-policy"


def test_without_a_policy_an_instance_is_refused() -> None:
    mr = policy("mr", "{all: [{Modality: {in: [MR]}}]}")
    desk = Desk(mr)

    refusal = desk.refuses(ct_bytes())

    assert refusal.rule == "no-policy"
    assert refusal.policy == ""
    assert desk.lines == [refusal]


def test_what_can_t_be_told_is_refused() -> None:
    desk = Desk(policy("ct", "{all: [{BodyPartExamined: {in: [CHEST]}}]}"))

    refusal = desk.refuses(ct_bytes(BodyPartExamined=None))

    assert refusal.rule == "match-unknown"
    assert refusal.policy == desk.pack.policies[0].digest


def test_a_check_that_does_not_hold_refuses() -> None:
    desk = Desk(policy(check=ADULTS))

    assert desk.takes(ct_bytes(PatientAge="054Y"))
    assert desk.refuses(ct_bytes(PatientAge="007Y")).rule == "adults-only"


def test_a_refusal_says_which_study_by_the_id_that_orthanc_would_give_it(desk: Desk) -> None:
    dicom = ct_bytes(BurnedInAnnotation="YES", PatientID="PAT-0815")

    refusal = desk.refuses(dicom)

    assert refusal.rule.startswith("pixels.")
    assert refusal.study == orthanc_id("PAT-0815", STUDY_UID)
    assert refusal.instance == orthanc_id("PAT-0815", STUDY_UID, SERIES_UID, INSTANCE_UID)
    assert desk.lines == [refusal]


@pytest.mark.parametrize("dicom", [b"", b"no DICOM", bytes(200), ct_bytes()[:-3000]])
def test_what_is_no_dicom_file_is_refused(desk: Desk, dicom: bytes) -> None:
    assert desk.refuses(dicom).rule.startswith("dicom.")


@pytest.mark.parametrize("step", ["extract", "decide", "deidentify", "verify", "read_file_meta"])
@pytest.mark.parametrize(
    ("error", "rule"),
    [
        (HoldError("deid.some-rule", "some reason"), "deid.some-rule"),
        (ValueError("Canary^Tweety"), "internal.error"),
        (RecursionError("Canary^Tweety"), "internal.error"),
        (OSError(5, "Canary^Tweety"), "internal.error"),
        (MemoryError(), "reception.memory"),
    ],
    ids=lambda one: type(one).__name__,
)
def test_a_step_that_fails_refuses(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, step: str, error: Exception, rule: str
) -> None:
    monkeypatch.setattr(reception, step, raising(error))

    refusal = desk.refuses(ct_bytes(PatientName="Canary^Tweety"))

    assert refusal.rule == rule
    assert "Tweety" not in refusal.to_line().decode()
    assert desk.lines == [refusal]


def test_what_is_verified_and_found_wanting_is_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = reception.deidentify

    def leaking(dicom: bytes, *others: Any) -> Any:
        made = engine(dicom, *others)
        return made._replace(chunks=(made.to_bytes().replace(b"CHEST", b"TWEET"),))

    monkeypatch.setattr(reception, "deidentify", leaking)

    assert desk.refuses(ct_bytes(PatientName="Tweet")).rule.startswith("verify.")


def test_without_its_line_in_the_journal_nothing_is_taken_in(desk: Desk) -> None:
    desk.write = raising(OSError(28, "No space left on device"))

    refusal = desk.refuses(ct_bytes())

    assert refusal.rule == "reception.journal"
    assert refusal.reason.endswith("No space left on device")


def test_a_refusal_that_can_t_be_written_is_one_all_the_same(desk: Desk) -> None:
    desk.write = raising(ValueError("any"))

    assert desk.refuses(b"no DICOM").rule.startswith("dicom.")


def test_only_what_says_that_it_is_de_identified_is_asked_about(desk: Desk) -> None:
    desk.takes(ct_bytes())

    assert desk.asked == []


def test_our_own_output_is_refused_when_it_comes_back(desk: Desk) -> None:
    own = desk.takes(ct_bytes())
    desk.is_own = True

    refusal = desk.refuses(own.dicom)

    assert refusal.rule == "reception.own-output"
    assert desk.asked == [own.mark.instance]


def test_what_others_de_identified_is_taken_in(desk: Desk) -> None:
    desk.is_own = False

    assert desk.takes(ct_bytes(PatientIdentityRemoved="YES"))


def test_without_an_answer_what_may_be_ours_is_refused(desk: Desk) -> None:
    desk.is_own = None

    assert desk.refuses(ct_bytes(PatientIdentityRemoved="YES")).rule == "reception.unanswered"


def test_a_pack_for_something_else_is_not_used() -> None:
    with pytest.raises(PolicyError):
        Reception(pack(reception=False), MASTER_KEY, Desk(), lambda _: None, lambda: NOW)  # type: ignore[arg-type]


def test_a_policy_that_de_identifies_nothing_takes_nothing_in() -> None:
    plain = policy()
    recipe = plain.recipe._replace(profile="none", because="a mistake")
    desk = Desk(dataclasses.replace(plain, recipe=recipe))

    assert desk.refuses(ct_bytes()).rule == "reception.identified"

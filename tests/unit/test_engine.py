"""Goal: an output is a whole DICOM file of ours, in which nothing is left that the plan takes away.

Method: files are built, de-identified with small plans, and read with pydicom; where bytes matter,
bytes are compared. What each row of Table E.1-1 asks for is tested in tests/standard, and that the
engine agrees with a plain walk of the same plan in tests/properties.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

import pytest
from pydicom.uid import UID

from gatehouse.deid import levels
from gatehouse.deid.model import Change
from gatehouse.deid.plan import compile_plan
from gatehouse.deid.pseudonyms import derive_project_keys, new_uid, pseudonym
from gatehouse.dicom.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from gatehouse.errors import DeidentificationError, HoldError
from support.dicom_builder import (
    CT_IMAGE_STORAGE,
    FRAME_OF_REFERENCE_UID,
    INSTANCE_UID,
    SERIES_UID,
    STUDY_UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    ct,
    ct_bytes,
    file_around,
    to_bytes,
)
from support.dicom_builder import explicit_element as element
from support.engine_run import BASIC, KEYS, MASTER, plan, read, run, run_and_read
from support.raw_data_sets import encode

EXPLICIT_BIG = "1.2.840.10008.1.2.2"
ALL_SYNTAXES = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    EXPLICIT_BIG,
    DeflatedExplicitVRLittleEndian,
    JPEGBaseline8Bit,
)


def region(**attributes: object) -> list[dict[str, object]]:
    """Return the items of a sequence that the profile keeps, with these attributes."""
    return [{"CodeValue": "T-D3000", "CodingSchemeDesignator": "SRT", **attributes}]


@pytest.mark.parametrize("syntax", ALL_SYNTAXES)
def test_the_file_meta_information_is_written_anew(syntax: str) -> None:
    meta = {
        "SourceApplicationEntityTitle": "SECRETAET",
        "SendingApplicationEntityTitle": "SECRETAET",
        "PrivateInformationCreatorUID": "1.2.3.4",
        "PrivateInformation": b"SECRET",
    }
    dicom = to_bytes(ct(), syntax, preamble=b"SECRET" + bytes(122), meta=meta)

    result = run(dicom)

    written = read(result).file_meta
    assert result.to_bytes()[:128] == bytes(128)
    assert b"SECRET" not in result.to_bytes()
    assert [element.keyword for element in written] == [
        "FileMetaInformationGroupLength",
        "FileMetaInformationVersion",
        "MediaStorageSOPClassUID",
        "MediaStorageSOPInstanceUID",
        "TransferSyntaxUID",
        "ImplementationClassUID",
        "ImplementationVersionName",
    ]
    assert written.MediaStorageSOPClassUID == CT_IMAGE_STORAGE
    assert written.MediaStorageSOPInstanceUID == result.sop_instance_uid_new
    assert written.TransferSyntaxUID == syntax
    assert written.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert written.ImplementationVersionName == IMPLEMENTATION_VERSION_NAME
    assert UID(IMPLEMENTATION_CLASS_UID).is_valid


def test_the_group_length_of_the_file_meta_information_is_right() -> None:
    output = run(ct_bytes()).to_bytes()

    (length,) = struct.unpack_from("<I", output, 128 + 4 + 8)
    assert output[128 + 4 + 12 + length :][:4] == b"\x08\0\x05\0"


@pytest.mark.parametrize("syntax", ALL_SYNTAXES)
def test_the_same_data_set_comes_out_of_every_transfer_syntax(syntax: str) -> None:
    image = ct(AnatomicRegionSequence=region(PatientName="SECRET"), Rows=None, PixelData=None)

    output = run_and_read(to_bytes(image, syntax))

    assert output == run_and_read(to_bytes(image))
    assert "PatientName" in output.AnatomicRegionSequence[0]


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, EXPLICIT_BIG])
def test_pixel_bytes_are_views_of_the_input_and_never_copied(syntax: str) -> None:
    dicom = ct_bytes(syntax, rows=256, columns=256)

    result = run(dicom)

    views = [chunk for chunk in result.chunks if isinstance(chunk, memoryview)]
    assert len(views) == 1
    assert views[0].obj is dicom
    assert views[0].tobytes().endswith(dicom[-256 * 256 * 2 :])
    assert sum(len(chunk) for chunk in result.chunks if isinstance(chunk, bytes)) < 4000


def test_fragments_of_encapsulated_pixels_are_passed_on_as_they_came() -> None:
    dicom = ct_bytes(JPEGBaseline8Bit)

    output = run(dicom).to_bytes()

    pixels = dicom.index(b"\xe0\x7f\x10\0OB")
    assert output.endswith(dicom[pixels:])


def test_a_mapped_file_is_read_as_bytes_are(tmp_path: Path) -> None:
    dicom = ct_bytes(rows=256, columns=256)
    (tmp_path / "ct.dcm").write_bytes(dicom)

    with (tmp_path / "ct.dcm").open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        output = run(memoryview(mapped)).to_bytes()

    assert output == run(dicom).to_bytes()


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, EXPLICIT_BIG])
def test_values_of_odd_length_are_padded_as_their_vr_asks_but_for_pixels(syntax: str) -> None:
    data_set = [
        (0x00080016, "UI", CT_IMAGE_STORAGE.encode()),
        (0x00080018, "UI", b"1.2.3"),
        (0x00080060, "CS", b"C"),
        (0x00082218, "SQ", [[(0x00080100, "SH", b"A")]]),
        (0x0020000D, "UI", b"1.2.4"),
        (0x0020000E, "UI", b"1.2.5"),
        (0x7FE00010, "OB", b"\1\2\3"),
    ]

    result = run(file_around(encode(data_set, syntax), syntax))

    output = read(result)
    assert (output.Modality, output.AnatomicRegionSequence[0].CodeValue) == ("C", "A")
    assert output.PixelData == b"\1\2\3"
    assert output.SOPClassUID == CT_IMAGE_STORAGE
    repaired = {change.path for change in result.changes if change.rule == "repair"}
    assert repaired == {
        "SOPClassUID",
        "Modality",
        "AnatomicRegionSequence[0]/CodeValue",
    }
    assert run(result.to_bytes()).to_bytes() == result.to_bytes()


def test_the_same_input_plan_and_keys_give_the_same_bytes() -> None:
    dicom = ct_bytes(AnatomicRegionSequence=region(PatientID="OTHER"))
    levels._root.cache_clear()
    first = run(dicom, compile_plan(BASIC.recipe), derive_project_keys(MASTER, "project"))

    assert run(dicom).to_bytes() == first.to_bytes()


@pytest.mark.parametrize("syntax", ALL_SYNTAXES)
def test_a_second_pass_changes_nothing(syntax: str) -> None:
    by = plan("retain-device-identity", AccessionNumber="pseudonym", PatientAge="generalize")
    first = run(ct_bytes(syntax, AnatomicRegionSequence=region(PatientName="X")), by)

    assert run(first.to_bytes(), by).to_bytes() == first.to_bytes()


def test_the_result_names_old_and_new_identity() -> None:
    result = run(ct_bytes())

    assert result.sop_instance_uid_old == INSTANCE_UID
    assert result.sop_instance_uid_new == new_uid(KEYS, INSTANCE_UID)
    assert result.series_instance_uid_new == new_uid(KEYS, SERIES_UID)
    assert result.study_instance_uid_new == new_uid(KEYS, STUDY_UID)
    assert result.patient_id_new == pseudonym(KEYS, "PAT-0815")


def test_every_reference_to_a_uid_gets_the_uid_that_it_refers_to() -> None:
    references = [
        {"ReferencedSOPClassUID": CT_IMAGE_STORAGE, "ReferencedSOPInstanceUID": INSTANCE_UID}
    ]
    dicom = ct_bytes(
        AnatomicRegionSequence=region(ReferencedFrameOfReferenceUID=FRAME_OF_REFERENCE_UID),
        ReferencedInstanceSequence=references,
    )

    output = run_and_read(dicom)

    reference = output.ReferencedInstanceSequence[0]
    assert reference.ReferencedSOPClassUID == CT_IMAGE_STORAGE
    assert reference.ReferencedSOPInstanceUID == output.SOPInstanceUID
    assert (
        output.AnatomicRegionSequence[0].ReferencedFrameOfReferenceUID == output.FrameOfReferenceUID
    )


def test_name_and_id_are_one_pseudonym_and_follow_the_issuer() -> None:
    plain = run_and_read(ct_bytes())
    issued = run_and_read(ct_bytes(IssuerOfPatientID="HOSPITAL"))

    assert plain.PatientName == plain.PatientID == pseudonym(KEYS, "PAT-0815")
    assert issued.PatientID == pseudonym(KEYS, "PAT-0815", "HOSPITAL")
    assert "IssuerOfPatientID" not in issued


@pytest.mark.parametrize("patient_id", ["", None])
def test_a_patient_without_an_id_is_known_by_the_study(patient_id: str | None) -> None:
    output = run_and_read(ct_bytes(PatientID=patient_id))
    other = run_and_read(ct_bytes(PatientID=patient_id, StudyInstanceUID="1.2.3"))

    assert output.PatientID == output.PatientName == pseudonym(KEYS, "", "", STUDY_UID)
    assert other.PatientID != output.PatientID


@pytest.mark.parametrize("syntax", ALL_SYNTAXES)
def test_a_patient_id_that_is_absent_is_put_in_at_its_place(syntax: str) -> None:
    result = run(ct_bytes(syntax, PatientID=None))

    assert read(result).PatientID == result.patient_id_new
    assert Change("PatientID", "D", "stamp", 0) in result.changes


def test_the_patients_own_name_and_id_in_items_become_the_same_pseudonym() -> None:
    items = region(PatientID="PAT-0815", PatientName="Example^Jane^Q")
    items += region(PatientID="OTHER", PatientName="Else^Someone")

    output = run_and_read(ct_bytes(AnatomicRegionSequence=items))

    own, other = output.AnatomicRegionSequence
    assert own.PatientID == own.PatientName == output.PatientID
    assert other.PatientID not in ("OTHER", output.PatientID)
    assert other.PatientName not in ("Else^Someone", output.PatientName)


def test_an_empty_id_in_an_item_stays_empty() -> None:
    dicom = ct_bytes(PatientID="", AnatomicRegionSequence=region(PatientID=""))

    assert run_and_read(dicom).AnatomicRegionSequence[0].PatientID == ""


def test_the_patient_is_known_before_the_patient_id_is_reached() -> None:
    items = region(PatientID="PAT-0815")
    by = plan("retain-modified-dates")

    output = run_and_read(ct_bytes(AnatomicRegionSequence=items), by)

    assert output.AnatomicRegionSequence[0].PatientID == output.PatientID
    assert output.StudyDate != "20240229"


def test_all_dates_of_a_patient_move_together_and_those_of_another_otherwise() -> None:
    by = plan("retain-modified-dates")
    first, later = (run_and_read(ct_bytes(StudyDate=day), by) for day in ("20200101", "20240101"))
    other = run_and_read(ct_bytes(StudyDate="20200101", PatientID="OTHER"), by)

    assert first.StudyDate != other.StudyDate
    assert first.ContentDate == later.ContentDate
    assert first.StudyTime == "101112"
    assert first["StudyDate"].value[:4] != later["StudyDate"].value[:4]


@pytest.mark.parametrize("uid", ["SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"])
def test_a_policy_that_leaves_no_uid_holds_the_instance(uid: str) -> None:
    with pytest.raises(DeidentificationError) as caught:
        run(ct_bytes(), plan(**{uid: "remove"}))

    assert caught.value.rule == "deid.incomplete"


def test_an_image_that_may_carry_burned_in_text_is_held_unless_the_policy_accepts() -> None:
    dicom = ct_bytes(BurnedInAnnotation="YES")

    with pytest.raises(DeidentificationError) as caught:
        run(dicom, plan(suspicious="hold"))

    assert caught.value.rule == "pixels.suspicious"
    assert run(dicom, plan(suspicious="accept"))


@pytest.mark.parametrize(
    "attributes",
    [
        {"SeriesDescription": "SCREENSAVE"},
        {"ConversionType": "DF"},
        {"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]},
        {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"},
    ],
)
def test_images_are_judged_by_attributes_that_are_removed_as_well(
    attributes: dict[str, object],
) -> None:
    with pytest.raises(DeidentificationError):
        run(ct_bytes(**attributes), plan(suspicious="hold"))


def test_an_ordinary_ct_is_not_held() -> None:
    assert run(ct_bytes(), plan(suspicious="hold"))


def test_an_unforeseen_error_holds_the_instance_and_says_nothing_of_its_values(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("SECRET")

    monkeypatch.setattr("gatehouse.deid.engine.part10.open_file", fail)

    with pytest.raises(HoldError) as caught:
        run(ct_bytes())

    assert str(caught.value) == "deid.unexpected: the engine failed with RuntimeError"
    assert caught.value.__cause__ is None


def test_what_hostile_files_make_the_engine_remember_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(levels, "_REMEMBERED_MAX", 50)
    levels._root.cache_clear()
    dicom = ct_bytes()
    at = dicom.index(b"\xe0\x7f\x10\0OW")
    unknown = b"".join(element(0x4444, number, "LO", b"SECRET") for number in range(1, 500))

    flooded = run(dicom[:at] + unknown + dicom[at:])

    root = levels._root(BASIC, BASIC.for_sop_class(CT_IMAGE_STORAGE))
    assert root.is_full
    assert len(root.top) <= 50
    assert flooded.to_bytes() == run(dicom).to_bytes()
    assert levels.root(BASIC, BASIC.for_sop_class(CT_IMAGE_STORAGE)) is not root

"""What the generated objects have in common: identifiers, people, codes, private blocks.

Everything is made up and the same at each run: UIDs and values come from a digest of what they are
for, never from a clock or from randomness. UIDs use the root that pydicom gives to such data.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydicom._private_dict import private_dictionaries
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import PYDICOM_ROOT_UID, UID

# One value per VR for private elements; what they say does not matter, their size and number do.
PRIVATE_VALUES: Mapping[str, Any] = {
    "CS": "NORMAL",
    "DA": "20240311",
    "DS": "1.250000",
    "DT": "20240311081500.000000",
    "FD": 2.5,
    "FL": 1.5,
    "IS": "3",
    "LO": "Scan of Beispiel Anna",
    "LT": "made at the scanner",
    "OB": bytes(range(64)),
    "OW": bytes(range(128)),
    "SH": "CT01_OC0",
    "SL": 17,
    "SS": -3,
    "ST": "made at the scanner",
    "TM": "081500",
    "UI": PYDICOM_ROOT_UID + "77",
    "UL": 42,
    "UN": bytes(32),
    "US": 7,
}


def uid(*parts: object) -> UID:
    """Make a UID of 64 characters at most that depends on `parts` only."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()
    return UID(PYDICOM_ROOT_UID + str(int(digest, 16))[:37])


def new_file(sop_class: str, transfer_syntax: str, study: str, instance: int) -> FileDataset:
    """Begin an object with its file meta and the modules that all objects have."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(sop_class)
    meta.MediaStorageSOPInstanceUID = uid(study, "sop", instance)
    meta.TransferSyntaxUID = UID(transfer_syntax)
    meta.ImplementationClassUID = UID(PYDICOM_ROOT_UID + "1")
    meta.ImplementationVersionName = "BENCH"
    meta.SourceApplicationEntityTitle = "SCANNER01"
    file = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    fill(
        file,
        SpecificCharacterSet="ISO_IR 100",
        InstanceCreationDate="20240311",
        InstanceCreationTime="081512.000000",
        SOPClassUID=sop_class,
        SOPInstanceUID=meta.MediaStorageSOPInstanceUID,
        StudyDate="20240311",
        SeriesDate="20240311",
        ContentDate="20240311",
        StudyTime="081100.000000",
        SeriesTime="081430.000000",
        ContentTime="081512.000000",
        AccessionNumber="A24-0031177",
        Manufacturer="BENCH MEDICAL SYSTEMS",
        InstitutionName="Klinikum Beispielstadt",
        InstitutionAddress="Am Musterplatz 7, 12345 Beispielstadt",
        ReferringPhysicianName="Überweiser^Max^^Dr.",
        StationName="CTAW01",
        StudyDescription="Thorax mit KM, Frau Beispiel",
        SeriesDescription="Lunge axial",
        InstitutionalDepartmentName="Radiologie",
        PerformingPhysicianName="Musterarzt^Erika",
        NameOfPhysiciansReadingStudy="Leser^Bernd",
        OperatorsName="Assistent^Carla",
        ManufacturerModelName="BenchScan 64",
        PatientName="Beispiel^Anna^Maria",
        PatientID="PID-4711-0815",
        IssuerOfPatientID="BEISPIEL-HIS",
        PatientBirthDate="19610523",
        PatientSex="F",
        OtherPatientIDs=["ALT-12345", "ALT-67890"],
        PatientAge="062Y",
        PatientSize="1.68",
        PatientWeight="71.5",
        PatientAddress="Musterweg 12, 12345 Beispielstadt",
        PatientTelephoneNumbers="+49 30 5550123",
        AdditionalPatientHistory="Z. n. Pneumonie 2019, Hausarzt Dr. Beispielmann",
        PregnancyStatus=4,
        PatientComments="Bitte um 14 Uhr anrufen",
        DeviceSerialNumber="SN-00917355",
        SoftwareVersions="bench.7.2",
        ProtocolName="5.1 Thorax",
        StudyInstanceUID=uid(study, "study"),
        SeriesInstanceUID=uid(study, "series"),
        StudyID="4711",
        SeriesNumber=3,
        InstanceNumber=instance + 1,
        RequestingPhysician="Anforderer^Dora",
        RequestedProcedureDescription="CT Thorax",
        PerformedProcedureStepStartDate="20240311",
        PerformedProcedureStepStartTime="081100",
        PerformedProcedureStepID="PPS4711",
        PerformedProcedureStepDescription="CT Thorax mit KM",
    )
    return file


def fill(target: Dataset, **values: Any) -> Dataset:
    """Set attributes by keyword; return the data set."""
    for keyword, value in values.items():
        setattr(target, keyword, value)
    return target


def item(**values: Any) -> Dataset:
    """Make a sequence item, written with undefined length."""
    made = fill(Dataset(), **values)
    made.is_undefined_length_sequence_item = True
    return made


def code(value: str, meaning: str, scheme: str = "SCT") -> Dataset:
    """Make a code item of three elements."""
    return item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def add_sequence(target: Dataset, keyword: str, items: Sequence[Dataset]) -> None:
    """Add a sequence, written with undefined length as many scanners do."""
    setattr(target, keyword, list(items))
    target[keyword].is_undefined_length = True


def add_references(file: Dataset, study: str) -> None:
    """Add the sequences that a scanner fills from its worklist and its protocol."""
    add_sequence(
        file,
        "ReferencedStudySequence",
        [
            item(
                ReferencedSOPClassUID="1.2.840.10008.3.1.2.3.1", ReferencedSOPInstanceUID=uid(study)
            )
        ],
    )
    add_sequence(
        file,
        "ReferencedImageSequence",
        [
            item(
                ReferencedSOPClassUID=file.SOPClassUID,
                ReferencedSOPInstanceUID=uid(study, "localizer", number),
                PurposeOfReferenceCodeSequence=[code("121311", "Localizer", "DCM")],
            )
            for number in range(3)
        ],
    )
    add_sequence(file, "ProcedureCodeSequence", [code("24627-2", "CT Chest", "LN")])
    add_sequence(
        file,
        "RequestAttributesSequence",
        [
            item(
                RequestedProcedureDescription="CT Thorax",
                ScheduledProcedureStepDescription="CT Thorax mit KM",
                ScheduledProcedureStepID="SPS4711",
                RequestedProcedureID="RP4711",
                ScheduledProtocolCodeSequence=[code("24627-2", "CT Chest", "LN")],
            )
        ],
    )
    add_sequence(file, "PerformedProtocolCodeSequence", [code("24627-2", "CT Chest", "LN")])


def count_elements(target: Dataset) -> int:
    """Count the elements of a data set with those in its sequences; items are not elements."""
    return sum(1 for _ in target.iterall())


def pad_with_private(file: Dataset, creators: Sequence[str], elements: int) -> None:
    """Add elements of private blocks, as their creator defines them, until there are `elements`.

    Raises
    ------
    ValueError
        If the blocks have too few elements, or there are already too many.
    """
    missing = elements - count_elements(file)
    for tag, vr, value in _private_elements(creators):
        if missing <= 0:
            break
        if tag not in file:
            file.add_new(tag, vr, value)
            missing -= 1
    if missing != 0:
        raise ValueError(f"{missing} elements are missing after all private blocks")


def _private_elements(creators: Sequence[str]) -> Iterator[tuple[int, str, Any]]:
    for creator in creators:
        groups: set[int] = set()
        for name, (vr, *_) in sorted(private_dictionaries[creator].items()):
            if vr not in PRIVATE_VALUES or name.startswith("x") or name.endswith("x"):
                continue  # no value for this VR, or a whole range of elements
            group, element = int(name[:4], 16), int(name[-2:], 16)
            if group not in groups:
                groups.add(group)
                yield Tag(group, 0x10), "LO", creator
            yield Tag(group, 0x1000 + element), vr, PRIVATE_VALUES[vr]

"""Instances as the spool hands them to a destination."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydicom.uid import ExplicitVRLittleEndian

from gatehouse.pipeline.ports import OutgoingInstance
from gatehouse.pipeline.workbench import orthanc_id
from support.dicom_builder import CT_IMAGE_STORAGE, ct, to_bytes


def outgoing(folder: Path, number: int = 1, **kind: str) -> OutgoingInstance:
    """Write an instance as the spool would; by default a CT in explicit VR little endian."""
    sop_class = kind.get("sop_class", CT_IMAGE_STORAGE)
    syntax = kind.get("syntax", ExplicitVRLittleEndian)
    made = ct(SOPClassUID=sop_class, SOPInstanceUID=f"1.2.3.{number}")
    file = folder / f"{number}.dcm"
    file.write_bytes(to_bytes(made, syntax))
    return OutgoingInstance(
        sop_class_uid=sop_class,
        sop_instance_uid=made.SOPInstanceUID,
        transfer_syntax_uid=syntax,
        orthanc_id=orthanc_id(
            made.PatientID, made.StudyInstanceUID, made.SeriesInstanceUID, made.SOPInstanceUID
        ),
        file=file,
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        study_instance_uid=made.StudyInstanceUID,
        series_instance_uid=made.SeriesInstanceUID,
        size=file.stat().st_size,
    )

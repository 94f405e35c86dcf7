"""Forwarding: an instance leaves as it came, because the policy says so and why.

For recipes with ``profile="none"``. It is no de-identification; the instance is not marked as if it
were; ``verify`` then checks that no byte of it was changed.
"""

from __future__ import annotations

from typing import Final

from gatehouse.deid.model import Deidentified
from gatehouse.dicom import part10, scan
from gatehouse.dicom.scan import Buffer
from gatehouse.errors import ScanError

_UIDS: Final = {
    0x00080018: "SOP Instance UID",
    0x0020000D: "Study Instance UID",
    0x0020000E: "Series Instance UID",
}
_PATIENT_ID: Final = 0x00100020


def forward(dicom: Buffer) -> Deidentified:
    """Return an instance without any change, after it was read to its end.

    Raises
    ------
    ScanError
        If it can't be read safely, or is no instance of a study.
    """
    file = part10.open_file(dicom)
    found: dict[int, str] = {}
    for tag, element in scan.elements(file.data, file.start, file.end, file.syntax.encoding):
        if tag in _UIDS or tag == _PATIENT_ID:
            value = bytes(file.data[element.start : element.end])
            found[tag] = value.decode("latin-1").strip(" \0")
    for tag, name in _UIDS.items():
        if not found.get(tag):
            raise ScanError("dicom.incomplete", f"it has no {name}")
    sop_instance_uid = found[0x00080018]
    return Deidentified(
        chunks=[dicom if isinstance(dicom, memoryview) else memoryview(dicom)],
        changes=(),
        sop_instance_uid_old=sop_instance_uid,
        sop_instance_uid_new=sop_instance_uid,
        series_instance_uid_new=found[0x0020000E],
        study_instance_uid_new=found[0x0020000D],
        patient_id_new=found.get(_PATIENT_ID, ""),
    )

"""Modality of the storage SOP classes (PS3.3 C.7.3.1.1.1, by the IOD that PS3.4 B.5 names).

Only for people to find studies by: some IODs are used by several modalities, and what an instance
says itself is not looked at here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_ROOT: Final = "1.2.840.10008.5.1.4.1.1."

_BY_SUFFIX: Final[Mapping[str, str]] = {
    "1": "CR",
    "1.1": "DX",
    "1.1.1": "DX",
    "1.2": "MG",
    "1.2.1": "MG",
    "1.3": "IO",
    "1.3.1": "IO",
    "2": "CT",
    "2.1": "CT",
    "2.2": "CT",
    "3.1": "US",
    "4": "MR",
    "4.1": "MR",
    "4.2": "MR",
    "4.3": "MR",
    "4.4": "MR",
    "6.1": "US",
    "6.2": "US",
    "7": "OT",
    "7.1": "OT",
    "7.2": "OT",
    "7.3": "OT",
    "7.4": "OT",
    "12.1": "XA",
    "12.1.1": "XA",
    "12.2": "RF",
    "12.2.1": "RF",
    "13.1.1": "XA",
    "13.1.2": "XA",
    "13.1.3": "MG",
    "20": "NM",
    "30": "PT",
    "66": "REG",
    "66.1": "REG",
    "66.3": "REG",
    "66.4": "SEG",
    "66.5": "SEG",
    "67": "RWV",
    "77.1.1": "ES",
    "77.1.1.1": "ES",
    "77.1.2": "GM",
    "77.1.2.1": "GM",
    "77.1.3": "SM",
    "77.1.4": "XC",
    "77.1.4.1": "XC",
    "77.1.5.1": "OP",
    "77.1.5.2": "OP",
    "77.1.5.4": "OPT",
    "77.1.6": "SM",
    "78.1": "OAM",
    "104.1": "DOC",
    "104.2": "DOC",
    "104.3": "M3D",
    "128": "PT",
    "128.1": "PT",
    "130": "PT",
    "481.1": "RTIMAGE",
    "481.2": "RTDOSE",
    "481.3": "RTSTRUCT",
    "481.4": "RTRECORD",
    "481.5": "RTPLAN",
    "481.6": "RTRECORD",
    "481.7": "RTRECORD",
    "481.8": "RTPLAN",
    "481.9": "RTRECORD",
}

_BY_BEGINNING: Final = (
    ("9.", "ECG"),
    ("11.", "PR"),
    ("88.59", "KO"),
    ("88.", "SR"),
)
"""Families of which every member has the same modality; the first that fits counts."""


def modality(sop_class_uid: str) -> str:
    """Return the modality of a storage SOP class; ``"OT"`` (other) for one that is not listed."""
    suffix = sop_class_uid.removeprefix(_ROOT)
    if suffix == sop_class_uid:
        return "OT"
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix]
    return next((found for begin, found in _BY_BEGINNING if suffix.startswith(begin)), "OT")


MODALITIES: Final = tuple(sorted({*_BY_SUFFIX.values(), *(found for _, found in _BY_BEGINNING)}))
"""Every modality that this module knows."""

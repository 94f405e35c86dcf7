"""Instances for the cases of policies, made from attributes as an administrator writes them."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from typing import Any, Final

from pydicom.config import IGNORE
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from gatehouse.errors import PolicyError
from gatehouse.policy.attributes import parse_attribute
from gatehouse.policy.cases import CaseInstance

STUDY_INSTANCE_UID: Final = "2.25.100000000000000000000000000000000001"
SERIES_INSTANCE_UID: Final = "2.25.100000000000000000000000000000000002"
SOP_INSTANCE_UID_ROOT: Final = "2.25.1000000000000000000000000000000001"

SOP_CLASSES: Final = {
    "CR": "1.2.840.10008.5.1.4.1.1.1",
    "CT": "1.2.840.10008.5.1.4.1.1.2",
    "DX": "1.2.840.10008.5.1.4.1.1.1.1",
    "MG": "1.2.840.10008.5.1.4.1.1.1.2",
    "MR": "1.2.840.10008.5.1.4.1.1.4",
    "NM": "1.2.840.10008.5.1.4.1.1.20",
    "OT": "1.2.840.10008.5.1.4.1.1.7",
    "PT": "1.2.840.10008.5.1.4.1.1.128",
    "RF": "1.2.840.10008.5.1.4.1.1.12.2",
    "SR": "1.2.840.10008.5.1.4.1.1.88.11",
    "US": "1.2.840.10008.5.1.4.1.1.6.1",
    "XA": "1.2.840.10008.5.1.4.1.1.12.1",
}
"""Storage SOP Class that an instance of a modality gets if its case does not name one."""

_PIXEL_DATA: Final = 0x7FE00010
_PIXELS: Final = (
    *("PixelData", "FloatPixelData", "DoubleFloatPixelData"),
    *("PixelDataProviderURL", "SpectroscopyData"),
)
_PIXEL_BITS_MAX: Final = 1 << 29
"""Of black pixels: 64 MiB, more than the largest single image that a case could mean."""

_INTEGERS = frozenset({"SL", "SS", "SV", "UL", "US", "UV"})
_FLOATS = frozenset({"FD", "FL"})
_BYTES = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})


def make_instance(case: CaseInstance, number: int) -> bytes:
    """Return the DICOM file of an instance of a case; ``number`` tells it from the others.

    Raises
    ------
    PolicyError
        If the case asks for something that is no instance.
    """
    try:
        data_set = Dataset.from_json(dict(case.json_model)) if case.json_model else Dataset()
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        problem = f"the file is no DICOM JSON Model ({type(error).__name__})"
        raise PolicyError(problem) from None
    for attribute, value in case.attributes.items():
        _set(data_set, attribute, value)
    _complete(data_set, number)
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = data_set.SOPClassUID
    meta.MediaStorageSOPInstanceUID = data_set.SOPInstanceUID
    data_set.file_meta = meta
    buffer = io.BytesIO()
    try:
        dcmwrite(buffer, data_set, enforce_file_format=True)
    except (ValueError, TypeError, AttributeError, UnicodeError, OverflowError) as error:
        raise PolicyError(f"it can't be written as DICOM ({type(error).__name__})") from None
    return buffer.getvalue()


def _complete(data_set: Dataset, number: int) -> None:
    """Add what makes it an instance, where the case does not say it."""
    if "SOPClassUID" not in data_set:
        modality = str(data_set.get("Modality", ""))
        if modality not in SOP_CLASSES:
            known = ", ".join(SOP_CLASSES)
            raise PolicyError(f"it needs a SOPClassUID, or one of these as Modality: {known}")
        data_set.SOPClassUID = SOP_CLASSES[modality]
    defaults = {
        "SOPInstanceUID": f"{SOP_INSTANCE_UID_ROOT}{number:03d}",
        "StudyInstanceUID": STUDY_INSTANCE_UID,
        "SeriesInstanceUID": SERIES_INSTANCE_UID,
    }
    for keyword, uid in defaults.items():
        if keyword not in data_set:
            setattr(data_set, keyword, uid)
    if "SpecificCharacterSet" not in data_set:
        data_set.SpecificCharacterSet = "ISO_IR 192"
    _complete_pixels(data_set)


def _complete_pixels(data_set: Dataset) -> None:
    """Add black pixels to an image that a case describes: one without any would be held."""
    if any(keyword in data_set for keyword in _PIXELS):
        return
    factors = [data_set.get(keyword) for keyword in ("Rows", "Columns")]
    factors += [data_set.get(keyword) or 1 for keyword in ("NumberOfFrames", "SamplesPerPixel")]
    try:
        bits = math.prod(int(one or 0) for one in factors) * int(data_set.get("BitsAllocated") or 8)
    except (TypeError, ValueError):
        return
    if 0 < bits <= _PIXEL_BITS_MAX:
        data_set[_PIXEL_DATA] = DataElement(_PIXEL_DATA, "OW", bytes(-(-bits // 16) * 2))


def _set(data_set: Dataset, attribute: str, value: Any) -> None:
    steps = parse_attribute(attribute)
    if len(steps) > 1:
        raise PolicyError(f"{attribute}: write a sequence as a list of items")
    (step,) = steps
    if not step.creator:
        vr = step.vrs[0]
        data_set[step.tag] = DataElement(
            step.tag, vr, _value(vr, value, attribute), validation_mode=IGNORE
        )
        return
    if not isinstance(value, Mapping) or "vr" not in value:
        raise PolicyError(f"{attribute}: write a private attribute as {{vr: LO, value: ...}}")
    block = data_set.private_block(step.tag >> 16, step.creator, create=True)
    vr = value["vr"]
    tag = block.get_tag(step.tag & 0xFF)
    found = _value(vr, value.get("value"), attribute)
    data_set[tag] = DataElement(tag, vr, found, validation_mode=IGNORE)


def _value(vr: str, value: Any, attribute: str) -> Any:
    """Return a value as pydicom takes it."""
    if vr == "SQ":
        items = [] if value is None else value
        if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
            raise PolicyError(f"{attribute}: a sequence is a list of items")
        return Sequence([_item(item) for item in items])
    if isinstance(value, Mapping):
        raise PolicyError(f"{attribute}: only a private attribute is written with its vr")
    if isinstance(value, list):
        return [_single(vr, one, attribute) for one in value]
    return None if value is None else _single(vr, value, attribute)


def _single(vr: str, value: Any, attribute: str) -> Any:
    try:
        if vr in _INTEGERS:
            return int(value)
        if vr in _FLOATS:
            return float(value)
    except (TypeError, ValueError):
        raise PolicyError(f"{attribute}: this is no number") from None
    return str(value).encode() if vr in _BYTES else str(value)


def _item(attributes: Mapping[str, Any]) -> Dataset:
    item = Dataset()
    for attribute, value in attributes.items():
        _set(item, attribute, value)
    return item

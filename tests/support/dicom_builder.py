"""Data sets and DICOM files for tests.

Everything defaults to a valid CT of a person who never was, so that a test states only what it is
about: ``ct(PatientName="Doe^Jane")``. Keywords set attributes, ``None`` leaves one out.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
STUDY_UID = "1.2.826.0.1.3680043.8.498.1001"
SERIES_UID = "1.2.826.0.1.3680043.8.498.1002"
INSTANCE_UID = "1.2.826.0.1.3680043.8.498.1003"
FRAME_OF_REFERENCE_UID = "1.2.826.0.1.3680043.8.498.1004"

_CT: dict[str, Any] = {
    "SpecificCharacterSet": "ISO_IR 100",
    "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
    "SOPClassUID": CT_IMAGE_STORAGE,
    "SOPInstanceUID": INSTANCE_UID,
    "StudyDate": "20240229",
    "SeriesDate": "20240229",
    "AcquisitionDate": "20240229",
    "ContentDate": "20240229",
    "StudyTime": "101112",
    "SeriesTime": "101213.5",
    "AcquisitionTime": "101300",
    "ContentTime": "101400.250",
    "AccessionNumber": "ACC4711",
    "Modality": "CT",
    "Manufacturer": "Imaginary Scanners",
    "InstitutionName": "Hospital of Nowhere",
    "ReferringPhysicianName": "Referrer^Rita",
    "StationName": "CTROOM3",
    "StudyDescription": "CT chest of Jane Example",
    "SeriesDescription": "axial 1 mm",
    "OperatorsName": ["Operator^Olga", "Operator^Oskar"],
    "ManufacturerModelName": "Model 1",
    "PatientName": "Example^Jane^Q",
    "PatientID": "PAT-0815",
    "PatientBirthDate": "19700131",
    "PatientSex": "F",
    "PatientAge": "054Y",
    "BodyPartExamined": "CHEST",
    "SliceThickness": "1.0",
    "KVP": "120",
    "DeviceSerialNumber": "SN-123456",
    "SoftwareVersions": "v1.2",
    "ProtocolName": "Chest routine",
    "PatientPosition": "HFS",
    "StudyInstanceUID": STUDY_UID,
    "SeriesInstanceUID": SERIES_UID,
    "StudyID": "STUDY77",
    "SeriesNumber": "2",
    "AcquisitionNumber": "1",
    "InstanceNumber": "1",
    "ImagePositionPatient": ["-10.0", "-10.0", "5.0"],
    "ImageOrientationPatient": ["1", "0", "0", "0", "1", "0"],
    "FrameOfReferenceUID": FRAME_OF_REFERENCE_UID,
    "PositionReferenceIndicator": "",
    "SamplesPerPixel": 1,
    "PhotometricInterpretation": "MONOCHROME2",
    "PixelSpacing": ["0.5", "0.5"],
    "BitsAllocated": 16,
    "BitsStored": 16,
    "HighBit": 15,
    "PixelRepresentation": 1,
    "RescaleIntercept": "0",
    "RescaleSlope": "1",
}


def dataset(**attributes: Any) -> Dataset:
    """Return a data set with just these attributes; lists of dicts or data sets are sequences."""
    result = Dataset()
    update(result, attributes)
    return result


def update(target: Dataset, attributes: dict[str, Any]) -> Dataset:
    """Set attributes by keyword; ``None`` deletes one."""
    for keyword, value in attributes.items():
        if value is None:
            if keyword in target:
                delattr(target, keyword)
        elif isinstance(value, list) and value and isinstance(value[0], dict | Dataset):
            items = [item if isinstance(item, Dataset) else dataset(**item) for item in value]
            setattr(target, keyword, Sequence(items))
        else:
            setattr(target, keyword, value)
    return target


def ct(rows: int = 16, columns: int = 16, **attributes: Any) -> Dataset:
    """Return a valid CT image, 16 bits, with a pattern as pixels.

    Parameters
    ----------
    **attributes
        Attributes by keyword that are set or, with ``None``, left out.
    """
    result = dataset(**_CT, Rows=rows, Columns=columns)
    count = rows * columns
    result.PixelData = struct.pack(f"<{count}h", *(index % 997 for index in range(count)))
    result["PixelData"].VR = "OW"
    return update(result, attributes)


def series(count: int, **attributes: Any) -> Iterator[Dataset]:
    """Yield the slices of one CT series, each with its own SOP Instance UID and position."""
    for index in range(count):
        slice_attributes = {
            "SOPInstanceUID": f"{INSTANCE_UID}.{index + 1}",
            "InstanceNumber": str(index + 1),
            "ImagePositionPatient": ["-10.0", "-10.0", str(float(index))],
        }
        yield ct(**(slice_attributes | attributes))


def add_private(
    target: Dataset, group: int, creator: str, elements: Iterable[tuple[int, str, Any]]
) -> Dataset:
    """Add a private block: ``(element's low byte, VR, value)`` each."""
    block = target.private_block(group, creator, create=True)
    for element, vr, value in elements:
        block.add_new(element, vr, value)
    return target


def to_bytes(
    source: Dataset,
    transfer_syntax: str = ExplicitVRLittleEndian,
    *,
    preamble: bytes = bytes(128),
    undefined_lengths: bool = False,
    meta: dict[str, Any] | None = None,
) -> bytes:
    """Write a data set as a DICOM file (PS3.10).

    Parameters
    ----------
    transfer_syntax : str
        Any uncompressed one; or one of the encapsulated, whose Pixel Data is then replaced by two
        fragments with the markers of a JPEG image, unless it consists of fragments already.
    undefined_lengths : bool
        Write sequences and items with undefined length.
    meta : dict, optional
        More attributes of the file meta information, by keyword.
    """
    file_meta = FileMetaDataset()
    file_meta.MediaStorageSOPClassUID = source.get("SOPClassUID", CT_IMAGE_STORAGE)
    file_meta.MediaStorageSOPInstanceUID = source.get("SOPInstanceUID", INSTANCE_UID)
    file_meta.TransferSyntaxUID = transfer_syntax
    update(file_meta, {"ImplementationClassUID": "1.2.3.4", **(meta or {})})
    copy = Dataset()
    copy.update(source)
    if undefined_lengths:
        _make_undefined(copy)
    if file_meta.TransferSyntaxUID.is_encapsulated and "PixelData" in copy:
        if not copy.PixelData.startswith(b"\xfe\xff\x00\xe0"):
            copy.PixelData = encapsulate([_jpeg(b"\x01\x02" * 43), _jpeg(b"\x03\x04" * 33)])
        copy["PixelData"].VR = "OB"
        copy["PixelData"].is_undefined_length = True
    copy.file_meta = file_meta
    copy.preamble = preamble
    file = io.BytesIO()
    dcmwrite(file, copy, enforce_file_format=True)
    return file.getvalue()


def _jpeg(coefficients: bytes) -> bytes:
    """Return the markers of a JPEG image around what no test decodes."""
    return b"\xff\xd8\xff\xda\0\x08\1\1\0\0\x3f\0" + coefficients + b"\xff\xd9"


def ct_bytes(transfer_syntax: str = ExplicitVRLittleEndian, **attributes: Any) -> bytes:
    """Write a valid CT image as a DICOM file; see ``ct`` and ``to_bytes``."""
    return to_bytes(ct(**attributes), transfer_syntax)


def _make_undefined(target: Dataset) -> None:
    for element in target:
        if element.VR == "SQ":
            element.is_undefined_length = True
            for item in element.value:
                item.is_undefined_length_sequence_item = True
                _make_undefined(item)


def explicit_element(group: int, element: int, vr: str, value: bytes) -> bytes:
    """Encode one element in explicit VR little endian, for files that no library would write."""
    if vr in {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}:
        head = struct.pack("<HH2sHI", group, element, vr.encode(), 0, len(value))
    else:
        head = struct.pack("<HH2sH", group, element, vr.encode(), len(value))
    return head + value


def file_around(data_set: bytes, transfer_syntax: str = ExplicitVRLittleEndian) -> bytes:
    """Put preamble and file meta information before the bytes of a data set."""
    uid = transfer_syntax.encode() + b"\0" * (len(transfer_syntax) % 2)
    elements = explicit_element(2, 0x10, "UI", uid)
    length = explicit_element(2, 0, "UL", struct.pack("<I", len(elements)))
    return bytes(128) + b"DICM" + length + elements + data_set


def data_set_of(file: bytes) -> bytes:
    """Cut preamble and file meta information off a file that ``to_bytes`` wrote."""
    (length,) = struct.unpack_from("<I", file, 128 + 4 + 8)
    return file[128 + 4 + 12 + length :]


def deflated(data_set: bytes) -> bytes:
    """Compress a data set as Deflated Explicit VR Little Endian does (PS3.5 A.5)."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    result = compressor.compress(data_set) + compressor.flush()
    return result + b"\0" * (len(result) % 2)


__all__ = [
    "CT_IMAGE_STORAGE",
    "INSTANCE_UID",
    "SERIES_UID",
    "STUDY_UID",
    "DeflatedExplicitVRLittleEndian",
    "ExplicitVRLittleEndian",
    "ImplicitVRLittleEndian",
    "JPEGBaseline8Bit",
    "add_private",
    "ct",
    "ct_bytes",
    "data_set_of",
    "dataset",
    "deflated",
    "explicit_element",
    "file_around",
    "series",
    "to_bytes",
    "update",
]

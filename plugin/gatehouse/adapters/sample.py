"""A synthetic CT study that looks as identified as a real one. Nobody in it exists.

The same bytes each time, so that a second start recognizes the study that is already there.
"""

from __future__ import annotations

from array import array
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

SLICES = 12
ROWS = COLUMNS = 256

STUDY_INSTANCE_UID = generate_uid(entropy_srcs=["Gatehouse sample", "study"])
SERIES_INSTANCE_UID = generate_uid(entropy_srcs=["Gatehouse sample", "series"])
FRAME_OF_REFERENCE_UID = generate_uid(entropy_srcs=["Gatehouse sample", "frame of reference"])
PATIENT_ID = "GH-4711-0815"

CALLING_AET = "CT01"


def write_sample(folder: Path) -> list[Path]:
    """Write the study's files into a folder; return them in the order of their slices."""
    files = []
    for number in range(1, SLICES + 1):
        file = folder / f"{number:03}.dcm"
        _slice(number).save_as(file, enforce_file_format=True)
        files.append(file)
    return files


def _slice(number: int) -> Dataset:
    dataset = Dataset()
    _patient(dataset)
    _study(dataset)
    _series(dataset)
    _private(dataset)
    _image(dataset, number)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def _patient(dataset: Dataset) -> None:
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.PatientName = "Szulmaier^Jutta^Rosalind"
    dataset.PatientID = PATIENT_ID
    dataset.IssuerOfPatientID = "ST-ELSEWHERE"
    dataset.PatientBirthDate = "19620517"
    dataset.PatientSex = "F"
    dataset.PatientAge = "061Y"
    dataset.PatientSize = "1.67"
    dataset.PatientWeight = "71"
    dataset.PatientAddress = "17 Quarry Lane, Elsewhere"
    dataset.PatientTelephoneNumbers = "+44 1632 960117"
    dataset.OtherPatientNames = "Pommeroy^Jutta"
    dataset.PatientComments = "Ms Szulmaier asked for a call at +44 1632 960117"
    other = Dataset()
    other.PatientID = "NHS-9434765919"
    other.TypeOfPatientID = "TEXT"
    dataset.OtherPatientIDsSequence = DicomSequence([other])


def _study(dataset: Dataset) -> None:
    dataset.StudyInstanceUID = STUDY_INSTANCE_UID
    dataset.StudyID = "S20240311-7"
    dataset.StudyDate = "20240311"
    dataset.StudyTime = "101502.250"
    dataset.AccessionNumber = "ACC-88213377"
    dataset.StudyDescription = "CT chest"
    dataset.ReferringPhysicianName = "Quillfeather^Ambrose^^Dr."
    dataset.InstitutionName = "St. Elsewhere Hospital"
    dataset.InstitutionAddress = "1 Infirmary Road, Elsewhere"
    requested = Dataset()
    requested.RequestedProcedureID = "RP-55190042"
    requested.ScheduledProcedureStepID = "SPS-55190042"
    requested.RequestedProcedureDescription = "CT chest"
    dataset.RequestAttributesSequence = DicomSequence([requested])


def _series(dataset: Dataset) -> None:
    dataset.Modality = "CT"
    dataset.SeriesInstanceUID = SERIES_INSTANCE_UID
    dataset.SeriesNumber = 2
    dataset.SeriesDate = "20240311"
    dataset.SeriesTime = "101618.0"
    dataset.SeriesDescription = "Chest axial 5 mm"
    dataset.BodyPartExamined = "CHEST"
    dataset.PatientPosition = "HFS"
    dataset.ProtocolName = "Thorax routine"
    dataset.Manufacturer = "Example Imaging"
    dataset.ManufacturerModelName = "Sample CT"
    dataset.StationName = "CT-ELSEWHERE-01"
    dataset.DeviceSerialNumber = "SN-70031442"
    dataset.SoftwareVersions = "7.1"
    dataset.OperatorsName = "Thistlewood^Perpetua"
    dataset.PerformingPhysicianName = "Quillfeather^Ambrose"
    dataset.FrameOfReferenceUID = FRAME_OF_REFERENCE_UID
    dataset.PositionReferenceIndicator = ""


def _private(dataset: Dataset) -> None:
    block = dataset.private_block(0x0009, "EXAMPLE IMAGING CT 01", create=True)
    block.add_new(0x01, "LO", "SZULMAIER JUTTA")
    block.add_new(0x02, "SH", "4711-0815")


def _image(dataset: Dataset, number: int) -> None:
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = generate_uid(entropy_srcs=["Gatehouse sample", f"slice {number}"])
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.InstanceNumber = number
    dataset.AcquisitionNumber = 1
    dataset.AcquisitionDate = "20240311"
    dataset.AcquisitionTime = f"1017{number:02}.5"
    dataset.ContentDate = "20240311"
    dataset.ContentTime = f"1018{number:02}.5"
    dataset.SliceThickness = "5"
    dataset.KVP = "120"
    dataset.XRayTubeCurrent = "210"
    dataset.ConvolutionKernel = "STANDARD"
    dataset.ImagePositionPatient = ["-180", "-180", str(-5 * number)]
    dataset.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    dataset.PixelSpacing = ["1.40625", "1.40625"]
    dataset.SliceLocation = str(-5 * number)
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows = ROWS
    dataset.Columns = COLUMNS
    dataset.BitsAllocated = 16
    dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = 1
    dataset.RescaleIntercept = "0"
    dataset.RescaleSlope = "1"
    dataset.RescaleType = "HU"
    dataset.WindowCenter = "-400"
    dataset.WindowWidth = "1500"
    dataset.BurnedInAnnotation = "NO"
    dataset.PixelData = _chest(number)


def _chest(number: int) -> bytes:
    """Return a section of a chest, roughly: air, soft tissue, two lungs and a spine, in HU."""
    growth = 1 + 0.02 * number
    pixels = array("h")
    for row in range(ROWS):
        y = (row - ROWS / 2) / ROWS
        for column in range(COLUMNS):
            x = (column - COLUMNS / 2) / COLUMNS
            value = -1000
            if (x / 0.42) ** 2 + (y / 0.30) ** 2 < 1:
                value = 40
                if ((abs(x) - 0.19) / 0.13) ** 2 + (y / 0.19) ** 2 < growth * 0.8:
                    value = -850
                elif x**2 + (y - 0.20) ** 2 < 0.0025:
                    value = 400
            pixels.append(value)
    return pixels.tobytes()

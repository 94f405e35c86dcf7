"""Generated images: CT, MR, DX, ultrasound clip, enhanced MR.

Sizes and numbers of elements are those of the targets in docs/performance.md, so that figures can
be compared over time. Pixels are noise of a fixed seed; JPEG frames are such as decoders accept.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit

from bench.headers import (
    add_references,
    add_sequence,
    code,
    fill,
    item,
    new_file,
    pad_with_private,
    uid,
)

CT_ELEMENTS = 333
MR_ELEMENTS = 200
DX_ELEMENTS = 150
US_ELEMENTS = 140
ENHANCED_MR_ELEMENTS = 26_516
ENHANCED_MR_FRAMES = 800
US_FRAMES = 120

GE_CREATORS = (
    "GEMS_IDEN_01",
    "GEMS_ACQU_01",
    "GEMS_RELA_01",
    "GEMS_STDY_01",
    "GEMS_SERS_01",
    "GEMS_IMAG_01",
    "GEMS_PARM_01",
    "GEMS_HELIOS_01",
)
SIEMENS_CREATORS = ("SIEMENS MR HEADER", "SIEMENS CSA HEADER", "SIEMENS MR VA0  GEN")


def ct(instance: int, study: str = "ct") -> FileDataset:
    """Make one slice of 512 x 512 x 16 bits, explicit VR, with GE's private blocks."""
    file = new_file("1.2.840.10008.5.1.4.1.1.2", ExplicitVRLittleEndian, study, instance)
    add_references(file, study)
    fill(
        file,
        Modality="CT",
        ImageType=["ORIGINAL", "PRIMARY", "AXIAL"],
        ScanOptions="HELICAL MODE",
        SliceThickness="1.25",
        KVP="120",
        DataCollectionDiameter="500",
        ReconstructionDiameter="360",
        GantryDetectorTilt="0",
        TableHeight="151.5",
        RotationDirection="CW",
        ExposureTime="500",
        XRayTubeCurrent="220",
        Exposure="110",
        FilterType="BODY FILTER",
        GeneratorPower="26400",
        FocalSpots="1.2",
        ConvolutionKernel="LUNG",
        AcquisitionNumber=1,
        AcquisitionDate="20240311",
        AcquisitionTime="081430.250000",
        ContrastBolusAgent="Ultravist 370",
        TableSpeed=55.0,
        SpiralPitchFactor=0.984375,
        CTDIvol=7.25,
        SliceLocation=f"{-120 + 1.25 * instance:.2f}",
    )
    add_sequence(file, "AnatomicRegionSequence", [code("51185008", "Chest")])
    _add_slice(file, study, instance, size=512, spacing=0.703125)
    pad_with_private(file, GE_CREATORS, CT_ELEMENTS - 1)
    _add_pixels(file, 512, 512, seed=instance)
    return file


def mr(instance: int, study: str = "mr") -> FileDataset:
    """Make one slice of 256 x 256 x 16 bits, implicit VR, with Siemens' private blocks."""
    file = new_file("1.2.840.10008.5.1.4.1.1.4", ImplicitVRLittleEndian, study, instance)
    add_references(file, study)
    fill(
        file,
        Modality="MR",
        ImageType=["ORIGINAL", "PRIMARY", "M", "ND"],
        ScanningSequence="SE",
        SequenceVariant="SK",
        ScanOptions="PFP",
        MRAcquisitionType="2D",
        SequenceName="*tse2d1_15",
        SliceThickness="3",
        RepetitionTime="4500",
        EchoTime="95",
        NumberOfAverages="2",
        ImagingFrequency="63.68",
        ImagedNucleus="1H",
        EchoNumbers=1,
        MagneticFieldStrength="1.5",
        SpacingBetweenSlices="3.3",
        EchoTrainLength=15,
        PixelBandwidth="191",
        FlipAngle="150",
        SliceLocation=f"{-60 + 3.3 * instance:.2f}",
    )
    _add_slice(file, study, instance, size=256, spacing=0.8984375)
    pad_with_private(file, SIEMENS_CREATORS, MR_ELEMENTS - 1)
    _add_pixels(file, 256, 256, seed=instance)
    return file


def dx(instance: int, study: str = "dx") -> FileDataset:
    """Make one radiograph of 3000 x 3000 x 16 bits: 18 MB."""
    file = new_file("1.2.840.10008.5.1.4.1.1.1.1", ExplicitVRLittleEndian, study, instance)
    add_references(file, study)
    fill(
        file,
        Modality="DX",
        ImageType=["ORIGINAL", "PRIMARY"],
        PresentationIntentType="FOR PRESENTATION",
        BodyPartExamined="CHEST",
        ViewPosition="PA",
        KVP="125",
        Exposure="2",
        DetectorID="DET-88213",
        DetectorType="SCINTILLATOR",
        PixelIntensityRelationship="LOG",
        PixelIntensityRelationshipSign=-1,
        PositionerType="NONE",
        ImageLaterality="U",
        BurnedInAnnotation="NO",
        ImagerPixelSpacing=["0.143", "0.143"],
        WindowCenter="2048",
        WindowWidth="4096",
    )
    add_sequence(file, "AnatomicRegionSequence", [code("51185008", "Chest")])
    add_sequence(file, "ViewCodeSequence", [code("399348003", "Antero-posterior projection")])
    pad_with_private(file, GE_CREATORS, DX_ELEMENTS - 1 - _PIXEL_MODULE_ELEMENTS)
    _add_pixels(file, 3000, 3000, seed=instance)
    return file


def us(instance: int, study: str = "us") -> FileDataset:
    """Make a clip of 120 JPEG frames of 800 x 600 in colour."""
    file = new_file("1.2.840.10008.5.1.4.1.1.3.1", JPEGBaseline8Bit, study, instance)
    add_references(file, study)
    fill(
        file,
        Modality="US",
        ImageType=["ORIGINAL", "PRIMARY", "", "0001"],
        TransducerData="C5-1",
        FrameTime="33.3",
        BurnedInAnnotation="NO",
        LossyImageCompression="01",
        LossyImageCompressionMethod="ISO_10918_1",
        NumberOfFrames=US_FRAMES,
        FrameIncrementPointer=0x00181063,
    )
    add_sequence(
        file,
        "SequenceOfUltrasoundRegions",
        [
            item(
                RegionSpatialFormat=1,
                RegionDataType=1,
                RegionFlags=2,
                RegionLocationMinX0=80,
                RegionLocationMinY0=60,
                RegionLocationMaxX1=720,
                RegionLocationMaxY1=560,
                PhysicalUnitsXDirection=3,
                PhysicalUnitsYDirection=3,
                PhysicalDeltaX=0.0308,
                PhysicalDeltaY=0.0308,
            )
        ],
    )
    fill(
        file,
        SamplesPerPixel=3,
        PhotometricInterpretation="YBR_FULL_422",
        PlanarConfiguration=0,
        Rows=600,
        Columns=800,
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
        PixelRepresentation=0,
    )
    pad_with_private(file, GE_CREATORS, US_ELEMENTS - 1)
    file.PixelData = encapsulate([_jpeg(number) for number in range(US_FRAMES)])
    file["PixelData"].VR = "OB"
    file["PixelData"].is_undefined_length = True
    return file


def enhanced_mr(instance: int, study: str = "enhanced-mr") -> FileDataset:
    """Make a multi-frame of 105 MB with 33 elements of functional groups for each of 800 frames."""
    file = new_file("1.2.840.10008.5.1.4.1.1.4.1", ExplicitVRLittleEndian, study, instance)
    add_references(file, study)
    fill(
        file,
        Modality="MR",
        ImageType=["ORIGINAL", "PRIMARY", "VOLUME", "NONE"],
        NumberOfFrames=ENHANCED_MR_FRAMES,
        FrameOfReferenceUID=uid(study, "frame"),
        AcquisitionDateTime="20240311081430.250000",
        AcquisitionDuration=310.5,
        ResonantNucleus="1H",
        MagneticFieldStrength="3",
        BurnedInAnnotation="NO",
        LossyImageCompression="00",
        PresentationLUTShape="IDENTITY",
    )
    frames = [_functional_groups(number) for number in range(ENHANCED_MR_FRAMES)]
    add_sequence(file, "PerFrameFunctionalGroupsSequence", frames)
    pad_with_private(file, SIEMENS_CREATORS, ENHANCED_MR_ELEMENTS - 1 - _PIXEL_MODULE_ELEMENTS)
    _add_pixels(file, 256, 256, seed=instance, frames=ENHANCED_MR_FRAMES)
    return file


_PIXEL_MODULE_ELEMENTS = 8


def _add_pixels(file: FileDataset, rows: int, columns: int, *, seed: int, frames: int = 1) -> None:
    fill(
        file,
        SamplesPerPixel=1,
        PhotometricInterpretation="MONOCHROME2",
        Rows=rows,
        Columns=columns,
        BitsAllocated=16,
        BitsStored=12,
        HighBit=11,
        PixelRepresentation=0,
    )
    noise = np.random.default_rng(seed).integers(0, 4096, frames * rows * columns, dtype="<u2")
    file.add_new(0x7FE00010, "OW", noise.tobytes())


def _add_slice(file: FileDataset, study: str, instance: int, size: int, spacing: float) -> None:
    edge = f"{-spacing * size / 2:.3f}"
    fill(
        file,
        BodyPartExamined="CHEST",
        PatientPosition="HFS",
        FrameOfReferenceUID=uid(study, "frame"),
        PositionReferenceIndicator="SN",
        ImagePositionPatient=[edge, edge, f"{-120 + 1.25 * instance:.2f}"],
        ImageOrientationPatient=["1", "0", "0", "0", "1", "0"],
        PixelSpacing=[str(spacing), str(spacing)],
        WindowCenter="-500",
        WindowWidth="1500",
        RescaleIntercept="-1024",
        RescaleSlope="1",
        # Set again by _add_pixels; present here so that the private blocks fill up the rest.
        SamplesPerPixel=1,
        PhotometricInterpretation="MONOCHROME2",
        Rows=size,
        Columns=size,
        BitsAllocated=16,
        BitsStored=12,
        HighBit=11,
        PixelRepresentation=0,
    )


def _functional_groups(frame: int) -> Dataset:
    frame_time = f"202403110814{frame % 60:02d}.250000"
    groups: dict[str, dict[str, Any]] = {
        "FrameContentSequence": {
            "FrameAcquisitionNumber": 1,
            "FrameReferenceDateTime": frame_time,
            "FrameAcquisitionDateTime": frame_time,
            "FrameAcquisitionDuration": 12.5,
            "DimensionIndexValues": [1, frame + 1],
            "StackID": "1",
            "InStackPositionNumber": frame + 1,
            "TemporalPositionIndex": 1,
        },
        "PlanePositionSequence": {"ImagePositionPatient": ["-115", "-115", f"{frame * 0.25:.2f}"]},
        "PlaneOrientationSequence": {"ImageOrientationPatient": ["1", "0", "0", "0", "1", "0"]},
        "PixelMeasuresSequence": {
            "SliceThickness": "0.25",
            "PixelSpacing": ["0.8984375", "0.8984375"],
            "SpacingBetweenSlices": "0.25",
        },
        "PixelValueTransformationSequence": {
            "RescaleIntercept": "0",
            "RescaleSlope": "1",
            "RescaleType": "US",
        },
        "FrameVOILUTSequence": {"WindowCenter": "300", "WindowWidth": "700"},
        "MREchoSequence": {"EffectiveEchoTime": 95.0},
        "MRTimingAndRelatedParametersSequence": {
            "RepetitionTime": "4500",
            "FlipAngle": "150",
            "EchoTrainLength": 15,
            "GradientEchoTrainLength": 0,
        },
        "MRAveragesSequence": {"NumberOfAverages": "2"},
    }
    frame_item = item()
    for keyword, values in groups.items():
        add_sequence(frame_item, keyword, [item(**values)])
    return frame_item


def _jpeg(frame: int) -> bytes:
    """Make one frame: a moving fan on black with speckle, as an encoder of a scanner would."""
    rows, columns = np.mgrid[0:600, 0:800]
    speckle = np.random.default_rng(frame).integers(20, 200, (600, 800))
    inside = (np.hypot(rows, columns - 400) % 560 > 60) & (abs(columns - 400) < rows)
    grey = np.where(inside, (speckle + 2 * frame) % 255, 0).astype("uint8")
    target = io.BytesIO()
    Image.fromarray(np.stack([grey] * 3, axis=-1)).save(target, "JPEG", quality=75)
    return target.getvalue()

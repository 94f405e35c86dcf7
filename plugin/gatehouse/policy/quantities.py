"""Numbers with units in conditions: ``SliceThickness: {at-most: 1.5 mm}``.

A DICOM attribute has one unit, which its definition in PS3.3 names. A number in another unit of the
same quantity is converted when the policy is loaded; one of another quantity is a mistake.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

_FACTORS: Final = {
    "mm": ("length", Decimal(1)),
    "cm": ("length", Decimal(10)),
    "m": ("length", Decimal(1000)),
    "g": ("mass", Decimal(1)),
    "kg": ("mass", Decimal(1000)),
    "ms": ("duration", Decimal(1)),
    "s": ("duration", Decimal(1000)),
    "V": ("voltage", Decimal(1)),
    "kV": ("voltage", Decimal(1000)),
    "mA": ("current", Decimal(1)),
    "A": ("current", Decimal(1000)),
    "T": ("flux density", Decimal(1)),
    "MHz": ("frequency", Decimal(1)),
    "deg": ("angle", Decimal(1)),
    "Bq": ("activity", Decimal(1)),
    "MBq": ("activity", Decimal(1000000)),
    "ml": ("volume", Decimal(1)),
}

UNITS: Final = {
    "SliceThickness": "mm",
    "SpacingBetweenSlices": "mm",
    "SliceLocation": "mm",
    "ReconstructionDiameter": "mm",
    "DataCollectionDiameter": "mm",
    "DistanceSourceToDetector": "mm",
    "DistanceSourceToPatient": "mm",
    "BodyPartThickness": "mm",
    "PixelSpacing": "mm",
    "ImagerPixelSpacing": "mm",
    "PatientSize": "m",
    "PatientWeight": "kg",
    "KVP": "kV",
    "XRayTubeCurrent": "mA",
    "ExposureTime": "ms",
    "RepetitionTime": "ms",
    "EchoTime": "ms",
    "InversionTime": "ms",
    "FrameTime": "ms",
    "TriggerTime": "ms",
    "MagneticFieldStrength": "T",
    "ImagingFrequency": "MHz",
    "FlipAngle": "deg",
    "GantryDetectorTilt": "deg",
    "ContrastBolusVolume": "ml",
    "RadionuclideTotalDose": "Bq",
}
"""Attribute -> its unit in PS3.3."""

_QUANTITY: Final = re.compile(r"([+-]?[0-9]*\.?[0-9]+) ?([A-Za-z]+)")


def in_unit_of(attribute: str, text: str) -> str | None:
    """Return a number with a unit as the attribute has it; None if it is no such number."""
    found = _QUANTITY.fullmatch(text.strip())
    own = UNITS.get(attribute)
    if found is None or own is None or found[2] not in _FACTORS:
        return None
    kind, factor = _FACTORS[found[2]]
    own_kind, own_factor = _FACTORS[own]
    if kind != own_kind:
        return None
    return f"{(Decimal(found[1]) * factor / own_factor).normalize():f}"

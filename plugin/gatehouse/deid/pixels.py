"""Which images may carry burned-in text, judged by their attributes alone.

Pixels are not looked at here: that needs templates or text recognition. What is judged is what the
object says of itself, as CTP's filters, pydicom/deid's recipes and TCIA's curation do, and in doubt
the answer is "suspicious". Three things decide, in this order:

1. Burned In Annotation (0028,0301) YES, and every sign of a captured or digitized picture
   (Conversion Type, the Secondary Capture attributes, words in Image Type): suspicious whatever
   else is said.
2. The SOP class (and, where both disagree, the Modality), by the table below.
3. What a modality says with Burned In Annotation NO is believed only where the table says so.
   Absent is unknown, not NO.

Objects without an image (reports, plans, waveforms, presentation states, encapsulated documents)
have no pixels to judge. Recognizable visual features (faces) are another option of the Standard.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from gatehouse.errors import DeidentificationError

IMAGE_TYPE = 0x00080008
SOP_CLASS_UID = 0x00080016
MODALITY = 0x00080060
CONVERSION_TYPE = 0x00080064
SERIES_DESCRIPTION = 0x0008103E
SECONDARY_CAPTURE_DEVICE_ID = 0x00181010
DATE_OF_SECONDARY_CAPTURE = 0x00181012
SECONDARY_CAPTURE_DEVICE_MANUFACTURER = 0x00181016
SECONDARY_CAPTURE_DEVICE_MODEL = 0x00181018
VIDEO_IMAGE_FORMAT_ACQUIRED = 0x00181022
PHOTOMETRIC_INTERPRETATION = 0x00280004
BURNED_IN_ANNOTATION = 0x00280301

_CAPTURE_SIGNS = (
    SECONDARY_CAPTURE_DEVICE_ID,
    DATE_OF_SECONDARY_CAPTURE,
    SECONDARY_CAPTURE_DEVICE_MANUFACTURER,
    SECONDARY_CAPTURE_DEVICE_MODEL,
    VIDEO_IMAGE_FORMAT_ACQUIRED,
)

TAGS = frozenset(
    {
        IMAGE_TYPE,
        SOP_CLASS_UID,
        MODALITY,
        CONVERSION_TYPE,
        SERIES_DESCRIPTION,
        *_CAPTURE_SIGNS,
        PHOTOMETRIC_INTERPRETATION,
        BURNED_IN_ANNOTATION,
    }
)
"""The top-level attributes that `suspicion` looks at."""

Trust = Literal["clean", "says-no", "never"]
"""``clean``: passes unless something speaks against it. ``says-no``: passes only with Burned In
Annotation NO. ``never``: not even NO is believed."""

_SECONDARY_CAPTURE = "it is a secondary capture: a picture of a screen, a film or a paper"
_ULTRASOUND = "ultrasound devices draw name and ID into the image, also those that say NO"
_FILM = "it is the picture of a printed film, with its labels"
_FLUOROSCOPY = "angiography and fluoroscopy systems may draw their text overlay into the image"
_VISIBLE_LIGHT = "visible light and video systems commonly draw patient data into the picture"
_OPHTHALMIC = "ophthalmic devices may draw patient data into the picture"
_PROJECTION = "its IOD requires Burned In Annotation, so that without it nothing is known"
_UNKNOWN_CLASS = "nothing is known of this SOP class"

_CLASSES: tuple[tuple[Trust, str, str], ...] = (
    # Cross sections, nuclear medicine, dose, maps of labels and parameters: computed by the
    # modality. Reports and screens under these classes are recognized by Image Type.
    ("clean", "", "2 2.1 2.2 4 4.1 4.2 4.3 4.4 5 20 30 66.4 66.7 66.8 128 128.1 130 481.2"),
    # Plate readers and portal imagers put side markers, not patient data, into the image.
    ("clean", "", "1 481.1 481.23 481.24"),
    # Type 1 in the DX Image Module (PS3.3 C.8.11.3), which DX, mammography and intra-oral images
    # share, and in breast projection and tomosynthesis images.
    ("says-no", _PROJECTION, "1.1 1.1.1 1.2 1.2.1 1.3 1.3.1 13.1.3 13.1.4 13.1.5"),
    # X-ray with an overlay generator: angiography, fluoroscopy, rotational and craniofacial.
    ("says-no", _FLUOROSCOPY, "12.1 12.1.1 12.2 12.2.1 12.3 13.1.1 13.1.2"),
    ("says-no", _OPHTHALMIC, "77.1.5.1 77.1.5.2 77.1.5.4 77.1.5.5 77.1.5.6 77.1.5.7 77.1.5.8"),
    ("says-no", _OPHTHALMIC, "81.1 82.1"),
    # Visible light, photographs, video, intravascular optical tomography. The label image of a
    # whole slide is recognized by Image Type.
    ("says-no", _VISIBLE_LIGHT, "14.1 14.2 77.1 77.2 77.1.1 77.1.1.1 77.1.2 77.1.2.1 77.1.3"),
    ("says-no", _VISIBLE_LIGHT, "77.1.4 77.1.4.1 77.1.6 77.1.7 77.1.8 77.1.9"),
    # The banner is part of the frame, and NO is a factory default of many ultrasound devices ...
    ("never", _ULTRASOUND, "3 3.1 6 6.1"),
    # ... but a volume and its photoacoustic twin are computed, and have to carry the attribute.
    ("says-no", _ULTRASOUND, "6.2 6.3"),
    # The station that captures a picture does not know what is in it.
    ("never", _SECONDARY_CAPTURE, "7 7.1 7.2 7.3 7.4"),
)
_BY_SOP_CLASS: Mapping[str, tuple[Trust, str]] = {
    "1.2.840.10008.5.1.1.29": ("never", _FILM),
    "1.2.840.10008.5.1.1.30": ("never", _FILM),
    **{
        f"1.2.840.10008.5.1.4.1.1.{suffix}": (trust, reason)
        for trust, reason, suffixes in _CLASSES
        for suffix in suffixes.split()
    },
}

_BY_MODALITY: Mapping[str, tuple[Trust, str]] = {
    # Asked only where the SOP class says "clean": an object under a borrowed class.
    "US": ("never", _ULTRASOUND),
    "IVUS": ("never", _ULTRASOUND),
    "BDUS": ("never", _ULTRASOUND),
    "SC": ("never", _SECONDARY_CAPTURE),
    "DOC": ("never", _SECONDARY_CAPTURE),
    "HC": ("never", _FILM),
    "FID": ("never", _FILM),
    "XA": ("says-no", _FLUOROSCOPY),
    "RF": ("says-no", _FLUOROSCOPY),
    "DF": ("says-no", _FLUOROSCOPY),
    "CF": ("says-no", _FLUOROSCOPY),
    "ES": ("says-no", _VISIBLE_LIGHT),
    "XC": ("says-no", _VISIBLE_LIGHT),
    "GM": ("says-no", _VISIBLE_LIGHT),
    "OT": ("says-no", _UNKNOWN_CLASS),
}

_CONVERSIONS: Mapping[str, str] = {
    # PS3.3 C.8.6.1; SYN (synthetic image) is left out: it was computed, not captured.
    "DV": "it was digitized from video",
    "DI": "it was captured at a digital interface",
    "DF": "it was digitized from film",
    "WSD": "it was captured at a workstation",
    "SD": "it is a scanned document",
    "SI": "it is a scanned image",
    "DRW": "it is a drawing",
}

_SCREEN = "its Image Type says that it is a screen save"
_REPORT = "its Image Type says that it is a report or a page of the protocol"
_LABEL = "its Image Type says that it shows the label of a slide"
_IMAGE_TYPE_WORDS: Mapping[str, str] = {
    "SCREEN": _SCREEN,
    "SCREENSAVE": _SCREEN,
    "SCREENSHOT": _SCREEN,
    "SAVE": _SCREEN,
    "CAPTURE": _SCREEN,
    "DOSE": _REPORT,
    "REPORT": _REPORT,
    "PROT": _REPORT,
    "PROTOCOL": _REPORT,
    "PRINT": _REPORT,
    "LABEL": _LABEL,
    "OVERVIEW": _LABEL,
}
"""Words of the values of Image Type (0008,0008): GE's ``SCREEN SAVE`` and ``DOSE_INFO``, Siemens'
``CT_SOM5 PROT`` and ``CSA REPORT``, the slide's ``LABEL`` and ``OVERVIEW`` (PS3.3 C.8.12.4.1.1).
Whole words: ``PROTON_DENSITY`` and ``LABELMAP`` are images."""

_WORD = "[A-Z0-9]+"

_DESCRIPTION_WORDS = (
    "SCREEN SAVE",
    "SCREENSAVE",
    "SCREEN SHOT",
    "SCREENSHOT",
    "SCREEN CAPTURE",
    "DOSE REPORT",
    "DOSE INFO",
    "PATIENT PROTOCOL",
)


def suspicion(values: Mapping[int, str]) -> str | None:
    """Say why an image may carry burned-in text; None if nothing speaks for it.

    Parameters
    ----------
    values : Mapping
        Tag -> value as text, several values joined by a backslash, of those of `TAGS` that are in
        the top level of the data set. Absent ones are left out; empty ones hold ``""``.

    Returns
    -------
    str or None
        One sentence for the administrator, without any value of the data set.

    Notes
    -----
    Source: PS3.3 C.7.6.1.1.5 and C.8.6 (what the attributes mean); PS3.15 E.3.1 (Clean Pixel Data).
    """
    if not _text(values, PHOTOMETRIC_INTERPRETATION):
        return None  # Type 1 in the Image Pixel Module: without it there is no image
    annotation = _text(values, BURNED_IN_ANNOTATION)
    if annotation not in ("", "NO"):
        return "Burned In Annotation says that there is text in the image"
    captured = _capture(values)
    if captured is not None:
        return captured
    trust, reason = _class(values)
    if trust == "clean" or (trust == "says-no" and annotation == "NO"):
        return None
    return reason


def hold_suspicious(values: Mapping[int, str]) -> None:
    """Hold an image that may carry burned-in text.

    Raises
    ------
    DeidentificationError
        With rule ``pixels.suspicious`` and the reason of `suspicion`.
    """
    reason = suspicion(values)
    if reason is not None:
        raise DeidentificationError("pixels.suspicious", f"may carry burned-in text: {reason}")


def _text(values: Mapping[int, str], tag: int) -> str:
    return values.get(tag, "").strip(" \0").upper()


def _capture(values: Mapping[int, str]) -> str | None:
    """Return the sign by which a captured, digitized or reported picture is known."""
    conversion = _text(values, CONVERSION_TYPE)
    if conversion and conversion != "SYN":
        return _CONVERSIONS.get(conversion, "its Conversion Type is not one of the Standard")
    if any(_text(values, tag) for tag in _CAPTURE_SIGNS):
        return "it carries the attributes of a secondary capture device"
    for word in re.findall(_WORD, _text(values, IMAGE_TYPE)):
        if word in _IMAGE_TYPE_WORDS:
            return _IMAGE_TYPE_WORDS[word]
    description = _text(values, SERIES_DESCRIPTION).replace("_", " ").replace("-", " ")
    if any(word in description for word in _DESCRIPTION_WORDS):
        return "its Series Description names a screen save, a dose report or a protocol page"
    return None


def _class(values: Mapping[int, str]) -> tuple[Trust, str]:
    """Return what the SOP class stands for, or the Modality where that is stricter."""
    by_class = _BY_SOP_CLASS.get(_text(values, SOP_CLASS_UID), ("says-no", _UNKNOWN_CLASS))
    if by_class[0] == "clean":
        return _BY_MODALITY.get(_text(values, MODALITY), by_class)
    return by_class

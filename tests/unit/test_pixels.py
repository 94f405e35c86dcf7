"""Goal: images that may carry burned-in text are recognized by what they say of themselves.

Method: `suspicion` is asked about small sets of values as the engine's scan collects them; the
default is a plain CT slice, and each test states only what differs from it.
"""

from __future__ import annotations

import pytest

from gatehouse.deid import pixels
from gatehouse.errors import DeidentificationError

STORAGE = "1.2.840.10008.5.1.4.1.1."
CT, CR, DX, MG, MR, PET, NM = (
    STORAGE + suffix for suffix in ("2", "1", "1.1", "1.2", "4", "128", "20")
)
US, US_MULTIFRAME, SC, XA, RF, ENDOSCOPY, SLIDE = (
    STORAGE + suffix for suffix in ("6.1", "3.1", "7", "12.1", "12.2", "77.1.1", "77.1.6")
)


def image(**different: str) -> dict[int, str]:
    """Return the values of a plain CT slice, with some of them changed."""
    values = {
        "IMAGE_TYPE": "ORIGINAL\\PRIMARY\\AXIAL",
        "SOP_CLASS_UID": CT,
        "MODALITY": "CT",
        "PHOTOMETRIC_INTERPRETATION": "MONOCHROME2",
        **different,
    }
    return {getattr(pixels, name): value for name, value in values.items()}


def test_a_plain_ct_slice_is_not_suspicious() -> None:
    assert pixels.suspicion(image()) is None


@pytest.mark.parametrize(
    ("sop_class", "modality"), [(MR, "MR"), (PET, "PT"), (NM, "NM"), (CR, "CR")]
)
def test_reconstructed_images_pass_without_burned_in_annotation(
    sop_class: str, modality: str
) -> None:
    assert pixels.suspicion(image(SOP_CLASS_UID=sop_class, MODALITY=modality)) is None


@pytest.mark.parametrize("value", ["YES", "yes ", "MAYBE"])
def test_burned_in_annotation_is_suspicious_unless_it_says_no(value: str) -> None:
    assert "Burned In Annotation" in str(pixels.suspicion(image(BURNED_IN_ANNOTATION=value)))


@pytest.mark.parametrize(
    ("sop_class", "modality"),
    [(DX, "DX"), (MG, "MG"), (XA, "XA"), (RF, "RF"), (ENDOSCOPY, "ES"), (SLIDE, "SM")],
)
@pytest.mark.parametrize(("annotation", "is_suspicious"), [("", True), ("NO", False)])
def test_where_the_modality_knows_its_word_is_needed(
    sop_class: str, modality: str, annotation: str, is_suspicious: bool
) -> None:
    values = image(SOP_CLASS_UID=sop_class, MODALITY=modality, BURNED_IN_ANNOTATION=annotation)

    assert (pixels.suspicion(values) is not None) == is_suspicious


@pytest.mark.parametrize(
    ("sop_class", "modality"), [(US, "US"), (US_MULTIFRAME, "US"), (SC, "OT"), (SC + ".4", "OT")]
)
def test_ultrasound_and_secondary_captures_are_not_believed_when_they_say_no(
    sop_class: str, modality: str
) -> None:
    values = image(SOP_CLASS_UID=sop_class, MODALITY=modality, BURNED_IN_ANNOTATION="NO")

    assert pixels.suspicion(values) is not None


@pytest.mark.parametrize("modality", ["US", "XA", "ES", "OT", "DOC"])
def test_a_picture_under_a_borrowed_sop_class_is_judged_by_its_modality(modality: str) -> None:
    assert pixels.suspicion(image(MODALITY=modality)) is not None


@pytest.mark.parametrize("conversion", ["DV", "DI", "DF", "WSD", "SD", "SI", "DRW", "OTHER"])
def test_converted_pictures_are_suspicious_under_every_sop_class(conversion: str) -> None:
    values = image(CONVERSION_TYPE=conversion, BURNED_IN_ANNOTATION="NO")

    assert pixels.suspicion(values) is not None


def test_a_synthetic_image_is_not_a_captured_one() -> None:
    assert pixels.suspicion(image(CONVERSION_TYPE="SYN")) is None


@pytest.mark.parametrize(
    "image_type",
    [
        "DERIVED\\SECONDARY\\SCREEN SAVE",
        "DERIVED\\SECONDARY\\DOSE_INFO",
        "DERIVED\\SECONDARY\\OTHER\\CT_SOM5 PROT",
        "DERIVED\\PRIMARY\\CSA REPORT",
        "derived\\primary\\label\\none",
        "DERIVED\\PRIMARY\\OVERVIEW\\NONE",
    ],
)
def test_screens_reports_and_labels_are_known_by_image_type(image_type: str) -> None:
    values = image(IMAGE_TYPE=image_type, BURNED_IN_ANNOTATION="NO")

    assert "Image Type" in str(pixels.suspicion(values))


@pytest.mark.parametrize(
    "image_type",
    ["DERIVED\\SECONDARY\\MPR", "ORIGINAL\\PRIMARY\\PROTON_DENSITY\\NONE", "DERIVED\\LABELMAP"],
)
def test_image_types_of_computed_images_pass(image_type: str) -> None:
    assert pixels.suspicion(image(IMAGE_TYPE=image_type)) is None


@pytest.mark.parametrize("description", ["Dose Report", "SCREEN_SAVE", "Patient Protocol"])
def test_series_of_screens_are_known_by_their_description(description: str) -> None:
    assert pixels.suspicion(image(SERIES_DESCRIPTION=description)) is not None


def test_attributes_of_a_capture_device_are_a_sign() -> None:
    assert pixels.suspicion(image(SECONDARY_CAPTURE_DEVICE_MANUFACTURER="Acme")) is not None


@pytest.mark.parametrize("sop_class", [STORAGE + "88.33", STORAGE + "104.1", US])
def test_an_object_without_an_image_has_no_pixels_to_judge(sop_class: str) -> None:
    values = image(SOP_CLASS_UID=sop_class)
    del values[pixels.PHOTOMETRIC_INTERPRETATION]

    assert pixels.suspicion(values) is None


@pytest.mark.parametrize("sop_class", ["", "1.2.3.4"])
def test_an_unknown_sop_class_passes_only_when_it_says_no(sop_class: str) -> None:
    unknown = image(SOP_CLASS_UID=sop_class)
    says_no = image(SOP_CLASS_UID=sop_class, BURNED_IN_ANNOTATION="NO")

    assert pixels.suspicion(unknown) is not None
    assert pixels.suspicion(says_no) is None


def test_all_values_that_are_looked_at_are_asked_for() -> None:
    looked_at: set[int] = set()

    class Watched(dict[int, str]):
        def get(self, tag: int, default: str = "") -> str:  # type: ignore[override]
            looked_at.add(tag)
            return super().get(tag, default)

    pixels.suspicion(Watched(image()))

    assert looked_at == pixels.TAGS


def test_the_hold_names_the_rule_and_no_value() -> None:
    with pytest.raises(DeidentificationError) as raised:
        pixels.hold_suspicious(image(SERIES_DESCRIPTION="Dose Report DOE JOHN"))

    assert raised.value.rule == "pixels.suspicious"
    assert "DOE" not in str(raised.value)

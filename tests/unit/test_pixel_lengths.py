"""Goal: an image that was cut off before or within its pixels is held, and no other is.

Method: a valid image, cut at every place between two elements and within its pixels; and objects
that the Standard lets have no Pixel Data, or less of it than rows and columns would make.
"""

from __future__ import annotations

import pytest
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit

from gatehouse.errors import HoldError
from gatehouse.policy.cases import CaseInstance
from gatehouse.policy.model import Origin
from gatehouse.policy.synthetic import make_instance
from support.dicom_builder import ct, ct_bytes, to_bytes
from support.engine_run import run

EXPLICIT_BIG = "1.2.840.10008.1.2.2"
PIXELS = 16 * 16 * 2


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, EXPLICIT_BIG])
def test_an_image_that_ends_before_its_pixels_is_held(syntax: str) -> None:
    whole = ct_bytes(syntax)
    header = 8 if syntax == ImplicitVRLittleEndian else 12

    with pytest.raises(HoldError) as held:
        run(whole[: -PIXELS - header])

    assert held.value.rule == "dicom.pixels-missing"


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, EXPLICIT_BIG])
@pytest.mark.parametrize("bytes_left", [0, 2, PIXELS - 2])
def test_an_image_with_fewer_pixels_than_it_says_is_held(syntax: str, bytes_left: int) -> None:
    image = ct()
    image.PixelData = image.PixelData[:bytes_left]

    with pytest.raises(HoldError) as held:
        run(to_bytes(image, syntax))

    assert held.value.rule == "dicom.pixels-missing"
    assert held.value.path == "PixelData"


def test_pixels_that_are_elsewhere_can_not_be_given_on() -> None:
    with pytest.raises(HoldError, match="has no pixels"):
        run(ct_bytes(PixelData=None, PixelDataProviderURL="https://pacs.example/pixels"))


def test_a_frame_of_which_no_attribute_speaks_is_held() -> None:
    with pytest.raises(HoldError, match="more pixels"):
        run(ct_bytes(PixelData=b"\1" * 1024))


def test_what_is_behind_the_last_pixel_is_overwritten() -> None:
    output = run(ct_bytes(PixelData=b"\1" * 512 + b"of Jane Doe "))

    assert output.to_bytes().endswith(b"\1" * 512 + bytes(12))


def test_each_frame_has_to_be_there() -> None:
    with pytest.raises(HoldError, match="fewer pixels"):
        run(ct_bytes(NumberOfFrames=2))


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"NumberOfFrames": 1},
        {"BitsAllocated": 1, "PixelData": b"\1" * 32},
        {"BitsAllocated": 8, "SamplesPerPixel": 2},
        {
            "BitsAllocated": 8,
            "SamplesPerPixel": 3,
            "PhotometricInterpretation": "YBR_FULL_422",
        },
        {"PixelData": None, "Rows": None},
        {"PixelData": None, "FloatPixelData": b"\0" * 1024},
        {"PixelData": None, "SpectroscopyData": b"\0" * 8},
    ],
)
def test_objects_as_the_standard_allows_them_pass(attributes: dict[str, object]) -> None:
    assert run(ct_bytes(**attributes)).changes


def test_compressed_pixels_are_as_long_as_they_are() -> None:
    assert run(ct_bytes(JPEGBaseline8Bit, Rows=512, Columns=512)).changes


def test_an_image_that_a_case_of_a_policy_describes_has_pixels() -> None:
    attributes: dict[str, object] = {"Modality": "CT", "PatientID": "A", "Rows": "5", "Columns": 3}
    attributes |= {"BitsAllocated": 16, "SamplesPerPixel": 1}
    case = CaseInstance(attributes, json_model={}, origin=Origin(), line=1)

    assert run(make_instance(case, 1)).changes

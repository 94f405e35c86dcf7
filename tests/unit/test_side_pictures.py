"""Goal: the preview's pictures show what a viewer shows, and no text of a decoder gets out.

Method: pydicom's test files and small images made here, through the function that a child calls;
its PNG is read again.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset

from gatehouse.adapters.side_pictures import Picture, PictureRequest, draw_file
from gatehouse.adapters.side_tasks import StudyToAsk
from gatehouse.errors import PolicyError
from support.dicom_builder import ct, to_bytes


def ramp(**attributes: Any) -> bytes:
    """Return a CT of 1 x 4 pixels with the values 0, 100, 200 and 300."""
    about: dict[str, Any] = {
        "Rows": 1,
        "Columns": 4,
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 0,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "PixelData": np.array([0, 100, 200, 300], np.uint16).tobytes(),
        "RescaleSlope": 1,
        "RescaleIntercept": 0,
        **attributes,
    }
    dataset: Dataset = ct(**about)
    return to_bytes(dataset)


def drawn(dicom: bytes, frame: int = 0, **window: float) -> tuple[Picture, np.ndarray[Any, Any]]:
    request = PictureRequest(
        None, StudyToAsk(1, ()), "i", frame, window.get("centre"), window.get("width")
    )
    picture = draw_file(dicom, request)
    return picture, np.asarray(Image.open(io.BytesIO(picture.png)))


def test_the_window_that_is_asked_for_spreads_its_values_over_all_greys() -> None:
    _, grey = drawn(ramp(), centre=150.5, width=301)

    assert grey.tolist() == [[0, 85, 170, 255]]


def test_without_a_window_the_image_s_own_is_taken() -> None:
    picture, grey = drawn(ramp(WindowCenter=200, WindowWidth=2))

    assert (picture.centre, picture.width) == (200.0, 2.0)
    assert grey[0, 0] == 0
    assert grey[0, 3] == 255


def test_without_any_window_all_values_fit() -> None:
    picture, grey = drawn(ramp())

    assert (picture.lowest, picture.highest) == (0.0, 300.0)
    assert (grey[0, 0], grey[0, 3]) == (0, 255)


def test_values_are_rescaled_before_the_window() -> None:
    picture, _ = drawn(ramp(RescaleIntercept=-1024))

    assert (picture.lowest, picture.highest) == (-1024.0, -724.0)


def test_monochrome1_is_white_where_values_are_low() -> None:
    _, grey = drawn(ramp(PhotometricInterpretation="MONOCHROME1"), centre=150.5, width=301)

    assert grey.tolist() == [[255, 170, 85, 0]]


@pytest.mark.parametrize(
    "name", ["examples_rgb_color.dcm", "SC_rgb_jpeg_dcmtk.dcm", "JPEG2000.dcm", "JPEG-LL.dcm"]
)
def test_compressed_and_coloured_images_are_drawn(name: str) -> None:
    path = get_testdata_file(name, download=False)
    assert path is not None
    with open(path, "rb") as stream:  # noqa: PTH123  a path as text
        picture, pixels = drawn(stream.read())

    assert picture.is_colour is (pixels.ndim == 3)
    assert pixels.std() > 0


def test_a_frame_that_is_not_there_is_the_last_one() -> None:
    two = np.array([[1, 1, 1, 1], [9, 9, 9, 9]], np.uint16).tobytes()
    dicom = ramp(NumberOfFrames=2, PixelData=two)

    picture, _ = drawn(dicom, frame=7)

    assert (picture.frames, picture.lowest) == (2, 9.0)


def test_an_instance_without_an_image_says_so() -> None:
    with pytest.raises(PolicyError, match=r"^this instance holds no image$"):
        drawn(to_bytes(ct(PixelData=None)))


def test_what_can_t_be_decoded_says_only_the_kind_of_error() -> None:
    with pytest.raises(PolicyError, match=r"^this image can't be decoded here \(\w+\)$"):
        drawn(ramp(PixelData=b"CANARY42"[:4]))


def test_an_image_that_is_too_large_is_not_drawn() -> None:
    with pytest.raises(PolicyError, match=r"^this image is too large to be drawn here$"):
        drawn(ramp(Rows=65535, Columns=65535))

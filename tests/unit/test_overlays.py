"""Goal: overlays go, and an image with one among its pixels does not leave.

Method: the attributes of overlays in Overlay Data and in unused bits, in several groups.
"""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from gatehouse.errors import DeidentificationError
from support.dicom_builder import ct, to_bytes
from support.engine_run import read, run

SYNTAXES = [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian]


def with_overlay(group: int, allocated: int, position: int, data: bytes | None) -> Dataset:
    image = ct()
    image.add_new(group << 16 | 0x0010, "US", 2)
    image.add_new(group << 16 | 0x0100, "US", allocated)
    image.add_new(group << 16 | 0x0102, "US", position)
    if data is not None:
        image.add_new(group << 16 | 0x3000, "OW", data)
    return image


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize(("allocated", "position"), [(16, 12), (16, 0), (1, 1), (1, 256)])
@pytest.mark.parametrize("group", [0x6000, 0x601E])
def test_an_overlay_among_the_pixels_holds_the_image(
    group: int, allocated: int, position: int, syntax: str
) -> None:
    image = with_overlay(group, allocated, position, None)

    with pytest.raises(DeidentificationError, match="unused bits") as held:
        run(to_bytes(image, syntax))

    assert held.value.rule == "pixels.overlay"


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize(("allocated", "position"), [(1, 0), (16, 0), (16, 12)])
def test_an_overlay_with_data_of_its_own_is_removed(
    allocated: int, position: int, syntax: str
) -> None:
    output = read(run(to_bytes(with_overlay(0x6002, allocated, position, b"\1\2"), syntax)))

    assert [element.tag for element in output if element.tag.group >> 8 == 0x60] == []


def test_an_overlay_with_empty_data_is_looked_for_among_the_pixels() -> None:
    with pytest.raises(DeidentificationError, match="unused bits"):
        run(to_bytes(with_overlay(0x6000, 16, 12, b"")))


def test_without_pixels_there_is_nothing_to_draw_into() -> None:
    image = with_overlay(0x6000, 16, 12, None)
    del image.PixelData, image.Rows

    assert "PatientIdentityRemoved" in read(run(to_bytes(image)))

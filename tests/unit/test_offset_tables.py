"""Goal: what stands in the place of an offset table and is none does not leave.

Method: small encapsulated images, with tables of the Standard's kind and with text in their place.
"""

from __future__ import annotations

import struct

import pytest

from gatehouse.deid.engine import deidentify
from gatehouse.deid.verify import verify
from gatehouse.errors import HoldError, VerificationError
from support.adversarial import encapsulated, with_elements
from support.adversarial_objects import JPEG_BASELINE
from support.leaks import keys, plan

IMAGE = b"\xff\xd8\xff\xda\0\x08\1\1\0\0\x3f\0\1\2\3\4\xff\xd9"
FRAMES = struct.pack("<2I", 0, len(IMAGE) + 8)


def output(dicom: bytes) -> bytes:
    """Return what leaves, which the verification agrees with."""
    made = deidentify(dicom, plan(), keys())
    verify(dicom, made, plan(), keys())
    return made.to_bytes()


def test_a_table_of_frames_stays() -> None:
    assert FRAMES in output(encapsulated(JPEG_BASELINE, IMAGE, IMAGE, table=FRAMES))


@pytest.mark.parametrize(
    "table",
    [b"DOE^JANE", struct.pack("<2I", 0, 0), struct.pack("<2I", 8, 16), b"\0" * 4 + b"JANE"],
)
def test_what_is_no_table_is_emptied_and_the_image_stays(table: bytes) -> None:
    made = output(encapsulated(JPEG_BASELINE, IMAGE, IMAGE, table=table))

    assert b"JANE" not in made
    assert b"\xfe\xff\0\xe0\0\0\0\0\xfe\xff\0\xe0" + struct.pack("<I", len(IMAGE)) + IMAGE in made


def test_the_verification_looks_into_a_table() -> None:
    table = b"DOE^JANE"
    dicom = encapsulated(JPEG_BASELINE, IMAGE, IMAGE, table=table)
    item = b"\xfe\xff\0\xe0"
    made = deidentify(dicom, plan(), keys())
    broken = made.to_bytes().replace(
        item + bytes(4) + item, item + struct.pack("<I", len(table)) + table + item
    )

    with pytest.raises(VerificationError) as held:
        verify(dicom, made._replace(chunks=(broken,)), plan(), keys())

    assert held.value.rule == "verify.residual-identifier"


@pytest.mark.parametrize(
    "value", [b"DOE^JANE", b"DOE^JANE-X", struct.pack("<2Q", 8, 4), struct.pack("<Q", 5000)]
)
@pytest.mark.parametrize("tag", [0x7FE00001, 0x7FE00002])
def test_an_extended_table_that_is_none_holds_the_image(tag: int, value: bytes) -> None:
    value = value if tag == 0x7FE00001 else value.replace(struct.pack("<Q", 4), b"DOE^JANE")

    with pytest.raises(HoldError, match="a table of its frames"):
        output(with_elements((tag, "OV", value)))

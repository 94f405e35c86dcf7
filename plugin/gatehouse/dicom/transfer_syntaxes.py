"""Transfer syntaxes (PS3.5 section 10 and Annex A) that can be read and written safely.

One that is not listed holds the instance: what its bytes mean is not known. The JPIP and SMPTE ones
are left out on purpose: their pixels are elsewhere, named by a URL that must not leave.
"""

from __future__ import annotations

from typing import NamedTuple

from gatehouse.dicom.encodings import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, Encoding
from gatehouse.errors import ScanError

IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1.99"
EXPLICIT_VR_BIG_ENDIAN = "1.2.840.10008.1.2.2"

# JPEG .50 to .70, JPEG-LS, JPEG 2000, MPEG-2, MPEG-4, HEVC, HTJ2K, JPEG XL, RLE, encapsulated
# uncompressed, deflated image frames. Fragments are passed on as they came.
_ENCAPSULATED = tuple(
    f"1.2.840.10008.1.2.{suffix}"
    for suffix in (
        *(f"4.{number}" for number in (*range(50, 67), 70, 80, 81, 90, 91, 92, 93)),
        *(f"4.{number}" for number in (*range(100, 109), 110, 111, 112, 201, 202, 203)),
        *(f"4.{number}.1" for number in range(100, 107)),
        "5",
        "1.98",
        "8.1",
    )
)


class TransferSyntax(NamedTuple):
    """How a data set is encoded."""

    uid: str
    encoding: Encoding
    is_encapsulated: bool = False
    is_deflated: bool = False


_KNOWN = {
    IMPLICIT_VR_LITTLE_ENDIAN: TransferSyntax(IMPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_LITTLE),
    EXPLICIT_VR_LITTLE_ENDIAN: TransferSyntax(EXPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_LITTLE),
    EXPLICIT_VR_BIG_ENDIAN: TransferSyntax(EXPLICIT_VR_BIG_ENDIAN, EXPLICIT_BIG),
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN: TransferSyntax(
        DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_LITTLE, is_deflated=True
    ),
    **{uid: TransferSyntax(uid, EXPLICIT_LITTLE, is_encapsulated=True) for uid in _ENCAPSULATED},
}


def transfer_syntax(uid: str) -> TransferSyntax:
    """Return the transfer syntax of this UID.

    Raises
    ------
    ScanError
        If it is not one that can be read safely.
    """
    found = _KNOWN.get(uid)
    if found is None:
        raise ScanError("dicom.transfer-syntax", "its transfer syntax is not known")
    return found

"""Reads what a file says of itself in its file meta information (PS3.10 7.1).

Used on outputs, which our own engine wrote: group 0002 in explicit VR little endian, its length
first. Destinations negotiate by these two UIDs, so they are read from the bytes that leave.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from gatehouse.errors import VerificationError

_START = 132  # after the preamble and "DICM"
_MEDIA_STORAGE_SOP_CLASS_UID = (0x0002, 0x0002)
_TRANSFER_SYNTAX_UID = (0x0002, 0x0010)
_LONG_FORM = frozenset({b"OB", b"UN"})


def read_file_meta(chunks: Sequence[bytes | memoryview]) -> tuple[str, str]:
    """Return Media Storage SOP Class UID and Transfer Syntax UID of a file.

    Raises
    ------
    VerificationError
        If the file doesn't begin as a DICOM file must.
    """
    head = bytearray()
    for chunk in chunks:
        head += chunk[:4096]
        if len(head) >= 4096:
            break
    try:
        found = _elements(bytes(head))
        return found[_MEDIA_STORAGE_SOP_CLASS_UID], found[_TRANSFER_SYNTAX_UID]
    except (ValueError, KeyError, struct.error):
        raise VerificationError(
            "verify.file-meta", "the output has no readable file meta information"
        ) from None


def _elements(head: bytes) -> dict[tuple[int, int], str]:
    if head[128:_START] != b"DICM":
        return {}
    found: dict[tuple[int, int], str] = {}
    (length,) = struct.unpack_from("<I", head, _START + 8)
    position, end = _START + 12, _START + 12 + length
    while position < end:
        group, element, vr, size = struct.unpack_from("<HH2sH", head, position)
        position += 8
        if vr in _LONG_FORM:
            (size,) = struct.unpack_from("<I", head, position)
            position += 4
        if vr == b"UI":
            found[group, element] = head[position : position + size].decode("ascii").rstrip("\0 ")
        position += size
    return found

"""Write data elements, items and sequences in any encoding (PS3.5 sections 6.2 and 7)."""

from __future__ import annotations

from collections.abc import Iterable

from gatehouse.dicom.encodings import LONG_VRS, SHORT_LENGTH_MAX, UNDEFINED, Encoding
from gatehouse.errors import DeidentificationError

_BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UI", "UN"})
"""VRs padded with a zero byte; text is padded with a space (PS3.5 section 6.2)."""


def text(value: bytes) -> bytes:
    """Pad a text to an even length."""
    return value + b" " if len(value) & 1 else value


def uid(value: str) -> bytes:
    """Encode a UID, padded to an even length."""
    encoded = value.encode("ascii")
    return encoded + b"\0" if len(encoded) & 1 else encoded


def padded(value: bytes, vr: str) -> bytes:
    """Pad a value to an even length as its VR asks."""
    return value + padding(vr) if len(value) & 1 else value


def padding(vr: str) -> bytes:
    """Return the byte that makes the length of a value even."""
    return b"\0" if vr in _BINARY else b" "


def length(encoding: Encoding, vr: bytes, count: int) -> bytes:
    """Return what follows tag and VR in an element's header: its length, in its form.

    In implicit VR, and for the VRs with 32-bit lengths in explicit VR, these are the last four
    bytes of the header.
    """
    if encoding.is_explicit and vr not in LONG_VRS:
        if count > SHORT_LENGTH_MAX:
            raise DeidentificationError(
                "deid.too-long", "a new value is longer than its VR allows in explicit VR"
            )
        return encoding.length16(count)
    if count >= UNDEFINED:
        raise DeidentificationError("deid.too-long", "a new value is longer than DICOM allows")
    return encoding.length32(count)


def element(encoding: Encoding, tag: int, vr: bytes, value: bytes) -> bytes:
    """Encode one element. The value has an even length already."""
    group, number = tag >> 16, tag & 0xFFFF
    size = length(encoding, vr, len(value))
    if not encoding.is_explicit:
        return encoding.tag(group, number) + size + value
    reserved = b"\0\0" if vr in LONG_VRS else b""
    return encoding.tag(group, number) + vr + reserved + size + value


def items(encoding: Encoding, contents: Iterable[bytes]) -> bytes:
    """Encode the value of a sequence: items of defined length around these data sets."""
    head = encoding.tag(0xFFFE, 0xE000)
    return b"".join(head + encoding.length32(len(item)) + item for item in contents)

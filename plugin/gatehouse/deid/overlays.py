"""Overlays that are drawn into unused bits of Pixel Data (retired; PS3.3-2003 C.9.2).

The profile removes overlays (PS3.15 Table E.1-1, Overlay Data). One that lies among the pixels
would stay behind, unannounced, when its attributes go: such an image is held.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gatehouse.dicom import scan
from gatehouse.dicom.encodings import PIXEL_DATA
from gatehouse.errors import DeidentificationError

if TYPE_CHECKING:
    from gatehouse.deid.instance import Instance

_GROUPS: Final = range(0x6000, 0x6020, 2)
_BITS_ALLOCATED: Final = 0x0100
_BIT_POSITION: Final = 0x0102
_DATA: Final = 0x3000
_OF_ITS_OWN: Final = {_BITS_ALLOCATED: b"\1", _BIT_POSITION: b""}
"""Values, without zero bytes, of an overlay that is in Overlay Data."""


def is_telling(tag: int) -> bool:
    """Tell if an attribute says where an overlay is."""
    return tag >> 16 in _GROUPS and tag & 0xFFFF in _OF_ITS_OWN


def note(tag: int, value: bytes, instance: Instance) -> None:
    """Remember an overlay that may lie among the pixels, by one of its attributes."""
    plain = value.strip(b"\0")
    if plain and plain != _OF_ITS_OWN[tag & 0xFFFF]:
        instance.overlay_groups.add(tag >> 16)


def hold_embedded(instance: Instance) -> None:
    """Hold an image with an overlay among its pixels.

    Raises
    ------
    DeidentificationError
        With rule ``pixels.overlay``.
    """
    if not instance.overlay_groups or PIXEL_DATA not in instance.notes:
        return
    file = instance.file
    data = {group << 16 | _DATA for group in instance.overlay_groups}
    found = scan.find(file.data, file.start, file.end, file.syntax.encoding, data, max(data))
    if any(tag not in found or found[tag].start == found[tag].end for tag in data):
        raise DeidentificationError(
            "pixels.overlay", "an overlay is drawn into unused bits of its pixels", "PixelData"
        )

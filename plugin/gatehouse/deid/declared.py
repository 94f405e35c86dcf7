"""Private blocks that an instance itself declares free of identifiers (PS3.3 C.12.1.1.7).

Private Data Element Characteristics Sequence (0008,0300) says of each private block whether it is
SAFE as a whole, or which of its elements are. PS3.15 E.3.10 lets these stay as it does those of
Table E.3.10-1: UIDs are replaced, dates and texts cleaned as their VR asks.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from gatehouse.dicom import scan
from gatehouse.dicom.encodings import Encoding
from gatehouse.dicom.part10 import File
from gatehouse.dicom.scan import Buffer

CHARACTERISTICS_SEQUENCE: Final = 0x00080300
_GROUP_REFERENCE: Final = 0x00080301
_CREATOR_REFERENCE: Final = 0x00080302
_IDENTIFYING_STATUS: Final = 0x00080303
_NONIDENTIFYING_ELEMENTS: Final = 0x00080304
_WANTED: Final = frozenset(
    {_GROUP_REFERENCE, _CREATOR_REFERENCE, _IDENTIFYING_STATUS, _NONIDENTIFYING_ELEMENTS}
)
_LENGTH_MAX: Final = 1024


class Declared(NamedTuple):
    """What an instance declares."""

    blocks: frozenset[tuple[int, str]]
    """Group and private creator of blocks that are safe as a whole."""
    elements: frozenset[tuple[int, str, int]]
    """The same with the low byte of single elements."""

    def is_safe(self, tag: int, creator: str) -> bool:
        """Tell if a private element is declared safe."""
        block = (tag >> 16, creator)
        return block in self.blocks or (*block, tag & 0xFF) in self.elements


NOTHING: Final = Declared(frozenset(), frozenset())


def declared(file: File) -> Declared:
    """Read what an instance declares of its private elements."""
    encoding = file.syntax.encoding
    wanted = frozenset({CHARACTERISTICS_SEQUENCE})
    found = scan.find(file.data, file.start, file.end, encoding, wanted, CHARACTERISTICS_SEQUENCE)
    sequence = found.get(CHARACTERISTICS_SEQUENCE)
    if sequence is None:
        return NOTHING
    blocks: set[tuple[int, str]] = set()
    elements: set[tuple[int, str, int]] = set()
    for start, end in scan.items(file.data, sequence):
        values = _values(file.data, start, end, sequence.encoding)
        groups = _numbers(values.get(_GROUP_REFERENCE, b""), sequence.encoding)
        creator = values.get(_CREATOR_REFERENCE, b"").decode("latin-1").strip(" \0")
        if len(groups) != 1 or not groups[0] & 1 or not creator:
            continue
        status = values.get(_IDENTIFYING_STATUS, b"").strip(b" \0")
        if status == b"SAFE":
            blocks.add((groups[0], creator))
        elif status == b"MIXED":
            safe = _numbers(values.get(_NONIDENTIFYING_ELEMENTS, b""), sequence.encoding)
            elements |= {(groups[0], creator, number) for number in safe}
    return Declared(frozenset(blocks), frozenset(elements))


def _values(data: Buffer, start: int, end: int, encoding: Encoding) -> dict[int, bytes]:
    found = scan.find(data, start, end, encoding, _WANTED, _NONIDENTIFYING_ELEMENTS)
    return {
        tag: bytes(data[one.start : one.end])
        for tag, one in found.items()
        if one.end - one.start <= _LENGTH_MAX
    }


def _numbers(value: bytes, encoding: Encoding) -> list[int]:
    order = "big" if encoding.is_big_endian else "little"
    return [
        int.from_bytes(value[at : at + 2], order)  # type: ignore[arg-type]
        for at in range(0, len(value) - 1, 2)
    ]

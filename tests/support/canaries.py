"""Canaries: values that exist once in the world, planted all over a data set.

Each has a number, so that a find says which one it was. What has to become of them is known without
the engine: everything planted by `flock` is in attributes that the Basic Profile does not keep.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from pydicom.datadict import DicomDictionary

from support.raw_data_sets import DataSet, Element
from support.table_rows import rows

CANARY = re.compile(rb"cnry(\d{7})|1\.2\.9977\.(\d{7})")

_SKIPPED_GROUPS = {0x0000, 0x0002, 0x0004, 0xFFFA, 0xFFFC}
"""Commands, file meta and directories; and what stands behind everything else."""

_TEXT_VRS = ("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UN", "UR", "UT")
_PRIVATE_VRS = (*_TEXT_VRS, "AS", "DA", "DS", "DT", "FD", "IS", "OB", "OW", "TM", "UI", "US")
_KEPT_SEQUENCE = 0x00089215
"""Derivation Code Sequence: the profile keeps it, and goes into its items."""

_WAYS = (
    lambda text: text.encode(),
    lambda text: text.lower().encode(),
    lambda text: f"Dr. {text}, née X".encode("latin-1"),
    lambda text: f"名 {text}".encode(),
    lambda text: text.encode("utf-16-le"),
    lambda text: b"\x1b$B;3ED\x1b(B^" + text.encode(),
)
"""Ways to write a canary: encodings, case, and what stands beside it."""


@dataclass(frozen=True)
class Shape:
    """How a flock is written."""

    sop_class_uid: str
    depth: int
    vr: str | None
    """A VR for all attributes, instead of their own."""
    first: int
    """Number of the first canary."""


class _Numbers:
    def __init__(self, first: int) -> None:
        self._numbers = itertools.count(first)

    def value(self, vr: str) -> bytes:
        number = next(self._numbers)
        if vr == "UI":
            value = f"1.2.9977.{number:07d}".encode()
            return value + b"\0" * (len(value) % 2)
        value = _WAYS[number % len(_WAYS)](f"CNRY{number:07d}")
        return value + b" " * (-len(value) % 8)


@cache
def _attributes() -> tuple[tuple[int, str], ...]:
    """Return tag and VR of each attribute that has a row in the table."""
    found = {row.tag: row.vr for row in rows()}
    return tuple(
        (tag, vr)
        for tag, vr in sorted(found.items())
        if tag >> 16 not in _SKIPPED_GROUPS and not tag >> 16 & 1
    )


def flock(shape: Shape) -> DataSet:
    """Return a data set full of canaries."""
    numbers = _Numbers(shape.first)
    sop_class = shape.sop_class_uid.encode()
    top: dict[int, Element] = {
        tag: (tag, "UI", numbers.value("UI")) for tag in (0x00080018, 0x0020000D, 0x0020000E)
    }
    top[0x00080016] = (0x00080016, "UI", sop_class + b"\0" * (len(sop_class) % 2))
    inner = {element[0]: element for element in _everything(numbers, shape.vr)}
    if shape.sop_class_uid.startswith("1.2.3."):
        # A document of an unknown kind has no dummy: such an object is held.
        del inner[0x00420011]
    if shape.depth == 0:
        return list({**inner, **top}.values())
    items: DataSet = list(inner.values())
    for _ in range(shape.depth):
        items = [(_KEPT_SEQUENCE, "SQ", [items])]
    return [*top.values(), *items]


def _everything(numbers: _Numbers, vr_of_all: str | None) -> Iterator[Element]:
    for tag, vr in _attributes():
        if vr == "SQ":
            person = (0x00100010, "PN", numbers.value("PN"))
            comment = (0x00104000, "LT", numbers.value("LT"))
            yield tag, "SQ", [[person, comment]]
        else:
            written = vr_of_all if vr_of_all and vr != "UI" else vr
            yield tag, written, numbers.value(vr)
    for group, block in ((0x0009, 0x10), (0x0029, 0x11), (0x7053, 0xFF)):
        yield group << 16 | block, "LO", b"CREATOR "
        for low, vr in enumerate(_PRIVATE_VRS):
            yield group << 16 | block << 8 | low, vr, numbers.value(vr)
    yield 0x00330010, "LO", numbers.value("LO")
    yield 0x00351001, "LO", numbers.value("LO")  # without a creator
    for tag in (0x00081FFF, 0x00189FFF, 0x00691234, 0x0068FFFF):
        yield tag, "LO", numbers.value("LO")  # in no dictionary
    for tag, vr in ((0x50000010, "LO"), (0x50003000, "OW"), (0x60220022, "LO"), (0x60223000, "OW")):
        yield tag, vr, numbers.value(vr)


def found_in(output: bytes) -> set[int]:
    """Return the numbers of the canaries in an output, in any encoding."""
    plain = output.lower().replace(b"\0", b"")
    return {int(one or other) for one, other in CANARY.findall(plain)}


@cache
def kept_attributes() -> tuple[tuple[int, str], ...]:
    """Return tag and VR of the attributes of the dictionary that have no row in the table."""
    in_table = {tag for tag, _ in _attributes()}
    return tuple(
        (tag, entry[0][:2])
        for tag, entry in sorted(DicomDictionary.items())
        if tag not in in_table
        and tag >> 16 not in _SKIPPED_GROUPS
        and tag < 0x7FE00000
        and not entry[0].startswith("SQ")
        and tag not in (0x00080005, 0x00080016)
    )

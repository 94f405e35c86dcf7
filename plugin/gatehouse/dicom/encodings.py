"""How the headers of data elements are laid out (PS3.5 section 7.1), and the limits of reading.

There are three encodings of a data set: explicit VR in little and (retired) big endian, and
implicit VR little endian. Compression and encapsulation concern what is around or inside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import repeat
from struct import Struct
from typing import Any, Final

UNDEFINED: Final = 0xFFFFFFFF
"""The length that says: up to the delimiter."""

ITEM: Final = 0xFFFEE000
ITEM_DELIMITATION: Final = 0xFFFEE00D
SEQUENCE_DELIMITATION: Final = 0xFFFEE0DD
FIRST_DELIMITER: Final = 0xFFFE0000
"""Tags from here on structure a data set and are no elements of it."""

PIXEL_DATA: Final = 0x7FE00010

SHORT_VRS: Final = frozenset(
    b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split()
)
"""VRs whose header has 8 bytes in explicit VR, with a length of 16 bits (PS3.5 Table 7.1-2)."""

LONG_VRS: Final = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
"""VRs whose header has 12 bytes in explicit VR, with a length of 32 bits (PS3.5 Table 7.1-1)."""

SEQUENCE_VRS: Final = (b"SQ", b"UN", b"")
"""VRs under which a sequence may be found; the last is that of implicit VR."""

SHORT_LENGTH_MAX: Final = 0xFFFF
"""The longest value whose length fits into 16 bits."""

DEPTH_MAX: Final = 32
"""Sequences within sequences. Reports reach 10; the stack of Python, and of whoever reads the
output with a recursive parser, ends somewhere above this."""

ELEMENTS_MAX: Final = 10_000_000
"""Elements and items in an instance. The functional groups of the largest whole slide images reach
some millions; more than this takes so long that a worker would be thought dead."""

VALUE_LENGTH_MAX: Final = 16 * 1024 * 1024
"""Bytes of a value that an action has to read. Reports of a megabyte exist; what is longer and is
neither kept nor removed whole was made to exhaust memory."""

PADDING_MAX: Final = 1024 * 1024
"""Zero bytes after the last element, as tapes and file systems with blocks leave them."""


def new_budget() -> Iterator[None]:
    """Return an iterator with a step for each element that may be read in one instance.

    A loop over it counts at no cost, and ends when the limit is reached.
    """
    return repeat(None, ELEMENTS_MAX)


class Encoding:
    """The layout of element headers in one encoding, as ready-made functions.

    ``header`` unpacks group, element, VR and 16-bit length in explicit VR; group, element and
    32-bit length in implicit VR. ``item`` unpacks the header of an item or delimiter.
    """

    __slots__ = (
        "header",
        "is_big_endian",
        "is_explicit",
        "item",
        "length16",
        "length32",
        "tag",
        "u32",
    )

    def __init__(self, *, is_explicit: bool, is_big_endian: bool) -> None:
        order = ">" if is_big_endian else "<"
        self.is_explicit = is_explicit
        self.is_big_endian = is_big_endian
        layout = "HH2sH" if is_explicit else "HHI"
        self.header: Callable[..., tuple[Any, ...]] = Struct(order + layout).unpack_from
        self.item: Callable[..., tuple[Any, ...]] = Struct(order + "HHI").unpack_from
        self.u32: Callable[..., tuple[Any, ...]] = Struct(order + "I").unpack_from
        self.length16 = Struct(order + "H").pack
        self.length32 = Struct(order + "I").pack
        self.tag = Struct(order + "HH").pack


EXPLICIT_LITTLE: Final = Encoding(is_explicit=True, is_big_endian=False)
EXPLICIT_BIG: Final = Encoding(is_explicit=True, is_big_endian=True)
IMPLICIT_LITTLE: Final = Encoding(is_explicit=False, is_big_endian=False)

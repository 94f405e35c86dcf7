"""The item that stands in for the contents of a sequence with the action code D.

"In the case of Sequences, the action is applicable to the Sequence and all of its contents"
(PS3.15 Table E.1-1a, notes). Nothing of the original items is kept: not their number, and no value.
What is required in an item (Type 1 and 2) is there.
"""

from __future__ import annotations

from collections.abc import Mapping

Element = tuple[int, str, "str | bytes | int | tuple[Item, ...]"]
"""Tag, VR, value: text (backslash between several), bytes, a number, or items."""

Item = tuple[Element, ...]

_TEXT = "REMOVED"
_DATETIME = "19000101000000"


def _code(meaning: str) -> Item:
    """Return a code of our own, which no coding scheme of others can be confused with."""
    return (
        (0x00080100, "SH", "REMOVED"),
        (0x00080102, "SH", "99GATEHOUSE"),
        (0x00080104, "LO", meaning),
    )


_PERSON: Item = (
    (0x00080080, "LO", _TEXT),
    (0x00401101, "SQ", (_code("Removed person"),)),
)

_CONTENT: Item = (
    (0x0040A010, "CS", "CONTAINS"),
    (0x0040A040, "CS", "TEXT"),
    (
        0x0040A043,
        "SQ",
        (
            (
                (0x00080100, "SH", "121106"),
                (0x00080102, "SH", "DCM"),
                (0x00080104, "LO", "Comment"),
            ),
        ),
    ),
    (0x0040A160, "UT", _TEXT),
)

DUMMY_ITEMS: Mapping[int, tuple[Item, ...]] = {
    # Content Sequence
    0x0040A730: (_CONTENT,),
    # Flow Identifier Sequence
    0x00080044: (),
    # Graphic Annotation Sequence: a text object in the corner that says nothing
    0x00700001: (
        (
            (0x00700002, "CS", "LAYER1"),
            (
                0x00700008,
                "SQ",
                (
                    (
                        (0x00700006, "ST", _TEXT),
                        (0x00700014, "FL", b"\0\0\0\0\0\0\0\0"),
                    ),
                ),
            ),
        ),
    ),
    # Institution Code Sequence
    0x00080082: (_code("Removed institution"),),
    # Operator Identification Sequence
    0x00081072: (_PERSON,),
    # Person Identification Code Sequence
    0x00401101: (_code("Removed person"),),
    # Verifying Observer Sequence
    0x0040A073: (
        (
            (0x0040A027, "LO", _TEXT),
            (0x0040A030, "DT", _DATETIME),
            (0x0040A075, "PN", _TEXT),
            (0x0040A088, "SQ", ()),
        ),
    ),
    # Waveform Annotation Sequence
    0x0040B020: (
        (
            (0x00700006, "ST", _TEXT),
            (0x0040A0B0, "US", b"\x01\0\x01\0"),
        ),
    ),
}

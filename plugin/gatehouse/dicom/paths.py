"""Where an element is, in words: ``RequestAttributesSequence[0]/ScheduledProcedureStepID``.

A place is kept as nested tuples while an object is read, because most are never asked for. The
words hold keywords and tags only; a private creator is a value of the data set and is left out.
"""

from __future__ import annotations

from gatehouse.standard import dictionary

Place = tuple["Place", int, int] | None
"""The place of an item: that of its sequence's data set, the sequence's tag, and its index, from 0.
``None`` is the top of the data set."""


def name(tag: int) -> str:
    """Return the keyword of a tag, else the tag as ``(gggg,eeee)``."""
    keyword = None if tag >> 16 & 1 else dictionary.keyword(tag)
    return keyword or f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def path(place: Place, tag: int) -> str:
    """Return the path of an element."""
    steps = [name(tag)]
    while place is not None:
        place, sequence, index = place
        steps.append(f"{name(sequence)}[{index}]")
    return "/".join(reversed(steps))

"""Private blocks of one data set (PS3.5 section 7.8.1): which creator an element belongs to.

A creator is removed like everything private, and taken back as soon as an element of its block is
kept: whether one will be is not known before.
"""

from __future__ import annotations

from typing import Final

from gatehouse.deid.changes import Noted
from gatehouse.deid.instance import Instance
from gatehouse.deid.levels import CUT, SEEN, Entry, Level
from gatehouse.deid.output import Edit
from gatehouse.deid.representations import is_of_kind
from gatehouse.dicom.scan import Buffer

CREATOR_FIRST: Final = 0x10
CREATOR_LAST: Final = 0xFF
CREATOR_LENGTH_MAX: Final = 64
"""LO; a longer one is nobody's."""


class PrivateBlocks:
    """The creators that were met in one data set."""

    __slots__ = ("_changes", "_creators", "_edits", "_instance")

    def __init__(self, edits: list[Edit | None], changes: list[Noted], instance: Instance) -> None:
        self._instance = instance
        self._edits = edits
        self._changes = changes
        self._creators: dict[int, tuple[str, int, int, int]] = {}

    def remove_creator(self, tag: int, value: bytes, start: int, end: int, change: Noted) -> None:
        """Remove a creator for now."""
        creator = value[: CREATOR_LENGTH_MAX + 1].decode("latin-1").strip(" \0")
        if tag & 0xFFFF >= CREATOR_FIRST and len(creator) <= CREATOR_LENGTH_MAX:
            self._creators[tag] = (creator, len(self._edits), len(self._changes), end - start)
        self._edits.append((start, end, b""))
        self._changes.append(change)

    def entry(
        self, level: Level, tag: int, vr: bytes, data: Buffer, start: int, end: int
    ) -> tuple[Entry, int]:
        """Return what is to be done with an element, and how many bytes a creator brings back.

        Parameters
        ----------
        start, end : int
            Its value; one of undefined length ends behind the data.
        """
        creator_tag = tag & 0xFFFF0000 | tag >> 8 & 0xFF
        found = self._creators.get(creator_tag)
        if found is None:
            return level.private(tag, ""), 0
        creator, edit, change, length = found
        is_declared = level.keeps_safe_private and self._instance.is_declared_safe(tag, creator)
        entry = level.private(tag, creator, vr, is_declared)
        if (
            entry.kind > SEEN
            and end <= len(data)
            and not is_of_kind(entry.known, vr, data, start, end, is_single=False)
        ):
            return level.private(tag, ""), 0  # not what is known to be safe
        if entry.kind == CUT or self._edits[edit] is None:
            return entry, 0
        self._edits[edit] = None
        self._changes[change] = None
        return entry, length

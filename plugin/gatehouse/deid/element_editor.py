"""Edits of single elements: new values, lengths that fit them, and the changes that are recorded.

Where elements are, and which entry is theirs, is found by `editor.Editor`.
"""

from __future__ import annotations

from typing import Final

from gatehouse.deid import (
    code_streams,
    dummy_items,
    offset_tables,
    overlays,
    pixel_lengths,
    representations,
)
from gatehouse.deid.changes import Noted
from gatehouse.deid.instance import Instance
from gatehouse.deid.levels import SPECIFIC_CHARACTER_SET, STAMP, Entry
from gatehouse.deid.model import Change
from gatehouse.deid.output import Edit
from gatehouse.dicom import charsets, paths, scan, value_lengths, write
from gatehouse.dicom.encodings import (
    PADDING_MAX,
    PIXEL_DATA,
    SEQUENCE_VRS,
    SHORT_LENGTH_MAX,
    SHORT_VRS,
    VALUE_LENGTH_MAX,
    Encoding,
)
from gatehouse.dicom.paths import Place
from gatehouse.dicom.scan import Element
from gatehouse.errors import ScanError
from gatehouse.standard import dictionary

_CHARACTER_SET_LENGTH_MAX: Final = 1024
_OVERLAY_LENGTH: Final = 8
_REPAIR = Change("", "C", "repair", 0)
_COMMENTS = Change(paths.name(PIXEL_DATA), "C", "code-stream", 0)
_SURPLUS = Change(paths.name(PIXEL_DATA), "C", "repair", 0)


class ElementEditor:
    """Collects the edits and changes of one instance."""

    __slots__ = ("_data", "changes", "edits", "instance")

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.edits: list[Edit | None] = []
        self.changes: list[Noted] = []
        self._data = instance.file.data

    def _note(self, entry: Entry, found: Element, position: int, place: Place) -> None:
        """Remember where an attribute is that something else depends on."""
        instance = self.instance
        if entry.tag == SPECIFIC_CHARACTER_SET:
            size = min(found.end, found.start + _CHARACTER_SET_LENGTH_MAX)
            instance.character_set = charsets.character_set(bytes(self._data[found.start : size]))
            if not charsets.are_known(instance.character_set):
                raise ScanError(
                    "dicom.character-set", "it names a character set that does not exist"
                )
            if place is None:
                instance.top_character_set = instance.character_set
        if place is None:
            instance.position = position
            instance.notes[entry.tag] = found
            if overlays.is_telling(entry.tag):
                value = self._data[found.start : min(found.end, found.start + _OVERLAY_LENGTH)]
                overlays.note(entry.tag, bytes(value), instance)

    def _value(
        self,
        entry: Entry,
        vr: bytes,
        position: int,
        value: int,
        following: int,
        encoding: Encoding,
        place: Place,
    ) -> int:
        """Give an element that is no sequence its new value; return its growth."""
        if entry.is_noted:
            self._note(entry, Element(vr, value, following, encoding), position, place)
        new = entry.constant
        if entry.reads:
            if following - value > VALUE_LENGTH_MAX:
                raise scan.too_long()
            occurrence = entry.occurrences.get(vr) or entry.occurrence(vr)
            old = bytes(self._data[value:following])
            new = entry.action(old, occurrence, self.instance)
            if new is not None and len(new) & 1:
                new = write.padded(new, occurrence.vr)
        return self._replace(entry, vr, position, value, following, new, encoding, place)

    def _dummy_items(self, entry: Entry, vr: bytes, inside: Encoding) -> bytes:
        """Return the items that stand in for those of a sequence."""
        if vr not in SEQUENCE_VRS:
            raise ScanError("dicom.vr", "a sequence has the VR of something else")
        return dummy_items.encode(
            entry.parameters["items"],
            explicit=inside.is_explicit,
            little=not inside.is_big_endian,
        )

    def _replace(
        self,
        entry: Entry,
        vr: bytes,
        position: int,
        value: int,
        following: int,
        new: bytes | None,
        encoding: Encoding,
        place: Place,
    ) -> int:
        """Write an edit that gives an element its new value; return its growth."""
        if entry.is_noted and place is None:
            self.instance.results[entry.tag] = new or b""
        if new is None:
            growth = position - following
            self.edits.append((position, following, b""))
        else:
            length = len(new)
            growth = length - (following - value)
            if not growth and self._data[value:following] == new:
                return 0
            if vr in SHORT_VRS and length <= SHORT_LENGTH_MAX:
                self.edits.append((value - 2, following, encoding.length16(length) + new))
            else:
                # The length is written anew even where it is the same: it may have been undefined.
                size = write.length(encoding, vr, length)
                self.edits.append((value - len(size), following, size + new))
        if entry.kind != STAMP:
            change = entry.change
            self.changes.append(change if place is None else (place, entry.tag, change))
        return growth

    def _repair(
        self,
        entry: Entry,
        tag: int,
        vr: bytes,
        value: int,
        following: int,
        encoding: Encoding,
        place: Place,
    ) -> int:
        """Mend a value that stays, of odd length or too long for its VR; return its growth.

        One that is not of its attribute's kind is held. Pixels are not touched, not even in
        this. Source: PS3.5 sections 6.2 and 7.1.1.
        """
        length = following - value
        is_plain = not length & 1 and length <= SHORT_LENGTH_MAX and vr in (entry.expected, b"")
        if is_plain and entry.fitting and entry.fitting(self._data, value, following):
            return 0
        if tag == PIXEL_DATA:
            if place is None:
                self._blank_surplus(value, following)
            return 0
        if entry.known:
            representations.hold_other(
                entry.known,
                vr,
                self._data,
                value,
                following,
                is_single=entry.is_single,
            )
        name = vr.decode("ascii") if vr else (dictionary.vr(tag) or "UN").partition(" ")[0]
        new = None
        if value_lengths.is_limited(name):
            if length > VALUE_LENGTH_MAX:
                raise scan.too_long()
            old = bytes(self._data[value:following])
            new = value_lengths.fitted(old, name, self.instance.character_set)
        if new is not None:
            new = write.padded(new, name)
            size = write.length(encoding, vr, len(new))
            self.edits.append((value - len(size), following, size + new))
            growth = len(new) - length
        elif length & 1:
            size = write.length(encoding, vr, length + 1)
            self.edits.append((value - len(size), value, size))
            self.edits.append((following, following, write.padding(name)))
            growth = 1
        else:
            return 0
        if place is None:
            self.changes.append(Change(paths.name(tag), "C", "repair", 0))
        else:
            self.changes.append((place, tag, _REPAIR))
        return growth

    def _clean_encapsulated(self, value: int, following: int, place: Place) -> int:
        """Take out what encapsulated Pixel Data says besides the image; return its growth."""
        instance = self.instance
        table = offset_tables.emptied(self._data, value, following)
        pixels = pixel_lengths.pixels_of_frame(instance) if place is None else 0
        size = pixel_lengths.bytes_of_frame(instance) if place is None else 0
        syntax = instance.file.syntax.uid
        edits = list(code_streams.blanked(self._data, value, following, syntax, pixels, size))
        if table is not None:
            edits.insert(0, table)
        if edits:
            self.edits += edits
            change = _COMMENTS if place is None else (place, PIXEL_DATA, _COMMENTS)
            self.changes.append(change)
        return 0 if table is None else 4 - (table[1] - table[0])

    def _blank_surplus(self, value: int, following: int) -> None:
        """Overwrite what is behind the last pixel of native Pixel Data."""
        start = pixel_lengths.end_of_pixels(self.instance, value, following)
        if bytes(self._data[start:following]).strip(b"\0"):
            self.edits.append((start, following, bytes(following - start)))
            self.changes.append(_SURPLUS)

    def _cut_padding(self, position: int, end: int) -> bool:
        """Remove zero bytes after the last element; tell if there is nothing else."""
        if end - position > PADDING_MAX or bytes(self._data[position:end]).strip(b"\0"):
            return False
        self.edits.append((position, end, b""))
        return True

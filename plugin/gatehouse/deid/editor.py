"""The engine's loop: one pass over the elements of a data set, collecting edits.

Elements are not decoded and not turned into objects. Each is found by its header, its rule by one
look-up, and most are passed over. What is changed becomes an edit: a stretch of the input, and the
bytes that replace it. The lengths of the sequences around an edit are edited when they end.
"""

from __future__ import annotations

import struct
from typing import Final

from gatehouse.deid.element_editor import ElementEditor
from gatehouse.deid.instance import Instance
from gatehouse.deid.levels import (
    ACT,
    CUT,
    FORBIDDEN,
    ITEMS,
    KEPT,
    NOTE,
    PRIVATE,
    SEEN,
    SEQUENCE,
    Entry,
    Level,
)
from gatehouse.deid.privates import CREATOR_LAST, CREATOR_LENGTH_MAX, PrivateBlocks
from gatehouse.dicom import paths, scan
from gatehouse.dicom.encodings import (
    DEPTH_MAX,
    FIRST_DELIMITER,
    IMPLICIT_LITTLE,
    ITEM_DELIMITATION,
    LONG_VRS,
    PIXEL_DATA,
    SEQUENCE_DELIMITATION,
    SEQUENCE_VRS,
    SHORT_VRS,
    UNDEFINED,
    Encoding,
    new_budget,
)
from gatehouse.dicom.paths import Place
from gatehouse.dicom.scan import Element
from gatehouse.errors import HoldError, ScanError

BEFORE_FIRST: Final = -1
"""The tag before the first."""

_HEADER_BYTES_MAX: Final = 12

_ITEM_TAG: Final = b"\xfe\xff\x00\xe0"


class Editor(ElementEditor):
    """Goes through the data sets of one instance, and edits what its plan says."""

    __slots__ = ("_budget",)

    def __init__(self, instance: Instance) -> None:
        super().__init__(instance)
        self._budget = new_budget()

    def data_set(
        self,
        position: int,
        end: int,
        level: Level,
        encoding: Encoding,
        place: Place = None,
        depth: int = 0,
        *,
        previous: int = BEFORE_FIRST,
        stop: int = FIRST_DELIMITER,
        is_delimited: bool = False,
    ) -> tuple[int, int, int]:
        """Edit the elements of one data set, or of a stretch of it.

        Parameters
        ----------
        end : int
            Its end; with ``is_delimited``, what it can't reach beyond.
        place : Place
            The item; None at the top.
        depth : int
            How many sequences are around it.
        previous : int
            Tag of the element before; order is strict, and no tag comes twice.
        stop : int
            Tag before which to stop.

        Returns
        -------
        tuple of int
            The position after what was read, by how much its output is longer than its input, and
            the last tag.
        """
        data, edits = self._data, self.edits
        note, notes = self.changes.append, self.instance.notes
        header, u32, is_explicit = encoding.header, encoding.u32, encoding.is_explicit
        delta, vr = 0, b""
        # A stretch that is removed: its place among the edits, and where it begins and ends.
        cut, cut_start, cut_end = -1, -1, -1
        blocks: PrivateBlocks | None = None
        try:
            for _ in self._budget:
                if position >= end:
                    if position > end or is_delimited:
                        raise scan.truncated()
                    break
                if is_explicit:
                    group, element, vr, length = header(data, position)
                else:
                    group, element, length = header(data, position)
                tag = group << 16 | element
                if not previous < tag < stop:
                    if stop <= tag < FIRST_DELIMITER:
                        break
                    if is_delimited and tag == ITEM_DELIMITATION:
                        if length or vr not in (b"", b"\0\0"):
                            raise ScanError("dicom.structure", "an item delimiter has a length")
                        position += 8
                    elif place is None and not tag and self._cut_padding(position, end):
                        position = end
                    else:
                        raise _disorder(tag, previous)
                    break
                previous = tag
                entry = level[tag]
                if entry.expected == vr and length <= entry.longest and not length & 1:
                    following = position + 8 + length
                    kind = entry.kind
                    if kind == KEPT:
                        position = following
                        continue
                    strange = entry.strange
                    if strange is None or strange(data, position + 8, following) is None:
                        if kind == SEEN:
                            notes[tag] = Element(vr, position + 8, following, encoding)
                        position = following
                        continue

                if vr in SHORT_VRS:
                    value = position + 8
                elif not is_explicit:
                    value = position + 8
                    if length <= entry.longest and not length & 1:
                        following = value + length
                        strange = entry.strange
                        if strange is None or strange(data, value, following) is None:
                            if entry.kind == SEEN:
                                notes[tag] = Element(vr, value, following, encoding)
                            position = following
                            continue
                elif vr in LONG_VRS:
                    value = position + 12
                    (length,) = u32(data, position + 8)
                else:
                    raise ScanError("dicom.vr", "an element has a VR that does not exist")
                following = value + length

                if entry.kind == PRIVATE:
                    blocks = blocks or PrivateBlocks(edits, self.changes, self.instance)
                    if element <= CREATOR_LAST:
                        change = entry.change if place is None else (place, tag, entry.change)
                        content = bytes(
                            data[value : min(following, value + CREATOR_LENGTH_MAX + 1)]
                        )
                        blocks.remove_creator(tag, content, position, following, change)
                        delta += position - following
                        position = following
                        continue
                    entry, added = blocks.entry(level, tag, vr, data, value, following)
                    delta += added
                if entry.kind > SEEN:
                    if vr != b"SQ" and length != UNDEFINED:
                        if following > end:
                            raise scan.truncated()
                        delta += self._repair(entry, tag, vr, value, following, encoding, place)
                        position = following
                        continue
                elif entry.kind == CUT and length != UNDEFINED:
                    if position != cut_end:
                        if cut >= 0:
                            edits[cut] = (cut_start, cut_end, b"")
                        cut, cut_start = len(edits), position
                        edits.append(None)
                    cut_end = following
                    note(entry.change if place is None else (place, tag, entry.change))
                    if group & 1 and blocks is None and place is None and is_explicit:
                        cut_end, previous = self._private_group(
                            following, end, tag, level, encoding
                        )
                    delta += position - cut_end
                    position = cut_end
                    continue
                elif entry.kind == ACT and length != UNDEFINED and vr != b"SQ":
                    if following > end:
                        raise scan.truncated()
                    delta += self._value(entry, vr, position, value, following, encoding, place)
                    position = following
                    continue
                if following > end and length != UNDEFINED:
                    raise scan.truncated()
                position, added = self._element(
                    entry, tag, vr, length, position, value, end, level, encoding, place, depth
                )
                delta += added
            else:
                raise scan.too_many()
        except struct.error:
            if place is not None or not self._cut_padding(position, end):
                raise _at(scan.truncated(), place, previous) from None
            position = end
        except HoldError as error:
            raise _at(error, place, previous) from None
        if cut >= 0:
            edits[cut] = (cut_start, cut_end, b"")
        return position, delta, previous

    def _private_group(
        self, position: int, end: int, previous: int, level: Level, encoding: Encoding
    ) -> tuple[int, int]:
        """Pass over what is left of a private group that is removed; return its end and last tag.

        What `data_set` does with these elements, in fewer steps: they are most of what scanners
        write. It stops, and leaves the rest to that, wherever something is out of the ordinary.
        """
        data, note, group = self._data, self.changes.append, previous >> 16
        header, u32, last = encoding.header, encoding.u32, end - _HEADER_BYTES_MAX
        for _ in self._budget:
            if position > last:
                break
            found, element, vr, length = header(data, position)
            tag = found << 16 | element
            if found != group or tag <= previous:
                break
            if vr in SHORT_VRS:
                following = position + 8 + length
            elif vr in LONG_VRS:
                (length,) = u32(data, position + 8)
                if length == UNDEFINED:
                    break
                following = position + 12 + length
            else:
                break
            entry = level[tag]
            note(entry.change)
            position, previous = following, tag
        return position, previous

    def _element(
        self,
        entry: Entry,
        tag: int,
        vr: bytes,
        length: int,
        position: int,
        value: int,
        end: int,
        level: Level,
        encoding: Encoding,
        place: Place,
        depth: int,
    ) -> tuple[int, int]:
        """Edit one element that is not just passed over; return where it ends, and its growth."""
        inside = IMPLICIT_LITTLE if vr == b"UN" else encoding
        kind = NOTE if entry.kind >= SEEN else entry.kind
        if kind == SEQUENCE or (kind == NOTE and self._is_sequence(tag, vr, length, value, entry)):
            if vr not in SEQUENCE_VRS:
                raise ScanError("dicom.vr", "a sequence has the VR of something else")
            if place is None:
                self.instance.position = position
            return self._sequence(
                tag, value, length, end, level.child(tag), encoding, inside, place, depth
            )
        following = value + length
        if length == UNDEFINED:
            following = scan.skip_undefined(
                self._data, value, end, tag, vr, inside, depth, self._budget
            )
        if tag == PIXEL_DATA and length == UNDEFINED and kind == NOTE:
            if entry.is_noted:
                self._note(entry, Element(vr, value, following, inside), position, place)
            return following, self._clean_encapsulated(value, following, place)
        if kind == ACT and length != UNDEFINED and vr != b"SQ":
            return following, self._value(entry, vr, position, value, following, encoding, place)
        if entry.is_noted:
            self._note(entry, Element(vr, value, following, inside), position, place)
        if kind == NOTE:
            if length == UNDEFINED:
                return following, 0
            return following, self._repair(entry, tag, vr, value, following, encoding, place)
        if kind == FORBIDDEN:
            raise ScanError("dicom.group", "an element is of a group that no data set may hold")
        new = None
        if kind == ITEMS:
            new = self._dummy_items(entry, vr, inside)
        elif kind == ACT:
            if entry.reads:
                raise ScanError("dicom.vr", "a sequence is where a value should be")
            new = entry.constant
        return following, self._replace(entry, vr, position, value, following, new, encoding, place)

    def _is_sequence(self, tag: int, vr: bytes, length: int, value: int, entry: Entry) -> bool:
        """Tell if what is kept has items that must be gone into."""
        if vr == b"SQ":
            return True
        if length == UNDEFINED:
            return tag != PIXEL_DATA
        # What neither the dictionary nor the file gives a VR: private, or kept by a policy.
        is_open = not entry.vr and vr in (b"UN", b"")
        return is_open and bytes(self._data[value : value + 4]) == _ITEM_TAG

    def _sequence(
        self,
        tag: int,
        value: int,
        length: int,
        end: int,
        level: Level,
        encoding: Encoding,
        inside: Encoding,
        place: Place,
        depth: int,
    ) -> tuple[int, int]:
        """Edit the items of a sequence; return where it ends, and its growth."""
        if depth >= DEPTH_MAX:
            raise scan.too_deep()
        data, edits, instance = self._data, self.edits, self.instance
        is_delimited = length == UNDEFINED
        stop = end if is_delimited else value + length
        slot = len(edits)
        if not is_delimited:
            edits.append(None)
        character_set = instance.character_set
        position, delta = value, 0
        for index, _ in enumerate(self._budget):
            if position >= stop and not is_delimited:
                break
            item, item_length = scan.read_item(data, position, stop, inside)
            position += 8
            if item == SEQUENCE_DELIMITATION:
                if not is_delimited:
                    raise ScanError("dicom.structure", "a delimiter is where an item should be")
                return position, delta
            is_open = item_length == UNDEFINED
            item_slot = len(edits)
            if not is_open:
                edits.append(None)
            item_end = stop if is_open else position + item_length
            if item_end > stop:
                raise scan.truncated()
            item_start = position
            position, growth, _ = self.data_set(
                position, item_end, level, inside, (place, tag, index), depth + 1,
                is_delimited=is_open,
            )  # fmt: skip
            if growth and not is_open:
                size = inside.length32(item_length + growth)
                edits[item_slot] = (item_start - 4, item_start, size)
            delta += growth
            instance.character_set = character_set
        else:
            raise scan.too_many()
        if delta:
            edits[slot] = (value - 4, value, encoding.length32(length + delta))
        return position, delta


def _disorder(tag: int, previous: int) -> ScanError:
    """Return the error for an element that may not come after the one before."""
    if tag == previous:
        return ScanError("dicom.duplicate", "an element comes twice in one data set")
    if tag >= FIRST_DELIMITER:
        return ScanError("dicom.structure", "a delimiter is where an element should be")
    return ScanError("dicom.order", "the elements of a data set are not in the order of their tags")


def _at(error: HoldError, place: Place, tag: int) -> HoldError:
    """Give an error its place, unless it has one from further inside."""
    if not error.path and tag != BEFORE_FIRST:
        error.path = paths.path(place, tag)
    return error

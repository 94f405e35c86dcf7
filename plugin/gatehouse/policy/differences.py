"""What became of each element of an instance: the two files side by side.

Made from the bytes before and after, and not from what the engine says that it did, so that a
change which nobody recorded is seen as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from gatehouse.deid.model import Change
from gatehouse.dicom import charsets, paths, scan
from gatehouse.dicom.charsets import CharacterSet
from gatehouse.dicom.encodings import PIXEL_DATA, Encoding
from gatehouse.dicom.part10 import open_file
from gatehouse.dicom.paths import Place
from gatehouse.dicom.scan import Buffer, Element
from gatehouse.policy.attributes import parse_attribute, private_name
from gatehouse.policy.facts import values_as_text, vr_of

Fate = Literal["kept", "removed", "emptied", "replaced", "added"]

UNRECORDED: Final = Change("", "", "unrecorded", 0)
KEPT: Final = Change("", "K", "", 0)

_CHARACTER_SET = 0x00080005


@dataclass(frozen=True, slots=True)
class Row:
    """One element, wherever it is."""

    path: str
    """As in ``Change``: ``"RequestAttributesSequence[0]/RequestedProcedureID"``."""
    name: str
    """As policies write it, without indices: ``"(0019,{SIEMENS MR HEADER},0C)"``."""
    place: Place
    tag: int
    creator: str
    """Private creator of the element's block; empty for a public element and for creators."""
    value: Buffer
    """The bytes; of a sequence those of all its items."""
    text: str
    items: int
    """Number of items; -1 if it is no sequence."""
    is_creator: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """What became of one element."""

    row: Row
    """The element before; if it was added, after."""
    fate: Fate
    before: str
    """Values as text. They may identify: for the eyes of who may see the original, and no log."""
    after: str
    change: Change
    """What the engine recorded; ``KEPT``, or ``UNRECORDED`` for a change that it did not."""

    @property
    def path(self) -> str:
        """Where it is, as in ``Change``."""
        return self.row.path

    @property
    def name(self) -> str:
        """Where it is, as policies write it."""
        return self.row.name


def compare(original: Buffer, deidentified: Buffer, changes: Sequence[Change]) -> list[Difference]:
    """Return the fate of each element of the original, and of each that was added, in order.

    What is inside a sequence that was removed, emptied or replaced as a whole is not listed by
    itself.
    """
    before = {row.path: row for row in rows(original)}
    after = {row.path: row for row in rows(deidentified)}
    recorded = {change.path: change for change in changes}
    whole = {
        (row.place, row.tag)
        for path, row in before.items()
        if row.items >= 0 and _is_whole(after.get(path), recorded.get(path, KEPT))
    }
    differences = [
        _difference(row, after.get(path), recorded, whole)
        for path, row in before.items()
        if not _is_within(row.place, whole) and not (row.is_creator and path not in after)
    ]
    whole |= {
        (row.place, row.tag) for path, row in after.items() if row.items >= 0 and path not in before
    }
    differences += [
        Difference(row, "added", "", row.text, recorded.get(path, UNRECORDED))
        for path, row in after.items()
        if path not in before and not _is_within(row.place, whole)
    ]
    return differences


def _is_whole(other: Row | None, change: Change) -> bool:
    """Return whether a sequence was treated as one: by action code D, Z or X, or gone."""
    return other is None or other.items <= 0 or change.code in ("D", "Z", "X")


def is_named(row: Row, attribute: str) -> bool:
    """Return whether an attribute, meant at every depth, or a path from the top names an element.

    ``attribute`` is canonical, as ``attributes.canonical`` returns it.
    """
    if row.name == attribute:
        return True
    return len(parse_attribute(attribute)) == 1 and row.name.endswith(f"/{attribute}")


def rows(dicom: Buffer) -> Iterator[Row]:
    """Yield each element of a file at every depth, a sequence before its items."""
    file = open_file(dicom)
    walk = _Walk(file.data)
    yield from walk.level(file.start, file.end, file.syntax.encoding, None, "", charsets.DEFAULT)


def _difference(
    row: Row, other: Row | None, recorded: Mapping[str, Change], whole: set[tuple[Place, int]]
) -> Difference:
    fate = _fate(row, other, (row.place, row.tag) in whole)
    default = KEPT if fate == "kept" else UNRECORDED
    text = other.text if other else ""
    return Difference(row, fate, row.text, text, recorded.get(row.path, default))


def _fate(row: Row, other: Row | None, is_whole: bool) -> Fate:
    if other is None:
        return "removed"
    if row.items >= 0 and other.items == row.items and not is_whole:
        return "kept"  # its items are listed by themselves
    if row.items > 0 and other.items == 0:
        return "emptied"
    if bytes(row.value).rstrip(b" \0") == bytes(other.value).rstrip(b" \0"):
        return "kept"
    return "replaced" if len(other.value) else "emptied"


def _is_within(place: Place, sequences: set[tuple[Place, int]]) -> bool:
    while place is not None:
        above, tag, _ = place
        if (above, tag) in sequences:
            return True
        place = above
    return False


class _Walk:
    def __init__(self, data: Buffer) -> None:
        self.data = data

    def level(
        self,
        start: int,
        end: int,
        encoding: Encoding,
        place: Place,
        prefix: str,
        characters: CharacterSet,
    ) -> Iterator[Row]:
        """Yield the elements of one data set."""
        creators: dict[int, str] = {}
        for tag, element in scan.elements(self.data, start, end, encoding):
            value = self.data[element.start : element.end]
            if tag == _CHARACTER_SET:
                characters = charsets.character_set(bytes(value))
            creator = self._creator(tag, value, creators)
            name = prefix + _name(tag, creator)
            is_sequence = vr_of(tag, element) == "SQ" and tag != PIXEL_DATA
            items = list(scan.items(self.data, element)) if is_sequence else []
            text = "" if is_sequence else _text(tag, element, value, encoding, characters)
            yield Row(
                path=paths.path(place, tag),
                name=name,
                place=place,
                tag=tag,
                creator=creator,
                value=value,
                text=text,
                items=len(items) if is_sequence else -1,
                is_creator=_is_creator(tag),
            )
            for index, (item_start, item_end) in enumerate(items):
                inside = (place, tag, index)
                yield from self.level(
                    item_start, item_end, element.encoding, inside, f"{name}/", characters
                )

    def _creator(self, tag: int, value: Buffer, creators: dict[int, str]) -> str:
        """Return the creator of a private element's block; remember the creators of blocks."""
        if not tag >> 16 & 1:
            return ""
        if _is_creator(tag):
            creators[tag] = bytes(value).decode("latin_1").strip(" \0")
            return ""
        return creators.get(tag & 0xFFFF0000 | (tag & 0xFFFF) >> 8, "")


def _is_creator(tag: int) -> bool:
    return bool(tag >> 16 & 1) and 0x10 <= tag & 0xFFFF <= 0xFF


def _name(tag: int, creator: str) -> str:
    if not creator or "{" in creator or "}" in creator:
        return paths.name(tag)
    return private_name(tag >> 16, creator, tag & 0xFF)


_SHOWN_BYTES_MAX = 1024


def _text(
    tag: int, element: Element, value: Buffer, encoding: Encoding, characters: CharacterSet
) -> str:
    if len(value) <= _SHOWN_BYTES_MAX or vr_of(tag, element) in ("UT", "LT", "ST", "UC"):
        values = values_as_text(bytes(value), vr_of(tag, element), encoding, characters)
        if values is not None:
            return "\\".join(values)
    return f"<{len(value)} bytes>" if len(value) else ""

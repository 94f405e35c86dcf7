"""Read from an instance what policies may look at, and nothing else.

Only wanted elements are decoded, and reading stops after the last wanted tag, so that pixels are
never touched. An attribute that is absent or empty has no values; one that can't be read as text
holds the instance, because a policy can then not be asked.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from gatehouse.dicom import charsets, scan
from gatehouse.dicom.charsets import CharacterSet
from gatehouse.dicom.encodings import Encoding
from gatehouse.dicom.part10 import open_file
from gatehouse.dicom.scan import Buffer, Element
from gatehouse.errors import HoldError
from gatehouse.policy.attributes import Step, parse_attribute
from gatehouse.standard import dictionary
from gatehouse.standard.multiplicity import is_single

Found = dict[str, list[str]]

_ALL_TAGS = range(1 << 32)
_CHARACTER_SET = 0x00080005
_CODING_SCHEME_DESIGNATOR = 0x00080102
_URN_CODE_VALUE = 0x00080120
_CODE_VALUES = (0x00080100, 0x00080119, _URN_CODE_VALUE)
_TEXT_VRS = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
_CODE_VRS = frozenset({"AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI", "UR"})
_SINGLE_VRS = frozenset({"LT", "ST", "UR", "UT"})  # a backslash in them is just a backslash
_NUMBERS = {
    "FD": "d",
    "FL": "f",
    "SL": "i",
    "SS": "h",
    "SV": "q",
    "UL": "I",
    "US": "H",
    "UV": "Q",
}


@dataclass(slots=True)
class _Wanted:
    """What is wanted of one data set."""

    names: list[str] = field(default_factory=list)
    """Attributes, as policies write them, that end here."""
    public: dict[int, _Wanted] = field(default_factory=dict)
    private: dict[tuple[int, str, int], _Wanted] = field(default_factory=dict)
    """By group, creator and the low byte of the element."""
    last: int = 0
    """The highest tag that has to be read."""


def extract(dicom: Buffer, attributes: Collection[str]) -> Mapping[str, tuple[str, ...]]:
    """Return the values of attributes.

    Parameters
    ----------
    dicom : bytes or memoryview
        A DICOM file.
    attributes : collection of str
        As policies write them; ``decide.attributes_of`` gives those of a pack.

    Returns
    -------
    Mapping of str to tuple of str
        For each attribute its values as text, those of all items if it is a path; an empty tuple
        if it is absent or empty.

    Raises
    ------
    HoldError
        If the file is not one that can be read safely (``dicom.*``), or if a wanted value is no
        text in its character set (``facts.undecodable``), or one of several values where the
        Standard allows one (``facts.several-values``).
    """
    file = open_file(dicom)
    found: Found = {}
    wanted = _tree(frozenset(attributes))
    reader = _Reader(file.data, found)
    reader.read(file.start, file.end, file.syntax.encoding, wanted, charsets.DEFAULT)
    return {name: tuple(found.get(name, ())) for name in attributes}


@functools.lru_cache(maxsize=64)
def _tree(attributes: frozenset[str]) -> _Wanted:
    top = _Wanted()
    for name in attributes:
        level = top
        for step in parse_attribute(name):
            level.last = max(level.last, _CHARACTER_SET, _last_tag(step))
            level = _branch(level, step)
        level.names.append(name)
    return top


def _last_tag(step: Step) -> int:
    return step.tag | 0xFF00 if step.creator else step.tag


def _branch(level: _Wanted, step: Step) -> _Wanted:
    if not step.creator:
        return level.public.setdefault(step.tag, _Wanted())
    key = (step.tag >> 16, step.creator, step.tag & 0xFF)
    return level.private.setdefault(key, _Wanted())


class _Reader:
    def __init__(self, data: Buffer, found: Found) -> None:
        self.data = data
        self.found = found

    def read(
        self, start: int, end: int, encoding: Encoding, wanted: _Wanted, characters: CharacterSet
    ) -> None:
        """Read one data set, and the items in it that are on the way to a wanted attribute."""
        creators: dict[int, str] = {}
        # Only public tags are known beforehand: those of private elements depend on their creators.
        tags = _ALL_TAGS if wanted.private else {*wanted.public, _CHARACTER_SET}
        for tag, element in scan.pick(self.data, start, end, encoding, tags, wanted.last):
            if tag == _CHARACTER_SET:
                value = bytes(self.data[element.start : element.end])
                characters = charsets.character_set(value)
            branch = wanted.public.get(tag)
            if branch is None and wanted.private and tag >> 16 & 1:
                branch = self._private(tag, element, wanted, creators)
            if branch is None:
                continue
            for name in branch.names:
                if vr_of(tag, element) == "SQ":
                    values = list(self._codes(element))
                else:
                    values = self._values(tag, element, encoding, characters, name)
                self.found.setdefault(name, []).extend(values)
            if branch.public or branch.private:
                for item_start, item_end in scan.items(self.data, element):
                    self.read(item_start, item_end, element.encoding, branch, characters)

    def _private(
        self, tag: int, element: Element, wanted: _Wanted, creators: dict[int, str]
    ) -> _Wanted | None:
        """Return what is wanted of a private element; remember the creators of blocks."""
        group, number = tag >> 16, tag & 0xFFFF
        if 0x10 <= number <= 0xFF:
            creator = bytes(self.data[element.start : element.end]).decode("latin_1")
            creators[group << 8 | number] = creator.strip(" \0")
            return None
        creator = creators.get(group << 8 | number >> 8, "")
        return wanted.private.get((group, creator, number & 0xFF))

    def _codes(self, sequence: Element) -> Iterator[str]:
        """Yield the codes of a sequence's items, as ``SCHEME:VALUE``; other items have none."""
        for start, end in scan.items(self.data, sequence):
            found: dict[int, str] = {}
            for tag, element in scan.elements(self.data, start, end, sequence.encoding):
                if tag > _URN_CODE_VALUE:
                    break
                if tag in (_CODING_SCHEME_DESIGNATOR, *_CODE_VALUES):
                    value = bytes(self.data[element.start : element.end])
                    found[tag] = value.decode("latin-1").strip(" \0")
            scheme = found.get(_CODING_SCHEME_DESIGNATOR, "")
            code = next((found[tag] for tag in _CODE_VALUES if found.get(tag)), "")
            if scheme and code:
                yield f"{scheme}:{code}"

    def _values(
        self, tag: int, element: Element, encoding: Encoding, characters: CharacterSet, name: str
    ) -> list[str]:
        value = bytes(self.data[element.start : element.end])
        vr = vr_of(tag, element)
        values = values_as_text(value, vr, encoding, characters)
        if values is None:
            raise HoldError(
                "facts.undecodable", "an attribute that a policy asks for is no text", name
            )
        if len(values) > 1 and is_single(tag):
            # A modality of "CT\US" is neither, and "in: [CT]" must not take it for one.
            if vr not in _TEXT_VRS:
                raise HoldError(
                    "facts.several-values",
                    "an attribute that a policy asks for has several values, "
                    "where the Standard allows one (PS3.6)",
                    name,
                )
            # In words, a backslash is a typist's: they are one text.
            return ["\\".join(values)]
        return values


def vr_of(tag: int, element: Element) -> str:
    """Return the VR of an element: as the file has it, else as the dictionary does."""
    written = element.vr.decode("ascii")
    if written not in ("", "UN"):
        return written
    known = None if tag >> 16 & 1 else dictionary.vr(tag)
    return (known or "UN").split(" ")[0]


def values_as_text(
    value: bytes, vr: str, encoding: Encoding, characters: CharacterSet
) -> list[str] | None:
    """Return the values of an element as text, empty ones left out; None if it is no text."""
    if vr in _NUMBERS:
        return list(_numbers(value, vr, encoding))
    if vr not in _TEXT_VRS and vr not in _CODE_VRS and not value.isascii():
        return None
    text = charsets.decode(value, characters if vr in _TEXT_VRS else charsets.DEFAULT)
    if text is None:
        return None
    parts = [text] if vr in _SINGLE_VRS else text.split("\\")
    stripped = [part.strip(" \0") for part in parts]
    return [part for part in stripped if (part.strip("^=") if vr == "PN" else part)]


def _numbers(value: bytes, vr: str, encoding: Encoding) -> Iterator[str]:
    layout = _NUMBERS[vr]
    size = struct.calcsize(layout)
    order = ">" if encoding.is_big_endian else "<"
    for start in range(0, len(value) - size + 1, size):
        (number,) = struct.unpack_from(order + layout, value, start)
        yield str(number)

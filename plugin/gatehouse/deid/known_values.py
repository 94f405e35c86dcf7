"""Values of an instance that identify, collected in order to be found in its free texts.

An instance knows the names in it; a study knows those in all of its instances. What is collected
of several is put together with ``|``, in any order.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from gatehouse.dicom import charsets, part10, scan
from gatehouse.dicom.encodings import DEPTH_MAX, UNDEFINED, Encoding
from gatehouse.dicom.part10 import File
from gatehouse.dicom.scan import Buffer, Element
from gatehouse.errors import ScanError
from gatehouse.standard import dictionary

if TYPE_CHECKING:
    from gatehouse.deid.text.names import Known

_CHARACTER_SET: Final = 0x00080005

_NAMES: Final = frozenset({0x00100012, 0x00100013, 0x0016004D, 0x00880910})
"""Names of persons in other VRs than PN: Name to Use and its comment, a camera's owner, an author.
PN counts wherever it is."""

_IDENTIFIERS: Final = """
    00080050 00100020 00101000 00101050 00101090 00102155 00200010 00380010 00380060
    00120020 00120040 00120042 00100021 00181000 00181008 00400009 00400253 00401001 00402016
    00402017 00400512 00400551 0040050A 00100043 00102154
"""
"""Of patients, admissions, studies, requests, specimens, devices."""

_INSTITUTIONS: Final = """
    00080080 00080081 00081010 00081040 00080092 00101040 00321020 00380300 00400010 00400011
    00400241 00400242 00400243 00120010 00120030 00120031 00120060 0040A027
"""
"""Institutions, departments, stations, addresses."""

_KINDS: Final = {
    **dict.fromkeys(_NAMES, 0),
    **{int(tag, 16): 1 for tag in _IDENTIFIERS.split()},
    **{int(tag, 16): 2 for tag in _INSTITUTIONS.split()},
}
"""Tag -> place in `KnownValues`."""

_LENGTH_MAX: Final = 1024
"""Bytes of a value. A name has 5 x 64 characters at most; an address is a line or three."""

_VALUES_MAX: Final = 4096
"""Values of one kind in an instance. No study knows as many people; a hostile file might."""


class KnownValues(NamedTuple):
    """What identifies, as it is written in data sets."""

    person_names: frozenset[str] = frozenset()
    identifiers: frozenset[str] = frozenset()
    institutions: frozenset[str] = frozenset()

    def __or__(self, other: KnownValues) -> KnownValues:
        return KnownValues(*(one | two for one, two in zip(self, other, strict=True)))


NOTHING: Final = KnownValues()


@lru_cache(maxsize=64)
def known(values: KnownValues) -> Known:
    """Return the values as the text cleaner takes them."""
    # Imported here: its vocabularies take time to load, and most policies clean no text.
    from gatehouse.deid.text.names import Known

    return Known.of(*(sorted(kind) for kind in values))


def collect(dicom: Buffer) -> KnownValues:
    """Collect the identifying values of a DICOM file, at every depth.

    Raises
    ------
    ScanError
        If it can't be read safely.
    """
    return collect_from(part10.open_file(dicom))


def collect_from(file: File) -> KnownValues:
    """Collect the identifying values of a file that is open already."""
    found: tuple[set[str], set[str], set[str]] = (set(), set(), set())
    _walk(file.data, file.start, file.end, file.syntax.encoding, charsets.DEFAULT, found, 0)
    return KnownValues(*(frozenset(kind) for kind in found))


def _walk(
    data: Buffer,
    start: int,
    end: int,
    encoding: Encoding,
    character_set: charsets.CharacterSet,
    found: tuple[set[str], set[str], set[str]],
    depth: int,
) -> None:
    if depth > DEPTH_MAX:
        raise scan.too_deep()
    for tag, element in scan.elements(data, start, end, encoding):
        vr = element.vr.decode("ascii")
        if vr in ("", "UN"):
            vr = "SQ" if _is_open(data, element) else dictionary.vr(tag) or "UN"
        if vr == "SQ":
            try:
                for one, other in scan.items(data, element):
                    _walk(data, one, other, element.encoding, character_set, found, depth + 1)
            except ScanError:
                # A private sequence that can't be read is removed, or the engine holds it.
                if not tag >> 16 & 1:
                    raise
            continue
        if tag == _CHARACTER_SET:
            value = bytes(data[element.start : min(element.end, element.start + _LENGTH_MAX)])
            character_set = charsets.character_set(value)
        kind = 0 if vr == "PN" else _KINDS.get(tag)
        if kind is None:
            continue
        value = bytes(data[element.start : min(element.end, element.start + _LENGTH_MAX)])
        found[kind].update(_texts(value, character_set))
        if len(found[kind]) > _VALUES_MAX:
            raise ScanError("dicom.too-many-names", "it names more people than are looked for")


def _is_open(data: Buffer, element: Element) -> bool:
    """Tell if an element that says nothing of its VR has an undefined length: it is a sequence."""
    return bytes(data[element.start - 4 : element.start]) == UNDEFINED.to_bytes(4, "little")


def _texts(value: bytes, character_set: charsets.CharacterSet) -> Iterator[str]:
    text = charsets.decode(value, character_set)
    for one in (value.decode("latin-1") if text is None else text).split("\\"):
        for line in one.splitlines():
            plain = line.strip(" \0")
            if plain:
                yield plain

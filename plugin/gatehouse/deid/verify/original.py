"""What the verification knows of an original: which values may not be found in what leaves."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple

from gatehouse.deid.plan import ObjectPlan, Plan
from gatehouse.deid.verify import reader
from gatehouse.deid.verify.identifiers import (
    CODE_KINDS,
    KINDS,
    PERSON_IDENTIFICATION_CODE_SEQUENCE,
    Kind,
)
from gatehouse.deid.verify.needles import Needle, decode, needles
from gatehouse.deid.verify.search import Found, Sieve, sieve
from gatehouse.deid.verify.walk import Buffer, Element, Path

_SPECIFIC_CHARACTER_SET = 0x00080005
_SOP_CLASS_UID = 0x00080016
_PATIENT_ID = 0x00100020
_TRANSFER_SYNTAX_UID = 0x00020010
_CHARACTERISTICS_SEQUENCE = 0x00080300
_GROUP, _CREATOR, _STATUS, _NONIDENTIFYING = 0x00080301, 0x00080302, 0x00080303, 0x00080304
_WANTED = frozenset(
    {*KINDS, *CODE_KINDS, _SPECIFIC_CHARACTER_SET, _SOP_CLASS_UID}
    | {_GROUP, _CREATOR, _STATUS, _NONIDENTIFYING}
)
_EXPLICIT_BIG_ENDIAN = b"1.2.840.10008.1.2.2"
_DATE_LENGTH = len("YYYYMMDD")
_PLACES_MAX = 8192


class Original(NamedTuple):
    """What the verification knows of an original."""

    object_plan: ObjectPlan
    sieve: Sieve
    """What all instances of the series have in common."""
    own: frozenset[Needle]
    """This instance's UIDs and free texts."""
    replaced_uids: frozenset[str]
    """The UIDs that the plan replaces by new ones."""
    patient_id: str
    sop_class_uid: bytes
    transfer_syntax_uid: bytes
    pixel_bytes: int
    header_bytes: int
    """Length of what is before the pixel data."""
    declared: frozenset[tuple[int, str, int]]
    """Private elements that it declares safe: group, creator, low byte; -1 for the whole block."""


def collect(dicom: Buffer, plan: Plan) -> Original:
    """Collect the identifying values of an original.

    Raises
    ------
    UnreadableError
        If any byte of it is not understood.
    """
    reading = reader.read_original(dicom, _WANTED)
    top = {tag: value for path, tag, _, value in reading.elements if not path}
    sop_class_uid = top.get(_SOP_CLASS_UID, b"").strip(b"\0 ")
    character_set = top.get(_SPECIFIC_CHARACTER_SET, b"").strip(b"\0 ")
    object_plan = plan.for_sop_class(sop_class_uid.decode("latin-1"))
    sorted_out = _SortedOut()
    sorted_out.take(reading.elements, object_plan)
    kept_uids = _needles("uid", sorted_out.kept_uids, character_set)
    uids = _needles("uid", sorted_out.uids, character_set) - kept_uids
    return Original(
        object_plan,
        sieve(frozenset(sorted_out.found), frozenset(sorted_out.kept), character_set),
        frozenset(uids | _needles("description", sorted_out.descriptions, character_set)),
        _parts(sorted_out.replaced_uids),
        decode(top.get(_PATIENT_ID, b""), character_set).strip("\0 "),
        sop_class_uid,
        reading.meta.get(_TRANSFER_SYNTAX_UID, b"").strip(b"\0 "),
        reading.pixel_bytes,
        reading.header_bytes,
        _declared(reading),
    )


def _declared(reading: reader.Reading) -> frozenset[tuple[int, str, int]]:
    """Return what Private Data Element Characteristics Sequence says (PS3.3 C.12.1.1.7)."""
    is_big = reading.meta.get(_TRANSFER_SYNTAX_UID, b"").strip(b"\0 ") == _EXPLICIT_BIG_ENDIAN
    order: Literal["big", "little"] = "big" if is_big else "little"
    found: set[tuple[int, str, int]] = set()
    group, creator, status = 0, "", b""
    for path, tag, _, value in reading.elements:
        if path != (_CHARACTERISTICS_SEQUENCE,):
            continue
        if tag == _GROUP:  # the first of an item
            group, creator, status = int.from_bytes(value, order), "", b""
        elif tag == _CREATOR:
            creator = value.decode("latin-1").strip("\0 ")
        elif tag == _STATUS:
            status = value.strip(b"\0 ")
            if status == b"SAFE":
                found.add((group, creator, -1))
        elif tag == _NONIDENTIFYING and status == b"MIXED":
            pairs = (value[at : at + 2] for at in range(0, len(value), 2))
            found |= {(group, creator, int.from_bytes(pair, order)) for pair in pairs}
    return frozenset(found)


class _SortedOut:
    """The identifying values of an original, by what is done because of them."""

    def __init__(self) -> None:
        self.found: set[Found] = set()
        self.kept: set[Found] = set()
        self.uids: set[bytes] = set()
        self.replaced_uids: set[bytes] = set()
        self.kept_uids: set[bytes] = set()
        self.descriptions: set[bytes] = set()

    def take(self, elements: list[Element], object_plan: ObjectPlan) -> None:
        """Sort the elements of an original."""
        places = _places(object_plan)
        for path, tag, vr, value in elements:
            kind, action = places.get((path, tag, vr)) or _place(places, object_plan, path, tag, vr)
            if kind is None or not value:
                continue
            if kind == "uid":
                (self.kept_uids if action == "keep" else self.uids).add(value)
                if action == "new-uid":
                    self.replaced_uids.add(value)
            elif action == "keep":
                self.kept.add((kind, value))
            elif kind == "description":
                # What is left of a text that was cleaned may be all of it.
                if action != "clean-text":
                    self.descriptions.add(value)
            elif kind == "date":
                self.found.add((kind, value[:_DATE_LENGTH]))
            else:
                self.found.add((kind, value))


@lru_cache(maxsize=64)
def _places(object_plan: ObjectPlan) -> dict[tuple[Path, int, bytes], tuple[Kind | None, str]]:
    """Return what is known of the places of a SOP class's elements; it grows."""
    del object_plan
    return {}


def _place(
    places: dict[tuple[Path, int, bytes], tuple[Kind | None, str]],
    object_plan: ObjectPlan,
    path: Path,
    tag: int,
    vr: bytes,
) -> tuple[Kind | None, str]:
    """Return the kind of the values at a place, and the plan's action if it is on purpose."""
    rule = object_plan.level(path)[tag]
    is_passed_on = rule.action == "keep" and rule.source == "profile"
    answer = _kind(path, tag, vr), "" if is_passed_on else rule.action
    if len(places) < _PLACES_MAX:
        places[path, tag, vr] = answer
    return answer


def _kind(path: tuple[int, ...], tag: int, vr: bytes) -> Kind | None:
    if tag in CODE_KINDS:
        return CODE_KINDS[tag] if PERSON_IDENTIFICATION_CODE_SEQUENCE in path else None
    return KINDS.get(tag, "name" if vr == b"PN" else None)


def _parts(values: set[bytes]) -> frozenset[str]:
    uids = (uid.strip("\0 ") for value in values for uid in value.decode("latin-1").split("\\"))
    return frozenset(uid for uid in uids if uid)


def _needles(kind: Kind, values: set[bytes], character_set: bytes) -> set[Needle]:
    return {needle for value in values for needle in needles(kind, value, character_set)}

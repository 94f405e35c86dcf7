"""What the verification knows of an original: which values may not be found in what leaves."""

from __future__ import annotations

from typing import NamedTuple

from gatehouse.deid.plan import ObjectPlan, Plan
from gatehouse.deid.verify import reader
from gatehouse.deid.verify.identifiers import (
    CODE_KINDS,
    KINDS,
    PERSON_IDENTIFICATION_CODE_SEQUENCE,
    Kind,
)
from gatehouse.deid.verify.needles import Needle, needles
from gatehouse.deid.verify.search import Found, Sieve, sieve
from gatehouse.deid.verify.walk import Buffer, Element

_SPECIFIC_CHARACTER_SET = 0x00080005
_SOP_CLASS_UID = 0x00080016
_TRANSFER_SYNTAX_UID = 0x00020010
_WANTED = frozenset({*KINDS, *CODE_KINDS, _SPECIFIC_CHARACTER_SET, _SOP_CLASS_UID})
_DATE_CHANGES = frozenset({"shift-date", "truncate-date", "generalize"})
_DATE_LENGTH = len("YYYYMMDD")


class Original(NamedTuple):
    """What the verification knows of an original."""

    object_plan: ObjectPlan
    sieve: Sieve
    """What all instances of the series have in common."""
    own: tuple[Needle, ...]
    """This instance's UIDs and free texts."""
    uids: frozenset[bytes]
    """The UIDs that the plan replaces."""
    sop_class_uid: bytes
    transfer_syntax_uid: bytes
    pixel_bytes: int


def read_original(dicom: Buffer, plan: Plan) -> Original:
    """Collect the identifying values of an original.

    Raises
    ------
    UnreadableError
        If any byte of it is not understood.
    """
    reading = reader.read([dicom], _WANTED)
    top = {element.tag: element.value for element in reading.elements if not element.path}
    sop_class_uid = top.get(_SOP_CLASS_UID, b"").strip(b"\0 ")
    object_plan = plan.for_sop_class(sop_class_uid.decode("latin-1"))
    found, kept = _sort(reading.elements, object_plan)
    character_set = top.get(_SPECIFIC_CHARACTER_SET, b"").strip(b"\0 ")
    kept_uids = {needle.folded for needle in _needles("uid", kept, character_set)}
    own = [
        needle
        for kind in ("uid", "description")
        for needle in _needles(kind, found, character_set)
        if needle.folded not in kept_uids
    ]
    return Original(
        object_plan,
        sieve(
            frozenset(one for one in found if one[0] not in ("uid", "description")),
            frozenset(kept),
            character_set,
        ),
        tuple(own),
        frozenset(needle.folded for needle in own if needle.kind == "uid"),
        sop_class_uid,
        reading.meta.get(_TRANSFER_SYNTAX_UID, b"").strip(b"\0 "),
        reading.pixel_bytes,
    )


def _sort(elements: list[Element], object_plan: ObjectPlan) -> tuple[set[Found], set[Found]]:
    """Part the identifying values into those to look for and those that are kept on purpose."""
    found: set[Found] = set()
    kept: set[Found] = set()
    are_dates_changed = False
    for path, tag, vr, value in elements:
        kind = _kind(path, tag, vr)
        if kind is None or not value:
            continue
        rule = object_plan.level(path)[tag]
        if rule.action == "keep" and rule.source != "profile":
            kept.add((kind, value))
        elif kind == "description" and rule.action == "clean-text":
            continue  # what is left of it may be all of it
        elif kind == "date":
            are_dates_changed = are_dates_changed or rule.action in _DATE_CHANGES
            found.add((kind, value[:_DATE_LENGTH]))
        else:
            found.add((kind, value))
    if are_dates_changed:
        # One date, moved, may be another one's original.
        found = {one for one in found if one[0] != "date"}
    return found, kept


def _kind(path: tuple[int, ...], tag: int, vr: bytes) -> Kind | None:
    if tag in CODE_KINDS:
        return CODE_KINDS[tag] if PERSON_IDENTIFICATION_CODE_SEQUENCE in path else None
    return KINDS.get(tag, "name" if vr == b"PN" else None)


def _needles(kind: Kind, found: set[Found], character_set: bytes) -> list[Needle]:
    return [
        needle
        for one, value in found
        if one == kind
        for needle in needles(kind, value, character_set)
    ]

"""Whether the output is the object that the plan describes, whatever the engine says of it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from gatehouse.deid.model import Deidentified
from gatehouse.deid.plan import ObjectPlan
from gatehouse.deid.rules import Rule
from gatehouse.deid.verify.original import Original
from gatehouse.deid.verify.reader import Reading
from gatehouse.deid.verify.walk import Element, Path
from gatehouse.errors import VerificationError
from gatehouse.standard import dictionary

SOP_CLASS_UID: Final = 0x00080016
SOP_INSTANCE_UID: Final = 0x00080018
PATIENT_ID: Final = 0x00100020
PATIENT_IDENTITY_REMOVED: Final = 0x00120062
DEIDENTIFICATION_METHOD: Final = 0x00120063
STUDY_INSTANCE_UID: Final = 0x0020000D
SERIES_INSTANCE_UID: Final = 0x0020000E
LONGITUDINAL: Final = 0x00280303
PIXEL_DATA: Final = 0x7FE00010

OF_OUTPUT: Final = frozenset(
    {
        SOP_CLASS_UID,
        SOP_INSTANCE_UID,
        PATIENT_ID,
        PATIENT_IDENTITY_REMOVED,
        DEIDENTIFICATION_METHOD,
        STUDY_INSTANCE_UID,
        SERIES_INSTANCE_UID,
        LONGITUDINAL,
    }
)
"""The elements of the output whose values are checked."""

_STAMPED: Final = frozenset({PATIENT_IDENTITY_REMOVED, DEIDENTIFICATION_METHOD, 0x00120064})
_LONGITUDINAL_TERMS: Final = frozenset({b"REMOVED", b"MODIFIED", b"UNMODIFIED"})

_META_GROUP_LENGTH: Final = 0x00020000
_META_SOP_CLASS_UID: Final = 0x00020002
_META_SOP_INSTANCE_UID: Final = 0x00020003
_META_TRANSFER_SYNTAX_UID: Final = 0x00020010
_META: Final = frozenset(
    {
        _META_GROUP_LENGTH,
        0x00020001,
        _META_SOP_CLASS_UID,
        _META_SOP_INSTANCE_UID,
        _META_TRANSFER_SYNTAX_UID,
        0x00020012,
        0x00020013,
    }
)
"""Nothing else of PS3.10 Table 7.1-1 leaves: titles of applications, private information."""

_ALLOWED_TAGS_MAX: Final = 8192
_FIRST_CREATOR, _LAST_CREATOR = 0x10, 0xFF


def check_structure(reading: Reading, original: Original, deidentified: Deidentified) -> None:
    """Hold an output that is not what the plan and the engine's own word promise.

    Raises
    ------
    VerificationError
    """
    top = {tag: value.strip(b"\0 ") for path, tag, _, value in reading.elements if not path}
    _check_meta(reading, original, top)
    _check_identity(deidentified, top)
    _check_stamp(top, reading.tags.get((), set()))
    if original.sop_class_uid != top.get(SOP_CLASS_UID):
        raise VerificationError("verify.sop-class", "its SOP class has changed", "SOPClassUID")
    for path, tags in reading.tags.items():
        _check_tags(original.object_plan, path, tags)
    _check_private(reading, original)
    if reading.pixel_bytes != original.pixel_bytes:
        raise VerificationError(
            "verify.pixels", "its pixel data has another length than before", "PixelData"
        )


def place(path: Path, tag: int) -> str:
    """Return the place of an element in words, e.g. ``RequestAttributesSequence/PatientName``."""
    return "/".join(_name(step) for step in (*path, tag))


def _name(tag: int) -> str:
    keyword = None if tag >> 16 & 1 else dictionary.keyword(tag)
    return keyword or f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _check_meta(reading: Reading, original: Original, top: dict[int, bytes]) -> None:
    meta = reading.meta
    if reading.preamble != bytes(128):
        raise VerificationError("verify.preamble", "the 128 bytes before the file are not empty")
    if meta.keys() != _META:
        raise VerificationError(
            "verify.file-meta", "the file meta information is not what we write", "FileMeta"
        )
    if int.from_bytes(meta[_META_GROUP_LENGTH], "little") != reading.meta_bytes:
        raise VerificationError("verify.file-meta", "its group length is wrong", "FileMeta")
    syntax = meta[_META_TRANSFER_SYNTAX_UID].strip(b"\0 ")
    if original.transfer_syntax_uid not in (b"", syntax):
        raise VerificationError("verify.file-meta", "its transfer syntax has changed", "FileMeta")
    for of_meta, of_data_set in (
        (_META_SOP_CLASS_UID, SOP_CLASS_UID),
        (_META_SOP_INSTANCE_UID, SOP_INSTANCE_UID),
    ):
        if meta[of_meta].strip(b"\0 ") != top.get(of_data_set):
            raise VerificationError(
                "verify.file-meta", "it differs from the data set", _name(of_data_set)
            )


def _check_identity(deidentified: Deidentified, top: dict[int, bytes]) -> None:
    for tag, promised in (
        (SOP_INSTANCE_UID, deidentified.sop_instance_uid_new),
        (SERIES_INSTANCE_UID, deidentified.series_instance_uid_new),
        (STUDY_INSTANCE_UID, deidentified.study_instance_uid_new),
        (PATIENT_ID, deidentified.patient_id_new),
    ):
        if top.get(tag, b"").decode("latin-1") != promised:
            raise VerificationError(
                "verify.identity", "it is not what was recorded of the output", _name(tag)
            )


def _check_stamp(top: dict[int, bytes], tags: set[int]) -> None:
    is_stamped = (
        top.get(PATIENT_IDENTITY_REMOVED) == b"YES"
        and bool(top.get(DEIDENTIFICATION_METHOD))
        and top.get(LONGITUDINAL) in _LONGITUDINAL_TERMS
        and tags >= _STAMPED
    )
    if not is_stamped:
        raise VerificationError(
            "verify.stamp", "it does not say how it was de-identified", "PatientIdentityRemoved"
        )


@lru_cache(maxsize=4096)
def _allowed(object_plan: ObjectPlan, path: Path) -> set[int]:
    """Return the tags that the plan is known to let pass at a path; the set grows."""
    del object_plan, path
    return set()


def _check_tags(object_plan: ObjectPlan, path: Path, tags: set[int]) -> None:
    """Hold an output with an element that the plan removes."""
    allowed = _allowed(object_plan, path)
    new = tags - allowed
    if not new or is_replaced(object_plan, path):
        return
    level = object_plan.level(path)
    for tag in sorted(new):
        is_stamp = not path and tag in (*_STAMPED, LONGITUDINAL)
        if not tag >> 16 & 1 and not is_stamp and level[tag].action == "remove":
            raise VerificationError(
                "verify.not-removed", "it has an element that the policy removes", place(path, tag)
            )
    if len(allowed) < _ALLOWED_TAGS_MAX:
        allowed |= new


def is_replaced(object_plan: ObjectPlan, path: Path) -> bool:
    """Tell if a sequence above is one whose items the engine replaces by its own."""
    return any(
        not step >> 16 & 1 and object_plan.level(path[:depth])[step].action != "keep"
        for depth, step in enumerate(path)
    )


class PrivateRules:
    """The plan's rules for the private elements of an output."""

    def __init__(self, elements: Iterable[Element], original: Original) -> None:
        self._object_plan = original.object_plan
        self._declared = original.declared
        self.creators: dict[tuple[Path, int], str] = {
            (path, tag): value.decode("latin-1").strip("\0 ")
            for path, tag, _, value in elements
            if tag >> 16 & 1 and _FIRST_CREATOR <= tag & 0xFFFF <= _LAST_CREATOR
        }
        """Of each block, by the path and tag of the element that reserves it."""

    def block(self, path: Path, tag: int) -> tuple[Path, int]:
        """Return path and tag of the element that reserves the block of an element."""
        return path, tag & 0xFFFF0000 | (tag & 0xFFFF) >> 8

    def rule(self, path: Path, tag: int, vr: bytes) -> Rule:
        """Return the rule for a private element with this VR."""
        creator = self.creators.get(self.block(path, tag), "")
        group, element = tag >> 16, tag & 0xFF
        is_declared = bool({(group, creator, -1), (group, creator, element)} & self._declared)
        return self._object_plan.private(
            path, group, creator, element, vr.decode("latin-1"), is_declared_safe=is_declared
        )


def _check_private(reading: Reading, original: Original) -> None:
    """Hold an output with a private element that the plan does not keep."""
    rules = PrivateRules(reading.elements, original)
    used: set[tuple[Path, int]] = set()
    for path, tag, vr, _ in reading.elements:
        if not tag >> 16 & 1 or (path, tag) in rules.creators:
            continue
        if rules.rule(path, tag, vr).action == "remove":
            raise VerificationError(
                "verify.private",
                "it has a private element that the policy removes",
                place(path, tag),
            )
        used.add(rules.block(path, tag))
    for block in rules.creators.keys() - used:
        raise VerificationError(
            "verify.private", "it names the creator of a private block that is empty", place(*block)
        )

"""The journal of reception: one line for each instance that was taken in or refused.

Written inside Orthanc before it stores an instance, and read by the service into the ledger.
Standard library only: Orthanc's own Python runs this. No line holds a value of an attribute but the
old SOP Instance UID, as ``records.Output`` does: the map from an original to what was made of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

FOLDER = "reception"
"""Of the journal, in the home."""

LINE_MAX_BYTES = 64 * 1024
"""A longer line is none of ours."""

_NAME = re.compile(r"journal-([0-9]{20})\.jsonl")


class JournalError(ValueError):
    """A line of a journal is not one that Gatehouse writes. Its text holds nothing of the line."""


@dataclass(frozen=True, slots=True)
class ReceptionMark:
    """An instance that was de-identified and verified before Orthanc stored it.

    Parameters
    ----------
    at : float
        Seconds since the epoch.
    instance, study : str
        Orthanc IDs of what was made and of its study; those of the original are not kept.
    pack, policy : str
        Digests, by which the ledger knows the texts.
    sha256 : str
        Hex, of the whole file that was handed to Orthanc.
    actions : Mapping
        Action code -> how many elements.
    """

    at: float
    instance: str
    study: str
    pack: str
    policy: str
    key_id: str
    software: str
    sop_class_uid: str
    transfer_syntax_uid: str
    sop_instance_uid_old: str
    sop_instance_uid_new: str
    series_instance_uid_new: str
    study_instance_uid_new: str
    sha256: str
    size: int
    needles: int
    actions: Mapping[str, int]
    took: Literal["in"] = "in"

    def to_line(self) -> bytes:
        """Return the line, its end included."""
        return _line(self)


@dataclass(frozen=True, slots=True)
class ReceptionRefusal:
    """An instance that was refused: nothing of it was stored, and its sender was told.

    Parameters
    ----------
    study, instance : str
        Orthanc IDs that the original would have; empty if it could not be read so far.
    policy : str
        Digest of the policy that it was decided under; empty if none was found.
    """

    at: float
    rule: str
    reason: str
    path: str = ""
    study: str = ""
    instance: str = ""
    policy: str = ""
    took: Literal["refused"] = "refused"

    def to_line(self) -> bytes:
        """Return the line, its end included."""
        return _line(self)


def from_line(line: bytes) -> ReceptionMark | ReceptionRefusal:
    """Return what a line says; its end may be there or not.

    Raises
    ------
    JournalError
        If it is not a line of this journal, every field of its type.
    """
    try:
        fields = json.loads(line) if len(line) <= LINE_MAX_BYTES else None
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise JournalError("a line of the journal of reception is no JSON object")
    if fields.get("took") == "in" and _fits(fields, _MARK):
        return ReceptionMark(**{**fields, "at": float(fields["at"])})
    if fields.get("took") == "refused" and _fits(fields, _REFUSAL):
        return ReceptionRefusal(**{**fields, "at": float(fields["at"])})
    raise JournalError("a line of the journal of reception has other fields than it must have")


def file_name(opened_at_ns: int) -> str:
    """Return the name of a journal; names are in the order in which the files were opened."""
    return f"journal-{opened_at_ns:020d}.jsonl"


def is_file_name(name: str) -> bool:
    """Return whether a file of this name is a journal."""
    return _NAME.fullmatch(name) is not None


def number_of(name: str) -> int:
    """Return the number in the name of a journal, by which journals are in order."""
    return int(name[8:28])


def _line(entry: ReceptionMark | ReceptionRefusal) -> bytes:
    # Not with ``asdict``, which copies in depth what is written down at once.
    fields = {name: getattr(entry, name) for name in entry.__slots__}
    return json.dumps(fields, separators=(",", ":")).encode("ascii") + b"\n"


def _fits(fields: Mapping[str, Any], kinds: Mapping[str, type | tuple[type, ...]]) -> bool:
    if fields.keys() != kinds.keys():
        return False
    if any(isinstance(value, bool) for value in fields.values()):
        return False
    if not all(isinstance(fields[name], kind) for name, kind in kinds.items()):
        return False
    return all(type(count) is int for count in fields.get("actions", {}).values())


_TEXTS = ("instance", "study", "policy", "took")
_REFUSAL: Mapping[str, type | tuple[type, ...]] = {
    "at": (int, float),
    **dict.fromkeys((*_TEXTS, "rule", "reason", "path"), str),
}
_MARK: Mapping[str, type | tuple[type, ...]] = {
    "at": (int, float),
    **dict.fromkeys(
        (
            *_TEXTS,
            "pack",
            "key_id",
            "software",
            "sop_class_uid",
            "transfer_syntax_uid",
            "sop_instance_uid_old",
            "sop_instance_uid_new",
            "series_instance_uid_new",
            "study_instance_uid_new",
            "sha256",
        ),
        str,
    ),
    "size": int,
    "needles": int,
    "actions": dict,
}

"""What the ledger hands out about what people asked for. None of it holds a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gatehouse.pipeline.records import StudyKey


@dataclass(frozen=True, slots=True)
class ActivationRecord:
    """When a version of a policy began to decide."""

    at: float
    by: str
    source: str


@dataclass(frozen=True, slots=True)
class ProposalRecord:
    """A change of the policies that waits, or waited, for a second person."""

    id: int
    kind: str
    """``"text"``, ``"version"`` or ``"folder"``."""
    name: str
    version: int
    base_digest: str
    """Digest of the pack that decided when it was made."""
    folder_digest: str
    files: Mapping[str, str]
    """Path in the folder -> text."""
    because: str
    proposed_by: str
    proposed_at: float
    state: str
    decided_by: str
    decided_at: float | None


@dataclass(frozen=True, slots=True)
class ShadowRecord:
    """A version that is asked beside the active one, and delivers nothing."""

    id: int
    name: str
    version: int
    digest: str
    text: str
    begun_at: float
    begun_by: str
    ended_at: float | None


@dataclass(frozen=True, slots=True)
class ComparisonRecord:
    """What a shadow did otherwise with one run over a study."""

    key: StudyKey
    compared_at: float
    found: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ReleaseRecord:
    """A person's word that a held study goes on under a policy."""

    key: StudyKey
    policy: str
    accept: tuple[str, ...]
    """``"suspicious-pixels"``, ``"check ID"``: accepted for this run only."""
    justification: str
    released_by: str
    released_at: float


@dataclass(frozen=True, slots=True)
class RejectionRecord:
    """A rejection of a held study that can be taken back until it is due."""

    id: int
    key: StudyKey
    justification: str
    rejected_by: str
    rejected_at: float
    due_at: float
    state: str


@dataclass(frozen=True, slots=True)
class HeldReasonRecord:
    """A reason for which studies are held now."""

    rule: str
    policy: str
    studies: int
    oldest_held_at: float


@dataclass(frozen=True, slots=True)
class NoticeRecord:
    """Something that people are told, over one channel."""

    id: int
    event: str
    channel: str
    content: Mapping[str, Any]
    created_at: float
    attempts: int


@dataclass(frozen=True, slots=True)
class RefusalRecord:
    """An instance that was refused on reception. IDs are those that the original would have had."""

    at: float
    rule: str
    reason: str
    path: str
    study: str
    instance: str
    policy: str
    """Digest of the policy that it was decided under; empty if there was none."""


@dataclass(frozen=True, slots=True)
class ReceptionCounts:
    """How many instances were ever taken in on reception, and refused by which rule."""

    taken_in: int
    refused: Mapping[str, int]

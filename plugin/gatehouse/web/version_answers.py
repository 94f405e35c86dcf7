"""What the REST routes answer about the policies that decide, and decided before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

from gatehouse.pipeline.desk_records import ActivationRecord
from gatehouse.pipeline.records import PackRecord, PolicyRecord
from gatehouse.web.answers import iso


class PolicyVersion(BaseModel):
    """One version of a policy that was ever active."""

    name: str
    version: int
    digest: str
    first_active_at: str


class ActivatedAt(BaseModel):
    """When a version began to decide, by whom, and from what source (folder, git commit)."""

    at: str
    by: str
    source: str


class KnownVersion(PolicyVersion):
    """The same with every time at which it began to decide, newest first."""

    activations: list[ActivatedAt]


class PolicyText(PolicyVersion):
    """One version of a policy with its whole text."""

    text: str


class ActivePack(BaseModel):
    """The policies that decide now, in the order in which they are asked."""

    digest: str
    activated_at: str
    activated_by: str
    policies: list[PolicyVersion]


class PolicyHistory(BaseModel):
    """A policy with all its versions, newest first."""

    name: str
    active_version: int | None
    versions: list[KnownVersion]


def policy_version(record: PolicyRecord) -> PolicyVersion:
    """Answer one version of a policy, without its text."""
    return PolicyVersion(**_policy_fields(record))


def known_version(record: PolicyRecord, activations: Iterable[ActivationRecord]) -> KnownVersion:
    """Answer one version of a policy with every time at which it began to decide."""
    return KnownVersion(
        **_policy_fields(record),
        activations=[
            ActivatedAt(at=iso(one.at), by=one.by, source=one.source) for one in activations
        ],
    )


def policy_text(record: PolicyRecord) -> PolicyText:
    """Answer one version of a policy, with its text."""
    return PolicyText(**_policy_fields(record), text=record.text)


def active_pack(record: PackRecord) -> ActivePack:
    """Answer the active policies."""
    return ActivePack(
        digest=record.digest,
        activated_at=iso(record.activated_at),
        activated_by=record.activated_by,
        policies=[policy_version(one) for one in record.policies],
    )


def _policy_fields(record: PolicyRecord) -> dict[str, Any]:
    return {
        "name": record.name,
        "version": record.version,
        "digest": record.digest,
        "first_active_at": iso(record.first_active_at),
    }

"""Policies out of the ledger: the pack that decides now, and each version that a run began with."""

from __future__ import annotations

import dataclasses
import threading

from gatehouse.errors import HoldError
from gatehouse.pipeline.ledger_port import RunLedger
from gatehouse.pipeline.records import PackRecord
from gatehouse.policy.load import load_single
from gatehouse.policy.model import Pack, Policy

PACKS_KEPT = 32


class PackShelf:
    """Loads packs from the texts in the ledger, each once. May be used from several threads."""

    def __init__(self, ledger: RunLedger) -> None:
        self._ledger = ledger
        self._packs: dict[str, Pack] = {}
        self._lock = threading.Lock()

    def active(self) -> Pack:
        """Return the pack that decides now.

        Raises
        ------
        HoldError
            If there is none, or if this version of Gatehouse can't load it.
        """
        record = self._ledger.active_pack()
        if record is None:
            raise HoldError("policy.none", "no pack of policies is active")
        return self._load(record)

    def policy(self, pack_digest: str, policy_digest: str) -> Policy:
        """Return the version of a policy by which a run was decided.

        Raises
        ------
        HoldError
            If it is not in the ledger, or if this version of Gatehouse can't load it.
        """
        pack = self._packs.get(pack_digest)
        if pack is None:
            record = self._ledger.pack(pack_digest)
            if record is None:
                raise HoldError("policy.none", "the policy of this decision is not in the ledger")
            pack = self._load(record)
        for policy in pack.policies:
            if policy.digest == policy_digest:
                return policy
        raise HoldError("policy.none", "the policy of this decision is not in its pack")

    def _load(self, record: PackRecord) -> Pack:
        kept = self._packs.get(record.digest)
        if kept is not None:
            return kept
        policies: list[Policy] = []
        for stored, deliveries in zip(record.policies, record.deliveries, strict=True):
            policy, _problems = load_single(stored.text.encode(), stored.name)
            if policy is None or policy.digest != stored.digest:
                raise HoldError(
                    "policy.unloadable",
                    f"version {stored.version} of the policy {stored.name} can't be loaded by "
                    "this version of Gatehouse",
                )
            # The pack's defaults are in the deliveries; the text alone doesn't have them.
            # A delivery's condition, in turn, is in the text alone.
            when = {(one.via, one.to): one.when for one in policy.deliver}
            deliver = tuple(
                dataclasses.replace(one, when=when.get((one.via, one.to))) for one in deliveries
            )
            policies.append(dataclasses.replace(policy, deliver=deliver))
        pack = Pack(tuple(policies), record.digest, record.reception)
        with self._lock:
            if len(self._packs) >= PACKS_KEPT:
                self._packs.clear()
            self._packs[record.digest] = pack
        return pack

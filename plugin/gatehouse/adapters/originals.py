"""Deletes identified originals whose time is over, as their policies say (``retain-original``).

Nothing is deleted of which not every destination has a receipt, and nothing but the very bytes that
were processed: one instance after the other, never a study, in which something may just have come.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

import structlog

from gatehouse.adapters.ledger import Ledger
from gatehouse.adapters.orthanc_client import OrthancArchive
from gatehouse.errors import GatehouseError, StateError
from gatehouse.pipeline.records import Retention, StudyKey
from gatehouse.policy.load import load_single
from gatehouse.policy.model import Policy

STUDIES_AT_ONCE = 20
LOOKED_AT_MAX = 200
"""So many are looked at to find them: what can't be deleted keeps no other from its turn."""

CHANGES_AT_ONCE = 1000

LOOK_AT_ALL_S = 6 * 3600.0
"""How often all studies are looked at, and not only what has become due since the last time."""

log = structlog.get_logger()


class Originals:
    """The originals in one archive."""

    def __init__(
        self, ledger: Ledger, archive: OrthancArchive, server: str, clock: Callable[[], float]
    ) -> None:
        self._ledger = ledger
        self._archive = archive
        self._server = server
        self._clock = clock
        self._known: dict[str, Retention | None] = {}
        self._left = 0
        self._looked_at = -math.inf
        self._all_at = -math.inf

    def delete_expired(self, is_stopping: Callable[[], bool] = lambda: False) -> int:
        """Delete what is due, a few studies at a time; return of how many."""
        retained = self._retained()
        if not retained:
            return 0
        now = self._clock()
        if abs(now - self._all_at) >= LOOK_AT_ALL_S:
            self._looked_at, self._all_at = -math.inf, now
        due = self._ledger.expired_originals(
            self._server, retained, now, LOOKED_AT_MAX, since=self._looked_at
        )
        is_whole = len(due) < LOOKED_AT_MAX
        deleted = left = 0
        for key in due:
            if deleted >= STUDIES_AT_ONCE or is_stopping():
                is_whole = False
                break
            try:
                deleted += self._delete(key)
            except GatehouseError as error:
                left += 1
                log.warning("originals not deleted", study=key.study_id, reason=str(error))
        self._left = left
        if is_whole and not left:
            self._looked_at = now
        return deleted

    def warnings(self) -> Iterator[str]:
        """Yield what people should know, for the status."""
        if self._left:
            studies = "study" if self._left == 1 else "studies"
            yield (
                f"the originals of {self._left} {studies} could not be deleted, although their "
                "time is over; it is tried again"
            )

    def _delete(self, key: StudyKey) -> bool:
        ledger, archive = self._ledger, self._archive
        ids = [one.orthanc_id for one in ledger.instances(key.study_id)]
        made_of = {one.instance: one.attachment_digest for one in ledger.outputs(key)}
        since = archive.last_change()
        there = archive.describe(ids)
        if any(made_of.get(one.orthanc_id) != one.attachment_digest for one in there):
            return False  # something else is there now, which is processed when its turn comes
        # Said before it is done: after a crash in between it is said twice, and never missing.
        if there and not ledger.note_expiry(key, len(there), self._clock()):
            return False
        for one in there:
            self._delete_instance(one.orthanc_id)
        ledger.forget_vanished(self._server, ids, self._clock())
        log.info("originals deleted", study=key.study_id, instances=len(there))
        self._look_for_overwritten({one.orthanc_id for one in there}, since, key)
        return bool(there)

    def _delete_instance(self, orthanc_id: str) -> None:
        try:
            self._archive.delete(f"/instances/{orthanc_id}")
        except LookupError:
            return  # somebody was faster

    def _look_for_overwritten(self, deleted: set[str], since: int, key: StudyKey) -> None:
        """Have a study held if one of its instances came anew in the very moment it was deleted.

        Orthanc deletes on no condition. What came then is gone, and people must know it.
        """
        is_done = False
        while not is_done:
            entries, since, is_done = self._archive.changes(since, CHANGES_AT_ONCE)
            if any(entry.orthanc_id in deleted for entry in entries):
                log.warning("an instance came while it was deleted", study=key.study_id)
                try:
                    self._ledger.process_again(key.study_id, "gatehouse", self._clock())
                except StateError:
                    return  # more of it has come, and the run over that says the same
                return

    def _retained(self) -> Mapping[str, Retention]:
        """Return how long originals stay, by every version of a policy that ever decided."""
        for record in self._ledger.policy_versions():
            if record.digest not in self._known:
                policy, _ = load_single(record.text.encode(), record.name)
                self._known[record.digest] = _retention(policy)
        return {digest: one for digest, one in self._known.items() if one is not None}


def _retention(policy: Policy | None) -> Retention | None:
    """Return what a policy says; None if the original stays, as it does where that is unclear."""
    if policy is None or policy.retain_original_s is None:
        return None
    is_kept = policy.keep_local_label is not None
    if policy.recipe.profile == "none" and is_kept:
        return None  # what is kept is the original itself
    return Retention(policy.retain_original_s, is_kept)

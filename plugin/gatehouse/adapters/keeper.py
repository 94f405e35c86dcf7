"""The thread of the service that looks after what people left to it.

Folder of policies, rejections that are due, held studies that expire, originals whose time is over,
shadows, notices: each has its own pace, and none can stop another one.
"""

from __future__ import annotations

import dataclasses
import math
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import structlog

from gatehouse.adapters import notify
from gatehouse.adapters.ledger import Ledger
from gatehouse.adapters.ledger_notices import HELD_BEFORE
from gatehouse.adapters.notify_settings import Channels
from gatehouse.adapters.originals import Originals
from gatehouse.adapters.policy_desk import PolicyDesk
from gatehouse.adapters.shadow_task import ShadowRequest, compare_shadow
from gatehouse.adapters.side_tasks import StudyToAsk, replaced
from gatehouse.errors import GatehouseError, UnavailableError
from gatehouse.pipeline.desk_records import ShadowRecord
from gatehouse.pipeline.records import StudyKey
from gatehouse.policy.load import load_single
from gatehouse.policy.model import Pack

LOOK_S = 2.0
"""How often the folder of policies is looked at; a change counts when it is seen twice alike."""

DUE_S = 5.0
ORIGINALS_S = 60.0
SHADOWS_S = 2.0
SHADOWS_AT_ONCE = 5
NOTICES_S = 10.0
EXPIRING_EVERY_S = 24 * 3600.0

PROBLEMS_SHOWN = 20

DAY_S = 24 * 3600.0

SEND_AGAIN_FIRST_S = 60.0
SEND_AGAIN_LONGEST_S = 3600.0
SEND_TRIES = 50
"""With these pauses about two days."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long held studies are kept, and how people are told.

    Parameters
    ----------
    held_days : int
        After so many days a held study is rejected; 0: never.
    notice_days : int
        So many days before that people are told, once a day.
    """

    held_days: int = 0
    notice_days: int = 7
    channels: Channels = field(default_factory=Channels)
    server: str = "orthanc"


class Keeper(threading.Thread):
    """Works until it is told to stop. What fails is tried again at its next turn."""

    def __init__(
        self,
        ledger: Ledger,
        desk: PolicyDesk,
        keeping: Keeping,
        wake: Callable[[], object],
        clock: Callable[[], float] = time.time,
        originals: Originals | None = None,
    ) -> None:
        super().__init__(name="keeper", daemon=True)
        self._ledger = ledger
        self._desk = desk
        self._keeping = keeping
        self._wake = wake
        self._clock = clock
        self._originals = originals
        self._stopping = threading.Event()
        self._due_at: dict[str, float] = {}
        self._told_invalid: set[str] = set()

    def stop(self) -> None:
        """Tell the thread to end."""
        self._stopping.set()

    def run(self) -> None:
        """Work until ``stop``."""
        self._desk.side.warm_up()
        while not self._stopping.wait(min(LOOK_S, SHADOWS_S)):
            self.turn()

    def turn(self) -> None:
        """Do what is due."""
        for name, every_s, work in (
            ("folder", LOOK_S, self.look_at_folder),
            ("due", DUE_S, self.reject_due),
            ("originals", ORIGINALS_S, self.delete_originals),
            ("shadows", SHADOWS_S, self.compare_shadows),
            ("notices", NOTICES_S, self.tell),
        ):
            now = time.monotonic()
            if now < self._due_at.get(name, 0.0):
                continue
            self._due_at[name] = now + every_s
            try:
                work()
            except Exception as error:  # noqa: BLE001  whatever it is: the others go on
                log.warning("not looked after", what=name, reason=type(error).__name__)

    def look_at_folder(self) -> None:
        """Load the folder of policies if it has changed."""
        if self._desk.folder is not None and self._desk.take_changes() is not None:
            self._wake()

    def delete_originals(self) -> None:
        """Delete the originals that policies keep for a time which is over."""
        if self._originals is not None:
            self._originals.delete_expired(self._stopping.is_set)

    def reject_due(self) -> None:
        """Reject what nobody took back, and what was held for too long."""
        now = self._clock()
        for study_id in self._ledger.reject_due(now):
            log.info("study rejected by a person", study=study_id)
        if self._keeping.held_days:
            before = min(now - self._keeping.held_days * DAY_S, self._told_up_to(now))
            for key in self._ledger.expiring(before):
                if self._ledger.expire(key, before, now):
                    log.info("held study expired", study=key.study_id)

    # ---- Shadows

    def _told_up_to(self, now: float) -> float:
        """Return since when a study must be held so that people had their days of notice.

        Also where this was set up only now, or no notice could be sent: then nothing expires yet.
        """
        if not self._keeping.channels.names():
            return math.inf  # nobody wants to be told
        return self._ledger.told_of_expiry(now - self._keeping.notice_days * DAY_S)

    def compare_shadows(self) -> None:
        """Ask each shadow about the studies that were decided since the last turn."""
        for shadow in self._ledger.shadows():
            policy, _ = load_single(shadow.text.encode(), shadow.name)
            if policy is None:
                continue
            old = self._desk.active()
            new = replaced(old, dataclasses.replace(policy, stage="active"))
            for key in self._ledger.uncompared(shadow, SHADOWS_AT_ONCE):
                if self._stopping.is_set():
                    return
                self._compare(shadow, key, old, new)

    def _compare(self, shadow: ShadowRecord, key: StudyKey, old: Pack, new: Pack) -> None:
        record = self._ledger.study(key.study_id)
        if record is None or record.state in ("receiving", "waiting", "processing"):
            return
        now = self._clock()
        if self._ledger.release_of(key) is not None or self._ledger.is_marked(key.study_id):
            # A person decided, or what would be asked is de-identified already.
            self._ledger.record_comparison(shadow, key, "skipped", {}, now)
            return
        instances = self._ledger.instances(key.study_id)
        study = StudyToAsk(key.study_id, tuple((one.orthanc_id, one.origin) for one in instances))
        try:
            found = self._desk.side.run(compare_shadow, ShadowRequest(old, new, study))
        except UnavailableError:
            return  # at the next turn
        except GatehouseError:
            found = None
        if found is None:
            self._ledger.record_comparison(shadow, key, "unreadable", {}, now)
            return
        outcome = "alike" if found.pop("is_alike") else "otherwise"
        self._ledger.record_comparison(shadow, key, outcome, found, now)

    # ---- Notices

    def tell(self) -> None:
        """Collect what people must know, and send what is due."""
        self._collect()
        for notice in self._ledger.due_notices(self._clock()):
            if self._stopping.is_set():
                return
            try:
                notify.send(self._keeping.channels, notice, self._keeping.server)
            except UnavailableError as error:
                again_s = min(SEND_AGAIN_LONGEST_S, SEND_AGAIN_FIRST_S * 2.0**notice.attempts)
                again_at = self._clock() + again_s if notice.attempts + 1 < SEND_TRIES else None
                self._ledger.notice_failed(notice.id, str(error), again_at)
                log.warning("notice not sent", channel=notice.channel, reason=str(error))
            else:
                self._ledger.notice_sent(notice.id, self._clock())

    def _collect(self) -> None:
        channels = self._keeping.channels.names()
        if not channels:
            # Nobody is told, so that nothing may count as told either.
            return
        now = self._clock()
        self._ledger.tell_news(channels, now)
        for channel in channels:
            self._collect_expiring(channel, now)
            self._collect_policies(channel, now)

    def _collect_expiring(self, channel: str, now: float) -> None:
        keeping = self._keeping
        if not keeping.held_days:
            return
        last_at = self._ledger.last_told_at("expiring", channel)
        if last_at is not None and now - last_at < EXPIRING_EVERY_S:
            return
        soon = now - (keeping.held_days - keeping.notice_days) * DAY_S
        found = self._ledger.expiring(soon)
        if found:
            counts = {f"within {keeping.notice_days} days": len(found)}
            content = {"counts": counts, HELD_BEFORE: soon}
            self._ledger.add_notice("expiring", [channel], content, now)

    def _collect_policies(self, channel: str, now: float) -> None:
        seen = self._desk.seen
        told = f"{channel} {seen.digest}"
        if seen.state == "invalid" and told not in self._told_invalid:
            self._told_invalid.add(told)
            errors = sum(one.severity == "error" for one in seen.problems)
            counts = {"errors": errors}
            self._ledger.add_notice("policies-invalid", [channel], {"counts": counts}, now)


def warnings_of(desk: PolicyDesk, ledger: Ledger) -> Iterator[str]:
    """Yield what people should know of policies and notices, for the status."""
    seen = desk.seen
    if seen.state in ("invalid", "unreadable"):
        yield "the folder of policies can't be used; what decided before goes on to decide"
        for problem in seen.problems[:PROBLEMS_SHOWN]:
            if problem.severity == "error":
                yield f"{problem.file}:{problem.line}: {problem.message}"
    waiting = sum(one.state == "open" for one in ledger.proposals())
    if waiting:
        yield f"{waiting} changes of policies wait for a second person"
    unsent, reason = ledger.unsent_notices()
    if unsent:
        yield f"{unsent} notices were not sent so far: {reason}"

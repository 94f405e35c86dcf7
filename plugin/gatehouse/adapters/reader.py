"""The thread that reads the inbox, keeps the quiet timers and starts workflows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from gatehouse.adapters.inbox import OVERLAP, Inbox
from gatehouse.adapters.journal_reader import JournalReader
from gatehouse.adapters.ledger import Ledger
from gatehouse.adapters.orthanc_client import OrthancArchive
from gatehouse.adapters.wake import Waker
from gatehouse.errors import StateError
from gatehouse.pipeline.records import StudyKey
from gatehouse.policy.model import Policy

POLL_S = 0.5
"""How often the inbox and the quiet timers are looked at without a wake-up."""

GATHER_S = 0.25
"""How long to wait after a wake-up, so that what comes one after the other is read together. A read
costs as much as a hundred instances in it: one for each instance would take from Orthanc and from
the workers what receiving needs."""

COMPARE_S = 3600.0
"""How often the whole archive is compared with the ledger, besides at each start."""

START_AGAIN_S = 60.0
"""A study that still waits after this long is handed to the workers once more."""

PAUSE_LONGEST_S = 30.0

log = structlog.get_logger()


class Starter(Protocol):
    """What starts workflows; ``pipeline.start`` has it."""

    def start(self, study_id: int, generation: int) -> None:
        """Enqueue the workflow of one run; again without effect if it is there already."""


class Reader(threading.Thread):
    """Reads until it is told to stop. What fails is tried again with growing pauses.

    Everything is in one thread on purpose: a study only counts as quiet after the end of the change
    log was seen, so that a reader that is behind never closes a study whose instances wait in it.
    """

    def __init__(
        self,
        archive: OrthancArchive,
        ledger: Ledger,
        starter: Starter,
        waker: Waker,
        *,
        server: str,
        quiet_s: float,
        clock: Callable[[], float] = time.time,
        policies: Callable[[], Sequence[Policy]] = tuple,
        journal: JournalReader | None = None,
    ) -> None:
        super().__init__(name="reader", daemon=True)
        self.problem = ""
        self.caught_up_at = 0.0
        self.orthanc_version = ""
        self._archive = archive
        self._ledger = ledger
        self._starter = starter
        self._waker = waker
        self._server = server
        self._quiet_s = quiet_s
        self._clock = clock
        self._policies = policies
        self._journal = journal
        self._stopping = threading.Event()
        self._inbox: Inbox | None = None
        self._compare_at = 0.0
        self._starts: dict[StudyKey, float] = {}

    def stop(self) -> None:
        """Tell the thread to end; it does after what it is doing now."""
        self._stopping.set()
        self._waker.wake()

    def run(self) -> None:
        """Work until ``stop``."""
        failures = 0
        while not self._stopping.is_set():
            try:
                self.turn()
            except Exception as error:  # noqa: BLE001  whatever it is: say so, and try again
                failures += 1
                self.problem = type(error).__name__
                pause_s = min(2.0**failures, PAUSE_LONGEST_S)
                log.warning("inbox not read", reason=self.problem, again_in_s=pause_s)
                self._stopping.wait(pause_s)
            else:
                failures = 0
                self.problem = ""
                if self._waker.wait(POLL_S):
                    self._stopping.wait(GATHER_S)

    def turn(self) -> None:
        """Read the inbox to its end, and start what is complete."""
        inbox = self._inbox or self._begin()
        news = inbox.read_changes()
        if self._clock() >= self._compare_at:
            unknown = inbox.compare()
            self._compare_at = self._clock() + COMPARE_S
            log.info("archive compared", unknown=unknown)
        self.caught_up_at = self._clock()
        if news:
            log.info("instances received", new_or_changed=news)
        self._start_quiet()

    def _begin(self) -> Inbox:
        system = self._archive.system()
        # A database of several writers shows its rows out of order.
        overlap = OVERLAP if system.get("DatabaseBackendPlugin") else 0
        inbox = Inbox(
            self._archive,
            self._ledger,
            self._server,
            overlap=overlap,
            clock=self._clock,
            journal=self._journal,
        )
        inbox.begin()
        self.orthanc_version = str(system.get("Version", ""))
        log.info("inbox opened", orthanc=self.orthanc_version)
        self._inbox = inbox
        return inbox

    def _start_quiet(self) -> None:
        now = self._clock()
        policies = self._policies()
        # Before a study is whole nobody can tell which policy is for it: the longest time counts.
        quiet_s = max([self._quiet_s, *(one.complete.quiet_s or 0.0 for one in policies)])
        self._begin_waited_out(policies, now)
        waiting = self._ledger.quiet_studies(now, quiet_s)
        self._starts = {key: at for key, at in self._starts.items() if key in set(waiting)}
        for key in waiting:
            if now - self._starts.get(key, float("-inf")) >= START_AGAIN_S:
                self._starter.start(key.study_id, key.generation)
                self._starts[key] = now
                log.info("study handed over", study=key.study_id, generation=key.generation)

    def _begin_waited_out(self, policies: Sequence[Policy], now: float) -> None:
        """Begin again with studies that were held only until now.

        These are the ones that a decision put off, and incomplete ones that a policy takes after
        its longest wait, which may be another policy than the one that decided.
        """
        for study_id in self._ledger.due_again(now):
            if self._begin_again(study_id, now):
                log.info("study looked at again", study=study_id)
        for policy in policies:
            longest_s = policy.complete.longest_wait_s
            if longest_s is None or policy.complete.incomplete != "process":
                continue
            for study_id in self._ledger.waited_out(policy.name, longest_s, now):
                if self._begin_again(study_id, now):
                    log.info("study waited long enough", study=study_id, policy=policy.name)

    def _begin_again(self, study_id: int, now: float) -> bool:
        try:
            self._ledger.process_again(study_id, "gatehouse", now)
        except StateError:
            # Another service of this archive, or a person, was quicker.
            return False
        return True

"""The thread of the service that feeds the studies of runs into the pipeline, a few at a time.

Everything that must survive is in the ledger: after a crash it goes on where it was, and a study
that was being fetched is fetched again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from gatehouse.adapters.ledger import Ledger
from gatehouse.adapters.orthanc_client import OrthancArchive
from gatehouse.adapters.run_source import RemoteStudies
from gatehouse.errors import StateError, UnavailableError
from gatehouse.pipeline.runs import FETCHES_NOTHING, RunItem, RunRecord
from gatehouse.pipeline.times import next_opening

LOOK_S = 1.0
HOUR_S = 3600.0

ARRIVAL_S = 300.0
"""How long after the end of a C-MOVE its study may take to be seen in the archive."""

ENDED = frozenset({"done", "held", "rejected"})
BUSY = frozenset({"receiving", "waiting", "processing", "delivering"})

log = structlog.get_logger()


class Runner(threading.Thread):
    """Works until it is told to stop. What fails is tried again at its next turn.

    Parameters
    ----------
    wake : callable
        Has the service start what waits.
    """

    def __init__(
        self,
        ledger: Ledger,
        archive: OrthancArchive,
        wake: Callable[[], object],
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(name="runner", daemon=True)
        self._ledger = ledger
        self._archive = archive
        self._wake = wake
        self._clock = clock
        self._stopping = threading.Event()
        self._jobs: dict[int, str] = {}
        self._moved_at: dict[int, float] = {}

    def stop(self) -> None:
        """Tell the thread to end."""
        self._stopping.set()

    def run(self) -> None:
        """Work until ``stop``."""
        while not self._stopping.wait(LOOK_S):
            try:
                self.turn()
            except Exception as error:  # noqa: BLE001  whatever it is: the next turn may do it
                log.warning("runs not looked after", reason=type(error).__name__)

    def turn(self) -> None:
        """See how far studies are, and begin others."""
        for item in self._ledger.items_under_way():
            self._follow(item)
        for run in self._ledger.runs("running"):
            for item in self._next(run):
                if self._stopping.is_set():
                    return
                self._begin(run, item)
            self._ledger.finish_run(run.run_id, self._clock())

    def _next(self, run: RunRecord) -> list[RunItem]:
        """Return the studies of a run that may be begun now."""
        now = self._clock()
        if next_opening(run.hours, now) is not None:
            return []
        room = run.at_once - sum(run.counts.get(state, 0) for state in ("fetching", "working"))
        if run.per_hour is not None:
            begun = self._ledger.begun_since(run.run_id, now - HOUR_S)
            room = min(room, int(run.per_hour) - begun)
        if room <= 0:
            return []
        return self._ledger.run_items(run.run_id, ("pending",), limit=room)

    def _begin(self, run: RunRecord, item: RunItem) -> None:
        if run.source == "remote":
            record = self._ledger.study(item.study_orthanc_id)
            # Said before anything comes: from here on it is decided under the run's policy.
            self._ledger.move_item(
                item, "fetching", self._clock(), generation=record.generation if record else 0
            )
            self._fetch(run, item)
        else:
            self._process(run, item)

    def _process(self, run: RunRecord, item: RunItem) -> None:
        """Have a study processed that is in the archive."""
        ledger, now = self._ledger, self._clock()
        record = ledger.study(item.study_orthanc_id)
        if record is None:
            ledger.move_item(item, "failed", now, reason="it is not in the archive")
            return
        if record.orthanc_id != item.study_orthanc_id:
            ledger.move_item(item, "skipped", now, reason="it is de-identified already")
            return
        # Said first: the workers may be faster than the next line.
        ledger.move_item(item, "working", now, generation=record.generation + 1)
        try:
            key = ledger.process_again(record.study_id, run.created_by, now)
        except StateError:
            # It is on its way, and under the run's policy from now on.
            ledger.move_item(item, "working", now, generation=record.generation)
            return
        ledger.move_item(item, "working", now, generation=key.generation)
        self._wake()

    def _fetch(self, run: RunRecord, item: RunItem) -> None:
        pack = self._ledger.active_pack()
        if pack is not None and pack.reception:
            self._end_fetch(item)
            self._ledger.move_item(item, "failed", self._clock(), reason=FETCHES_NOTHING)
            return
        remote = RemoteStudies(self._archive, run.modality)
        try:
            self._jobs[item.item_id] = remote.fetch(item.study_instance_uid)
        except LookupError:
            self._ledger.move_item(
                item, "failed", self._clock(), reason="the PACS does not list it"
            )
        except UnavailableError as error:
            log.warning("study not fetched yet", run=run.run_id, reason=str(error))

    def _follow(self, item: RunItem) -> None:
        run = self._ledger.run(item.run_id)
        if run is None:
            return
        if item.state == "fetching":
            self._follow_fetch(run, item)
            return
        record = self._ledger.study(item.study_orthanc_id)
        if record is None:
            self._ledger.move_item(item, "failed", self._clock(), reason="it is gone")
        elif record.state in ENDED and record.generation >= (item.generation or 0):
            state = record.state
            assert state in ("done", "held", "rejected")  # noqa: S101  as ENDED has them
            self._ledger.move_item(item, state, self._clock(), reason=record.rule)
        elif record.generation < (item.generation or 0) and record.state not in BUSY:
            # The power went between the two lines of _process.
            self._process(run, item)

    def _follow_fetch(self, run: RunRecord, item: RunItem) -> None:
        job = self._jobs.get(item.item_id)
        state = "Lost"
        if job is not None:
            state = RemoteStudies(self._archive, run.modality).job_state(job)
        if state == "Lost":
            self._fetch(run, item)  # C-MOVE of what is there already changes nothing
        elif state == "Failure":
            self._end_fetch(item)
            self._ledger.move_item(
                item, "failed", self._clock(), reason="the PACS did not send it (C-MOVE failed)"
            )
        elif state == "Success":
            self._arrived(run, item)

    def _arrived(self, run: RunRecord, item: RunItem) -> None:
        now = self._clock()
        record = self._ledger.study(item.study_orthanc_id)
        moved_at = self._moved_at.setdefault(item.item_id, now)
        if record is None:
            if now - moved_at > ARRIVAL_S:
                self._end_fetch(item)
                reason = "it did not arrive as the PACS had announced it"
                self._ledger.move_item(item, "failed", now, reason=reason)
        elif record.state in BUSY or record.generation > (item.generation or 0):
            self._end_fetch(item)
            self._ledger.move_item(item, "working", now, generation=record.generation)
        elif now - moved_at > LOOK_S:
            # Nothing of it was new: it was here before.
            self._end_fetch(item)
            self._process(run, item)

    def _end_fetch(self, item: RunItem) -> None:
        self._jobs.pop(item.item_id, None)
        self._moved_at.pop(item.item_id, None)

"""Looks for work that nobody does any more, and sees that somebody does it.

The ledger says what should be going on, DBOS what is. They differ when a worker is lost for good,
when the database of the workflows was restored from a backup, or by a defect of ours. Nothing may
stay where it is for ever: what has no workflow gets one, and what has failed is held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import structlog
from dbos import DBOS

from gatehouse.pipeline.chains import CHAIN, DeliveryRun, StudyRun
from gatehouse.pipeline.ports import Held
from gatehouse.pipeline.records import StudyRecord, WorkerRecord
from gatehouse.pipeline.states import OPEN_DELIVERIES
from gatehouse.pipeline.tools import Tools
from gatehouse.pipeline.workflows import RUNNING

GRACE_S = 30.0
"""A study or delivery that changed less than this ago is not looked at: it is on its way."""

PAGE = 500

FORGET_AFTER_S = 7 * 24 * 3600.0
"""Workflows that ended longer ago are deleted from DBOS: the ledger says what became of them."""

FORGET_EVERY_S = 3600.0

ACTIVE = {"PENDING", "ENQUEUED", "DELAYED"}

_log = structlog.get_logger()


class Watch:
    """One worker's look at all work. Cheap when there is nothing to find.

    Parameters
    ----------
    myself : str
        Name of this worker.
    lost_s : float
        A worker without a sign of life for this long, by our own clock, is lost.
    monotonic : callable
        A clock that nobody sets: other workers' own clocks may differ from ours.
    """

    def __init__(
        self, tools: Tools, myself: str, lost_s: float, monotonic: Callable[[], float]
    ) -> None:
        self._tools = tools
        self._myself = myself
        self._lost_s = lost_s
        self._monotonic = monotonic
        self._signs: dict[str, tuple[float, float]] = {}
        self._alive: set[str] = set()
        self._stray: set[str] = set()
        self._forget_at = monotonic()

    @property
    def is_alone(self) -> bool:
        """Whether no other worker is known to be alive, as of the last look."""
        return self._alive <= {self._myself}

    def look(self, workers: Iterable[WorkerRecord]) -> list[str]:
        """Look once; return the names of the workers whose work was taken over."""
        lost = self.lost(workers)
        if lost:
            # DBOS has no public way for this.
            DBOS._recover_pending_workflows(lost)
            _log.warning("work of lost workers taken over", workers=lost)
        self._look_at_my_own()
        self._look_at_studies()
        self._look_at_deliveries()
        if self._monotonic() >= self._forget_at:
            self._forget_at = self._monotonic() + FORGET_EVERY_S
            forget_before(self._tools.now() - FORGET_AFTER_S)
            sweep(self._tools)
        return lost

    def lost(self, workers: Iterable[WorkerRecord]) -> list[str]:
        """Return the workers that have not given a sign of life for too long."""
        now = self._monotonic()
        lost: list[str] = []
        for worker in workers:
            sign, since = self._signs.get(worker.name, (None, now))
            if sign != worker.heartbeat_at:
                self._signs[worker.name] = (worker.heartbeat_at, now)
                self._alive.add(worker.name)
            elif worker.name != self._myself and now - since > self._lost_s:
                lost.append(worker.name)
                # Looked at again after as long: something may have been on its way to it.
                self._signs[worker.name] = (worker.heartbeat_at, now)
                self._alive.discard(worker.name)
        return lost

    def _look_at_my_own(self) -> None:
        """Resume what DBOS believes to run here and does not, seen so twice in a row.

        A workflow is left so when its database goes away in an unfortunate moment.
        """
        mine = DBOS.list_workflows(
            status="PENDING",
            executor_id=self._myself,
            load_input=False,
            load_output=False,
            limit=PAGE,
        )
        stray = {run.workflow_id: run.queue_name for run in mine} if mine else {}
        for name in RUNNING & stray.keys():
            del stray[name]
        for name in self._stray & stray.keys():
            DBOS.resume_workflow(name, queue_name=stray.pop(name))
            _log.warning("workflow resumed", workflow=name)
        self._stray = set(stray)

    def _look_at_studies(self) -> None:
        ledger, now = self._tools.ledger, self._tools.now()
        for state in ("waiting", "processing"):
            for study in ledger.studies(state, limit=PAGE):
                # A change that lies far in the future means that the clock was set back.
                if abs(now - study.state_changed_at) >= GRACE_S:
                    self._look_at_study(study)

    def _look_at_study(self, study: StudyRecord) -> None:
        ledger = self._tools.ledger
        # The same name for all workers that find it, so that it is begun again once.
        first = StudyRun(study.key)
        again = StudyRun(study.key, since=int(study.state_changed_at))
        statuses = _statuses(first.name())
        if not statuses and study.state == "waiting":
            again = first
        # A run that succeeded, and of which the ledger knows nothing: the ledger was restored from
        # an older backup than the workflows, and the number has been used before.
        is_unknown = statuses.keys() <= {"SUCCESS"} and again.name() not in statuses.get(
            "SUCCESS", ()
        )
        if is_unknown:
            DBOS.enqueue_workflow_with_options(again.options(), *again.arguments())
            _log.warning("study begun again", study=study.study_id)
        elif not statuses.keys() & ACTIVE and ledger.study(study.study_id) == study:
            # It ended, and left the study where it was.
            held = Held("", "internal.workflow-ended", "its workflow ended unexpectedly")
            ledger.hold(study.key, held, self._tools.now())
            _log.error("study held: its workflow ended", study=study.study_id)

    def _look_at_deliveries(self) -> None:
        ledger, now = self._tools.ledger, self._tools.now()
        for key, mark in ledger.overdue_deliveries(now - GRACE_S):
            again = DeliveryRun(key, since=mark)
            statuses = _statuses(DeliveryRun(key).name())
            if statuses.keys() & ACTIVE:
                continue
            if again.name() in statuses.get("ERROR", ()):
                ledger.give_up(key, "its workflow ended unexpectedly", now)
            else:
                DBOS.enqueue_workflow_with_options(again.options(), *again.arguments())
                _log.warning("delivery begun again", study=key.study_id, to=key.destination)


def sweep(tools: Tools) -> None:
    """Empty the spool of runs that were superseded or have ended, by a worker that was killed."""
    for study_id, generation in tools.spool.runs():
        study = tools.ledger.study(study_id)
        if study is None:
            continue
        has_ended = study.state in ("done", "held", "rejected")
        is_over = study.generation > generation or (study.generation == generation and has_ended)
        is_wanted = any(
            one.key.generation == generation and one.state in OPEN_DELIVERIES
            for one in tools.ledger.deliveries(study_id=study_id)
        )
        if is_over and not is_wanted:
            tools.spool.remove(study_id, generation)


def forget_before(time: float) -> int:
    """Delete workflows that succeeded before a time, so that the tables don't grow for ever.

    A name that is forgotten can be used again, and does nothing then: the ledger has gone on.
    """
    before = datetime.fromtimestamp(time, UTC).isoformat()
    forgotten = 0
    while True:
        old = DBOS.list_workflows(
            status="SUCCESS",
            completed_before=before,
            load_input=False,
            load_output=False,
            limit=PAGE,
        )
        if old:
            DBOS.delete_workflows([run.workflow_id for run in old])
        forgotten += len(old)
        if len(old) < PAGE:
            return forgotten


def _statuses(name: str) -> dict[str, list[str]]:
    """Return the runs of a chain, by status."""
    found = DBOS.list_workflows(
        workflow_id_prefix=name, load_input=False, load_output=False, limit=PAGE, sort_desc=True
    )
    by_status: dict[str, list[str]] = {}
    for run in found:
        if run.workflow_id == name or run.workflow_id.startswith(name + CHAIN):
            by_status.setdefault(run.status, []).append(run.workflow_id)
    return by_status

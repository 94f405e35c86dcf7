"""The durable workflows (DBOS): which step follows which, and another try later.

All decisions are in the steps; here is only their order. What passes through DBOS, and so into its
tables and log lines, are numbers, names and digests of our own: no value of an attribute, and no
text of a foreign exception. No step raises: one that can't do its work now answers ``again``, and
the run goes on later under the next name of its chain, so that nothing sleeps in a queue's place.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import Any

import structlog
from dbos import DBOS
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from gatehouse.errors import GatehouseError, UnavailableError
from gatehouse.pipeline.chains import (
    POLLING_S,
    STUDIES,
    DeliveryRun,
    StudyRun,
    delivery_queue,
)
from gatehouse.pipeline.delivery import DeliverySteps
from gatehouse.pipeline.destinations import DestinationKey
from gatehouse.pipeline.early import Early
from gatehouse.pipeline.ports import Held
from gatehouse.pipeline.records import DeliveryKey, StudyKey
from gatehouse.pipeline.room import NO_ROOM
from gatehouse.pipeline.study import Accepted, Kept, Made, StudySteps
from gatehouse.pipeline.tools import Tools
from gatehouse.policy.model import Priority

STUDIES_AT_ONCE = 4
"""Per worker. The pool is shared, so that a small study need not wait for a big one's end."""

AGAIN_FIRST_S = 2.0
AGAIN_LONGEST_S = 300.0
NO_ROOM_LONGEST_S = 15.0
AGAIN_FOR_S = 24 * 3600.0
"""How long an Orthanc or a disk may not answer; then the study is held."""

UNAVAILABLE = (UnavailableError, OSError, DBAPIError, PoolTimeoutError)


_log = structlog.get_logger()


_QUEUES: set[tuple[str, str]] = set()

_INSTALLED: list[Tools] = []
"""The tools of this process, once the workflows are installed."""

RUNNING: set[str] = set()
"""Names of the workflows that run in this process now."""


class _AgainError(Exception):
    """A step needs something that does not answer now. Raised and caught in the workflow."""


class _FailedError(Exception):
    """A step met what nobody foresaw. Raised and caught in the workflow."""


def install(tools: Tools, early: Early | None = None) -> None:
    """Register the workflows with DBOS, over the ports of a worker. Once per process."""
    studies = StudySteps(tools, early)
    deliveries = DeliverySteps(tools)
    RUNNING.clear()
    _QUEUES.clear()
    _INSTALLED[:] = [tools]

    @DBOS.workflow(name="study")
    def study(study_id: int, generation: int, since: int, tries: int) -> None:
        run = StudyRun(StudyKey(study_id, generation), since, tries)
        with _running():
            try:
                try:
                    _run_study(studies, run.key)
                except _FailedError as error:
                    held = Held("", "internal.error", str(error))
                    _step("hold", lambda: studies.hold(run.key, [held]))
            except _AgainError as error:
                text = str(error)
                with suppress(_AgainError, _FailedError):
                    _step("note", lambda: _note_or_hold(tools, studies, run.key, text))
                longest_s = NO_ROOM_LONGEST_S if text == NO_ROOM else AGAIN_LONGEST_S
                _enqueue(run.next(), min(longest_s, pause_s(tries)))

    @DBOS.workflow(name="deliver")
    def deliver(
        study_id: int, generation: int, via: str, destination: str, since: int, tries: int
    ) -> None:
        key = DeliveryKey(study_id, generation, via, destination)
        delay_s: float | None = None
        with _running():
            try:
                try:
                    delay_s = _step("attempt", lambda: _attempt(deliveries, tools, key))
                except _FailedError as error:
                    text = str(error)
                    _step("give-up", lambda: tools.ledger.give_up(key, text, tools.now()))
            except _AgainError:
                delay_s = pause_s(tries)
            if delay_s is not None:
                _enqueue(DeliveryRun(key, since, tries).next(), delay_s)


def register_queues(destinations: Iterable[tuple[str, str]]) -> None:
    """Declare the queue of studies, and one for each (via, destination)."""
    DBOS.register_queue(
        STUDIES,
        worker_concurrency=STUDIES_AT_ONCE,
        polling_interval_sec=POLLING_S,
        on_conflict="always_update",
    )
    for via, destination in destinations:
        _register_delivery_queue(via, destination)


def pause_s(tries: int) -> float:
    """Return how long a run waits for what does not answer."""
    return min(AGAIN_LONGEST_S, AGAIN_FIRST_S * 2.0 ** min(tries - 1, 16))


def _run_study(studies: StudySteps, key: StudyKey) -> None:
    found = _step("decide", lambda: _as_json(studies.decide(key)))
    if found is None:
        return
    accepted = Accepted(**found)
    found = _step("make", lambda: _as_json(studies.make(key, accepted)))
    if found is None:
        return
    made = Made(accepted, found["instances"])
    found = _step("keep", lambda: _as_json(studies.keep(key, made)))
    if found is None:
        return
    kept = Kept(made)
    for via, destination in _step("release", lambda: _release(studies, key, kept)):
        _enqueue(DeliveryRun(DeliveryKey(*key, via, destination)), 0.0)


def _enqueue(run: StudyRun | DeliveryRun, delay_s: float) -> None:
    if isinstance(run, DeliveryRun):
        run = dataclasses.replace(run, priority=_priority(run.key))
    DBOS.enqueue_workflow_with_options(run.options(delay_s), *run.arguments())


def _priority(key: DeliveryKey) -> Priority:
    # No step: it changes only who goes first, and is asked anew each time.
    try:
        return _INSTALLED[0].ledger.delivery_terms(key)[0].priority
    except UNAVAILABLE:
        return "normal"


@contextmanager
def _running() -> Iterator[None]:
    name = DBOS.workflow_id or ""
    RUNNING.add(name)
    try:
        yield
    finally:
        RUNNING.discard(name)


def _release(studies: StudySteps, key: StudyKey, kept: Kept) -> list[list[str]]:
    opened = studies.release(key, kept) or ()
    for one in opened:
        _register_delivery_queue(one.via, one.destination)
    return [[one.via, one.destination] for one in opened]


def _attempt(deliveries: DeliverySteps, tools: Tools, key: DeliveryKey) -> float | None:
    at = deliveries.attempt(key)
    return None if at is None else max(0.0, at - tools.now())


def _register_delivery_queue(via: str, destination: str) -> None:
    if (via, destination) in _QUEUES:
        return
    # One attempt at a time over all workers, unless the settings say otherwise: a receipt is seen
    # before the next one sends.
    limits = _INSTALLED[0].limits_of(DestinationKey(via, destination))
    DBOS.register_queue(
        delivery_queue(via, destination),
        global_concurrency=limits.concurrency,
        polling_interval_sec=POLLING_S,
        on_conflict="always_update",
    )
    _QUEUES.add((via, destination))


def _step(name: str, work: Callable[[], Any]) -> Any:
    """Run a step; DBOS keeps its outcome, and gives it back when the workflow is run again.

    Raises
    ------
    _AgainError
        If something does not answer now.
    _FailedError
        If anything else went wrong, with a text that is safe to keep.
    """

    def guarded() -> dict[str, Any]:
        try:
            return {"value": work()}
        except UNAVAILABLE as error:
            return {"again": _safe_text(error)}
        except Exception as error:  # noqa: BLE001 - a defect of ours must hold the study
            return {"failed": f"an unexpected error ({_safe_text(error)}) was met"}

    outcome: dict[str, Any] = DBOS.run_step({"name": name}, guarded)
    about = {"workflow": DBOS.workflow_id, "step": name}
    if "again" in outcome:
        _log.warning("step will be tried again", **about, reason=outcome["again"])
        raise _AgainError(outcome["again"])
    if "failed" in outcome:
        _log.error("step failed", **about, reason=outcome["failed"])
        raise _FailedError(outcome["failed"])
    _log.info("step done", **about)
    return outcome["value"]


def _safe_text(error: Exception) -> str:
    return str(error) if isinstance(error, GatehouseError) else type(error).__name__


def _note_or_hold(tools: Tools, studies: StudySteps, key: StudyKey, reason: str) -> None:
    """Say in the ledger what a run waits for; hold it when that takes too long."""
    if reason == NO_ROOM:
        # It waits for its turn, however long that takes: nothing is wrong with it.
        tools.ledger.note(key, f"waits, because {reason}")
        return
    study = tools.ledger.study(key.study_id)
    if study is not None and tools.now() - study.state_changed_at > AGAIN_FOR_S:
        studies.hold(key, [Held("", "unavailable", f"for a day: {reason}")])
    else:
        tools.ledger.note(key, f"waits, because this is not available: {reason}")


def _as_json(value: Accepted | Made | Kept | None) -> dict[str, Any] | None:
    return None if value is None else asdict(value)

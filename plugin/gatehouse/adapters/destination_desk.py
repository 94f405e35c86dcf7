"""What operators do with destinations and deliveries: look, test, pause, resume, retry, cancel.

The REST routes, the pages and the command line all come through here. Who did what is in the audit
trail before it has its effect.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from gatehouse.adapters.ledger import Ledger
from gatehouse.errors import DeliveryError, UnavailableError
from gatehouse.pipeline.circuit import state_of
from gatehouse.pipeline.destinations import DestinationKey, DestinationRecord, TestReport
from gatehouse.pipeline.limits import NO_LIMITS, Limits
from gatehouse.pipeline.ports import Destination
from gatehouse.pipeline.records import DeliveryKey
from gatehouse.pipeline.times import next_opening
from gatehouse.policy.model import Priority

STARTED_AT_ONCE = 200
"""Deliveries that are started before an operator is answered; a worker's watch finds the rest."""

log = structlog.get_logger()


class DeliveryStarter(Protocol):
    """What puts deliveries into the workers' queues."""

    def deliver(self, key: DeliveryKey, mark: int, priority: Priority = "normal") -> None:
        """Have a delivery tried now."""


@dataclass(frozen=True, slots=True)
class DestinationView:
    """A destination as an operator sees it.

    Parameters
    ----------
    state : str
        ``paused``, ``failing`` (its circuit is open), ``shut`` (its window is), or ``ok``.
    circuit : str
        ``closed``, ``open`` or ``probing``.
    policies : tuple of str
        Active policies that deliver to it.
    """

    record: DestinationRecord
    limits: Limits
    state: str
    circuit: str
    opens_at: float | None
    is_configured: bool
    policies: tuple[str, ...]


class DestinationDesk:
    """Destinations as they are configured, together with what the ledger knows of them.

    Parameters
    ----------
    destinations : Mapping
        ``via`` -> how to send that way, for tests of the connection.
    names : Mapping
        ``via`` -> the names that are configured.
    """

    def __init__(
        self,
        ledger: Ledger,
        destinations: Mapping[str, Destination],
        names: Mapping[str, Sequence[str]],
        limits: Mapping[DestinationKey, Limits],
        starter: DeliveryStarter,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._ledger = ledger
        self._destinations = destinations
        self._names = names
        self._limits = limits
        self._starter = starter
        self._clock = clock

    def destinations(self) -> list[DestinationView]:
        """Return every destination that is configured, or that deliveries wait for."""
        now = self._clock()
        known = {record.key: record for record in self._ledger.destinations()}
        configured = self._configured()
        used = self._used()
        return [
            self._view(known.get(key) or DestinationRecord(key), key in configured, used, now)
            for key in sorted(configured | known.keys())
        ]

    def destination(self, key: DestinationKey) -> DestinationView:
        """Return one destination.

        Raises
        ------
        LookupError
            If nothing of this name is configured, and nothing waits for it.
        """
        for view in self.destinations():
            if view.record.key == key:
                return view
        raise LookupError(key)

    def test(self, key: DestinationKey) -> TestReport:
        """Ask a destination whether it is there; never raises for one that is not.

        Raises
        ------
        LookupError
            If nothing of this name is configured.
        """
        if key not in self._configured():
            raise LookupError(key)
        began_at = time.monotonic()
        try:
            detail = self._destinations[key.via].test(key.name)
            is_ok = True
        except (DeliveryError, UnavailableError) as error:
            detail, is_ok = str(error), False
        except (OSError, LookupError) as error:
            detail, is_ok = type(error).__name__, False
        return TestReport(is_ok, detail, round(time.monotonic() - began_at, 3))

    def pause(self, key: DestinationKey, by: str) -> DestinationView:
        """Have a destination's deliveries wait until somebody resumes it."""
        self.destination(key)
        self._ledger.pause_destination(key, by, self._clock())
        return self.destination(key)

    def resume(self, key: DestinationKey, by: str) -> DestinationView:
        """Have a destination's deliveries go on, at once; its circuit is closed."""
        self.destination(key)
        waiting = self._ledger.resume_destination(key, by, self._clock())
        for delivery, mark in waiting[:STARTED_AT_ONCE]:
            self._start(delivery, mark)
        return self.destination(key)

    def retry(self, delivery_id: int, by: str) -> DeliveryKey:
        """Have a delivery tried now. Raises as the ledger's ``retry_delivery``."""
        key, mark = self._ledger.retry_delivery(delivery_id, by, self._clock())
        self._start(key, mark)
        return key

    def cancel(self, delivery_id: int, by: str) -> DeliveryKey:
        """Close a delivery. Raises as the ledger's ``cancel_delivery``."""
        return self._ledger.cancel_delivery(delivery_id, by, self._clock())

    def _start(self, key: DeliveryKey, mark: int) -> None:
        try:
            terms, _, _ = self._ledger.delivery_terms(key)
            self._starter.deliver(key, mark, terms.priority)
        except Exception as error:  # noqa: BLE001 - a worker's watch finds what is due
            log.warning("delivery not started here", reason=type(error).__name__)

    def _configured(self) -> set[DestinationKey]:
        return {DestinationKey(via, name) for via, names in self._names.items() for name in names}

    def _used(self) -> Mapping[DestinationKey, tuple[str, ...]]:
        pack = self._ledger.active_pack()
        used: dict[DestinationKey, tuple[str, ...]] = {}
        for policy, deliveries in zip(pack.policies, pack.deliveries, strict=True) if pack else ():
            for one in deliveries:
                key = DestinationKey(one.via, one.to)
                used[key] = (*used.get(key, ()), policy.name)
        return used

    def _view(
        self,
        record: DestinationRecord,
        is_configured: bool,
        used: Mapping[DestinationKey, tuple[str, ...]],
        now: float,
    ) -> DestinationView:
        limits = self._limits.get(record.key, NO_LIMITS)
        opens_at = next_opening(limits.window, now)
        state = "ok"
        if record.is_paused:
            state = "paused"
        elif record.circuit.is_open:
            state = "failing"
        elif opens_at is not None:
            state = "shut"
        return DestinationView(
            record=record,
            limits=limits,
            state=state,
            circuit=state_of(record.circuit, now),
            opens_at=opens_at,
            is_configured=is_configured,
            policies=used.get(record.key, ()),
        )


def warnings_of(view: DestinationView) -> Iterator[str]:
    """Yield what people should know of a destination, for the status."""
    record = view.record
    name = f"{record.key.name} ({record.key.via})"
    unfinished = record.waiting + record.sending
    if view.state == "failing":
        yield f"{name} does not answer: {unfinished} deliveries wait; {record.last_error}"
    elif view.state == "paused" and unfinished:
        yield f"{name} is paused: {unfinished} deliveries wait"
    if record.failed:
        yield f"{name}: {record.failed} deliveries were given up; retry or cancel them"

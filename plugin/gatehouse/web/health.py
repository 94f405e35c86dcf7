"""How the gateway is: one value for ``/gatehouse/status`` and for ``/gatehouse/metrics``."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from pydantic import BaseModel

from gatehouse import __version__
from gatehouse.adapters.destination_desk import DestinationView, warnings_of
from gatehouse.adapters.ledger import Ledger
from gatehouse.pipeline.records import PackRecord

ALIVE_S = 30.0
"""A worker whose last sign of life is older than this counts as dead."""

HOME_FREE_MIN_BYTES = 1 << 30
"""With less room than this where Home is, people are told; without any, everything waits."""

DAY_S = 24 * 3600.0

INBOX_PATIENCE_S = 60.0
"""An inbox that has not seen the end of the change log for this long is a failure."""


class InboxHealth(Protocol):
    """What the reader of the change log tells about itself."""

    @property
    def problem(self) -> str:
        """What keeps it from reading; empty if nothing does."""

    @property
    def caught_up_at(self) -> float:
        """When it last saw the end of the change log."""

    @property
    def orthanc_version(self) -> str:
        """Version of Orthanc; empty until it has answered."""


class ActivePolicy(BaseModel):
    """A policy that decides now."""

    name: str
    version: int
    digest: str


class Worker(BaseModel):
    """A worker and its last sign of life."""

    name: str
    host: str
    pid: int
    processes: int
    heartbeat_age_s: float
    is_alive: bool


class DestinationHealth(BaseModel):
    """A destination; ``state`` is ``ok``, ``paused``, ``failing`` or ``shut``."""

    via: str
    name: str
    state: str
    waiting: int
    failed: int


class ReceptionHealth(BaseModel):
    """Instances that were taken in or refused on reception, ever; ``refused`` by rule."""

    on: bool = False
    taken_in: int = 0
    refused: dict[str, int] = {}
    refused_last_day: int = 0


class Status(BaseModel):
    """How the gateway is. ``status`` is ``ok`` or ``failing``; ``problems`` says why in words."""

    status: str
    version: str = __version__
    orthanc_version: str = ""
    pack_digest: str = ""
    policies: list[ActivePolicy] = []
    studies: dict[str, int] = {}
    deliveries: dict[str, int] = {}
    open_holds: int = 0
    queue_depth: int = 0
    """Studies that are complete and not yet done, held or rejected."""
    workers: list[Worker] = []
    inbox_age_s: float = 0.0
    """Seconds since the end of Orthanc's change log was seen."""
    home_free_bytes: int | None = None
    """Room where Home is."""
    destinations: list[DestinationHealth] = []
    reception: ReceptionHealth = ReceptionHealth()
    problems: list[str] = []


@dataclass(frozen=True)
class Health:
    """Looks at the ledger and at the inbox.

    Parameters
    ----------
    workers : int
        How many workers the plugin starts.
    """

    ledger: Ledger
    inbox: InboxHealth
    workers: int
    clock: Callable[[], float] = field(default=time.time)
    more: Callable[[], Iterable[str]] = tuple
    """Says what else people should know; the gateway does its work all the same."""
    home: Path | None = None
    """The folder whose disk is looked at."""
    destinations: Callable[[], Sequence[DestinationView]] = tuple
    """Every destination that is configured, or that deliveries wait for."""

    def status(self) -> Status:
        """Return how the gateway is; never raises for a ledger that can't be reached."""
        try:
            return self._status()
        except sa.exc.SQLAlchemyError as error:
            reason = f"the ledger can't be reached ({type(error).__name__})"
            return Status(status="failing", problems=[reason])

    def refused_last_day(self) -> int:
        """Return how many instances were refused on reception in the last 24 hours."""
        return self.ledger.refused_since(self.clock() - DAY_S)

    def _status(self) -> Status:
        now = self.clock()
        counts = self.ledger.counts()
        destinations = self.destinations()
        pack = self.ledger.active_pack()
        workers = [
            Worker(
                name=one.name,
                host=one.host,
                pid=one.pid,
                processes=one.processes,
                heartbeat_age_s=round(max(0.0, now - one.heartbeat_at), 1),
                is_alive=now - one.heartbeat_at <= ALIVE_S,
            )
            for one in self.ledger.workers()
        ]
        inbox_age_s = max(0.0, now - self.inbox.caught_up_at)
        home_free_bytes = _free_bytes(self.home)
        reception = self._reception(pack)
        failures = list(self._failures(workers, inbox_age_s, pack))
        return Status(
            status="failing" if failures else "ok",
            orthanc_version=self.inbox.orthanc_version,
            pack_digest=pack.digest if pack else "",
            policies=[
                ActivePolicy(name=one.name, version=one.version, digest=one.digest)
                for one in (pack.policies if pack else ())
            ],
            studies=dict(counts.studies),
            deliveries=dict(counts.deliveries),
            open_holds=counts.open_holds,
            queue_depth=sum(
                counts.studies.get(state, 0) for state in ("waiting", "processing", "delivering")
            ),
            workers=workers,
            inbox_age_s=round(inbox_age_s, 1),
            home_free_bytes=home_free_bytes,
            destinations=[
                DestinationHealth(
                    via=one.record.key.via,
                    name=one.record.key.name,
                    state=one.state,
                    waiting=one.record.waiting + one.record.sending,
                    failed=one.record.failed,
                )
                for one in destinations
            ],
            reception=reception,
            problems=[
                *failures,
                *_refused(reception),
                *self._warnings(workers, home_free_bytes),
                *(warning for one in destinations for warning in warnings_of(one)),
                *self.more(),
            ],
        )

    def _reception(self, pack: PackRecord | None) -> ReceptionHealth:
        counts = self.ledger.reception_counts()
        return ReceptionHealth(
            on=pack is not None and pack.reception,
            taken_in=counts.taken_in,
            refused=dict(counts.refused),
            refused_last_day=self.refused_last_day(),
        )

    def _failures(
        self, workers: list[Worker], inbox_age_s: float, pack: PackRecord | None
    ) -> Iterator[str]:
        if not any(worker.is_alive for worker in workers):
            yield "no worker is alive: nothing is processed"
        if inbox_age_s > INBOX_PATIENCE_S:
            reason = self.inbox.problem or "the reader is behind"
            yield f"Orthanc's change log is not read: {reason}"
        if pack is None:
            yield "no policies are active: every study would be held"

    def _warnings(self, workers: list[Worker], home_free_bytes: int | None) -> Iterator[str]:
        alive = {worker.name for worker in workers if worker.is_alive}
        for number in range(1, self.workers + 1):
            if alive and f"worker-{number}" not in alive:
                yield f"worker-{number} is not alive"
        if home_free_bytes is not None and home_free_bytes < HOME_FREE_MIN_BYTES:
            yield f"only {home_free_bytes >> 20} MiB are free where Gatehouse.Home is"


def _refused(reception: ReceptionHealth) -> Iterator[str]:
    number = reception.refused_last_day
    if number:
        words = "instance was" if number == 1 else "instances were"
        yield (
            f"{number} {words} refused on reception in the last 24 hours, and stayed with the "
            "sender: /gatehouse/reception says why"
        )


def _free_bytes(folder: Path | None) -> int | None:
    try:
        return shutil.disk_usage(folder).free if folder else None
    except OSError:
        return None  # the ledger in it says what is wrong


class _Gauges(Collector):
    """One reading as metrics. Names of studies and people are no labels."""

    def __init__(self, status: Status) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        status = self._status
        ok = GaugeMetricFamily("gatehouse_ok", "1 if the gateway does its work, else 0")
        ok.add_metric([], float(status.status == "ok"))
        yield ok
        for name, text, values in (
            ("studies", "Studies by state", status.studies),
            ("deliveries", "Deliveries by state", status.deliveries),
        ):
            gauge = GaugeMetricFamily(f"gatehouse_{name}", text, labels=["state"])
            for state, number in sorted(values.items()):
                gauge.add_metric([state], number)
            yield gauge
        plain: tuple[tuple[str, str, float], ...] = (
            ("open_holds", "Reasons for which studies are held now", status.open_holds),
            ("queue_depth", "Studies that are complete and not yet done", status.queue_depth),
            ("inbox_age_seconds", "Since the end of the change log was seen", status.inbox_age_s),
        )
        for name, text, value in plain:
            yield GaugeMetricFamily(f"gatehouse_{name}", text, value=value)
        if status.home_free_bytes is not None:
            yield GaugeMetricFamily(
                "gatehouse_home_free_bytes",
                "Room where Gatehouse.Home is",
                value=status.home_free_bytes,
            )
        yield from self._reception()
        yield from self._destinations()
        age = GaugeMetricFamily(
            "gatehouse_worker_heartbeat_age_seconds", "Since a sign of life", labels=["worker"]
        )
        for worker in status.workers:
            age.add_metric([worker.name], worker.heartbeat_age_s)
        yield age

    def _reception(self) -> Iterator[Metric]:
        reception = self._status.reception
        yield GaugeMetricFamily(
            "gatehouse_reception_on",
            "1 if instances are de-identified on reception",
            value=float(reception.on),
        )
        yield CounterMetricFamily(
            "gatehouse_reception_taken_in",
            "Instances that were de-identified on reception",
            value=reception.taken_in,
        )
        refused = CounterMetricFamily(
            "gatehouse_reception_refused", "Instances refused on reception", labels=["rule"]
        )
        for rule, number in sorted(reception.refused.items()):
            refused.add_metric([rule], number)
        yield refused

    def _destinations(self) -> Iterator[Metric]:
        labels = ["via", "destination"]
        answers = GaugeMetricFamily(
            "gatehouse_destination_answers", "0 if its circuit is open, else 1", labels=labels
        )
        paused = GaugeMetricFamily(
            "gatehouse_destination_paused", "1 if an operator has it wait", labels=labels
        )
        waiting = GaugeMetricFamily(
            "gatehouse_destination_waiting", "Deliveries that are not finished", labels=labels
        )
        failed = GaugeMetricFamily(
            "gatehouse_destination_failed", "Deliveries that were given up", labels=labels
        )
        for one in self._status.destinations:
            where = [one.via, one.name]
            answers.add_metric(where, float(one.state != "failing"))
            paused.add_metric(where, float(one.state == "paused"))
            waiting.add_metric(where, one.waiting)
            failed.add_metric(where, one.failed)
        yield from (answers, paused, waiting, failed)


def metrics(status: Status) -> bytes:
    """Return a reading in the text format of Prometheus."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Gauges(status))
    return generate_latest(registry)

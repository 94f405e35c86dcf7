"""What the steps of the workflows work with, in one place: every one of them a port."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gatehouse.pipeline.destinations import DestinationKey
from gatehouse.pipeline.ledger_port import RunLedger
from gatehouse.pipeline.limits import NO_LIMITS, Limits
from gatehouse.pipeline.packs import PackShelf
from gatehouse.pipeline.ports import Archive, Destination, Spool, Workshop


@dataclass(frozen=True, slots=True)
class Tools:
    """The ports of a worker.

    Parameters
    ----------
    server : str
        Name of the Orthanc in the ledger.
    destinations : Mapping
        ``via`` -> how to send that way.
    key_id : str
        Name of the master key.
    now : callable
        Seconds since the epoch.
    random : callable
        A number from 0 to 1, for the spread of retries.
    early_spool : Spool or None
        Outputs of studies that still arrive.
    spool_bytes : int
        How much may be in the spools before no more is made; 0: as much as the disk holds.
    limits : Mapping
        Destinations that have some.
    monotonic : callable
        Seconds, of a clock that nobody sets.
    sleep : callable
        Waits for a number of seconds.
    """

    server: str
    ledger: RunLedger
    packs: PackShelf
    archive: Archive
    workshop: Workshop
    spool: Spool
    destinations: Mapping[str, Destination]
    key_id: str
    now: Callable[[], float]
    random: Callable[[], float]
    early_spool: Spool | None = None
    spool_bytes: int = 0
    limits: Mapping[DestinationKey, Limits] = field(default_factory=dict)
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def limits_of(self, where: DestinationKey) -> Limits:
        """Return what a destination may be burdened with."""
        return self.limits.get(where, NO_LIMITS)

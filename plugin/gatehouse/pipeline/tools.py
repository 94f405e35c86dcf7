"""What the steps of the workflows work with, in one place: every one of them a port."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gatehouse.pipeline.ledger_port import RunLedger
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

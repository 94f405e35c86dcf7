"""What is known of a destination, and of what waits for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from gatehouse.pipeline.circuit import CLOSED, Circuit


class DestinationKey(NamedTuple):
    """A way of delivery, and a name among the destinations of this way."""

    via: str
    name: str


@dataclass(frozen=True, slots=True)
class DestinationRecord:
    """A destination as the ledger knows it. Times are seconds since the epoch.

    Parameters
    ----------
    waiting, sending, failed : int
        Deliveries in these states; those that failed wait for a person.
    oldest_at : float, optional
        When the oldest delivery that is not finished was opened.
    """

    key: DestinationKey
    paused_at: float | None = None
    paused_by: str = ""
    circuit: Circuit = CLOSED
    last_error: str = ""
    last_error_at: float | None = None
    answered_at: float | None = None
    waiting: int = 0
    sending: int = 0
    failed: int = 0
    oldest_at: float | None = None

    @property
    def is_paused(self) -> bool:
        """True if an operator has it wait."""
        return self.paused_at is not None


@dataclass(frozen=True, slots=True)
class TestReport:
    """What a connection test found. The detail holds no value of an attribute."""

    __test__ = False  # it is no test of ours

    is_ok: bool
    detail: str
    seconds: float


def mark_of(at: float) -> int:
    """Return the number by which a chain of attempts is named that is begun for a time.

    The same for everybody who finds that a delivery has been due since then.
    """
    return int(at * 1000)

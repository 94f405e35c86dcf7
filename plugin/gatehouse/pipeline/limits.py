"""What a destination may be burdened with: how many deliveries at once, how fast, and when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gatehouse.pipeline.circuit import Breaker


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings of one destination.

    Parameters
    ----------
    concurrency : int
        Deliveries that are tried at the same time, over all workers.
    instances_per_s, bytes_per_s : float, optional
        All of its deliveries together; None: as fast as it takes them.
    window : tuple of str, optional
        Local times between which anything is sent to it; may span midnight.
    """

    concurrency: int = 1
    instances_per_s: float | None = None
    bytes_per_s: float | None = None
    window: tuple[str, str] | None = None
    breaker: Breaker = field(default_factory=Breaker)


NO_LIMITS = Limits()


class Pace:
    """Keeps one delivery to its share of its destination's rate.

    Parameters
    ----------
    clock : callable
        Seconds, of a clock that nobody sets.
    sleep : callable
        Waits for a number of seconds.
    """

    def __init__(
        self, limits: Limits, clock: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        # Each of the deliveries that run at once gets the same share: none needs to know the rest.
        share = limits.concurrency
        self._instance_s = share / limits.instances_per_s if limits.instances_per_s else 0.0
        self._byte_s = share / limits.bytes_per_s if limits.bytes_per_s else 0.0
        self._clock = clock
        self._sleep = sleep
        self._free_at = clock()

    def sent(self, size: int) -> None:
        """Wait until what was just sent has used up its time."""
        cost_s = max(self._instance_s, self._byte_s * size)
        if cost_s <= 0.0:
            return
        now = self._clock()
        # What was not used before is not made up for: no bursts.
        self._free_at = max(self._free_at, now - cost_s) + cost_s
        if self._free_at > now:
            self._sleep(self._free_at - now)

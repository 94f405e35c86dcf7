"""Back-pressure: how much may be made and not yet be delivered.

Receiving is never slowed down: what is not made yet waits in Orthanc, where it is anyway. What was
made waits in the spool, and a destination that takes nothing for days must not fill the disk.
"""

from __future__ import annotations

from collections.abc import Callable

from gatehouse.pipeline.tools import Tools

LOOK_EVERY_S = 2.0
"""How long a look at the spool is good for: it asks for the size of each file."""


class Room:
    """Tells whether more may be put into the spool. May be used from several threads.

    Parameters
    ----------
    monotonic : callable
        Seconds of a clock that nobody sets.
    """

    def __init__(self, tools: Tools, monotonic: Callable[[], float]) -> None:
        self._tools = tools
        self._monotonic = monotonic
        self._looked_at = float("-inf")
        self._is_there = True

    def is_there(self) -> bool:
        """Return whether the spool holds less than it may."""
        limit = self._tools.spool_bytes
        now = self._monotonic()
        if limit and now - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = now
            self._is_there = self._tools.spool.size() < limit
        return self._is_there

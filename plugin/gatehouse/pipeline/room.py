"""Back-pressure: how much may be made and not yet be delivered, by bytes.

Receiving is never slowed down: what is not made yet waits in Orthanc, where it is anyway. What was
made waits in the spool, and a destination that takes nothing for days must not fill the disk, nor
keep others from their work. So what will not be tried for a while is removed first; it is made
once more, the same bytes, when its time has come (``repair``).
"""

from __future__ import annotations

from gatehouse.errors import UnavailableError
from gatehouse.pipeline.records import StudyKey
from gatehouse.pipeline.states import OPEN_DELIVERIES
from gatehouse.pipeline.tools import Tools

LOOK_EVERY_S = 2.0
"""How long a look at the spool is good for at least: it asks for the size of each file."""

LOOK_SHARE = 20.0
"""It is good for so many times as long as it took: a full spool must not cost a worker's time."""

LATER_S = 60.0
"""What is not tried within this time can be made again until then."""

NO_ROOM = "so much is made and not delivered yet that nothing more is made for now"


class NoRoomError(UnavailableError):
    """Nothing more may be made now. Not the study's fault, and never a reason to hold it."""


class Room:
    """Tells whether more may be put into the spool. May be used from several threads."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._look_at = float("-inf")
        self._is_there = True

    def is_there(self) -> bool:
        """Return whether the spool held less than it may, a moment ago."""
        limit = self._tools.spool_bytes
        begun_at = self._tools.monotonic()
        if limit and begun_at >= self._look_at:
            self._is_there = self._tools.spool.size() < limit
            took_s = self._tools.monotonic() - begun_at
            self._look_at = begun_at + max(LOOK_EVERY_S, LOOK_SHARE * took_s)
        return self._is_there

    def take(self, key: StudyKey) -> None:
        """Return if a run may make its outputs now.

        Raises
        ------
        NoRoomError
            If it may not, also after room was made.
        """
        if self.is_there():
            return
        self._look_at = float("-inf")
        limit = self._tools.spool_bytes
        others = self._tools.spool.size() - self._tools.spool.size_of(*key)
        # One that is alone may go on, or a study above the limit would never be made.
        if others and others >= limit and others - self._put_aside(others - limit) >= limit:
            raise NoRoomError(NO_ROOM)

    def _put_aside(self, wanted: int) -> int:
        """Remove what will not be tried for a while, the latest first; return how many bytes."""
        freed = 0
        for run in self._later():
            if freed > wanted:
                break
            freed += self._tools.spool.size_of(*run)
            self._tools.spool.remove(*run)
        return freed

    def _later(self) -> list[StudyKey]:
        soon = self._tools.now() + LATER_S
        found: list[tuple[float, StudyKey]] = []
        for run in self._tools.spool.runs():
            times = [
                one.next_try_at if one.state == "waiting" and one.next_try_at else 0.0
                for one in self._tools.ledger.deliveries(study_id=run[0])
                if one.key.generation == run[1] and one.state in OPEN_DELIVERIES
            ]
            if times and min(times) > soon:
                found.append((min(times), StudyKey(*run)))
        return [run for _, run in sorted(found, reverse=True)]

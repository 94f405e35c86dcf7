"""How often one user may ask for what costs processor time."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, HTTPException, Request

from gatehouse.web.access import User, current_user

RATE_PER_S = 0.5
BURST = 30
"""An editor that checks while somebody types asks about once in two seconds."""

USERS_MAX = 10_000


class RateLimit:
    """A bucket of turns for each user, that fills steadily. May be used from several threads.

    Parameters
    ----------
    rate_per_s : float
        How many turns come back in a second.
    burst : int
        How many there are at most.
    """

    def __init__(
        self,
        rate_per_s: float = RATE_PER_S,
        burst: int = BURST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, user: str) -> float:
        """Take a turn; return 0, or in how many seconds there is one again."""
        now = self._clock()
        with self._lock:
            if len(self._buckets) >= USERS_MAX:
                self._buckets.clear()
            turns, since = self._buckets.get(user, (float(self._burst), now))
            turns = min(float(self._burst), turns + (now - since) * self._rate_per_s)
            if turns < 1.0:
                self._buckets[user] = (turns, now)
                return (1.0 - turns) / self._rate_per_s
            self._buckets[user] = (turns - 1.0, now)
        return 0.0


def take_turn(request: Request, user: Annotated[User, Depends(current_user)]) -> None:
    """Refuse with 429 what one user asks for too often."""
    limit: RateLimit = request.app.state.limit
    wait_s = limit.take(user.name)
    if wait_s:
        raise HTTPException(
            HTTPStatus.TOO_MANY_REQUESTS,
            "too many requests of this kind; wait a moment",
            headers={"Retry-After": str(math.ceil(wait_s))},
        )


PICTURES = RateLimit(rate_per_s=8.0, burst=60)
"""Somebody who moves a slider asks for several pictures in a second."""


def take_picture_turn(user: User) -> None:
    """Refuse with 429 what one user asks for too often."""
    if PICTURES.take(user.name):
        raise HTTPException(HTTPStatus.TOO_MANY_REQUESTS, "too many pictures; wait a moment")


Expensive = Annotated[None, Depends(take_turn)]
"""An argument of routes that cost processor time."""

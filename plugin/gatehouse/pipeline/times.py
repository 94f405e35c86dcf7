"""When a delivery is tried: pauses between attempts, and windows of the day."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from gatehouse.policy.model import Retry


def pause_s(retry: Retry, number: int, spread: float) -> float:
    """Return how long to wait after the attempt with this number (from 1).

    It doubles each time; ``spread`` (0 to 1) takes up to a quarter off, so that what failed
    together is not tried together again.
    """
    longest = min(retry.backoff_max_s, retry.backoff_min_s * 2.0 ** min(number - 1, 32))
    return longest * (1.0 - 0.25 * spread)


def next_opening(window: tuple[str, str] | None, now: float) -> float | None:
    """Return when a window opens next; None if it is open, or if there is none.

    Windows are in local time and may span midnight.
    """
    if window is None:
        return None
    here = datetime.fromtimestamp(now).astimezone()
    begin, end = (time.fromisoformat(text) for text in window)
    clock = here.time()
    is_open = begin <= clock < end if begin <= end else clock >= begin or clock < end
    if is_open:
        return None
    opening = datetime.combine(here.date(), begin)
    if clock >= begin:
        opening += timedelta(days=1)
    # Without a zone it is local time, so that a change of summer time in between is no error.
    first = opening.timestamp()
    # In the night in which the clocks go back it may be that time twice, and once be over.
    return first if first > now else opening.replace(fold=1).timestamp()

"""How pages write times, durations and numbers, and what they call states and rules."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

STATES: Final[Mapping[str, str]] = {
    "receiving": "receiving",
    "waiting": "waiting",
    "processing": "processing",
    "delivering": "delivering",
    "done": "done",
    "held": "held",
    "rejected": "rejected",
    "archived": "archived",
}

_STEPS: Final = (
    (60.0, 1.0, "s"),
    (3600.0, 60.0, "min"),
    (2 * 86_400.0, 3600.0, "h"),
)


def parsed(iso: str) -> datetime:
    """Read a time as the REST routes write it."""
    return datetime.fromisoformat(iso.replace("Z", "+00:00"))


def day(text: str, days: int = 0) -> float | None:
    """Read a date as a form sends it; None if it is none."""
    try:
        found = datetime.strptime(text.strip(), "%Y-%m-%d").replace(tzinfo=UTC)
        return (found + timedelta(days=days)).timestamp()
    except (ValueError, OverflowError):
        return None


def clock(iso: str | None, *, seconds: bool = False) -> str:
    """Return a time in UTC for people; empty for none."""
    if not iso:
        return ""
    return parsed(iso).strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")


def duration(seconds: float | None) -> str:
    """Return how long something took, in two digits or so."""
    if seconds is None:
        return ""
    if seconds < 0.0005:
        return "0 s"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    for below, unit_s, unit in _STEPS:
        if seconds < below:
            number = seconds / unit_s
            return f"{number:.1f} {unit}" if number < 10 else f"{number:.0f} {unit}"
    return f"{seconds / 86_400:.0f} days"


def ago(iso: str | None, now: datetime | None = None) -> str:
    """Return how long ago something was."""
    if not iso:
        return ""
    seconds = ((now or datetime.now(UTC)) - parsed(iso)).total_seconds()
    if seconds < 0:
        return f"in {duration(-seconds)}"
    return "now" if seconds < 1 else f"{duration(seconds)} ago"


def count(number: int) -> str:
    """Return a number with thin gaps between its thousands."""
    return f"{number:,}".replace(",", "\u202f")


def bytes_(number: float) -> str:
    """Return a size in decimal units."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if number >= 10 or unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def short(text: str, length: int = 8) -> str:
    """Return the beginning of an identifier."""
    return text[:length]


def state(name: str) -> str:
    """Return what a state is called."""
    return STATES.get(name, name)

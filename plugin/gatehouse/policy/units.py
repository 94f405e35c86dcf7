"""Durations, ranges, windows, ages, dates and numbers as policies and attributes write them."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

DURATION_PATTERN = r"^[1-9][0-9]{0,6}[smhdw]$"
RANGE_PATTERN = r"^[1-9][0-9]{0,6}[smhdw](\.\.[1-9][0-9]{0,6}[smhdw])?$"
WINDOW_PATTERN = r"^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$"

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}

# Sixteenths of a day, so that all ages are whole numbers and 18Y equals 216M exactly: a year is
# 365.25 days, a month its twelfth.
_AGE_UNITS = {"Y": 5844, "M": 487, "W": 112, "D": 16}
_AGE = re.compile(r"([0-9]{1,3})([DWMY])")
_DATE = re.compile(r"([0-9]{4})[-.]?([0-9]{2})[-.]?([0-9]{2})")
_TIME = re.compile(r"([0-9]{2})(?::?([0-9]{2})(?::?([0-9]{2})(?:\.[0-9]{1,6})?)?)?")
_NUMBER = re.compile(
    r"[+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,3})?"
)
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def duration_s(text: str) -> float:
    """Return the seconds of ``30s``, ``15m``, ``12h``, ``3d`` or ``2w``."""
    return float(int(text[:-1]) * _SECONDS[text[-1]])


def duration_range_s(text: str) -> tuple[float, float]:
    """Return both ends of ``30s..1h`` in seconds; ``30s`` alone is both ends."""
    low, _, high = text.partition("..")
    return duration_s(low), duration_s(high or low)


def duration_text(seconds: float) -> str:
    """Return seconds as policies write them, in the largest unit that fits: ``30d``."""
    for unit, size in reversed(_SECONDS.items()):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"


def window(text: str) -> tuple[str, str]:
    """Return both ends of ``18:00-07:00``."""
    begin, _, end = text.partition("-")
    return begin, end


def age(text: str) -> int | None:
    """Return an age (``018Y``, ``18Y``, ``216M``) in sixteenths of a day; None if it is none.

    Notes
    -----
    Source: PS3.5 6.2, AS. Fewer than three digits are accepted, because devices write them.
    """
    found = _AGE.fullmatch(text.strip().upper())
    return int(found[1]) * _AGE_UNITS[found[2]] if found else None


def date(text: str) -> int | None:
    """Return a date (``2026-03-31``, ``20260331``, a DT that begins so) as a number that orders.

    A partial date gives None: what is not known can't be compared.
    """
    text = text.strip()
    found = _DATE.fullmatch(text[:8]) or _DATE.fullmatch(text[:10])
    if found is None:
        return None
    year, month, day = (int(part) for part in found.groups())
    if not 1 <= month <= 12 or not 1 <= day <= _DAYS[month - 1]:
        return None
    return year * 10000 + month * 100 + day


def time(text: str) -> int | None:
    """Return a time (``18:30``, ``183000.5``) in whole seconds of the day; None if it is none."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    if hours > 23 or minutes > 59 or seconds > 60:
        return None
    return hours * 3600 + minutes * 60 + seconds


def number(text: str) -> Decimal | None:
    """Return a number exactly as it is written; None if it is none."""
    text = text.strip()
    if not _NUMBER.fullmatch(text):
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        return None

"""Dates, times and ages (PS3.5 Table 6.2-1: DA, TM, DT, AS): shifted, cut short, made coarse.

A patient's offset is a whole number of days. So times of day, time zones, ages and the weekday's
clock stay true, nothing depends on which date belongs to which time, and every interval is
preserved to the second. What is no date is nobody's date: it gives None, and the caller removes it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from gatehouse.deid.pseudonyms import keyed_number

OFFSET_DAYS_MAX: Final = 3650
"""Dates move into the past, by one day to ten years."""

_WEEK: Final = 7
_AGE_YEARS_MAX: Final = 89
"""Ages above 89 are given as 90: there are few such people (45 CFR 164.514(b)(2)(i)(C))."""

# Expressions are compiled when they are first used: most runs need none of them.
_DATE: Final = r"(\d{4})(?:(\.?)(\d\d)(?:\2(\d\d))?)?"
_TIME: Final = r"\d\d(?::?\d\d(?::?\d\d(?:\.\d{1,6})?)?)?"
_DATE_TIME: Final = (
    r"(\d{4}(?:\d\d(?:\d\d)?)?)((?:(?<=\d{8})\d\d(?:\d\d(?:\d\d(?:\.\d{1,6})?)?)?)?(?:[+-]\d{4})?)"
)
_ZONE: Final = r"[+-]\d{4}"
_AGE: Final = r"(\d{3})([DWMY])"
_DATE_LENGTH_MAX: Final = 10
_AGES_PER_YEAR: Final = {"D": 365.25, "W": 52.18, "M": 12.0, "Y": 1.0}


def offset_days(date_key: bytes, patient: bytes, *, preserves_weekday: bool = False) -> int:
    """Return the offset of a patient in a project, in days, negative.

    Parameters
    ----------
    date_key : bytes
        The project's key for dates.
    patient : bytes
        What the patient is known by; see `pseudonyms.patient_message`.
    preserves_weekday : bool
        Whether it is a multiple of seven, so that a Monday becomes a Monday.
    """
    number = keyed_number(date_key, b"offset\0" + patient, 64)
    if preserves_weekday:
        return -_WEEK * (1 + number % (OFFSET_DAYS_MAX // _WEEK))
    return -1 - number % OFFSET_DAYS_MAX


def _moved(text: str, days: int) -> str | None:
    return _cached(text, days) if len(text) <= _DATE_LENGTH_MAX else None


@lru_cache(maxsize=8192)
def _cached(text: str, days: int) -> str | None:
    from datetime import date, timedelta  # takes long to import, and most policies move no date

    match = re.fullmatch(_DATE, text)
    if match is None:
        return None
    year, dot, month, day = match.groups()
    try:
        moved = date(int(year), int(month or 1), int(day or 1)) + timedelta(days)
    except (ValueError, OverflowError):
        return None
    parts = [
        f"{moved.year:04}",
        f"{moved.month:02}" if month else "",
        f"{moved.day:02}" if day else "",
    ]
    return (dot or "").join(part for part in parts if part)


def shift_date(text: str, days: int) -> str | None:
    """Shift one DA: full, cut short to year or month, in the old form with dots, or a range."""
    if "-" in text and len(text) > 1:
        first, _, last = text.partition("-")
        moved = [_moved(part, days) if part else "" for part in (first, last)]
        return None if None in moved else "-".join(part or "" for part in moved)
    return _moved(text, days)


def shift_date_time(text: str, days: int) -> str | None:
    """Shift one DT; its time, fraction and offset from UTC stay."""
    match = re.fullmatch(_DATE_TIME, text)
    if match is not None:
        moved = _moved(match[1], days)
        return None if moved is None else moved + match[2]
    for at in (index for index, letter in enumerate(text) if letter == "-"):
        first, last = text[:at], text[at + 1 :]
        ends = [re.fullmatch(_DATE_TIME, part) for part in (first, last) if part]
        if ends and all(ends):
            shifted = [shift_date_time(part, days) if part else "" for part in (first, last)]
            return None if None in shifted else "-".join(part or "" for part in shifted)
    return None


def keep_time(text: str) -> str | None:
    """Return a TM, or a range of them, as it is; None if it is no time."""
    parts = text.split("-")
    if len(parts) > 2 or not any(parts):
        return None
    return text if all(re.fullmatch(_TIME, part) for part in parts if part) else None


def keep_zone(text: str) -> str | None:
    """Return an offset from UTC as it is; None if it is none."""
    return text if re.fullmatch(_ZONE, text) else None


def keep_age(text: str) -> str | None:
    """Return an AS as it is; None if it is no age."""
    return text if re.fullmatch(_AGE, text) else None


def generalize_age(text: str) -> str | None:
    """Return an AS, above 89 years as 90 years; None if it is no age."""
    match = re.fullmatch(_AGE, text)
    if match is None:
        return None
    years = int(match[1]) / _AGES_PER_YEAR[match[2]]
    return "090Y" if int(years) > _AGE_YEARS_MAX else text


def capped_birth_date(text: str, study_date: str) -> str:
    """Return a birth date; of somebody above 89 years at the study, that of somebody of 90."""
    birth, study = re.fullmatch(_DATE, text), re.fullmatch(_DATE, study_date)
    if birth is None or study is None:
        return text
    born, then = ((int(one[1]), int(one[3] or 1), int(one[4] or 1)) for one in (birth, study))
    years = then[0] - born[0] - (then[1:] < born[1:])
    return f"{then[0] - _AGE_YEARS_MAX - 1:04}0101" if years > _AGE_YEARS_MAX else text


def truncate_date(text: str, to: str) -> str | None:
    """Cut one DA to its year or month; what goes becomes 01, because DA has no shorter form."""
    match = re.fullmatch(_DATE, text)
    if match is None:
        return None
    year, _, month, _ = match.groups()
    return year + (month or "01" if to == "month" else "01") + "01"


def truncate_date_time(text: str, to: str) -> str | None:
    """Cut one DT to its year or month, which DT allows; time and offset from UTC go."""
    match = re.fullmatch(_DATE_TIME, text)
    if match is None:
        return None
    return match[1][: 6 if to == "month" else 4]

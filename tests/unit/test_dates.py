"""Goal: dates move by whole days and keep their form; what is no date never comes through.

Method: each function is given values in all forms of PS3.5 Table 6.2-1, and some of none.
"""

from __future__ import annotations

from datetime import datetime

import pytest

from gatehouse.deid import dates
from gatehouse.deid.pseudonyms import derive_project_keys

KEY = derive_project_keys(b"m" * 32, "project").date


@pytest.mark.parametrize(
    ("text", "days", "shifted"),
    [
        ("20240301", -1, "20240229"),
        ("20230301", -1, "20230228"),
        ("20240101", -1, "20231231"),
        ("20240229", -366, "20230228"),
        ("2024", -31, "2023"),
        ("202403", -1, "202402"),
        ("1999.12.31", -1, "1999.12.30"),
        ("20240101-20240131", -1, "20231231-20240130"),
        ("20240101-", -1, "20231231-"),
        ("-20240101", -1, "-20231231"),
    ],
)
def test_a_date_moves_and_keeps_its_form(text: str, days: int, shifted: str) -> None:
    assert dates.shift_date(text, days) == shifted


@pytest.mark.parametrize(
    "text",
    ["20240230", "20241301", "00000000", "Jane", "20240101 Jane", "2024-01-0x", "-", "1" * 60],
)
def test_what_is_no_date_is_not_shifted(text: str) -> None:
    assert dates.shift_date(text, -1) is None


def test_a_date_that_would_leave_the_calendar_is_not_shifted() -> None:
    assert dates.shift_date("00010101", -1) is None


@pytest.mark.parametrize(
    ("text", "shifted"),
    [
        ("20240301", "20240229"),
        ("20240301235959", "20240229235959"),
        ("20240301235959.123456+0100", "20240229235959.123456+0100"),
        ("2024030123", "2024022923"),
        ("20240301-0500", "20240229-0500"),
        ("2024", "2023"),
        ("202401", "202312"),
        ("20240301-20240302", "20240229-20240301"),
        ("20240301120000-", "20240229120000-"),
    ],
)
def test_a_date_time_moves_and_keeps_its_time_and_zone(text: str, shifted: str) -> None:
    days = -1 if len(text) > 6 else -31

    assert dates.shift_date_time(text, days) == shifted


@pytest.mark.parametrize("text", ["Jane", "20240301T12", "202403011", "20241340", "2024 Jane"])
def test_what_is_no_date_time_is_not_shifted(text: str) -> None:
    assert dates.shift_date_time(text, -1) is None


@pytest.mark.parametrize("text", ["10", "1011", "101112", "101112.5", "10:11:12", "10-12", "-12"])
def test_a_time_stays_because_offsets_are_whole_days(text: str) -> None:
    assert dates.keep_time(text) == text


@pytest.mark.parametrize("text", ["noon", "10 Jane", "1", "101112.1234567", "1-2-3", "-"])
def test_what_is_no_time_does_not_stay(text: str) -> None:
    assert dates.keep_time(text) is None


@pytest.mark.parametrize(
    ("text", "zone"), [("+0100", "+0100"), ("-0500", "-0500"), ("0100", None), ("Zurich", None)]
)
def test_an_offset_from_utc_stays_if_it_is_one(text: str, zone: str | None) -> None:
    assert dates.keep_zone(text) == zone


def test_intervals_between_studies_years_apart_are_preserved_to_the_second() -> None:
    days = dates.offset_days(KEY, b"patient")
    first, second = "20040229235959", "20240301000000"

    moved = [dates.shift_date_time(text, days) for text in (first, second)]

    parsed = [datetime.strptime(text or "", "%Y%m%d%H%M%S") for text in moved]  # noqa: DTZ007
    original = [datetime.strptime(text, "%Y%m%d%H%M%S") for text in (first, second)]  # noqa: DTZ007
    assert parsed[1] - parsed[0] == original[1] - original[0]


def test_offsets_differ_between_patients_and_stay_within_their_limits() -> None:
    offsets = [dates.offset_days(KEY, b"patient %d" % index) for index in range(2000)]

    assert len(set(offsets)) > 1000
    assert min(offsets) >= -dates.OFFSET_DAYS_MAX
    assert max(offsets) <= -1


@pytest.mark.parametrize(
    ("text", "to", "cut"),
    [
        ("19700131", "year", "19700101"),
        ("19700131", "month", "19700101"),
        ("19701231", "month", "19701201"),
        ("1970", "month", "19700101"),
        ("1970.12.31", "month", "19701201"),
        ("Jane", "year", None),
    ],
)
def test_a_date_is_cut_to_its_year_or_month(text: str, to: str, cut: str | None) -> None:
    assert dates.truncate_date(text, to) == cut


@pytest.mark.parametrize(
    ("text", "to", "cut"),
    [
        ("19701231101112+0100", "year", "1970"),
        ("19701231101112+0100", "month", "197012"),
        ("1970", "month", "1970"),
        ("Jane", "year", None),
    ],
)
def test_a_date_time_is_cut_to_its_year_or_month(text: str, to: str, cut: str | None) -> None:
    assert dates.truncate_date_time(text, to) == cut


@pytest.mark.parametrize(
    ("age", "general"),
    [
        ("089Y", "089Y"),
        ("090Y", "090Y"),
        ("101Y", "090Y"),
        ("999M", "999M"),
        ("012M", "012M"),
        ("003W", "003W"),
        ("999D", "999D"),
        ("90Y", None),
        ("Jane", None),
    ],
)
def test_ages_above_89_are_given_as_90(age: str, general: str | None) -> None:
    assert dates.generalize_age(age) == general


@pytest.mark.parametrize("number", range(50))
def test_an_offset_of_whole_weeks_keeps_the_weekday(number: int) -> None:
    patient = str(number).encode()

    days = dates.offset_days(KEY, patient, preserves_weekday=True)

    assert days % 7 == 0
    assert -dates.OFFSET_DAYS_MAX <= days <= -7
    assert days == dates.offset_days(KEY, patient, preserves_weekday=True)

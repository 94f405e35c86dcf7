"""Goal: the verification looks for the values of every attribute that may identify somebody.

Method: its list is held against the committed source of Table E.1-1, row by row; what is left out
is left out by a reason that the row itself carries, or is named here.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydicom._dicom_dict import DicomDictionary

from gatehouse.deid.verify.identifiers import KINDS, WORDS
from gatehouse.standard import dictionary

SOURCES = Path(__file__).parents[2] / "tools" / "standard"

NUMBERS_CODES_TIMES_BINARIES_AND_SEQUENCES = {
    *("TM", "CS", "DS", "IS", "US", "AS", "OB", "UN"),
    "SQ",  # the attributes within are listed by themselves, at every depth
}

CHARACTERISTICS_AND_VERSIONS = {
    "(0008,0106)": "version of a context group",
    "(0008,0107)": "version of a context group",
    "(0040,DB06)": "version of a template",
    "(0040,DB07)": "version of a template",
    "(0008,0201)": "time zone",
    "(0010,0047)": "reference to a category",
    "(0010,1080)": "military rank",
    "(0010,1081)": "branch of service",
    "(0010,2150)": "country",
    "(0010,2152)": "region",
    "(0010,2160)": "ethnic group",
    "(0010,2162)": "ethnic groups",
    "(0010,21F0)": "religion",
    "(0016,004F)": "make of a lens",
    "(0016,0050)": "model of a lens",
    "(0016,0078)": "satellites of a position",
    "(0016,0082)": "datum of a position",
    "(0038,0050)": "special needs",
    "(0040,0012)": "premedication",
    "(0040,1004)": "transport arrangements",
    "(0040,3001)": "confidentiality constraint",
    "(300A,0216)": "manufacturer of a source",
}


def rows_of_one_attribute() -> list[tuple[str, str]]:
    (source,) = SOURCES.glob("*table_E1-1.json")
    rows = json.loads(source.read_text(encoding="utf-8"))["rows"]
    return [(row["tag"], row["name"]) for row in rows if not {"x", "g"} & set(row["tag"])]


def number(tag: str) -> int:
    return int(tag[1:5] + tag[6:10], 16)


@pytest.mark.parametrize(("tag", "name"), rows_of_one_attribute())
def test_each_row_of_the_table_is_searched_or_left_out_for_a_reason(tag: str, name: str) -> None:
    is_left_out = (
        tag in CHARACTERISTICS_AND_VERSIONS
        or dictionary.vr(number(tag)) in NUMBERS_CODES_TIMES_BINARIES_AND_SEQUENCES
    )

    assert (number(tag) in KINDS) != is_left_out, name


def test_every_person_name_of_the_dictionary_is_searched() -> None:
    names = {tag for tag, entry in DicomDictionary.items() if entry[0] == "PN"}

    assert {tag for tag in names if KINDS.get(tag) != "name"} == set()


def test_every_kind_has_words_for_the_administrator() -> None:
    assert set(KINDS.values()) == set(WORDS)

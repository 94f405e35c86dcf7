"""The tables in ``gatehouse.standard`` are the Standard's.

Goal: nobody edits a generated table, and no row is lost on the way from the JSON sources.
Method: make the modules again and compare the text; count rows and cells against the sources.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gatehouse.standard import (
    _attribute_types,
    _cid_7050,
    _safe_private,
    _table_e1_1,
    attribute_types,
    dictionary,
    table,
)
from tools import generate_standard

ROOT = Path(__file__).parents[2]


def source(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((ROOT / "tools" / "standard" / name).read_text("utf-8"))
    return content


def test_making_the_modules_again_gives_the_same_files() -> None:
    made = generate_standard.modules()

    folder = ROOT / "plugin" / "gatehouse" / "standard"
    assert {name: (folder / name).read_text("utf-8") for name in made} == made


@pytest.mark.parametrize("module", [_table_e1_1, _attribute_types])
def test_a_table_says_whose_words_it_holds(module: Any) -> None:
    assert module.ACKNOWLEDGEMENT == "DICOM PS3.15 2026d, (c) NEMA"
    assert module.EDITION == "2026d"


def test_table_e1_1_has_657_rows_and_1293_cells_with_a_code() -> None:
    cells = [*table.rows().values(), *(row[2] for row in table.repeating()), table.private()]

    assert len(cells) == 657
    assert sum(1 + len(cell.options) for cell in cells) == 1293


def test_every_row_of_the_source_is_in_the_table_with_its_codes() -> None:
    rows = source("ps3_15_2026d_table_E1-1.json")["rows"]
    single = [row for row in rows if "x" not in row["tag"] and "odd" not in row["tag"]]

    expected = {
        int(row["tag"][1:5] + row["tag"][6:10], 16): (
            row["basic_profile"],
            {generate_standard.OPTIONS[name]: code for name, code in row["options"].items()},
        )
        for row in single
    }
    assert {tag: tuple(cell) for tag, cell in table.rows().items()} == expected


def test_every_safe_private_attribute_of_the_source_is_in_the_table() -> None:
    rows = source("ps3_15_2026d_table_E3-10-1_safe_private.json")["rows"]

    assert sum(len(elements) for elements in _safe_private.ELEMENTS.values()) == len(rows) == 479
    assert _safe_private.ELEMENTS["SIEMENS MR HEADER", 0x0019][0x0C] == "IS"
    assert _safe_private.ELEMENTS["Philips Imaging DD 001", 0x2001][0x5F] == "SQ"


def test_the_methods_of_cid_7050_have_their_meanings() -> None:
    assert len(_cid_7050.CODES) == 13
    assert _cid_7050.CODES["113100"] == "Basic Application Confidentiality Profile"


def test_every_attribute_of_table_e1_1_is_in_the_data_dictionary() -> None:
    assert [
        f"{tag:08X}" for tag in table.rows() if tag >= 0x00040000 and not dictionary.vr(tag)
    ] == []


def test_the_dictionary_agrees_with_that_of_pydicom() -> None:
    from pydicom._dicom_dict import DicomDictionary

    entries = {tag: entry for tag, entry in DicomDictionary.items() if tag >= 0x00040000}

    assert [tag for tag, entry in entries.items() if dictionary.vr(tag) != entry[0]] == []
    assert [
        tag for tag, entry in entries.items() if (dictionary.keyword(tag) or "") != entry[4]
    ] == []


@pytest.mark.parametrize(
    ("tag", "vr", "keyword"),
    [
        (0x60003000, "OB or OW", "OverlayData"),
        (0x601E3000, "OB or OW", "OverlayData"),
        (0x60013000, None, None),
        (0x50020005, "US", "CurveDimensions"),
        (0x00020010, None, None),
        (0x0008FFFF, None, None),
        (0x7FE00010, "OB or OW", "PixelData"),
        (0x00280020, "OB", None),
    ],
)
def test_the_dictionary_knows_repeating_groups_and_no_private_ones(
    tag: int, vr: str | None, keyword: str | None
) -> None:
    assert (dictionary.vr(tag), dictionary.keyword(tag)) == (vr, keyword)


def test_keywords_and_tags_are_each_others_inverse() -> None:
    assert dictionary.tag_of("PatientName") == 0x00100010
    assert dictionary.tag_of("NameToUse") == 0x00100012
    assert dictionary.tag_of("PatientNam") is None
    assert [
        word
        for word in dictionary.keywords()
        if dictionary.keyword(dictionary.tag_of(word) or 0) != word
    ] == []


@pytest.mark.parametrize(
    ("sop_class_uid", "path", "attribute_type"),
    [
        ("1.2.840.10008.5.1.4.1.1.2", (0x00080020,), "2"),
        ("1.2.840.10008.5.1.4.1.1.2", (0x00080021,), "3"),
        ("1.2.840.10008.5.1.4.1.1.2.1", (0x0008002A,), "1C"),
        ("1.2.840.10008.5.1.4.1.1.2.1", (0x00181000,), "1"),
        ("1.2.840.10008.5.1.4.1.1.9.1.1", (0x00080023,), "1"),
        ("1.2.840.10008.5.1.4.1.1.11.1", (0x00700082,), "1"),
        ("1.2.840.10008.5.1.4.1.1.481.5", (0x300A0006,), "2"),
    ],
)
def test_the_type_of_an_attribute_is_that_of_its_iod(
    sop_class_uid: str, path: tuple[int, ...], attribute_type: str
) -> None:
    iod = attribute_types.iod_of(sop_class_uid)

    assert iod is not None
    assert attribute_types.types_of(iod)[path] == attribute_type


def test_every_iod_can_be_read() -> None:
    iods = set(attribute_types._sop_classes().values())

    assert len(iods) == 171
    assert all(attribute_types.types_of(iod) for iod in iods - {"basic-directory"})

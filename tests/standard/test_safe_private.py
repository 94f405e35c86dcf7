"""Every safe private attribute of PS3.15 Table E.3.10-1, wherever its block is.

Goal: with the option, what the table lists stays in a harmless form; without it, and for what the
table doesn't list, nothing stays. Method: a file with all rows of the JSON source, each with a
canary, and beside each creator an element that is not listed, through the whole engine.
"""

from __future__ import annotations

import io
import json
import re
import struct
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from gatehouse.deid.engine import deidentify
from gatehouse.deid.plan import compile_plan
from gatehouse.deid.pseudonyms import derive_project_keys
from gatehouse.deid.recipe import Recipe
from support import dicom_builder
from support.dicom_builder import explicit_element

KEYS = derive_project_keys(bytes(range(32)), "rows")
SOURCE = Path(__file__).parents[2] / "tools/standard/ps3_15_2026d_table_E3-10-1_safe_private.json"
UNLISTED = b"UNLISTED CANARY "
IN_ITEMS = b"NAME CANARY "
TEXT = b"TEXT CANARY "
UID = b"1.2.826.0.1.9999"

_TEXT_VRS = ("LO", "LT", "SH", "ST")
_NUMBERS = {"FL": "f", "FD": "d", "US": "H", "SS": "h", "UL": "I", "SL": "i", "AT": "I"}


def rows() -> list[tuple[int, str, int, str]]:
    """Return group, creator, low byte of the element and VR of each row."""
    result = []
    for row in json.loads(SOURCE.read_text("utf-8"))["rows"]:
        group, element = re.fullmatch(r"\((\w{4}),xx(\w\w)\)", row["tag"]).groups()  # type: ignore[union-attr]
        vr = {"": "DS", "OW/OB": "OW"}.get(row["vr"], row["vr"])
        result.append((int(group, 16), row["private_creator"], int(element, 16), vr))
    return result


def value(vr: str) -> bytes:
    """Return a value with which it can be told what became of it."""
    if vr == "SQ":
        item = explicit_element(0x0008, 0x0104, "LO", TEXT) + explicit_element(
            0x0010, 0x0010, "PN", IN_ITEMS
        )
        return struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item
    if vr in _NUMBERS:
        return struct.pack(f"<{_NUMBERS[vr]}", 17)
    texts = {"CS": b"SAFE", "DS": b"1234.5", "IS": b"1234", "UI": UID}
    return texts.get(vr, TEXT if vr in _TEXT_VRS else b"\1\2\3\4")


def file_with_rows(first_block: int, creator_padding: bytes) -> bytes:
    """Return a CT with all rows, and in each block an element (xxFE) that is not listed."""
    elements: dict[int, bytes] = {}
    blocks: dict[tuple[int, str], int] = {}
    for group, creator, element, vr in rows():
        block = blocks.setdefault(
            (group, creator), first_block + sum(1 for other, _ in blocks if other == group)
        )
        name = creator.encode() + creator_padding
        name += b" " * (len(name) % 2)
        elements[group << 16 | block] = explicit_element(group, block, "LO", name)
        tag = group << 16 | block << 8
        elements[tag | element] = explicit_element(group, (tag | element) & 0xFFFF, vr, value(vr))
        elements[tag | 0xFE] = explicit_element(group, (tag | 0xFE) & 0xFFFF, "LO", UNLISTED)
    file = dicom_builder.file_around(b"".join(elements[tag] for tag in sorted(elements)))
    dataset = dicom_builder.ct(Rows=None, PixelData=None)
    dataset.update(dcmread(io.BytesIO(file)))
    return dicom_builder.to_bytes(dataset)


def processed(*options: str, first_block: int = 0x10, creator_padding: bytes = b"") -> Dataset:
    recipe = Recipe("rows", options=frozenset(options), suspicious_pixels="accept")
    file = file_with_rows(first_block, creator_padding)
    return dcmread(io.BytesIO(deidentify(file, compile_plan(recipe), KEYS).to_bytes()))


def private_elements(dataset: Dataset) -> dict[tuple[int, str, int], DataElement]:
    """Return what is left, by group, creator and low byte."""
    found = {}
    for element in dataset:
        tag = element.tag
        if tag.is_private and not tag.is_private_creator:
            creator = dataset[tag.group, tag.element >> 8].value.strip()
            found[tag.group, creator, tag.element & 0xFF] = element
    return found


def test_without_the_option_nothing_private_stays() -> None:
    assert [element.tag for element in processed() if element.tag.is_private] == []


@pytest.mark.parametrize("padding", [b"", b"   "], ids=["", "padded creators"])
@pytest.mark.parametrize("first_block", [0x10, 0x37, 0xF0])
def test_with_the_option_just_what_is_listed_stays(first_block: int, padding: bytes) -> None:
    dataset = processed("retain-safe-private", first_block=first_block, creator_padding=padding)

    expected = {(group, creator, element) for group, creator, element, _ in rows()}
    assert set(private_elements(dataset)) == expected
    assert len(expected) == 479


@pytest.mark.parametrize(
    ("options", "uid_stays"), [((), False), (("retain-uids",), True)], ids=["", "retain-uids"]
)
def test_what_stays_is_kept_renewed_or_cleaned_as_its_vr_asks(
    options: tuple[str, ...], uid_stays: bool
) -> None:
    elements = private_elements(processed("retain-safe-private", *options))

    by_vr: dict[str, set[str]] = {}
    for group, creator, element, vr in rows():
        by_vr.setdefault(vr, set()).add(str(elements[group, creator, element].value))
    assert by_vr["CS"] == {"SAFE"}
    assert by_vr["DS"] == {"1234.5"}
    assert by_vr["US"] == {"17"}
    assert (by_vr["UI"] == {UID.decode()}) is uid_stays
    assert len(by_vr["UI"]) == 1
    assert not any("CANARY" in text for vr in (*_TEXT_VRS, "SQ") for text in by_vr[vr])

"""Dummies for sequences are valid DICOM.

Goal: each sequence that may get the code D has an item to put there, in any transfer syntax.
Method: read the encoded items with pydicom; compare the sequences with Table E.1-1.
"""

from __future__ import annotations

import io

import pytest
from pydicom.datadict import keyword_for_tag
from pydicom.filereader import read_dataset

from gatehouse.deid.dummy_items import DUMMY_DOCUMENTS, DUMMY_ITEMS, Element, Item, encode
from gatehouse.standard import attribute_types, dictionary, table


def test_each_sequence_with_the_code_d_has_a_dummy() -> None:
    sequences = {
        tag
        for tag, cell in table.rows().items()
        if "D" in cell.basic and dictionary.vr(tag) == "SQ"
    }

    assert sequences == set(DUMMY_ITEMS)


@pytest.mark.parametrize(("explicit", "little"), [(True, True), (False, True), (True, False)])
@pytest.mark.parametrize("tag", DUMMY_ITEMS, ids=[keyword_for_tag(tag) for tag in DUMMY_ITEMS])
def test_dummy_items_can_be_read_in_each_transfer_syntax(
    tag: int, explicit: bool, little: bool
) -> None:
    outer = (Element(tag, "SQ", DUMMY_ITEMS[tag]),)

    content = encode([outer], explicit=explicit, little=little)[8:]

    dataset = read_dataset(io.BytesIO(content), not explicit, little)
    elements = list(dataset.iterall())
    assert len(dataset[tag].value) == 1
    assert len(elements) > 1
    assert all(dictionary.vr(element.tag) == element.VR for element in elements)


def ascending(items: tuple[Item, ...]) -> bool:
    tags = [[element.tag for element in item] for item in items]
    within = (element.values for item in items for element in item if element.vr == "SQ")
    return all(one == sorted(one) for one in tags) and all(map(ascending, within))  # type: ignore[arg-type]


def test_the_tags_in_items_ascend() -> None:
    assert [f"{tag:08X}" for tag, items in DUMMY_ITEMS.items() if not ascending(items)] == []


def test_numbers_in_items_have_the_byte_order_of_the_transfer_syntax() -> None:
    item = (Element(0x0040A0B0, "US", (1, 0)),)

    assert encode([item], little=True)[-4:] == b"\1\0\0\0"
    assert encode([item], little=False)[-4:] == b"\0\1\0\0"


def test_dummy_documents_are_for_iods_that_exist() -> None:
    iods = set(attribute_types._sop_classes().values())

    assert set(DUMMY_DOCUMENTS) <= iods


def test_the_cross_reference_table_of_the_dummy_pdf_points_to_its_objects() -> None:
    pdf = DUMMY_DOCUMENTS["encapsulated-pdf"]
    start = int(pdf.split(b"startxref\n")[1].split()[0])
    lines = pdf[start:].split(b"\n")

    assert lines[0] == b"xref"
    offsets = [int(line[:10]) for line in lines[3:6]]
    assert [pdf[offset : offset + 7] for offset in offsets] == [b"1 0 obj", b"2 0 obj", b"3 0 obj"]

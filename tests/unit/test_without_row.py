"""Goal: what has no row in Table E.1-1 and identifies all the same is treated like its siblings.

Method: the list is held against the table and the dictionary; rules are asked for by keyword.
"""

from __future__ import annotations

import pytest
from pydicom.datadict import tag_for_keyword

from gatehouse.deid.without_row import cell, cells
from gatehouse.standard import dictionary, table
from support.leaks import plan

CT = "1.2.840.10008.5.1.4.1.1.2"
ITEMS_OF = 0x00089215


def action(keyword: str, *options: str, path: tuple[int, ...] = ()) -> str:
    """Return what happens to an attribute of a CT image."""
    tag = tag_for_keyword(keyword)
    assert tag is not None
    return plan(*options).for_sop_class(CT).level(path)[tag].action


def test_each_is_in_the_dictionary_and_has_no_row() -> None:
    assert [tag for tag in cells() if dictionary.vr(tag) is None] == []
    assert [tag for tag in cells() if table.row(tag) is not None] == []


@pytest.mark.parametrize(
    ("keyword", "option", "basic", "with_option"),
    [
        ("EvaluatorName", "retain-full-dates", "remove", "remove"),
        ("RetrieveURL", "retain-uids", "remove", "remove"),
        ("SecondaryReviewDate", "retain-full-dates", "remove", "keep"),
        ("SecondaryReviewDate", "retain-modified-dates", "remove", "shift-date"),
        ("CommentsOnTheScheduledProcedureStep", "clean-descriptors", "remove", "clean-text"),
        ("TextValue", "clean-structured-content", "dummy", "clean-text"),
        ("SOPInstanceUIDOfConcatenationSource", "retain-uids", "new-uid", "keep"),
        ("DeviceID", "retain-device-identity", "remove", "keep"),
        ("FillerOrderNumberProcedure", "clean-descriptors", "remove", "remove"),
        ("CodingSchemeURL", "retain-uids", "keep", "keep"),
        ("SegmentDescription", "retain-uids", "keep", "keep"),
    ],
)
def test_it_follows_the_profile_and_the_option_of_its_siblings(
    keyword: str, option: str, basic: str, with_option: str
) -> None:
    assert (action(keyword), action(keyword, option)) == (basic, with_option)


def test_pixels_of_the_image_stay_and_those_in_an_item_go() -> None:
    assert action("PixelData", path=(ITEMS_OF,)) == "remove"
    assert action("PixelData") == "keep"


def test_codes_keep_their_addresses() -> None:
    assert cell(0x00080120) is None

"""Every cell of Table E.1-1 at depth 0, 1 and 3: 1,293 cells by what the engine really does.

Goal: each row is treated as the table says, under the profile and under each option, at any depth.
Method: one file for each option and depth that has all rows' attributes with a canary each, through
the whole engine; the outcome is compared with the code in the JSON source of the table.
"""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from gatehouse.deid.engine import deidentify
from gatehouse.deid.plan import compile_plan
from gatehouse.deid.pseudonyms import derive_project_keys
from gatehouse.deid.recipe import Recipe
from support import table_rows

KEYS = derive_project_keys(bytes(range(32)), "rows")
ROWS = table_rows.rows()

# Command and file meta elements are not elements of a data set; the last test is about them.
IN_DATA_SETS = [row for row in ROWS if row.tag >> 16 > 4]


def processed(options: tuple[str, ...], rows: list[table_rows.Row], depth: int) -> bytes:
    plan = compile_plan(Recipe("rows", options=frozenset(options), suspicious_pixels="accept"))
    return deidentify(table_rows.file_with(rows, depth), plan, KEYS).to_bytes()


def read(file: bytes, depth: int) -> Dataset:
    return table_rows.innermost(dcmread(io.BytesIO(file)), depth)


def test_the_rows_are_all_there() -> None:
    assert len(ROWS) == 657
    assert sum(1 + len(row.options) for row in ROWS) == 1293
    assert [row.name for row in ROWS if row.tag >> 16 <= 4] == [
        "Affected SOP Instance UID",
        "Media Storage SOP Instance UID",
        "Referenced SOP Instance UID in File",
        "Requested SOP Instance UID",
    ]


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_a_file_that_nobody_touched_has_a_problem_with_each_row_that_is_not_kept(
    depth: int,
) -> None:
    file = table_rows.file_with(IN_DATA_SETS, depth)
    dataset = read(file, depth)

    seen = {row for row in IN_DATA_SETS if table_rows.problem(row, row.basic, dataset, file)}

    assert seen == set(IN_DATA_SETS)


@pytest.mark.parametrize("depth", [0, 1, 3])
@pytest.mark.parametrize("option", ["", *table_rows.OPTIONS])
def test_every_row_is_treated_as_the_table_says(option: str, depth: int) -> None:
    options = (option,) if option else ()

    output = processed(options, IN_DATA_SETS, depth)

    dataset = read(output, depth)
    problems = (table_rows.problem(row, row.code(options), dataset, output) for row in IN_DATA_SETS)
    assert [problem for problem in problems if problem] == []


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_where_device_identity_keeps_and_modified_dates_clean_dates_are_cleaned(depth: int) -> None:
    options = ("retain-device-identity", "retain-modified-dates")
    both = [
        row
        for row in IN_DATA_SETS
        if {table_rows.OPTIONS[name] for name in options} <= set(row.options)
    ]

    output = processed(options, both, depth)

    dataset = read(output, depth)
    problems = (table_rows.problem(row, "C", dataset, output) for row in both)
    assert len(both) == 11
    assert [problem for problem in problems if problem] == []


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_texts_that_are_to_be_cleaned_are_there_afterwards(depth: int) -> None:
    texts = [
        row
        for row in IN_DATA_SETS
        if row.code(("clean-descriptors",)) == "C" and row.vr in ("LO", "LT", "SH", "ST", "UT")
    ]

    dataset = read(processed(("clean-descriptors",), IN_DATA_SETS, depth), depth)

    assert len(texts) == 129
    assert [row.name for row in texts if not dataset.get(row.tag)] == []


def test_all_options_that_go_together_go_together() -> None:
    options = tuple(option for option in table_rows.OPTIONS if option != "retain-modified-dates")

    output = processed(options, IN_DATA_SETS, 1)

    dataset = read(output, 1)
    without_say = [row for row in IN_DATA_SETS if not row.options]
    problems = (table_rows.problem(row, row.basic, dataset, output) for row in without_say)
    assert [problem for problem in problems if problem] == []


def test_the_instance_uid_in_the_file_meta_information_follows_that_of_the_instance() -> None:
    dataset = dcmread(io.BytesIO(processed((), IN_DATA_SETS, 0)))

    assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID
    assert dataset.SOPInstanceUID.startswith("2.25.")


def test_a_uid_has_one_replacement_in_every_attribute_depth_and_instance() -> None:
    uids = [replace(row, number=7) for row in IN_DATA_SETS if row.vr == "UI" and row.basic == "U"]

    replacements = {
        read(processed((), uids, depth), depth)[row.tag].value
        for depth in (0, 1, 3)
        for row in uids
    }

    assert len(uids) == 52
    assert len(replacements) == 1

"""Goal: what the engine promises holds for any data set, however it is written.

Method: Hypothesis makes data sets; the promises are checked on bytes, or on what pydicom reads.
"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gatehouse.deid.engine import deidentify
from gatehouse.deid.plan import Plan, compile_plan
from gatehouse.deid.pseudonyms import derive_project_keys
from gatehouse.deid.recipe import Recipe
from gatehouse.dicom import paths
from gatehouse.standard import table
from support.dicom_builder import deflated, file_around
from support.oracle import flatten
from support.raw_data_sets import (
    EXPLICIT_LITTLE,
    TRANSFER_SYNTAXES,
    DataSet,
    encode,
    instances,
)

KEYS = derive_project_keys(b"k" * 32, "properties")
CANARY = b"CANARY"
DEFLATED = "1.2.840.10008.1.2.1.99"
PIXELS_AND_THEIR_SIGN: DataSet = [
    (0x00080005, "CS", b"ISO_IR 100"),
    (0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.2\0"),
    (0x00080018, "UI", b"1.2.826.0.1.3680043.8.498.1003"),
    (0x0020000D, "UI", b"1.2.826.0.1.3680043.8.498.1001"),
    (0x0020000E, "UI", b"1.2.826.0.1.3680043.8.498.1002"),
    (0x00280103, "US", b"\0\0"),
    (0x7FE00010, "OW", b"\0\0\0\0"),
]
"""Pydicom decodes Pixel Representation by itself, but not in every encoding."""
FEW = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))


def _plan(*options: str) -> Plan:
    return compile_plan(
        Recipe("properties", options=frozenset(options), suspicious_pixels="accept")
    )


BASIC = _plan()
MODIFIED = _plan("retain-modified-dates", "retain-safe-private", "clean-descriptors")


def _with_canaries(data_set: DataSet) -> DataSet:
    """Put a canary into every attribute that has a row in Table E.1-1, or is private."""
    return [(tag, vr, _canary(tag, vr, value)) for tag, vr, value in data_set]


def _canary(tag: int, vr: str, value: Any) -> Any:
    if vr == "SQ":
        return [_with_canaries(item) for item in value]
    is_creator = tag >> 16 & 1 and tag & 0xFFFF <= 0xFF
    needed = tag in (0x00080016, 0x0020000D, 0x0020000E)
    if (tag in table.rows() or tag >> 16 & 1) and not is_creator and not needed:
        return CANARY + b"%06d" % (tag % 1_000_000)
    return value


@FEW
@given(data_set=instances(), syntax=st.sampled_from(TRANSFER_SYNTAXES), open_=st.booleans())
def test_no_canary_in_an_attribute_of_the_table_is_in_any_byte_of_the_output(
    data_set: DataSet, syntax: str, open_: bool
) -> None:
    dicom = file_around(encode(_with_canaries(data_set), syntax, undefined=open_), syntax)

    output = deidentify(dicom, BASIC, KEYS).to_bytes()

    assert CANARY in dicom
    assert CANARY not in output


@FEW
@given(data_set=instances())
@example(data_set=PIXELS_AND_THEIR_SIGN)
def test_the_same_data_set_comes_out_of_every_encoding(data_set: DataSet) -> None:
    files = [
        file_around(encode(data_set, syntax, undefined=open_), syntax)
        for syntax in TRANSFER_SYNTAXES
        for open_ in (True, False)
    ]
    files.append(file_around(deflated(encode(data_set, EXPLICIT_LITTLE)), DEFLATED))

    outputs = [flatten(deidentify(file, BASIC, KEYS).to_bytes()) for file in files]

    # Numbers stay in the byte order of their file; those that the engine itself writes are zero.
    assert all(output == outputs[0] for output in outputs)


@FEW
@given(data_set=instances(), syntax=st.sampled_from(TRANSFER_SYNTAXES), open_=st.booleans())
def test_a_second_pass_changes_nothing(data_set: DataSet, syntax: str, open_: bool) -> None:
    dicom = file_around(encode(data_set, syntax, undefined=open_), syntax)

    first = deidentify(dicom, BASIC, KEYS).to_bytes()

    assert deidentify(first, BASIC, KEYS).to_bytes() == first


@FEW
@given(data_set=instances(), syntax=st.sampled_from(TRANSFER_SYNTAXES))
def test_a_new_plan_and_new_keys_of_the_same_make_give_the_same_bytes(
    data_set: DataSet, syntax: str
) -> None:
    dicom = file_around(encode(data_set, syntax), syntax)
    recipe = MODIFIED.recipe

    first = deidentify(dicom, MODIFIED, KEYS)
    again = deidentify(
        memoryview(dicom), compile_plan(recipe), derive_project_keys(b"k" * 32, "properties")
    )

    assert first.to_bytes() == again.to_bytes()
    assert first.changes == again.changes


@FEW
@given(data_set=instances(), syntax=st.sampled_from(TRANSFER_SYNTAXES))
def test_changes_are_the_differences_and_nothing_else(data_set: DataSet, syntax: str) -> None:
    dicom = file_around(encode(data_set, syntax), syntax)
    before = flatten(dicom)

    result = deidentify(dicom, MODIFIED, KEYS)

    after = flatten(result.to_bytes())
    different = {_words(path) for path in {*before, *after} if before.get(path) != after.get(path)}
    named = {change.path for change in result.changes} - {"MediaStorageSOPInstanceUID"}
    assert all(any(_is_within(path, name) for path in different) for name in named)
    assert all(any(_is_within(path, name) for name in named) for path in different)


def _words(path: tuple[int, ...]) -> str:
    """Return a path as changes name it."""
    place = None
    for tag, index in zip(path[0:-1:2], path[1::2], strict=True):
        place = (place, tag, index)
    return paths.path(place, path[-1])


def _is_within(path: str, name: str) -> bool:
    return path == name or path.startswith(f"{name}[")

"""Goal: the byte engine does what the plan says, however the data set is written.

Method: the output, read by pydicom, is compared element by element with a plain pydicom walk of the
same plan (`support.oracle`), over the test files of pydicom, pydicom-data and deid-data, and over
data sets that Hypothesis makes and a writer of ours puts into each encoding.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from gatehouse.deid.engine import deidentify
from gatehouse.deid.plan import Plan, compile_plan
from gatehouse.deid.pseudonyms import derive_project_keys
from gatehouse.deid.recipe import AttributeRule, Recipe
from gatehouse.errors import HoldError, ScanError
from support.dicom_builder import file_around
from support.oracle import expected, flatten
from support.public_files import public_files
from support.raw_data_sets import TRANSFER_SYNTAXES, WORDS_AS_DATES, DataSet, encode, instances

KEYS = derive_project_keys(b"k" * 32, "oracle")


def _recipe(*options: str, attributes: tuple[AttributeRule, ...] = ()) -> Recipe:
    return Recipe(
        project="oracle",
        options=frozenset(options),
        attributes=attributes,
        suspicious_pixels="accept",
        policy="oracle",
        version=1,
    )


_EXCEPTIONS = (
    AttributeRule("PatientBirthDate", "truncate-date", "a", parameters={"to": "month"}),
    AttributeRule("PatientAge", "generalize", "b"),
    AttributeRule("AccessionNumber", "pseudonym", "c"),
    AttributeRule("StudyDescription", "replace", "d", parameters={"with": "study"}),
    AttributeRule("(0019,{SOMEBODY},0C)", "keep", "e"),
)

PLANS = {
    "basic": compile_plan(_recipe()),
    "modified dates and safe private": compile_plan(
        _recipe("retain-modified-dates", "retain-safe-private", "retain-device-identity")
    ),
    "full dates and UIDs": compile_plan(
        _recipe("retain-full-dates", "retain-uids", "retain-patient-characteristics")
    ),
    "structured content and graphics": compile_plan(
        _recipe("clean-structured-content", "clean-graphics", "retain-institution-identity")
    ),
    "exceptions": compile_plan(_recipe(attributes=_EXCEPTIONS)),
}


@pytest.fixture(autouse=True)
def _quiet_pydicom() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("name", PLANS)
def test_public_test_files_come_out_as_the_plan_says(name: str) -> None:
    plan = PLANS[name]
    compared = 0

    for file in public_files():
        different = _compare(file, plan)
        compared += different is not None
        assert not different, f"{file.name}: {different}"

    assert compared > 150


def _compare(file: Path, plan: object) -> list[object] | None:
    """Return the paths of differences; None if the file is held."""
    dicom = file.read_bytes()
    try:
        output = deidentify(dicom, plan, KEYS).to_bytes()
    except HoldError:
        return None
    ours, theirs = flatten(output), expected(dicom, plan, KEYS)
    return [path for path in {*ours, *theirs} if ours.get(path) != theirs.get(path)]


def _is_read(dicom: bytes, plan: Plan) -> bool:
    try:
        return bool(deidentify(dicom, plan, KEYS))
    except ScanError:
        return False


@pytest.mark.parametrize("name", PLANS)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    data_set=instances(),
    syntax=st.sampled_from(TRANSFER_SYNTAXES),
    undefined=st.booleans(),
    unknown=st.booleans(),
)
def test_made_data_sets_come_out_as_the_plan_says(
    name: str, data_set: DataSet, syntax: str, undefined: bool, unknown: bool
) -> None:
    dicom = file_around(encode(data_set, syntax, undefined=undefined, unknown=unknown), syntax)
    plan = PLANS[name]

    if name == "full dates and UIDs" and any(word in dicom for word in WORDS_AS_DATES):
        assume(_is_read(dicom, plan))  # a date that stays and is a word is held

    output = deidentify(dicom, plan, KEYS).to_bytes()

    assert flatten(output) == expected(dicom, plan, KEYS)

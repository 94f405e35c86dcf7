"""Goal: what referred to something before de-identification refers to the same thing after it.

Method: all public test files go through the engine as one collection, by several options. Each UID
in any data set at any depth that is the UID of an instance, series, study or frame of reference of
the collection must, where the element is still there, be the new UID of the same.
"""

from __future__ import annotations

import pytest

from gatehouse.deid.engine import deidentify
from gatehouse.deid.plan import compile_plan
from gatehouse.deid.pseudonyms import derive_project_keys
from gatehouse.deid.recipe import Recipe
from gatehouse.errors import HoldError
from support.public_files import public_files
from support.references import compare, read

pytestmark = pytest.mark.filterwarnings("ignore")  # pydicom's, of the files' own faults
KEYS = derive_project_keys(bytes(range(32)), "references")


def _outputs(options: tuple[str, ...]) -> list[tuple[bytes, bytes]]:
    plan = compile_plan(
        Recipe("references", options=frozenset(options), suspicious_pixels="accept")
    )
    pairs = []
    for file in public_files():
        dicom = file.read_bytes()
        try:
            pairs.append((dicom, deidentify(dicom, plan, KEYS).to_bytes()))
        except HoldError:
            continue
    return pairs


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("retain-uids",),
        ("clean-structured-content", "retain-safe-private", "clean-graphics"),
    ],
)
def test_references_that_resolved_still_resolve(options: tuple[str, ...]) -> None:
    pairs = [(read(before), read(after)) for before, after in _outputs(options)]

    found = compare([before for before, _ in pairs], [after for _, after in pairs])

    assert found.dangling == []
    assert found.ambiguous == []
    assert found.resolved > 700

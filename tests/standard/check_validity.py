"""Goal: other programs read what leaves, and find no fault with it that was not there before.

Method: every public test file, the large ones too, goes through the engine by several recipes.
dciodvfy, dcmdump, gdcmdump, gdcminfo and pydicom read the file before and after; their complaints
are compared by kind. It takes minutes: `make check-validity` runs it, `make test` runs the fast
part of it (test_validity.py, test_readers.py).
"""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gatehouse.deid.engine import deidentify
from gatehouse.deid.plan import compile_plan
from gatehouse.deid.pseudonyms import derive_project_keys
from gatehouse.deid.recipe import Recipe
from gatehouse.errors import HoldError
from support.public_files import public_files
from support.validators import new_complaints

KEYS = derive_project_keys(bytes(range(32)), "validity")
NO_LIMIT = 1 << 40

EXPECTED = {
    "Error - Missing attribute Type 2C Conditional Element=<ResponsiblePerson> Module=<Patient>",
    "Error - Missing attribute Type 2C Conditional Element=<ResponsibleOrganization> "
    "Module=<Patient>",
}
"""Of an animal's object: Table E.1-1 removes both (X), and PS3.3 C.7.1.1 wants them, even if empty.
The Table wins."""


def check(file: Path, options: tuple[str, ...]) -> dict[str, list[str]] | str:
    """Return the new complaints about one file, or the rule that holds it."""
    dicom = file.read_bytes()
    plan = compile_plan(Recipe("validity", options=frozenset(options), suspicious_pixels="accept"))
    try:
        output = deidentify(dicom, plan, KEYS)
    except HoldError as error:
        return error.rule
    with tempfile.TemporaryDirectory() as folder:
        after = Path(folder) / "after.dcm"
        with after.open("wb") as stream:
            stream.writelines(output.chunks)
        found = new_complaints(file, after)
        kinds = {
            program: [one for one in new if one not in EXPECTED] for program, new in found.items()
        }
        return {program: new for program, new in kinds.items() if new}


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    "options",
    [
        (),
        (
            "retain-uids",
            "retain-device-identity",
            "retain-institution-identity",
            "retain-patient-characteristics",
            "retain-full-dates",
            "retain-safe-private",
            "clean-descriptors",
            "clean-structured-content",
            "clean-graphics",
        ),
        ("retain-modified-dates", "clean-structured-content"),
    ],
    ids=["basic", "all that keep", "modified dates"],
)
def test_no_program_complains_about_what_it_did_not_complain_about(
    options: tuple[str, ...],
) -> None:
    files = public_files(NO_LIMIT)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        answers = dict(zip(files, pool.map(lambda file: check(file, options), files), strict=True))

    held = {file: rule for file, rule in answers.items() if isinstance(rule, str)}
    complaints = {file.name: found for file, found in answers.items() if found and file not in held}
    print(f"{len(files)} files, {len(held)} held: {sorted(set(held.values()))}")
    assert complaints == {}
    assert len(files) - len(held) > 230

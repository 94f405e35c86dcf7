"""Goal: other programs read what leaves: dcmdump, gdcmdump, gdcminfo and pydicom.

Method: the smallest public test files of each transfer syntax go through the engine; the complaints
of each program about the output are compared by kind with those about the input. All files:
`make check-validity`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from gatehouse.deid.engine import deidentify
from gatehouse.deid.plan import compile_plan
from gatehouse.deid.pseudonyms import derive_project_keys
from gatehouse.deid.recipe import Recipe
from gatehouse.errors import HoldError
from support.public_files import public_files
from support.references import read
from support.validators import new_complaints

KEYS = derive_project_keys(bytes(range(32)), "readers")
PLAN = compile_plan(Recipe("readers", suspicious_pixels="accept"))
OF_EACH = 2


def _samples() -> list[tuple[str, Path, bytes]]:
    """Return name, input and output of the smallest files of each transfer syntax."""
    taken: dict[str, int] = {}
    samples = []
    for file in sorted(public_files(), key=lambda one: one.stat().st_size):
        dicom = file.read_bytes()
        try:
            output = deidentify(dicom, PLAN, KEYS).to_bytes()
        except HoldError:
            continue
        syntax = str(read(output).file_meta.TransferSyntaxUID)
        taken[syntax] = taken.get(syntax, 0) + 1
        if taken[syntax] <= OF_EACH:
            samples.append((f"{syntax} {file.name}", file, output))
    return samples


@pytest.mark.filterwarnings("ignore")  # pydicom's, of the files' own faults
def test_every_program_reads_a_file_of_each_transfer_syntax(tmp_path: Path) -> None:
    found = {}
    samples = _samples()

    for number, (name, before, output) in enumerate(samples):
        after = tmp_path / f"{number}.dcm"
        after.write_bytes(output)
        found[name] = new_complaints(before, after)

    assert {name: complaints for name, complaints in found.items() if complaints} == {}
    assert len(samples) > 15

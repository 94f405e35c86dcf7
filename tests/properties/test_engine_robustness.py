"""Goal: whatever bytes come, the engine holds the instance or writes a data set that is in order.

Method: valid files in every encoding are broken at random, the same way at each run. The only
exception may be a `HoldError`. An output must read from end to end, by pydicom and by the engine,
and pass through it a second time without any change. It also is what a plain pydicom walk gives.
"""

from __future__ import annotations

import pytest

from gatehouse.deid.engine import deidentify
from gatehouse.deid.plan import compile_plan
from gatehouse.deid.pseudonyms import derive_project_keys
from gatehouse.deid.recipe import Recipe
from gatehouse.errors import HoldError
from support.dicom_builder import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    add_private,
    ct,
    to_bytes,
)
from support.mutations import mutants
from support.oracle import expected, flatten

KEYS = derive_project_keys(b"k" * 32, "robustness")
PLAN = compile_plan(
    Recipe("robustness", options=frozenset({"retain-safe-private"}), suspicious_pixels="accept")
)
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
MUTANTS = 3000
META_END = 132
"""Preamble and prefix, without which pydicom would guess."""


def _file(syntax: str, *, undefined_lengths: bool) -> bytes:
    image = ct(
        rows=2,
        columns=2,
        RequestAttributesSequence=[
            {
                "ScheduledProcedureStepID": "STEP",
                "ScheduledProtocolCodeSequence": [{"CodeValue": "1", "CodeMeaning": "one"}],
            },
            {"ScheduledProcedureStepID": "STEP2"},
        ],
        AnatomicRegionSequence=[
            {
                "CodeValue": "T-D3000",
                "CodingSchemeDesignator": "SRT",
                "AnatomicRegionModifierSequence": [{"CodeValue": "X", "PatientID": "SECRET"}],
            }
        ],
        SpecificCharacterSet="ISO_IR 192",
        PatientName="Müller^Jörg",
    )
    add_private(image, 0x0019, "SIEMENS MR HEADER", [(0x0C, "IS", "100"), (0x30, "LO", "SECRET")])
    return to_bytes(image, syntax, undefined_lengths=undefined_lengths)


def _outcome(dicom: bytes) -> bytes | None:
    """Return the output, or None if the instance is held; anything else that is raised fails."""
    try:
        return deidentify(dicom, PLAN, KEYS).to_bytes()
    except HoldError as error:
        if error.rule == "deid.unexpected":
            raise AssertionError(error.reason) from error
        return None


@pytest.mark.parametrize("undefined_lengths", [True, False])
@pytest.mark.parametrize(
    "syntax",
    [
        ExplicitVRLittleEndian,
        ImplicitVRLittleEndian,
        EXPLICIT_BIG,
        DeflatedExplicitVRLittleEndian,
        JPEGBaseline8Bit,
    ],
)
def test_a_broken_file_is_held_or_comes_out_in_order(syntax: str, undefined_lengths: bool) -> None:
    valid = _file(syntax, undefined_lengths=undefined_lengths)
    assert _outcome(valid) is not None

    outputs = [_outcome(mutant) for mutant in mutants(valid, seed=7, count=MUTANTS)]

    released = [output for output in outputs if output is not None]
    assert all(_outcome(output) == output for output in released)
    assert MUTANTS > len(released) > 0


@pytest.mark.parametrize("undefined_lengths", [True, False])
def test_a_file_cut_off_within_an_element_is_held(undefined_lengths: bool) -> None:
    valid = _file(ExplicitVRLittleEndian, undefined_lengths=undefined_lengths)
    lengths = range(len(valid))

    released = [length for length in lengths if _outcome(valid[:length]) is not None]

    # What is cut off between two elements, after the last one that is required, is a data set.
    assert released == [length for length in released if _is_boundary(valid, length)]


def _is_boundary(dicom: bytes, length: int) -> bool:
    """Tell if an element of the top level begins here; all of these are of group 0020 or 0028."""
    return dicom[length : length + 2] in (b"\x20\0", b"\x28\0", b"\x40\0", b"\xe0\x7f")


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
@pytest.mark.parametrize("undefined_lengths", [True, False])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, EXPLICIT_BIG])
def test_what_comes_out_of_a_broken_file_is_what_a_plain_walk_gives(
    syntax: str, undefined_lengths: bool
) -> None:
    valid = _file(syntax, undefined_lengths=undefined_lengths)
    pairs = [(mutant, _outcome(mutant)) for mutant in mutants(valid, 99, MUTANTS, spare=META_END)]

    released = [(mutant, output) for mutant, output in pairs if output is not None]

    assert released
    for mutant, output in released:
        assert flatten(output) == expected(mutant, PLAN, KEYS)

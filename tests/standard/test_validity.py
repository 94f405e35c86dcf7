"""What leaves is as valid as what came.

Goal: de-identification brings no kind of error that the object did not have (PS3.3 conformance).
Method: dicom3tools' ``dciodvfy`` reads real files of each SOP class, and objects of which the Basic
Profile removes what they are made of, before and after; the kinds of its errors are compared.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from gatehouse.deid.engine import deidentify
from gatehouse.deid.plan import compile_plan
from gatehouse.deid.pseudonyms import derive_project_keys
from gatehouse.deid.recipe import Recipe
from gatehouse.errors import HoldError
from support import dicom_builder, other_objects

KEYS = derive_project_keys(bytes(range(32)), "validity")

OTHERS = (
    dicom_builder.ct,
    other_objects.encapsulated_pdf,
    other_objects.presentation_state,
    other_objects.report,
    other_objects.key_object_selection,
)

OPTIONS = {
    "basic": (),
    "all that keep": (
        "retain-uids",
        "retain-device-identity",
        "retain-institution-identity",
        "retain-patient-characteristics",
        "retain-full-dates",
        "clean-descriptors",
        "clean-structured-content",
        "clean-graphics",
    ),
    "modified dates": ("retain-modified-dates", "clean-structured-content"),
}


UNREADABLE = {
    "deid.incomplete",  # a UID that is none, kept as it is by retain-uids
    "dicom.dicomdir",
    "dicom.duplicate",
    "dicom.group",
    "dicom.incomplete",
    "dicom.pixels-missing",  # three of pydicom's for character sets
    "dicom.trailing",
    "dicom.truncated",
    "dicom.vr",
}
"""Why some of these files are held: made to be wrong, or no instances of a study."""


def error_kinds(file: Path) -> set[str]:
    """Return the kinds of errors that dciodvfy finds, without values and numbers."""
    command = [shutil.which("dciodvfy") or "/usr/bin/dciodvfy", str(file)]
    output = subprocess.run(command, capture_output=True, check=False).stderr.decode("latin-1")
    lines = (line for line in output.splitlines() if line.startswith("Error"))
    values = r'"[^"]*"|= <[^>]*>|(?<=UID )[\w.]+$|[0-9A-Za-z_^-]*\d[\w.\\]{3,}'
    return {re.sub(values, "#", line) for line in lines}


def new_error_kinds(dicom: bytes, options: str, folder: Path) -> set[str]:
    recipe = Recipe("validity", options=frozenset(OPTIONS[options]), suspicious_pixels="accept")
    before, after = folder / "before.dcm", folder / "after.dcm"
    before.write_bytes(dicom)
    after.write_bytes(deidentify(dicom, compile_plan(recipe), KEYS).to_bytes())
    return error_kinds(after) - error_kinds(before)


def real_files() -> Iterator[tuple[str, bytes]]:
    """Yield the DICOM files below 3 MB that come with pydicom, pydicom-data and deid-data."""
    for package in ("pydicom", "data_store", "deid_data"):
        spec = importlib.util.find_spec(package)
        assert spec is not None
        assert spec.submodule_search_locations
        folder = Path(next(iter(spec.submodule_search_locations)))
        for file in sorted(folder.rglob("*")):
            if file.is_file() and file.stat().st_size < 3_000_000 and file.name != "DICOMDIR":
                dicom = file.read_bytes()
                if dicom[128:132] == b"DICM":
                    yield str(file.relative_to(folder.parent)), dicom


@pytest.mark.parametrize("options", OPTIONS)
def test_real_objects_have_no_new_kind_of_error(options: str, tmp_path: Path) -> None:
    found: dict[str, set[str]] = {}
    held: list[tuple[str, str]] = []
    checked = 0

    for name, dicom in real_files():
        try:
            found[name] = new_error_kinds(dicom, options, tmp_path)
        except HoldError as error:
            held.append((error.rule, name))
        checked += 1

    assert {name: kinds for name, kinds in found.items() if kinds} == {}
    assert [hold for hold in held if hold[0] not in UNREADABLE] == []
    assert checked - len(held) > 220


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("build", OTHERS)
def test_an_object_that_loses_its_contents_stays_valid(
    build: Callable[[], Dataset], options: str, tmp_path: Path
) -> None:
    assert new_error_kinds(dicom_builder.to_bytes(build()), options, tmp_path) == set()

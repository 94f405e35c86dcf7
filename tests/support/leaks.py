"""Outputs with something wrong in them, as a broken engine would make them."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filewriter import dcmwrite

from gatehouse.deid.engine import deidentify
from gatehouse.deid.model import Deidentified, ProjectKeys, Verified
from gatehouse.deid.plan import Plan, compile_plan
from gatehouse.deid.pseudonyms import derive_project_keys
from gatehouse.deid.recipe import AttributeRule, Recipe
from gatehouse.deid.verify import verify
from support.dicom_builder import ct_bytes

Breaking = Callable[[Dataset], object]


@cache
def keys() -> ProjectKeys:
    return derive_project_keys(b"k" * 32, "tests")


def plan(*options: str, rules: tuple[AttributeRule, ...] = (), policy: str = "basic") -> Plan:
    recipe = Recipe(
        project="tests",
        options=frozenset(options),
        attributes=rules,
        suspicious_pixels="accept",
        policy=policy,
        version=1,
    )
    return compile_plan(recipe)


def broken(original: bytes, breaking: Breaking, by: Plan | None = None) -> Deidentified:
    """De-identify, then break the output as ``breaking`` does with the data set."""
    made = deidentify(original, by or plan(), keys())
    output = dcmread(io.BytesIO(made.to_bytes()))
    breaking(output)
    file = io.BytesIO()
    dcmwrite(file, output)
    return made._replace(chunks=(file.getvalue(),))


def check(breaking: Breaking, by: Plan | None = None, **attributes: object) -> Verified:
    """Verify a broken output of a CT with these attributes."""
    original = ct_bytes(**{"PatientName": "Quimby^Jane^Q", **attributes})
    by = by or plan()
    return verify(original, broken(original, breaking, by), by, keys())

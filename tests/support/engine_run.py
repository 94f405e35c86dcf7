"""Run the engine in a test: one key, one project, a recipe in a few words."""

from __future__ import annotations

import io
from typing import Any

import pydicom
from pydicom.dataset import FileDataset

from gatehouse.deid.engine import deidentify
from gatehouse.deid.model import Deidentified, ProjectKeys
from gatehouse.deid.plan import Plan, compile_plan
from gatehouse.deid.pseudonyms import derive_project_keys
from gatehouse.deid.recipe import AttributeRule, Recipe

MASTER = b"m" * 32
KEYS: ProjectKeys = derive_project_keys(MASTER, "project")


def plan(*options: str, suspicious: str = "accept", **attributes: Any) -> Plan:
    """Return a plan: options, and exceptions as ``PatientAge="keep"`` or with parameters."""
    rules = tuple(
        _rule(path, action) for path, action in attributes.pop("paths", {}).items()
    ) + tuple(_rule(keyword, action) for keyword, action in attributes.items())
    recipe = Recipe(
        project="project",
        options=frozenset(options),
        attributes=rules,
        suspicious_pixels=suspicious,  # type: ignore[arg-type]
        policy="test-policy",
        version=7,
    )
    return compile_plan(recipe)


def _rule(path: str, action: Any) -> AttributeRule:
    name, parameters = action if isinstance(action, tuple) else (action, {})
    return AttributeRule(path, name, "a test", 12, parameters)


BASIC = plan()


def run(dicom: bytes, by: Plan = BASIC, keys: ProjectKeys = KEYS) -> Deidentified:
    """De-identify a file."""
    return deidentify(dicom, by, keys)


def read(result: Deidentified) -> FileDataset:
    """Read an output with pydicom."""
    return pydicom.dcmread(io.BytesIO(result.to_bytes()))


def run_and_read(dicom: bytes, by: Plan = BASIC, keys: ProjectKeys = KEYS) -> FileDataset:
    """De-identify a file, and read the output with pydicom."""
    return read(run(dicom, by, keys))

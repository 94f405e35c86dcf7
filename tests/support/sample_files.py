"""Real DICOM files of many kinds, from the packages pydicom, pydicom-data and deid-data."""

from __future__ import annotations

import importlib.util
import io
import warnings
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

PACKAGES = ("pydicom", "data_store", "deid_data")

LARGEST_BYTES = 8 << 20
"""Larger ones only cost time here."""


def paths() -> Iterator[Path]:
    """Yield all files of the packages that may be DICOM, in a fixed order."""
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        assert spec is not None
        for folder in spec.submodule_search_locations or ():
            for path in sorted(Path(folder).rglob("*")):
                if path.is_file() and path.suffix in ("", ".dcm") and not path.is_symlink():
                    yield path


def instances(count: int) -> Iterator[tuple[bytes, Dataset]]:
    """Yield files with different SOP Instance UIDs, and their headers without pixels.

    The packages hold some 160 different ones; the rest are copies under UIDs of their own.
    """
    found: list[Path] = []
    seen: set[str] = set()
    for path in paths():
        if path.stat().st_size > LARGEST_BYTES:
            continue
        dataset = header(path)
        uid = str(dataset.get("SOPInstanceUID", "")) if dataset is not None else ""
        if dataset is None or not uid or not dataset.get("StudyInstanceUID") or uid in seen:
            continue
        seen.add(uid)
        found.append(path)
        yield path.read_bytes(), dataset
        if len(seen) == count:
            return
    for path in cycle(found):
        copy = _copy(path, len(seen))
        if copy is None:
            continue
        seen.add(copy[1].SOPInstanceUID)
        yield copy
        if len(seen) == count:
            return


def _copy(path: Path, number: int) -> tuple[bytes, Dataset] | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(path)
        if dataset.get("Modality") not in ("CT", "MR"):
            return None
        dataset.SOPInstanceUID = f"2.25.4711{number}"
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        file = io.BytesIO()
        dataset.save_as(file)
    return file.getvalue(), dataset


def header(path: Path) -> Dataset | None:
    """Read a file's data set without pixels; None if it is none that can be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            dataset: Dataset = pydicom.dcmread(path, stop_before_pixels=True)
            # Read all of it now: what can't be decoded is no use to a test that compares.
            str(dataset)
        except (InvalidDicomError, ValueError, NotImplementedError, OSError, EOFError, KeyError,
                AttributeError, TypeError, LookupError):  # fmt: skip
            return None
    return dataset

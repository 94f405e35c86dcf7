"""The DICOM files that come with pydicom, pydicom-data and deid-data from PyPI."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pydicom

_FOLDERS = ("pydicom/data", "data_store", "deid_data")
_NO_DICOM = {".dump", ".gz", ".icc", ".json", ".md", ".py", ".pyc", ".txt", ".zip"}


@cache
def public_files(size_max: int = 3_000_000) -> tuple[Path, ...]:
    """Return the files up to a size, in a fixed order; some are broken on purpose."""
    packages = Path(pydicom.__file__).parent.parent
    return tuple(
        file
        for folder in _FOLDERS
        for file in sorted((packages / folder).rglob("*"))
        if file.is_file() and file.suffix not in _NO_DICOM and file.stat().st_size <= size_max
    )

"""Reads instances where Orthanc keeps them, past its web server: for workers on the same machine.

Orthanc's own storage area has one file for each attachment, under the attachment's UUID, and never
writes to it again. What is not there as it should be (another kind of storage, compressed files,
no right to read) is fetched over HTTP as ever: nothing here is an error.
"""

from __future__ import annotations

import mmap
import os
import re
import stat
from pathlib import Path

MAPPED_BYTES_MIN = 1 << 22
"""A file from this size on is mapped instead of read: its pixels then never are in our memory."""

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_PREFIX = slice(128, 132)
"""Where a DICOM file says ``DICM`` (PS3.10 7.1). A compressed file, or one that Orthanc stored
without a preamble, does not."""


class StorageArea:
    """Orthanc's ``StorageDirectory`` (``pipeline.ports.Storage``)."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, uuid: str) -> bytes | memoryview | None:
        """Return the DICOM file under a UUID; None if it must be fetched another way."""
        if not _UUID.fullmatch(uuid):
            return None
        try:
            found = _read(self._root / uuid[:2] / uuid[2:4] / uuid)
        except (OSError, ValueError):
            return None
        return found if found[_PREFIX] == b"DICM" else None


def _read(path: Path) -> bytes | memoryview:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return b""
        if status.st_size >= MAPPED_BYTES_MIN:
            return memoryview(mmap.mmap(descriptor, 0, prot=mmap.PROT_READ))
        return file.read()

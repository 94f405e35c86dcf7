"""Goal: instances are read where Orthanc keeps them only if that gives Orthanc's own bytes.

Method: a folder that looks like Orthanc's storage area; what is read from it, and what is not.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import pytest

from gatehouse.adapters import plugin_configuration
from gatehouse.adapters.storage_area import MAPPED_BYTES_MIN, StorageArea
from gatehouse.pipeline.ports import FactsJob, Held
from gatehouse.pipeline.workbench import Bench
from gatehouse.policy.model import Origin
from support.dicom_builder import ct, to_bytes
from support.faults import MASTER_KEY, MemoryArchive

UUID = "0a1b2c3d-1111-2222-3333-0123456789ab"
DICOM = bytes(128) + b"DICM" + b"rest of the file"


def area(root: Path, content: bytes, uuid: str = UUID) -> StorageArea:
    """Return a storage area with one file."""
    file = root / uuid[:2] / uuid[2:4] / uuid
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    return StorageArea(root)


@pytest.mark.parametrize("size", [0, MAPPED_BYTES_MIN])
def test_a_file_is_read_whole_whether_small_or_mapped(tmp_path: Path, size: int) -> None:
    content = DICOM + bytes(size)

    found = area(tmp_path, content).read(UUID)

    assert found is not None
    assert bytes(found) == content


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(len(DICOM).to_bytes(8, "little") + zlib.compress(DICOM), id="compressed"),
        pytest.param(b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100", id="without a preamble"),
        pytest.param(b"", id="empty"),
    ],
)
def test_what_is_no_plain_file_of_dicom_is_fetched_from_orthanc(
    tmp_path: Path, content: bytes
) -> None:
    assert area(tmp_path, content).read(UUID) is None


@pytest.mark.parametrize("uuid", ["", "../../etc/passwd", UUID.upper(), UUID + "/x", UUID[:-1]])
def test_a_name_that_is_no_uuid_is_never_looked_up(tmp_path: Path, uuid: str) -> None:
    assert area(tmp_path, DICOM).read(uuid) is None


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    storage = area(tmp_path, DICOM)
    other = UUID.replace("0a1b", "0a1c")
    folder = tmp_path / other[:2] / other[2:4]
    folder.mkdir(parents=True)
    (folder / other).symlink_to(tmp_path / UUID[:2] / UUID[2:4] / UUID)

    assert storage.read(other) is None


def test_a_file_that_is_not_there_or_can_not_be_read_is_fetched(tmp_path: Path) -> None:
    storage = area(tmp_path, DICOM)
    (tmp_path / "ff" / "ff" / UUID.replace("0a1b", "ffff")).mkdir(parents=True)

    assert storage.read(UUID.replace("0a1b", "0a1d")) is None
    assert storage.read(UUID.replace("0a1b", "ffff")) is None


@pytest.mark.parametrize("is_there", [True, False])
def test_the_work_is_the_same_from_both_sources(tmp_path: Path, is_there: bool) -> None:
    dicom = to_bytes(ct(PatientID="ONE"))
    uuid = UUID if is_there else UUID.replace("0a1b", "0a1d")
    archive = MemoryArchive({} if is_there else {"instance-1": dicom})
    bench = Bench(archive, None, MASTER_KEY, storage=area(tmp_path, dicom))  # type: ignore[arg-type]

    found = bench.facts(FactsJob("instance-1", Origin(), frozenset({"PatientID"}), uuid))

    assert not isinstance(found, Held)
    assert found.attributes == {"PatientID": ("ONE",)}


@pytest.mark.parametrize(
    ("configured", "expected"),
    [("/var/lib/orthanc/db", "/var/lib/orthanc/db"), ("OrthancStorage", None), (None, None)],
)
def test_workers_are_told_of_the_folder_only_if_it_is_known_in_full(
    configured: str | None, expected: str | None
) -> None:
    configuration = json.loads(json.dumps({"StorageDirectory": configured}))

    assert plugin_configuration._storage(configuration).get("StorageDirectory") == expected

"""Goal: a study that was de-identified on reception arrives as well, whichever call fails.

Method: as in ``test_pipeline``: the n-th call of all fails, or is the last before the power goes,
for n = 1, 2, 3 ...; in the end both destinations have the very bytes that Orthanc stored.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.faults import CANARY, Fuse, Power
from support.reception_line import ReceptionLine
from support.studies import KEY

INSTANCES = 2


@pytest.fixture
def quick_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, if there is one: each run syncs its files some dozen times."""
    memory = Path("/dev/shm")  # noqa: S108
    folder = Path(tempfile.mkdtemp(dir=memory if os.access(memory, os.W_OK) else tmp_path))
    yield folder
    shutil.rmtree(folder)


def check(line: ReceptionLine) -> None:
    """The study is where it must be, once, as it was stored."""
    stored = set(line.archive.originals.values())
    assert line.ledger.study(1).state == "done"
    for destination in (line.research, line.peer):
        assert {dicom for _, dicom in destination.got} == stored
    assert not [dicom for dicom in stored if CANARY.encode() in dicom]
    assert line.archive.kept == {}
    assert [one.receipts for one in line.ledger.deliveries()] == [INSTANCES, INSTANCES]
    assert line.ledger.holds(open_only=False) == []
    assert line.ledger.verify_audit().is_intact
    assert not [file for file in line.spool.root.rglob("*") if file.is_file()]


@pytest.mark.parametrize(
    ("error", "is_after"), [(OSError, False), (Power, True)], ids=["fails", "power"]
)
def test_it_arrives_whichever_call_fails(
    quick_folder: Path, error: type[BaseException], is_after: bool
) -> None:
    number = 0
    is_over = False
    while not is_over:
        number += 1
        fuse = Fuse(0, error, is_after)
        line = ReceptionLine(quick_folder / str(number), fuse=fuse, instances=INSTANCES)
        key = line.come()
        fuse.at = fuse.calls + number

        line.run(key)

        assert key == KEY
        check(line)
        line.ledger.close()
        is_over = fuse.calls < fuse.at
    assert number > 30

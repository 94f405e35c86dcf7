"""Goal: an output is in the spool whole or not at all, under names of our making only.

Method: a real folder; writes are broken in the middle, files are damaged.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

import pytest

from gatehouse.adapters.spool import FolderSpool
from gatehouse.errors import HoldError

UID = "2.25.123"


@pytest.fixture
def spool(tmp_path: Path) -> FolderSpool:
    return FolderSpool(tmp_path / "spool")


def test_chunks_are_written_one_after_the_other(spool: FolderSpool) -> None:
    whole = b"preamble" + bytes(range(256)) * 1000

    sha256, size = spool.write(7, 2, UID, [whole[:8], memoryview(whole)[8:], b""])

    assert spool.path(7, 2, UID).read_bytes() == whole
    assert spool.path(7, 2, UID).relative_to(spool.root) == Path("7/2/2.25.123.dcm")
    assert (sha256, size) == (hashlib.sha256(whole).hexdigest(), len(whole))


def test_nobody_else_can_read_it(spool: FolderSpool) -> None:
    spool.write(7, 2, UID, [b"x"])

    modes = {
        path: stat.S_IMODE(path.stat().st_mode) & 0o077 for path in (spool.root / "7").rglob("*")
    }
    assert set(modes.values()) == {0}


def test_writing_again_replaces_it(spool: FolderSpool) -> None:
    spool.write(7, 2, UID, [b"first"])
    spool.write(7, 2, UID, [b"second"])

    assert spool.path(7, 2, UID).read_bytes() == b"second"


def test_a_write_that_fails_leaves_nothing(
    spool: FolderSpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(OSError, match="No space left"):
        spool.write(7, 2, UID, [b"x"])

    assert list((spool.root / "7" / "2").iterdir()) == []


@pytest.mark.parametrize("name", ["../1.2", "1.2/3", "", "1" * 65, "CANARY", ".1", "1.2\n"])
def test_a_name_that_is_no_uid_is_refused(spool: FolderSpool, name: str) -> None:
    with pytest.raises(HoldError, match="the new SOP Instance UID is not a UID"):
        spool.write(7, 2, name, [b"x"])


def test_damage_and_loss_are_noticed(spool: FolderSpool) -> None:
    sha256, _ = spool.write(7, 2, UID, [b"whole"])
    is_whole = spool.is_intact(7, 2, UID, sha256)
    spool.path(7, 2, UID).write_bytes(b"whale")

    assert is_whole
    assert not spool.is_intact(7, 2, UID, sha256)
    assert not spool.is_intact(7, 2, "2.25.999", sha256)


def test_runs_are_removed_alone_and_twice_without_harm(spool: FolderSpool) -> None:
    spool.write(7, 1, UID, [b"x"])
    spool.write(7, 2, UID, [b"x"])

    spool.remove(7, 1)
    spool.remove(7, 1)

    assert spool.runs() == [(7, 2)]
    spool.remove(7, 2)
    assert list(spool.root.iterdir()) == []

"""Goal: outputs appear whole or not at all, are known again by their size and ends, and are never
replaced by others.

Method: files of all sizes in as many chunks, written by the staging folder and measured again.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gatehouse.adapters.files import Staging, measure

END = 1 << 16


@pytest.fixture
def staging(tmp_path: Path) -> Staging:
    made = Staging(tmp_path, ".staging")
    made.open()
    return made


def content(size: int) -> bytes:
    return bytes(number * 7 % 251 for number in range(1024)) * (size // 1024 + 1)


@pytest.mark.parametrize(
    "size", [0, 1, END - 1, END, END + 1, 2 * END, 3 * END + 5, 9 << 20, 20 << 20]
)
@pytest.mark.parametrize("chunk", [1 << 12, 100_003, 30 << 20])
def test_what_was_written_is_there_and_known_again(size: int, chunk: int, staging: Staging) -> None:
    whole = content(size)[:size]
    chunks = [memoryview(whole)[at : at + chunk] for at in range(0, size, chunk)]

    written = staging.write("a/b.dcm", chunks, lambda: None, may_replace=False)

    target = staging.folder.parent / "a/b.dcm"
    assert target.read_bytes() == whole
    assert written == measure(target)
    assert not any(left.is_file() for left in staging.folder.rglob("*"))


def test_processes_do_not_wait_for_each_other_s_folder_and_leave_none(
    staging: Staging, monkeypatch: pytest.MonkeyPatch
) -> None:
    for pid in (4711, 4712):
        monkeypatch.setattr(os, "getpid", lambda pid=pid: pid)
        staging.write(f"{pid}.dcm", [b"whole"], lambda: None, may_replace=False)

    own = {folder.name for folder in staging.folder.iterdir()}
    staging.close()

    assert own == {"4711", "4712"}
    assert not staging.folder.exists()


@pytest.mark.parametrize("at", [0, END - 1, -1, -END])
def test_a_change_at_an_end_of_a_file_is_noticed(at: int, staging: Staging) -> None:
    written = staging.write("a.dcm", [content(4 * END)], lambda: None, may_replace=False)
    target = staging.folder.parent / "a.dcm"
    changed = bytearray(target.read_bytes())
    changed[at] ^= 1

    target.write_bytes(changed)

    assert measure(target) != written


def test_a_file_that_differs_only_in_its_middle_is_not_replaced(staging: Staging) -> None:
    one, other = bytearray(content(4 * END)), bytearray(content(4 * END))
    other[2 * END] ^= 1
    staging.write("a.dcm", [one], lambda: None, may_replace=False)

    written = staging.write("a.dcm", [other], lambda: None, may_replace=False)

    assert written is None
    assert (staging.folder.parent / "a.dcm").read_bytes() == one


def test_the_same_file_again_is_no_conflict(staging: Staging) -> None:
    first = staging.write("a.dcm", [content(3 * END)], lambda: None, may_replace=False)

    assert staging.write("a.dcm", [content(3 * END)], lambda: None, may_replace=False) == first

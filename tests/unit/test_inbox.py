"""Goal: what Orthanc holds is in the ledger, once, whatever happened to the change log.

Method: a fake archive with a change log, and a real ledger in SQLite; the clock is a number.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gatehouse.adapters import inbox as inbox_module
from gatehouse.adapters.inbox import Inbox
from gatehouse.adapters.ledger import Ledger
from support.archive_fake import FakeArchive
from support.studies import KEY, SERVER, output

START = 1000.7
"""When the inbox is opened for the first time."""


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def archive() -> FakeArchive:
    return FakeArchive()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(f"sqlite:///{tmp_path}/gatehouse.db")
    yield opened
    opened.close()


@pytest.fixture
def inbox(archive: FakeArchive, ledger: Ledger, clock: Clock) -> Inbox:
    return Inbox(archive, ledger, SERVER, clock=clock)


def states(ledger: Ledger) -> dict[str, str]:
    return {study.orthanc_id: study.state for study in ledger.studies()}


def test_an_instance_that_comes_is_recorded_as_received(
    inbox: Inbox, archive: FakeArchive, ledger: Ledger
) -> None:
    inbox.begin()
    archive.store("a")

    news = inbox.read_changes()

    assert news == 1
    assert states(ledger) == {"study": "receiving"}
    assert ledger.cursor(SERVER) == archive.last


def test_reading_again_finds_nothing_new_and_asks_for_nothing(
    inbox: Inbox, archive: FakeArchive
) -> None:
    inbox.begin()
    archive.store("a")
    inbox.read_changes()
    archive.described.clear()

    assert inbox.read_changes() == 0
    assert archive.described == []


def test_a_long_log_is_read_page_by_page(
    inbox: Inbox, archive: FakeArchive, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox_module, "PAGE", 3)
    inbox.begin()
    for number in range(10):
        archive.store(f"i{number}", study=f"s{number}")

    assert inbox.read_changes() == 10
    assert len(states(ledger)) == 10


def test_what_was_there_before_the_first_start_is_archived(
    inbox: Inbox, archive: FakeArchive, ledger: Ledger
) -> None:
    archive.store("old", study="old", at=999)
    inbox.begin()

    assert inbox.read_changes() == 0
    inbox.compare()

    assert states(ledger) == {"old": "archived"}


def test_what_comes_while_the_archive_is_compared_for_the_first_time_is_received(
    inbox: Inbox, archive: FakeArchive, ledger: Ledger
) -> None:
    archive.store("old", study="old", at=999)
    inbox.begin()
    archive.store("new", study="new", at=1000)

    inbox.compare()
    inbox.read_changes()

    assert states(ledger) == {"old": "archived", "new": "receiving"}


def test_what_came_in_the_very_second_of_the_first_start_is_not_lost(
    inbox: Inbox, archive: FakeArchive, ledger: Ledger
) -> None:
    archive.store("in doubt", at=1000)
    inbox.begin()

    inbox.compare()

    assert states(ledger) == {"study": "receiving"}


def test_an_instance_without_a_time_is_not_lost(
    inbox: Inbox, archive: FakeArchive, ledger: Ledger
) -> None:
    archive.store("a", at=None)
    inbox.begin()

    inbox.compare()

    assert states(ledger) == {"study": "receiving"}


def test_an_instance_whose_change_was_deleted_is_found_by_comparing(
    inbox: Inbox, archive: FakeArchive, ledger: Ledger
) -> None:
    inbox.begin()
    archive.store("a", at=2000)
    archive.log.clear()

    assert inbox.read_changes() == 0
    assert inbox.compare() == 1
    assert states(ledger) == {"study": "receiving"}


def test_an_overwritten_instance_opens_the_study_again(
    inbox: Inbox, archive: FakeArchive, ledger: Ledger
) -> None:
    inbox.begin()
    archive.store("a", digest="first")
    inbox.read_changes()
    ledger.quiet_studies(START + 100, 1)

    archive.store("a", digest="second")

    assert inbox.read_changes() == 1
    assert ledger.study("study").generation == 2


def test_a_re_sent_duplicate_is_nothing_new(
    inbox: Inbox, archive: FakeArchive, ledger: Ledger
) -> None:
    inbox.begin()
    archive.store("a", digest="same")
    inbox.read_changes()

    archive.store("a", digest="same")

    assert inbox.read_changes() == 0


def test_our_own_outputs_are_not_received(
    inbox: Inbox, archive: FakeArchive, ledger: Ledger
) -> None:
    inbox.begin()
    archive.store("a")
    inbox.read_changes()
    ledger.register_own_outputs(KEY, SERVER, [output(1)], START)

    archive.store("made-1", study="made-study")
    inbox.read_changes()
    inbox.compare()

    assert list(states(ledger)) == ["study"]


def test_an_instance_that_is_gone_before_it_is_described_is_left_out(
    inbox: Inbox, archive: FakeArchive, ledger: Ledger
) -> None:
    inbox.begin()
    archive.store("a")
    del archive.instances["a"]

    assert inbox.read_changes() == 0
    assert ledger.cursor(SERVER) == archive.last


def test_an_instance_that_vanished_is_noted_and_comes_back_as_new(
    inbox: Inbox, archive: FakeArchive, ledger: Ledger
) -> None:
    inbox.begin()
    archive.store("a")
    archive.store("b")
    inbox.read_changes()

    archive.delete("a")
    inbox.compare()
    assert ledger.study("study").instances == 1

    archive.store("a")
    assert inbox.read_changes() == 1
    assert ledger.study("study").instances == 2


def test_an_instance_that_the_listing_only_skipped_is_not_taken_for_gone(
    inbox: Inbox, archive: FakeArchive, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox.begin()
    archive.store("a")
    inbox.read_changes()
    monkeypatch.setattr(archive, "instance_ids", lambda: iter([]))

    inbox.compare()

    assert ledger.study("study").instances == 1


def test_a_cursor_behind_the_end_of_the_log_is_set_back(
    archive: FakeArchive, ledger: Ledger, clock: Clock
) -> None:
    first = Inbox(archive, ledger, SERVER, clock=clock)
    first.begin()
    for number in range(5):
        archive.store(f"i{number}")
    first.read_changes()

    other = FakeArchive()
    other.store("of the backup", study="of the backup", at=2000)
    other.store("older than us", study="older than us", at=500)
    second = Inbox(other, ledger, SERVER, clock=clock)
    second.begin()
    other.store("later", study="later", at=2001)
    second.read_changes()
    second.compare()

    found = states(ledger)
    assert found["of the backup"] == "receiving"
    assert found["older than us"] == "archived"
    assert found["later"] == "receiving"
    assert ledger.cursor(SERVER) == other.last


def test_a_failing_archive_leaves_the_cursor_where_it_was(
    inbox: Inbox, archive: FakeArchive, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox.begin()
    archive.store("a")
    before = ledger.cursor(SERVER)
    working = archive.describe

    def fails(ids: list[str]) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(archive, "describe", fails)
    with pytest.raises(ConnectionResetError):
        inbox.read_changes()
    assert ledger.cursor(SERVER) == before

    monkeypatch.setattr(archive, "describe", working)
    assert inbox.read_changes() == 1


def test_changes_that_show_up_late_before_the_cursor_are_read_with_an_overlap(
    archive: FakeArchive, ledger: Ledger, clock: Clock
) -> None:
    inbox = Inbox(archive, ledger, SERVER, overlap=100, clock=clock)
    inbox.begin()
    archive.store("late", study="late", at=2000)
    archive.store("early", study="early", at=2000)
    late_row, archive.log = archive.log[0], archive.log[1:]
    inbox.read_changes()
    assert list(states(ledger)) == ["early"]

    archive.log.insert(0, late_row)
    inbox.read_changes()

    assert set(states(ledger)) == {"early", "late"}


def test_the_overlap_describes_nothing_twice(
    archive: FakeArchive, ledger: Ledger, clock: Clock
) -> None:
    inbox = Inbox(archive, ledger, SERVER, overlap=100, clock=clock)
    inbox.begin()
    archive.store("a")
    inbox.read_changes()
    archive.described.clear()

    inbox.read_changes()

    assert archive.described == []


def test_the_overlap_does_not_reach_behind_the_first_start(
    archive: FakeArchive, ledger: Ledger, clock: Clock
) -> None:
    archive.store("old", study="old", at=500)
    inbox = Inbox(archive, ledger, SERVER, overlap=100, clock=clock)
    inbox.begin()

    inbox.read_changes()

    assert states(ledger) == {"old": "archived"}

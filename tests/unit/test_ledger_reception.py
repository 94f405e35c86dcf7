"""Goal: each line of the journal of reception is in the ledger once, before its instance is.

Method: journals are written as Orthanc's process writes them, also torn and broken, and read into
real ledgers on SQLite and PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gatehouse.adapters import journal_reader, ledger_reception
from gatehouse.adapters.inbox import Inbox
from gatehouse.adapters.journal_reader import JournalReader
from gatehouse.adapters.ledger import Ledger
from gatehouse.adapters.reception_journal import JournalWriter
from gatehouse.pipeline.reception_journal import FOLDER, ReceptionRefusal
from support.archive_fake import FakeArchive
from support.postgresql import database_url, postgresql  # noqa: F401  fixtures
from support.studies import KEY, SERVER, mark, output, received

OTHER_SHA = "e" * 64


def refused(number: int = 1, rule: str = "no-policy") -> ReceptionRefusal:
    return ReceptionRefusal(float(number), rule, "no policy is for this study", "", "s", "i")


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:  # noqa: F811  the fixture
    opened = Ledger(database_url)
    yield opened
    opened.close()


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[JournalWriter]:
    opened = JournalWriter(tmp_path, lines_per_file=3)
    yield opened
    opened.close()


@pytest.fixture
def reader(tmp_path: Path, ledger: Ledger) -> JournalReader:
    return JournalReader(tmp_path / FOLDER, ledger, SERVER, clock=lambda: 50.0)


def files(folder: Path) -> list[Path]:
    return sorted((folder / FOLDER).iterdir())


def test_without_a_journal_there_is_nothing_to_read(reader: JournalReader) -> None:
    assert reader.read() == 0


def test_what_was_taken_in_is_marked_as_the_journal_says(
    reader: JournalReader, writer: JournalWriter, ledger: Ledger
) -> None:
    writer.write(mark())

    assert reader.read() == 1

    assert ledger.marks(SERVER, ["instance-1", "instance-2"]) == {"instance-1": [mark()]}
    assert ledger.marks("another", ["instance-1"]) == {}


def test_an_instance_that_came_out_otherwise_later_has_both_marks_the_newest_first(
    reader: JournalReader, writer: JournalWriter, ledger: Ledger
) -> None:
    writer.write(mark())
    writer.write(mark(sha256=OTHER_SHA, at=20.0))
    writer.write(mark(at=30.0))

    reader.read()

    found = ledger.marks(SERVER, ["instance-1"])["instance-1"]
    assert [(one.at, one.sha256) for one in found] == [
        (30.0, mark().sha256),
        (20.0, OTHER_SHA),
    ]


def test_refusals_are_counted_by_rule_and_the_last_are_kept(
    reader: JournalReader,
    writer: JournalWriter,
    ledger: Ledger,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ledger_reception, "REFUSALS_MAX", 2)
    for number in (1, 2, 3):
        writer.write(refused(number))
    writer.write(refused(4, "adults-only"))
    writer.write(mark())

    reader.read()

    counts = ledger.reception_counts()
    assert (counts.taken_in, counts.refused) == (1, {"no-policy": 3, "adults-only": 1})
    assert [one.at for one in ledger.refusals()] == [4.0, 3.0]
    assert ledger.refused_since(4.0) == 1


def test_each_line_is_read_once_also_by_a_reader_that_starts_anew(
    reader: JournalReader, writer: JournalWriter, ledger: Ledger, tmp_path: Path
) -> None:
    writer.write(refused())
    assert reader.read() == 1
    writer.write(refused())

    assert JournalReader(tmp_path / FOLDER, ledger, SERVER).read() == 1

    # The first one does not know that the other was quicker.
    assert reader.read() == 0
    assert ledger.reception_counts().refused == {"no-policy": 2}


def test_a_file_that_was_read_to_its_end_is_removed_unless_it_is_the_newest(
    reader: JournalReader, writer: JournalWriter, ledger: Ledger, tmp_path: Path
) -> None:
    for number in range(1, 8):
        writer.write(refused(number))
    newest = files(tmp_path)[-1]

    assert reader.read() == 7

    assert files(tmp_path) == [newest]
    assert ledger.journal_position(SERVER, newest.name) == newest.stat().st_size
    assert reader.read() == 0


def test_a_line_without_its_end_is_not_read_until_it_has_one(
    reader: JournalReader, writer: JournalWriter, ledger: Ledger, tmp_path: Path
) -> None:
    writer.write(refused())
    [file] = files(tmp_path)
    line = mark().to_line()
    with file.open("ab") as stream:
        stream.write(line[:-1])
    assert reader.read() == 1

    with file.open("ab") as stream:
        stream.write(line[-1:])

    assert reader.read() == 1
    assert ledger.marks(SERVER, ["instance-1"])


def test_half_a_line_in_a_file_that_nobody_writes_any_more_goes_with_it(
    reader: JournalReader, writer: JournalWriter, ledger: Ledger, tmp_path: Path
) -> None:
    writer.write(refused())
    [file] = files(tmp_path)
    with file.open("ab") as stream:
        stream.write(mark().to_line()[:-5])
    writer.open()

    reader.read()

    assert file not in files(tmp_path)
    assert ledger.marks(SERVER, ["instance-1"]) == {}


@pytest.mark.parametrize("line", [b"{}\n", b"\n", b"x" * 300_000 + b"\n", b"\xff\x00\n"])
def test_a_line_that_cannot_be_read_is_told_and_those_around_it_are_read(
    reader: JournalReader, writer: JournalWriter, ledger: Ledger, tmp_path: Path, line: bytes
) -> None:
    writer.write(mark())
    with files(tmp_path)[0].open("ab") as stream:
        stream.write(line + mark("instance-2").to_line())

    reader.read()

    assert ledger.marks(SERVER, ["instance-1", "instance-2"]).keys() == {"instance-1", "instance-2"}
    found = ledger.refusals()
    assert {one.rule for one in found} == {journal_reader.UNREADABLE}
    assert ledger.refused_since(50.0) == len(found) > 0


def test_a_ledger_that_was_restored_from_a_backup_gets_again_what_is_there(
    writer: JournalWriter, tmp_path: Path, ledger: Ledger
) -> None:
    reader = JournalReader(tmp_path / FOLDER, ledger, SERVER)
    writer.write(mark())
    reader.read()
    [file] = files(tmp_path)
    ledger.forget_journal(SERVER, file.name)
    writer.write(mark("instance-2"))

    reader.read()

    assert len(ledger.marks(SERVER, ["instance-1", "instance-2"])) == 2
    assert ledger.journal_position(SERVER, file.name) == file.stat().st_size


def test_an_instance_is_never_recorded_before_its_mark_is(
    writer: JournalWriter, reader: JournalReader, ledger: Ledger
) -> None:
    class WritesLate(FakeArchive):
        def changes(self, since: int, limit: int):  # type: ignore[no-untyped-def]
            # As Orthanc does: the line first, then the instance, then the answer to whoever asks.
            writer.write(mark())
            self.store("instance-1")
            return super().changes(since, limit)

    inbox = Inbox(WritesLate(), ledger, SERVER, journal=reader)  # type: ignore[arg-type]
    inbox.begin()

    assert inbox.read_changes() == 1

    assert ledger.marks(SERVER, ["instance-1"])


def test_what_was_made_on_reception_is_received_also_if_it_was_our_output_before(
    writer: JournalWriter, reader: JournalReader, ledger: Ledger
) -> None:
    ledger.record_changes(SERVER, 1, [received()], 1.0)
    ledger.register_own_outputs(KEY, SERVER, [output(1), output(2)], 2.0)
    writer.write(mark(output(1).orthanc_id_new))
    writer.write(mark("only-marked-3"))
    reader.read()

    ids = [output(1).orthanc_id_new, output(2).orthanc_id_new]
    news = ledger.record_changes(
        SERVER, 2, [received(one, "made-study", "digest-2") for one in ids], 3.0
    )

    assert news == 1
    assert ledger.own_outputs(SERVER, ids) == {ids[1]}
    every = (*ids, "only-marked-3", "instance-1")
    assert [ledger.is_our_output(SERVER, one) for one in every] == [True, True, True, False]


def test_nothing_is_made_early_of_what_was_de_identified_on_reception(
    writer: JournalWriter, reader: JournalReader, ledger: Ledger
) -> None:
    writer.write(mark())
    reader.read()
    ledger.record_changes(SERVER, 1, [received(), received("instance-2")], 1.0)

    arrivals, _ = ledger.arrivals(SERVER, 0, 10)

    assert [one.instance.orthanc_id for one in arrivals] == ["instance-2"]

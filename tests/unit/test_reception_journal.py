"""Lines of the journal of reception say the same after they were written and read.

Goal: what Orthanc's plugin writes is what the service reads, and nothing else is taken for it.
Method: write and read values; hand over lines that are torn, foreign or of the wrong types.
"""

import dataclasses
import json

import pytest

from gatehouse.pipeline.reception_journal import (
    LINE_MAX_BYTES,
    JournalError,
    ReceptionMark,
    ReceptionRefusal,
    file_name,
    from_line,
    is_file_name,
)

MARK = ReceptionMark(
    at=1763800000.123,
    instance="11111111-22222222-33333333-44444444-55555555",
    study="66666666-22222222-33333333-44444444-55555555",
    pack="p" * 64,
    policy="q" * 64,
    key_id="0123abcd",
    software="1.0",
    sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
    transfer_syntax_uid="1.2.840.10008.1.2.1",
    sop_instance_uid_old="1.2.3",
    sop_instance_uid_new="2.25.1",
    series_instance_uid_new="2.25.2",
    study_instance_uid_new="2.25.3",
    sha256="a" * 64,
    size=1234,
    needles=12,
    actions={"X": 3, "D": 1},
)
REFUSAL = ReceptionRefusal(
    at=1763800001.5, rule="no-policy", reason="no policy matches", path="", study="s", instance="i"
)


@pytest.mark.parametrize("entry", [MARK, REFUSAL])
def test_what_was_written_is_read(entry):
    line = entry.to_line()

    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert from_line(line) == entry
    assert from_line(line.rstrip(b"\n")) == entry


def test_a_line_break_in_a_text_does_not_break_the_line():
    entry = dataclasses.replace(REFUSAL, reason="one\ntwo")

    assert entry.to_line().count(b"\n") == 1
    assert from_line(entry.to_line()) == entry


@pytest.mark.parametrize("length", range(1, len(MARK.to_line()) - 1, 97))
def test_a_torn_line_is_none(length):
    with pytest.raises(JournalError):
        from_line(MARK.to_line()[:length])


@pytest.mark.parametrize(
    "change",
    [
        {"took": "refused"},
        {"took": "out"},
        {"size": "12"},
        {"size": True},
        {"needles": 1.5},
        {"actions": {"X": "3"}},
        {"actions": []},
        {"sha256": None},
        {"more": "than it must have"},
    ],
)
def test_a_line_with_other_fields_is_none(change):
    line = json.dumps({**json.loads(MARK.to_line()), **change}).encode()

    with pytest.raises(JournalError) as caught:
        from_line(line)

    assert MARK.sop_instance_uid_old not in str(caught.value)


@pytest.mark.parametrize("missing", ["at", "sha256", "took"])
def test_a_line_that_lacks_a_field_is_none(missing):
    fields = json.loads(MARK.to_line())
    del fields[missing]

    with pytest.raises(JournalError):
        from_line(json.dumps(fields).encode())


@pytest.mark.parametrize("line", [b"", b"[]", b"null", b"\xff\n", b"[" * (LINE_MAX_BYTES + 1)])
def test_what_is_no_object_is_no_line(line):
    with pytest.raises(JournalError):
        from_line(line)


def test_names_of_journals_are_in_the_order_in_which_they_were_opened():
    first, second = file_name(999_999_999), file_name(1_763_800_000_000_000_000)

    assert first < second
    assert is_file_name(first)
    assert not is_file_name(first + ".new")
    assert not is_file_name("journal-1.jsonl")

"""Goal: Orthanc gets verified bytes or the refusal from the callback, whatever happens inside it.

Method: the callback as Orthanc calls it, over a stub of the module ``orthanc``, with real files of
policies, keys and journal that are broken, exchanged and taken away while it runs.
"""

from __future__ import annotations

import errno
import gc
import os
import pickle
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gatehouse import __version__
from gatehouse.adapters import lent, reception, reception_files, reception_journal
from gatehouse.adapters.own_output import OwnOutputs
from gatehouse.adapters.reception import Desk, check_configuration, received_callback
from gatehouse.errors import ConfigurationError, PolicyError
from gatehouse.pipeline.reception_journal import ReceptionMark, ReceptionRefusal
from support.dicom_builder import ct_bytes
from support.orthanc_stub import OrthancStub
from support.reception import hand_over, journal, key_file, pack, policy
from support.unix_server import unix_service

MODIFY = OrthancStub.ReceivedInstanceAction.MODIFY
REFUSED = (MODIFY, b"")
BY_C_STORE, BY_HTTP = 2, 3


class Plugin:
    """The callback over a home of its own."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.key_file = key_file(folder)
        self.orthanc = OrthancStub({})
        hand_over(self.home, pack())

    def start(self) -> Callable[[Any, Any], Any]:
        own = OwnOutputs(self.home / "run" / "service.sock", "secret")
        desk = Desk(self.home, self.key_file, own)
        return received_callback(self.orthanc, desk)  # type: ignore[arg-type]

    @property
    def rules(self) -> list[str]:
        return [one.rule for one in journal(self.home) if isinstance(one, ReceptionRefusal)]


@pytest.fixture
def plugin(tmp_path: Path) -> Plugin:
    return Plugin(tmp_path)


def failing(number: int) -> Callable[..., Any]:
    def fail(*_: object) -> Any:
        raise OSError(number, os.strerror(number))

    return fail


def test_orthanc_gets_the_de_identified_bytes(plugin: Plugin) -> None:
    received = plugin.start()

    action, dicom = received(ct_bytes(PatientID="CANARY7"), BY_C_STORE)

    [mark] = journal(plugin.home)
    assert action == MODIFY
    assert isinstance(mark, ReceptionMark)
    assert len(dicom) == mark.size > 1000
    assert b"CANARY7" not in dicom


def test_python_looks_for_cycles_less_often_than_by_itself(plugin: Plugin) -> None:
    before = gc.get_threshold()

    try:
        plugin.start()

        assert gc.isenabled()
        assert gc.get_threshold() == reception.GC_THRESHOLDS
    finally:
        gc.set_threshold(*before)


def test_what_is_refused_is_told_by_rule_alone(plugin: Plugin) -> None:
    received = plugin.start()

    assert received(ct_bytes(BurnedInAnnotation="YES"), BY_HTTP) == REFUSED
    assert plugin.orthanc.warnings == ["Gatehouse: an instance was refused (pixels.suspicious)"]


@pytest.mark.parametrize("origin", ["?", None, object()])
def test_an_origin_that_is_not_understood_refuses(plugin: Plugin, origin: object) -> None:
    received = plugin.start()

    assert received(ct_bytes(), origin) == REFUSED


@pytest.mark.parametrize("dicom", [None, "text", 7, b""])
def test_what_are_no_bytes_is_refused(plugin: Plugin, dicom: object) -> None:
    received = plugin.start()

    assert received(dicom, BY_C_STORE) == REFUSED


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt, MemoryError])
def test_nothing_that_is_raised_leaves_the_callback(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    received = plugin.start()

    def fail(*_: object) -> Any:
        raise error("Canary^Tweety")

    monkeypatch.setattr(Desk, "receive", fail)

    assert received(ct_bytes(), BY_C_STORE) == REFUSED
    assert plugin.orthanc.warnings == [f"Gatehouse: an instance was refused ({error.__name__})"]


def test_a_log_that_fails_does_not_leave_the_callback(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    received = plugin.start()
    monkeypatch.setattr(OrthancStub, "LogWarning", failing(errno.ENOSPC))

    assert received(b"no DICOM", BY_C_STORE) == REFUSED


def test_another_pack_decides_from_the_next_instance_on(plugin: Plugin) -> None:
    received = plugin.start()
    assert received(ct_bytes(), BY_C_STORE) != REFUSED
    hand_over(plugin.home, pack(policy("mr", "{all: [{Modality: {in: [MR]}}]}")))

    assert received(ct_bytes(), BY_C_STORE) == REFUSED
    assert plugin.rules == ["no-policy"]


def test_without_a_pack_everything_is_refused_until_there_is_one(plugin: Plugin) -> None:
    received = plugin.start()
    reception_files.remove_pack(plugin.home / "run")

    assert received(ct_bytes(), BY_C_STORE) == REFUSED
    assert received(ct_bytes(), BY_C_STORE) == REFUSED
    hand_over(plugin.home, pack())
    assert received(ct_bytes(), BY_C_STORE) != REFUSED
    assert plugin.rules == ["reception.no-policies"] * 2


BROKEN: dict[str, Callable[[Path], object]] = {
    "torn": lambda file: file.write_bytes(file.read_bytes()[:-20]),
    "empty": lambda file: file.write_bytes(b""),
    "of another kind": lambda file: file.write_bytes(pickle.dumps(["something else"])),
    "of another version": lambda file: file.write_bytes(
        pickle.dumps(("0.0.0", lent.packages_here(), pack()))
    ),
    "not for reception": lambda file: file.write_bytes(
        pickle.dumps((__version__, lent.packages_here(), pack(reception=False)))
    ),
    "open to others": lambda file: file.chmod(0o644),
    "another user's": lambda file: os.chown(file, 12345, 12345),
    "a link": lambda file: file.symlink_to(file.rename(file.parent / "elsewhere")),
    "away": Path.unlink,
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_file_of_policies_that_is_not_right_refuses(plugin: Plugin, how: str) -> None:
    received = plugin.start()
    file = plugin.home / "run" / reception_files.FILE
    # Whoever changes a file changes its time; this is so quick that it might not.
    os.utime(file, ns=(1, 1))
    BROKEN[how](file)

    assert received(ct_bytes(), BY_C_STORE) == REFUSED
    assert plugin.rules == ["reception.no-policies"]


@pytest.mark.parametrize("how", ["torn", "open to others", "away", "of another version"])
def test_orthanc_does_not_start_with_such_a_file(plugin: Plugin, how: str) -> None:
    BROKEN[how](plugin.home / "run" / reception_files.FILE)

    with pytest.raises(ConfigurationError):
        plugin.start()


def test_orthanc_does_not_start_without_its_key(plugin: Plugin) -> None:
    plugin.key_file.chmod(0o640)

    with pytest.raises(ConfigurationError, match="mode 0640"):
        plugin.start()


def test_orthanc_does_not_start_without_a_journal(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reception_journal.os, "fsync", failing(errno.EIO))

    with pytest.raises(ConfigurationError, match="journal"):
        plugin.start()


def test_a_full_disk_refuses_and_leaves_no_half_line(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    received = plugin.start()
    assert received(ct_bytes(), BY_C_STORE) != REFUSED
    write = os.write
    with monkeypatch.context() as full:
        full.setattr(reception_journal.os, "write", lambda fd, line: write(fd, line[:100]))
        assert received(ct_bytes(), BY_C_STORE) == REFUSED
        assert received(ct_bytes(), BY_C_STORE) == REFUSED

    assert received(ct_bytes(), BY_C_STORE) != REFUSED
    assert [type(one) for one in journal(plugin.home)] == [ReceptionMark, ReceptionMark]


def test_a_disk_that_does_not_take_a_line_for_good_refuses(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    received = plugin.start()
    with monkeypatch.context() as broken:
        broken.setattr(reception_journal.os, "fdatasync", failing(errno.EIO))
        assert received(ct_bytes(), BY_C_STORE) == REFUSED

    assert plugin.rules == ["reception.journal"]
    assert len(journal(plugin.home)) == 1


def test_an_own_output_is_asked_of_the_service(plugin: Plugin) -> None:
    received = plugin.start()
    _, own = received(ct_bytes(), BY_C_STORE)
    with unix_service(plugin.home / "run" / "service.sock") as service:
        service.body = b'{"is_own": true}'
        assert received(own, BY_C_STORE) == REFUSED
        service.body = b'{"is_own": false}'
        assert received(own, BY_C_STORE) == (MODIFY, own)

    [mark, *_] = journal(plugin.home)
    assert plugin.rules == ["reception.own-output"]
    assert service.asked[0]["target"] == f"/reception/own-output/{mark.instance}"
    assert service.asked[0]["headers"]["x-gatehouse-secret"] == "secret"


@pytest.mark.parametrize("body", [b"", b"[]", b'{"is_own": 1}', b'{"own": true}'])
def test_an_answer_that_is_not_understood_is_none(plugin: Plugin, body: bytes) -> None:
    received = plugin.start()
    with unix_service(plugin.home / "run" / "service.sock") as service:
        service.body = body

        assert received(ct_bytes(PatientIdentityRemoved="YES"), BY_C_STORE) == REFUSED

    assert plugin.rules == ["reception.unanswered"]


def test_a_service_that_is_silent_is_not_waited_for_for_long(plugin: Plugin) -> None:
    path = plugin.home / "run" / "service.sock"
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        silent.listen()

        assert OwnOutputs(path, "secret", timeout_s=0.2).is_own_output("any") is None


def test_what_the_virtual_environment_lacks_is_said_at_the_start(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lent, "PACKAGES", ("anyascii_of_another_world",))

    with pytest.raises(ConfigurationError, match="anyascii_of_another_world can't be loaded"):
        plugin.start()


def test_an_expression_is_compiled_before_an_instance_needs_it(plugin: Plugin) -> None:
    hand_over(plugin.home, pack(policy(match="{all: [{StudyDescription: {matches: 'chest'}}]}")))
    received = plugin.start()

    assert received(ct_bytes(StudyDescription="CT Chest"), BY_C_STORE) != REFUSED
    assert received(ct_bytes(StudyDescription="MR knee"), BY_C_STORE) == REFUSED


def test_orthanc_must_not_change_what_was_verified() -> None:
    with pytest.raises(ConfigurationError, match="IngestTranscoding"):
        check_configuration({"IngestTranscoding": "1.2.840.10008.1.2.4.80"})

    check_configuration({"IngestTranscoding": ""})


def test_a_pack_that_can_t_be_written_takes_the_old_one_away(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = plugin.home / "run"
    monkeypatch.setattr(reception_files.os, "fsync", failing(errno.ENOSPC))

    with pytest.raises(PolicyError, match="No space left"):
        reception_files.write_pack(run, pack(), lent.packages_here())

    assert reception_files.stamp(run) is None


def test_a_new_file_is_begun_after_many_lines_and_is_always_the_last(tmp_path: Path) -> None:
    clock = iter([100, 50, 200])  # set back once
    writer = reception_journal.JournalWriter(tmp_path, lines_per_file=2, now_ns=lambda: next(clock))
    writer.open()
    for number in range(6):
        writer.write(ReceptionRefusal(float(number), "some-rule", ""))
    writer.close()

    files = sorted((tmp_path / "reception").iterdir())
    assert [len(file.read_bytes().splitlines()) for file in files] == [2, 2, 2]
    assert [one.at for one in journal(tmp_path)] == [0, 1, 2, 3, 4, 5]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert (tmp_path / "reception").stat().st_mode & 0o777 == 0o700


def test_protocols_are_those_of_the_inbox() -> None:
    from gatehouse.adapters.orthanc_client import PROTOCOLS

    assert set(reception.PROTOCOLS.values()) == set(PROTOCOLS.values())

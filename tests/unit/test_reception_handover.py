"""Goal: Orthanc is told of reception mode before it registers anything, and follows what decides.

Method: the check and the desk over a ledger in a file, and the file that the callback reads.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gatehouse.adapters import lent, reception_files, service
from gatehouse.adapters.ledger import Ledger
from gatehouse.adapters.own_output import OwnOutputs, answering
from gatehouse.adapters.policy_desk import PolicyDesk
from gatehouse.adapters.reception_handover import OTHER_RECEPTION, ReceptionHandover
from gatehouse.adapters.settings import Settings
from gatehouse.errors import ConfigurationError
from gatehouse.pipeline.packs import PackShelf
from gatehouse.policy.model import Pack
from support.desk import make_desk
from support.reception import key_file, pack, policy

OTHER = "99999999-11111111-22222222-33333333-44444444"
OWN = "00000000-11111111-22222222-33333333-44444444"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home" / "run").mkdir(mode=0o700, parents=True)
    (tmp_path / "home").chmod(0o700)
    return tmp_path / "home"


@pytest.fixture
def ledger(home: Path) -> Iterator[Ledger]:
    ledger = Ledger(f"sqlite:///{home}/gatehouse.db")
    yield ledger
    ledger.close()


def activate(ledger: Ledger, which: Pack) -> None:
    ledger.activate_pack(which, "somebody", "", 1.0)


def check_with(
    monkeypatch: pytest.MonkeyPatch, home: Path, which: Pack, **changes: Any
) -> Settings:
    monkeypatch.setattr(service, "load_policies", lambda _: which)
    settings = Settings(
        home, key_file(home), "http://127.0.0.1:1", policies=home, server="orthanc", **changes
    )
    service.check(settings)
    return settings


def handed(home: Path) -> str:
    """Return the digest of the pack that the callback would use, or "" if there is none."""
    if reception_files.stamp(home / "run") is None:
        return ""
    return reception_files.read_pack(home / "run").pack.digest


def test_the_check_leaves_a_pack_for_reception_to_the_plugin(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    which = pack()

    check_with(monkeypatch, home, which)

    assert handed(home) == which.digest
    assert (home / "run" / reception_files.FILE).stat().st_mode & 0o777 == 0o600


def test_the_check_takes_a_pack_away_that_is_not_for_reception_any_more(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    check_with(monkeypatch, home, pack())

    check_with(monkeypatch, home, pack(reception=False))

    assert handed(home) == ""


def test_with_four_eyes_the_check_takes_what_will_go_on_to_decide(
    monkeypatch: pytest.MonkeyPatch, home: Path, ledger: Ledger
) -> None:
    old, new = pack(), pack(policy(version=2))
    activate(ledger, old)

    check_with(monkeypatch, home, new, four_eyes=True)

    assert handed(home) == old.digest


@pytest.mark.parametrize("is_on", [True, False])
def test_a_service_does_not_serve_another_mode_than_orthanc_s(
    monkeypatch: pytest.MonkeyPatch, home: Path, is_on: bool
) -> None:
    which = pack(reception=not is_on)
    settings = check_with(monkeypatch, home, which, reception=is_on)
    read_end, _ = os.pipe()

    with os.fdopen(read_end, "rb") as stdin, pytest.raises(ConfigurationError) as caught:
        service.run(settings, stdin)

    assert str(caught.value) == OTHER_RECEPTION


def test_what_is_activated_is_handed_over(home: Path, ledger: Ledger) -> None:
    handover = ReceptionHandover(home / "run", PackShelf(ledger), is_on=True)
    first, second = pack(), pack(policy(version=2))

    activate(ledger, first)
    handover.follow()
    assert handed(home) == first.digest
    activate(ledger, second)
    policies = handover.follow()

    assert handed(home) == second.digest
    assert [one.digest for one in policies] == [one.digest for one in second.policies]


def test_nothing_is_written_while_nothing_changes(home: Path, ledger: Ledger) -> None:
    handover = ReceptionHandover(home / "run", PackShelf(ledger), is_on=True)
    activate(ledger, pack())
    handover.follow()
    before = reception_files.stamp(home / "run")

    handover.follow()

    assert reception_files.stamp(home / "run") == before


def test_a_file_that_somebody_removed_is_written_again(home: Path, ledger: Ledger) -> None:
    handover = ReceptionHandover(home / "run", PackShelf(ledger), is_on=True)
    activate(ledger, pack())
    handover.follow()
    reception_files.remove_pack(home / "run")

    handover.follow()

    assert handed(home) == pack().digest


def test_a_full_disk_has_everything_refused_until_there_is_room(
    home: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    handover = ReceptionHandover(home / "run", PackShelf(ledger), is_on=True)
    activate(ledger, pack())
    handover.follow()
    second = pack(policy(version=2))
    activate(ledger, second)
    with monkeypatch.context() as broken:
        broken.setattr(reception_files.os, "fsync", full)
        handover.follow()
        assert handed(home) == ""

    handover.follow()

    assert handed(home) == second.digest


def test_without_reception_mode_nothing_is_handed_over(home: Path, ledger: Ledger) -> None:
    activate(ledger, pack(reception=False))

    ReceptionHandover(home / "run", PackShelf(ledger), is_on=False).follow()

    assert handed(home) == ""


def test_a_pack_of_the_other_mode_has_everything_refused(home: Path, ledger: Ledger) -> None:
    handover = ReceptionHandover(home / "run", PackShelf(ledger), is_on=True)
    activate(ledger, pack())
    handover.follow()

    activate(ledger, pack(policy(version=2), reception=False))
    handover.follow()

    assert handed(home) == ""


def desk_in_mode(folder: Path, ledger: Ledger, reception: bool) -> PolicyDesk:
    desk = make_desk(folder, ledger, clock=lambda: 1.0)
    desk.reception = reception
    return desk


def test_policies_that_need_another_start_of_orthanc_are_refused(
    tmp_path: Path, ledger: Ledger
) -> None:
    desk = desk_in_mode(tmp_path, ledger, reception=True)

    change = desk.reload("somebody")

    assert change.state == "invalid"
    assert [(one.file, one.message) for one in change.problems if one.severity == "error"] == [
        ("pack.yaml", OTHER_RECEPTION)
    ]
    assert ledger.active_pack() is None


def test_the_callback_is_told_at_once_of_what_a_person_activated(
    tmp_path: Path, ledger: Ledger
) -> None:
    told = []
    desk = desk_in_mode(tmp_path, ledger, reception=False)
    desk.activated = lambda: told.append(ledger.active_pack().digest)

    change = desk.reload("somebody")

    assert told == [change.pack_digest]


def asked(target: str, secret: str, method: str) -> tuple[int, Any]:
    """Ask the service's application, as a server would."""
    sent: list[dict[str, Any]] = []

    async def other(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 418, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    def is_own(orthanc_id: str) -> bool:
        if orthanc_id == OTHER:
            raise OSError("the ledger is away")
        return orthanc_id == OWN

    app = answering(other, "secret", is_own)
    headers = [(b"x-gatehouse-secret", secret.encode())]
    scope = {"type": "http", "path": target, "method": method, "headers": headers}
    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], json.loads(sent[1]["body"])


@pytest.mark.parametrize(
    ("target", "secret", "method", "answer"),
    [
        (f"/reception/own-output/{OWN}", "secret", "GET", (200, {"is_own": True})),
        (f"/reception/own-output/{OWN[:-1]}5", "secret", "GET", (200, {"is_own": False})),
        (f"/reception/own-output/{OTHER}", "secret", "GET", (503, {})),
        (f"/reception/own-output/{OWN}", "wrong", "GET", (403, {})),
        (f"/reception/own-output/{OWN}", "secret", "POST", (404, {})),
        ("/reception/own-output/../../gatehouse", "secret", "GET", (404, {})),
        ("/gatehouse/status", "secret", "GET", (418, {})),
    ],
)
def test_the_service_answers_the_plugin_s_question_and_leaves_others_alone(
    target: str, secret: str, method: str, answer: tuple[int, Any]
) -> None:
    assert asked(target, secret, method) == answer


def test_nobody_answers_where_no_service_is(tmp_path: Path) -> None:
    assert OwnOutputs(tmp_path / "service.sock", "secret").is_own_output(OWN) is None


def test_the_packages_to_lend_are_where_they_are_installed() -> None:
    assert (Path(lent.packages_here()) / "anyascii").is_dir()

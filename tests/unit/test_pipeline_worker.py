"""Goal: a worker that can't do its work says why in one line, and two never share a name.

Method: the command with files that are wrong, and the look at other workers' signs of life.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatehouse.adapters import worker
from gatehouse.adapters.ledger import Ledger
from gatehouse.cli import main
from gatehouse.errors import ConfigurationError
from gatehouse.pipeline.records import WorkerRecord


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    yield made
    made.close()


def sign(host: str, at: float, name: str = "worker-1") -> WorkerRecord:
    """Return a worker's sign of life."""
    return WorkerRecord(name, host, 1, "0", 2, at, at)


def test_a_file_of_settings_that_is_not_there_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["worker", "--config", str(tmp_path / "none.json")])

    assert code == 2
    assert capsys.readouterr().err == (
        f"gatehouse: error: {tmp_path / 'none.json'} can't be read: No such file or directory\n"
    )


def test_wrong_settings_are_said_one_on_each_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({"Home": "relative", "OrthancUrl": "http://127.0.0.1:8042"}))

    code = main(["worker", "--config", str(file)])

    assert code == 2
    assert capsys.readouterr().err.splitlines() == [
        "gatehouse: error: Gatehouse.Home must be an absolute path",
        "Gatehouse.KeyFile is missing",
    ]


def test_the_settings_come_from_one_place(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["worker"])

    assert "one of the arguments --stdin --config is required" in capsys.readouterr().err


def test_a_name_that_is_alive_on_another_host_is_refused(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "NAME_PATIENCE_S", 0.2)
    ledger.heartbeat(sign("elsewhere", time.time() + 60.0))

    with pytest.raises(ConfigurationError, match="a worker named worker-1 is alive on another"):
        worker._refuse_namesake(ledger, "worker-1", threading.Event())


class NeverWaits(threading.Event):
    """An event for which nobody may wait."""

    def wait(self, timeout: float | None = None) -> bool:
        raise AssertionError(f"waited for {timeout} s")


@pytest.mark.parametrize(
    "other",
    [
        sign("elsewhere", 1.0),
        sign(socket.gethostname(), 4e9),
        sign("elsewhere", 4e9, name="worker-2"),
    ],
    ids=["long ago", "this host, where a lock tells", "another name"],
)
def test_a_name_that_nobody_uses_now_can_be_taken(ledger: Ledger, other: WorkerRecord) -> None:
    ledger.heartbeat(other)

    worker._refuse_namesake(ledger, "worker-1", NeverWaits())

"""Goal: an instance that kills or hangs a process is held, and no other instance suffers.

Method: the real pool with real processes, over a small HTTP server that stands for Orthanc; some
instances never come, and processes are killed while they wait for them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import repeat
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest

from gatehouse.adapters.pool import ProcessPool
from gatehouse.adapters.pool_child import ChildSetup
from gatehouse.deid.recipe import Recipe
from gatehouse.errors import UnavailableError
from gatehouse.pipeline.ports import FactsJob, Held, KnownJob, MakeJob
from gatehouse.pipeline.records import Output
from gatehouse.policy.model import InstanceFacts, Origin
from support.dicom_builder import ct_bytes
from support.orthanc import eventually

RECIPE = Recipe(project="tests", policy="tests", digest="digest")


class Archive:
    """An HTTP server with a few instances.

    ``good-...`` are CTs, ``text`` is no DICOM, ``slow`` does not come, ``broken`` is
    an error of the server; anything else is not there.
    """

    def __init__(self) -> None:
        archive = self
        self.is_asked_for_slow = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                name = self.path.split("/")[2]
                if name == "slow":
                    archive.is_asked_for_slow.set()
                    time.sleep(3600)
                status, body = archive.answer(name)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, name: str) -> tuple[int, bytes]:
        if name.startswith("good"):
            return 200, ct_bytes(SOPInstanceUID=f"1.2.3.{name.split('-')[1]}")
        return {"text": (200, b"this is no DICOM"), "broken": (500, b"")}.get(name, (404, b""))

    def end(self) -> None:
        self._server.shutdown()


@pytest.fixture
def archive() -> Iterator[Archive]:
    made = Archive()
    yield made
    made.end()


@pytest.fixture
def start(archive: Archive, tmp_path: Path) -> Iterator[Callable[..., ProcessPool]]:
    """Start pools; they are ended with the test."""
    pools: list[ProcessPool] = []

    def started(size: int = 2, task_s: float = 30.0) -> ProcessPool:
        setup = ChildSetup(archive.url, "", tmp_path / "spool", bytes(range(32)))
        pools.append(ProcessPool(size, setup, task_s))
        return pools[-1]

    yield started
    for pool in pools:
        pool.close()


def jobs(*names: str) -> list[MakeJob]:
    return [MakeJob(name, "digest", RECIPE, 1, 1) for name in names]


def by_instance(results: Iterator[Output | Held]) -> dict[str, Output | Held]:
    return {one.instance: one for one in results}


def test_instances_are_made_and_are_in_the_spool(
    start: Callable[..., ProcessPool], tmp_path: Path
) -> None:
    results = by_instance(start().make(jobs("good-1", "good-2", "good-3")))

    assert {type(one) for one in results.values()} == {Output}
    files = {file.stem for file in (tmp_path / "spool" / "1" / "1").iterdir()}
    assert files == {one.sop_instance_uid_new for one in results.values()}


def test_facts_are_read(start: Callable[..., ProcessPool]) -> None:
    [facts] = start().facts([FactsJob("good-1", Origin(), frozenset({"Modality"}))])

    assert facts == InstanceFacts("good-1", Origin(), {"Modality": ("CT",)})


def test_what_instances_know_of_persons_is_read(start: Callable[..., ProcessPool]) -> None:
    [known] = start().known([KnownJob("good-1")])

    assert known.person_names


def test_what_can_not_be_read_is_held_and_the_others_are_made(
    start: Callable[..., ProcessPool],
) -> None:
    results = by_instance(start().make(jobs("text", "gone", "good-1")))

    assert isinstance(results["good-1"], Output)
    assert results["gone"].rule == "archive.vanished"
    assert results["text"].rule.startswith("dicom.")


def test_an_archive_that_fails_is_no_reason_to_hold(start: Callable[..., ProcessPool]) -> None:
    with pytest.raises(UnavailableError, match="status 500"):
        list(start().make(jobs("broken")))


def test_an_instance_that_takes_too_long_is_held_after_a_second_try(
    start: Callable[..., ProcessPool],
) -> None:
    # Long enough for the good one on a slow machine.
    pool = start(size=1, task_s=5.0)

    results = by_instance(pool.make(jobs("slow", "good-1")))

    assert results["slow"] == Held(
        "slow", "worker.timeout", "the work on this instance took more than 5 s"
    )
    assert isinstance(results["good-1"], Output)


def test_an_instance_that_kills_its_process_twice_is_held(
    start: Callable[..., ProcessPool], archive: Archive
) -> None:
    pool = start(size=1)

    def kill_whoever_asks() -> None:
        for _ in range(2):
            archive.is_asked_for_slow.wait(60)
            archive.is_asked_for_slow.clear()
            os.kill(pool.pids()[0], signal.SIGKILL)

    threading.Thread(target=kill_whoever_asks, daemon=True).start()
    results = by_instance(pool.make(jobs("slow", "good-1")))

    assert results["slow"].rule == "worker.died"
    assert isinstance(results["good-1"], Output)


def test_a_process_that_dies_without_a_task_is_nobodys_fault(
    start: Callable[..., ProcessPool],
) -> None:
    pool = start(size=1)
    list(pool.make(jobs("good-1")))
    [before] = pool.pids()
    os.kill(before, signal.SIGKILL)
    eventually(lambda: not Path(f"/proc/{before}").exists())

    [result] = pool.make(jobs("good-2"))

    assert isinstance(result, Output)
    assert pool.pids() != [before]


def test_closing_ends_every_process_also_a_working_one(
    start: Callable[..., ProcessPool], archive: Archive
) -> None:
    pool = start(size=2)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            list(pool.make(jobs("slow")))
        except UnavailableError as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    archive.is_asked_for_slow.wait(60)
    pids = pool.pids()
    pool.close()
    thread.join(60)

    assert [str(one) for one in failures] == ["the pool was closed"]
    assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == []


def test_closing_between_two_instances_is_no_defect_of_theirs(
    start: Callable[..., ProcessPool],
) -> None:
    # Orthanc was killed, and the worker ends: what is left of the study is for the next worker.
    pool = start(size=1)
    results = pool.make(jobs(*(f"good-{number}" for number in range(1, 40)), "slow"))
    first = next(results)

    pool.close()

    assert isinstance(first, Output)
    with pytest.raises(UnavailableError, match="the pool was closed"):
        list(results)


def test_processes_leave_no_core_dump_and_show_no_key(start: Callable[..., ProcessPool]) -> None:
    pool = start(size=1)
    list(pool.make(jobs("good-1")))
    [pid] = pool.pids()

    limits = Path(f"/proc/{pid}/limits").read_text()
    environment = Path(f"/proc/{pid}/environ")
    shown = Path(f"/proc/{pid}/cmdline").read_bytes()
    with contextlib.suppress(PermissionError):
        shown += environment.read_bytes()

    core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core.split()[-3:-1] == ["0", "0"]
    assert bytes(range(1, 32)) not in shown
    # The system gives what can't be dumped to root: not even the same user looks into it.
    is_ours = environment.stat().st_uid == os.geteuid()
    assert is_ours == (os.geteuid() == 0)


@pytest.mark.parametrize("error", [EOFError, ConnectionRefusedError])
def test_a_fork_server_that_dies_while_it_makes_a_process_is_made_anew(
    start: Callable[..., ProcessPool], monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    fails = iter([True])
    monkeypatch.setattr(ForkServerProcess, "start", failing(fails, error))

    [result] = start(size=1).make(jobs("good-1"))

    assert isinstance(result, Output)
    assert next(fails, None) is None


@pytest.mark.parametrize("error", [EOFError, ConnectionRefusedError])
def test_where_no_process_can_be_made_the_study_waits_and_is_not_held(
    start: Callable[..., ProcessPool], monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    monkeypatch.setattr(ForkServerProcess, "start", failing(repeat(True), error))

    with pytest.raises(UnavailableError, match=f"a process of the pool: {error.__name__}"):
        list(start(size=1).make(jobs("good-1")))


def failing(fails: Iterator[bool], error: type[Exception]) -> Callable[[ForkServerProcess], None]:
    """Return a start of processes that fails as often as this says, and then does not."""
    real = ForkServerProcess.start

    def begin(self: ForkServerProcess) -> None:
        if next(fails, False):
            raise error
        real(self)

    return begin

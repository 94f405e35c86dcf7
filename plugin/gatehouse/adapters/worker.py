"""A worker process: runs the durable workflows, with a pool of processes for the CPU work.

It ends when its stdin ends, that is, with Orthanc, or by SIGTERM or SIGINT. What it was doing is
found again under its name at its next start, or taken over by another worker.
"""

from __future__ import annotations

import fcntl
import logging
import os
import random
import shutil
import signal
import socket
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import sqlalchemy as sa
import structlog
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer

from gatehouse import __version__
from gatehouse.adapters import priority
from gatehouse.adapters.destinations.registry import make_destinations
from gatehouse.adapters.early_worker import EarlyWorker
from gatehouse.adapters.keys import read_key_file
from gatehouse.adapters.ledger import Ledger
from gatehouse.adapters.orthanc_client import OrthancArchive
from gatehouse.adapters.pool import ProcessPool
from gatehouse.adapters.pool_child import ChildSetup, forbid_core_dumps
from gatehouse.adapters.settings import Settings, prepare_home
from gatehouse.adapters.spool import FolderSpool
from gatehouse.deid.pseudonyms import key_id
from gatehouse.errors import ConfigurationError
from gatehouse.pipeline.chains import APPLICATION, APPLICATION_VERSION
from gatehouse.pipeline.durable import prepare_workflows, workflows_engine
from gatehouse.pipeline.early import Early
from gatehouse.pipeline.packs import PackShelf
from gatehouse.pipeline.records import WorkerRecord
from gatehouse.pipeline.room import Room
from gatehouse.pipeline.tools import Tools
from gatehouse.pipeline.watch import Watch
from gatehouse.pipeline.workflows import UNAVAILABLE, install, register_queues

HEARTBEAT_S = 5.0
WATCH_S = 15.0
LOCK_PATIENCE_S = 15.0
NAME_PATIENCE_S = 20.0
"""A worker of the same name on another host that gave a sign of life this recently is alive."""

END_PATIENCE_S = 2

_log = structlog.get_logger()


def run(settings: Settings, stdin: BinaryIO | None) -> None:
    """Work until ``stdin`` ends or a signal comes.

    Raises
    ------
    ConfigurationError
        If the settings can't be used, or another worker has this name.
    """
    forbid_core_dumps()
    _silence()
    priority.step_back(priority.WORKER)
    prepare_home(settings)
    master_key = read_key_file(settings.key_file)
    stopping = _stopping(stdin)
    with _only_one(settings):
        try:
            ledger = Ledger(settings.ledger_url)
        except sa.exc.DBAPIError as error:
            raise unusable(error) from None
        _refuse_namesake(ledger, settings.process, stopping)
        shutil.rmtree(settings.early_spool, ignore_errors=True)
        setup = ChildSetup(
            settings.orthanc_url,
            settings.orthanc_authorization,
            settings.spool,
            master_key,
            early_spool=settings.early_spool,
            storage=settings.storage,
        )
        pool = ProcessPool(settings.pool_size, setup, settings.task_s)
        archive = OrthancArchive(settings.orthanc_url, settings.orthanc_authorization)
        tools = Tools(
            server=settings.server,
            ledger=ledger,
            packs=PackShelf(ledger),
            archive=archive,
            workshop=pool,
            spool=FolderSpool(settings.spool),
            destinations=make_destinations(settings, archive),
            limits=settings.sending.limits,
            key_id=key_id(master_key),
            now=time.time,
            random=random.random,
            early_spool=FolderSpool(settings.early_spool, is_lasting=False),
            spool_bytes=settings.spool_bytes,
        )
        watch = Watch(tools, settings.process, settings.lost_s, time.monotonic)
        watch.lost(ledger.workers())
        room = Room(tools)
        # Where several share the load, a study can be begun by any of them, and what another one
        # has prepared would be made twice.
        early = Early(tools, has_room=lambda: watch.is_alone and room.is_there())
        launch(tools, settings.workflows_url, settings.process, early)
        early_worker = EarlyWorker(early, stopping)
        early_worker.start()
        _log.info("worker started", processes=pool.size)
        try:
            _beat(settings, ledger, pool, watch, stopping)
        finally:
            stopping.set()
            # Tasks that are cut off are done again; their workflows stay where they are.
            pool.close()
            early_worker.join(END_PATIENCE_S)
            DBOS.destroy(workflow_completion_timeout_sec=END_PATIENCE_S)
            ledger.close()
            _log.info("worker ended")


def unusable(error: Exception) -> ConfigurationError:
    """Say that the database can't be used, without the driver's words."""
    return ConfigurationError(f"the database can't be used ({type(error).__name__})")


def launch(tools: Tools, url: str, name: str, early: Early | None = None) -> None:
    """Start the durable workflows in this process; unfinished ones of this name go on."""
    try:
        prepare_workflows(url)
    except sa.exc.DBAPIError as error:
        raise unusable(error) from None
    config: DBOSConfig = {
        "name": APPLICATION,
        "system_database_url": url,
        "application_version": APPLICATION_VERSION,
        "executor_id": name,
        "serializer": DBOSPortableJSONSerializer(),
        "system_database_engine": workflows_engine(url),
        "log_level": "ERROR",
        "enable_otlp": False,
    }
    DBOS(config=config)
    # Its own handler prints texts of exceptions; ours, at the root, prints none.
    dbos_log = logging.getLogger("dbos")
    dbos_log.handlers.clear()
    dbos_log.propagate = True
    install(tools, early)
    DBOS.launch()
    pack = tools.ledger.active_pack()
    deliveries = [one for several in (pack.deliveries if pack else ()) for one in several]
    register_queues({(one.via, one.to) for one in deliveries})


def _beat(
    settings: Settings, ledger: Ledger, pool: ProcessPool, watch: Watch, stopping: threading.Event
) -> None:
    """Give signs of life, and look after work that nobody does, until told to stop."""
    started_at = time.time()
    every_s = min(WATCH_S, settings.lost_s / 2)
    look_at = time.monotonic() + every_s
    while not stopping.is_set():
        try:
            ledger.heartbeat(
                WorkerRecord(
                    name=settings.process,
                    host=socket.gethostname(),
                    pid=os.getpid(),
                    version=__version__,
                    processes=pool.size,
                    started_at=started_at,
                    heartbeat_at=time.time(),
                )
            )
            if time.monotonic() >= look_at:
                look_at = time.monotonic() + every_s
                for name in watch.look(ledger.workers()):
                    # What it had made early, if it worked on this host: nobody knows of it.
                    shutil.rmtree(settings.spool / "early" / name, ignore_errors=True)
        except UNAVAILABLE as error:
            _log.warning("the ledger does not answer", reason=type(error).__name__)
        stopping.wait(min(HEARTBEAT_S, settings.lost_s / 4))


def _refuse_namesake(ledger: Ledger, name: str, stopping: threading.Event) -> None:
    """Wait for the end of a worker with our name; two would run the same workflows."""
    deadline = time.monotonic() + 2 * NAME_PATIENCE_S
    while not stopping.is_set():
        same = next((one for one in ledger.workers() if one.name == name), None)
        here = same is not None and same.host == socket.gethostname()
        # On this host the lock of the home keeps two apart; the row is of one that has ended.
        if same is None or here or time.time() - same.heartbeat_at > NAME_PATIENCE_S:
            return
        if time.monotonic() > deadline:
            raise ConfigurationError(
                f"a worker named {name} is alive on another host; give each its own name with "
                "the setting Process"
            )
        stopping.wait(1.0)


def _silence() -> None:
    """Let no library say what it chokes on: warnings and tracebacks quote values."""
    warnings.simplefilter("ignore")

    def only_the_type(about: threading.ExceptHookArgs) -> None:
        _log.error("a thread failed", reason=about.exc_type.__name__)

    threading.excepthook = only_the_type


def _stopping(stdin: BinaryIO | None) -> threading.Event:
    """Return an event that is set by the end of stdin or by a signal."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stopping.set())

    def watch(descriptor: int) -> None:
        # Not through the buffered stream: a thread that waits in it aborts the interpreter's end.
        while os.read(descriptor, 4096):
            continue
        stopping.set()

    if stdin is not None:
        threading.Thread(target=watch, args=(stdin.fileno(),), name="stdin", daemon=True).start()
    return stopping


@contextmanager
def _only_one(settings: Settings) -> Iterator[None]:
    """Wait for a predecessor that is about to end, and keep successors out."""
    with (settings.home / "run" / f"{settings.process}.lock").open("w") as file:
        deadline = time.monotonic() + LOCK_PATIENCE_S
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise ConfigurationError(
                        f"another {settings.process} works on this home already"
                    ) from None
                time.sleep(0.2)
        yield

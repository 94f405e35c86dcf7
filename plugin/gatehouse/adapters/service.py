"""The process beside Orthanc that reads the inbox and answers REST requests on a private socket.

It ends when its stdin ends, that is, with Orthanc, and is the only one of its kind for a home.
"""

from __future__ import annotations

import fcntl
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from itertools import chain
from typing import BinaryIO

import sqlalchemy as sa
import structlog
import uvicorn

from gatehouse.adapters import reception_handover
from gatehouse.adapters.destination_desk import DestinationDesk
from gatehouse.adapters.destinations.http_server import TEST_TIMEOUT_S
from gatehouse.adapters.destinations.registry import make_destinations
from gatehouse.adapters.journal_reader import JournalReader
from gatehouse.adapters.keeper import Keeper, Keeping, warnings_of
from gatehouse.adapters.keys import read_key_file
from gatehouse.adapters.ledger import Ledger
from gatehouse.adapters.originals import Originals
from gatehouse.adapters.orthanc_client import OrthancArchive
from gatehouse.adapters.own_output import answering
from gatehouse.adapters.policy_desk import PolicyDesk
from gatehouse.adapters.policy_files import read_pack
from gatehouse.adapters.policy_folder import source_of
from gatehouse.adapters.reader import Reader
from gatehouse.adapters.reception_handover import ReceptionHandover
from gatehouse.adapters.run_desk import RunDesk
from gatehouse.adapters.runner import Runner
from gatehouse.adapters.settings import Settings, prepare_home
from gatehouse.adapters.side_work import SideSetup, SideWork
from gatehouse.adapters.wake import Waker
from gatehouse.errors import ConfigurationError, GatehouseError, HoldError, PolicyError
from gatehouse.pipeline.packs import PackShelf
from gatehouse.pipeline.reception_journal import FOLDER
from gatehouse.pipeline.start import WorkflowStarter
from gatehouse.policy.model import Pack
from gatehouse.policy.report import render
from gatehouse.web.app import create_app
from gatehouse.web.health import Health
from gatehouse.web.routes import Backend

LOCK_PATIENCE_S = 15.0
"""How long a predecessor may take to end; the plugin starts us again after that."""

log = structlog.get_logger()


def check(settings: Settings) -> None:
    """Check all that can be known before anything is started.

    Raises
    ------
    ConfigurationError
        With every problem that was found, one on each line.
    """
    problems: list[str] = []
    for attempt in (_check_home, _check_key, _check_sending, _check_policies, _check_ledger):
        try:
            attempt(settings)
        except GatehouseError as error:
            problems.append(str(error))
    if problems:
        raise ConfigurationError("\n".join(problems))
    with closing(_open_ledger(settings)) as ledger:
        pack = _pack_at_start(settings, ledger) or _active_pack(ledger)
    reception_handover.at_start(settings.home / "run", pack)


def load_policies(settings: Settings) -> Pack:
    """Return the pack of the folder ``Policies``; its destinations must be known to Orthanc.

    Raises
    ------
    ConfigurationError
        With every error of every policy.
    """
    if settings.policies is None:
        raise ConfigurationError("Gatehouse.Policies is missing")
    try:
        pack, problems = read_pack(settings.policies, settings.destinations)
    except PolicyError as error:
        raise ConfigurationError(str(error)) from None
    errors = [render(problem) for problem in problems if problem.severity == "error"]
    if pack is None or errors:
        raise ConfigurationError("\n".join(["the policies can't be used", *errors]))
    return pack


def run(settings: Settings, stdin: BinaryIO) -> None:
    """Serve until ``stdin`` ends or a signal comes.

    Raises
    ------
    ConfigurationError
        If another service works on this home, or the policies can't be used any more.
    """
    prepare_home(settings)
    with _only_one(settings):
        ledger = _open_ledger(settings)
        _activate_at_start(settings, ledger)
        handover = ReceptionHandover(
            settings.home / "run", PackShelf(ledger), is_on=settings.reception
        )
        handover.follow()
        setup = SideSetup(settings.orthanc_url, settings.orthanc_authorization, settings.key_file)
        desk = PolicyDesk(
            ledger,
            settings.policies,
            settings.destinations,
            SideWork(setup),
            four_eyes=settings.four_eyes,
            reception=settings.reception,
            activated=handover.follow,
        )
        waker = Waker(settings.home / "run" / "wake.sock")
        archive = OrthancArchive(settings.orthanc_url, settings.orthanc_authorization)
        starter = WorkflowStarter(settings)
        reader = Reader(
            archive,
            ledger,
            starter,
            waker,
            server=settings.server,
            quiet_s=settings.quiet_s,
            policies=handover.follow,
            journal=JournalReader(settings.home / FOLDER, ledger, settings.server),
        )
        destinations = DestinationDesk(
            ledger,
            # Only to test connections: somebody waits for the answer.
            make_destinations(settings, archive, answer_timeout_s=TEST_TIMEOUT_S),
            settings.destinations,
            settings.sending.limits,
            starter,
        )
        originals = Originals(ledger, archive, settings.server, time.time)
        health = Health(
            ledger,
            reader,
            settings.workers,
            more=lambda: chain(warnings_of(desk, ledger), originals.warnings()),
            home=settings.home,
            destinations=destinations.destinations,
        )
        keeper = Keeper(ledger, desk, _keeping(settings), waker.wake, originals=originals)
        backend = Backend(
            ledger,
            health,
            waker.wake,
            desk,
            settings.reject_s,
            destinations=destinations,
            runs=RunDesk(ledger, archive),
        )
        runner = Runner(ledger, archive, waker.wake)
        app = answering(
            create_app(backend, settings.forward_secret, settings.roles),
            settings.forward_secret,
            partial(ledger.is_our_output, settings.server),
        )
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="off",
                server_header=False,
                timeout_graceful_shutdown=5,
            )
        )
        _end_with(stdin, server)
        reader.start()
        keeper.start()
        runner.start()
        with _private_socket(settings) as listener:
            server.run(sockets=[listener])
        runner.stop()
        keeper.stop()
        reader.stop()
        reader.join(LOCK_PATIENCE_S)
        keeper.join(LOCK_PATIENCE_S)
        runner.join(LOCK_PATIENCE_S)
        ledger.close()


def _activate_at_start(settings: Settings, ledger: Ledger) -> None:
    """Let the folder decide; with four eyes only if nothing decides yet.

    Orthanc does not start with policies that have errors. When only this process is started again,
    what decided goes on to decide, and the status says what is wrong with the folder.
    """
    loaded = _pack_at_start(settings, ledger)
    if loaded is not None:
        source = source_of(settings.policies) if settings.policies else ""
        if ledger.activate_pack(loaded, "configuration", source, time.time()):
            log.info("policies activated")
    if _active_pack(ledger).reception is not settings.reception:
        raise ConfigurationError(reception_handover.OTHER_RECEPTION)


def _pack_at_start(settings: Settings, ledger: Ledger) -> Pack | None:
    """Return the pack of the folder; None if what decided before goes on to decide."""
    is_first = ledger.active_pack() is None
    try:
        loaded = load_policies(settings)
    except ConfigurationError:
        if is_first:
            raise
        log.warning("the folder of policies has errors; what decided before goes on")
        return None
    return None if settings.four_eyes and not is_first else loaded


def _active_pack(ledger: Ledger) -> Pack:
    try:
        return PackShelf(ledger).active()
    except HoldError as error:
        raise ConfigurationError(error.reason) from None


def _keeping(settings: Settings) -> Keeping:
    return Keeping(
        settings.held_days, settings.notice_days, settings.channels, socket.gethostname()
    )


def _check_home(settings: Settings) -> None:
    prepare_home(settings)


def _check_key(settings: Settings) -> None:
    read_key_file(settings.key_file)


def _check_sending(settings: Settings) -> None:
    """Refuse limits and certificates of what is not there: somebody relies on them."""
    problems = [
        f"Gatehouse.Sending: there is no {key.via} destination {key.name}"
        for key in settings.sending.limits
        if key.name not in settings.destinations.get(key.via, ())
    ]
    if problems:
        raise ConfigurationError("\n".join(problems))


def _check_policies(settings: Settings) -> None:
    load_policies(settings)


def _check_ledger(settings: Settings) -> None:
    _open_ledger(settings).close()


def _open_ledger(settings: Settings) -> Ledger:
    try:
        ledger = Ledger(settings.ledger_url)
        ledger.cursor(settings.server)
    except (sa.exc.SQLAlchemyError, OSError) as error:
        raise ConfigurationError(
            f"the database of the ledger can't be used ({type(error).__name__})"
        ) from None
    return ledger


@contextmanager
def _only_one(settings: Settings) -> Iterator[None]:
    """Wait for a predecessor that is about to end, and keep successors out."""
    with (settings.home / "run" / "service.lock").open("w") as file:
        deadline = time.monotonic() + LOCK_PATIENCE_S
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise ConfigurationError("another service works on this home already") from None
                time.sleep(0.2)
        yield


@contextmanager
def _private_socket(settings: Settings) -> Iterator[socket.socket]:
    path = settings.home / "run" / "service.sock"
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # The folder is closed to others already; the socket is as well.
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen(64)
    try:
        yield listener
    finally:
        path.unlink(missing_ok=True)


def _end_with(stdin: BinaryIO, server: uvicorn.Server) -> None:
    """End the server when stdin ends."""

    def watch() -> None:
        # Not through the buffered stream: a thread that waits in it aborts the interpreter's end.
        while os.read(stdin.fileno(), 4096):
            continue
        server.should_exit = True

    threading.Thread(target=watch, name="stdin", daemon=True).start()

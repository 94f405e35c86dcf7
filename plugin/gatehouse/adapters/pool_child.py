"""What runs in a child of the pool: takes a task from its pipe, does it, answers."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import resource
import signal
import warnings
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

from gatehouse.adapters import priority
from gatehouse.adapters.orthanc_client import OrthancArchive
from gatehouse.adapters.spool import FolderSpool
from gatehouse.adapters.storage_area import StorageArea
from gatehouse.errors import UnavailableError
from gatehouse.pipeline.ports import EarlyJob, FactsJob, KnownJob, MakeJob, MarkedJob
from gatehouse.pipeline.workbench import Bench

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4


@dataclass(frozen=True, slots=True)
class ChildSetup:
    """What a child needs to know; sent to it over a pipe."""

    orthanc_url: str
    orthanc_authorization: str = field(repr=False)
    spool: Path
    master_key: bytes = field(repr=False)
    early_spool: Path | None = None
    storage: Path | None = None
    """Orthanc's storage area, where it is on this machine."""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The answer to a task that needed something which does not answer now."""

    text: str


def serve(pipe: Connection, setup: ChildSetup) -> None:
    """Do tasks until the pipe is closed."""
    protect()
    silence()
    # The worker ends its children itself; Ctrl-C reaches the whole group.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    archive = OrthancArchive(setup.orthanc_url, setup.orthanc_authorization)
    priority.step_back(priority.POOL)
    early = setup.early_spool
    bench = Bench(
        archive,
        FolderSpool(setup.spool),
        setup.master_key,
        early_spool=FolderSpool(early, is_lasting=False) if early else None,
        storage=StorageArea(setup.storage) if setup.storage else None,
    )
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            pipe.send(_do(bench, pipe.recv()))


def protect() -> None:
    """End with the parent, and never leave memory behind as a core dump."""
    parent = os.getppid()
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        # It ended before the signal was asked for.
        os._exit(1)
    forbid_core_dumps(libc)


def silence() -> None:
    """Let no library say what it chokes on: pydicom's warnings quote values."""
    warnings.simplefilter("ignore")
    logging.basicConfig(handlers=[logging.NullHandler()], force=True)


def forbid_core_dumps(libc: ctypes.CDLL | None = None) -> None:
    """Keep identified data and keys in memory: no core dump, no attaching by other users."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    (libc or ctypes.CDLL(None)).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def _do(bench: Bench, job: object) -> object:
    try:
        if isinstance(job, FactsJob):
            return bench.facts(job)
        if isinstance(job, KnownJob):
            return bench.known(job)
        if isinstance(job, MakeJob):
            return bench.make(job)
        if isinstance(job, MarkedJob):
            return bench.marked(job)
        if isinstance(job, EarlyJob):
            return bench.prepare(job)
    except UnavailableError as error:
        return Unavailable(str(error))
    except OSError as error:
        # The type and the system's words for the number: its text may name a file.
        words = os.strerror(error.errno) if error.errno else "no reason given"
        return Unavailable(f"{type(error).__name__}: {words}")
    raise TypeError("not a task")

"""Work that a person asked for, in a process of its own with a time limit: never in the service.

A preview parses files of strangers, a draft may be a text that nobody has read, and both cost
processor time. So each request gets a child from a fork server, which is ended when it takes too
long, holds no connection to a database, and leaves no core dump behind.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

from gatehouse.adapters.pool_child import protect, silence
from gatehouse.errors import GatehouseError, UnavailableError

AT_ONCE = 2
"""Requests that are worked on at the same time; the workers need the processors more."""

QUEUE_S = 10.0
"""How long a request may wait for its turn."""

LIMIT_S = 25.0
"""Longest time of one request: the plugin waits for an answer 30 s."""

END_PATIENCE_S = 5.0

_CONTEXT = get_context("forkserver")
_CONTEXT.set_forkserver_preload(["gatehouse.adapters.shadow_task", "gatehouse.adapters.side_tasks"])

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class SideSetup:
    """What a child may need to know; sent to it over a pipe."""

    orthanc_url: str
    orthanc_authorization: str = field(repr=False)
    key_file: Path


class RefusedError(GatehouseError):
    """What was asked for can't be done; the text is for the person who asked."""


class TookTooLongError(GatehouseError):
    """It took longer than allowed, and was ended."""


class SideWork:
    """Runs functions in children. May be used from several threads.

    Parameters
    ----------
    setup : SideSetup
    limit_s : float
        Longest time of one request.
    """

    def __init__(self, setup: SideSetup, limit_s: float = LIMIT_S) -> None:
        self._setup = setup
        self.limit_s = limit_s
        self._turns = threading.BoundedSemaphore(AT_ONCE)

    def warm_up(self) -> None:
        """Start the fork server now, so that the first request need not wait for its imports."""
        process = _CONTEXT.Process(target=_nothing, daemon=True)
        process.start()
        process.join()

    def run(self, task: Callable[[SideSetup, R], Any], request: R) -> Any:
        """Do one task and return its result.

        Parameters
        ----------
        task : callable
            A function of a module; takes the set-up and the request.

        Raises
        ------
        RefusedError
            With the text of a ``GatehouseError`` of the task.
        TookTooLongError
            If it took longer than allowed.
        UnavailableError
            If something that it needs does not answer, or it died.
        """
        if not self._turns.acquire(timeout=QUEUE_S):
            raise UnavailableError("too many requests of this kind at once; try again")
        try:
            return self._run(task, request)
        finally:
            self._turns.release()

    def _run(self, task: Callable[[SideSetup, R], Any], request: R) -> Any:
        ours, theirs = _CONTEXT.Pipe()
        process = _CONTEXT.Process(
            target=_serve, args=(theirs, task, self._setup, request), daemon=True
        )
        process.start()
        theirs.close()
        try:
            if not ours.poll(self.limit_s):
                raise TookTooLongError(f"it took more than {self.limit_s:g} s and was ended")
            kind, result = ours.recv()
        except (EOFError, OSError):
            raise UnavailableError("the process that worked on it died") from None
        finally:
            ours.close()
            process.kill()
            process.join(END_PATIENCE_S)
        if kind == "refused":
            raise RefusedError(result)
        if kind == "unavailable":
            raise UnavailableError(result)
        return result


def _nothing() -> None:
    """Be a child, and end."""


def _serve(
    pipe: Connection, task: Callable[[SideSetup, R], Any], setup: SideSetup, request: R
) -> None:
    """Do one task, and answer."""
    protect()
    silence()
    pipe.send(_outcome(task, setup, request))
    pipe.close()


def _outcome(task: Callable[[SideSetup, R], Any], setup: SideSetup, request: R) -> tuple[str, Any]:
    try:
        return "done", task(setup, request)
    except UnavailableError as error:
        return "unavailable", str(error)
    except GatehouseError as error:
        return "refused", str(error)
    except Exception as error:  # noqa: BLE001  its text may quote values
        return "unavailable", f"it failed ({type(error).__name__})"

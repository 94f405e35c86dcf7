"""The pool: child processes that do the CPU work of a worker.

Not ``concurrent.futures``: when one of its children dies, nobody learns which task it was at, and
a task that hangs can't be ended. Here each child has its own pipe. A child that dies or exceeds
its time is replaced, its instance is tried once more, and then held.

Children come from a fork server, because the worker itself has many threads. They die with it, and
leave no core dump behind: there may be identified data in their memory. Keys reach them over a
pipe, never by argument or environment.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from gatehouse.adapters.pool_child import ChildSetup, Unavailable, serve
from gatehouse.deid.known_values import KnownValues
from gatehouse.errors import UnavailableError
from gatehouse.pipeline.ports import (
    EarlyJob,
    FactsJob,
    Held,
    KnownJob,
    MakeJob,
    MarkedJob,
    Prepared,
)
from gatehouse.pipeline.records import Output
from gatehouse.policy.model import InstanceFacts

Job = FactsJob | KnownJob | MakeJob | MarkedJob | EarlyJob
J = TypeVar("J", bound=Job)

TRIES = 2
END_PATIENCE_S = 5.0

_CONTEXT = get_context("forkserver")
_CONTEXT.set_forkserver_preload(["gatehouse.adapters.pool_child"])


class ChildDiedError(Exception):
    """A child ended while it had a task."""


class ChildHungError(Exception):
    """A child did not finish its task within the time limit."""


class _Child:
    """One process and the pipe to it. Used by one thread at a time."""

    def __init__(self, setup: ChildSetup) -> None:
        ours, theirs = _CONTEXT.Pipe()
        self._pipe: Connection = ours
        self.process: BaseProcess = _CONTEXT.Process(
            target=serve, args=(theirs, setup), name="gatehouse-child", daemon=True
        )
        self.process.start()
        theirs.close()

    def run(self, job: Job, limit_s: float) -> Any:
        """Do one task; after an exception of ours this child must not be used again."""
        try:
            self._pipe.send(job)
            if not self._pipe.poll(limit_s):
                raise ChildHungError
            return self._pipe.recv()
        except (EOFError, OSError):
            raise ChildDiedError from None

    def end(self) -> None:
        """End the process; it holds nothing that is not written."""
        self._pipe.close()
        self.process.kill()
        self.process.join(END_PATIENCE_S)


class ProcessPool:
    """Children that read, ask, de-identify and verify instances (``pipeline.ports.Workshop``).

    Parameters
    ----------
    size : int
        How many children.
    setup : ChildSetup
    task_s : float
        Longest time for one instance.
    """

    def __init__(self, size: int, setup: ChildSetup, task_s: float) -> None:
        self.size = size
        self._setup = setup
        self._task_s = task_s
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="pool")
        self._idle: queue.SimpleQueue[_Child] = queue.SimpleQueue()
        self._children: set[_Child] = set()
        self._lock = threading.Lock()
        self._is_closed = False

    def facts(self, jobs: Sequence[FactsJob]) -> Iterator[InstanceFacts | Held]:
        """Return the facts of instances, in any order."""
        return self._results(jobs)

    def known(self, jobs: Sequence[KnownJob]) -> Iterator[KnownValues | Held]:
        """Return what instances say of persons, in any order."""
        return self._results(jobs)

    def make(self, jobs: Sequence[MakeJob]) -> Iterator[Output | Held]:
        """De-identify and verify instances, in any order."""
        return self._results(jobs)

    def marked(self, jobs: Sequence[MarkedJob]) -> Iterator[Output | Held]:
        """Take instances that were de-identified on reception, in any order."""
        return self._results(jobs)

    def prepare(self, jobs: Sequence[EarlyJob]) -> Iterator[Prepared | Held]:
        """Work on instances of studies that still arrive, in any order."""
        return self._results(jobs)

    def pids(self) -> list[int]:
        """Return the process IDs of the children."""
        with self._lock:
            return [child.process.pid for child in self._children if child.process.pid]

    def close(self) -> None:
        """End all children, also those that are working."""
        with self._lock:
            self._is_closed = True
            children = list(self._children)
        for child in children:
            child.process.kill()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for child in children:
            child.end()

    def _results(self, jobs: Sequence[Job]) -> Iterator[Any]:
        # A window of tasks, not all of them: runs over several studies take turns.
        rest = iter(jobs)
        running: set[Future[Any]] = set()
        try:
            while True:
                while len(running) < self.size + 1 and (job := next(rest, None)) is not None:
                    running.add(self._begin(job))
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    if future.cancelled():
                        raise UnavailableError("the pool was closed")
                    yield future.result()
        finally:
            for future in running:
                future.cancel()

    def _begin(self, job: Job) -> Future[Any]:
        try:
            return self._threads.submit(self._run, job)
        except RuntimeError:
            # It ends with Orthanc, in the middle of a study: no reason to hold that.
            raise UnavailableError("the pool was closed") from None

    def _run(self, job: Job) -> Any:
        """Do one task, and once more if its child dies or hangs; then hold the instance."""
        held = Held(job.instance, "internal.error", "the task was not begun")
        for _ in range(TRIES):
            child = self._take()
            try:
                result = child.run(job, self._task_s)
            except ChildDiedError:
                self._drop(child)
                held = Held(
                    job.instance, "worker.died", "the process that worked on this instance died"
                )
            except ChildHungError:
                self._drop(child)
                held = Held(
                    job.instance,
                    "worker.timeout",
                    f"the work on this instance took more than {self._task_s:g} s",
                )
            else:
                self._idle.put(child)
                if isinstance(result, Unavailable):
                    raise UnavailableError(result.text)
                return result
            if self._is_closed:
                # Nobody can tell whose fault it was: the study will be taken up again.
                raise UnavailableError("the pool was closed")
        return held

    def _take(self) -> _Child:
        with contextlib.suppress(queue.Empty):
            while True:
                child = self._idle.get_nowait()
                if child.process.is_alive():
                    return child
                # It ended without a task (the system needed memory): no instance is to blame.
                self._drop(child)
        with self._lock:
            if self._is_closed:
                raise UnavailableError("the pool was closed")
            child = self._started()
            self._children.add(child)
        return child

    def _started(self) -> _Child:
        """Start a child; once more if the fork server died meanwhile, which is then made anew.

        Raises
        ------
        UnavailableError
            If none can be started: no instance is to blame, so its study waits.
        """
        reason = ""
        for _ in range(TRIES):
            try:
                return _Child(self._setup)
            except (EOFError, OSError) as error:
                reason = type(error).__name__
        raise UnavailableError(f"a process of the pool: {reason}")

    def _drop(self, child: _Child) -> None:
        with self._lock:
            self._children.discard(child)
        child.end()

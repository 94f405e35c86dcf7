"""Start the servers of ``gatehouse up``, keep them running, and leave none behind.

Not a service manager: production uses systemd or Docker. What it does take care of is that no
process survives it, however it ends, because a forgotten gateway would go on receiving studies.
"""

from __future__ import annotations

import ctypes
import os
import resource
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gatehouse.adapters.process_tree import Process, descendants

PR_SET_CHILD_SUBREAPER = 36

SETPRIV = "/usr/bin/setpriv"

STOP_MAX_S = 30.0
"""How long a server may take to end after SIGTERM before it is killed."""

RESTART_PAUSES_S = (0.5, 1.0, 2.0, 5.0, 15.0, 30.0)
"""Growing pauses between the restarts of a server that keeps ending."""

SETTLED_S = 60.0
"""After this long without an end, the pauses begin again with the shortest."""

ORTHANC_ENVIRONMENT = {
    # Orthanc 1.10's DICOM server answers each C-STORE with a small packet that waits for Nagle's
    # algorithm, and the sender's delayed ACK: 20 instances/s without this, 115 to 140 with it.
    # DCMTK, on which it is built, reads it from the environment.
    "TCP_NODELAY": "1",
    # Large instances are allocated and freed all the time: keep the memory instead of asking
    # the kernel for zeroed pages each time (the mapped threshold's largest value is 32 MiB).
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(256 << 20),
    "MALLOC_TOP_PAD_": str(16 << 20),
}


def become_supervisor() -> None:
    """Make this process one that may hold identified data, and that adopts its orphans.

    No core dumps, files only for their owner; processes whose parent was killed become children of
    this one, so that they are found at the end.
    """
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class StopRequested(Exception):  # noqa: N818  not an error
    """SIGINT or SIGTERM came."""


class Signals:
    """SIGINT and SIGTERM as a question that is asked at safe places, never in between.

    An exception raised inside ``Popen`` could leave a process that nobody knows of.
    """

    def __init__(self) -> None:
        self._reader, writer = os.pipe()
        os.set_blocking(writer, False)
        os.set_blocking(self._reader, False)
        self._stop = False
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # ignored: started with nohup
            signal.signal(signal.SIGHUP, self._handle)
        # Wakes the waiting below, so that an end is noticed at once.
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def _handle(self, _number: int, _frame: object) -> None:
        self._stop = True

    def wait(self, longest_s: float) -> None:
        """Wait until a child ends or the time is over.

        Raises
        ------
        StopRequested
            Whoever started this wants it to end.
        """
        if not self._stop and select.select([self._reader], [], [], longest_s)[0]:
            os.read(self._reader, 4096)
        if self._stop:
            raise StopRequested


@dataclass(slots=True)
class Server:
    """One program that is kept running.

    Parameters
    ----------
    name : str
        For messages.
    arguments : sequence of str
        Program and arguments; no secret may be in them, every user of the machine can see them.
    log : Path
        Where its output goes.
    environment : Mapping
        What is set besides this process's environment.
    """

    name: str
    arguments: Sequence[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    ends: int = 0
    started_at: float = 0.0
    start_again_at: float | None = None

    @property
    def pid(self) -> int:
        """Return the process id, or 0 while it does not run."""
        return self.process.pid if self.process is not None else 0

    def start(self) -> None:
        """Start the program in a session of its own.

        Its own session, because Ctrl-C in a terminal goes to the whole foreground group, and the
        order of ending is ours. ``setpriv`` asks the kernel to kill it when this process dies,
        also by SIGKILL, which nobody can answer.
        """
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603  our own arguments
                [SETPRIV, "--pdeathsig", "KILL", "--", *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**_without_proxies(os.environ), **self.environment},
                start_new_session=True,
            )
        self.started_at = time.monotonic()
        self.start_again_at = None

    def watch(self) -> int | None:
        """Return the exit code if the program has ended since the last call; plan its restart."""
        if self.process is None or (code := self.process.poll()) is None:
            return None
        now = time.monotonic()
        if now - self.started_at > SETTLED_S:
            self.ends = 0
        pause = RESTART_PAUSES_S[min(self.ends, len(RESTART_PAUSES_S) - 1)]
        self.ends += 1
        self.process = None
        self.start_again_at = now + pause
        return code

    def is_due(self) -> bool:
        """Return whether it ended and its pause is over."""
        return self.start_again_at is not None and time.monotonic() >= self.start_again_at


def stop(servers: Sequence[Server]) -> None:
    """End the servers in this order, and then whatever else descends from this process."""
    for server in servers:
        server.start_again_at = None
        if server.process is not None:
            server.process.terminate()
            try:
                server.process.wait(STOP_MAX_S)
            except subprocess.TimeoutExpired:
                server.process.kill()
                server.process.wait()
            server.process = None
    _end_orphans()


def _end_orphans() -> None:
    """Ask, then force, the remaining descendants to end, and wait for them.

    Workers end by themselves at the end of their input; this is for those that are stuck.
    """
    deadline = time.monotonic() + 10.0
    asked: set[int] = set()
    while left := [process for process in descendants(os.getpid()) if not process.is_zombie]:
        force = time.monotonic() > deadline
        for process in left:
            if force or process.pid not in asked:
                _signal(process, signal.SIGKILL if force else signal.SIGTERM)
                asked.add(process.pid)
        _reap()
        time.sleep(0.05)
    _reap()


def _signal(process: Process, number: signal.Signals) -> None:
    try:
        os.kill(process.pid, number)
    except ProcessLookupError:
        return


def _without_proxies(environment: Mapping[str, str]) -> dict[str, str]:
    # Everything that is started here talks over loopback, which no proxy can reach.
    return {
        name: value for name, value in environment.items() if not name.lower().endswith("_proxy")
    }


def reap_adopted(servers: Sequence[Server]) -> None:
    """Take note of adopted processes that have ended; the servers are waited for elsewhere."""
    own = {server.pid for server in servers}
    for process in descendants(os.getpid()):
        if process.is_zombie and process.parent == os.getpid() and process.pid not in own:
            os.waitpid(process.pid, os.WNOHANG)


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return

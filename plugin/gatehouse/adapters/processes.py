"""Starts and watches the processes of Gatehouse from inside Orthanc.

Standard library only. Inside Orthanc ``sys.executable`` is Orthanc itself, hence ``Popen`` with the
interpreter of the virtual environment and nothing of ``multiprocessing``. What a process must know
comes over its stdin, which then stays open: its end means that Orthanc has ended, also by
``kill -9``.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence

PAUSE_FIRST_S = 1.0
PAUSE_LONGEST_S = 60.0
STEADY_S = 60.0
"""A process that ran this long and then ended is started again without a long pause."""

PATIENCE_S = 10.0
"""How long a process may take to end after its stdin was closed, then once more after TERM."""

ENVIRONMENT = (
    "HOME",
    "LANG",
    "LC_ALL",
    "PATH",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "TMPDIR",
    "TZ",
)
"""What a process inherits. Orthanc's environment may hold passwords of its configuration, and
variables that fit Orthanc's Python and not ours."""


def environment(plugin_folder: str, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of our processes, in which they find the plugin's own code."""
    kept = {name: inherited[name] for name in ENVIRONMENT if name in inherited}
    return {**kept, "PYTHONPATH": plugin_folder, "PYTHONUNBUFFERED": "1"}


class Watched:
    """One process that is started again whenever it ends.

    Parameters
    ----------
    name : str
        For the log: ``"service"``, ``"worker-1"`` ...
    command : sequence of str
        Program and arguments; no secrets, because everybody on the machine can read them.
    handover : bytes
        One line for its stdin.
    log : callable
        Takes one line of text; must be callable from any thread.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        handover: bytes,
        variables: Mapping[str, str],
        log: Callable[[str], None],
        pause_first_s: float = PAUSE_FIRST_S,
    ) -> None:
        self.name = name
        self._command = tuple(command)
        self._handover = handover
        self._variables = dict(variables)
        self._log = log
        self._pause_first_s = pause_first_s
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        # A daemon: should it ever hang, it must not keep Orthanc from ending.
        self._thread = threading.Thread(target=self._watch, name=f"gatehouse-{name}", daemon=True)

    @property
    def pid(self) -> int | None:
        """Process id, if it runs."""
        process = self._process
        return process.pid if process and process.returncode is None else None

    def start(self) -> None:
        """Start the process and the thread that watches it."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Close its stdin: it ends by itself. Returns at once."""
        self._stopping.set()
        with self._lock:
            if self._process is not None and self._process.stdin is not None:
                # A pipe without a reader: the process has ended, which is what is wanted.
                with contextlib.suppress(OSError):
                    self._process.stdin.close()

    def stop(self, patience_s: float = PATIENCE_S) -> None:
        """Wait until the process has ended; TERM, and then KILL, where it does not by itself."""
        self.ask_to_stop()
        process = self._process
        if process is not None:
            for insist in (process.terminate, process.kill):
                if _has_ended(process, patience_s):
                    break
                self._log(f"{self.name} takes too long to end: {insist.__name__}")
                insist()
        if self._thread.ident is not None:
            self._thread.join(patience_s)

    def _watch(self) -> None:
        pause_s = self._pause_first_s
        while not self._stopping.is_set():
            began = time.monotonic()
            outcome = self._run()
            if self._stopping.is_set():
                return
            if time.monotonic() - began > STEADY_S:
                pause_s = self._pause_first_s
            self._log(f"{self.name} {outcome}; started again in {pause_s:g} s")
            self._stopping.wait(pause_s)
            pause_s = min(2 * pause_s, PAUSE_LONGEST_S)

    def _run(self) -> str:
        """Run the process to its end; return what became of it."""
        try:
            with self._lock:
                # Between this check and the assignment nobody can ask to stop.
                if self._stopping.is_set():
                    return "is not started"
                self._process = process = subprocess.Popen(  # noqa: S603  our own command
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    env=self._variables,
                    start_new_session=True,
                )
        except OSError as error:
            return f"can't be started ({os.strerror(error.errno or 0)})"
        assert process.stdin is not None  # noqa: S101  stdin=PIPE
        # Where it ended at once, or was asked to stop meanwhile, its exit code says more.
        with contextlib.suppress(OSError, ValueError):
            process.stdin.write(self._handover)
            process.stdin.flush()
        return f"ended with exit code {process.wait()}"


class Processes:
    """All processes of Gatehouse."""

    def __init__(self, watched: Sequence[Watched]) -> None:
        self.watched = tuple(watched)

    def start(self) -> None:
        """Start all."""
        for one in self.watched:
            one.start()

    def stop(self) -> None:
        """End all; they take their time side by side, not one after the other."""
        for one in self.watched:
            one.ask_to_stop()
        for one in self.watched:
            one.stop()


def _has_ended(process: subprocess.Popen[bytes], patience_s: float) -> bool:
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        return False
    return True

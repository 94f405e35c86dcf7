"""The thread of a worker that prepares studies while they arrive."""

from __future__ import annotations

import threading
import time

import structlog

from gatehouse.pipeline.early import Early
from gatehouse.pipeline.workflows import UNAVAILABLE

LOOK_EVERY_S = 0.25
"""How often new instances are looked for."""

TIDY_EVERY_S = 15.0
PAUSE_LONGEST_S = 30.0

_log = structlog.get_logger()


class EarlyWorker(threading.Thread):
    """Prepares until it is told to stop. Nothing depends on it: what it misses is done later."""

    def __init__(self, early: Early, stopping: threading.Event) -> None:
        super().__init__(name="early", daemon=True)
        self._early = early
        self._stopping = stopping

    def run(self) -> None:
        """Work until the event is set."""
        failures = 0
        tidy_at = time.monotonic() + TIDY_EVERY_S
        while not self._stopping.is_set():
            pause_s = LOOK_EVERY_S
            try:
                self._early.turn()
                if time.monotonic() >= tidy_at:
                    tidy_at = time.monotonic() + TIDY_EVERY_S
                    self._early.tidy()
            except Exception as error:  # noqa: BLE001  whatever it is: the steps will do without
                failures += 1
                pause_s = min(2.0**failures, PAUSE_LONGEST_S)
                say = _log.warning if isinstance(error, UNAVAILABLE) else _log.error
                say("not prepared early", reason=type(error).__name__, again_in_s=pause_s)
            else:
                failures = 0
            self._stopping.wait(pause_s)

"""Keeps pynetdicom's association thread from taking answers that are for us.

An association has a thread that serves requests of the peer. Before each C-STORE pynetdicom asks
it to pause, but believes a flag that the thread sets shortly before it looks whether it may go on:
on a busy machine it can wake up in between, take the C-STORE response and drop it, and the sender
waits until the time limit (seen three times in some ten thousand C-STOREs). Here the thread is
known to be blocked until the association ends. We serve no requests, so it has nothing to do.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pynetdicom.association import Association

PATIENCE_S = 10.0


class Checkpoint(threading.Event):
    """An event whose waiter can be held, and is then known to wait."""

    def __init__(self) -> None:
        super().__init__()
        self._condition = threading.Condition()
        self._is_open = True
        self._is_held = False
        self._waiting = 0

    def hold(self, timeout_s: float) -> bool:
        """Close it for good; return whether the thread waits, at the latest after a time."""
        with self._condition:
            self._is_held = True
            self._is_open = False
            return self._condition.wait_for(lambda: self._waiting > 0, timeout_s)

    def let_go(self) -> None:
        """Open it, and let it be opened and closed again."""
        with self._condition:
            self._is_held = False
            self._is_open = True
            self._condition.notify_all()

    def set(self) -> None:
        """Open it, unless it is held."""
        with self._condition:
            self._is_open = not self._is_held
            self._condition.notify_all()

    def clear(self) -> None:
        """Close it."""
        with self._condition:
            self._is_open = False

    def is_set(self) -> bool:
        """Return whether it is open."""
        with self._condition:
            return self._is_open

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is open."""
        with self._condition:
            self._waiting += 1
            self._condition.notify_all()
            try:
                return self._condition.wait_for(lambda: self._is_open, timeout)
            finally:
                self._waiting -= 1


@contextmanager
def undisturbed(association: Association) -> Iterator[None]:
    """Keep the association's own thread waiting."""
    checkpoint = Checkpoint()
    association._reactor_checkpoint = checkpoint
    # Where the thread does not come by, it has ended: sending will say why.
    checkpoint.hold(PATIENCE_S if association.is_alive() else 0.0)
    try:
        yield
    finally:
        checkpoint.let_go()

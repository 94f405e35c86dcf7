"""The service's end of the wake-up that the plugin sends for each stored instance."""

from __future__ import annotations

import socket
from pathlib import Path


class Waker:
    """Waits for datagrams on a Unix socket. Many that come together are one wake-up.

    Parameters
    ----------
    path : Path
        Where the socket is made, in a folder that only its owner may enter.
    """

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        # The same process wakes itself through a socket of its own.
        self._sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sender.setblocking(False)
        self._path = str(path)

    def wait(self, timeout_s: float) -> bool:
        """Return True as soon as somebody wakes us, False after the time."""
        self._socket.settimeout(timeout_s)
        try:
            self._socket.recv(16)
        except TimeoutError:
            return False
        self._socket.setblocking(False)
        try:
            while True:
                self._socket.recv(16)
        except BlockingIOError:
            return True

    def wake(self) -> None:
        """Wake whoever waits. May be called from any thread."""
        try:
            self._sender.sendto(b"\n", self._path)
        except OSError:
            # The queue is full: the reader has been told already.
            return

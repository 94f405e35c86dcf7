"""A way to a server that lets a number of bytes through and then stands still.

So what happens "in the middle of sending" is found on a machine of any speed.
"""

from __future__ import annotations

import contextlib
import socket
import threading

CHUNK = 4096


class Dam:
    """Passes connections on to a port of this machine.

    Parameters
    ----------
    port : int
        Where it passes them on to.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._changed = threading.Condition()
        self._left: int | None = None
        self._is_ended = False
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """End it."""
        with self._changed:
            self._is_ended = True
            self._changed.notify_all()
        self._listener.close()

    def close_after(self, count: int) -> None:
        """Let so many more bytes through to the server, those of all connections together."""
        with self._changed:
            self._left = count

    def open(self) -> None:
        """Let everything through."""
        with self._changed:
            self._left = None
            self._changed.notify_all()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self._to))
                except OSError:
                    # The server is away, and its client must see that.
                    client.close()
                    continue
                threading.Thread(target=self._up, args=(client, server), daemon=True).start()
                threading.Thread(target=_pour, args=(server, client), daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while (chunk := client.recv(CHUNK)) and self._let_through(len(chunk)):
                server.sendall(chunk)
        # To close it would not do: the other thread still reads from it, so that the server would
        # never hear of it, and Orthanc answers four associations at a time.
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)

    def _let_through(self, count: int) -> bool:
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_ended or self._left is None or self._left >= count
            )
            if self._left is not None:
                self._left -= count
            return not self._is_ended


def _pour(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError), source, sink:
        while chunk := source.recv(CHUNK):
            sink.sendall(chunk)

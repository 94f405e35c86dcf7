"""Goal: connections to Orthanc are kept, and no answer is taken for that to another request.

Method: a socket that answers as each test wants it to, and counts who came.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gatehouse.adapters.kept_connection import Answer, KeptConnection, NoAnswerError
from support.certificates import Authority

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Answers each connection's requests, by turns; without an answer left it closes."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.answers: list[list[bytes]] = []
        self.wrap: Callable[[socket.socket], socket.socket] = lambda plain: plain
        self.asked: list[bytes] = []
        self.connections = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            try:
                with self.wrap(connection) as wrapped:
                    self._answer(wrapped, self.answers.pop(0) if self.answers else [])
            except OSError:
                continue

    def _answer(self, connection: socket.socket, answers: list[bytes]) -> None:
        stream = connection.makefile("rb")
        for answer in answers:
            head = b""
            while (line := stream.readline()) not in (b"\r\n", b""):
                head += line
            if not head:
                return
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            self.asked.append(head + stream.read(int(length or 0)))
            connection.sendall(answer)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.socket.close()


def connect(server: Server, scheme: str = "http") -> KeptConnection:
    return KeptConnection(
        f"{scheme}://127.0.0.1:{server.port}/orthanc/",
        {"Authorization": "Bearer token"},
        connect_timeout_s=60,
        read_timeout_s=60,
    )


def test_requests_of_one_thread_share_a_connection(server: Server) -> None:
    server.answers = [[OK, OK]]
    kept = connect(server)

    answers = [kept.request("GET", "/a"), kept.request("POST", "/b", b"body", "text/plain")]

    assert answers == [Answer(200, b"ok")] * 2
    assert server.connections == 1
    assert server.asked[0].startswith(b"GET /orthanc/a HTTP/1.1\r\n")
    assert server.asked[1].startswith(b"POST /orthanc/b HTTP/1.1\r\n")
    assert b"\r\nAuthorization: Bearer token\r\n" in server.asked[1]
    assert server.asked[1].endswith(b"body")


def test_what_is_no_path_is_quoted(server: Server) -> None:
    server.answers = [[OK]]

    connect(server).request("GET", "/jobs/a b\r\nX: é?expand=%2F")

    assert server.asked[0].startswith(b"GET /orthanc/jobs/a%20b%0D%0AX:%20%C3%A9?expand=%2F HTTP")


def test_a_connection_that_died_meanwhile_is_replaced(server: Server) -> None:
    server.answers = [[OK], [OK]]
    kept = connect(server)
    kept.request("GET", "/a")

    assert kept.request("POST", "/b", bytes(1 << 22)) == Answer(200, b"ok")
    assert server.connections == 2


def test_a_server_that_closes_each_time_is_asked_twice_and_no_more(server: Server) -> None:
    with pytest.raises(NoAnswerError):
        connect(server).request("GET", "/a")

    assert server.connections == 2


def test_a_connection_that_the_server_closes_is_not_used_again(server: Server) -> None:
    closing = OK.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n")
    server.answers = [[closing], [OK]]
    kept = connect(server)

    kept.request("GET", "/a")

    assert kept.request("GET", "/b") == Answer(200, b"ok")
    assert server.connections == 2


WRONG = OK.replace(b"ok", b"no")


@pytest.mark.parametrize(
    "answers",
    [
        [b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\ncut off"],
        [b"SSH-2.0-other\r\n\r\n" + WRONG, WRONG],
        [b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n" + WRONG, WRONG],
    ],
)
def test_what_is_no_whole_answer_is_none_and_leaves_nothing_behind(
    server: Server, answers: list[bytes]
) -> None:
    server.answers = [answers, [OK]]
    kept = connect(server)

    with pytest.raises(NoAnswerError):
        kept.request("GET", "/a")

    assert kept.request("GET", "/b") == Answer(200, b"ok")
    assert server.connections == 2


def test_a_server_that_nobody_vouches_for_gets_no_password(server: Server, tmp_path: Path) -> None:
    signed = Authority(tmp_path).sign("server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(signed.certificate, signed.key)
    server.wrap = lambda plain: context.wrap_socket(plain, server_side=True)
    server.answers = [[OK]]

    with pytest.raises(NoAnswerError):
        connect(server, "https").request("GET", "/a")

    assert server.asked == []


def test_each_thread_has_its_own_connection(server: Server) -> None:
    server.answers = [[OK], [OK]]
    kept = connect(server)
    found: list[Answer] = []

    for _ in range(2):
        thread = threading.Thread(target=lambda: found.append(kept.request("GET", "/a")))
        thread.start()
        thread.join()

    assert found == [Answer(200, b"ok")] * 2
    assert server.connections == 2

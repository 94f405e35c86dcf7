"""A web service as Orthanc's authorization plugin asks for profiles: by token, who it is of."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class ProfileService:
    """A context manager; answers are what ``answers`` holds for a token: a body, or a status."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.dam = threading.Event()
        self.dam.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append({"path": self.path, **body})
                outer.headers.append({name.lower(): text for name, text in self.headers.items()})
                outer.dam.wait(120)
                answer = outer.answers.get(body["token-value"], 403)
                status = answer if isinstance(answer, int) else 200
                sent = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(sent)))
                if status == 302:
                    self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(sent)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """Where profiles are asked for."""
        return f"http://127.0.0.1:{self._server.server_port}/user/get-profile"

    @property
    def root(self) -> str:
        """What the authorization plugin calls ``WebServiceRootUrl``."""
        return f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self) -> ProfileService:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.dam.set()
        self._server.shutdown()
        self._server.server_close()


def profile(name: str, *permissions: str, **more: Any) -> dict[str, Any]:
    """Return a profile with the fields that the authorization plugin insists on."""
    return {
        "name": name,
        "permissions": list(permissions),
        "authorized-labels": ["*"],
        "validity": 60,
        **more,
    }

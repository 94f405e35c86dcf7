"""Goal: every REST route answers as its own description says, whatever it is asked.

Method: schemathesis makes requests of ``/gatehouse/openapi.json``, right ones and wrong ones, for a
fixed time. They reach the real service through the plugin's own forwarder. Orthanc stands behind
the service; it is not in front, because it ends connections that idle for a second.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from gatehouse.adapters.forward import Forwarder, problem
from gatehouse.adapters.orthanc_plugin import METHODS
from support.gateway import POLICY
from support.orthanc import PASSWORD, ROOT, USER, Orthanc, eventually
from support.workers import AUTHORIZATION

TIME_S = 25
SECRET = "secret"

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)

# 503 and 504 say that something else does not answer, or not in time: the status does so here,
# because no worker runs.
EXPECTED = """\
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", "503", "504"]
"""

pytestmark = pytest.mark.live


@contextmanager
def service(folder: Path, orthanc_url: str) -> Iterator[Path]:
    """Run a service; return its socket."""
    policy = folder / "policies" / "everything" / "everything.yaml"
    policy.parent.mkdir(parents=True)
    policy.write_text(POLICY)
    (folder / "policies" / "pack.yaml").write_text("policies: [everything]\n")
    key = folder / "master.key"
    key.touch(mode=0o600)
    key.write_bytes(bytes(range(32)))
    settings = {
        "Home": str(folder / "home"),
        "Policies": str(folder / "policies"),
        "KeyFile": str(key),
        "OrthancUrl": orthanc_url,
        "OrthancAuthorization": AUTHORIZATION,
        "ForwardSecret": SECRET,
        "Destinations": {"dicom": ["research-pacs"], "peer": [], "dicomweb": []},
        "Roles": {USER: ["viewer", "operator", "policy-editor", "privacy-officer"]},
        "Process": "service",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "gatehouse.cli", "service", "--stdin"],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env={"PYTHONPATH": str(ROOT / "plugin"), "PATH": "/usr/bin:/bin"},
    )
    try:
        assert process.stdin is not None
        process.stdin.write(json.dumps(settings).encode() + b"\n")
        process.stdin.flush()
        socket = folder / "home" / "run" / "service.sock"
        eventually(socket.exists, 120, "the service does not answer")
        yield socket
        assert process.poll() is None, "the service has ended"
    finally:
        process.kill()
        process.wait()


@contextmanager
def front(socket: Path) -> Iterator[str]:
    """Serve what Orthanc's REST callback does, by HTTP; return its address."""
    forwarder = Forwarder(socket, SECRET)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = problem(405, "this method is not known here")
            if self.command in METHODS:
                answer = forwarder.forward(
                    self.command,
                    unquote(parts.path),
                    dict(parse_qsl(parts.query)),
                    {name.lower(): value for name, value in self.headers.items()},
                    body,
                )
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def __getattr__(self, name: str) -> object:
            if name.startswith("do_"):
                return self.handle_any
            raise AttributeError(name)

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def test_every_route_answers_as_it_is_described(tmp_path: Path) -> None:
    with (
        Orthanc(tmp_path / "orthanc") as orthanc,
        service(tmp_path / "site", orthanc.url) as socket,
        front(socket) as url,
    ):
        (tmp_path / "schemathesis.toml").write_text(EXPECTED)
        outcome = subprocess.run(
            [
                str(Path(sys.executable).with_name("schemathesis")),
                *("run", f"{url}/gatehouse/openapi.json"),
                *("--auth", f"{USER}:{PASSWORD}", "--header", "X-Gatehouse: 1"),
                *("--checks", ",".join(CHECKS), "--continue-on-failure"),
                *("--phases", "coverage,fuzzing", "--max-examples", "8"),
                *("--max-time", str(TIME_S), "--request-timeout", "60"),
                *("--no-shrink", "--no-color", "--warnings", "off", "--seed", "1"),
            ],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            timeout=400,
            check=False,
        )
        assert outcome.returncode == 0, outcome.stdout[-8000:] + outcome.stderr[-2000:]
        # Nothing that was asked for has become a policy.
        policies = tmp_path / "site" / "policies"
        assert [one.name for one in policies.iterdir() if one.is_dir()] == ["everything"]

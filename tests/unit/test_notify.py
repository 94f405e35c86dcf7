"""Goal: people are told by mail and webhook, without identifiers, and again until it arrived.

Method: a real SMTP server and a real HTTP server on loopback; what they got is looked at.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gatehouse.adapters import notify
from gatehouse.adapters.notify_settings import Channels, Email, Webhook
from gatehouse.errors import UnavailableError
from gatehouse.pipeline.desk_records import NoticeRecord
from support.orthanc import free_port


class Mailbox:
    """Keeps what it gets."""

    def __init__(self) -> None:
        self.got: list[tuple[list[str], str]] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.got.append((envelope.rcpt_tos, envelope.content.decode()))
        return "250 OK"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return tmp_path / "cert.pem"


@contextmanager
def mail_server(certificate: Path | None = None, **options: Any) -> Iterator[tuple[Mailbox, int]]:
    """Run a mail server; with STARTTLS if there is a certificate."""
    mailbox = Mailbox()
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, certificate.with_name("key.pem"))
        options |= {"tls_context": context, "require_starttls": True}
    controller = Controller(mailbox, hostname="localhost", port=free_port(), **options)
    controller.start()
    try:
        yield mailbox, controller.port
    finally:
        controller.stop()


class Hook:
    """What a webhook answers, and what it got."""

    def __init__(self) -> None:
        self.status = 200
        self.location = ""
        self.got: list[tuple[dict[str, str], bytes]] = []


@contextmanager
def web_server() -> Iterator[tuple[Hook, str]]:
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.got.append(({key.lower(): value for key, value in self.headers.items()}, body))
            self.send_response(hook.status)
            if hook.location:
                self.send_header("Location", hook.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield hook, f"http://127.0.0.1:{server.server_port}/hook"
        finally:
            server.shutdown()


def notice(channel: str, event: str = "held", **counts: int) -> NoticeRecord:
    named = counts or {"pixels.suspicious": 2, "no-policy": 1}
    return NoticeRecord(7, event, channel, {"counts": named}, 1000.0, 0)


def email(port: int, **more: Any) -> Channels:
    about = {"security": "none", **more}
    return Channels(
        email=Email("localhost", port, "pacs@hospital.example", ("a@b.example",), **about)
    )


def test_a_mail_says_what_is_held_and_why_in_plain_words() -> None:
    with mail_server() as (mailbox, port):
        notify.send(email(port), notice("email"), "gateway-1")

    [(to, text)] = mailbox.got
    assert to == ["a@b.example"]
    assert "Subject: Gatehouse: 3 studies are held" in text
    assert "2 x pixels.suspicious: Images may carry burned-in text." in text.replace("\r\n", " ")
    assert "Message-ID: <gatehouse-7-1000@gateway-1>" in text


def test_a_mail_goes_encrypted_and_with_a_login(certificate: Path) -> None:
    def known(_s: Any, _se: Any, _e: Any, _m: Any, given: Any) -> AuthResult:
        right = isinstance(given, LoginPassword) and given.password == b"right"
        return AuthResult(success=right)

    options = {"authenticator": known, "auth_required": True}
    login = {"security": "starttls", "user": "pacs", "authority": str(certificate)}
    with mail_server(certificate, **options) as (mailbox, port):
        notify.send(email(port, **login, password="right"), notice("email"), "g")
        with pytest.raises(UnavailableError, match="did not take it"):
            notify.send(email(port, **login, password="wrong"), notice("email"), "g")

    assert len(mailbox.got) == 1


def test_a_mail_server_that_nobody_vouches_for_gets_nothing(certificate: Path) -> None:
    with (
        mail_server(certificate) as (mailbox, port),
        pytest.raises(UnavailableError, match="SSLCertVerificationError"),
    ):
        notify.send(email(port, security="starttls"), notice("email"), "g")

    assert mailbox.got == []


def test_a_mail_server_that_is_away_is_an_error_without_its_words() -> None:
    with pytest.raises(UnavailableError, match=r"^the mail server did not take it \(\w+\)$"):
        notify.send(email(free_port()), notice("email"), "g")


def test_a_webhook_gets_counts_and_a_signature() -> None:
    with web_server() as (hook, url):
        notify.send(Channels(webhook=Webhook(url, "shared")), notice("webhook"), "gateway-1")

    [(headers, body)] = hook.got
    assert json.loads(body) == {
        "event": "held",
        "id": 7,
        "server": "gateway-1",
        "at": 1000.0,
        "text": "Gatehouse: 3 studies are held",
        "counts": {"pixels.suspicious": 2, "no-policy": 1},
    }
    right = hmac.new(b"shared", body, hashlib.sha256).hexdigest()
    assert headers["x-gatehouse-signature"] == f"sha256={right}"


def test_a_webhook_s_redirect_is_not_followed() -> None:
    with web_server() as (hook, url), web_server() as (elsewhere, other):
        hook.status, hook.location = 307, other
        with pytest.raises(UnavailableError, match="answered 307"):
            notify.send(Channels(webhook=Webhook(url)), notice("webhook"), "g")

    assert elsewhere.got == []


def test_a_way_that_is_not_set_up_any_more_is_an_error() -> None:
    with pytest.raises(UnavailableError, match="not set up any more"):
        notify.send(Channels(), notice("email"), "g")


@pytest.mark.parametrize("event", notify.TITLES)
def test_every_event_has_its_line(event: str) -> None:
    assert notify.subject_of(notice("email", event, x=1)).startswith("Gatehouse: 1 ")

"""Tells people by e-mail and webhook that something needs them. Without identifiers.

A notice holds an event, counts, names of rules, destinations and policies. It is kept in the ledger
before it is sent, and sent again until the mail server or the receiver has taken it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import smtplib
import ssl
from collections.abc import Mapping
from email.message import EmailMessage
from http import HTTPStatus
from typing import Any

import requests

from gatehouse.adapters.notify_settings import Channels, Email, Webhook
from gatehouse.errors import UnavailableError
from gatehouse.pipeline.desk_records import NoticeRecord
from gatehouse.web.words import words_of

TIMEOUT_S = 20.0

TITLES: Mapping[str, str] = {
    "held": "studies are held",
    "failed": "deliveries failed",
    "expiring": "held studies will be rejected soon, because nobody has looked at them",
    "proposed": "changes of policies wait for a second person",
    "policies-invalid": "problems in the folder of policies; what ran before goes on",
}


def send(channels: Channels, notice: NoticeRecord, server: str) -> None:
    """Send a notice over its channel.

    Raises
    ------
    UnavailableError
        If it was not taken; the text holds no more than a type or a status.
    """
    if notice.channel == "email" and channels.email is not None:
        _mail(channels.email, notice, server)
    elif notice.channel == "webhook" and channels.webhook is not None:
        _post(channels.webhook, notice, server)
    else:
        raise UnavailableError("this way of notification is not set up any more")


def subject_of(notice: NoticeRecord) -> str:
    """Return one line for people."""
    return f"Gatehouse: {total_of(notice)} {TITLES[notice.event]}"


def total_of(notice: NoticeRecord) -> int:
    """Return about how many things a notice is."""
    counts: Mapping[str, int] = notice.content.get("counts", {})
    return sum(counts.values())


def text_of(notice: NoticeRecord, server: str) -> str:
    """Return the text of a mail."""
    lines = [f"{subject_of(notice)} ({server}).", ""]
    for name, count in sorted(notice.content.get("counts", {}).items()):
        words = f": {words_of(name)}" if notice.event == "held" else ""
        lines.append(f"{count} x {name}{words}")
    lines += ["", "Look at the page of held studies, or run `gatehouse held`.", ""]
    return "\n".join(lines)


def _mail(email: Email, notice: NoticeRecord, server: str) -> None:
    message = EmailMessage()
    message["Subject"] = subject_of(notice)
    message["From"] = email.sender
    message["To"] = ", ".join(email.to)
    message["Message-ID"] = f"<gatehouse-{notice.id}-{int(notice.created_at)}@{server}>"
    message.set_content(text_of(notice, server))
    try:
        context = ssl.create_default_context(cafile=email.authority or None)
        with _connection(email, context) as connection:
            if email.security == "starttls":
                connection.starttls(context=context)
            if email.user:
                connection.login(email.user, email.password)
            connection.send_message(message)
    except (smtplib.SMTPException, OSError) as error:
        # The server's words may repeat addresses.
        raise UnavailableError(
            f"the mail server did not take it ({type(error).__name__})"
        ) from None


def _connection(email: Email, context: ssl.SSLContext) -> smtplib.SMTP:
    if email.security == "tls":
        return smtplib.SMTP_SSL(email.host, email.port, timeout=TIMEOUT_S, context=context)
    return smtplib.SMTP(email.host, email.port, timeout=TIMEOUT_S)


def body_of(notice: NoticeRecord, server: str) -> bytes:
    """Return what is posted to a webhook."""
    about: dict[str, Any] = {
        "event": notice.event,
        "id": notice.id,
        "server": server,
        "at": notice.created_at,
        "text": subject_of(notice),
        "counts": dict(notice.content.get("counts", {})),
    }
    return json.dumps(about, sort_keys=True).encode()


def _post(webhook: Webhook, notice: NoticeRecord, server: str) -> None:
    body = body_of(notice, server)
    headers = {"Content-Type": "application/json", "User-Agent": "gatehouse"}
    if webhook.secret:
        digest = hmac.new(webhook.secret.encode(), body, hashlib.sha256).hexdigest()
        headers["X-Gatehouse-Signature"] = f"sha256={digest}"
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.post(
                webhook.url, data=body, headers=headers, timeout=TIMEOUT_S, allow_redirects=False
            )
    except requests.RequestException as error:
        raise UnavailableError(f"the webhook did not answer ({type(error).__name__})") from None
    if not HTTPStatus.OK <= answer.status_code < HTTPStatus.MULTIPLE_CHOICES:
        raise UnavailableError(f"the webhook answered {answer.status_code}")

"""The setting ``Notifications``: by which ways people are told, checked and typed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from gatehouse.errors import ConfigurationError

Security = Literal["starttls", "tls", "none"]

_ADDRESS = re.compile(r"[^@\s<>,;]{1,64}@[^@\s<>,;]{1,190}")


@dataclass(frozen=True, slots=True)
class Email:
    """Where mail goes.

    Parameters
    ----------
    security : str
        ``"starttls"``, ``"tls"`` or ``"none"``; certificates are always checked.
    user, password : str
        Empty: no login.
    authority : str
        File with the certificate of the authority; empty: the system's.
    """

    host: str
    port: int
    sender: str
    to: tuple[str, ...]
    security: Security = "starttls"
    user: str = ""
    password: str = field(default="", repr=False)
    authority: str = ""


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where JSON is posted to.

    Parameters
    ----------
    secret : str
        If given, the body is signed: ``X-Gatehouse-Signature: sha256=HMAC``.
    """

    url: str
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Channels:
    """By which ways people are told."""

    email: Email | None = None
    webhook: Webhook | None = None

    def names(self) -> tuple[str, ...]:
        """Return the names of those that are set up."""
        named = (("email", self.email), ("webhook", self.webhook))
        return tuple(name for name, channel in named if channel is not None)


def read_channels(
    value: object, secret_file: Callable[[object], str], url: Callable[[object], str]
) -> Channels:
    """Return the section ``Notifications``.

    Parameters
    ----------
    secret_file, url : callable
        Check and return the content of a private file, and an address.

    Raises
    ------
    ConfigurationError
        What is wrong, after the name of the setting.
    """
    section = _section(value, "", ("Email", "Webhook"))
    email = section.get("Email")
    webhook = section.get("Webhook")
    return Channels(
        None if email is None else _email(email, secret_file),
        None if webhook is None else _webhook(webhook, secret_file, url),
    )


def _email(value: object, secret_file: Callable[[object], str]) -> Email:
    known = ("Host", "Port", "From", "To", "Security", "User", "PasswordFile", "AuthorityFile")
    section = _section(value, "Email", known)
    host = section.get("Host")
    if not isinstance(host, str) or not host:
        raise ConfigurationError("Email.Host must name the mail server")
    security = section.get("Security", "starttls")
    if security not in ("starttls", "tls", "none"):
        raise ConfigurationError('Email.Security must be "starttls", "tls" or "none"')
    port = section.get("Port", {"starttls": 587, "tls": 465, "none": 25}[security])
    if isinstance(port, bool) or not isinstance(port, int) or not 0 < port < 65536:
        raise ConfigurationError("Email.Port must be a port")
    to = section.get("To")
    addresses: list[Any] = to if isinstance(to, list) else [to]
    if not addresses or not all(
        isinstance(one, str) and _ADDRESS.fullmatch(one) for one in addresses
    ):
        raise ConfigurationError("Email.To must be an address or a list of addresses")
    sender = section.get("From")
    if not isinstance(sender, str) or not _ADDRESS.fullmatch(sender):
        raise ConfigurationError("Email.From must be an address")
    if ("User" in section) != ("PasswordFile" in section):
        raise ConfigurationError("Email.User and Email.PasswordFile belong together")
    if "User" in section and security == "none":
        raise ConfigurationError("Email: a password is not sent without encryption")
    return Email(
        host,
        port,
        sender,
        tuple(addresses),
        cast(Security, security),
        str(section.get("User", "")),
        _secret(section, "Email", "PasswordFile", secret_file),
        str(section.get("AuthorityFile", "")),
    )


def _webhook(
    value: object, secret_file: Callable[[object], str], url: Callable[[object], str]
) -> Webhook:
    section = _section(value, "Webhook", ("Url", "SecretFile"))
    try:
        address = url(section.get("Url"))
    except ConfigurationError as error:
        raise ConfigurationError(f"Webhook.Url {error}") from None
    return Webhook(address, _secret(section, "Webhook", "SecretFile", secret_file))


def _secret(
    section: Mapping[str, Any], name: str, key: str, secret_file: Callable[[object], str]
) -> str:
    if key not in section:
        return ""
    try:
        return secret_file(section[key])
    except ConfigurationError as error:
        raise ConfigurationError(f"{name}.{key} {error}") from None


def _section(value: object, name: str, known: tuple[str, ...]) -> Mapping[str, Any]:
    place = f"{name} " if name else ""
    if not isinstance(value, dict):
        raise ConfigurationError(f"{place}must be an object")
    for key in value:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ConfigurationError(f"{name + '.' if name else ''}{key} is not known{hint}")
    return value

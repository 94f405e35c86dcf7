"""The settings of destinations: servers, buckets, folders, limits, certificates.

``docs/destinations.md`` describes each key. Secrets are named by the file that holds them; only
what the plugin hands over from Orthanc's own configuration, through a pipe, has them inside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gatehouse.adapters import settings_parts as parts
from gatehouse.adapters.destinations.configuration import (
    Bucket,
    Commitment,
    Folder,
    HttpServer,
    Tls,
    read_credentials,
)
from gatehouse.errors import ConfigurationError
from gatehouse.pipeline.circuit import Breaker
from gatehouse.pipeline.destinations import DestinationKey
from gatehouse.pipeline.limits import Limits
from gatehouse.policy.destinations import DESTINATIONS

DAY_S = 86_400.0

_BREAKER = {
    "Failures": ("failures", parts.whole(1, 1000)),
    "ProbeSeconds": ("probe_min_s", parts.number(DAY_S)),
    "LongestProbeSeconds": ("probe_max_s", parts.number(DAY_S)),
}
_TLS = {
    "TrustedCertificates": ("trusted", parts.path),
    "Certificate": ("certificate", parts.path),
    "PrivateKey": ("key", parts.path),
    "VerifyHost": ("verify_host", parts.flag),
}
_COMMITMENT = {
    "Port": ("port", parts.whole(1, 65535)),
    "WaitSeconds": ("wait_s", parts.number(3600.0)),
}
_SERVER = {
    "Url": ("url", parts.url),
    "Username": ("user", parts.text),
    "PasswordFile": ("password", parts.secret_file),
    "HeadersFile": ("headers", lambda value: _headers(parts.secret_file(value))),
    "TrustedCertificates": ("trusted", parts.path),
    "Certificate": ("certificate", parts.path),
    "PrivateKey": ("key", parts.path),
}
_HANDED_SERVER = {
    **_SERVER,
    "Password": ("password", parts.text),
    "Headers": ("headers", parts.named(parts.text)),
}
_BUCKET = {
    "Bucket": ("bucket", parts.text),
    "CredentialsFile": ("credentials", lambda value: read_credentials(parts.secret_file(value))),
    "Endpoint": ("endpoint", parts.url),
    "Region": ("region", parts.text),
    "Prefix": ("prefix", parts.text),
    "TrustedCertificates": ("trusted", parts.path),
    "PathStyle": ("path_style", parts.flag),
    "ServerSideEncryption": ("encryption", parts.text),
    "KmsKeyId": ("kms_key_id", parts.text),
}
_FOLDER = {"Path": ("path", parts.path)}


@dataclass(frozen=True, slots=True)
class Sending:
    """How destinations are treated, and with what certificates they are spoken to."""

    limits: Mapping[DestinationKey, Limits] = field(default_factory=dict)
    tls: Mapping[str, Tls] = field(default_factory=dict)
    commitments: Mapping[str, Commitment] = field(default_factory=dict)


def read_sending(value: object) -> Sending:
    """Check the setting ``Sending``: way of delivery -> destination -> what is special with it."""
    if not isinstance(value, dict):
        raise ConfigurationError("must be an object of ways of delivery")
    limits: dict[DestinationKey, Limits] = {}
    tls: dict[str, Tls] = {}
    commitments: dict[str, Commitment] = {}
    for via, destinations in value.items():
        if via not in DESTINATIONS:
            known = ", ".join(DESTINATIONS.names())
            raise ConfigurationError(f"has no way of delivery {via}; known are {known}")
        for name, about in parts.named(_one)(destinations).items():
            special = {key: about.pop(key, None) for key in ("tls", "commitment")}
            if via != "dicom" and any(special.values()):
                raise ConfigurationError(
                    f"{via}.{name}: Tls and StorageCommitment are for dicom alone"
                )
            limits[DestinationKey(via, name)] = Limits(**about)
            if special["tls"] is not None:
                tls[name] = special["tls"]
            if special["commitment"] is not None:
                commitments[name] = special["commitment"]
    ports = [one.port for one in commitments.values()]
    if len(set(ports)) < len(ports):
        raise ConfigurationError("needs another StorageCommitment.Port for each destination")
    return Sending(limits, tls, commitments)


def read_servers(value: object) -> Mapping[str, HttpServer]:
    """Check the settings ``DicomWebServers`` and ``PeerServers``."""
    return parts.named(lambda one: _server(one, _SERVER))(value)


def read_handed_servers(value: object) -> Mapping[str, Mapping[str, HttpServer]]:
    """Check what the plugin hands over of Orthanc's own configuration."""
    return parts.named(parts.named(lambda one: _server(one, _HANDED_SERVER)))(value)


def read_buckets(value: object) -> Mapping[str, Bucket]:
    """Check the setting ``S3``."""
    return parts.named(_bucket)(value)


def read_folders(value: object) -> Mapping[str, Folder]:
    """Check the setting ``Folders``."""
    return parts.named(lambda one: Folder(**parts.fields(one, _FOLDER, "Path")))(value)


def _one(value: object) -> dict[str, Any]:
    checks = {
        "Concurrency": ("concurrency", parts.whole(1, 32)),
        "InstancesPerSecond": ("instances_per_s", parts.number(1e6)),
        "BytesPerSecond": ("bytes_per_s", parts.number(1e12)),
        "Window": ("window", parts.window),
        "Breaker": ("breaker", lambda one: Breaker(**parts.fields(one, _BREAKER))),
        "Tls": ("tls", _tls),
        "StorageCommitment": (
            "commitment",
            lambda one: Commitment(**parts.fields(one, _COMMITMENT, "Port")),
        ),
    }
    return parts.fields(value, checks)


def _tls(value: object) -> Tls:
    found = Tls(**parts.fields(value, _TLS, "TrustedCertificates"))
    if (found.certificate is None) != (found.key is None):
        raise ConfigurationError("needs Certificate and PrivateKey, or neither")
    return found


def _server(value: object, checks: Mapping[str, tuple[str, parts.Check]]) -> HttpServer:
    return HttpServer(**parts.fields(value, checks, "Url"))


def _bucket(value: object) -> Bucket:
    return Bucket(**parts.fields(value, _BUCKET, "Bucket", "CredentialsFile"))


def _headers(text: str) -> Mapping[str, str]:
    """Read lines of ``Name: value``."""
    headers: dict[str, str] = {}
    for line in text.splitlines():
        name, colon, content = line.partition(":")
        if not colon or not name.strip():
            raise ConfigurationError("must hold lines of NAME: VALUE")
        headers[name.strip()] = content.strip()
    return headers

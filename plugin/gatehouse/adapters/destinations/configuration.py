"""What the settings say about destinations, as values: without what it takes to speak to them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gatehouse.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Tls:
    """The certificates for one destination, as files in PEM.

    Parameters
    ----------
    trusted : Path
        Certificates of those by whom the destination's own must be signed.
    certificate, key : Path, optional
        What we show; most destinations want to see one.
    verify_host : bool
        Whether the destination's certificate must name its host.
    """

    trusted: Path
    certificate: Path | None = None
    key: Path | None = None
    verify_host: bool = True


@dataclass(frozen=True, slots=True)
class Commitment:
    """Where and how long we wait for the report of a destination.

    Parameters
    ----------
    port : int
        Open while we wait. It needs one of its own for each destination.
    """

    port: int
    wait_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Folder:
    """Where the bags are. It must be there: an absent one may be a share that is not mounted."""

    path: Path


@dataclass(frozen=True, slots=True)
class HttpServer:
    """One server.

    Parameters
    ----------
    trusted : Path, optional
        Certificates (PEM) of those by whom the server's own must be signed; else the system's.
    certificate, key : Path, optional
        What we show, where the server asks for it.
    """

    url: str
    user: str = ""
    password: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    trusted: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who we are at the store."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where the objects go.

    Parameters
    ----------
    endpoint : str
        URL of a store other than AWS; empty for AWS itself.
    path_style : bool
        Whether the bucket is in the path of the URL; most stores other than AWS want it so.
    encryption : str
        ``AES256`` or ``aws:kms``; empty: as the bucket is set.
    """

    bucket: str
    credentials: Credentials
    endpoint: str = ""
    region: str = "us-east-1"
    prefix: str = ""
    trusted: Path | None = None
    path_style: bool = False
    encryption: str = ""
    kms_key_id: str = ""


def read_credentials(text: str) -> Credentials:
    """Read a JSON object with ``AccessKeyId``, ``SecretAccessKey``, perhaps ``SessionToken``.

    Raises
    ------
    ConfigurationError
        Without a word of what is in it.
    """
    try:
        found = json.loads(text)
        return Credentials(
            str(found["AccessKeyId"]), str(found["SecretAccessKey"]), found.get("SessionToken")
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ConfigurationError(
            "must hold a JSON object with AccessKeyId and SecretAccessKey"
        ) from None

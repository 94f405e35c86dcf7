"""The setting ``Profiles``: whom to ask who calls, and which roles the answer gives.

Runs inside Orthanc, too: standard library only. The web service is that of Orthanc's authorization
plugin; what is not given here is taken from the section ``Authorization`` of the configuration.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gatehouse.adapters.http_filter import ROLES
from gatehouse.errors import ConfigurationError

TIMEOUT_S = 5.0

TIMEOUT_MAX_S = 30.0
"""A thread of Orthanc's web server waits for so long at most."""

NAME_FIELDS = ("name", "user-id")

KEYS = frozenset(
    {
        "Url",
        "Headers",
        "Permissions",
        "Groups",
        "Name",
        "Username",
        "Password",
        "PasswordFile",
        "Identifier",
        "TimeoutSeconds",
        "TrustedCertificates",
    }
)


@dataclass(frozen=True, slots=True)
class ProfileSettings:
    """Whom to ask, and what the answer means.

    Parameters
    ----------
    headers : tuple of str
        Names, in lower case, of the headers that may hold a token; the first that a request has
        counts.
    permissions, groups : Mapping
        Permission or group of the profile -> roles.
    name_field : str
        The field of the profile that says who it is.
    identifier : str
        Name of this server, as the authorization plugin tells it to the web service.
    trusted : str
        File of the certificates of authorities, for ``https``; empty: those of the system.
    """

    url: str
    headers: tuple[str, ...]
    permissions: Mapping[str, frozenset[str]]
    groups: Mapping[str, frozenset[str]]
    name_field: str = "name"
    username: str = ""
    password: str = field(default="", repr=False)
    identifier: str = ""
    timeout_s: float = TIMEOUT_S
    trusted: str = ""


def with_authorization(
    profiles: Mapping[str, Any], configuration: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the setting with what the section ``Authorization`` of the configuration says.

    User and password go to the address that they were written for, and to no other.
    """
    section = configuration.get("Authorization")
    section = section if isinstance(section, dict) else {}
    found = {
        "Headers": section.get("TokenHttpHeaders"),
        "TrustedCertificates": configuration.get("HttpsCACertificates"),
    }
    if "Url" not in profiles:
        root = section.get("WebServiceRootUrl")
        found |= {
            "Url": f"{str(root).rstrip('/')}/user/get-profile"
            if root
            else section.get("WebServiceUserProfileUrl"),
            "Username": section.get("WebServiceUsername"),
            "Password": section.get("WebServicePassword"),
            "Identifier": section.get("WebServiceIdentifier"),
        }
    return {**{key: value for key, value in found.items() if value}, **profiles}


def read_profiles(value: object) -> ProfileSettings:
    """Check the setting.

    Raises
    ------
    ConfigurationError
        With the first problem; it goes on after the name of the setting.
    """
    if not isinstance(value, dict):
        raise ConfigurationError("must be an object")
    unknown = sorted(set(value) - KEYS)
    if unknown:
        raise ConfigurationError(f"does not know {', '.join(unknown)}")
    permissions, groups = (_roles(value, key) for key in ("Permissions", "Groups"))
    if not permissions and not groups:
        raise ConfigurationError("needs Permissions or Groups, or nobody ever has a role")
    name_field = value.get("Name", "name")
    if name_field not in NAME_FIELDS:
        raise ConfigurationError(f".Name must be one of {', '.join(NAME_FIELDS)}")
    return ProfileSettings(
        url=_url(value.get("Url")),
        headers=_headers(value.get("Headers")),
        permissions=permissions,
        groups=groups,
        name_field=name_field,
        username=_text(value, "Username"),
        password=_password(value),
        identifier=_text(value, "Identifier"),
        timeout_s=_timeout(value.get("TimeoutSeconds", TIMEOUT_S)),
        trusted=_trusted(value),
    )


def _roles(value: Mapping[str, Any], key: str) -> dict[str, frozenset[str]]:
    table = value.get(key, {})
    if not isinstance(table, dict):
        raise ConfigurationError(f".{key} must map names to roles")
    found = {}
    for name, given in table.items():
        roles = [given] if isinstance(given, str) else given
        if not isinstance(roles, list) or not roles or not all(one in ROLES for one in roles):
            raise ConfigurationError(f".{key} may give these roles: {', '.join(sorted(ROLES))}")
        found[name] = frozenset(roles)
    return found


def _url(value: object) -> str:
    parts = urlsplit(value) if isinstance(value, str) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(
            "needs the Url of the web service's user profiles (http or https), here or in "
            "Authorization.WebServiceUserProfileUrl"
        )
    if parts.username or parts.password:
        raise ConfigurationError(".Url must not hold a user or a password")
    return str(value)


def _headers(value: object) -> tuple[str, ...]:
    if (
        not isinstance(value, list)
        or not value
        or not all(isinstance(one, str) and one.replace("-", "").isalnum() for one in value)
    ):
        raise ConfigurationError(
            "needs Headers, the names of the HTTP headers that hold a token, here or in "
            "Authorization.TokenHttpHeaders"
        )
    return tuple(one.lower() for one in value)


def _text(value: Mapping[str, Any], key: str) -> str:
    found = value.get(key, "")
    if not isinstance(found, str):
        raise ConfigurationError(f".{key} must be a text")
    return found


def _password(value: Mapping[str, Any]) -> str:
    if "PasswordFile" not in value:
        return _text(value, "Password")
    path = Path(_text(value, "PasswordFile"))
    try:
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ConfigurationError(
                ".PasswordFile can be read by others than its owner; run: chmod 0600 on it"
            )
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(".PasswordFile can't be read") from None


def _timeout(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigurationError(".TimeoutSeconds must be a number")
    if not 0 < value <= TIMEOUT_MAX_S:
        raise ConfigurationError(f".TimeoutSeconds must be above 0 and up to {TIMEOUT_MAX_S:.0f}")
    return float(value)


def _trusted(value: Mapping[str, Any]) -> str:
    found = _text(value, "TrustedCertificates")
    if found and not Path(found).is_file():
        raise ConfigurationError(".TrustedCertificates is not a file")
    return found

"""What the plugin reads from Orthanc's configuration, and what it insists on.

Runs inside Orthanc: standard library only. The settings themselves are checked by
``gatehouse service --check`` in the virtual environment; here only that the gateway is sealed, that
is, that nothing in Orthanc's own configuration lets identified data out past the policies.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatehouse.adapters.profile_settings import with_authorization
from gatehouse.errors import ConfigurationError

SECTION = "Gatehouse"

HANDED_OVER = (
    "OrthancAuthorization",
    "Destinations",
    "HandedServers",
    "ForwardSecret",
    "Process",
    "Reception",
)
"""Keys that the plugin adds for its processes; in a configuration they would be forgeries."""

MUST_NOT_BE_TRUE = {
    "ExecuteLuaEnabled": "it runs code of any HTTP user",
    "RestApiWriteToFileSystemEnabled": "it writes identified files anywhere",
    "DicomModalitiesInDatabase": "destinations could be changed without the configuration",
    "OrthancPeersInDatabase": "destinations could be changed without the configuration",
    "DicomAlwaysAllowFind": "any DICOM node could list identified studies",
    "DicomAlwaysAllowGet": "any DICOM node could fetch identified studies",
    "DicomAlwaysAllowMove": "any DICOM node could send identified studies elsewhere",
}

MODALITY_MUST_NOT = ("AllowFind", "AllowGet", "AllowMove")

SOCKET_PATH_BYTES = 107
"""Longest path of a Unix socket on Linux (``sun_path`` less its final zero)."""


@dataclass(frozen=True, slots=True)
class PluginConfiguration:
    """The parts of Orthanc's configuration that the plugin itself needs.

    Parameters
    ----------
    settings : Mapping
        The section ``Gatehouse`` with ``Python``, ``OrthancUrl`` and ``Destinations`` filled in.
    """

    home: Path
    python: Path
    workers: int
    settings: Mapping[str, Any]

    @property
    def run(self) -> Path:
        """Folder of the sockets; only its owner may enter it."""
        return self.home / "run"


def read(text: str, plugin_folder: Path) -> PluginConfiguration:
    """Read Orthanc's configuration, as ``orthanc.GetConfiguration()`` gives it.

    Raises
    ------
    ConfigurationError
        With all problems at once: the gateway must not start.
    """
    configuration = json.loads(text)
    section = configuration.get(SECTION)
    if not isinstance(section, dict):
        raise ConfigurationError(
            f'the section "{SECTION}" is missing in Orthanc\'s configuration; '
            "see the table of settings in docs/architecture.md"
        )
    default_python = plugin_folder.parent / ".venv" / "bin" / "python"
    settings = {
        "Python": str(default_python),
        "OrthancUrl": f"http://127.0.0.1:{configuration.get('HttpPort', 8042)}",
        **_storage(configuration),
        # ``${NAME:-}`` puts an empty text where a variable is not set: not given.
        **{key: value for key, value in section.items() if value != ""},
        "Destinations": destinations_of(configuration, section),
        "HandedServers": _servers(configuration),
    }
    if isinstance(settings.get("Profiles"), dict):
        settings["Profiles"] = with_authorization(settings["Profiles"], configuration)
    problems = [*_unsealed(configuration), *_wrong_settings(section, settings)]
    if problems:
        raise ConfigurationError("\n".join(problems))
    return PluginConfiguration(
        home=Path(settings["Home"]),
        python=Path(settings["Python"]),
        workers=settings.get("Workers", 1),
        settings=settings,
    )


def _storage(configuration: Mapping[str, Any]) -> dict[str, str]:
    """Return where the workers find Orthanc's files, if the configuration says it in full."""
    # A relative folder is relative to a configuration file that is not known here.
    folder = configuration.get("StorageDirectory")
    is_absolute = isinstance(folder, str) and Path(folder).is_absolute()
    return {"StorageDirectory": str(folder)} if is_absolute else {}


def destinations_of(
    configuration: Mapping[str, Any], section: Mapping[str, Any]
) -> dict[str, list[str]]:
    """Return the names that policies may deliver to, by way of delivery."""
    dicomweb = configuration.get("DicomWeb") or {}
    return {
        "dicom": _names(configuration.get("DicomModalities")),
        "peer": _names(configuration.get("OrthancPeers")),
        "dicomweb": _names(dicomweb.get("Servers"), section.get("DicomWebServers")),
        "s3": _names(section.get("S3")),
        "folder": _names(section.get("Folders")),
    }


def _names(*sections: Mapping[str, Any] | None) -> list[str]:
    return sorted({name for section in sections for name in section or {}})


def _servers(configuration: Mapping[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return what our processes need to speak to servers that Orthanc knows by themselves."""
    trusted = configuration.get("HttpsCACertificates")
    dicomweb = configuration.get("DicomWeb") or {}
    return {
        via: {
            name: _server(about, trusted)
            for name, about in (servers or {}).items()
            # A key of a certificate that is encrypted, or in hardware, is Orthanc's alone.
            if not (isinstance(about, dict) and (about.get("Pkcs11") or _key_password(about)))
        }
        for via, servers in (
            ("dicomweb", dicomweb.get("Servers")),
            ("peer", configuration.get("OrthancPeers")),
        )
    }


def _key_password(about: Mapping[str, Any]) -> bool:
    return bool(about.get("CertificateKeyPassword"))


def _server(about: Any, trusted: Any) -> dict[str, Any]:
    """Return a server in our own words; Orthanc's short form is ``[url, user, password]``."""
    if isinstance(about, dict):
        found = {
            "Url": about.get("Url"),
            "Username": about.get("Username"),
            "Password": about.get("Password"),
            "Headers": about.get("HttpHeaders"),
            "Certificate": about.get("CertificateFile"),
            "PrivateKey": about.get("CertificateKeyFile"),
        }
    else:
        found = dict(zip(("Url", "Username", "Password"), about, strict=False))
    if str(found.get("Url", "")).startswith("https:"):
        found["TrustedCertificates"] = trusted
    return {key: value for key, value in found.items() if value}


def _unsealed(configuration: Mapping[str, Any]) -> Iterator[str]:
    if configuration.get("AuthenticationEnabled") is not True:
        yield "AuthenticationEnabled must be true: without it anyone reads identified studies"
    if not configuration.get("RegisteredUsers"):
        yield "RegisteredUsers must name at least one user: Orthanc invents one otherwise"
    if configuration.get("HttpServerEnabled") is False:
        yield "HttpServerEnabled must not be false: Gatehouse speaks HTTP to Orthanc"
    for key, reason in MUST_NOT_BE_TRUE.items():
        if configuration.get(key, False) is not False:
            yield f"{key} must be false: {reason}"
    for name, modality in sorted((configuration.get("DicomModalities") or {}).items()):
        # Orthanc's defaults for a known modality allow all of them, also in the short form
        # ["AET", "host", 104], which can't say otherwise.
        allows = modality if isinstance(modality, dict) else {}
        open_doors = [key for key in MODALITY_MUST_NOT if allows.get(key) is not False]
        if open_doors:
            yield (
                f"DicomModalities: {name} must be an object with {', '.join(open_doors)} set to "
                "false: a known modality could fetch identified studies by itself"
            )


def _wrong_settings(section: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[str]:
    for key in HANDED_OVER:
        if key in section:
            yield f"{SECTION}.{key} is set by the plugin and must not be in the configuration"
    profiles = section.get("Profiles")
    if isinstance(profiles, dict) and "Password" in profiles:
        yield f"{SECTION}.Profiles must not hold a password; name its file with PasswordFile"
    home = settings.get("Home")
    if not isinstance(home, str) or not Path(home).is_absolute():
        yield f"{SECTION}.Home must be an absolute path"
    elif len(os.fsencode(f"{home}/run/service.sock")) > SOCKET_PATH_BYTES:
        yield (
            f"{SECTION}.Home is too long: a socket in it could not be opened "
            f"(at most {SOCKET_PATH_BYTES - len('/run/service.sock')} bytes)"
        )
    python = settings["Python"]
    if not isinstance(python, str) or not os.access(python, os.X_OK):
        yield (
            f"{SECTION}.Python is not an interpreter that can be run; "
            "`make setup` creates the virtual environment"
        )
    workers = settings.get("Workers", 1)
    if not isinstance(workers, int) or isinstance(workers, bool) or not 0 <= workers <= 64:
        yield f"{SECTION}.Workers must be a whole number from 0 to 64"

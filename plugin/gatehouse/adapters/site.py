"""The folder of one ``gatehouse up``: ports, passwords, key and the configurations of two Orthancs.

Everything is made once and kept; a second start with the same folder finds it, and with it all
studies. Only its owner can enter the folder.

::

    HOME/                 0700
      lock                held by the process that runs
      ports.json          the ports of the last start
      credentials.json    {"gateway": {"user", "password"}, "research": {...}}
      keys/               master.key, and the password by which the gateway delivers as a peer
      gateway/, research/ orthanc.json (generated), storage/, orthanc.log
      gatehouse/          the plugin's own home
      up.json             what `--json` printed last
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import secrets
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import gatehouse
from gatehouse.adapters.orthanc_json import merge, read_orthanc_json
from gatehouse.errors import ConfigurationError

ROOT = Path(gatehouse.__file__).resolve().parents[2]
"""The checkout: where ``orthanc.json`` and ``plugin/main.py`` are."""

DEFAULT_PORTS = {
    "gateway-http": 8052,
    "gateway-dicom": 4252,
    "research-http": 8053,
    "research-dicom": 4253,
}
"""Not 8042 and 4242: the distribution's own Orthanc may run there."""

GATEWAY_AET = "GATEHOUSE"
RESEARCH_AET = "RESEARCH"
DESTINATION = "research-pacs"
USERS = {"gateway": "gatehouse", "research": "researcher"}
PEER_USER = "gateway"

ALL_ROLES = ("viewer", "operator", "policy-editor", "privacy-officer")

QUIET_S = 3
"""Shorter than a production site's minute: somebody is waiting to see the study arrive."""

RELEASE_MAX_S = 5.0
"""How long a port of the last start may still be in use."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """User and password of one Orthanc. Never logged, never in an argument vector."""

    user: str
    password: str


class Site:
    """One home folder, locked for as long as this object lives.

    Parameters
    ----------
    home : Path
        Created, with mode 0700, if it is not there.

    Raises
    ------
    ConfigurationError
        Another process runs on this folder, or it can't be used.
    """

    def __init__(self, home: Path) -> None:
        self.home = home.resolve()
        if not (ROOT / "orthanc.json").is_file():
            raise ConfigurationError(
                "`gatehouse up` needs a checkout of Gatehouse: orthanc.json is not beside the "
                "plugin; a packaged gateway is started by its own Orthanc"
            )
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.home.chmod(0o700)
            self._lock = (self.home / "lock").open("a")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(
                f"{self.home} is in use: another `gatehouse up` runs on it"
            ) from None
        except OSError as error:
            raise ConfigurationError(f"{self.home} can't be used: {error.strerror}") from None
        for name in ("keys", "gateway/storage", "research/storage", "gatehouse"):
            (self.home / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        self.is_new = not self.credentials_file.exists() and not self.key_file.exists()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.close()

    @property
    def credentials_file(self) -> Path:
        """Return the file with the passwords of both Orthancs."""
        return self.home / "credentials.json"

    @property
    def key_file(self) -> Path:
        """Return the file of the master key."""
        return self.home / "keys" / "master.key"

    def configuration_file(self, name: str) -> Path:
        """Return the generated configuration of ``"gateway"`` or ``"research"``."""
        return self.home / name / "orthanc.json"

    def credentials(self) -> dict[str, Credentials]:
        """Return the passwords, made at the first call."""
        if not self.credentials_file.exists():
            made = {
                name: {"user": user, "password": secrets.token_urlsafe(18)}
                for name, user in USERS.items()
            }
            write_private(self.credentials_file, json.dumps(made, indent=2) + "\n")
        try:
            read = json.loads(self.credentials_file.read_text())
            return {name: Credentials(**read[name]) for name in USERS}
        except (ValueError, KeyError, TypeError):
            raise ConfigurationError(
                f"{self.credentials_file} is not what `gatehouse up` wrote; "
                "remove it to get new passwords"
            ) from None

    def ports(self, given: Mapping[str, int | None]) -> dict[str, int]:
        """Return the ports: given ones first, then those of the last start, then the defaults.

        They are kept for the next start. 0 asks for any free one.

        Raises
        ------
        ConfigurationError
            Ports that are in use, all of them at once, or two that are the same.
        """
        kept_file = self.home / "ports.json"
        kept = json.loads(kept_file.read_text()) if kept_file.exists() else {}
        wanted = {**DEFAULT_PORTS, **kept}
        wanted.update({name: port for name, port in given.items() if port is not None})
        # After a kill -9 the kernel may need a moment to end what had these ports.
        deadline = time.monotonic() + (RELEASE_MAX_S if kept else 0.0)
        while True:
            ports, problems = _try_ports(wanted)
            if not problems or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        if problems:
            raise ConfigurationError("\n".join(problems))
        write_private(kept_file, json.dumps(ports, indent=2) + "\n")
        return ports

    def write_configurations(
        self, ports: Mapping[str, int], policies: Path, workers: int, quiet_s: float
    ) -> None:
        """Write what the two Orthancs are started with, from the files that production uses."""
        peer_password = self._peer_password()
        credentials = self.credentials()
        _write_json(
            self.configuration_file("gateway"),
            merge(
                _read(ROOT / "orthanc.json"),
                {
                    **self._common("gateway", ports, credentials["gateway"]),
                    "PythonScript": str(ROOT / "plugin" / "main.py"),
                    "DicomModalities": {
                        DESTINATION: {"Host": "127.0.0.1", "Port": ports["research-dicom"]}
                    },
                    "OrthancPeers": {
                        DESTINATION: {
                            "Url": f"http://127.0.0.1:{ports['research-http']}/",
                            "Username": PEER_USER,
                            "Password": peer_password,
                        }
                    },
                    "Gatehouse": {
                        "Home": str(self.home / "gatehouse"),
                        "Policies": str(policies.resolve()),
                        "KeyFile": str(self.key_file),
                        "Workers": workers,
                        "QuietSeconds": quiet_s,
                        "Roles": {credentials["gateway"].user: list(ALL_ROLES)},
                    },
                },
            ),
        )
        research = self._common("research", ports, credentials["research"])
        research["RegisteredUsers"][PEER_USER] = peer_password
        research["DicomModalities"] = {
            "gatehouse": {"Host": "127.0.0.1", "Port": ports["gateway-dicom"]}
        }
        _write_json(
            self.configuration_file("research"),
            merge(_read(ROOT / "docker" / "research.json"), research),
        )

    def _common(
        self, name: str, ports: Mapping[str, int], credentials: Credentials
    ) -> dict[str, Any]:
        storage = str(self.home / name / "storage")
        return {
            "StorageDirectory": storage,
            "IndexDirectory": storage,
            "HttpPort": ports[f"{name}-http"],
            "DicomPort": ports[f"{name}-dicom"],
            "RegisteredUsers": {credentials.user: credentials.password},
        }

    def _peer_password(self) -> str:
        file = self.home / "keys" / "peer-password"
        if not file.exists():
            write_private(file, secrets.token_urlsafe(18))
        return file.read_text().strip()


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    temporary = file.with_name(file.name + ".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(file)


def _read(file: Path) -> dict[str, Any]:
    # With an empty environment: what belongs to this site is set by name above.
    return read_orthanc_json(file.read_text(), {}, file.name)


def _write_json(file: Path, configuration: Mapping[str, Any]) -> None:
    write_private(file, json.dumps(configuration, indent=2) + "\n")


def _try_ports(wanted: Mapping[str, int]) -> tuple[dict[str, int], list[str]]:
    """Return the ports, free ones where 0 was wanted, and what is wrong with them."""
    ports: dict[str, int] = {}
    problems: list[str] = []
    with contextlib.ExitStack() as held:
        for name, port in wanted.items():
            try:
                listener = held.enter_context(_listen(port))
            except OSError as error:
                problems.append(_port_problem(name, port, error))
                continue
            ports[name] = listener.getsockname()[1]
    return ports, problems


def _listen(port: int) -> socket.socket:
    """Bind as Orthanc will: on all interfaces, also right after another server has ended."""
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("", port))
        listener.listen(1)
    except OSError:
        listener.close()
        raise
    return listener


def _port_problem(name: str, port: int, error: OSError) -> str:
    role, _, protocol = name.partition("-")
    what = f"port {port} ({role}, {protocol.upper()})"
    if error.errno == errno.EADDRINUSE:
        return f"{what} is in use; choose another with --{name} PORT"
    return f"{what} can't be used: {error.strerror}; choose another with --{name} PORT"

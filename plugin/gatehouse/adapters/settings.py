"""The settings: the section ``Gatehouse`` of Orthanc's configuration, checked and typed.

They come as one JSON object, over stdin from the plugin or from a file on other hosts; the table
in ``docs/architecture.md`` describes each key. Secrets are named by the file that holds them.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gatehouse.adapters.destinations.configuration import Bucket, Folder, HttpServer
from gatehouse.adapters.notify_settings import Channels, read_channels
from gatehouse.adapters.profile_settings import ProfileSettings, read_profiles
from gatehouse.adapters.settings_sending import (
    Sending,
    read_buckets,
    read_folders,
    read_handed_servers,
    read_sending,
    read_servers,
)
from gatehouse.errors import ConfigurationError

SQLITE_SCHEME = "sqlite:///"
POSTGRESQL_SCHEMES = ("postgresql", "postgresql+psycopg")

_PROCESS_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")  # also the name of a lock file


@dataclass(frozen=True, slots=True)
class Settings:
    """What a process of Gatehouse is told at its start.

    Parameters
    ----------
    database : str
        PostgreSQL URL, or empty for SQLite files in ``home``.
    quiet_s : float
        A study without new instances for this long is complete.
    task_s : float
        An instance whose work takes longer than this is held.
    spool_bytes : int
        So much may be made and not yet be delivered; 0: as much as the disk holds.
    storage : Path or None
        Orthanc's storage area, where it is on this machine.
    lost_s : float
        The work of a worker without a sign of life for this long is taken over by another.
    process : str
        Name of this process, the same over restarts: its unfinished workflows are found by it.
    reject_s : float
        How long the rejection of a held study can be taken back.
    held_days : int
        A study that is held for longer is rejected; 0: never.
    notice_days : int
        So many days before that people are told.
    server : str
        Name of the Orthanc in the ledger. Several Orthancs on one index share it.
    destinations : Mapping
        ``via`` -> the names that Orthanc's configuration knows.
    reception : bool
        Whether this Orthanc de-identifies instances while it receives them.
    """

    home: Path
    key_file: Path
    orthanc_url: str
    policies: Path | None = None
    python: str = ""
    database: str = field(default="", repr=False)
    workers: int = 1
    remote_workers: bool = False
    processes: int = 0
    quiet_s: float = 60.0
    task_s: float = 300.0
    lost_s: float = 60.0
    spool_bytes: int = 64 << 30
    storage: Path | None = None
    roles: Mapping[str, str | list[str]] = field(default_factory=dict)
    profiles: ProfileSettings | None = field(default=None, repr=False)
    four_eyes: bool = False
    reject_s: float = 3600.0
    held_days: int = 0
    notice_days: int = 7
    channels: Channels = field(default_factory=Channels)
    server: str = "orthanc"
    orthanc_authorization: str = field(default="", repr=False)
    forward_secret: str = field(default="", repr=False)
    destinations: Mapping[str, list[str]] = field(default_factory=dict)
    handed_servers: Mapping[str, Mapping[str, HttpServer]] = field(default_factory=dict, repr=False)
    sending: Sending = field(default_factory=Sending)
    s3: Mapping[str, Bucket] = field(default_factory=dict, repr=False)
    folders: Mapping[str, Folder] = field(default_factory=dict)
    dicomweb_servers: Mapping[str, HttpServer] = field(default_factory=dict, repr=False)
    peer_servers: Mapping[str, HttpServer] = field(default_factory=dict, repr=False)
    process: str = "worker-1"
    reception: bool = False

    @property
    def ledger_url(self) -> str:
        """SQLAlchemy URL of the ledger."""
        return _with_driver(self.database) or f"{SQLITE_SCHEME}{self.home / 'gatehouse.db'}"

    @property
    def workflows_url(self) -> str:
        """SQLAlchemy URL of the database of the durable workflows."""
        return _with_driver(self.database) or f"{SQLITE_SCHEME}{self.home / 'workflows.db'}"

    @property
    def spool(self) -> Path:
        """Folder of verified outputs that wait for their delivery."""
        return self.home / "spool"

    @property
    def early_spool(self) -> Path:
        """Folder of what this worker makes of studies that still arrive."""
        return self.spool / "early" / self.process

    @property
    def pool_size(self) -> int:
        """How many processes do the CPU work of one worker."""
        return self.processes or os.cpu_count() or 1


def read_settings(text: str | bytes) -> Settings:
    """Check one JSON object and return it as settings.

    Raises
    ------
    ConfigurationError
        With every problem that was found, one on each line.
    """
    try:
        section = json.loads(text)
    except ValueError:
        raise ConfigurationError("the settings are not JSON") from None
    if not isinstance(section, dict):
        raise ConfigurationError("the settings must be one JSON object")
    problems: list[str] = []
    values: dict[str, Any] = {}
    for name, value in section.items():
        if name not in _KEYS:
            near = difflib.get_close_matches(name, _KEYS, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            problems.append(f"Gatehouse.{name} is not a setting{hint}")
            continue
        attribute, check = _KEYS[name]
        try:
            values[attribute] = check(value)
        except ConfigurationError as error:
            problems.append(f"Gatehouse.{name} {error}")
    problems += [
        f"Gatehouse.{name} is missing"
        for name in ("Home", "KeyFile", "OrthancUrl")
        if name not in section
    ]
    if values.get("workers", 1) == 0 and not values.get("remote_workers", False):
        problems.append(
            "Gatehouse.Workers is 0: nothing would ever be processed; where workers run on other "
            "hosts, say so with RemoteWorkers: true"
        )
    if section.get("Database") and section.get("DatabaseFile"):
        problems.append("Gatehouse.Database and Gatehouse.DatabaseFile exclude each other")
    if problems:
        raise ConfigurationError("\n".join(problems))
    return Settings(**values)


def prepare_home(settings: Settings) -> None:
    """Create the private folders.

    Raises
    ------
    ConfigurationError
        If the home can't be made, or others than its owner can enter it.
    """
    try:
        for folder in (settings.home, settings.spool, settings.home / "run", settings.home / "log"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = settings.home.stat().st_mode
    except OSError as error:
        raise ConfigurationError(
            f"the folder of Gatehouse.Home can't be used: {error.strerror}"
        ) from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigurationError(
            f"others can enter the folder of Gatehouse.Home; run: chmod 0700 {settings.home}"
        )


def _with_driver(url: str) -> str:
    """Name the driver: ``postgresql://`` alone would mean another one than we install."""
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ConfigurationError("must be a text")
    return value


def _path(value: object) -> Path:
    path = Path(_text(value))
    if not path.is_absolute():
        raise ConfigurationError("must be an absolute path")
    return path


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ConfigurationError("must be true or false")
    return value


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 1024:
        raise ConfigurationError("must be a whole number from 0 to 1024")
    return value


def _bytes(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ConfigurationError("must be a whole number of bytes")
    return value


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 86_400:
        raise ConfigurationError("must be a number of seconds above 0 and up to 86400")
    return float(value)


def _url(value: object) -> str:
    parts = urlsplit(_text(value))
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError("must be an http or https URL")
    if parts.username or parts.password:
        raise ConfigurationError("must not hold a user or a password")
    return _text(value).rstrip("/")


def _database(value: object) -> str:
    parts = urlsplit(_text(value))
    if parts.path and parts.password:
        raise ConfigurationError("must not hold a password; put the URL into DatabaseFile")
    return _database_url(_text(value))


def _database_url(text: str) -> str:
    if text and urlsplit(text).scheme not in POSTGRESQL_SCHEMES:
        raise ConfigurationError("must be a URL that begins with postgresql://")
    return text


def _database_file(value: object) -> str:
    # Empty: orthanc.json fills the setting in from an environment variable that may not be set.
    return _database_url(_secret_file(value)) if value != "" else ""


def _secret_file(value: object) -> str:
    path = _path(value)
    try:
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ConfigurationError("can be read by others than its owner; run: chmod 0600 on it")
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError("can't be read") from None


def _process_name(value: object) -> str:
    if not _PROCESS_NAME.fullmatch(_text(value)):
        raise ConfigurationError("must be 1 to 64 letters, digits, dots, hyphens or underscores")
    return _text(value)


def _roles(value: object) -> Mapping[str, str | list[str]]:
    if not isinstance(value, dict) or not all(isinstance(v, str | list) for v in value.values()):
        raise ConfigurationError("must map user names to a role or a list of roles")
    return value


def _names(value: object) -> Mapping[str, list[str]]:
    if not isinstance(value, dict) or not all(isinstance(v, list) for v in value.values()):
        raise ConfigurationError("must map ways to send to lists of names")
    return value


_KEYS: Mapping[str, tuple[str, Callable[[object], Any]]] = {
    "Home": ("home", _path),
    "Policies": ("policies", _path),
    "KeyFile": ("key_file", _path),
    "Python": ("python", _text),
    "Database": ("database", _database),
    "DatabaseFile": ("database", _database_file),
    "Workers": ("workers", _whole),
    "RemoteWorkers": ("remote_workers", _flag),
    "Processes": ("processes", _whole),
    "QuietSeconds": ("quiet_s", _seconds),
    "InstanceSeconds": ("task_s", _seconds),
    "LostSeconds": ("lost_s", _seconds),
    "SpoolBytes": ("spool_bytes", _bytes),
    "StorageDirectory": ("storage", _path),
    "Roles": ("roles", _roles),
    "Profiles": ("profiles", read_profiles),
    "FourEyes": ("four_eyes", _flag),
    "RejectSeconds": ("reject_s", _seconds),
    "HeldDays": ("held_days", _whole),
    "NoticeDays": ("notice_days", _whole),
    "Notifications": ("channels", lambda value: read_channels(value, _secret_file, _url)),
    "Server": ("server", _text),
    "OrthancUrl": ("orthanc_url", _url),
    "OrthancAuthorization": ("orthanc_authorization", _text),
    "OrthancAuthorizationFile": ("orthanc_authorization", _secret_file),
    "ForwardSecret": ("forward_secret", _text),
    "Destinations": ("destinations", _names),
    "HandedServers": ("handed_servers", read_handed_servers),
    "Sending": ("sending", read_sending),
    "S3": ("s3", read_buckets),
    "Folders": ("folders", read_folders),
    "DicomWebServers": ("dicomweb_servers", read_servers),
    "PeerServers": ("peer_servers", read_servers),
    "Process": ("process", _process_name),
    "Reception": ("reception", _flag),
}

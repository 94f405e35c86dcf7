"""Registers Gatehouse with Orthanc: callbacks, routes, filter, button and processes.

Runs inside Orthanc: standard library only. The module ``orthanc`` comes in as an argument. No
callback calls ``orthanc.RestApi*``: beside the stored-instance callback that stops the whole
reception for ever (measured). A callback never raises, because Orthanc writes the text of
exceptions into its log.
"""

from __future__ import annotations

import json
import os
import resource
import secrets
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from gatehouse.adapters import (
    forward,
    http_filter,
    plugin_configuration,
    processes,
    reception_files,
)
from gatehouse.adapters.plugin_configuration import PluginConfiguration
from gatehouse.adapters.profile_settings import read_profiles
from gatehouse.adapters.profiles import Profiles
from gatehouse.errors import ConfigurationError

CHECK_TIMEOUT_S = 120.0

METHODS = frozenset({"GET", "POST", "PUT", "DELETE"})


def register(orthanc: ModuleType, plugin_folder: Path) -> tuple[object, ...]:
    """Check everything, then register with Orthanc.

    Returns
    -------
    tuple
        What the caller must keep: the last reference to a callback must not be Orthanc's, because
        it lets go of it without holding Python's lock and dies of that (plugin 5.0, measured).

    Raises
    ------
    ConfigurationError
        Orthanc must not start; the reason is in its log, one line per problem.
    """
    forbid_core_dumps()
    try:
        configuration = plugin_configuration.read(orthanc.GetConfiguration(), plugin_folder)
        variables = processes.environment(str(plugin_folder), os.environ)
        handover = {
            **configuration.settings,
            "OrthancAuthorization": orthanc.GenerateRestApiAuthorizationToken(),
            "ForwardSecret": secrets.token_urlsafe(32),
        }
        _prepare_folders(configuration)
        reception_files.remove_pack(configuration.run)
        _check(configuration, handover, variables)
        # The check left the pack there, if the policies are for reception.
        handover["Reception"] = reception_files.stamp(configuration.run) is not None
        received = _received_callback(orthanc, configuration, handover)
    except ConfigurationError as error:
        for line in str(error).splitlines():
            orthanc.LogError(f"Gatehouse: {line}")
        orthanc.LogError("Gatehouse: Orthanc is not started, because it would be unprotected")
        raise
    watched = processes.Processes(
        [
            processes.Watched(
                name,
                _command(configuration, role, "--stdin"),
                _line({**handover, "Process": name}),
                variables,
                lambda text: orthanc.LogWarning(f"Gatehouse: {text}"),
            )
            for name, role in _roles(configuration)
        ]
    )
    profiles = _profiles(orthanc, configuration)
    forwarder = forward.Forwarder(
        configuration.run / "service.sock",
        str(handover["ForwardSecret"]),
        # Where it is not said, Orthanc may do it itself.
        compresses=json.loads(orthanc.GetConfiguration()).get("HttpCompressionEnabled") is False,
        profiles=profiles,
    )
    stored = _stored_callback(configuration.run / "wake.sock")
    changed = _change_callback(orthanc, watched)
    answer = _rest_callback(forwarder)
    is_allowed = _http_filter(orthanc, configuration, profiles)
    if received is not None:
        orthanc.RegisterReceivedInstanceCallback(received)
    orthanc.RegisterOnStoredInstanceCallback(stored)
    orthanc.RegisterOnChangeCallback(changed)
    orthanc.RegisterRestCallback("/gatehouse(/.*)?", answer)
    orthanc.RegisterIncomingHttpRequestFilter(is_allowed)
    orthanc.ExtendOrthancExplorer(
        (Path(__file__).parent / "explorer.js").read_text(encoding="utf-8")
    )
    return received, stored, changed, answer, is_allowed


def _prepare_folders(configuration: PluginConfiguration) -> None:
    try:
        for folder in (configuration.home, configuration.run):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if folder.stat().st_mode & 0o077 or folder.stat().st_uid != os.geteuid():
                raise ConfigurationError(
                    f"{folder} must belong to Orthanc's user and be closed to all others "
                    "(mode 0700)"
                )
    except OSError as error:
        raise ConfigurationError(
            f"the folder {configuration.home} can't be made: {os.strerror(error.errno or 0)}"
        ) from None


def _check(
    configuration: PluginConfiguration, handover: dict[str, Any], variables: dict[str, str]
) -> None:
    """Let the virtual environment's Python check settings, key file and policies."""
    try:
        outcome = subprocess.run(  # noqa: S603  our own command
            _command(configuration, "service", "--check"),
            input=_line({**handover, "Process": "check"}),
            capture_output=True,
            env=variables,
            timeout=CHECK_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigurationError(
            f"the check of the settings can't be run ({type(error).__name__}); "
            f"interpreter: {configuration.python}"
        ) from None
    if outcome.returncode != 0:
        said = (outcome.stdout + outcome.stderr).decode("utf-8", "replace").strip()
        raise ConfigurationError(said or f"the check ended with exit code {outcome.returncode}")


def _command(configuration: PluginConfiguration, role: str, flag: str) -> list[str]:
    return [str(configuration.python), "-m", "gatehouse.cli", role, flag]


def _line(handover: dict[str, Any]) -> bytes:
    return json.dumps(handover).encode() + b"\n"


def _roles(configuration: PluginConfiguration) -> list[tuple[str, str]]:
    workers = [(f"worker-{number}", "worker") for number in range(1, configuration.workers + 1)]
    return [("service", "service"), *workers]


def _received_callback(
    orthanc: ModuleType, configuration: PluginConfiguration, handover: dict[str, Any]
) -> Callable[[Any, Any], tuple[Any, bytes]] | None:
    """Return the callback of reception mode; None where instances are stored as they come."""
    if not handover["Reception"]:
        return None
    # The engine is loaded only where it works inside Orthanc.
    from gatehouse.adapters import reception
    from gatehouse.adapters.own_output import OwnOutputs

    reception.check_configuration(json.loads(orthanc.GetConfiguration()))
    own = OwnOutputs(configuration.run / "service.sock", str(handover["ForwardSecret"]))
    desk = reception.Desk(configuration.home, Path(handover["KeyFile"]), own)
    return reception.received_callback(orthanc, desk)


def forbid_core_dumps() -> None:
    """Keep identified data and keys in memory: this process leaves no core dump behind."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _stored_callback(wake_socket: Path) -> Callable[[object, str], None]:
    """Return the callback that wakes the reader of the change log; it takes microseconds."""
    sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sender.setblocking(False)
    address = str(wake_socket)

    def stored(_dicom: object, _orthanc_id: str) -> None:
        try:
            sender.sendto(b"\n", address)
        except OSError:
            # Nobody listens (the reader looks by itself when it is back, and once a second), or
            # its queue is full (then it has been told already).
            return

    return stored


def _change_callback(
    orthanc: ModuleType, watched: processes.Processes
) -> Callable[[int, int, str], None]:
    def changed(change: int, _level: int, _resource: str) -> None:
        # Events stand in line: starting returns at once, and stopping has a time limit.
        if change == orthanc.ChangeType.ORTHANC_STARTED:
            watched.start()
        elif change == orthanc.ChangeType.ORTHANC_STOPPED:
            watched.stop()

    return changed


def send(output: Any, answer: forward.Answer) -> None:
    """Send an answer through Orthanc's ``RestOutput``."""
    for name, value in answer.headers.items():
        output.SetHttpHeader(name, value)
    if answer.status == 200:
        output.AnswerBuffer(answer.body, answer.content_type)
        return
    try:
        # Newer Orthancs add a Content-Type of their own (text/plain) to any status but 200.
        output.SendHttpStatus(answer.status, answer.body)
    except TypeError:
        # Plugin 4.0 (Debian 12) wants text and its length, and Orthanc adds nothing.
        output.SetHttpHeader("Content-Type", answer.content_type)
        text = answer.body.decode("utf-8", "replace")
        output.SendHttpStatus(answer.status, text, len(text.encode()))


def _rest_callback(forwarder: forward.Forwarder) -> Callable[..., None]:
    def handle(output: Any, uri: str, **request: Any) -> None:
        answer = forward.problem(405, "this method is not known here")
        if request.get("method") in METHODS:
            answer = forwarder.forward(
                request["method"],
                uri,
                request.get("get", {}),
                request.get("headers", {}),
                request.get("body", b""),
            )
        send(output, answer)

    return handle


def _profiles(orthanc: ModuleType, configuration: PluginConfiguration) -> Profiles | None:
    setting = configuration.settings.get("Profiles")
    if setting is None:
        return None
    return Profiles(read_profiles(setting), lambda text: orthanc.LogWarning(f"Gatehouse: {text}"))


def _http_filter(
    orthanc: ModuleType, configuration: PluginConfiguration, profiles: Profiles | None
) -> Callable[..., bool]:
    table = configuration.settings.get("Roles", {})

    def is_allowed(uri: str, **request: Any) -> bool:
        answer = False
        try:
            headers = request["headers"]
            caller = profiles.caller(headers) if profiles else None
            roles = (
                http_filter.roles_of(forward.user_of(headers), table)
                if caller is None
                else caller.roles
            )
            answer = http_filter.is_allowed(int(request["method"]), uri, roles)
        except Exception as error:  # noqa: BLE001  whatever it is: refused
            orthanc.LogError(f"Gatehouse: a request was refused ({type(error).__name__})")
        return answer

    return is_allowed

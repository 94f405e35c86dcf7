"""The servers of one ``gatehouse up``: started, watched, started again, and described."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from gatehouse.adapters.launch import (
    ORTHANC_ENVIRONMENT,
    SETPRIV,
    Server,
    Signals,
    reap_adopted,
    stop,
)
from gatehouse.adapters.orthanc_http import OrthancHttp
from gatehouse.adapters.process_tree import descendants, role_of
from gatehouse.adapters.site import GATEWAY_AET, RESEARCH_AET, Site, write_private
from gatehouse.errors import GatehouseError

ORTHANC = "/usr/sbin/Orthanc"

READY_MAX_S = 120.0
"""How long everything may take to answer at the start."""

LOOK_EVERY_S = 2.0
"""How often the ids of the running processes are written down anew, if they changed."""


class StartError(GatehouseError):
    """A server could not be started. The text says what it wrote about the reason."""


class RunningSite:
    """Two Orthancs, and the processes that the gateway's plugin starts.

    Parameters
    ----------
    site : Site
        The locked folder.
    ports : dict
        As ``Site.ports`` returned them.
    say : callable
        Prints lines for people.
    """

    def __init__(
        self, site: Site, ports: dict[str, int], signals: Signals, say: Callable[..., None]
    ) -> None:
        self.site = site
        self.ports = ports
        self._signals = signals
        self._say = say
        self._written: dict[str, object] = {}
        self.gateway, self.research = (
            OrthancHttp(
                f"http://127.0.0.1:{ports[f'{name}-http']}", credentials.user, credentials.password
            )
            for name, credentials in site.credentials().items()
        )
        # The gateway comes first, because they are ended in this order: nothing more is received
        # while the rest ends.
        self._servers = [
            Server(
                name,
                [ORTHANC, str(site.configuration_file(name))],
                site.home / name / "orthanc.log",
                ORTHANC_ENVIRONMENT,
            )
            for name in ("gateway", "research")
        ]

    def start(self) -> None:
        """Start all servers and wait until everything answers.

        Raises
        ------
        StartError
            With what the server wrote about it.
        """
        for program in (ORTHANC, SETPRIV):
            if not Path(program).exists():
                raise StartError(f"{program} is not there; `make setup` installs it")
        began_at = {server.name: _size(server.log) for server in self._servers}
        for server in reversed(self._servers):
            server.start()
        deadline = time.monotonic() + READY_MAX_S
        while not self.is_ready():
            for server in self._servers:
                if server.watch() is not None:
                    reasons = _reasons(server.log, began_at[server.name])
                    raise StartError("\n".join([f"the {server.name} did not start:", *reasons]))
            if time.monotonic() > deadline:
                logs = " and ".join(str(server.log) for server in self._servers)
                raise StartError(f"not everything answers after {READY_MAX_S:.0f} s; see {logs}")
            self._signals.wait(0.2)
        self._write_facts()

    def is_ready(self) -> bool:
        """Return whether both Orthancs, the service and a worker answer."""
        return (
            self.research.get("/system")[0] == 200
            and self.gateway.get("/gatehouse/status")[0] == 200
        )

    def stay(self) -> None:
        """Keep the servers running until ``StopRequested`` is raised by a signal."""
        while True:
            for server in self._servers:
                code = server.watch()
                if code is not None:
                    self._say(f"The {server.name} has ended ({_end(code)}) and is started again.")
                if server.is_due():
                    server.start()
            reap_adopted(self._servers)
            self._write_facts()
            self._signals.wait(LOOK_EVERY_S)

    def stop(self) -> None:
        """End everything that was started here."""
        stop(self._servers)

    def facts(self) -> dict[str, object]:
        """Return what ``--json`` prints."""
        return {
            "gateway_http": self.gateway.url,
            "gateway_dicom": self.ports["gateway-dicom"],
            "gateway_aet": GATEWAY_AET,
            "research_http": self.research.url,
            "research_dicom": self.ports["research-dicom"],
            "research_aet": RESEARCH_AET,
            "credentials_file": str(self.site.credentials_file),
            "home": str(self.site.home),
            "pids": self._pids(),
        }

    def _pids(self) -> dict[str, int]:
        pids = {"up": os.getpid(), **{server.name: server.pid for server in self._servers}}
        workers = 0
        # Only the gateway's own children: a worker's pool may look like the worker itself.
        for process in descendants(pids["gateway"]) if pids["gateway"] else ():
            role = role_of(process) if process.parent == pids["gateway"] else ""
            if role == "worker":
                workers += 1
                pids[f"worker-{workers}"] = process.pid
            elif role:
                pids[role] = process.pid
        return pids

    def _write_facts(self) -> None:
        facts = self.facts()
        if facts != self._written:
            write_private(self.site.home / "up.json", json.dumps(facts, indent=2) + "\n")
            self._written = facts


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _end(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _reasons(log: Path, begin: int) -> Sequence[str]:
    """Return what an Orthanc wrote about why it does not start: our own words, else its errors."""
    with log.open("rb") as stream:
        stream.seek(begin)
        lines = stream.read().decode(errors="replace").splitlines()
    marker = "Gatehouse: "
    ours = [line.partition(marker)[2] for line in lines if marker in line]
    errors = [line.partition("] ")[2] or line for line in lines if line.startswith("E")]
    return [f"  {line}" for line in ours or errors[-5:] or [f"see {log}"]]

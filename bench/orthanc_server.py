"""A plain Orthanc to measure against: its own anonymization, and ingest without our plugin.

Orthanc 1.10.1 listens on all interfaces for DICOM, so the benchmark runs in a network namespace of
its own where it may (see ``run.py``).
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import requests

from bench.measure import Cost

START_LONGEST_S = 30


class PlainOrthanc:
    """A real Orthanc with no plugin, in a folder of its own; ends with the ``with`` block.

    Parameters
    ----------
    home : pathlib.Path
        An empty folder for configuration, storage and index.
    nodelay : bool
        Whether the process gets ``TCP_NODELAY=1``, which switches Nagle's algorithm off in DCMTK.
    environment : Mapping
        What it gets besides.
    options : Any
        Options of Orthanc's configuration.
    """

    def __init__(
        self,
        home: Path,
        *,
        nodelay: bool = True,
        environment: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        self.http_port, self.dicom_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.http_port}"
        self._home = home
        self._options = options
        self._environment = {
            **os.environ,
            "TCP_NODELAY": "1" if nodelay else "0",
            **(environment or {}),
        }
        self.session = requests.Session()

    def __enter__(self) -> PlainOrthanc:
        configuration = self._home / "orthanc.json"
        configuration.write_text(
            json.dumps(
                {
                    "Name": "BENCH",
                    "StorageDirectory": str(self._home / "storage"),
                    "IndexDirectory": str(self._home / "index"),
                    "HttpPort": self.http_port,
                    "DicomPort": self.dicom_port,
                    "DicomAet": "BENCH",
                    "RemoteAccessAllowed": False,
                    "Plugins": [],
                    "OverwriteInstances": False,
                    **self._options,
                }
            )
        )
        log = (self._home / "orthanc.log").open("wb")
        self._process = subprocess.Popen(
            ["Orthanc", str(configuration)], stdout=log, stderr=log, env=self._environment
        )
        end_s = time.monotonic() + START_LONGEST_S
        while not self._answers():
            if time.monotonic() > end_s or self._process.poll() is not None:
                self._process.kill()
                raise TimeoutError("Orthanc did not start")
            time.sleep(0.1)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.session.close()
        self._process.terminate()
        try:
            self._process.wait(START_LONGEST_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def upload(self, folder: Path) -> str:
        """Store the files of a folder that holds one study; return the study's Orthanc ID."""
        study = ""
        for file in sorted(folder.iterdir()):
            answer = self.session.post(f"{self.url}/instances", data=file.read_bytes(), timeout=60)
            answer.raise_for_status()
            study = answer.json()["ParentStudy"]
        return study

    def anonymize(self, study: str) -> Cost:
        """Let Orthanc anonymize a study, measure it, and delete the result."""
        self._reset_peak()
        start_s, start_cpu_s = time.perf_counter(), self.cpu_s()
        answer = self.session.post(
            f"{self.url}/studies/{study}/anonymize", json={"Synchronous": True}, timeout=600
        )
        answer.raise_for_status()
        cost = Cost(
            time.perf_counter() - start_s, self.cpu_s() - start_cpu_s, self._status_mib("VmHWM")
        )
        self.delete(answer.json()["ID"])
        return cost

    def delete(self, study: str) -> None:
        """Delete a study."""
        self.session.delete(f"{self.url}/studies/{study}", timeout=600).raise_for_status()

    def instances(self) -> int:
        """Count what is stored."""
        answer = self.session.get(f"{self.url}/statistics", timeout=60)
        return int(answer.json()["CountInstances"])

    def cpu_s(self) -> float:
        """Return user plus system time of the process until now."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _answers(self) -> bool:
        try:
            return self.session.get(f"{self.url}/system", timeout=1).ok
        except requests.RequestException:
            return False

    def _reset_peak(self) -> None:
        # 5 resets the peak of the resident set: proc(5), /proc/pid/clear_refs.
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5")

    def _status_mib(self, name: str) -> float:
        for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) / 1024
        return 0.0


def free_port() -> int:
    """Return a TCP port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

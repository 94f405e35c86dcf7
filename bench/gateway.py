"""End to end: a real gateway and a real research Orthanc, as ``gatehouse up`` starts them.

Measured are the rate of ingest with and without the plugin, and the time from the last instance
received to the last one delivered, beside plainly sending the same de-identified files.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import requests

from bench.data import STUDIES, write_copies
from bench.measure import empty
from bench.orthanc_server import PlainOrthanc, free_port

POLICIES = Path(__file__).parent / "policies"
QUIET_S = 3.0
"""After so long without a new instance ``gatehouse up`` takes a study for complete."""
START_LONGEST_S = 120.0
DELIVERY_LONGEST_S = 300.0
STORESCU = "/usr/bin/storescu"
"""DCMTK's; PyPI's pynetdicom installs a command of the same name."""


class Gateway:
    """A running ``gatehouse up`` whose one policy delivers by `via`; ends with the block."""

    def __init__(self, home: Path, via: str) -> None:
        self._home = home
        self._via = via

    def __enter__(self) -> Gateway:
        policies = self._home / "policies"
        shutil.copytree(POLICIES, policies)
        policy = policies / "bench" / "bench.yaml"
        policy.write_text(policy.read_text().replace("via: dicom", f"via: {self._via}"))
        command = Path(sys.executable).parent / "gatehouse"
        ports = ("--gateway-http", "--gateway-dicom", "--research-http", "--research-dicom")
        arguments = [word for name in ports for word in (name, str(free_port()))]
        self._log = (self._home / "up.log").open("wb")
        self._process = subprocess.Popen(
            [
                *(str(command), "up", "--json", "--no-sample", *arguments),
                *("--home", str(self._home / "home"), "--policies", str(policies)),
            ],
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,
        )
        assert self._process.stdout is not None  # noqa: S101 - for the type checker
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError((self._home / "up.log").read_text(errors="replace")[-2000:])
        self.about: dict[str, Any] = json.loads(line)
        credentials = json.loads(Path(self.about["credentials_file"]).read_text())
        self.gateway = _session(credentials["gateway"])
        self.research = _session(credentials["research"])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.gateway.close()
        self.research.close()
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._log.close()

    def received_by_research(self) -> int:
        """Count the instances at the destination."""
        answer = self.research.get(f"{self.about['research_http']}/statistics", timeout=30)
        return int(answer.json()["CountInstances"])

    def wait_for(self, instances: int) -> float:
        """Wait until so many instances are at the destination; return the moment, monotonic."""
        end_s = time.monotonic() + DELIVERY_LONGEST_S
        while self.received_by_research() < instances:
            if time.monotonic() > end_s:
                raise TimeoutError(f"{self.received_by_research()} of {instances} delivered")
            time.sleep(0.05)
        return time.monotonic()

    def download_from_research(self, study_number: int, folder: Path) -> Path:
        """Write the instances of one of the delivered studies to a folder."""
        url = self.about["research_http"]
        studies = sorted(
            self.research.get(f"{url}/studies?expand", timeout=60).json(),
            key=lambda study: str(study["LastUpdate"]),
        )
        instances = self.research.get(
            f"{url}/studies/{studies[study_number]['ID']}/instances", timeout=60
        ).json()
        for number, instance in enumerate(instances):
            answer = self.research.get(f"{url}/instances/{instance['ID']}/file", timeout=60)
            (folder / f"{number:05}.dcm").write_bytes(answer.content)
        return folder


def send_http(session: requests.Session, url: str, folder: Path) -> float:
    """Send files over one connection, one after the other; return the seconds."""
    files = [file.read_bytes() for file in sorted(folder.iterdir())]
    start_s = time.monotonic()
    for file in files:
        session.post(f"{url}/instances", data=file, timeout=120).raise_for_status()
    return time.monotonic() - start_s


def send_dicom(port: int, called_aet: str, folder: Path) -> float:
    """Send files with DCMTK's storescu over one association; return the seconds."""
    start_s = time.monotonic()
    subprocess.run(
        [STORESCU, "-aec", called_aet, "127.0.0.1", str(port), "+sd", str(folder)],
        check=True,
        capture_output=True,
    )
    return time.monotonic() - start_s


def measure_ingest(scratch: Path, rounds: int) -> dict[str, float]:
    """Return rates of ingest of CT in instances per second, and their ratios to plain Orthanc.

    Notes
    -----
    ``busy`` is the rate while the pipeline works on a study that came before.
    """
    seconds: dict[str, list[float]] = {}
    instances = 200
    with ExitStack() as stack:
        plain = stack.enter_context(PlainOrthanc(empty(scratch / "plain")))
        slow = stack.enter_context(PlainOrthanc(empty(scratch / "nagle"), nodelay=False))
        gateway = stack.enter_context(Gateway(empty(scratch / "gateway"), "peer"))
        about = gateway.about
        expected = 0

        def note(name: str, send: Callable[[Path], float], number: int = instances) -> None:
            nonlocal expected
            folder = scratch / "sent"
            seed = f"{name}-{len(seconds.get(name, ()))}"
            write_copies(STUDIES["ct"], folder, number, seed)
            seconds.setdefault(name, []).append(send(folder) / number)
            expected += number * name.startswith("gateway")
            shutil.rmtree(folder)

        def to_gateway(folder: Path) -> float:
            return send_http(gateway.gateway, about["gateway_http"], folder)

        for _ in range(rounds):
            note("plain-http", lambda folder: send_http(plain.session, plain.url, folder))
            note("gateway-http", to_gateway)
            time.sleep(QUIET_S + 0.5)
            note("gateway-http-busy", to_gateway)
            gateway.wait_for(expected)
            note("plain-dicom", lambda folder: send_dicom(plain.dicom_port, "BENCH", folder))
            note(
                "gateway-dicom",
                lambda folder: send_dicom(about["gateway_dicom"], about["gateway_aet"], folder),
            )
            gateway.wait_for(expected)
        note("nagle-dicom", lambda folder: send_dicom(slow.dicom_port, "BENCH", folder), 40)
    rates = {f"{name}/s": 1 / statistics.median(each) for name, each in seconds.items()}
    rates["ingest-ratio"] = _ratio(seconds["plain-http"], seconds["gateway-http"])
    rates["ingest-busy-ratio"] = _ratio(seconds["plain-http"], seconds["gateway-http-busy"])
    rates["ingest-dicom-ratio"] = _ratio(seconds["plain-dicom"], seconds["gateway-dicom"])
    return rates


def measure_delivery(scratch: Path, via: str, instances: int) -> dict[str, float]:
    """Return the time from the last instance received to the last delivered, in seconds.

    Notes
    -----
    ``plain`` is the time of sending the same de-identified files to an empty Orthanc over the same
    protocol; ``ratio`` leaves out the seconds after which a study counts as complete.
    """
    with ExitStack() as stack:
        plain = stack.enter_context(PlainOrthanc(empty(scratch / "plain")))
        gateway = stack.enter_context(Gateway(empty(scratch / "gateway"), via))
        folder = scratch / "sent"
        write_copies(STUDIES["ct"], folder, 20, "warm-up")
        send_http(gateway.gateway, gateway.about["gateway_http"], folder)
        gateway.wait_for(20)
        shutil.rmtree(folder)
        write_copies(STUDIES["ct"], folder, instances, "delivery")
        send_http(gateway.gateway, gateway.about["gateway_http"], folder)
        last_received_s = time.monotonic()
        delivered_s = gateway.wait_for(20 + instances) - last_received_s
        shutil.rmtree(folder)
        sent = gateway.download_from_research(-1, empty(scratch / "delivered"))
        if via == "peer":
            plain_s = send_http(plain.session, plain.url, sent)
        else:
            plain_s = send_dicom(plain.dicom_port, "BENCH", sent)
        shutil.rmtree(sent)
    return {
        "delivered_s": delivered_s,
        "plain_s": plain_s,
        "ratio": (delivered_s - QUIET_S) / plain_s,
    }


def _session(credentials: dict[str, str]) -> requests.Session:
    session = requests.Session()
    session.auth = (credentials["user"], credentials["password"])
    return session


def _ratio(plain: list[float], ours: list[float]) -> float:
    """Return the median of the ratios of rates of neighbouring runs."""
    return statistics.median(one / other for one, other in zip(plain, ours, strict=True))

"""A whole ``gatehouse up`` for live tests: real Orthancs, real workers, a folder of its own."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset

ROOT = Path(__file__).resolve().parents[2]
STORESCU = "/usr/bin/storescu"  # DCMTK's; PyPI's pynetdicom has one of this name too

END_STATES = ("done", "held", "rejected")


class TimedOutError(AssertionError):
    """What was waited for did not happen in time."""


def wait_for(question: Callable[[], Any], what: str, longest_s: float = 120.0) -> Any:
    """Ask until the answer is true; return it."""
    deadline = time.monotonic() + longest_s
    while not (answer := question()):
        if time.monotonic() > deadline:
            raise TimedOutError(f"{what}: not after {longest_s:.0f} s")
        time.sleep(0.2)
    return answer


class Http:
    """GET and POST to one Orthanc with its user."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {token}"}

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """Return status and body; 0 if nobody answers."""
        headers = {**self._headers, "X-Gatehouse": "1", **(headers or {})}
        request = urllib.request.Request(self.url + path, body, headers, method=method)  # noqa: S310
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=120) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            return 0, b""

    def json(self, path: str) -> Any:
        """Return what a GET answers, None unless it is 200."""
        status, body = self.request("GET", path)
        return json.loads(body) if status == 200 else None


class RunningUp:
    """One ``gatehouse up`` in a home; starts at once, and says what ``--json`` said."""

    def __init__(self, home: Path, *arguments: str) -> None:
        self.home = home
        ports = (
            []
            if (home / "ports.json").exists()
            else [
                word
                for name in ("gateway-http", "gateway-dicom", "research-http", "research-dicom")
                for word in (f"--{name}", "0")
            ]
        )
        self._errors = (home.parent / f"{home.name}.stderr").open("ab+")
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gatehouse.cli", "up", "--json", "--no-sample"),
                *("--home", str(home), *ports, *arguments),
            ],
            env={**os.environ, "PYTHONPATH": str(ROOT / "plugin")},
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            raise AssertionError(f"up ended with {self.process.returncode}:\n{self.errors()}")
        self.facts: dict[str, Any] = json.loads(line)
        credentials = json.loads(Path(self.facts["credentials_file"]).read_text())
        self.gateway = Http(self.facts["gateway_http"], **credentials["gateway"])
        self.research = Http(self.facts["research_http"], **credentials["research"])

    def errors(self) -> str:
        """Return everything that went to stderr so far."""
        self._errors.seek(0)
        return self._errors.read().decode()

    # ---- Ending

    def pids(self) -> dict[str, int]:
        """Return the processes as they are now."""
        pids: dict[str, int] = json.loads((self.home / "up.json").read_text())["pids"]
        return pids

    def stop(self) -> int:
        """End it as Ctrl-C and service managers do; return the exit code."""
        self.process.terminate()
        code = self.process.wait(180)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._errors.close()
        return code

    def kill_everything(self) -> None:
        """Kill all processes with -9, ``up`` first, so that it can't start anything again."""
        pids = self.pids()
        for pid in [pids.pop("up"), *pids.values()]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait(120)
        wait_for(lambda: not any(map(is_running, pids.values())), "all processes are gone")

    # ---- Sending

    def send(self, files: Sequence[Path], *, called: str = "GATEHOUSE") -> None:
        """Send files by C-STORE, as a modality does."""
        sent = self.try_to_send(files, called=called)
        assert sent.returncode == 0, sent.stderr.decode()[-2000:]

    def try_to_send(
        self, files: Sequence[Path], *, called: str = "GATEHOUSE"
    ) -> subprocess.CompletedProcess[bytes]:
        """Send files by C-STORE; the caller looks at the outcome."""
        port = str(self.facts["gateway_dicom"])
        return subprocess.run(
            [STORESCU, "-aet", "CT01", "-aec", called, "127.0.0.1", port, *map(str, files)],
            env={**os.environ, "TCP_NODELAY": "1"},
            capture_output=True,
            timeout=300,
            check=False,
        )

    # ---- Looking

    def study(self, dataset: Dataset) -> dict[str, Any] | None:
        """Return what the gateway says about the study of a data set."""
        found: dict[str, Any] | None = self.gateway.json(
            f"/gatehouse/studies/{orthanc_study_id(dataset)}"
        )
        return found

    def wait_for_end(
        self, dataset: Dataset, longest_s: float = 180.0, instances: int = 1
    ) -> dict[str, Any]:
        """Wait until a study of so many instances is done, held or rejected; return what it is."""

        def ended() -> dict[str, Any] | None:
            study = self.study(dataset)
            if study is None or study["instances"] < instances:
                return None
            return study if study["state"] in END_STATES else None

        found: dict[str, Any] = wait_for(ended, "the study is done, held or rejected", longest_s)
        return found

    def at_research(self) -> dict[str, bytes]:
        """Return every file at the research archive, by Orthanc ID."""
        ids = self.research.json("/instances") or []
        return {one: self.research.request("GET", f"/instances/{one}/file")[1] for one in ids}


def orthanc_study_id(dataset: Dataset) -> str:
    """Return the Orthanc ID of the study that a data set belongs to."""
    text = f"{dataset.get('PatientID', '')}|{dataset.StudyInstanceUID}"
    digest = hashlib.sha1(text.encode()).hexdigest()  # noqa: S324
    return "-".join(digest[start : start + 8] for start in range(0, 40, 8))


def is_running(pid: int) -> bool:
    """Return whether a process lives; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def holding(needles: Iterable[bytes], files: Iterable[bytes]) -> set[bytes]:
    """Return the needles that are in any of the files, upper and lower case alike."""
    lowered = [file.lower() for file in files]
    return {needle for needle in needles if any(needle.lower() in file for file in lowered)}

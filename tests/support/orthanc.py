"""Real Orthancs for live tests: each in a folder of its own, on free ports, ended by its pid.

Orthanc 1.10.1 and 1.12.7 listen on all interfaces whatever they are told, so tests that start one
should run in a network namespace (``make test`` does).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parents[2]
USER, PASSWORD = "tester", "a password for tests only"
STORESCU = "/usr/bin/storescu"
"""DCMTK's; pynetdicom installs a command of the same name into the virtual environment."""

START_MAX_S = 120.0
STOP_MAX_S = 120.0


@dataclass(frozen=True)
class Installation:
    """An Orthanc that can be run, with its Python plugin.

    Parameters
    ----------
    command : tuple of str
        What comes before the path of the configuration.
    environment : dict
        Variables that this installation needs.
    """

    name: str
    command: tuple[str, ...]
    plugins: Path
    environment: dict[str, str] = field(default_factory=dict)


DEBIAN_12 = Installation("machine", ("/usr/sbin/Orthanc",), Path("/usr/share/orthanc/plugins"))


def unpacked(name: str, folder: Path) -> Installation:
    """An Orthanc of another release of Debian, unpacked by ``tests/live/trixie.sh``.

    It is run by its own loader with its own libraries, not in a chroot: so the processes that
    Gatehouse starts are those of this machine, with this machine's virtual environment.
    """
    loader = next(iter([*folder.glob("lib64/ld-linux*"), *folder.glob("lib/ld-linux*")]))
    libraries = next(folder.glob("usr/lib/*-linux-gnu"))
    return Installation(
        name,
        (
            str(loader),
            "--library-path",
            f"{libraries}:{folder}/usr/lib",
            str(folder / "usr/sbin/Orthanc"),
        ),
        folder / "usr/share/orthanc/plugins",
        {
            "PYTHONHOME": str(folder / "usr"),
            "DCMDICTPATH": str(folder / "usr/share/dcmtk/dicom.dic"),
        },
    )


def installations() -> list[Installation]:
    """Every Orthanc at hand: the machine's, and those of other releases that were unpacked."""
    cache = ROOT / ".cache"
    folders = {
        "trixie": Path(os.environ.get("GATEHOUSE_TRIXIE", cache / "trixie")).resolve(),
        "sid": cache / "sid",
    }
    complete = {name: one for name, one in folders.items() if (one / ".complete").exists()}
    return [DEBIAN_12, *(unpacked(name, folder) for name, folder in complete.items())]


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Orthanc:
    """One Orthanc. A context manager that starts it and ends it.

    Parameters
    ----------
    folder : Path
        Its storage, configuration and log.
    script : Path, optional
        ``PythonScript``.
    options : Any
        Options of Orthanc's configuration; over the defaults, which are those of a sealed gateway.
    """

    def __init__(
        self,
        folder: Path,
        installation: Installation = DEBIAN_12,
        script: Path | None = None,
        environment: dict[str, str] | None = None,
        **options: Any,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.installation = installation
        self.environment = environment or {}
        self.http_port = options.pop("HttpPort", None) or free_port()
        self.dicom_port = options.pop("DicomPort", None) or free_port()
        self.configuration: dict[str, Any] = {
            "Name": folder.name,
            "HttpPort": self.http_port,
            "DicomPort": self.dicom_port,
            "DicomAet": "GATEHOUSE",
            "StorageDirectory": str(folder / "storage"),
            "IndexDirectory": str(folder / "storage"),
            "AuthenticationEnabled": True,
            "RegisteredUsers": {USER: PASSWORD},
            "RemoteAccessAllowed": False,
            "OverwriteInstances": True,
            "DicomAlwaysAllowFind": False,
            "DicomAlwaysAllowMove": False,
            **options,
        }
        if script is not None:
            self.configuration["Plugins"] = [str(installation.plugins / "libOrthancPython.so")]
            self.configuration["PythonScript"] = str(script)
        self.log_file = folder / "orthanc.log"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def __enter__(self) -> Orthanc:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        # A clean stop takes three seconds; tests that are about it ask for it.
        self.kill()

    def launch(self) -> None:
        """Start it, and don't wait."""
        file = self.folder / "orthanc.json"
        file.write_text(json.dumps(self.configuration, indent=1))
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                # If the tests are killed, it goes too.
                ["setpriv", "--pdeathsig", "KILL", "--", *self.installation.command, str(file)],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={
                    "PATH": os.environ["PATH"],
                    # Without it, DICOM reception is six times slower (Nagle's algorithm).
                    "TCP_NODELAY": "1",
                    **self.installation.environment,
                    **self.environment,
                },
            )

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.launch()
        deadline = time.monotonic() + START_MAX_S
        while time.monotonic() < deadline:
            assert self.process is not None
            if self.process.poll() is not None:
                break
            try:
                if self.get("/system", timeout=10).status_code == 200:
                    return
            except (requests.ConnectionError, requests.Timeout):
                time.sleep(0.1)
        self.kill()
        raise AssertionError(f"Orthanc did not start\n{self.log[-4000:]}")

    def stop(self) -> int:
        """End it with TERM; return its exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> int:
        """End it with KILL; return its exit code."""
        return self._end(signal.SIGKILL)

    @contextlib.contextmanager
    def standing_still(self) -> Iterator[None]:
        """Stop its process for a while: it is there, and does not answer."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def _end(self, how: signal.Signals) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(STOP_MAX_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"Orthanc did not end\n{self.log[-4000:]}") from None

    def request(self, method: str, path: str, **about: Any) -> requests.Response:
        about = {"auth": (USER, PASSWORD), "timeout": 120, **about}
        return requests.request(method, self.url + path, **about)  # noqa: S113  in "about"

    def get(self, path: str, **about: Any) -> requests.Response:
        return self.request("GET", path, **about)

    def post(self, path: str, **about: Any) -> requests.Response:
        return self.request("POST", path, **about)

    def upload(self, dicom: bytes) -> str:
        """Store a file over HTTP; return its Orthanc ID."""
        answer = self.post("/instances", data=dicom)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["ID"])

    def c_store(
        self, *files: Path, calling_aet: str = "MODALITY", called_aet: str = "GATEHOUSE"
    ) -> subprocess.CompletedProcess[str]:
        """Send files as a modality does."""
        return subprocess.run(
            [
                STORESCU,
                "--verbose",
                *("-aet", calling_aet, "-aec", called_aet),
                *("127.0.0.1", str(self.dicom_port)),
                *(str(file) for file in files),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


def eventually(condition: Any, timeout_s: float = 120.0, message: str = "") -> Any:
    """Wait until a condition gives something true; return that."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(message or f"did not happen within {timeout_s} s")

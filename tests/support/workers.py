"""Real workers over a real archive and a real destination, without the plugin: for fault tests.

The tests put studies into the ledger themselves, as the service would.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from pydicom.uid import generate_uid

from gatehouse.adapters.inbox import Inbox
from gatehouse.adapters.ledger import Ledger
from gatehouse.adapters.orthanc_client import OrthancArchive
from gatehouse.adapters.policy_files import load_policy
from gatehouse.adapters.settings import Settings, read_settings
from gatehouse.pipeline.start import WorkflowStarter
from gatehouse.policy.model import Pack
from support.dam import Dam
from support.dicom_builder import series, to_bytes
from support.orthanc import PASSWORD, ROOT, USER, Orthanc

POLICY = """\
policy: everything
version: 1
description: Every study, with the complete Basic Profile.
owner: test
stage: active
match: every-study
deidentify:
  profile: basic
  project: test
deliver:
  - to: research-pacs
    via: {via}
    retry: {{for: 1h, backoff: 1s..2s}}
"""

AUTHORIZATION = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

CANARY = "CANARY"


class Plant:
    """A gateway's archive, a research archive, a ledger, and workers that can be killed.

    Parameters
    ----------
    database : str
        PostgreSQL URL; empty for SQLite.
    more : str
        Lines to add to the policy.
    is_dammed : bool
        Whether C-STORE to the research archive goes through ``dam``.
    scu_timeout_s : int
        How long the gateway's Orthanc waits for an answer to what it sends.
    """

    def __init__(
        self,
        folder: Path,
        database: str = "",
        via: str = "dicom",
        more: str = "",
        is_dammed: bool = False,
        scu_timeout_s: int = 10,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.research = Orthanc(
            folder / "research", DicomAet="RESEARCH", DicomAlwaysAllowStore=True
        )
        self._dam = Dam(self.research.dicom_port) if is_dammed else None
        port = self._dam.port if self._dam else self.research.dicom_port
        modality = {"AET": "RESEARCH", "Host": "127.0.0.1", "Port": port}
        peer = {"Url": self.research.url, "Username": USER, "Password": PASSWORD}
        self.gateway = Orthanc(
            folder / "gateway",
            DicomModalities={"research-pacs": modality},
            OrthancPeers={"research-pacs": peer},
            DicomScuTimeout=scu_timeout_s,
        )
        self.key_file = folder / "master.key"
        self.key_file.touch(mode=0o600)
        self.key_file.write_bytes(bytes(range(32)))
        self.database = database
        self.settings = self._settings("service")
        self.settings.home.mkdir(mode=0o700, exist_ok=True)
        self.ledger = Ledger(self.settings.ledger_url)
        self.starter = WorkflowStarter(self.settings)
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        self.environment: dict[str, str] = {}
        """Of the workers, besides what they need."""
        policy = folder / "everything.yaml"
        policy.write_text(POLICY.format(via=via) + more)
        loaded = load_policy(policy)
        self.ledger.activate_pack(Pack((loaded,), "pack-1"), "test", "", time.time())

    def __enter__(self) -> Plant:
        self.research.start()
        self.gateway.start()
        archive = OrthancArchive(self.gateway.url, AUTHORIZATION)
        self.inbox = Inbox(archive, self.ledger, self.settings.server)
        self.inbox.begin()
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self.workers):
            self.kill_worker(name)
        self.starter.close()
        self.ledger.close()
        self.gateway.kill()
        self.research.kill()
        if self._dam:
            self._dam.close()

    @property
    def dam(self) -> Dam:
        """Where C-STORE goes through. To close what nothing flows through would prove nothing."""
        assert self._dam, "this plant has no dam"
        return self._dam

    def start_worker(self, name: str = "worker-1", **settings: Any) -> int:
        """Start a worker, as the plugin does; return its process ID."""
        log = (self.folder / f"{name}.log").open("ab")
        process = subprocess.Popen(
            [
                *("setpriv", "--pdeathsig", "KILL", "--"),
                *(sys.executable, "-m", "gatehouse.cli", "worker", "--stdin"),
            ],
            stdin=subprocess.PIPE,
            stderr=log,
            stdout=log,
            start_new_session=True,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(ROOT / "plugin"),
                **self.environment,
            },
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps(self._section(name, **settings)).encode() + b"\n")
        process.stdin.flush()
        self.workers[name] = process
        return process.pid

    def kill_worker(self, name: str = "worker-1") -> None:
        """End a worker as a power cut would."""
        process = self.workers.pop(name)
        process.kill()
        process.wait()

    def stop_worker(self, name: str = "worker-1") -> int:
        """End a worker by the end of its stdin; return its exit code."""
        process = self.workers.pop(name)
        assert process.stdin is not None
        process.stdin.close()
        return process.wait(120)

    def log(self, name: str = "worker-1") -> str:
        """Return what a worker has said."""
        return (self.folder / f"{name}.log").read_text()

    def receive(self, studies: int, instances: int, **attributes: Any) -> list[int]:
        """Store studies in the gateway and have them wait; return their IDs in the ledger."""
        for number in range(studies):
            study, one_series, stem = (generate_uid(entropy_srcs=None)[:50] for _ in range(3))
            for index, slice_ in enumerate(
                series(
                    instances,
                    StudyInstanceUID=study,
                    SeriesInstanceUID=one_series,
                    PatientID=f"{CANARY}-ID-{number}",
                    PatientName=f"{CANARY}^NAME{number}",
                    **attributes,
                )
            ):
                slice_.SOPInstanceUID = f"{stem}.{index}"
                self.gateway.upload(to_bytes(slice_))
        return self.read_inbox()

    def read_inbox(self) -> list[int]:
        """Do what the service does: record, wait until it is quiet, start workflows."""
        self.inbox.read_changes()
        # Far in the future, so that everything is quiet.
        keys = self.ledger.quiet_studies(time.time() + 0.001, 0.0)
        for key in keys:
            self.starter.start(*key)
        return [key.study_id for key in keys]

    def states(self) -> dict[str, int]:
        """Return how many studies are in each state."""
        return dict(self.ledger.counts().studies)

    def arrived(self) -> dict[str, bytes]:
        """Return what is in the research archive, by SOP Instance UID."""
        found = {}
        for orthanc_id in self.research.get("/instances").json():
            tags = self.research.get(f"/instances/{orthanc_id}/simplified-tags").json()
            dicom = self.research.get(f"/instances/{orthanc_id}/file").content
            found[tags["SOPInstanceUID"]] = dicom
        return found

    def stored_at_research(self) -> int:
        """Return how often the research archive stored an instance, duplicates included."""
        return int(self.research.get("/statistics").json()["CountInstances"])

    def _settings(self, process: str) -> Settings:
        return read_settings(json.dumps(self._section(process)))

    def _section(self, process: str, **settings: Any) -> dict[str, Any]:
        return {
            "Home": str(self.folder / "home"),
            "KeyFile": str(self.key_file),
            "OrthancUrl": self.gateway.url,
            "OrthancAuthorization": AUTHORIZATION,
            "Process": process,
            "Processes": 2,
            "Database": self.database,
            **settings,
        }

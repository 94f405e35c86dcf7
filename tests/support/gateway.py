"""A real Orthanc with the plugin, as small as it can be: for live tests of the plugin itself."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from support.orthanc import DEBIAN_12, PASSWORD, ROOT, USER, Installation, Orthanc, eventually

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
    via: dicom
"""

USERS = {
    USER: ["viewer", "operator", "policy-editor", "privacy-officer"],
    "viola": "viewer",
    "oscar": "operator",
    "polly": "policy-editor",
    "petra": "privacy-officer",
    "nobody": [],
}


class Gateway(Orthanc):
    """An Orthanc with the plugin, a key, one policy, and a destination at a port of choice.

    Parameters
    ----------
    settings : dict
        Of the section ``Gatehouse``, over those that it needs.
    """

    def __init__(
        self,
        folder: Path,
        installation: Installation = DEBIAN_12,
        *,
        settings: dict[str, Any] | None = None,
        research_port: int = 1,
        **options: Any,
    ) -> None:
        self.home = folder / "home"
        self.policies = folder / "policies"
        self.key_file = folder / "master.key"
        if not self.policies.exists():
            (self.policies / "everything").mkdir(parents=True)
            (self.policies / "pack.yaml").write_text("policies: [everything]\n")
            (self.policies / "everything" / "everything.yaml").write_text(POLICY)
            self.key_file.touch(mode=0o600)
            self.key_file.write_bytes(os.urandom(32))
        section = {
            "Home": str(self.home),
            "Policies": str(self.policies),
            "KeyFile": str(self.key_file),
            "Python": sys.executable,
            "QuietSeconds": 1,
            "Processes": 1,
            "Roles": USERS,
            **(settings or {}),
        }
        super().__init__(
            folder,
            installation,
            ROOT / "plugin" / "main.py",
            RegisteredUsers=dict.fromkeys(USERS, PASSWORD),
            DicomModalities={
                "research-pacs": {
                    "AET": "RESEARCH",
                    "Host": "127.0.0.1",
                    "Port": research_port,
                    "AllowFind": False,
                    "AllowGet": False,
                    "AllowMove": False,
                }
            },
            Gatehouse=section,
            **options,
        )

    def start(self) -> None:
        """Start it, and wait until the service and a worker answer."""
        super().start()
        eventually(
            lambda: self.get("/gatehouse/status").status_code == 200,
            60,
            "the gateway is not ready",
        )

    def ask(self, path: str, user: str = USER) -> Any:
        """GET one of our routes, as JSON."""
        answer = self.get(f"/gatehouse/{path}", auth=(user, PASSWORD))
        assert answer.status_code == 200, (answer.status_code, answer.text)
        return answer.json()

    def children(self) -> dict[int, str]:
        """Return our processes: pid -> role, found by the home in what they were started with."""
        assert self.process is not None
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                parts = (folder / "stat").read_text().rpartition(")")[2].split()
                words = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if int(parts[1]) == self.process.pid and b"gatehouse.cli" in words:
                found[int(folder.name)] = words[words.index(b"gatehouse.cli") + 1].decode()
        return found

"""A folder of policies and a desk over it, for tests of what changes policies."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from gatehouse.adapters.ledger import Ledger
from gatehouse.adapters.policy_desk import PolicyDesk
from gatehouse.adapters.side_work import SideSetup, SideWork

TEXT = """\
policy: {name}
version: {version}
description: For tests.
owner: tests@hospital.example
stage: active
match: {match}
check:
  - id: is-ct
    any-instance: {{Modality: {{in: [CT]}}}}
    otherwise: hold
    because: for tests
deidentify:
  profile: basic
  project: tests
{more}deliver:
  - to: research-pacs
    via: dicom
"""

CASES = """\
policy: {name}
cases:
  - name: a CT is accepted
    study:
      instances:
        - {{Modality: CT, PatientName: CANARY^Jane}}
    expect:
      decision: accept
      changes: {{PatientName: {fate}}}
      groups: [uids, stamp]
"""


def cases(name: str = "everything", fate: str = "replaced") -> str:
    """Return the text of a policy's one case."""
    return CASES.format(name=name, fate=fate)


def text(
    name: str = "everything", version: int = 1, match: str = "every-study", more: str = ""
) -> str:
    """Return the text of a policy."""
    return TEXT.format(name=name, version=version, match=match, more=more)


def write_folder(folder: Path, *texts: str) -> Path:
    """Write a pack of these policies; of one that takes every study if none is given."""
    names = []
    for one in texts or (text(),):
        name = one.partition("policy: ")[2].partition("\n")[0]
        names.append(name)
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / f"{name}.yaml").write_text(one)
    (folder / "pack.yaml").write_text(f"policies: [{', '.join(names)}]\n")
    return folder


def make_desk(
    folder: Path,
    ledger: Ledger,
    *,
    clock: Callable[[], float],
    orthanc_url: str = "http://127.0.0.1:1",
    four_eyes: bool = False,
) -> PolicyDesk:
    """Return a desk over ``folder / "policies"``, which is written if it is not there."""
    policies = folder / "policies"
    if not policies.exists():
        write_folder(policies)
    key_file = folder / "master.key"
    key_file.touch(mode=0o600)
    key_file.write_bytes(os.urandom(32))
    return PolicyDesk(
        ledger,
        policies,
        {"dicom": ["research-pacs"], "peer": []},
        # A machine that is busy may take its time; what takes too long is tested by itself.
        SideWork(SideSetup(orthanc_url, "", key_file), limit_s=240.0),
        four_eyes=four_eyes,
        clock=clock,
    )

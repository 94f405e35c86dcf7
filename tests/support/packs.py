"""Folders of policies for live tests."""

from __future__ import annotations

from pathlib import Path

POLICY = """\
policy: {name}
version: 1
description: A policy of the live tests.
owner: tests@hospital.example
stage: active
match: {match}
deidentify:
  profile: basic
  project: live
deliver:
  - to: {to}
    via: {via}
    retry: {{for: 1h, backoff: 1s..2s}}
"""

# Without if-missing, what comes by HTTP, and so has no called AE title, would be held.
BY_PEER = "{all: [{called-aet: {in: [PEER], if-missing: no-match}}]}"


def write_pack(folder: Path, *, to: str = "research-pacs", broken: bool = False) -> Path:
    """Write two policies: what is sent to PEER goes as to an Orthanc peer, all else by C-STORE."""
    texts = {
        "by-peer": POLICY.format(name="by-peer", match=BY_PEER, to=to, via="peer"),
        "by-dicom": POLICY.format(name="by-dicom", match="every-study", to=to, via="dicom"),
    }
    if broken:
        texts["by-dicom"] = texts["by-dicom"].replace("profile: basic", "profile: basik")
    for name, text in texts.items():
        (folder / name).mkdir(parents=True)
        (folder / name / f"{name}.yaml").write_text(text)
    (folder / "pack.yaml").write_text("policies: [by-peer, by-dicom]\n")
    return folder

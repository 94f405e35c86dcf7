"""Packs for reception mode, and what they are handed over with."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path

from gatehouse.adapters import lent, reception_files
from gatehouse.pipeline.reception_journal import ReceptionMark, ReceptionRefusal, from_line
from gatehouse.policy.load import load_single
from gatehouse.policy.model import Pack, Policy

POLICY = """\
policy: {name}
version: {version}
description: A policy of the tests of reception mode.
owner: tests@hospital.example
stage: active
match: {match}
{check}deidentify:
  profile: basic
  project: {project}
deliver:
  - to: research-pacs
    via: peer
"""

ADULTS = """\
check:
  - id: adults-only
    every-instance: {PatientAge: {at-least: 18Y}}
    otherwise: reject
    because: the tests say so
"""

MASTER_KEY = bytes(range(32))


def policy(
    name: str = "everything",
    match: str = "every-study",
    *,
    version: int = 1,
    check: str = "",
    project: str = "reception",
) -> Policy:
    text = POLICY.format(name=name, match=match, version=version, check=check, project=project)
    loaded, problems = load_single(text.encode(), f"{name}.yaml")
    assert loaded is not None, problems
    return loaded


def pack(*policies: Policy, reception: bool = True) -> Pack:
    several = policies or (policy(),)
    digest = hashlib.sha256("".join(one.digest for one in several).encode()).hexdigest()
    return dataclasses.replace(Pack(several, digest), reception=reception)


def hand_over(home: Path, to_hand: Pack) -> None:
    """Do what the service does with an active pack."""
    (home / "run").mkdir(mode=0o700, parents=True, exist_ok=True)
    home.chmod(0o700)
    reception_files.write_pack(home / "run", to_hand, lent.packages_here())


def key_file(folder: Path) -> Path:
    file = folder / "master.key"
    file.touch(mode=0o600)
    file.write_bytes(MASTER_KEY)
    return file


def journal(home: Path) -> Sequence[ReceptionMark | ReceptionRefusal]:
    """Return what the journal says, over all of its files."""
    files = sorted((home / "reception").glob("journal-*.jsonl"))
    return [from_line(line) for file in files for line in file.read_bytes().splitlines()]

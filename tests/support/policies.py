"""Policies, packs and facts for tests; everything defaults to what is valid.

A policy has one top-level key on each line, so that a test can say on which line a problem is.
"""

from __future__ import annotations

import hashlib
from typing import Any

from gatehouse.policy.load import load_pack, load_single
from gatehouse.policy.model import InstanceFacts, Origin, Pack, Policy
from gatehouse.policy.report import render

SECTIONS: dict[str, str] = {
    "policy": "lung",
    "version": "1",
    "description": "For tests.",
    "match": "every-study",
    "deidentify": "{profile: basic, project: lung-ai}",
    "deliver": "[{to: research-pacs, via: dicom}]",
}


def policy_text(**sections: str | None) -> str:
    """Return a policy's text; keyword ``keep_local`` is the key keep-local; None leaves one out."""
    changed = {key.replace("_", "-"): value for key, value in sections.items()}
    every = SECTIONS | changed
    return "".join(f"{key}: {value}\n" for key, value in every.items() if value is not None)


def a_policy(**sections: str | None) -> Policy:
    """Return a policy; fails if its text has a problem."""
    policy, problems = load_single(policy_text(**sections).encode(), "lung.yaml")
    assert policy is not None, [render(problem) for problem in problems]
    return policy


def problems_of(**sections: str | None) -> list[str]:
    """Return the problems of a policy as they are printed."""
    return problems_in(policy_text(**sections))


def problems_in(text: str | bytes, **arguments: Any) -> list[str]:
    """Return the problems of a policy's text as they are printed."""
    content = text if isinstance(text, bytes) else text.encode()
    _, problems = load_single(content, "lung.yaml", **arguments)
    return [render(problem) for problem in problems]


def pack_files(*policies: str, **more: str) -> dict[str, bytes]:
    """Return the files of a pack of these policies' texts, locked; ``more`` are other files."""
    names = [_name(text) for text in policies]
    files = {f"{name}/{name}.yaml": text for name, text in zip(names, policies, strict=True)}
    lock = "".join(f"{line}\n" for text in policies for line in [lock_line(text)])
    pack = f"policies: [{', '.join(names)}]\n"
    every = {"pack.yaml": pack, "pack.lock": lock, **files, **more}
    return {file: text.encode() for file, text in every.items()}


def lock_line(text: str, version: int = 1) -> str:
    """Return the line of a policy in a lock."""
    return f"{_name(text)} {version} {hashlib.sha256(text.encode()).hexdigest()}"


def pack_problems(files: dict[str, bytes], **arguments: Any) -> list[str]:
    """Return the problems of a pack as they are printed."""
    return [render(problem) for problem in load_pack(files, **arguments)[1]]


def a_pack(*policies: Policy) -> Pack:
    """Return a pack of policies."""
    return Pack(policies, "0" * 64)


def facts(
    instance: str = "1", origin: Origin | None = None, **attributes: str | list[str]
) -> InstanceFacts:
    """Return the facts of an instance; a list for several values."""
    every: dict[str, str | list[str]] = {
        "PatientID": "PAT-1",
        "StudyInstanceUID": "1.2.3",
        "SeriesInstanceUID": "1.2.3.1",
        "Modality": "CT",
        **attributes,
    }
    values = {
        name: tuple(value) if isinstance(value, list) else ((value,) if value else ())
        for name, value in every.items()
    }
    return InstanceFacts(instance, origin or Origin(), values)


def _name(text: str) -> str:
    return text.split("policy: ", 1)[1].split("\n", 1)[0]

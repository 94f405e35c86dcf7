"""Write a new policy from a few answers, and put it into a pack's order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from gatehouse.policy.write_yaml import block

HEAD: Final = "# yaml-language-server: $schema=../policy.schema.json\n"


@dataclass(frozen=True, slots=True)
class Draft:
    """What a new policy is made of."""

    name: str
    description: str
    owner: str
    project: str
    called_aets: tuple[str, ...] = ()
    modalities: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    to: str = ""
    via: str = "dicom"


def render_draft(draft: Draft) -> str:
    """Return the text of version 1 of a policy."""
    conditions: list[dict[str, Any]] = []
    if draft.called_aets:
        conditions.append({"called-aet": {"in": list(draft.called_aets)}})
    if draft.modalities:
        conditions.append({"Modality": {"in": list(draft.modalities)}})
    deidentify: dict[str, Any] = {"profile": "basic"}
    if draft.options:
        deidentify["options"] = list(draft.options)
    deidentify["project"] = draft.project
    sections: list[dict[str, Any]] = [
        {
            "policy": draft.name,
            "version": 1,
            "description": draft.description,
            "owner": draft.owner,
            "stage": "active",
        },
        {"match": {"all": conditions} if conditions else "every-study"},
        {"deidentify": deidentify},
        {"pixels": {"suspicious": "hold"}},
    ]
    if draft.to:
        sections.append({"deliver": [{"to": draft.to, "via": draft.via}]})
    else:
        sections.append({"keep-local": {"label": f"deid-{draft.name}"[:64]}})
    return HEAD + "\n".join(expanded(section) for section in sections)


def expanded(section: dict[str, Any]) -> str:
    """Return a section with its parts on lines of their own, where they will grow."""
    lines: list[str] = []
    for key, value in section.items():
        if isinstance(value, dict):
            lines.append(f"{key}:\n{block(value, 2)}")
        else:
            lines.append(block({key: value}))
    return "".join(lines)


def renamed(text: str, old: str, new: str) -> str:
    """Return a policy's or its cases' text under another name, as version 1."""
    text = re.sub(rf"(?m)^policy: {re.escape(old)}$", f"policy: {new}", text, count=1)
    return re.sub(r"(?m)^version: [0-9]+$", "version: 1", text, count=1)


def with_policy(pack: str, name: str, last: Sequence[str]) -> str | None:
    """Return ``pack.yaml`` with one more policy in its order; None if that can't be done safely.

    Parameters
    ----------
    pack : str
        The file; its comments stay.
    name : str
        The new policy.
    last : sequence of str
        Policies that take every study, before which it has to stand.
    """
    found = re.search(r"(?m)^policies: *\[([^\]\n]*)\]", pack)
    if found is not None:
        names = [one.strip() for one in found[1].split(",") if one.strip()]
        text = ", ".join(_inserted(names, name, last))
        return pack[: found.start()] + f"policies: [{text}]" + pack[found.end() :]
    lines = re.search(r"(?m)^policies: *\n((?: *- +[a-z0-9-]+ *(?:#.*)?\n)+)", pack)
    if lines is None:
        return None
    every = lines[1].splitlines(keepends=True)
    indent = every[0][: every[0].index("-")]
    at = next((number for number, line in enumerate(every) if line.split()[1] in last), len(every))
    every.insert(at, f"{indent}- {name}\n")
    return pack[: lines.start(1)] + "".join(every) + pack[lines.end(1) :]


def _inserted(names: list[str], name: str, last: Sequence[str]) -> list[str]:
    at = next((number for number, one in enumerate(names) if one in last), len(names))
    return [*names[:at], name, *names[at:]]

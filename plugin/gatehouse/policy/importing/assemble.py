"""Make the text of a policy, and the list of what was left out, of what was read."""

from __future__ import annotations

from typing import Any, Final

from gatehouse.policy.draft import HEAD, expanded
from gatehouse.policy.importing.model import Imported

_SOURCES: Final = {
    "ctp": "a CTP script",
    "karnak": "a Karnak profile",
    "microsoft": "a configuration of Microsoft's DICOM anonymization",
}
SOURCES: Final = tuple(_SOURCES)


def render_policy(
    imported: Imported, source: str, name: str, owner: str, project: str, to: str
) -> str:
    """Return the text of version 1 of the policy."""
    deidentify: dict[str, Any] = {"profile": "basic"}
    if imported.options:
        deidentify["options"] = sorted(imported.options)
    deidentify["project"] = project
    if imported.unlisted == "remove":
        deidentify["unlisted"] = "remove"
    if imported.attributes:
        deidentify["attributes"] = imported.attributes
    sections: list[dict[str, Any]] = [
        {
            "policy": name,
            "version": 1,
            "description": f"Taken over from {_SOURCES[source]}.",
            "owner": owner,
            # Half of a filter would take what it was meant to keep out.
            "stage": "off" if imported.is_filter_lost else "active",
        },
        {"match": _match(imported.conditions)},
        {"deidentify": deidentify},
        {"pixels": {"suspicious": "hold"}},
    ]
    if to:
        sections.append({"deliver": [{"to": to, "via": "dicom"}]})
    else:
        sections.append({"keep-local": {"label": f"deid-{name}"[:64]}})
    return HEAD + "\n".join(expanded(section) for section in sections)


def _match(conditions: list[dict[str, Any]]) -> dict[str, Any] | str:
    if len(conditions) == 1:
        return conditions[0]
    return {"all": conditions} if conditions else "every-study"


def render_report(imported: Imported, source: str, file: str) -> str:
    """Return the page that says, line by line, what was not carried over as it was."""
    lost = [one for one in imported.left if one.severity == "not carried over"]
    lines = [
        f"# Taken over from {_SOURCES[source]}\n",
        f"\n{imported.rules} rules were read; {len(imported.attributes)} became exceptions of the "
        f"policy, {len(lost)} were not carried over. The others say what the Basic Profile does "
        "anyway.\n",
    ]
    if imported.is_filter_lost:
        lines.append(
            "\nThe filter could not be carried over. The policy is `stage: off` until somebody "
            "has written its `match`.\n"
        )
    if imported.left:
        lines.append("\n| line | rule | | why |\n| --- | --- | --- | --- |\n")
    for one in sorted(imported.left, key=lambda left: left.line):
        cells = (f"{file}:{one.line}", f"`{one.what}`", one.severity, one.why)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n")
    return "".join(lines)

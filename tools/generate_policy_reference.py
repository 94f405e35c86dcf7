"""Write the reference part of docs/policies.md from the registries of the policy language.

.venv/bin/python tools/generate_policy_reference.py
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "plugin"))

from gatehouse.policy.actions import ACTIONS  # noqa: E402
from gatehouse.policy.cases_schema import CHANGES, GROUPS  # noqa: E402
from gatehouse.policy.comparisons import COMPARISONS  # noqa: E402
from gatehouse.policy.destinations import DESTINATIONS  # noqa: E402
from gatehouse.policy.options import OPTIONS  # noqa: E402
from gatehouse.policy.registry import Registry  # noqa: E402
from gatehouse.policy.study_facts import ORIGIN_FACTS, STUDY_FACTS  # noqa: E402

DOCUMENT = ROOT / "docs" / "policies.md"
BEGIN = "<!-- reference: begin -->\n"
END = "<!-- reference: end -->\n"

SECTIONS: list[tuple[str, Registry[Any]]] = [
    ("Comparisons", COMPARISONS),
    ("Facts about where instances come from", ORIGIN_FACTS),
    ("Facts about the whole study", STUDY_FACTS),
    ("Options of `deidentify`", OPTIONS),
    ("Actions of `attributes`", ACTIONS),
    ("Ways of delivery (`via`)", DESTINATIONS),
]


def reference() -> str:
    """Return the reference part."""
    parts = [_table(title, registry) for title, registry in SECTIONS]
    parts.append(_words("Words of `changes` in a case", CHANGES))
    parts.append(_words("`groups` of a case", GROUPS))
    return "\n".join(parts)


def _table(title: str, registry: Registry[Any]) -> str:
    rows = [
        f"| `{entry.name}` | {_cell(entry.description)} | {_cell(entry.source)} |"
        for entry in registry
    ]
    return "\n".join([f"### {title}\n", "| name | | source |", "| --- | --- | --- |", *rows, ""])


def _words(title: str, words: dict[str, str]) -> str:
    rows = [f"| `{word}` | {_cell(meaning)} |" for word, meaning in words.items()]
    return "\n".join([f"### {title}\n", "| word | |", "| --- | --- |", *rows, ""])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("``", "`").replace("|", "\\|")


def render(document: str) -> str:
    """Return the document with its reference part written anew."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{reference()}\n{END}{after}"


if __name__ == "__main__":
    DOCUMENT.write_text(render(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")

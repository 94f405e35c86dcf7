"""Draws the table of steps for a document: ``python -m gatehouse.pipeline.diagram FILE``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from gatehouse.pipeline.states import MEANINGS, STEPS, STUDY_STATES

BEGIN = "<!-- steps: written by `python -m gatehouse.pipeline.diagram docs/states.md` -->"
END = "<!-- end of steps -->"


def drawn() -> str:
    """Return the diagram (Mermaid) and the tables, between their marks."""
    return "\n".join([BEGIN, "", *_diagram(), "", *_states(), "", *_steps(), "", END])


def write(file: Path) -> None:
    """Put them into a document that has the marks."""
    text = file.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    file.write_text(before + drawn() + rest.split(END)[1], encoding="utf-8")


def _diagram() -> Iterator[str]:
    yield "```mermaid"
    yield "stateDiagram-v2"
    for one in STEPS:
        if not one.opens:
            yield f"    {one.source or '[*]'} --> {one.target}: {one.event}"
    for target in ("receiving", "waiting"):
        sources = [one for one in STEPS if one.opens and one.target == target and one.source]
        for one in sources:
            yield f"    {one.source} --> {one.target}: {one.event} (next generation)"
    yield "```"


def _states() -> Iterator[str]:
    yield "| state | what it means |"
    yield "| --- | --- |"
    for state in STUDY_STATES:
        yield f"| `{state}` | {MEANINGS[state]} |"


def _steps() -> Iterator[str]:
    yield "| from | to | event | what the history says | generation |"
    yield "| --- | --- | --- | --- | --- |"
    for one in STEPS:
        source = f"`{one.source}`" if one.source else "(unknown)"
        generation = "the next one" if one.opens else "the same" if one.source else "the first"
        yield f"| {source} | `{one.target}` | {one.event} | {one.reason} | {generation} |"


if __name__ == "__main__":
    write(Path(sys.argv[1]))

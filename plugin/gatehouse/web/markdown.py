"""The little of Markdown that our own statements use, as blocks for a template.

Headings, paragraphs, lists and tables, with `code` in them. Text stays text: the template escapes
it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_CODE = re.compile(r"`([^`]*)`")


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a page.

    Parameters
    ----------
    kind : str
        ``"h1"``, ``"h2"``, ``"h3"``, ``"p"``, ``"list"`` or ``"table"``.
    rows : list
        Lines of a list or table, or the one line of the others; each is a list of cells, and each
        cell a list of pieces: text, and whether it is code.
    """

    kind: str
    rows: list[list[list[tuple[str, bool]]]] = field(default_factory=list)


def blocks(text: str) -> list[Block]:
    """Return the blocks of a text."""
    found: list[Block] = []
    for kind, cells in _lines(text):
        joins = kind in ("list", "table", "p") and found and found[-1].kind == kind
        if not joins:
            found.append(Block(kind))
        if cells:
            found[-1].rows.append([_pieces(cell) for cell in cells])
    return [one for one in found if one.rows]


def _lines(text: str) -> Iterator[tuple[str, list[str]]]:
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped:
            yield "gap", []
        elif stripped.startswith("#"):
            marks, _, title = stripped.partition(" ")
            yield f"h{min(3, len(marks))}", [title]
        elif stripped.startswith("- "):
            yield "list", [stripped[2:]]
        elif stripped.startswith("|"):
            cells = [cell.strip() for cell in stripped.strip("|").split("|")]
            if not all(set(cell) <= set("-: ") and cell for cell in cells):
                yield "table", cells
        else:
            yield "p", [stripped]


def _pieces(text: str) -> list[tuple[str, bool]]:
    parts = _CODE.split(text)
    return [(part, index % 2 == 1) for index, part in enumerate(parts) if part]

"""Table E.1-1 of PS3.15 as values: the action codes of the Basic Profile and of each option."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from gatehouse.standard._table_e1_1 import PRIVATE, REPEATING, ROWS


class Cell(NamedTuple):
    """One row of the table without its name."""

    basic: str
    """Action code of the Basic Profile, e.g. ``"X/Z/D"``."""
    options: dict[str, str]
    """Action code of each option that has one, e.g. ``{"retain-uids": "K"}``."""


def _cell(words: list[str]) -> Cell:
    return Cell(words[0], dict(word.split("=") for word in words[1:]))


@cache
def _lines() -> dict[str, str]:
    return {line[:8]: line for line in ROWS.splitlines()}


def row(tag: int) -> Cell | None:
    """Return the cell of the row about a single tag; None if there is none."""
    line = _lines().get(f"{tag:08X}")
    return None if line is None else _cell(line.split()[1:])


@cache
def rows() -> dict[int, Cell]:
    """Return the cell of each row that is about a single tag."""
    lines = (line.split() for line in ROWS.splitlines())
    return {int(words[0], 16): _cell(words[1:]) for words in lines}


@cache
def repeating() -> tuple[tuple[int, int, Cell], ...]:
    """Return mask, masked tag and cell of the rows about repeating groups."""
    lines = (line.split() for line in REPEATING.splitlines())
    return tuple((int(words[0], 16), int(words[1], 16), _cell(words[2:])) for words in lines)


@cache
def private() -> Cell:
    """Return the cell of the row about private attributes."""
    return _cell(PRIVATE.split())

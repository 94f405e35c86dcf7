"""The words of a text, with their places."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final, NamedTuple

from gatehouse.deid.text.cjk import CHARACTERS
from gatehouse.deid.text.words import fold

WORD: Final = re.compile(rf"[{CHARACTERS}]+|(?:(?![{CHARACTERS}])[^\W_])+(?:['’][^\W\d_]+)*")
"""A run of CJK characters is one word here: where it is to be cut, nobody has written."""

IS_CJK: Final = re.compile(f"[{CHARACTERS}]")


class Token(NamedTuple):
    """A word of a text with its place, as written and folded."""

    start: int
    end: int
    text: str
    folded: str

    @property
    def is_capitalised(self) -> bool:
        """Tell if it begins with a capital letter."""
        return self.text[0].isupper()


def tokenize(text: str) -> list[Token]:
    """Return the words of a text in order."""
    return [
        Token(match.start(), match.end(), match.group(), fold(match.group().replace("’", "'")))
        for match in WORD.finditer(text)
    ]


def first_from(tokens: Sequence[Token], position: int) -> int:
    """Return the index of the first word that begins at a position or after it."""
    return bisect_left(tokens, position, key=lambda token: token.start)

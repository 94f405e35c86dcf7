"""What a study is known to say of persons and places, looked for in its texts in every spelling."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from gatehouse.deid.text.cues import PARTICLES
from gatehouse.deid.text.patterns import Span
from gatehouse.deid.text.tokens import WORD, Token
from gatehouse.deid.text.words import fold, is_clinical, is_english, spellings

_PIECES_MAX: Final = 8
"""Words over which one number or name of an institution may be spread."""

_SHORTEST: Final = 3
_SHORTEST_WITH_TYPO: Final = 6
_YEAR: Final = 4
"""Digits of a number that may be a year."""
"""Letters of a name from which on one letter may be wrong, missing, too much or swapped."""

_LETTERS = re.compile(r"[^\W\d_]{2,}")
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\u3005]{2,}")
"""Scripts in which a name is written together with what follows it."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known to identify in a study, folded for comparison."""

    names: frozenset[str] = frozenset()
    initials: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()
    phrases: frozenset[str] = frozenset()
    unspaced: frozenset[str] = frozenset()
    near: frozenset[str] = frozenset()
    """Long names, and what is left of them without one of their letters."""

    @classmethod
    def of(
        cls,
        person_names: Iterable[str] = (),
        identifiers: Iterable[str] = (),
        institutions: Iterable[str] = (),
    ) -> Known:
        """Make it from values: PN in DICOM's form, IDs and numbers, names of institutions."""
        names: set[str] = set()
        initials: set[str] = set()
        unspaced: set[str] = set()
        identifiers = [part for value in identifiers for part in (value, *_long_numbers(value))]
        for person in person_names:
            for group in person.split("="):
                parts = [part for part in WORD.findall(group) if not part.isdigit()]
                names.update(*(spellings(part) for part in parts if len(part) > 1))
                initials |= _initials(parts)
                unspaced.update(_UNSPACED.findall("".join(parts)), *map(_UNSPACED.findall, parts))
        return cls(
            frozenset(names - PARTICLES),
            frozenset(initials),
            frozenset(filter(_is_long, map(_joined, identifiers))),
            frozenset(filter(_is_long, map(_joined, institutions))),
            frozenset(unspaced),
            frozenset(near for name in names for near in _near(name)),
        )


def _long_numbers(identifier: str) -> list[str]:
    """Return the numbers within an identifier that may stand for it alone: PT-5521 is 5521."""
    numbers = re.findall(r"\d{4,}", identifier)
    return [one for one in numbers if len(one) > _YEAR or not one.startswith(("19", "20"))]


def _near(name: str) -> set[str]:
    """Return a long name and what is left of it without one of its letters.

    Two names have one of these in common if they differ by a letter that is wrong, missing, too
    much, or swapped with its neighbour.
    """
    if len(name) < _SHORTEST_WITH_TYPO or not name.isalpha():
        return set()
    return {name, *(name[:index] + name[index + 1 :] for index in range(len(name)))}


def _initials(parts: Sequence[str]) -> set[str]:
    """Return the initials of a person in the usual orders, of first and last name, and of all."""
    found = set()
    whole = [fold(part)[0] for part in parts if fold(part)]
    # O'Sullivan signs as O or as OS.
    split = [fold(piece)[0] for part in parts for piece in re.split("['’]", part) if fold(piece)]
    for first in (whole, whole[:2], split):
        for order in (first, first[::-1], first[1:] + first[:1]):
            if len(order) > 1:
                found.add("".join(order))
    if len(split) > len(whole) and len(parts) > 1:
        found.add(split[len(split) - len(whole) + 1] + split[0] + split[1])
    return found


def _joined(value: str) -> str:
    return "".join(fold(word) for word in WORD.findall(value))


def _is_long(value: str) -> bool:
    return len(value) >= _SHORTEST


def find_known(text: str, tokens: Sequence[Token], known: Known) -> list[Span]:
    """Return the places of what is known of the study."""
    spans = [
        Span(token.start, token.end, "name") for token in tokens if _is_known_name(token, known)
    ]
    # Digits part words as well: "MUELLER2", "5Müller".
    spans += [
        Span(token.start + match.start(), token.start + match.end(), "name")
        for token in tokens
        if any(letter.isdigit() for letter in token.text)
        for match in _LETTERS.finditer(token.text)
        if not known.names.isdisjoint(spellings(match.group()))
    ]
    for name in known.unspaced:
        spans += [
            Span(match.start(), match.end(), "name") for match in re.finditer(re.escape(name), text)
        ]
    return spans + _find_spread(tokens, known)


def _is_known_name(token: Token, known: Known) -> bool:
    plain = token.folded.removesuffix("'s")
    if plain in known.names or plain.replace("'", "") in known.names:
        return True
    may_be_typo = token.is_capitalised and not (is_clinical(plain) or is_english(plain))
    if may_be_typo and not known.near.isdisjoint(_near(plain)):
        return True
    is_initials = token.text.isupper() and token.folded in known.initials
    return is_initials and not is_clinical(token.folded)


def _find_spread(tokens: Sequence[Token], known: Known) -> list[Span]:
    """Find numbers and institutions, however their words are parted: ``OSU-553190, OSU 553190``."""
    wanted = known.numbers | known.phrases
    if not wanted:
        return []
    beginnings = {value[:_SHORTEST] for value in wanted}
    longest = max(map(len, wanted))
    spans = []
    for index, first in enumerate(tokens):
        joined = ""
        for last in tokens[index : index + _PIECES_MAX]:
            joined += last.folded
            if len(joined) > longest:
                break
            if len(joined) >= _SHORTEST and joined[:_SHORTEST] not in beginnings:
                break
            if joined in wanted:
                kind = "number" if joined in known.numbers else "institution"
                spans.append(Span(first.start, last.end, kind))
    return spans

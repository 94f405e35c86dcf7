"""Which words of a text may stay although nothing vouches for the text as a whole."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from gatehouse.deid.text.cues import CUE_WORDS, EPONYM_BEFORE, EPONYM_NOUNS, TITLES
from gatehouse.deid.text.patterns import MONTH_NAME
from gatehouse.deid.text.tokens import Token
from gatehouse.deid.text.words import (
    fold,
    is_clinical,
    is_common,
    is_compound,
    is_english,
    is_eponym,
    is_name,
)

_ACRONYM_LETTERS: Final = 3
_LONGEST_WITHOUT_VOWEL: Final = 5
_CAMEL: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_ROMAN: Final = re.compile(r"[IVX]{1,5}[a-d]?")
_LEAST_WORDS_OF_PROSE: Final = 5

# "in June", "bis Mai": a month alone is no date, and many are names.
_MONTH_ALONE: Final = re.compile(
    r"\b(?:in|im|en|em|w|v|since|until|till|by|next|last|ab|bis|seit|fin|début|mi|der|le|mois de) "
    rf"({MONTH_NAME})\b(?! ?\d)",
    re.IGNORECASE,
)


class Style(NamedTuple):
    """How a text is written."""

    is_upper: bool
    """All of it in capital letters."""
    is_prose: bool
    """Sentences with capitals where they belong: who writes so, writes names with capitals."""
    is_joined: bool
    """Words joined by low lines, as protocols are named."""

    @classmethod
    def of(cls, text: str, tokens: Sequence[Token]) -> Style:
        """Tell it from the words."""
        words = [token.text for token in tokens if token.text.isalpha() and len(token.text) > 1]
        small = sum(word.islower() for word in words)
        has_capitals = any(word[0].isupper() and word[1:].islower() for word in words)
        return cls(
            is_upper=text.upper() == text,
            is_prose=has_capitals
            and small >= _LEAST_WORDS_OF_PROSE - 1
            and small * 2 >= len(words),
            is_joined="_" in text and not re.search(r"\w \w+ \w", text),
        )


def safe_places(text: str, tokens: Sequence[Token]) -> set[int]:
    """Return where words begin that their neighbours vouch for: eponyms, and months alone."""
    places = {match.start(1) for match in _MONTH_ALONE.finditer(text)}
    places |= {token.start for token in tokens if _ROMAN.fullmatch(token.text)}
    for index, token in enumerate(tokens):
        if not is_eponym(token.folded) or (index and tokens[index - 1].folded in TITLES):
            continue
        if not is_name(token.folded) or _names_a_thing(text, tokens, index):
            places.add(token.start)
            # The one after whom a thing is named together with another: Hill-Sachs, Roux-en-Y.
            for other in tokens[max(index - 1, 0) : index + 3]:
                if text[min(token.end, other.end) : max(token.start, other.start)] == "-":
                    places.add(other.start)
    return places


def _names_a_thing(text: str, tokens: Sequence[Token], index: int) -> bool:
    """Tell if what is around an eponym says that it is one: ``Jones fracture, Morbus Crohn``."""
    token = tokens[index]
    if EPONYM_BEFORE.search(text, max(token.start - 30, 0), token.start):
        return True
    for following in tokens[index + 1 : index + 3]:
        gap = text[tokens[index].end : following.start]
        if not re.fullmatch(r"[ -]|['’]s? ", gap[:3].rstrip("sS") or gap):
            return False
        if following.folded in EPONYM_NOUNS:
            return True
        if not is_eponym(following.folded):
            return False
        index += 1
    return False


def is_safe(token: Token, style: Style) -> bool:
    """Tell if a word may stay by itself."""
    word = token.folded.removesuffix("'s")
    if any(letter.isdigit() for letter in word):
        return all(
            len(part) <= _ACRONYM_LETTERS
            or _is_word(fold(part))
            or (part.isupper() and len(part) == _ACRONYM_LETTERS + 1 and not is_name(fold(part)))
            for part in re.findall(r"[^\W\d_]+", token.text)
        )
    if len(word) <= 1 or len(token.text) == 1 or is_clinical(word) or word in CUE_WORDS:
        return True
    if is_name(word):
        return is_english(word) or (is_common(word) and token.text.islower())
    if is_common(word):
        return True
    if style.is_joined and len(word) <= _ACRONYM_LETTERS:
        return True
    if style.is_prose and token.text.islower():
        return True
    if token.text.isupper() and len(word) <= _ACRONYM_LETTERS:
        return True
    if token.text.isupper() and len(word) <= _LONGEST_WITHOUT_VOWEL:
        return not set("aeiouy") & set(word)  # an acronym: hardly any name has no vowel
    return _is_camel(token.text) or is_compound(word)


def _is_camel(text: str) -> bool:
    """Tell if a text is clinical words written as one with capitals: ``ThorRoutine``."""
    parts = _CAMEL.findall(text)
    return (
        len(parts) > 1
        and "".join(parts) == text
        and all(
            is_clinical(part.lower()) or (part.isupper() and len(part) <= _ACRONYM_LETTERS)
            for part in parts
        )
    )


def _is_word(word: str) -> bool:
    return is_clinical(word) or is_common(word)

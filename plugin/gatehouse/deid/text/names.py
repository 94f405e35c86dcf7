"""Names of persons in free text that a cue gives away: a title, a label, a degree, a comma."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gatehouse.deid.text.cues import (
    BEFORE_NAME,
    BY,
    DOTTED_CREDENTIALS,
    LABEL,
    PARTICLES,
    POSTNOMINALS,
    TITLES,
    WEAK_TITLES,
)
from gatehouse.deid.text.known import Known, find_known
from gatehouse.deid.text.patterns import Span
from gatehouse.deid.text.tokens import Token, first_from, tokenize
from gatehouse.deid.text.words import (
    fold,
    is_clinical,
    is_common,
    is_english,
    is_eponym,
    is_name,
)

__all__ = ["Known", "Token", "find_cued", "find_known", "tokenize", "widen"]

_NAMES_MAX = 3
_NAMES_AFTER_LABEL_MAX = 4
_CARETS = re.compile(r"[^\W\d_][\w'-]*\^[\w'^=-]*")
_COMMA = re.compile(r"\b([^\W\d_][\w'’-]+), ?([^\W\d_][\w'’-]+)(?: ([^\W\d_])\b\.?)?")
# Of who dictated and who typed: "CJA/kls", at the end or after its label; and "S.K." anywhere.
_TYPED_BY = re.compile(
    r"(?:^|\b(?i:diktat|dict(?:ated)?|trans(?:cribed)?|typed|schreibkraft)\W{1,3})"
    r"([A-Z][A-Za-z]{1,2})/([a-z]{2,3})\s*$",
    re.MULTILINE,
)
_DOTTED = re.compile(r"(?<![\w.])(?:[A-Z]\. ?){2,3}(?!\w)")
_INITIAL_AND_NAME = re.compile(r"(?<![\w.])[^\W\d_a-z]\. ?([^\W\d_a-z][\w'’-]{2,})")
_NAME_AND_INITIAL = re.compile(r"\b([^\W\d_a-z][^\W\d_A-Z][\w'’-]+),? [^\W\d_a-z]\.(?![\w.])")
_AT_BEGINNING = re.compile(
    r"^(?:(?:de|van|von|der|den|ter|ten|zu|da|dos|del|di|la|le|el) )+"
    r"([^\W\d_a-z][^\W\d_A-Z][\w'’-]+)",
    re.MULTILINE,
)
_ARTICLES = frozenset("de del della di da al el la le".split())
"""Particles that are everyday words, too."""
_LETTERED = frozenset(
    "typ typus grad stadium teil phase gruppe klasse serie zone tipo grado fase gruppo".split()
)
"""What has letters for numbers: "Typ A."."""


def find_cued(text: str, tokens: Sequence[Token]) -> list[Span]:
    """Return names that titles, labels, credentials, commas or carets give away."""
    spans = [Span(match.start(), match.end(), "name") for match in _CARETS.finditer(text)]
    is_upper = text.upper() == text
    for number, token in enumerate(tokens):
        if token.text == "MR":
            continue  # the modality; a man's name after it is not in the vocabulary anyway
        if token.folded in TITLES or token.folded in WEAK_TITLES:
            spans += _after_title(text, tokens, number, is_upper=is_upper)
        elif token.folded in POSTNOMINALS and token.text[0].isupper():
            spans += _before_credentials(text, tokens, number)
    for match in _INITIAL_AND_NAME.finditer(text):
        name = fold(match.group(1))
        is_morbus = text[match.start()] == "M" and is_eponym(name)
        if not (is_clinical(name) or is_english(name) or is_morbus):
            spans.append(Span(match.start(), match.end(), "name"))
    for match in _NAME_AND_INITIAL.finditer(text):
        name = fold(match.group(1))
        if not (is_clinical(name) or is_english(name) or is_eponym(name) or name in _LETTERED):
            spans.append(Span(match.start(), match.end() - 1, "name"))
    for match in _AT_BEGINNING.finditer(text):
        if not is_clinical(fold(match.group(1))):
            spans.append(Span(match.start(), match.end(), "name"))
    for match in DOTTED_CREDENTIALS.finditer(text):
        at = first_from(tokens, match.start())
        if at < len(tokens) and tokens[at].start == match.start():
            spans += _before_credentials(text, tokens, at)
    spans += _after_label(text, tokens, is_upper=is_upper)
    return spans + _with_comma(text) + _initials(text)


def _after_label(text: str, tokens: Sequence[Token], *, is_upper: bool) -> list[Span]:
    spans: list[Span] = []
    for expression in (BY, LABEL, BEFORE_NAME):
        at_most = _NAMES_AFTER_LABEL_MAX if expression is LABEL else _NAMES_MAX
        for match in expression.finditer(text):
            first = first_from(tokens, match.end())
            if first == len(tokens) or tokens[first].start - match.end() > 1:
                continue
            if expression is BEFORE_NAME and not _looks_like_name(tokens[first]):
                continue
            spans += _run_of_names(text, tokens, first, at_most, is_upper=is_upper)
    return spans


def _looks_like_name(token: Token) -> bool:
    is_word = is_clinical(token.folded) or is_common(token.folded)
    return token.is_capitalised and not token.text.isdigit() and not is_word


def _run_of_names(
    text: str, tokens: Sequence[Token], first: int, at_most: int, *, is_upper: bool
) -> list[Span]:
    """Return the words from ``first`` on that can be parts of one person's name."""
    spans: list[Span] = []
    for number in range(first, min(first + at_most, len(tokens))):
        token = tokens[number]
        if number > first:
            between = text[tokens[number - 1].end : token.start]
            if not re.fullmatch(r"\.? |, |-|\. ?", between):
                break
            ends_sentence = between.startswith(".") and len(tokens[number - 1].text) > 2
            is_acronym = "," in between and token.text.isupper() and len(token.text) < 4
            is_word = is_clinical(token.folded) or _is_plain(token, is_upper=is_upper)
            if ends_sentence or is_acronym or (is_word and token.folded not in PARTICLES):
                break
        elif (
            is_clinical(token.folded) and token.folded not in PARTICLES and token.text[0].islower()
        ):
            break
        if token.folded in TITLES:
            continue
        if token.text.isdigit():
            break
        is_first_word = number == first and token.folded not in PARTICLES
        if is_first_word and not token.is_capitalised and _is_plain(token, is_upper=is_upper):
            break
        spans.append(Span(token.start, token.end, "name"))
    is_name_there = any(span.end - span.start > 1 for span in spans)
    return spans if is_name_there else []


def _is_plain(token: Token, *, is_upper: bool) -> bool:
    """Tell if a word near a name is none. Many names are words of another language."""
    if is_name(token.folded):
        return False
    if token.is_capitalised and not is_upper:
        return is_english(token.folded)
    return is_common(token.folded)


def _after_title(text: str, tokens: Sequence[Token], number: int, *, is_upper: bool) -> list[Span]:
    title = tokens[number]
    if number + 1 >= len(tokens):
        return []
    following = tokens[number + 1]
    if not re.fullmatch(r"\.? ?|\. ", text[title.end : following.start]):
        return []
    if title.folded in WEAK_TITLES and (is_upper or not following.is_capitalised):
        return []
    if title.folded == "m" and is_eponym(following.folded):
        return []  # Morbus
    names = _run_of_names(text, tokens, number + 1, _NAMES_MAX, is_upper=is_upper)
    if not names and following.folded not in TITLES:
        return []
    return [Span(title.start, title.end, "name"), *names]


def _before_credentials(text: str, tokens: Sequence[Token], number: int) -> list[Span]:
    spans: list[Span] = []
    following = tokens[number + 1] if number + 1 < len(tokens) else None
    is_followed = following is not None and text[tokens[number].end : following.start] == " "
    if is_followed and following is not None and is_common(following.folded):
        return []  # "do not", "rt knee"
    for back in range(number - 1, max(number - 4, -1), -1):
        token, after = tokens[back], tokens[back + 1]
        between = text[token.end : after.start]
        if not re.fullmatch(r",? |\.? |, ?|-", between) or not token.is_capitalised:
            break
        if token.text.isdigit() or (is_clinical(token.folded) and back < number - 1):
            break
        if token.folded in POSTNOMINALS:
            continue
        if is_clinical(token.folded) and "," not in between:
            break
        spans.append(Span(token.start, token.end, "name"))
    if spans:
        spans.append(Span(tokens[number].start, tokens[number].end, "name"))
    return spans


def _with_comma(text: str) -> list[Span]:
    spans = []
    for match in _COMMA.finditer(text):
        first, second = fold(match.group(1)), fold(match.group(2))
        are_capitalised = match.group(1)[0].isupper() and match.group(2)[0].isupper()
        look_like_names = (is_name(first) or not (is_clinical(first) or is_common(first))) and (
            is_name(second) or not (is_clinical(second) or is_common(second))
        )
        if are_capitalised and look_like_names:
            spans.append(Span(match.start(), match.end(), "name"))
    return spans


def _initials(text: str) -> list[Span]:
    spans = []
    for match in _TYPED_BY.finditer(text):
        if not all(is_clinical(part.lower()) for part in match.groups()):
            spans.append(Span(match.start(1), match.end(2), "name"))
    for match in _DOTTED.finditer(text):
        letters = fold(re.sub(r"[. ]", "", match.group()))
        if not is_clinical(letters):
            spans.append(Span(match.start(), match.start() + len(match.group().rstrip()), "name"))
    return spans


def widen(text: str, tokens: Sequence[Token], spans: Sequence[Span]) -> list[Span]:
    """Return initials and particles that stand beside a name: they belong to it."""
    taken = bytearray(len(text) + 1)
    for span in spans:
        if span.kind == "name":
            taken[span.start : span.end] = b"\x01" * (span.end - span.start)
    more: list[Span] = []
    for numbers in (range(len(tokens)), range(len(tokens) - 1, -1, -1)):
        for number in numbers:
            token = tokens[number]
            if not taken[token.start] and _belongs_to_name(text, tokens, number, taken):
                more.append(Span(token.start, token.end, "name"))
                taken[token.start : token.end] = b"\x01" * (token.end - token.start)
    return more


def _belongs_to_name(text: str, tokens: Sequence[Token], number: int, taken: bytearray) -> bool:
    token = tokens[number]
    is_initial = len(token.text) == 1 and token.text.isalpha() and token.text.isupper()
    if not is_initial and token.folded not in PARTICLES:
        return False
    if number and taken[tokens[number - 1].end - 1]:
        between = text[tokens[number - 1].end : token.start]
        if re.fullmatch(r"[ ,.-]{1,2}", between):
            return True
    if number + 1 == len(tokens) or not taken[tokens[number + 1].start]:
        return False
    after = tokens[number + 1]
    if not re.fullmatch(r"[ .-]{1,2}", text[token.end : after.start]):
        return False
    # "par le Dr", "mamografía de ...": only before a name, both written as one, or at the beginning
    # of a text or line ("de la Cruz, Miguel").
    if token.folded not in _ARTICLES or (after.is_capitalised and token.is_capitalised):
        return True
    is_before = after.is_capitalised or after.folded in _ARTICLES
    return is_before and _is_at_beginning(text, tokens, number)


def _is_at_beginning(text: str, tokens: Sequence[Token], number: int) -> bool:
    """Tell if before a particle there is nothing in its line but other particles."""
    while number and tokens[number - 1].folded in PARTICLES:
        number -= 1
    return not text[: tokens[number].start].rpartition("\n")[2].strip()

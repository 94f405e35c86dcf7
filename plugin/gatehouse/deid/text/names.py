"""Names of persons and institutions in free text that a cue gives away."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gatehouse.deid.text.cues import (
    BEFORE_NAME,
    BY,
    DOTTED_CREDENTIALS,
    INSTITUTION,
    INSTITUTION_WORDS,
    LABEL,
    PARTICLES,
    POSTNOMINALS,
    TITLES,
    WEAK_TITLES,
)
from gatehouse.deid.text.known import Known, find_known
from gatehouse.deid.text.patterns import Span
from gatehouse.deid.text.tokens import WORD, Token, tokenize
from gatehouse.deid.text.words import fold, is_clinical, is_common, is_name

__all__ = ["Known", "Token", "find_cued", "find_known", "tokenize", "widen"]


def find_cued(text: str, tokens: Sequence[Token]) -> list[Span]:
    """Return names that titles, labels, credentials, commas or carets give away."""
    spans = [
        Span(match.start(), match.end(), "name")
        for match in re.finditer(r"[^\W\d_][\w'-]*\^[\w'^=-]*", text)
    ]
    is_upper = text.upper() == text
    for number, token in enumerate(tokens):
        if token.text == "MR":
            continue  # the modality; a man's name after it is not in the vocabulary anyway
        if token.folded in TITLES or token.folded in WEAK_TITLES:
            spans += _after_title(text, tokens, number, is_upper=is_upper)
        elif token.folded in POSTNOMINALS and token.text[0].isupper():
            spans += _before_credentials(text, tokens, number)
    for match in DOTTED_CREDENTIALS.finditer(text):
        at = next((n for n, one in enumerate(tokens) if one.start == match.start()), None)
        if at is not None:
            spans += _before_credentials(text, tokens, at)
    for expression, at_most in ((BY, 3), (LABEL, 4), (BEFORE_NAME, 3)):
        for match in expression.finditer(text):
            first = next((n for n, one in enumerate(tokens) if one.start >= match.end()), None)
            if first is None or tokens[first].start - match.end() > 1:
                continue
            if expression is BEFORE_NAME and not _looks_like_name(tokens[first]):
                continue
            spans += _run_of_names(text, tokens, first, at_most, is_upper=is_upper)
    spans += _with_comma(text)
    spans += _institutions(text, tokens)
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
            is_word = is_clinical(token.folded) or (
                is_common(token.folded) and not is_name(token.folded)
            )
            if ends_sentence or (is_word and token.folded not in PARTICLES):
                break
        elif is_clinical(token.folded) and not token.is_capitalised:
            break
        if token.text.isdigit() or token.folded in TITLES:
            if token.folded in TITLES:
                continue
            break
        is_plain_word = is_common(token.folded) and not is_name(token.folded)
        if not token.is_capitalised and not is_upper and is_plain_word:
            break
        spans.append(Span(token.start, token.end, "name"))
    return spans


def _after_title(text: str, tokens: Sequence[Token], number: int, *, is_upper: bool) -> list[Span]:
    title = tokens[number]
    if number + 1 >= len(tokens):
        return []
    following = tokens[number + 1]
    if not re.fullmatch(r"\.? ?|\. ", text[title.end : following.start]):
        return []
    if title.folded in WEAK_TITLES and (is_upper or not following.is_capitalised):
        return []
    names = _run_of_names(text, tokens, number + 1, 3, is_upper=is_upper)
    if not names and following.folded not in TITLES:
        return []
    return [Span(title.start, title.end, "name"), *names]


def _before_credentials(text: str, tokens: Sequence[Token], number: int) -> list[Span]:
    spans: list[Span] = []
    following = tokens[number + 1] if number + 1 < len(tokens) else None
    if following is not None and text[tokens[number].end : following.start] == " ":
        if is_common(following.folded):
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


_COMMA = re.compile(r"\b([^\W\d_][\w'’-]+), ?([^\W\d_][\w'’-]+)(?: ([^\W\d_])\b\.?)?")


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


def _institutions(text: str, tokens: Sequence[Token]) -> list[Span]:
    spans = []
    for match in INSTITUTION.finditer(text):
        before = [token for token in tokens if token.end <= match.start()]
        start, found = match.start(), 0
        for token in reversed(before[-5:]):
            gap = text[token.end : start]
            if not re.fullmatch(r"\.? |-|'s ", gap) or not token.is_capitalised:
                break
            is_part = token.folded in INSTITUTION_WORDS or not is_clinical(token.folded)
            if not is_part or (token.text.isdigit()):
                break
            start, found = token.start, found + 1
        tail = re.match(
            r"(?: (?:of|de|des|du|della|di|zu|at)(?: the)?)?(?: (?-i:[A-Z])[\w'-]+)*",
            text[match.end() :],
        )
        end = match.end()
        if tail is not None and re.match(r" (?:of|de|des|du|della|di|zu|at) ", tail.group() + " "):
            end += tail.end()
            found += 1
        elif tail is not None and found == 0 and match.group()[0].isupper():
            following = WORD.match(text, match.end() + 1)
            if following is not None and following.group()[0].isupper():
                word = fold(following.group())
                if not (is_clinical(word) or is_common(word)):
                    end, found = following.end(), 1
        if found:
            spans.append(Span(start, end, "institution"))
    return spans


def widen(text: str, tokens: Sequence[Token], spans: Sequence[Span]) -> list[Span]:
    """Return initials and particles that stand beside a name: they belong to it."""
    taken = sorted((span.start, span.end) for span in spans if span.kind == "name")
    starts = {start for start, _ in taken}
    ends = {end for _, end in taken}
    more = []
    for number, token in enumerate(tokens):
        is_small = (len(token.text) == 1 and token.text.isalpha() and token.text.isupper()) or (
            token.folded in PARTICLES
        )
        if not is_small or any(start <= token.start < end for start, end in taken):
            continue
        before = tokens[number - 1] if number else None
        after = tokens[number + 1] if number + 1 < len(tokens) else None
        touches_before = (
            before is not None
            and before.end in ends
            and re.fullmatch(r"[ ,.-]{1,2}", text[before.end : token.start]) is not None
        )
        touches_after = (
            after is not None
            and after.start in starts
            and re.fullmatch(r"[ .-]{1,2}", text[token.end : after.start]) is not None
        )
        if touches_before or touches_after:
            more.append(Span(token.start, token.end, "name"))
            starts.add(token.start)
            ends.add(token.end)
    return more

"""The text cleaner: puts the recognizers together and takes out what they found."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gatehouse.deid.text import patterns
from gatehouse.deid.text.names import Known, Token, find_cued, find_known, tokenize, widen
from gatehouse.deid.text.patterns import Span
from gatehouse.deid.text.words import fold, is_clinical, is_common, is_compound, is_name

# Longer text is held by the engine's limit; the cleaner's own is a second line.
LONGEST_TEXT = 1_000_000
_ACRONYM_LETTERS = 3
_CAMEL = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


def clean(
    text: str, known: Known | None = None, *, keep_characteristics: bool = False, mark: bool = False
) -> str:
    """Take out of a free text what identifies, and leave its clinical words.

    Parameters
    ----------
    text : str
        A descriptor or a report.
    known : Known, optional
        What is known to identify in the whole study.
    keep_characteristics : bool
        True if age and sex may stay (PS3.15 E.3.7).
    mark : bool
        True: put ``[name]``, ``[date]`` ... where something was; for long texts. False: leave
        nothing, for descriptors with their 64 characters.

    Returns
    -------
    str
        The cleaned text; the same object if there was nothing to take out.

    Notes
    -----
    Source: PS3.15 E.3.5 Clean Descriptors Option.
    """
    spans = find(text, known or Known(), keep_characteristics=keep_characteristics)
    if not spans:
        return text
    pieces, at = [], 0
    for span in spans:
        pieces.append(text[at : span.start])
        pieces.append(f"[{span.kind}]" if mark else "")
        at = span.end
    pieces.append(text[at:])
    return _tidy("".join(pieces))


def find(text: str, known: Known, *, keep_characteristics: bool = False) -> list[Span]:
    """Return what must go, in order and without overlap."""
    text = text[:LONGEST_TEXT]
    tokens = tokenize(text)
    spans = patterns.find(text, keep_characteristics=keep_characteristics)
    spans += find_known(text, tokens, known)
    spans += find_cued(text, tokens)
    spans += _unknown_words(text, tokens, spans)
    spans += widen(text, tokens, spans)
    return _merge(text, spans)


def _unknown_words(text: str, tokens: Sequence[Token], found: Sequence[Span]) -> list[Span]:
    """Return words of no vocabulary, and names that are words too where they can be names."""
    covered = bytearray(len(text))
    for span in found:
        covered[span.start : span.end] = b"\x01" * (span.end - span.start)
    open_tokens = [token for token in tokens if not covered[token.start]]
    unknown = [token for token in open_tokens if not _is_safe(token)]
    gone = {token.start for token in unknown} | {
        span.start for span in found if span.kind == "name"
    }
    ends = {token.end for token in unknown} | {span.end for span in found if span.kind == "name"}
    for token in open_tokens:
        is_both = is_name(token.folded) and not is_clinical(token.folded)
        if token.start in gone or not is_both or not token.is_capitalised:
            continue
        starts_sentence = token.start == 0 or text[: token.start].rstrip()[-1:] in ".:\n"
        beside_name = (token.end + 1) in gone or (token.start - 1) in ends
        if beside_name or (not starts_sentence and not text.isupper()):
            unknown.append(token)
            gone.add(token.start)
            ends.add(token.end)
    return [Span(token.start, token.end, "name") for token in unknown]


def _is_safe(token: Token) -> bool:
    """Tell if a word may stay by itself."""
    word = token.folded.removesuffix("'s")
    if any(letter.isdigit() for letter in word):
        return all(
            len(part) <= _ACRONYM_LETTERS
            or _is_word(fold(part))
            or (part.isupper() and len(part) == _ACRONYM_LETTERS + 1 and not is_name(fold(part)))
            for part in re.findall(r"[^\W\d_]+", token.text)
        )
    if len(word) == 1 or _is_word(word):
        return True
    if is_name(word):
        return False
    if token.text.isupper() and len(word) <= _ACRONYM_LETTERS:
        return True
    if token.text.isupper() and len(word) <= 5 and not set("aeiouy") & set(word):
        return True  # an acronym: hardly any name has no vowel
    parts = _CAMEL.findall(token.text)
    if len(parts) > 1 and "".join(parts) == token.text:
        return all(
            is_clinical(part.lower()) or (part.isupper() and len(part) <= _ACRONYM_LETTERS)
            for part in parts
        )
    return is_compound(word)


def _is_word(word: str) -> bool:
    return is_clinical(word) or is_common(word)


def _merge(text: str, spans: Sequence[Span]) -> list[Span]:
    """Join spans that overlap, or that only blanks or the punctuation of names part."""
    merged: list[Span] = []
    for span in sorted(spans):
        if span.end <= span.start:
            continue
        if merged:
            last = merged[-1]
            between = text[last.end : span.start]
            if span.start <= last.end or (
                span.kind == last.kind and re.fullmatch(r"[ ,.'’-]{1,2}", between)
            ):
                merged[-1] = Span(last.start, max(last.end, span.end), last.kind)
                continue
        merged.append(span)
    return merged


def _tidy(text: str) -> str:
    """Take away the blanks and lone punctuation that something left behind."""
    text = re.sub(r"\(\s*[,;:/-]*\s*\)|\[\s*\]", "", text)
    text = re.sub(r"[ \t]{2,}", " ", text)
    text = re.sub(r"(?<=[-_/^,;:])[ ]?[_/^,;]+", "", text)
    text = re.sub(r"[ \t]+(?=[,;.])", "", text)
    return re.sub(r"^[ _^,;:/.-]+|[ _^,;:/-]+$", "", text, flags=re.MULTILINE).strip()

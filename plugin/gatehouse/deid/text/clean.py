"""The text cleaner: puts the recognizers together and takes out what they found."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gatehouse.deid.text import patterns
from gatehouse.deid.text.cjk import unknown_stretches
from gatehouse.deid.text.codes import find_codes
from gatehouse.deid.text.institutions import find_institutions
from gatehouse.deid.text.known import Known, find_known
from gatehouse.deid.text.names import find_cued, widen
from gatehouse.deid.text.patterns import Span
from gatehouse.deid.text.safe import Style, is_safe, safe_places
from gatehouse.deid.text.tokens import IS_CJK, Token, tokenize
from gatehouse.deid.text.words import is_clinical, is_name

LONGEST_TEXT = 1_000_000
"""Letters that are looked at. Reports have some thousands; what comes after these goes unread."""

# Letters without a blank or a mark of Chinese between them. Neither words nor series' names get so
# long, and the recognizers would take quadratic time on them.
_ENDLESS = re.compile(
    "[^\\s\u3000-\u303f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65]{121,}"
)

_SENTENCE_BEFORE = re.compile(r"(?:^|[.:?!\n])\s*$")


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
        # What was parted must not grow together to a word that nobody looked for.
        is_between = (
            text[span.start - 1 : span.start].isalnum() and text[span.end : span.end + 1].isalnum()
        )
        pieces.append(f"[{span.kind}]" if mark else " " * is_between)
        at = span.end
    pieces.append(text[at:])
    return _tidy("".join(pieces))


def find(text: str, known: Known, *, keep_characteristics: bool = False) -> list[Span]:
    """Return what must go, in order and without overlap."""
    rest = []
    if len(text) > LONGEST_TEXT:
        end = text.rfind(" ", 0, LONGEST_TEXT) + 1  # not within a word: half a name is one, too
        rest = [Span(end, len(text), "text")]
        text = text[:end]
    endless = [Span(match.start(), match.end(), "text") for match in _ENDLESS.finditer(text)]
    if endless:
        text = _ENDLESS.sub(lambda match: " " * len(match.group()), text)
    tokens = tokenize(text)
    spans = patterns.find(text, keep_characteristics=keep_characteristics)
    spans += find_known(text, tokens, known)
    spans += find_cued(text, tokens)
    spans += find_codes(text)
    spans += find_institutions(text, tokens)
    spans += _unknown_words(text, tokens, spans)
    spans += widen(text, tokens, spans)
    return _merge(text, spans + endless) + rest


def _unknown_words(text: str, tokens: Sequence[Token], found: Sequence[Span]) -> list[Span]:
    """Return words of no vocabulary, and names that are words too where they can be names."""
    covered = bytearray(len(text))
    for span in found:
        covered[span.start : span.end] = b"\x01" * (span.end - span.start)
    open_tokens = [token for token in tokens if not covered[token.start]]
    style = Style.of(text, tokens)
    safe = safe_places(text, tokens)
    unknown = [
        token
        for token in open_tokens
        if token.start not in safe and not IS_CJK.match(token.text) and not is_safe(token, style)
    ]
    names = [span for span in found if span.kind == "name"]
    gone = {token.start for token in unknown} | {span.start for span in names}
    ends = {token.end for token in unknown} | {span.end for span in names}
    for token in open_tokens:
        is_both = is_name(token.folded) and not is_clinical(token.folded)
        if token.start in gone or token.start in safe or not is_both or not token.is_capitalised:
            continue
        starts_sentence = _SENTENCE_BEFORE.search(text, max(token.start - 5, 0), token.start)
        beside_name = (token.end + 1) in gone or (token.start - 1) in ends
        if beside_name or (not starts_sentence and not style.is_upper):
            unknown.append(token)
            gone.add(token.start)
            ends.add(token.end)
    return [Span(token.start, token.end, "name") for token in unknown] + [
        Span(token.start + start, token.start + end, "name")
        for token in open_tokens
        if IS_CJK.match(token.text)
        for start, end in unknown_stretches(token.text)
    ]


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

"""Names of hospitals and practices in free text, given away by what they are called."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gatehouse.deid.text.cues import DESCRIPTORS, INSTITUTION, INSTITUTION_WORDS, TRADE
from gatehouse.deid.text.patterns import Span
from gatehouse.deid.text.tokens import WORD, Token, first_from
from gatehouse.deid.text.words import fold, is_clinical, is_common

_WORDS_BEFORE_MAX = 5
_WORDS_AFTER_MAX = 6
_CONNECTION = (
    r" (?:of|de|des|du|della|di|zu|at|am|an der|auf der|beim|rechts der|links der|vor dem|dr\.|"
    r"st\.|sankt|san|santa|saint|sainte)(?: the)?(?= )"
)
_FOLLOWING = re.compile(rf"(?P<connection>(?i:{_CONNECTION}))? (?P<word>[A-ZÀ-ÖØ-Þ][\w'’-]*)")
_ARTICLES = frozenset(
    "la le el los las les san santa santo saint sainte st sankt notre our nord süd ost west".split()
)
_AT_PLACE = re.compile(r" (?:am|an der|auf der|beim|rechts der|links der) [A-ZÄÖÜ]")
_ROMANCE = re.compile(r"(?i:hospital|h[oô]pital|clini[cq]|cl[ií]nica|ospedale|policlinico|centre)")
"""Kinds after which the name comes: ``Ospedale Maggiore``."""
_UPPER_MAX = 4


def find_institutions(text: str, tokens: Sequence[Token]) -> list[Span]:
    """Return the places of names of institutions: ``St. Mary's Hospital, Klinikum am Rhein``."""
    spans = []
    for match in INSTITUTION.finditer(text):
        start = _start(text, tokens, match.start())
        end = _end(text, match)
        if start < match.start() or end > match.end():
            spans.append(Span(start, end, "institution"))
    for match in TRADE.finditer(text):
        start = _start(text, tokens, match.start())
        before = tokens[first_from(tokens, start) : first_from(tokens, match.start())]
        if any(_is_unexplained(token) for token in before) and not text.isupper():
            spans.append(Span(start, match.end(), "institution"))
        elif _AT_PLACE.match(text, match.end()):
            spans.append(Span(match.start(), _end(text, match), "institution"))
    return spans


def _is_unexplained(token: Token) -> bool:
    return token.folded not in DESCRIPTORS and not token.text.isupper()


def _start(text: str, tokens: Sequence[Token], start: int) -> int:
    """Return where the capitalised words before an institution's kind begin."""
    kind = first_from(tokens, start)
    chain: list[Token] = []
    for token in reversed(tokens[max(kind - _WORDS_BEFORE_MAX, 0) : kind]):
        gap = text[token.end : chain[-1].start if chain else start]
        if not re.fullmatch(r"\.? |-|'s ", gap) or not token.is_capitalised:
            break
        if token.text.isdigit():
            break
        chain.append(token)
    # "sent to Cedar Valley Medical Center": a name ends where small letters are. Elsewhere the
    # capitals of a title or of a whole text say nothing, and clinical words end it.
    first = kind - len(chain)
    is_in_prose = first > 0 and tokens[first - 1].text.islower() and not text.isupper()
    for token in chain:
        is_part = token.folded in INSTITUTION_WORDS or not _describes(token, text)
        if not is_part and not is_in_prose:
            break
        start = token.start
    return start


def _describes(token: Token, text: str) -> bool:
    """Tell if a capitalised word is of the descriptor around a name, and not of the name."""
    if token.folded in DESCRIPTORS or text.isupper() or token.text.isupper():
        return token.folded in DESCRIPTORS or is_clinical(token.folded)
    return False


def _end(text: str, match: re.Match[str]) -> int:
    """Return where the words after an institution's kind end: ``Hospital of the Sea``."""
    end, is_connected = match.end(), False
    for _ in range(_WORDS_AFTER_MAX):
        following = _FOLLOWING.match(text, end)
        if following is None:
            break
        connection, written = following["connection"], following["word"]
        first = WORD.match(written)
        word = fold(first.group()) if first else ""
        is_connected = is_connected or bool(connection)
        is_short = written.isupper() and len(written) <= _UPPER_MAX
        if word in DESCRIPTORS or (is_short and not connection):
            break
        is_plain = is_clinical(word) or is_common(word)
        comes_after = not text.isupper() and _ROMANCE.match(match.group())
        is_trade = TRADE.fullmatch(written) is not None
        if is_plain and not (is_connected or is_trade or word in _ARTICLES or comes_after):
            break
        if not connection and not match.group()[0].isupper():
            break
        end = following.end()
    return end

"""Names of hospitals and practices in free text, given away by what they are called."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gatehouse.deid.text.cues import INSTITUTION, INSTITUTION_WORDS
from gatehouse.deid.text.patterns import Span
from gatehouse.deid.text.tokens import WORD, Token, first_from
from gatehouse.deid.text.words import fold, is_clinical, is_common

_WORDS_BEFORE_MAX = 5
_CONNECTION = (
    r" (?:of|de|des|du|della|di|zu|at|dr\.|st\.|sankt|san|santa|saint|sainte)(?: the)?(?= )"
)
_TAIL = re.compile(
    rf"(?P<connection>(?i:{_CONNECTION}))?(?: [A-ZÀ-ÖØ-Þ][^\WA-Z\d_][\w'-]*| [A-ZÀ-ÖØ-Þ]{{3,}}\b)*"
)


def find_institutions(text: str, tokens: Sequence[Token]) -> list[Span]:
    """Return the places of names of institutions: ``St. Mary's Hospital, Klinikum am Rhein``."""
    spans = []
    for match in INSTITUTION.finditer(text):
        start = _start(text, tokens, match.start())
        end = _end(text, match)
        if start < match.start() or end > match.end():
            spans.append(Span(start, end, "institution"))
    return spans


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
        is_part = token.folded in INSTITUTION_WORDS or not is_clinical(token.folded)
        if not is_part and not is_in_prose:
            break
        start = token.start
    return start


def _end(text: str, match: re.Match[str]) -> int:
    """Return where the words after an institution's kind end: ``Hospital of the Sea``."""
    tail = _TAIL.match(text, match.end())
    if tail is None or tail.end() == match.end():
        return match.end()
    if tail["connection"]:
        return tail.end()
    following = WORD.match(text, match.end() + 1)
    if following is None or not match.group()[0].isupper():
        return match.end()
    word = fold(following.group())
    is_name = not (is_clinical(word) or is_common(word))
    return following.end() if is_name else match.end()

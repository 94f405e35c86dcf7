"""Codes that people, studies and samples go by: ``ABC0001``, ``PAT-0815``, ``ONC-114-022``.

Imaging has letters with digits of its own: vertebrae, sequences, kernels, isotopes, scores. These
are short, or their letters say what is counted.
"""

from __future__ import annotations

import re
from typing import Final

from gatehouse.deid.text.patterns import Span

_STRETCH: Final = re.compile(r"(?<!\w)[^\W_]+(?:[-.][^\W_]+)*(?!\w)|(?<=_)0\d{2,}(?![^\W_])")
_PIECE: Final = re.compile(r"[^\W\d_]+|\d+")
_DECIMAL: Final = re.compile(r"[^\W\d_]*\d+\.\d{1,3}[^\W\d_]*")

_COUNTED_BEFORE: Final = frozenset(
    "b te tr ti td dti kv kvp ma mas fov hu ww wl ir fa st sl nex nsa etl venc matrix bw tf gre x "
    "ap cta dlp ctdi psa".split()
)
"""Letters before a number that is measured."""
_COUNTED_AFTER: Final = frozenset(
    "mm ms cm m ml l hz khz mhz mgy gy msv ma mas kv s sec min h mg g kg ug mcg iu ie u bq kbq mbq "
    "gbq mci x hu nm um cc px dir fr ng mmhg mmol pg er st nd rd th slices slice views".split()
)
"""Units."""
_LETTERS_KNOWN: Final = frozenset(
    "ca ki i tc ga lu y tl in xe f c n o rb cu zr ra sm re cr covid sars cov hla cd her bcl ck ebv "
    "hpv hiv hcv hbv brca il ige igg t l s th lw bwk lwk hwk cdc icd".split()
)
"""Letters that are joined by a hyphen to numbers of three digits: markers, isotopes, viruses."""

_VERTEBRAE: Final = frozenset("c t l s th lw bw hw lwk bwk hwk".split())

_LONG: Final = 4
"""Digits in a row, from which on letters beside them make a code."""
_SHORT: Final = 3


def find_codes(text: str) -> list[Span]:
    """Return the places of codes."""
    return [
        Span(match.start(), match.end(), "number")
        for match in _STRETCH.finditer(text)
        if _is_code(match.group())
    ]


def _is_code(stretch: str) -> bool:
    pieces = _PIECE.findall(stretch)
    digits = [piece for piece in pieces if piece.isdigit()]
    longest = max(map(len, digits), default=0)
    letters = [piece.lower() for piece in pieces if not piece.isdigit()]
    if 2 <= longest < _LONG <= sum(map(len, digits)) and min(len(digits), len(letters)) > 1:
        # AB12CD34, and neither T11T12 nor TE90TR500.
        is_known = not {*_VERTEBRAE, *_COUNTED_BEFORE, *_COUNTED_AFTER}.isdisjoint(letters)
        return "-" not in stretch and "." not in stretch and not is_known
    if longest < _SHORT or _DECIMAL.fullmatch(stretch):
        return False
    is_padded = any(len(one) >= _SHORT and one[0] == "0" for one in digits)
    if not letters:
        is_joined = "-" in stretch and longest >= _LONG
        return is_joined or (is_padded and longest >= _LONG)
    if is_padded:
        return True
    if longest >= _LONG:
        return not _is_counted(pieces)
    if _is_counted(pieces) or "-" not in stretch:
        return False
    return not _LETTERS_KNOWN.intersection(letters) and all(len(one) <= _LONG for one in letters)


def _is_counted(pieces: list[str]) -> bool:
    """Tell if each number has its unit after it, or the letters of what it measures before it."""
    words = ["", *(piece.lower() for piece in pieces), ""]
    return all(
        words[at - 1] in _COUNTED_BEFORE or words[at + 1] in _COUNTED_AFTER
        for at in range(1, len(words) - 1)
        if words[at].isdigit() and len(words[at]) >= _SHORT
    )

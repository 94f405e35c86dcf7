"""Encode text in several character sets with escape sequences (PS3.5 section 6.1.2.5)."""

from __future__ import annotations

import re
from itertools import groupby
from typing import Final

from gatehouse.dicom import charsets
from gatehouse.dicom.charsets import ESCAPES, STATEFUL, CharacterSet, codec

_DELIMITERS = r"([\\^=\r\n\f\t])"
_KATAKANA: Final = "shift_jis"
_NEITHER: Final = ""


def encode(text: str, character_set: CharacterSet) -> bytes | None:
    """Encode a text, with escape sequences where its character set allows them.

    Returns
    -------
    bytes or None
        None if the character set does not have the text. What is returned can be decoded again.
    """
    plain = charsets.encode(text, character_set)
    if plain is not None:
        return plain
    codecs = [found for term in character_set if (found := codec(term))]
    if len(codecs) < len(character_set) or len(codecs) < 2:
        return None
    pieces = [_encode_piece(piece, codecs) for piece in re.split(_DELIMITERS, text)]
    encoded = b"".join(piece or b"" for piece in pieces)
    is_same = None not in pieces and charsets.decode(encoded, character_set) == text
    return encoded if is_same else None


def _encode_piece(piece: str, codecs: list[str]) -> bytes | None:
    """Encode what is between two delimiters, at which escape sequences end."""
    encoded = b""
    active = _NEITHER
    for found, letters in groupby(piece, lambda letter: _codec_of(letter, codecs)):
        run = "".join(letters)
        if found is None:
            return None
        if found == _NEITHER:
            encoded += run.encode("ascii")
        elif found in STATEFUL:
            # Python writes the escape sequences of these itself, and the one that ends them.
            encoded += run.encode(found)
            active = _NEITHER
        else:
            encoded += (b"" if found == active else _escape(found)) + run.encode(found)
            active = found
    return encoded


def _codec_of(letter: str, codecs: list[str]) -> str | None:
    """Return the first codec that has a letter; `_NEITHER` for ASCII, which all share."""
    if letter.isascii():
        return _NEITHER
    for one in codecs:
        try:
            size = len(letter.encode(one))
        except UnicodeError:
            continue
        if one != _KATAKANA or size == 1:
            return one
    return None


def _escape(wanted: str) -> bytes:
    return next(b"\x1b" + escape for escape, one in ESCAPES.items() if one == wanted)

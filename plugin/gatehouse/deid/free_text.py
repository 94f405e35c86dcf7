"""Clean the free text in the value of one element (PS3.15 E.3.5 and E.3.4).

The value is decoded, cleaned text by text, and written back in the character set of its data set.
What can't be decoded, and what the character set does not have, is replaced whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from gatehouse.deid import known_values
from gatehouse.deid.known_values import KnownValues
from gatehouse.dicom import charsets, code_extensions

CLEANED_VRS: Final = frozenset({"LO", "LT", "SH", "ST", "UC", "UT"})
"""Those that hold words. Names, titles of applications and addresses of the net hold no more than
what identifies."""

_SEVERAL: Final = frozenset({"LO", "SH", "UC"})
_MARKED: Final = frozenset({"LT", "ST", "UT"})
"""Where there is room to say what was taken out."""

_BLANKS: Final = r"[\t\n\f\r\xa0\u3000]"

_LETTERS_MAX: Final[Mapping[str, int]] = {"LO": 64, "LT": 10240, "SH": 16, "ST": 1024}
"""PS3.5 Table 6.2-1."""


def clean(
    value: bytes,
    vr: str,
    character_set: charsets.CharacterSet,
    values: KnownValues,
    *,
    keep_characteristics: bool,
) -> bytes | None:
    """Return a value without what identifies; None if nothing of it can be kept.

    Parameters
    ----------
    value : bytes
        As it is in the file.
    vr : str
        Its value representation, one of `CLEANED_VRS`.
    character_set : tuple of str
        Of its data set.
    values : KnownValues
        What is known to identify in its study.
    keep_characteristics : bool
        Whether age and sex may stay (PS3.15 E.3.7).
    """
    text = charsets.decode(value, character_set)
    if text is None:
        return None
    plain = text.strip(" \0")
    if not re.sub(_BLANKS, "", plain).isprintable():
        # Letters apart from each other by what is not seen (UTF-16 under an 8-bit character set,
        # spaces without width) are no words to the cleaner, and still a name to whoever reads them.
        return None
    parts = plain.split("\\") if vr in _SEVERAL else [plain]
    cleaned = [_clean(part, values, keep_characteristics, vr in _MARKED) for part in parts]
    letters = _LETTERS_MAX.get(vr)
    new = [part if letters is None else part[:letters].rstrip() for part in cleaned]
    if new == parts:
        return value
    if not any(new):
        return None
    return code_extensions.encode("\\".join(new), character_set)


@lru_cache(maxsize=4096)
def _clean(text: str, values: KnownValues, keep_characteristics: bool, mark: bool) -> str:
    """Clean one text. The instances of a series have most of theirs in common."""
    # Imported here: its vocabularies take time to load, and most policies clean no text.
    from gatehouse.deid.text import clean as cleaner

    if not text.strip():
        return text
    return cleaner.clean(
        text, known_values.known(values), keep_characteristics=keep_characteristics, mark=mark
    ).strip()

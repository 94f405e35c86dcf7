"""Text with code extensions (PS3.5 section 6.1.2.5): escape sequences say how to go on reading.

Only for finding what identifies: what an escape sequence says holds whether or not Specific
Character Set lists it, and what can't be read that way is taken as Latin-1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_CODECS: Final = {
    b"(B": "latin-1",
    b"(J": "shift_jis",
    b")I": "shift_jis",
    b"-A": "latin-1",
    b"-B": "iso8859_2",
    b"-C": "iso8859_3",
    b"-D": "iso8859_4",
    b"-L": "iso8859_5",
    b"-G": "iso8859_6",
    b"-F": "iso8859_7",
    b"-H": "iso8859_8",
    b"-M": "iso8859_9",
    b"-T": "iso8859_11",
    b"-b": "iso8859_15",
    b"$)A": "gb2312",
    b"$)C": "euc_kr",
    b"$B": "iso2022_jp",
    b"$(D": "iso2022_jp_2",
}
"""Escape sequences of PS3.3 Tables C.12-3 and C.12-4, without their first byte."""

_WITH_ESCAPE: Final = frozenset({"iso2022_jp", "iso2022_jp_2"})
"""Codecs that want to see the escape sequence themselves."""

_DELIMITERS = re.compile(rb"([\\^=\r\n\t\f]+)")
"""Behind these an escape sequence no longer holds, for writers that obey the Standard."""


def decode(value: bytes, first: str) -> str:
    """Return a value with escape sequences as text.

    Parameters
    ----------
    first : str
        Python's codec for the first value of Specific Character Set.
    """
    head, *fragments = value.split(b"\x1b")
    return _read(head, first) + "".join(
        part for fragment in fragments for part in _fragment(fragment, first)
    )


def _fragment(fragment: bytes, first: str) -> Iterator[str]:
    for size in (3, 2):
        codec = _CODECS.get(fragment[:size])
        if codec in _WITH_ESCAPE:
            yield _read(b"\x1b" + fragment, codec)
            return
        if codec is not None:
            held, *others = _DELIMITERS.split(fragment[size:])
            yield _read(held, codec)
            yield from (_read(other, first, codec) for other in others)
            return
    yield _read(fragment, first)


def _read(value: bytes, *codecs: str) -> str:
    for codec in codecs:
        try:
            return value.decode(codec)
        except UnicodeError:
            continue
    return value.decode("latin-1")

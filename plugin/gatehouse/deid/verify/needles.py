"""Identifying values -> what to look for in the bytes that would leave.

Everything is compared *folded*: lower case, and without NUL bytes, so that UTF-16 and UTF-32 text
in either byte order looks like Latin-1 text. How much has to fit around a find depends on how
telling the value is: false holds are defects as much as leaks are.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Literal, NamedTuple

from gatehouse.deid.verify import escapes
from gatehouse.deid.verify.identifiers import Kind
from gatehouse.deid.verify.words import PARTICLES, WORDS

Match = Literal["anywhere", "word", "number", "token", "whole", "uid", "digits"]
"""``anywhere``: whatever is around it. ``word``: no letter beside it. ``number``: no digit beside
it. ``token``: no letter or digit beside it. ``whole``: one of the element's values is just this.
``uid``: it is not a part of another UID, but for one that goes on where it ends. ``digits``: with
the signs left out by which people part long numbers."""

NAME_PART_LENGTH_MIN = 3
"""Of two letters, a part of a name is a syllable of anything (``Li``, ``Ng``): only together."""

NAME_ANYWHERE_LENGTH_MIN = 8
"""From this length on a name is not by chance within another word (``martin`` is in
``martinez``)."""

ID_LENGTH_MIN = 3
TOKEN_LENGTH_MIN = 4
ID_ANYWHERE_LENGTH_MIN = 6
"""``1`` is in every file and ``100`` in most; five digits are a count of something."""

ID_DIGITS_LENGTH_MIN = 8
"""A number from this length on is looked for in parts as well (``998 877 65``)."""

SUBSCRIBER_LENGTH = 9
"""The last digits of a telephone number: without the codes of the country and of long distance."""

PLACE_LENGTH_MIN = 8
"""Letters of a part of an address that is looked for alone, if it has two words."""

DESCRIPTION_LENGTH_MIN = 20
"""Shorter descriptions are the words of the trade: ``CT CHEST`` is a code meaning, too."""

UID_LENGTH_MIN = 12
"""Shorter ones are looked for as whole values only: ``1.2.3`` is a version as well."""

_PARTS_MAX = 64
"""Lines of a text, or parts of a name, that are looked for. More makes nothing safer."""

_NEVER = frozenset({"19000101", "00010101", "99991231", "about:blank"})
"""Placeholders: of the engine, and those that devices write when nothing was entered."""

_FOLD = bytes(
    byte + 32 if 0x41 <= byte <= 0x5A or 0xC0 <= byte <= 0xDE else byte for byte in range(256)
)
_TERM = re.compile(r"(?<=IR[ _])\d+|GB18030|GBK")
_CODECS = {
    "6": "latin-1",
    "13": "shift_jis",
    "58": "iso_ir_58",
    "87": "iso2022_jp",
    "100": "latin-1",
    "101": "iso8859_2",
    "109": "iso8859_3",
    "110": "iso8859_4",
    "126": "iso_ir_126",
    "127": "iso_ir_127",
    "138": "iso_ir_138",
    "144": "iso_ir_144",
    "148": "iso8859_9",
    "149": "euc_kr",
    "159": "iso2022_jp_2",
    "166": "iso_ir_166",
    "192": "utf_8",
    "203": "iso8859_15",
    "GB18030": "gb18030",
    "GBK": "gbk",
}
"""Number or name of the defined terms of PS3.3 section C.12.1.1.2 -> Python's codec."""

_STATEFUL = frozenset({"iso2022_jp", "iso2022_jp_2"})
_FIRST_IDEOGRAPH = "\u2e80"
_STANDARD_UID_ROOT = "1.2.840.10008."
_SEPARATORS = re.compile(r"[\s,.;:/_+()\[\]^'\"`\u00b4\u2019-]+")
_DATE = re.compile(r"\s*(\d{4})[.-]?(\d{2})[.-]?(\d{2})")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class Needle(NamedTuple):
    """A folded text to look for."""

    kind: Kind
    folded: bytes
    match: Match


def fold(value: bytes) -> bytes:
    """Return a value as it is compared: ASCII and Latin-1 letters in lower case, no NUL bytes."""
    return value.translate(_FOLD, b"\0")


def digits_of(folded: bytes) -> bytes:
    """Return a folded value without what parts the groups of a long number."""
    return folded.translate(None, b" +-/.()")


@lru_cache(maxsize=16_384)
def needles(kind: Kind, value: bytes, character_set: bytes) -> tuple[Needle, ...]:
    """Return what to look for because of one value of an original.

    Parameters
    ----------
    kind : Kind
        What the value is.
    value : bytes
        As it stands in the original.
    character_set : bytes
        Value of the original's Specific Character Set (0008,0005).
    """
    text = decode(value, character_set).strip("\0 ")
    if not text:
        return ()
    if kind == "uid":
        return tuple(Needle(kind, fold(one.encode("utf-8")), match) for one, match in _uids(text))
    found: dict[bytes, Needle] = {}
    for one, match in _MAKERS[kind](text):
        # Scripts without letters write words side by side.
        fits: Match = "anywhere" if any(sign >= _FIRST_IDEOGRAPH for sign in one) else match
        for form in _forms(one, character_set):
            found.setdefault(form, Needle(kind, form, fits))
    return tuple(found.values())


Made = Iterator[tuple[str, Match]]


def _names(text: str) -> Made:
    for value in text.split("\\")[:_PARTS_MAX]:
        for group in value.split("="):
            components = [
                [word for word in _SEPARATORS.split(component) if word]
                for component in group.split("^")[:3]
            ]
            words = [word for component in components for word in component]
            for word in words[:_PARTS_MAX]:
                yield from _name_part(word)
            yield from _pairs([component for component in components if component])


def _name_part(word: str) -> Made:
    if any(letter.isdigit() for letter in word):
        yield from _id(word)
    elif _is_telling(word):
        is_long = len(word) >= NAME_ANYWHERE_LENGTH_MIN
        yield word, "anywhere" if is_long else "word"


def _is_telling(word: str) -> bool:
    """Tell if a part of a name is looked for alone."""
    if not word.isascii():
        return True
    plain = word.lower()
    return len(word) >= NAME_PART_LENGTH_MIN and plain not in WORDS and plain not in PARTICLES


def _pairs(components: list[list[str]]) -> Made:
    """Yield family and given name side by side, for those that are not telling alone.

    Written without anything between them, they are looked for in any case: ``doejohn``.
    """
    if len(components) == 1 and len(components[0]) > 1:
        components = [[components[0][0]], components[0][1:]]
    if len(components) < 2:
        return
    family, given = "".join(components[0]), components[1][0]
    if len(family) + len(given) < ID_ANYWHERE_LENGTH_MIN:
        return
    yield family + given, "anywhere"
    yield given + family, "anywhere"
    if not (_is_telling(family) and _is_telling(given)):
        for between in (" ", "^", ", ", ",", "_", "-", "."):
            yield family + between + given, "word"
            yield given + between + family, "word"


def _ids(text: str) -> Made:
    for value in text.split("\\")[:_PARTS_MAX]:
        yield from _id(value.strip())


def _id(value: str) -> Made:
    if not _can_identify(value):
        return
    plain = re.sub(r"[\W_]+", "", value)
    length_min = ID_DIGITS_LENGTH_MIN if plain.isdigit() else ID_ANYWHERE_LENGTH_MIN
    if len(plain) >= length_min and any(sign.isdigit() for sign in plain):
        # People part the groups of a number as they like: PAT-0815, pat 0815.
        yield plain, "digits"
    for one in dict.fromkeys((value, plain)):
        if len(one) >= ID_ANYWHERE_LENGTH_MIN:
            yield one, "anywhere"
        elif len(one) >= TOKEN_LENGTH_MIN and not one.isdigit():
            yield one, "token"
        elif len(one) >= ID_LENGTH_MIN:
            yield one, "whole"


def _texts(text: str) -> Made:
    for line in re.split(r"[\\\r\n]+", text)[:_PARTS_MAX]:
        value = line.strip()
        digits = re.sub(r"\D+", "", value)
        if len(digits) > ID_ANYWHERE_LENGTH_MIN and _can_identify(digits):
            yield digits, "digits"
            if len(digits) > SUBSCRIBER_LENGTH:
                yield digits[-SUBSCRIBER_LENGTH:], "digits"
        yield from _parts_of_address(value)
        if len(value) >= TOKEN_LENGTH_MIN and _can_identify(value):
            yield value, "whole" if value.isdigit() else "token"


def _parts_of_address(value: str) -> Made:
    """Yield the parts of a line between commas, and their words without house and city numbers."""
    parts = [part.strip() for part in value.split(",")]
    if len(parts) < 2:
        return
    for part in parts[:_PARTS_MAX]:
        for one in dict.fromkeys((part, part.strip("0123456789 "))):
            letters = sum(sign.isalpha() for sign in one)
            if " " in one and letters >= PLACE_LENGTH_MIN and _can_identify(one):
                yield one, "token"


def _can_identify(value: str) -> bool:
    """Tell a value from placeholders and words of the trade (``0000``, ``NONE``, ``CT ROOM``)."""
    words = [word for word in _SEPARATORS.split(value.lower()) if word]
    is_common = all(word in WORDS or len(word) < ID_LENGTH_MIN for word in words)
    return not is_common and len(set(value)) > 1 and value.lower() not in _NEVER


def _descriptions(text: str) -> Made:
    for line in re.split(r"[\r\n]+", text)[:_PARTS_MAX]:
        value = line.strip()
        if len(value) >= DESCRIPTION_LENGTH_MIN and value.count(" ") > 1:
            yield value, "anywhere"


def _birth_dates(text: str) -> Made:
    for value in text.split("\\")[:_PARTS_MAX]:
        found = _DATE.match(value)
        if found is None:
            yield from _id(value.strip())  # an alternative calendar, in its own writing
        elif found.expand(r"\1\2\3") not in _NEVER:
            yield from ((form, "number") for form in _written(*found.groups()))


def _written(year: str, month: str, day: str) -> Iterator[str]:
    """Yield the usual ways to write a date."""
    yield year + month + day
    yield day + month + year
    yield month + day + year
    for between in "-./ ":
        for parts in ((year, month, day), (day, month, year), (month, day, year)):
            yield between.join(parts)
            yield between.join(part.lstrip("0") for part in parts)
    number = int(month)
    if 1 <= number <= len(_MONTHS):
        name = _MONTHS[number - 1]
        for one in (day, day.lstrip("0")):
            yield from (f"{one}-{name}-{year}", f"{one} {name} {year}", f"{name} {one}, {year}")
            yield f"{name} {one} {year}"


def _dates(text: str) -> Made:
    for value in text.split("\\")[:_PARTS_MAX]:
        found = _DATE.match(value)
        if found is not None and found.expand(r"\1\2\3") not in _NEVER:
            yield found.expand(r"\1\2\3"), "number"
            yield found.expand(r"\1-\2-\3"), "number"


def _uids(text: str) -> Made:
    for value in text.split("\\"):
        uid = value.strip("\0 ")
        if uid and not uid.startswith(_STANDARD_UID_ROOT) and uid.count(".") > 1:
            yield uid, "uid" if len(uid) >= UID_LENGTH_MIN else "whole"


_MAKERS: Mapping[Kind, Callable[[str], Made]] = {
    "name": _names,
    "birth-date": _birth_dates,
    "date": _dates,
    "id": _ids,
    "text": _texts,
    "description": _descriptions,
}


def _forms(text: str, character_set: bytes) -> Iterable[bytes]:
    """Return the folded forms in which a text may be written: encodings, case, diacritics."""
    if text.isascii():
        return (fold(text.encode("ascii")),)
    spellings = {text, text.lower(), text.upper(), text.title()}
    base = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    spellings |= {base, unicodedata.normalize("NFD", text), unicodedata.normalize("NFC", text)}
    from anyascii import anyascii  # takes long to import, and most names are in Latin letters

    latin = anyascii(text)
    if len(latin) >= TOKEN_LENGTH_MIN:
        spellings.add(latin)
    german = text.lower().translate({0xE4: "ae", 0xF6: "oe", 0xFC: "ue", 0xDF: "ss"})
    spellings.add(german)
    codecs = ("latin-1", "utf-8", "utf-16-le", "utf-16-be", *_codecs(character_set))
    forms = (fold(_encode(spelling, codec)) for spelling in spellings for codec in codecs)
    return {form for form in forms if len(form) >= NAME_PART_LENGTH_MIN}


def _encode(text: str, codec: str) -> bytes:
    try:
        encoded = text.encode(codec)
    except UnicodeError:
        return b""
    # Behind the text an escape sequence leads back to ASCII; in the middle of a value it need not.
    return re.sub(rb"\x1b[($]?[)(]?[@-~]$", b"", encoded)


def _codecs(character_set: bytes) -> list[str]:
    """Return Python's codecs for the original's Specific Character Set."""
    terms = _TERM.findall(character_set.decode("latin-1").upper())
    return [_CODECS[term] for term in terms if term in _CODECS]


def decode(value: bytes, character_set: bytes) -> str:
    """Return a value as text; what can't be decoded is taken as Latin-1."""
    if value.isascii() and b"\x1b" not in value:
        return value.decode("ascii")
    codecs = _codecs(character_set) or ["latin-1"]
    try:
        if b"\x1b" in value:
            return escapes.decode(value, "latin-1")
        return value.decode(codecs[0] if codecs[0] not in _STATEFUL else "latin-1")
    except (UnicodeError, LookupError):
        return value.decode("latin-1")

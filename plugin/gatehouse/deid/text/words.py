"""The word lists of the text cleaner, and how a word is folded before it is looked up."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterator
from importlib import resources

from anyascii import anyascii

# Letters that German, Danish and Norwegian write as two when there is no other way: a name is
# looked for in both spellings.
_TWO_LETTERS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "æ": "ae", "ß": "ss"}
)
# What medical Latin and Greek end on. A word with such an ending is not a name.
_MEDICAL_ENDINGS = (
    "itis", "osis", "oma", "omas", "emia", "aemia", "graphy", "gram", "grams", "ectomy", "otomy",
    "ostomy", "plasty", "scopy", "pathy", "algia", "plegia", "paresis", "trophy", "megaly", "genic",
    "genous", "lysis", "stasis", "ectasis", "ectasia", "iasis", "penia", "oid", "ular", "olar",
    "eal", "ical", "ative", "ation", "ations", "ically", "ography", "logic", "logical", "intense",
    "dense", "echoic", "lucent", "opaque", "vascular", "cardial", "hepatic", "pulmonary", "osseous",
    "plasia", "plastic", "trophic", "tropic", "phageal", "cranial", "spinal", "costal", "ically",
)  # fmt: skip
# The same in other languages, folded. Names end on some of these, too, but short ones.
_WORLD_ENDINGS = (
    "grafia", "grafie", "graphie", "graphies", "grafi", "gramm", "gramme", "gramma", "ektomie",
    "ectomie", "ectomia", "ektomi", "tomie", "tomia", "skopie", "scopie", "scopia", "pathie",
    "patia", "pathia", "algie", "ologie", "ologia", "itide", "iasis", "megalie", "megalia",
    "karzinom", "carcinome", "sarkom", "ische", "ischer", "isches", "ischen", "ischem", "ungen",
    "ung", "keit", "heit", "artig", "artige", "formig", "formige", "ique", "iques", "cion",
    "ciones", "zione", "zioni", "coes", "miento", "mientos", "idade", "ierte", "ierten", "ografisk",
)  # fmt: skip
# What places end on: two words that make one of these are no compound.
_PLACE_ENDINGS = (
    "view", "wood", "ford", "ville", "brook", "dale", "shire", "burg", "heim", "hausen", "stadt",
    "dorf", "haven", "mont", "crest", "hurst",
)  # fmt: skip
_SHORTEST_WORD = 2
_SHORTEST_PART = 4
_ELIDED = frozenset("l d c j m n s t qu dell nell all sull dall un".split())
_SHORTEST_WITH_ENDING = 9
"""Letters that a word of another language needs, to be taken for a word by its ending alone."""
_MEDICAL_PREFIXES = (
    "hyper", "hypo", "iso", "intra", "extra", "inter", "peri", "para", "post", "pre", "retro",
    "sub", "supra", "infra", "trans", "multi", "non", "un", "re", "poly", "pseudo", "neuro",
    "micro", "macro", "endo", "epi", "ante", "antero", "postero", "infero", "supero", "latero",
    "hemi", "bi", "tri",
    # Combining forms, folded, as they are written in several languages.
    "abdomino", "adeno", "angio", "arterio", "arthro", "artro", "broncho", "bronco", "cardio",
    "kardio", "cervico", "cephalo", "cholangio", "colangio", "cholecysto", "chondro", "condro",
    "colo", "costo", "cranio", "cysto", "cisto", "zysto", "dorso", "echo", "eco", "electro",
    "elektro", "encephalo", "encefalo", "entero", "femoro", "fibro", "gastro", "hepato", "hystero",
    "histero", "kolo", "lumbo", "lympho", "linfo", "maxillo", "medio", "myelo", "mielo", "nephro",
    "nefro", "oesophago", "osteo", "panto", "pelvi", "pneumo", "pyelo", "pielo", "radio", "reno",
    "rhino", "sacro", "scinti", "sono", "spino", "spleno", "tele", "temporo", "thoraco", "toraco",
    "tibio", "trache", "ultra", "uretero", "uro", "vaso", "veno", "ventro", "vertebro",
    "zahn", "slat", "kontrast", "zado", "boczno", "przednio", "tylno",
)  # fmt: skip


class WordList:
    """A sorted list of words, as the bytes of its file: half a million words in five megabytes."""

    __slots__ = ("_lines",)

    def __init__(self, lines: bytes) -> None:
        self._lines = lines

    def __contains__(self, word: str) -> bool:
        wanted, lines = word.encode("utf-8"), self._lines
        low, high = 0, len(lines)
        while low < high:
            middle = (low + high) // 2
            start, end = lines.rfind(b"\n", 0, middle) + 1, lines.find(b"\n", middle)
            line = lines[start:end]
            if line == wanted:
                return True
            if line < wanted:
                low = end + 1
            else:
                high = start
        return False

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines.decode("utf-8").split("\n")[:-1])


@functools.cache
def load(name: str) -> WordList:
    """Return one of the lists in the folder ``words``; its first line says where it comes from."""
    lines = resources.files(__package__).joinpath("words", f"{name}.txt").read_bytes()
    return WordList(lines[lines.index(b"\n") + 1 :])


@functools.lru_cache(maxsize=65536)
def fold(word: str) -> str:
    """Return a word in lower case and Latin letters, without diacritics: ``Müller -> muller``."""
    if word.isascii():
        return word.lower()
    return anyascii(unicodedata.normalize("NFC", word)).lower()


def spellings(word: str) -> frozenset[str]:
    """Return every folded spelling under which a name may turn up: ``{muller, mueller}``."""
    composed = unicodedata.normalize("NFC", word).lower()
    two_letters = fold(composed.translate(_TWO_LETTERS))
    folded = fold(word)
    # "Mueller" in the header is "Müller" in the text as often as the other way round.
    one_letter = folded.replace("ae", "a").replace("oe", "o").replace("ue", "u")
    return frozenset({folded, two_letters, one_letter} - {""})


@functools.lru_cache(maxsize=65536)
def is_clinical(word: str) -> bool:
    """Tell if a folded word belongs to medicine, imaging or anatomy."""
    clinical = load("clinical")
    if word in clinical:
        return True
    if is_name(word):
        return False
    for prefix in _MEDICAL_PREFIXES:
        stem = word.removeprefix(prefix).lstrip("-")
        if stem == word or len(stem) < _SHORTEST_PART:
            continue
        if stem in clinical or stem in load("common"):
            return True
        if len(prefix) >= _SHORTEST_PART < len(stem) and stem in load("world_words"):
            return True
    if word.endswith("ies") and word[:-3] + "y" in clinical:
        return True
    for ending in ("'s", "es", "s", "ed", "ing", "ly", "al"):
        stem = word.removesuffix(ending)
        if len(stem) > 3 and (stem in clinical or stem + "e" in clinical) and stem != word:
            return True
    return len(word) > 6 and word.endswith(_MEDICAL_ENDINGS)


def _is_listed(word: str) -> bool:
    return word in load("common") or word in load("world_words")


@functools.lru_cache(maxsize=65536)
def is_common(word: str) -> bool:
    """Tell if a folded word is an everyday word of English or of another language."""
    stem = word.removesuffix("'s")
    if len(stem) < _SHORTEST_WORD:
        return False
    if _is_listed(stem):
        return True
    if is_name(stem):
        return False
    if len(stem) >= _SHORTEST_WITH_ENDING and stem.endswith(_WORLD_ENDINGS):
        return True
    # l'os, d'adénopathie, dell'addome
    article, _, noun = stem.partition("'")
    return article in _ELIDED and noun.isalpha() and (is_clinical(noun) or is_common(noun))


@functools.lru_cache(maxsize=65536)
def is_name(word: str) -> bool:
    """Tell if a folded word is a surname or given name."""
    name = word.removesuffix("'s")
    return name in load("names") or name in load("world_names")


def is_english(word: str) -> bool:
    """Tell if a folded word is an everyday word of English."""
    return word.removesuffix("'s") in load("common")


def is_eponym(word: str) -> bool:
    """Tell if a folded word is a person after whom something in medicine is named."""
    return word.removesuffix("'s") in load("eponyms")


@functools.lru_cache(maxsize=65536)
def is_compound(word: str) -> bool:
    """Tell if a folded word is written as one of a clinical word and another: ``postcontrast``.

    In German and its relatives most nouns of radiology are; an ``s`` or ``n`` may join the two.
    """
    if is_name(word) or word.endswith(_PLACE_ENDINGS):
        return False
    clinical = load("clinical")
    for cut in range(_SHORTEST_PART, len(word) - _SHORTEST_PART + 1):
        first, second = word[:cut], word[cut:]
        firsts = (first, *(first[:-1] for joint in "sn" if first[-1] == joint and cut > 5))
        for one in firsts:
            if one in clinical and (second in clinical or _is_plain(second)):
                return True
            if second in clinical and _is_plain(one):
                return True
    return False


def _is_plain(word: str) -> bool:
    return len(word) >= _SHORTEST_PART and not is_name(word) and is_common(word)

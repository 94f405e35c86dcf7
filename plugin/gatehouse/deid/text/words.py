"""The word lists of the text cleaner, and how a word is folded before it is looked up."""

from __future__ import annotations

import functools
import unicodedata
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
_MEDICAL_PREFIXES = (
    "hyper", "hypo", "iso", "intra", "extra", "inter", "peri", "para", "post", "pre", "retro",
    "sub", "supra", "infra", "trans", "multi", "non", "un", "re", "poly", "pseudo", "neuro",
    "micro", "macro", "endo", "epi", "ante", "antero", "postero", "infero", "supero", "latero",
    "hemi", "bi", "tri",
)  # fmt: skip


@functools.cache
def load(name: str) -> frozenset[str]:
    """Return one of the lists ``clinical``, ``common`` or ``names``."""
    text = resources.files(__package__).joinpath("words", f"{name}.txt").read_text("utf-8")
    return frozenset(text.split("\n")[1:])


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
        if stem != word and len(stem) > 3 and (stem in clinical or stem in load("common")):
            return True
    if word.endswith("ies") and word[:-3] + "y" in clinical:
        return True
    for ending in ("'s", "es", "s", "ed", "ing", "ly", "al"):
        stem = word.removesuffix(ending)
        if len(stem) > 3 and (stem in clinical or stem + "e" in clinical) and stem != word:
            return True
    return len(word) > 6 and word.endswith(_MEDICAL_ENDINGS)


@functools.lru_cache(maxsize=65536)
def is_common(word: str) -> bool:
    """Tell if a folded word is an everyday word of English."""
    common = load("common")
    if word in common:
        return True
    stem = word.removesuffix("'s")
    return len(stem) > 1 and stem in common


def is_name(word: str) -> bool:
    """Tell if a folded word is a frequent surname or given name."""
    return word.removesuffix("'s") in load("names")


@functools.lru_cache(maxsize=65536)
def is_compound(word: str) -> bool:
    """Tell if a folded word is two clinical words written as one: ``postcontrast``."""
    if is_name(word):
        return False
    clinical = load("clinical")
    return any(word[:cut] in clinical and word[cut:] in clinical for cut in range(4, len(word) - 3))

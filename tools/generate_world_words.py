"""Write what the text cleaner knows of languages other than English: words, names, and CJK words.

Reads Debian's hunspell dictionaries (only to tell an ordinary word from a proper one), and from
PyPI wordfreq (word frequencies, CC BY-SA 4.0), faker (MIT) and gender-guesser (GFDL 1.2) for
names, jieba (MIT) and ipadic (its own permissive licence, read with fugashi) for Chinese and
Japanese. None of these is needed to build or test, so the lists are committed. To write them
again::

    apt-get download hunspell libhunspell-1.7-0 hunspell-de-de-frami hunspell-de-med ...
    for file in *.deb; do dpkg --extract "$file" FOLDER; done
    pip install wordfreq faker gender-guesser jieba fugashi ipadic anyascii pydicom
    PYTHONPATH=plugin python tools/generate_world_words.py FOLDER

A word of another language is one that is frequent in it and that its dictionary takes in lower
case; in German, where nouns are written like names, one that is no name and no proper noun of the
other languages. Rare words are taken if they begin like a medical word of English.
"""

# mypy: ignore-errors
# The sources come without types, and are not installed where types are checked.

from __future__ import annotations

import importlib
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import faker.providers.person
import fugashi
import gender_guesser
import ipadic
import jieba
import wordfreq

from gatehouse.deid.text.words import fold, load

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "plugin" / "gatehouse" / "deid" / "text" / "words"

RADIOLOGY = ROOT / "tools" / "words" / "world_radiology.txt"

DICTIONARIES = {
    "en": "en_US",
    "de": "de_DE_frami",
    "fr": "fr",
    "es": "es_ES",
    "it": "it_IT",
    "nl": "nl",
    "pt": "pt_BR,pt_PT",
    "pl": "pl_PL",
    "cs": "cs_CZ",
    "sv": "sv_SE",
    "da": "da_DK",
    "nb": "nb_NO",
    "tr": "tr_TR",
    "ru": "ru_RU",
    "el": "el_GR",
    "hu": "hu_HU",
    "ro": "ro_RO",
    "uk": "uk_UA",
    "ar": "ar",
}
LARGE = ("en", "de", "fr", "es", "it", "nl", "pt")
WITHOUT_DICTIONARY = ("fi", "ko")
# Three syllables, the first of them a surname: nearly always a whole name.
KOREAN_NAME = re.compile(
    "[김이박최정강조윤장임한오서신권황안송류홍전고문손양배백허유남심노하곽성차주우구민].."
)
GERMAN_SURNAMES = (
    "mann",
    "meier",
    "meyer",
    "maier",
    "mayer",
    "bauer",
    "berger",
    "hofer",
    "huber",
    "sohn",
)
RANKS, RANKS_LARGE, RANKS_WITHOUT_DICTIONARY = 20_000, 25_000, 12_000
# A word that is also a name counts as a name only if the name is frequent and the word is not.
ZIPF_OF_FREQUENT_WORDS = 4.0
FREQUENT_NAME, VERY_FREQUENT_NAME = 6, 7  # gender-guesser's scale: each step doubles
MEDICAL_PREFIX = 7
CJK_LENGTH_MAX = 5
ZH_FREQUENCY = 60
ANATOMY = set(
    "胸腹頭头颅脑脳肝肺脾腎肾胃腸肠心骨関节節椎膝肩腕腰頸颈盆腔膜腺管動静脉脈血瘤腫肿癌炎影像線线密度信号增强造影扫描撮像断層検査检查"
)
NAME_TAGS = ("nr", "ns", "nt", "nz")


def accepted(words: list[str], language: str, folder: Path) -> set[str]:
    """Return the words that a hunspell dictionary takes as they are written."""
    dictionaries = ",".join(
        str(folder / "usr/share/hunspell" / name) for name in DICTIONARIES[language].split(",")
    )
    library = next((folder / "usr/lib").glob("*/libhunspell*")).parent
    result = subprocess.run(
        [folder / "usr/bin/hunspell", "-d", dictionaries, "-i", "utf-8", "-l"],
        input="\n".join(words).encode(),
        capture_output=True,
        check=True,
        env=os.environ | {"LD_LIBRARY_PATH": str(library), "LC_ALL": "C.UTF-8"},
    )
    return set(words) - set(result.stdout.decode().splitlines())


def letters_of(text: str) -> list[str]:
    """Return the words of a text, at least two letters each."""
    return re.findall(r"[^\W\d_]{2,}", text)


def read_names() -> tuple[set[str], dict[str, int]]:
    """Return folded names of faker's locales, and those of gender-guesser with their frequency."""
    listed: set[str] = set()
    for module in pkgutil.iter_modules(faker.providers.person.__path__):
        if not module.ispkg:
            continue
        provider = importlib.import_module(f"faker.providers.person.{module.name}").Provider
        for attribute in dir(provider):
            value = getattr(provider, attribute)
            if not re.match("(first|last|middle|male|female)_name", attribute):
                continue
            if callable(value) or isinstance(value, property | str):
                continue
            for name in value:
                if isinstance(name, str):
                    listed.update(fold(word) for word in letters_of(name))
    frequencies: dict[str, int] = {}
    table = Path(gender_guesser.__file__).parent / "data" / "nam_dict.txt"
    for line in table.read_text("utf-8").splitlines():
        if line[:1] not in "#=":
            frequency = max((int(one, 16) for one in re.findall(r"[0-9A-F]", line[29:])), default=0)
            for word in letters_of(line[3:29].replace("+", " ")):
                frequencies[fold(word)] = max(frequencies.get(fold(word), 0), frequency)
    return listed, frequencies


def read_words(folder: Path) -> tuple[dict[str, float], set[str]]:
    """Return frequent folded words with their Zipf frequency, and rarer ones."""
    frequent: dict[str, float] = {}
    rare: set[str] = set()
    nouns: dict[str, float] = {}
    proper: set[str] = set()
    for language in DICTIONARIES:
        ranks = RANKS_LARGE if language in LARGE else RANKS
        words = [
            word
            for word in wordfreq.top_n_list(language, 400_000, "best")
            if letters_of(word) == [word]
        ]
        lower = accepted(words, language, folder)
        for rank, word in enumerate(words):
            if word in lower and rank < ranks:
                zipf = wordfreq.zipf_frequency(word, language)
                frequent[fold(word)] = max(frequent.get(fold(word), 0), zipf)
            elif word in lower:
                rare.add(fold(word))
        others = [word for word in words[:60_000] if word not in lower]
        capitalised = accepted([word.capitalize() for word in others], language, folder)
        found = [word for word in others if word.capitalize() in capitalised]
        if language == "de":
            nouns = {
                fold(noun): wordfreq.zipf_frequency(noun, "de") for noun in found[:RANKS_LARGE]
            }
        elif language in ("fr", "es", "it", "nl", "pt", "pl", "cs", "sv"):
            proper.update(fold(word) for word in found)
    for language in WITHOUT_DICTIONARY:
        for word in wordfreq.top_n_list(language, RANKS_WITHOUT_DICTIONARY, "best"):
            is_name = fold(word) in proper or KOREAN_NAME.fullmatch(word)
            if letters_of(word) == [word] and not is_name:
                # The frequency itself would need a tokenizer of the language, for one word.
                frequent.setdefault(fold(word), ZIPF_OF_FREQUENT_WORDS)
    for noun, zipf in nouns.items():
        if noun not in proper and not noun.endswith(GERMAN_SURNAMES):
            frequent[noun] = max(frequent.get(noun, 0), zipf)
    return frequent, rare


def read_chinese_and_japanese() -> set[str]:
    """Return words of two to five characters that are no names."""
    words = set()
    table = Path(jieba.__file__).parent / "dict.txt"
    for line in table.read_text("utf-8").splitlines():
        word, frequency, tag = line.split()
        is_frequent = int(frequency) >= ZH_FREQUENCY or ANATOMY & set(word)
        if is_frequent and not tag.startswith(NAME_TAGS):
            words.add(word)
    tagger = fugashi.GenericTagger(ipadic.MECAB_ARGS)
    for word in wordfreq.top_n_list("ja", 60_000, "best"):
        parts = tagger(word)
        if len(parts) == 1 and parts[0].feature[1] != "固有名詞":
            words.add(word)
    words |= set(RADIOLOGY.read_text("utf-8").split())
    return {
        word
        for word in words
        if re.fullmatch(
            rf"(?=.*[^\u3040-\u309f])[\u3040-\u30ff\u3400-\u9fff]{{2,{CJK_LENGTH_MAX}}}", word
        )
    }


def write(name: str, source: str, words: set[str]) -> None:
    """Write one sorted list with its source as the first line."""
    (TARGET / name).write_text(f"# {source}\n" + "\n".join(sorted(words)) + "\n", "utf-8")


def main(folder: Path) -> None:
    """Write the lists."""
    english = {*load("common"), *load("clinical")}
    census = set(load("names"))
    listed, frequencies = read_names()
    frequent, rare = read_words(folder)
    for word in english:
        frequent[word] = max(frequent.get(word, 0), wordfreq.zipf_frequency(word, "en"))
    radiology = {
        fold(word)
        for line in RADIOLOGY.read_text("utf-8").splitlines()
        if not line.startswith("#")
        for word in re.split("[ -]", line)
    }
    names = {
        name
        for name in {*listed, *frequencies} - radiology
        if len(name) > 2
        and set(name) & set("aeiouy")  # else it was written in a script without vowels
        and (
            name not in frequent
            or frequencies.get(name, 0) >= VERY_FREQUENT_NAME
            or (
                (name in listed or frequencies.get(name, 0) >= FREQUENT_NAME)
                and frequent[name] < ZIPF_OF_FREQUENT_WORDS
            )
        )
    }
    beginnings = {word[:MEDICAL_PREFIX] for word in load("clinical")} - {
        word[:MEDICAL_PREFIX] for word in load("common")
    }
    medical = {word for word in rare if word[:MEDICAL_PREFIX] in beginnings}
    german_medical = (folder / "usr/share/hunspell/de_med.dic").read_text("latin-1")
    medical |= {
        fold(word)
        for line in german_medical.splitlines()[1:]
        for word in letters_of(line.split("/")[0])
    }
    medical = {word for word in medical if len(word) >= MEDICAL_PREFIX} - names - census
    words = set(frequent) | medical | radiology
    write(
        "world_words.txt",
        "wordfreq (CC BY-SA 4.0), hunspell-de-med (GPL-2+): frequent words of "
        + " ".join([*DICTIONARIES, *WITHOUT_DICTIONARY]),
        {word for word in words - english if word.isascii() and len(word) > 1},
    )
    write(
        "world_names.txt",
        "faker (MIT), gender-guesser (GFDL 1.2): names of the world, in Latin letters",
        {name for name in names - census if name.isascii()},
    )
    write(
        "cjk.txt",
        "jieba (MIT), wordfreq (CC BY-SA 4.0), IPADIC: Chinese and Japanese words",
        read_chinese_and_japanese(),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))

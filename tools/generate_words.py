"""Make the word lists of the text cleaner from their sources.

Run on Debian with the packages ``hunspell-en-med`` (GPL-3+) and ``wamerican-small`` (SCOWL,
permissive), pydicom's concept dictionary (MIT), the folder of PyPI's ``names`` (US Census 1990,
public domain), and our own ``tools/words/radiology.txt``::

    python tools/generate_words.py NAMES_FOLDER

The lists are committed, so that neither building nor testing needs the sources.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from pydicom.sr._concepts_dict import concepts

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "plugin" / "gatehouse" / "deid" / "text" / "words"
MEDICAL = Path("/usr/share/hunspell/en_med_glut.dic")
COMMON = Path("/usr/share/dict/american-english-small")
# Beyond these ranks a census name is so rare that a common or medical word of the same spelling
# nearly always means the word.
SURNAME_RANKS = 6000
GIVEN_RANKS = 1200


def words_of(text: str) -> set[str]:
    """Return the lower-case words in a text, at least two letters each."""
    return set(re.findall(r"[a-z][a-z'-]*[a-z]", text))


def read_names(folder: Path, file: str, ranks: int) -> set[str]:
    """Return the first names of a census list, which is ordered by frequency."""
    lines = (folder / file).read_text().splitlines()[:ranks]
    return {line.split()[0].lower() for line in lines if line.strip()}


def write(name: str, source: str, words: set[str]) -> None:
    """Write one sorted list with its source as the first line."""
    (TARGET / name).write_text(f"# {source}\n" + "\n".join(sorted(words)) + "\n")


def main(names_folder: Path) -> None:
    """Write the three lists."""
    schemes: dict[str, Any] = concepts
    radiology = {
        word
        for line in (ROOT / "tools/words/radiology.txt").read_text().splitlines()
        if not line.startswith("#")
        for whole in line.split()
        for word in {whole, *re.split(r"[-/.']", whole)} - {""}
    }
    meanings = " ".join(
        meaning.lower()
        for scheme in schemes.values()
        for codes in scheme.values()
        for meaning, _ in codes.values()
    )
    names = (
        read_names(names_folder, "dist.all.last", SURNAME_RANKS)
        | read_names(names_folder, "dist.male.first", GIVEN_RANKS)
        | read_names(names_folder, "dist.female.first", GIVEN_RANKS)
    )
    medical = words_of(
        "\n".join(
            line for line in MEDICAL.read_text(encoding="utf-8").splitlines() if line[:1].islower()
        )
    )
    common = {
        word
        for word in COMMON.read_text(encoding="utf-8").splitlines()
        if re.fullmatch(r"[a-z]{2,}", word)
    }
    clinical = radiology | ((words_of(meanings) | medical) - names)
    write(
        "clinical.txt", "DICOM concept meanings (pydicom), OpenMedSpel (GPL-3+), own list", clinical
    )
    write(
        "common.txt",
        "SCOWL, (c) 2000-2011 by Kevin Atkinson, all rights granted",
        common - clinical,
    )
    write("names.txt", "US Census 1990, public domain", names - radiology)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

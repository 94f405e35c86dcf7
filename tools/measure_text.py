"""Measure the text cleaner on labelled texts: precision and recall by word.

``python tools/measure_text.py [--show] FILE...`` prints a line for each file. In a file,
``{{...}}`` must go, ``~~...~~`` may go or stay, everything else must stay; a line that begins with
``# Known of the study:`` says what is known of the study whose texts follow.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import NamedTuple

from gatehouse.deid.text.clean import find
from gatehouse.deid.text.names import Known

MARKS = re.compile(r"\{\{|\}\}|~~")
WORDS = re.compile(
    "[\u3040-\u30ff\u3400-\u9fff]|(?:(?![\u3040-\u30ff\u3400-\u9fff])[^\\W_])+(?:['\u2019][^\\W\\d_]+)*"
)
"""A word is letters and digits without a gap; in Chinese and Japanese, each character is one."""

KNOWN = "# Known of the study:"


class Score(NamedTuple):
    """Counts of words over a file of labelled texts."""

    texts: int
    identifying: int
    found: int
    clinical: int
    over_removed: int

    @property
    def recall(self) -> float:
        """Share of the identifying words that were taken out."""
        return self.found / self.identifying

    @property
    def precision(self) -> float:
        """Share of the words taken out that were identifying."""
        return self.found / (self.found + self.over_removed)


def read_known(line: str) -> Known:
    """Read a line that says what is known of the study, which may be nothing."""
    stated: dict[str, list[str]] = {"name": [], "id": [], "institution": []}
    for entry in line.removeprefix(KNOWN).split(";"):
        kind, is_stated, value = entry.strip().partition("=")
        if is_stated:
            stated[kind].append(value)
    return Known.of(stated["name"], stated["id"], stated["institution"])


def unmark(line: str) -> tuple[str, bytearray]:
    """Return the plain text and for each letter 1 (must go), 2 (either) or 0 (must stay)."""
    text, labels, is_gone, is_either, at = "", bytearray(), False, False, 0
    for match in [*MARKS.finditer(line), None]:
        piece = line[at : match.start() if match else len(line)]
        text += piece
        labels += bytes([2 if is_either else int(is_gone)]) * len(piece)
        if match is None:
            break
        at = match.end()
        if match.group() == "~~":
            is_either = not is_either
        else:
            is_gone = match.group() == "{{"
    return text, labels


def measure(file: Path, *, show: bool = False) -> Score:
    """Clean every text of a file and count words."""
    lines = file.read_text("utf-8").splitlines()
    known = read_known("")
    identifying = found = clinical = over = texts = 0
    for line in lines:
        if line.startswith(KNOWN):
            known = read_known(line)
        if not line.strip() or line.startswith("#"):
            continue
        texts += 1
        text, labels = unmark(line.replace("\\n", "\n"))
        spans = find(text, known)
        missed, wrong = [], []
        for word in WORDS.finditer(text):
            label = labels[word.start()]
            is_taken = any(span.start <= word.start() < span.end for span in spans)
            identifying += label == 1
            found += label == 1 and is_taken
            clinical += label == 0
            over += label == 0 and is_taken
            if label == 1 and not is_taken:
                missed.append(word.group())
            if label == 0 and is_taken:
                wrong.append(word.group())
        if show and (missed or wrong):
            print(f"{text!r}\n    missed {missed} over-removed {wrong}")
    return Score(texts, identifying, found, clinical, over)


def main() -> None:
    """Print a line for each file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--show", action="store_true", help="print the texts that went wrong")
    parser.add_argument("files", nargs="+", type=Path)
    arguments = parser.parse_args()
    for file in arguments.files:
        score = measure(file, show=arguments.show)
        print(
            f"{file.name}: {score.texts} texts; recall {score.recall:.3f} "
            f"({score.found}/{score.identifying} identifying words), "
            f"precision {score.precision:.3f}; "
            f"{score.over_removed} of {score.clinical} other words taken out"
        )


if __name__ == "__main__":
    main()

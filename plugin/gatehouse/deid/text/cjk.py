"""Chinese and Japanese text, in which no spaces part the words.

A run of characters is cut into words of the vocabulary; what no word covers may be a name.
"""

from __future__ import annotations

import functools
import re
from typing import Final

from gatehouse.deid.text.words import load

CHARACTERS: Final = "\u3005\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Kanji, hanzi, kana, and the mark that repeats one, as they stand in a character class."""

_WORD_LENGTH_MAX: Final = 5
_HIRAGANA: Final = re.compile("[\u3040-\u309f]")

_SINGLE: Final = frozenset(
    "左右上下前後后内外側侧中央間间部的是有無无未不非及和与或在为為了等并並見见示可能約约性化像影線线度型期相"
    "頭头脳脑頸颈胸腹腰背肩肘腕手指股膝足趾骨盆肺心肝胆胰膵脾胃腸肠腎肾口鼻耳眼舌歯齿皮筋肌腱血管膜腔壁"
    "男女年月日時时分秒回次例枚号第一二三四五六七八九十百大小高低多少長长短厚薄軽轻重急慢新旧旧良悪恶正異异常全半"
    "氏様样君医師师者患検检査查診诊断断所見病院科室"
)
"""Characters that are words of radiology by themselves. A name may hold some of them, so that
beside a character that no word covers they go with it."""

_BESIDE_NAMES: Final = frozenset("様氏君医師师患者男女的是")


def unknown_stretches(run: str) -> list[tuple[int, int]]:
    """Return start and end of what the vocabulary does not cover, single characters beside it too.

    Parameters
    ----------
    run : str
        Characters of `CHARACTERS` only.
    """
    words = _cut(run)
    is_unknown = [end - start == 1 and not _is_known(run[start]) for start, end in words]
    is_gone = list(is_unknown)
    for index, (start, end) in enumerate(words):
        may_be_part = end - start == 1 and run[start] not in _BESIDE_NAMES
        if may_be_part and not _HIRAGANA.match(run[start]):
            is_gone[index] |= any(is_unknown[max(index - 1, 0) : index + 2])
    stretches: list[tuple[int, int]] = []
    for (start, end), gone in zip(words, is_gone, strict=True):
        if gone and stretches and stretches[-1][1] == start:
            stretches[-1] = (stretches[-1][0], end)
        elif gone:
            stretches.append((start, end))
    return stretches


def _is_known(character: str) -> bool:
    return character in _SINGLE or _HIRAGANA.match(character) is not None


@functools.lru_cache(maxsize=4096)
def _cut(run: str) -> list[tuple[int, int]]:
    """Cut a run so that as few characters as can be are covered by no word."""
    words = load("cjk")
    best: list[tuple[int, int]] = [(0, 0)]  # cost up to each position, and start of the last word
    for end in range(1, len(run) + 1):
        previous = best[end - 1][0]
        options = [(previous + (11 if _is_known(run[end - 1]) else 100), end - 1)]
        for start in range(max(end - _WORD_LENGTH_MAX, 0), end - 1):
            if run[start:end] in words:
                options.append((best[start][0] + 10, start))
        best.append(min(options))
    cut: list[tuple[int, int]] = []
    end = len(run)
    while end:
        start = best[end][1]
        cut.append((start, end))
        end = start
    return cut[::-1]

"""Recognizers for what identifies by its form: dates, numbers, addresses, electronic addresses.

Every expression works without nested repetition, so that no text can make it slow.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Span(NamedTuple):
    """A stretch of a text that must go, and what kind of identifier it is."""

    start: int
    end: int
    kind: str


_MONTH = (
    r"(?:jan(?:uary|uar|vier|eiro)?|feb(?:ruary|ruar|braio|rero)?|f[ée]v(?:rier|ereiro)?|"
    r"mar(?:ch|s|zo|t)?|m[äa]e?rz|apr(?:il|ile)?|avril|abr(?:il)?|mai|maj|maggio|mayo|may|"
    r"june?|juni|juin|junio|giugno|july?|juli|juillet|julio|luglio|aug(?:ust|ustus)?|ao[uû]t|agosto|"
    r"sept?(?:ember|embre|iembre)?|okt(?:ober)?|oct(?:ober|obre|ubre)?|ottobre|"
    r"nov(?:ember|embre|iembre)?|de[cz](?:ember)?|d[ée]cembre|dicembre|diciembre)\.?"
)
_YEAR = r"(?:(?:18|19|20)\d\d|['’]\d\d)"
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_MONTH_NUMBER = r"(?:0?[1-9]|1[0-2])"
_STREET = (
    r"(?:street|avenue|ave|road|rd|boulevard|blvd|lane|drive|court|place|square|terrace|parkway|"
    r"pkwy|highway|hwy|way|st)"
)

_EXPRESSIONS: tuple[tuple[str, str], ...] = (
    ("url", r"\b(?:https?|ftp)://\S+|\bwww\.\S+"),
    ("email", r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*"),
    # Dates: 2021-03-04, 2021/3/4, 20210304, 04.03.2021, 3/14/21, 3-14-2021, 04.03.
    ("date", rf"\b(?:18|19|20)\d\d[-/.]{_MONTH_NUMBER}[-/.]{_DAY}(?!\d)(?:T\d[\d:.]*)?"),
    ("date", rf"(?<![\d.]){_DAY}[-/.]{_DAY}[-/.](?:(?:18|19|20)\d\d|\d\d)(?![\d.]*\d)"),
    ("date", r"\b(?:18|19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:\d{4}|\d{6})?\b"),
    ("date", rf"\b{_DAY}(?:st|nd|rd|th)?\.?[ -]?(?:of )?{_MONTH}(?:[ ,.-]{{1,2}}{_YEAR})?(?!\w)(?<!may)"),
    ("date", rf"\b{_DAY}\.?[ -]?may[ ,-]{{1,2}}{_YEAR}\b"),
    ("date", rf"\b{_MONTH} {_DAY}(?:st|nd|rd|th)?(?:,? {_YEAR})?(?![\w.%])"),
    ("date", rf"\b{_MONTH}[ ,/-]{{1,2}}(?:of )?{_YEAR}\b"),
    ("date", rf"(?<=\bon ){_MONTH_NUMBER}/{_DAY}\b|(?<=\bdated ){_MONTH_NUMBER}/{_DAY}\b"),
    ("date", r"\b(?:0[1-9]|1[0-2])/(?:18|19|20)\d\d\b"),
    ("time", r"\b(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d)?(?: ?[ap]\.?m\b\.?)?|\b\d{1,2}:[0-5]\d ?[ap]\.?m\b\.?"),
    ("time", r"\b(?:[01]\d|2[0-3])[0-5]\d ?(?:hrs|hours|uhr)\b|\b\d{1,2} ?[ap]\.?m\b\.?"),
    # Phone and fax: with a cue, with a country code, in the American grouping.
    ("phone", r"\b(?:tel|phone|fax|ph|mobile|cell|pager|beeper|ext)[.:# ]{1,3}\+?[\d(][\d ()./-]{2,18}\d"),
    ("phone", r"(?<![\w.])\+\d{1,3}[ .-]?\(?\d[\d ()./-]{5,15}\d"),
    ("phone", r"(?<![\w.-])\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}\b|(?<![\w.])\d{3}-\d{4}\b"),
    ("phone", r"(?<![\w.])0\d{2,4}[ /-]\d{5,8}\b|(?<![\w.])0\d(?:[ .]\d\d){4}\b"),
    # National and local numbers.
    ("number", r"\b\d{3}-\d{2}-\d{4}\b|\b\d{3} \d{3} \d{4}\b|\b\d{6}[-+]\d{4}\b|\b756[. ]\d{4}[. ]\d{4}[. ]\d\d\b"),
    (
        "number",
        r"\b(?:mrn|pid|acc(?:ession)?|ssn|nhs|acct|account|case|order|visit|encounter|insurance|policy|"
        r"patient|pat|ref|fall|ins|hosp)\.? ?(?:id|no|nr|number|num)?\.? ?[#:]{1,2} ?[a-z]{0,4}-?\d[\w/.-]*",
    ),
    ("number", r"\b(?:mrn|pid|ssn|nhs(?: no)?|acc(?: no)?|accession(?: number)?|id)\.? ?[a-z]{0,3}-?\d{2}[\w/-]*"),
    ("number", r"#\d{3,}"),
    ("number", r"\b(?=[\w-]*\d{3})[a-z]{1,4}-\d{2,4}-\d{2,}\b|\b\d{2,4}-\d{2,4}-\d{3,}\b"),
    ("number", r"\b\d+(?:\.\d+){4,}\b"),
    ("number", r"(?<![\d.])\d{5,}(?!\.?\d)"),
    ("number", r"\b(?=\w*\d\w*\d\w*\d\w*\d\w*\d)(?=[a-z]*\d)[^\W_]{6,}\b"),
    # Addresses.
    (
        "address",
        rf"\b\d{{1,5}}[a-z]? (?:(?:north|south|east|west|n|s|e|w)\.? )?(?-i:(?:[A-Z][\w'-]* ){{1,3}})"
        rf"(?-i:{_STREET.replace('?:', '?i:', 1)})\b\.?(?:,? ?(?:apt|suite|unit|#)\.? ?\w+)?",
    ),
    ("address", r"\b(?-i:[A-ZÄÖÜ])[\wäöüß-]*(?:stra(?:ss|ß)e|str\.|gasse|platz|allee|weg) \d+ ?[a-z]?\b"),
    ("address", r"\b\d{1,4},? (?:rue|avenue|place|via|calle|viale) (?:d[eu] (?:la )?|des )?(?-i:[A-Z])[\w'-]+"),
    ("address", r"\bp\.? ?o\.? ?box \d+"),
    ("address", r"\b(?-i:[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2})\b|\b(?-i:[A-Z]{2}) \d{5}(?:-\d{4})?\b"),
)  # fmt: skip

_COMPILED = tuple((kind, re.compile(text, re.IGNORECASE)) for kind, text in _EXPRESSIONS)

_AGE = re.compile(
    r"\b\d{1,3} ?-?(?:y(?:ea)?rs?|yo|y/o|y\.o\.|j(?:ahre|ährige[rn]?)?|ans)[ -]?(?:old)?"
    r"(?: ?(?:male|female|man|woman|boy|girl|m|f|w))?\b"
    r"|\b\d{1,3} ?-?(?:months?|weeks?|days?|mo|wk)[ -]old(?: (?:male|female|boy|girl|infant))?\b"
    r"|\b\d{2,3} ?[mfw]\b(?![\w/])|\b(?:age|aged) ?:? ?\d{1,3}\b",
    re.IGNORECASE,
)
_OLDEST_AGE_YEARS = 89


def find(text: str, *, keep_characteristics: bool) -> list[Span]:
    """Return what identifies by its form.

    Parameters
    ----------
    keep_characteristics : bool
        True if age and sex may stay (Retain Patient Characteristics, PS3.15 E.3.7). Ages above 89
        go all the same.
    """
    spans = [
        Span(match.start(), match.end(), kind)
        for kind, expression in _COMPILED
        for match in expression.finditer(text)
    ]
    for match in _AGE.finditer(text):
        number = re.search(r"\d+", match.group())
        is_old = number is not None and int(number.group()) > _OLDEST_AGE_YEARS
        if is_old or not keep_characteristics:
            spans.append(Span(match.start(), match.end(), "age"))
    return spans

"""Recognizers for what identifies by its form: dates, numbers, addresses, electronic addresses.

Every expression works without nested repetition, so that no text can make it slow. Where an
expression has a group, the group is what goes: a label such as "MRN:" says nothing of a person.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Span(NamedTuple):
    """A stretch of a text that must go, and what kind of identifier it is."""

    start: int
    end: int
    kind: str


MONTH_NAME = (
    r"(?:jan(?:uary|uari|uar|vier|eiro)?|gennaio|enero|stycz(?:eń|nia)|led(?:na|en)|tammikuuta|ocak|"
    r"янв(?:аря|арь)?|"
    r"feb(?:ruary|ruari|ruar|braio|rero)?|f[ée]v(?:rier|ereiro)?|lut(?:y|ego)|února?|helmikuuta|şubat|"
    r"фев(?:раля|раль)?|"
    r"mar(?:ch|s|zo|t|ço|ec|ca)?|maart|m[äa]e?rz|marzec|břez(?:na|en)|maaliskuuta|мар(?:та|т)?|"
    r"apr(?:il|ile)?|avril|abr(?:il)?|kwie(?:cień|tnia)|dub(?:na|en)|huhtikuuta|nisan|апр(?:еля|ель)?|"
    r"mai|maj[ia]?|maggio|mayo|mayıs|maio|mei|květ(?:na|en)|toukokuuta|мая|май|may|"
    r"june?|juni|juin|junio|junho|giugno|czerw(?:iec|ca)|červ(?:na|en)|kesäkuuta|haziran|июн[яь]|"
    r"july?|juli|juillet|julio|julho|luglio|lip(?:iec|ca)|července|heinäkuuta|temmuz|июл[яь]|"
    r"aug(?:ust|ustus|usti)?|ao[uû]t|agosto|sierp(?:ień|nia)|srp(?:na|en)|elokuuta|ağustos|авг(?:уста|уст)?|"
    r"sept?(?:ember|embre|iembre)?|setembro|settembre|wrze(?:sień|śnia)|září|syyskuuta|eylül|сен(?:тября|тябрь)?|"
    r"okt(?:ober)?|oct(?:ober|obre|ubre)?|outubro|ottobre|październik[a]?|říj(?:na|en)|lokakuuta|ekim|"
    r"окт(?:ября|ябрь)?|"
    r"nov(?:ember|embre|iembre|embro)?|listopad[u]?|marraskuuta|kasım|ноя(?:бря|брь)?|"
    r"de[cz](?:ember|embro)?|d[ée]cembre|dic(?:embre|iembre)?|grud(?:zień|nia)|prosin(?:ce|ec)|joulukuuta|"
    r"aralık|дек(?:абря|абрь)?)\.?"
)
_YEAR = r"(?:(?:18|19|20)\d\d|['’]\d\d)"
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_MONTH_NUMBER = r"(?:0?[1-9]|1[0-2])"
_OF = r"(?: ?de[l]? |[ ,./-]{1,2})"
_STREET = (
    r"(?:street|avenue|ave|road|rd|boulevard|blvd|lane|drive|court|place|square|terrace|parkway|"
    r"pkwy|highway|hwy|way|st)"
)
_STREET_FIRST = (
    r"(?:rue|avenue|boulevard|bd|place|chemin|allée|via|viale|piazza|corso|calle|c/|avda\.?|avenida|paseo|"
    r"plaza|rua|travessa|praça|ul\.|ulica|ул\.)"
)
_PHONE_CUE = (
    r"(?:tel(?:ephone|efon|efoon|éfono|efono|efone)?|t[ée]l[ée]?(?:phone)?|tfno|tlf|tfn|phone|fax|mobile|mob|"
    r"cell|pager|bleep|beeper|ext|call|handy|gsm|mobil|rückruf|тел|τηλ|電話|电话|전화)"
)
_NUMBER_CUE = (
    r"(?:mrn|pid|acc(?:ession)?|ssn|nhs|nhc|ipp|nip|acct|account|case|order|visit|encounter|insurance|policy|"
    r"patient|pat|ref|fall|ins|hosp(?:ital)?|chart|medicare|medicaid|subject|participant|proband|"
    r"patienten|fall|auftrags|n[°º] ?ss|pesel|dni|nif|cpf|bsn|cns|rut|curp)"
)

_EXPRESSIONS: tuple[tuple[str, str], ...] = (
    ("url", r"\b(?:https?|ftp)://\S+|\bwww\.\S+"),
    ("email", r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*"),
    # Dates: 2021-03-04, 2021/3/4, 20210304, 04.03.2021, 3/14/21, 3-14-2021, 04.03.
    ("date", rf"\b(?:18|19|20)\d\d[-/.]{_MONTH_NUMBER}[-/.]{_DAY}(?!\d)(?:T\d[\d:.]*)?"),
    ("date", rf"(?<![\d.]){_DAY}[-/.]{_DAY}[-/.](?:(?:18|19|20)\d\d|\d\d)(?![\d.]*\d)"),
    ("date", r"\b(?:18|19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:\d{4}|\d{6})?\b"),
    ("date", rf"\b{_DAY}(?:st|nd|rd|th|er|[.º°ª])?\.?[ -]?(?:of |de )?{MONTH_NAME}(?:{_OF}{_YEAR})?(?!\w)(?<!may)"),
    ("date", rf"\b{_DAY}\.?[ -]?may[ ,-]{{1,2}}{_YEAR}\b"),
    ("date", rf"\b{_DAY}[-/]{MONTH_NAME}[-/]\d\d\b"),
    ("date", rf"\b{MONTH_NAME} {_DAY}(?:st|nd|rd|th)?(?:,? {_YEAR})(?![\w%])"),
    ("date", rf"\b{MONTH_NAME} {_DAY}(?:st|nd|rd|th)?(?![\w.%]|, ?\d)"),
    ("date", rf"\b{MONTH_NAME}(?: ?de[l]? |[ ,/-]{{1,2}}(?:of )?){_YEAR}\b"),
    ("date", rf"(?<=\bon ){_MONTH_NUMBER}/{_DAY}\b|(?<=\bdated ){_MONTH_NUMBER}/{_DAY}\b"),
    ("date", rf"\b(?:mon|tues?|wed|thu(?:rs)?|fri|sat|sun)(?:day)?,? {_MONTH_NUMBER}/{_DAY}\b"),
    ("date", r"\b(?:0[1-9]|1[0-2])/(?:18|19|20)\d\d\b"),
    ("date", r"(?:(?:18|19|20)\d\d|令和 ?\d+|平成 ?\d+|昭和 ?\d+) ?[年년] ?\d{1,2} ?[月월](?: ?\d{1,2} ?[日일])?"),
    ("date", r"\b(?:born|geb(?:oren)?|jg|jahrgang|née?|nat[oa]|nacid[oa]|ur|dob|yob)\b[.:]? ?(?:in |en |nel |im )?((?:19|20)\d\d)\b"),
    ("date", r"\b((?:19|20)\d\d) ?(?:г\.? ?р\b\.?|года рождения)"),
    ("time", r"\b(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d)?(?: ?[ap]\.?m\b\.?)?|\b\d{1,2}:[0-5]\d ?[ap]\.?m\b\.?"),
    ("time", r"\b(?:[01]\d|2[0-3])[0-5]\d(?= ?(?:hrs|hours|uhr)\b)|\b\d{1,2} ?[ap]\.?m\b\.?"),
    # Phone and fax: with a cue, with a country code, in the American grouping.
    ("phone", rf"(?<![^\W_]){_PHONE_CUE}(?:[.:# ]{{1,3}}| (?:at|under|unter|au|al|on) )(\+?[\d(][\d ()./-]{{2,18}}\d)"),
    ("phone", r"(?<![\w.])\+\d{1,3}[ .-]?\(?\d[\d ()./-]{5,15}\d"),
    ("phone", r"(?<![\w.-])\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}\b|(?<![\w.])\d{3}-\d{4}\b"),
    ("phone", r"(?<![\w.])0\d{2,4}[ /-]\d{5,8}\b|(?<![\w.])0\d(?:[ .]\d\d){4}\b"),
    ("phone", r"(?<![\w.])0\d{3,4} \d{3} \d{3,4}\b"),
    ("phone", r"(?<![\w.])0\d{2,4} ?/ ?\d{2,4}[ -]\d{3,5}\b"),
    # National and local numbers.
    ("number", r"\b\d{3}-\d{2}-\d{4}\b|\b\d{3} \d{3} \d{4}\b|\b\d{6}[-+]\d{4}\b|\b756[. ]\d{4}[. ]\d{4}[. ]\d\d\b"),
    ("number", r"\b[12] \d\d (?:0[1-9]|1[0-2]) \d[\dab] \d{3} \d{3}(?: \d\d)?\b"),
    ("number", rf"\b{_NUMBER_CUE}\.? ?-?(?:id|no|nr|number|num|nummer)?\.? ?[#:]{{1,2}} ?([a-z]{{0,4}}-?\d[\w/.-]*)"),
    ("number", rf"\b{_NUMBER_CUE}\.? ?-?(?:id|no|nr|number|num|nummer)?\.? ([a-z]{{0,4}}-?\d[\w/-]*\d{{3}}[\w/-]*)"),
    ("number", r"\b(?:mrn|pid|ssn|nhs(?: no)?|acc(?: no)?|accession(?: number)?|id|nhc|ipp)\.? ?([a-z]{0,3}-?\d{2}[\w/-]*)"),
    ("number", r"#\d{3,}"),
    ("number", r"\b(?=[\w-]*\d{3})[a-z]{1,4}-\d{2,4}-\d{2,}\b|\b\d{2,4}-\d{2,4}-\d{3,}\b|\b\d{4}-\d{3}\b"),
    ("number", r"\b(?=[a-z]*\d)(?=\d*[a-z])[a-z\d]{3,6}-(?=[a-z]*\d)(?=\d*[a-z])[a-z\d]{3,6}-[a-z\d]{3,6}\b"),
    ("number", r"\b\d+(?:\.\d+){4,}\b"),
    ("number", r"(?<![\w.])(?:[1-9]\d?|1\d\d|2[0-4]\d|25[0-5])(?:\.\d{1,3}){3}(?![\w.])"),
    ("number", r"(?<![\d.])\d{5,}(?!\.?\d)"),
    ("number", r"\b(?=\w*\d\w*\d\w*\d\w*\d\w*\d)(?=[a-z]*\d)[^\W_]{6,}\b"),
    # Addresses.
    (
        "address",
        rf"\b\d{{1,5}}[a-z]? (?:(?:north|south|east|west|n|s|e|w)\.? )?(?-i:(?:[A-Z][\w'-]* ){{1,3}})"
        rf"(?-i:{_STREET.replace('?:', '?i:', 1)})\b\.?(?:,? ?(?:apt|suite|unit|#)\.? ?\w+)?",
    ),
    ("address", r"\b(?-i:[A-ZÄÖÜ])[\wäöüß-]*(?:stra(?:ss|ß)e|str\.|gasse|platz|allee|weg) \d+ ?[a-z]?\b"),
    ("address", rf"\b\d{{1,4}},? {_STREET_FIRST} (?:d[eu] (?:la )?|des )?(?-i:[A-Z])[\w'-]+"),
    ("address", rf"(?<!\w){_STREET_FIRST} (?:d[eiu](?:l|lla)? (?:la )?|des )?(?-i:[^\W\d_a-z])[\w'-]+(?: (?-i:[^\W\d_a-z])[\w'-]+)?,? (?:n[.º°]? ?)?\d{{1,4}}\b"),
    # The postal code and the city after an address.
    ("address", r"(?<=\w, )\d{4,5} (?-i:[^\W\d_a-z])[^\W\d_]+\b"),
    ("address", r"\bp\.? ?o\.? ?box \d+"),
    ("address", r"\b(?-i:[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2})\b|\b(?-i:[A-Z]{2}) \d{5}(?:-\d{4})?\b"),
)  # fmt: skip

_COMPILED = tuple((kind, re.compile(text, re.IGNORECASE)) for kind, text in _EXPRESSIONS)

_YEARS = (
    r"(?:y(?:ea)?rs?|yo|y/o|y\.o\.|jährige[rnms]?|jahre?|j\b|ans|a[ñn]os|anos|anni|jaar|jarige|let[ay]?|lat|år(?:ig)?|"
    r"vuotias|yaşında|лет|года?|г\b|ετών)"
)
_AGE = re.compile(
    rf"\b\d{{1,3}}(?: ?-? ?){_YEARS}[ -]?(?:old|of age|alt)?"
    r"(?: ?(?:male|female|man|woman|boy|girl|m|f|w))?\b"
    r"|\b\d{1,3} ?-?(?:months?|weeks?|days?|mo|wk)[ -]old(?: (?:male|female|boy|girl|infant))?\b"
    r"|(?<![\w.-])\d{2,3} ?[mfw]\b(?![\w/])|(?<![\w.-])[mf](?!18)[1-9]\d\b(?![\w/.-])|\b(?:age|aged|alter|âge|edad|età|anni|anos|años|lat|wiek) ?:? ?\d{1,3}\b"
    r"|\d{1,3} ?[歳岁才세]",
    re.IGNORECASE,
)
# "for 3 years", "vor 2 Jahren", "il y a 5 ans": a time, no age.
_DURATION = re.compile(
    r"(?:\b(?:for|in|over|last|past|after|every|since|within|vor|seit|nach|in|il y a|depuis|dans|hace|desde|"
    r"da|fa|sedan|per|each|next|ago) (?:the |den |les )?(?:last |past |next )?)$",
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
    spans = []
    for kind, expression in _COMPILED:
        for match in expression.finditer(text):
            group = 1 if expression.groups and match.group(1) is not None else 0
            spans.append(Span(match.start(group), match.end(group), kind))
    for match in _AGE.finditer(text):
        if _DURATION.search(text, max(match.start() - 30, 0), match.start()):
            continue
        number = re.search(r"\d+", match.group())
        is_old = number is not None and int(number.group()) > _OLDEST_AGE_YEARS
        if is_old or not keep_characteristics:
            spans.append(Span(match.start(), match.end(), "age"))
    return spans

"""Names in free text: those the study is known to hold, and those that a cue gives away."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gatehouse.deid.text.patterns import Span
from gatehouse.deid.text.words import fold, is_clinical, is_common, is_name, spellings

WORD = re.compile(r"[^\W_]+(?:['’][^\W\d_]+)*")

_TITLES = frozenset(
    "dr drs doctor prof professor mr mrs ms miss mme mlle herr frau hr fr sra dott dottssa doc "
    "sister rev capt sgt lt".split()
)
# These are also everyday or clinical words; they are titles only before a capital letter.
_WEAK_TITLES = frozenset("doctor sister hr fr lt doc nurse capt sra".split())
_POSTNOMINALS = frozenset(
    "md do rn phd frcr frcp mbbs facr rt msc dmd dds np pa-c crnp rtr".split()
)
_DOTTED_CREDENTIALS = re.compile(r"\b(?:M\.D|D\.O|Ph\.D|R\.N|R\.T)\b")
_PARTICLES = frozenset(
    "de del della di da dos van von der den ter ten zu zur bin ibn al el la le abu san st mac mc "
    "jr sr ii iii iv".split()
)
_BY = re.compile(
    r"\b(?:signed|dictated|read|reported|performed|reviewed|verified|approved|interpreted|"
    r"transcribed|scanned|ordered|referred|requested|authori[sz]ed|entered|acquired|validated|"
    r"befundet|lu)(?: electronically)? (?:by|von|par)\b[: ]*",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"\b(?:patient(?:'s)?(?: name)?|pt(?: name)?|name|surname|tech(?:nologist)?|operator|physician|"
    r"radiologist|attending|resident|consultant|referrer|referring(?: physician| doctor| dr)?|"
    r"ref(?: by| phys)?|req(?: by)?|mother|father|wife|husband|spouse|son|daughter|contact|"
    r"next of kin|nurse|cc|attn|signed|author|reader|observer|untersucher|arzt|m[ée]decin) ?[:=] ?",
    re.IGNORECASE,
)
_INSTITUTION = re.compile(
    r"\b(?:hospitals?|clinics?|klinik(?:um|en)?|medical cent(?:er|re)|health ?care|health system|"
    r"universit\w+|infirmary|krankenhaus|spital|h[oô]pital|ospedale|policlinico|"
    r"medical group|radiology associates|imaging cent(?:er|re)|imaging associates|"
    r"children'?s|nhs trust|memorial|sanatorium|hospice)\b",
    re.IGNORECASE,
)
_INSTITUTION_WORDS = frozenset(
    "general memorial regional community university county city national royal saint st children's "
    "childrens veterans presbyterian methodist baptist lutheran jewish catholic sacred heart good "
    "north south east west northern southern eastern western central medical center centre "
    "hospital clinic school of and the".split()
)


class Token(NamedTuple):
    """A word of a text with its place, as written and folded."""

    start: int
    end: int
    text: str
    folded: str

    @property
    def is_capitalised(self) -> bool:
        """Tell if it begins with a capital letter."""
        return self.text[0].isupper()


def tokenize(text: str) -> list[Token]:
    """Return the words of a text in order."""
    return [
        Token(match.start(), match.end(), match.group(), fold(match.group().replace("’", "'")))
        for match in WORD.finditer(text)
    ]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known to identify in a study, folded for comparison."""

    names: frozenset[str] = frozenset()
    initials: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()
    phrases: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        person_names: Iterable[str] = (),
        identifiers: Iterable[str] = (),
        institutions: Iterable[str] = (),
    ) -> Known:
        """Make it from values: PN in DICOM's form, IDs and numbers, names of institutions."""
        names: set[str] = set()
        initials: set[str] = set()
        for person in person_names:
            for group in person.split("="):
                parts = [part for part in WORD.findall(group) if not part.isdigit()]
                names.update(*(spellings(part) for part in parts if len(part) > 1))
                first = [fold(part)[0] for part in parts if fold(part)]
                for order in (first, first[::-1], first[1:] + first[:1]):
                    if len(order) > 1:
                        initials.add("".join(order))
        numbers = {fold(one.strip()) for one in identifiers if len(one.strip()) > 2}
        phrases = {fold(one.strip()) for one in institutions if len(one.strip()) > 2}
        return cls(
            frozenset(names - _PARTICLES),
            frozenset(initials),
            frozenset(numbers),
            frozenset(phrases),
        )


def find_known(text: str, tokens: Sequence[Token], known: Known) -> list[Span]:
    """Return the places of what is known of the study."""
    spans = []
    for token in tokens:
        plain = token.folded.removesuffix("'s")
        if (
            plain in known.names
            or plain.replace("'", "") in known.names
            or (
                token.text.isupper()
                and token.folded in known.initials
                and not is_clinical(token.folded)
            )
        ):
            spans.append(Span(token.start, token.end, "name"))
    if known.names:
        # Names of several hundred languages are not written with spaces between the words.
        for match in re.finditer(r"[^\x00-\x7f]{2,}", text):
            if fold(match.group()).replace(" ", "") in known.names:
                spans.append(Span(match.start(), match.end(), "name"))
    lowered = fold(text) if text.isascii() else text.lower()
    for phrase in known.numbers | known.phrases:
        spans += [
            Span(match.start(), match.end(), "number" if phrase in known.numbers else "institution")
            for match in re.finditer(rf"(?<![^\W_]){re.escape(phrase)}(?![^\W_])", lowered)
        ]
    return spans


def find_cued(text: str, tokens: Sequence[Token]) -> list[Span]:
    """Return names that titles, labels, credentials, commas or carets give away."""
    spans = [
        Span(match.start(), match.end(), "name")
        for match in re.finditer(r"[^\W\d_][\w'-]*\^[\w'^=-]*", text)
    ]
    is_upper = text.upper() == text
    for number, token in enumerate(tokens):
        if token.text == "MR":
            continue  # the modality; a man's name after it is not in the vocabulary anyway
        if token.folded in _TITLES or token.folded in _WEAK_TITLES:
            spans += _after_title(text, tokens, number, is_upper=is_upper)
        elif token.folded in _POSTNOMINALS and token.text[0].isupper():
            spans += _before_credentials(text, tokens, number)
    for match in _DOTTED_CREDENTIALS.finditer(text):
        at = next((n for n, one in enumerate(tokens) if one.start == match.start()), None)
        if at is not None:
            spans += _before_credentials(text, tokens, at)
    for expression, at_most in ((_BY, 3), (_LABEL, 4)):
        for match in expression.finditer(text):
            first = next((n for n, one in enumerate(tokens) if one.start >= match.end()), None)
            if first is not None and tokens[first].start - match.end() <= 1:
                spans += _run_of_names(text, tokens, first, at_most, is_upper=is_upper)
    spans += _with_comma(text)
    spans += _institutions(text, tokens)
    return spans


def _run_of_names(
    text: str, tokens: Sequence[Token], first: int, at_most: int, *, is_upper: bool
) -> list[Span]:
    """Return the words from ``first`` on that can be parts of one person's name."""
    spans: list[Span] = []
    for number in range(first, min(first + at_most, len(tokens))):
        token = tokens[number]
        if number > first:
            between = text[tokens[number - 1].end : token.start]
            if not re.fullmatch(r"\.? |, |-|\. ?", between):
                break
            ends_sentence = between.startswith(".") and len(tokens[number - 1].text) > 2
            is_word = is_clinical(token.folded) or (
                is_common(token.folded) and not is_name(token.folded)
            )
            if ends_sentence or (is_word and token.folded not in _PARTICLES):
                break
        elif is_clinical(token.folded) and not token.is_capitalised:
            break
        if token.text.isdigit() or token.folded in _TITLES:
            if token.folded in _TITLES:
                continue
            break
        is_plain_word = is_common(token.folded) and not is_name(token.folded)
        if not token.is_capitalised and not is_upper and is_plain_word:
            break
        spans.append(Span(token.start, token.end, "name"))
    return spans


def _after_title(text: str, tokens: Sequence[Token], number: int, *, is_upper: bool) -> list[Span]:
    title = tokens[number]
    if number + 1 >= len(tokens):
        return []
    following = tokens[number + 1]
    if not re.fullmatch(r"\.? ?|\. ", text[title.end : following.start]):
        return []
    if title.folded in _WEAK_TITLES and (is_upper or not following.is_capitalised):
        return []
    names = _run_of_names(text, tokens, number + 1, 3, is_upper=is_upper)
    if not names and following.folded not in _TITLES:
        return []
    return [Span(title.start, title.end, "name"), *names]


def _before_credentials(text: str, tokens: Sequence[Token], number: int) -> list[Span]:
    spans: list[Span] = []
    for back in range(number - 1, max(number - 4, -1), -1):
        token, after = tokens[back], tokens[back + 1]
        between = text[token.end : after.start]
        if not re.fullmatch(r",? |\.? |, ?|-", between) or not token.is_capitalised:
            break
        if token.text.isdigit() or (is_clinical(token.folded) and back < number - 1):
            break
        if token.folded in _POSTNOMINALS:
            continue
        if is_clinical(token.folded) and "," not in between:
            break
        spans.append(Span(token.start, token.end, "name"))
    if spans:
        spans.append(Span(tokens[number].start, tokens[number].end, "name"))
    return spans


_COMMA = re.compile(r"\b([^\W\d_][\w'’-]+), ?([^\W\d_][\w'’-]+)(?: ([^\W\d_])\b\.?)?")


def _with_comma(text: str) -> list[Span]:
    spans = []
    for match in _COMMA.finditer(text):
        first, second = fold(match.group(1)), fold(match.group(2))
        are_capitalised = match.group(1)[0].isupper() and match.group(2)[0].isupper()
        look_like_names = (is_name(first) or not (is_clinical(first) or is_common(first))) and (
            is_name(second) or not (is_clinical(second) or is_common(second))
        )
        if are_capitalised and look_like_names:
            spans.append(Span(match.start(), match.end(), "name"))
    return spans


def _institutions(text: str, tokens: Sequence[Token]) -> list[Span]:
    spans = []
    for match in _INSTITUTION.finditer(text):
        before = [token for token in tokens if token.end <= match.start()]
        start, found = match.start(), 0
        for token in reversed(before[-5:]):
            gap = text[token.end : start]
            if not re.fullmatch(r"\.? |-|'s ", gap) or not token.is_capitalised:
                break
            is_part = token.folded in _INSTITUTION_WORDS or not is_clinical(token.folded)
            if not is_part or (token.text.isdigit()):
                break
            start, found = token.start, found + 1
        tail = re.match(
            r"(?: (?:of|de|des|du|della|di|zu|at)(?: the)?)?(?: (?-i:[A-Z])[\w'-]+)*",
            text[match.end() :],
        )
        end = match.end()
        if tail is not None and re.match(r" (?:of|de|des|du|della|di|zu|at) ", tail.group() + " "):
            end += tail.end()
            found += 1
        elif tail is not None and found == 0 and match.group()[0].isupper():
            following = WORD.match(text, match.end() + 1)
            if following is not None and following.group()[0].isupper():
                word = fold(following.group())
                if not (is_clinical(word) or is_common(word)):
                    end, found = following.end(), 1
        if found:
            spans.append(Span(start, end, "institution"))
    return spans


def widen(text: str, tokens: Sequence[Token], spans: Sequence[Span]) -> list[Span]:
    """Return initials and particles that stand beside a name: they belong to it."""
    taken = sorted((span.start, span.end) for span in spans if span.kind == "name")
    starts = {start for start, _ in taken}
    ends = {end for _, end in taken}
    more = []
    for number, token in enumerate(tokens):
        is_small = (len(token.text) == 1 and token.text.isalpha() and token.text.isupper()) or (
            token.folded in _PARTICLES
        )
        if not is_small or any(start <= token.start < end for start, end in taken):
            continue
        before = tokens[number - 1] if number else None
        after = tokens[number + 1] if number + 1 < len(tokens) else None
        touches_before = (
            before is not None
            and before.end in ends
            and re.fullmatch(r"[ ,.-]{1,2}", text[before.end : token.start]) is not None
        )
        touches_after = (
            after is not None
            and after.start in starts
            and re.fullmatch(r"[ .-]{1,2}", text[token.end : after.start]) is not None
        )
        if touches_before or touches_after:
            more.append(Span(token.start, token.end, "name"))
            starts.add(token.start)
            ends.add(token.end)
    return more

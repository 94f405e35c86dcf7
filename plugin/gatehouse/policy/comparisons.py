"""The comparisons of conditions, each a function over the values of one attribute or fact.

A value is compared as its attribute means it: a number as a number, an age as an age (``18Y`` is
``216M``), a date as a date, anything else as text without case and outer spaces. A value that
can't be read as what it should be answers unknown, never no.

With several values (Image Type), a text comparison is answered yes if one of them fits; an ordering
has an answer only if it is the same for all of them.
"""

from __future__ import annotations

import functools
import ipaddress
import operator
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any, Literal

from gatehouse.policy import units
from gatehouse.policy.model import Answer
from gatehouse.policy.registry import Registry

Kind = Literal["text", "number", "age", "date", "time", "address"]
Values = tuple[str, ...]

COMPARISONS: Registry[Callable[[Values, Any, Kind], Answer]] = Registry("comparison")
comparison = COMPARISONS.register

ORDERINGS = frozenset({"at-least", "at-most", "before", "after"})
TEXT_ONLY = frozenset({"contains", "starts-with", "ends-with", "matches"})

PATTERN_LENGTH_MAX = 512
PATTERN_MEMORY_MAX = 1 << 20  # RE2 refuses a larger program: a pattern can't fill the memory
VALUE_LENGTH_MAX = 1 << 16  # a value longer than this is not compared; the answer is unknown

_TEXT = {"type": ["string", "integer"], "minLength": 1, "maxLength": 1024}
_FREE = {"type": "string", "minLength": 1, "maxLength": 1024}


def fold(text: str) -> str:
    """Return text as it is compared: composed, without case and outer spaces."""
    return unicodedata.normalize("NFC", text).casefold().strip(" \0")


@comparison("is", source="Gatehouse", schema=_TEXT)
def is_(values: Values, expected: str | int, kind: Kind) -> Answer:
    """Is this value. Text without case; numbers, ages and dates as such; addresses also by network.

    With several values: one of them is this value.
    """
    return _any(_equal(value, str(expected), kind) for value in values)


@comparison("in", source="Gatehouse", schema={"type": "array", "items": _TEXT, "minItems": 1})
def in_(values: Values, expected: Iterable[str | int], kind: Kind) -> Answer:
    """Is one of these values, each compared as ``is`` does."""
    return _any(is_(values, one, kind) for one in expected)


@comparison("contains", source="Gatehouse", schema=_FREE)
def contains(values: Values, expected: str, kind: Kind) -> Answer:  # noqa: ARG001
    """Has this text somewhere in it."""
    return _any_text(values, lambda value: fold(expected) in value)


@comparison("starts-with", source="Gatehouse", schema=_FREE)
def starts_with(values: Values, expected: str, kind: Kind) -> Answer:  # noqa: ARG001
    """Has this text at its beginning."""
    return _any_text(values, lambda value: value.startswith(fold(expected)))


@comparison("ends-with", source="Gatehouse", schema=_FREE)
def ends_with(values: Values, expected: str, kind: Kind) -> Answer:  # noqa: ARG001
    """Has this text at its end."""
    return _any_text(values, lambda value: value.endswith(fold(expected)))


@comparison(
    "matches",
    source="RE2",
    schema={"type": "string", "minLength": 1, "maxLength": PATTERN_LENGTH_MAX},
)
def matches(values: Values, expected: str, kind: Kind) -> Answer:  # noqa: ARG001
    """Has a part that this RE2 expression matches; ``^`` and ``$`` bind it to the ends."""
    pattern = compile_pattern(expected)
    return _any_text(values, lambda value: pattern.search(value) is not None)


@comparison("exists", source="Gatehouse", schema={"type": "boolean"})
def exists(values: Values, expected: bool, kind: Kind) -> Answer:  # noqa: ARG001
    """Is there with a value (true), or is absent or empty (false). Never unknown."""
    return _answer(bool(values) is expected)


@comparison("at-least", source="Gatehouse", schema=_TEXT)
def at_least(values: Values, expected: str | int, kind: Kind) -> Answer:
    """Is this number, age, date or time, or more."""
    return _ordered(values, expected, kind, operator.ge)


@comparison("at-most", source="Gatehouse", schema=_TEXT)
def at_most(values: Values, expected: str | int, kind: Kind) -> Answer:
    """Is this number, age, date or time, or less."""
    return _ordered(values, expected, kind, operator.le)


@comparison("before", source="Gatehouse", schema=_TEXT)
def before(values: Values, expected: str | int, kind: Kind) -> Answer:
    """Is earlier than this date or time."""
    return _ordered(values, expected, kind, operator.lt)


@comparison("after", source="Gatehouse", schema=_TEXT)
def after(values: Values, expected: str | int, kind: Kind) -> Answer:
    """Is later than this date or time."""
    return _ordered(values, expected, kind, operator.gt)


def read(text: str, kind: Kind) -> Any | None:
    """Return a value as what it means, so that it can be compared; None if it can't be read."""
    if kind == "text":
        return fold(text)
    if kind == "address":
        return _address(text)
    readers: dict[str, Callable[[str], Any | None]] = {
        "number": units.number,
        "age": units.age,
        "date": units.date,
        "time": units.time,
    }
    return readers[kind](text)


@functools.lru_cache(maxsize=1024)
def compile_pattern(pattern: str) -> Any:
    """Compile a regular expression with RE2, whose time is linear in the value's length.

    Raises
    ------
    ValueError
        If it is no RE2 expression, or too large.
    """
    import re2  # type: ignore[import-untyped]  # takes long, and few policies ask for it

    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = PATTERN_MEMORY_MAX
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        detail = error.args[0] if error.args else ""
        raise ValueError(detail.decode() if isinstance(detail, bytes) else str(detail)) from None


def _answer(holds: bool) -> Answer:
    return Answer.YES if holds else Answer.NO


def _any(answers: Iterable[Answer]) -> Answer:
    found = set(answers)
    if Answer.YES in found:
        return Answer.YES
    return Answer.UNKNOWN if Answer.UNKNOWN in found else Answer.NO


def _any_text(values: Values, test: Callable[[str], bool]) -> Answer:
    return _any(
        Answer.UNKNOWN if len(value) > VALUE_LENGTH_MAX else _answer(test(fold(value)))
        for value in values
    )


def _equal(value: str, expected: str, kind: Kind) -> Answer:
    left, right = read(value, kind), read(expected, kind)
    if left is None or right is None:
        return Answer.UNKNOWN
    if kind == "address":
        return _answer(left.version == right.version and left.subnet_of(right))
    return _answer(left == right)


def _ordered(
    values: Values, expected: str | int, kind: Kind, compare: Callable[[Any, Any], bool]
) -> Answer:
    right = read(str(expected), kind)
    found = set()
    for value in values:
        left = read(value, kind)
        if left is None or right is None:
            return Answer.UNKNOWN
        found.add(compare(left, right))
    return _answer(found.pop()) if len(found) == 1 else Answer.UNKNOWN


@functools.lru_cache(maxsize=4096)
def _address(text: str) -> Any | None:
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        return None

"""Read the script of the CTP DICOM Filter: an expression that says which objects are taken.

``Modality.equals("CT") * !ImageType.containsIgnoreCase("LOCALIZER")``, with ``*`` for and, ``+``
for or, ``!`` for not, brackets, and ``[0010,0010]`` for attributes without a keyword. Comments
begin with ``//``. What a policy can't ask makes the whole expression unusable: half of a filter
would take what it was meant to keep out.

Source: the MIRC CTP wiki, "The CTP DICOM Filter".
"""

from __future__ import annotations

import re
from typing import Any, Final

from gatehouse.errors import PolicyError
from gatehouse.policy.attributes import UnknownAttributeError, canonical
from gatehouse.policy.comparisons import PATTERN_LENGTH_MAX, compile_pattern
from gatehouse.policy.importing.attributes import tag_name
from gatehouse.policy.importing.model import Imported

_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<symbol>[()!*+])
      | (?P<constant>true\.|false\.)
      | (?P<attribute>[A-Za-z][A-Za-z0-9]*|\[[0-9A-Fa-f]{4},?[0-9A-Fa-f]{4}\])
        \.(?P<method>[A-Za-z]+)\(\s*(?:"(?P<value>[^"]*)")?\s*\)
    )""",
    re.VERBOSE,
)
_OPERATORS: Final = {
    "equals": "is",
    "equalsIgnoreCase": "is",
    "contains": "contains",
    "containsIgnoreCase": "contains",
    "startsWith": "starts-with",
    "startsWithIgnoreCase": "starts-with",
    "endsWith": "ends-with",
    "endsWithIgnoreCase": "ends-with",
    "matches": "matches",
    "isGreaterThan": "at-least",
    "isLessThan": "at-most",
}
_DEPTH_MAX: Final = 50

Condition = dict[str, Any]


def add_filter(imported: Imported, script: str) -> None:
    """Add a filter's expression to the conditions, or say why it can't be."""
    line, text = _without_comments(script)
    if not text.strip():
        return
    imported.rules += 1
    try:
        condition = _Reader(text).read()
    except PolicyError as error:
        imported.leave(line, text, str(error))
        imported.is_filter_lost = True
        return
    if condition is not None:
        imported.conditions.append(condition)
    for method in ("isGreaterThan", "isLessThan"):
        if method in text:
            imported.change(line, text, f"{method} becomes a comparison that takes the bound too")


def _without_comments(script: str) -> tuple[int, str]:
    """Return the first line that says something, and the expression without its comments."""
    lines = [re.sub(r"//.*", "", line) for line in script.splitlines()]
    first = next((number for number, line in enumerate(lines, 1) if line.strip()), 1)
    return first, " ".join(lines)


class _Reader:
    """A reader by recursive descent: or, and, not, then a single comparison or brackets."""

    def __init__(self, text: str) -> None:
        self.tokens = _tokens(text)
        self.depth = 0

    def read(self) -> Condition | None:
        """Return the condition; None if it is always true."""
        found = self._or()
        if self.tokens:
            raise PolicyError("the filter does not end where it should")
        return found

    def _next(self) -> re.Match[str]:
        if not self.tokens:
            raise PolicyError("the filter ends too early")
        return self.tokens.pop(0)

    def _is_symbol(self, symbol: str) -> bool:
        return bool(self.tokens) and self.tokens[0]["symbol"] == symbol

    def _or(self) -> Condition | None:
        parts = [self._and()]
        while self._is_symbol("+"):
            self._next()
            parts.append(self._and())
        if len(parts) == 1:
            return parts[0]
        known = [part for part in parts if part is not None]
        return {"any": known} if len(known) == len(parts) else None

    def _and(self) -> Condition | None:
        parts = [self._not()]
        while self._is_symbol("*"):
            self._next()
            parts.append(self._not())
        known = [part for part in parts if part is not None]
        if len(known) <= 1:
            return known[0] if known else None
        return {"all": known}

    def _not(self) -> Condition | None:
        self.depth += 1
        if self.depth > _DEPTH_MAX:
            raise PolicyError("the filter is nested too deeply")
        token = self._next()
        try:
            if token["symbol"] == "!":
                inner = self._not()
                if inner is None:
                    raise PolicyError("the filter takes nothing")
                return {"not": inner}
            if token["symbol"] == "(":
                found = self._or()
                if not self._is_symbol(")"):
                    raise PolicyError("a bracket of the filter is not closed")
                self._next()
                return found
        finally:
            self.depth -= 1
        if token["constant"]:
            if token["constant"] == "false.":
                raise PolicyError("the filter takes nothing")
            return None
        if token["attribute"] is None:
            raise PolicyError("the filter is not understood")
        return _comparison(token)


def _tokens(text: str) -> list[re.Match[str]]:
    tokens: list[re.Match[str]] = []
    position = 0
    while text[position:].strip():
        found = _TOKEN.match(text, position)
        if found is None:
            raise PolicyError(f"the filter is not understood from character {position + 1} on")
        tokens.append(found)
        position = found.end()
    return tokens


def _comparison(token: re.Match[str]) -> Condition:
    written, method, value = token["attribute"], token["method"], token["value"]
    attribute = tag_name(written.strip("[]")) if written.startswith("[") else _known(written)
    if attribute is None:
        raise PolicyError(f"{written} is no attribute that a policy can name")
    if method in ("exists", "isPresent"):
        return {attribute: {"exists": True}}
    if method in ("isBlank", "isEmpty", "isMissing"):
        return {attribute: {"exists": False}}
    operator = _OPERATORS.get(method)
    if operator is None or value is None:
        raise PolicyError(f"a policy has no comparison like .{method}()")
    if not value:
        if operator == "is":
            return {attribute: {"exists": False}}
        raise PolicyError(f".{method}() without a value always holds")
    if operator == "matches":
        value = f"^(?:{value})$"  # in Java, an expression matches a value whole
        try:
            compile_pattern(value)
        except ValueError:
            raise PolicyError("its expression is none that RE2 takes") from None
    if not value.isprintable() or len(value) > PATTERN_LENGTH_MAX:
        raise PolicyError("its text is too long, or has characters that no value may have")
    # A filter takes an absent value for an empty text, which is none of these.
    return {attribute: {operator: value, "if-missing": "no-match"}}


def _known(name: str) -> str | None:
    try:
        return canonical(name)
    except UnknownAttributeError:
        return None

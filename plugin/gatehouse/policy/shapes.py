"""Check a parsed file against its JSON Schema, with lines and hints.

Knows just the part of JSON Schema that ``schema`` and the cases' schema use; a test compares its
verdicts with those of the package ``jsonschema``, which is not used here because its messages speak
of schemas and not of policies, and because importing it costs more than reading all policies does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from gatehouse.policy.attributes import ATTRIBUTE_PATTERN
from gatehouse.policy.report import Report, nearest
from gatehouse.policy.yaml_subset import Node
from gatehouse.standard.dictionary import keywords

_KINDS = {
    "mapping": "object",
    "sequence": "array",
    "text": "string",
    "integer": "integer",
    "boolean": "boolean",
    "null": "null",
}
_WORDS = {
    "object": "keys with values",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "null",
}
SHOWN_LENGTH_MAX = 60


class Shapes:
    """Checks nodes against one schema document.

    Parameters
    ----------
    schema : dict
        The document; ``$ref`` points into it.
    report : Report
        Takes the problems.
    """

    def __init__(self, schema: dict[str, Any], report: Report) -> None:
        self.schema = schema
        self.report = report
        self._wrong: set[int] = set()

    def check(self, node: Node, place: str) -> None:
        """Check the top node and everything in it; ``place`` is what the node is called."""
        self._check(node, self.schema, place)

    def is_right(self, node: Node | None) -> bool:
        """Return whether the node is there, and neither it nor anything in it has a problem."""
        return node is not None and id(node) not in self._wrong

    def _check(self, node: Node, schema: dict[str, Any], place: str) -> bool:
        """Check a node; True if it and everything in it is as the schema asks."""
        schema = self._resolve(schema)
        if "oneOf" in schema:
            right = self._check_one_of(node, schema, place)
        elif "const" in schema or "enum" in schema:
            right = self._check_word(node, schema, place)
        else:
            right = self._check_typed(node, schema, place)
        if not right:
            self._wrong.add(id(node))
        return right

    def _resolve(self, schema: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in schema:
            found: Any = self.schema
            for step in schema["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            schema = found
        return schema

    def _error(self, node: Node, message: str, hint: str = "") -> bool:
        self.report.error(node.line, message, hint)
        return False

    def _check_word(self, node: Node, schema: dict[str, Any], place: str) -> bool:
        words = schema.get("enum", [schema.get("const")])
        if node.value in words and not isinstance(node.value, bool):
            return True
        return self._wrong_word(node, words, place)

    def _wrong_word(self, node: Node, words: Iterable[str], place: str) -> bool:
        if node.kind in ("mapping", "sequence"):
            expected = " or ".join(words)
            return self._error(node, f"{place} must be {expected}, and not {_kind(node)}")
        return self._error(node, f"{place} can't be {shown(node)}", nearest(str(node.value), words))

    def _check_one_of(self, node: Node, schema: dict[str, Any], place: str) -> bool:
        branches = [self._resolve(branch) for branch in schema["oneOf"]]
        key = schema.get("discriminator", {}).get("propertyName")
        if key is not None:
            return self._check_discriminated(node, branches, key, place)
        typed = [branch for branch in branches if "const" not in branch]
        if node.kind == "mapping" and typed:
            return self._check(node, typed[0], place)
        words = [branch["const"] for branch in branches if "const" in branch]
        if node.kind != "mapping" and node.value in words:
            return True
        if typed and node.kind in ("sequence", "null"):
            expected = " or ".join([*words, *(_WORDS[branch["type"]] for branch in typed)])
            return self._error(node, f"{place} must be {expected}, and not {_kind(node)}")
        return self._wrong_word(node, words, place)

    def _check_discriminated(
        self, node: Node, branches: list[dict[str, Any]], key: str, place: str
    ) -> bool:
        if node.kind != "mapping":
            return self._error(node, f"{place} must be keys with values, and not {_kind(node)}")
        by_word = {branch["properties"][key]["const"]: branch for branch in branches}
        chosen = node.get(key)
        if chosen is None:
            return self._error(node, f'{place} has no key "{key}"', nearest("", by_word))
        if chosen.kind != "text" or chosen.value not in by_word:
            return self._wrong_word(chosen, by_word, f'"{key}"')
        return self._check_typed(node, by_word[chosen.value], place)

    def _check_typed(self, node: Node, schema: dict[str, Any], place: str) -> bool:
        types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        if _KINDS[node.kind] not in types:
            expected = schema.get("expects") or " or ".join(_WORDS[one] for one in types)
            if node.kind == "null":
                return self._error(node, f"{place} has no value", f"it takes {expected}")
            return self._error(
                node,
                f"{place} must be {expected}, and not {_kind(node)}",
                _quote_hint(node, types),
            )
        if node.kind == "mapping":
            return self._check_mapping(node, schema, place)
        if node.kind == "sequence":
            return self._check_sequence(node, schema, place)
        return self._check_scalar(node, schema, place)

    def _check_scalar(self, node: Node, schema: dict[str, Any], place: str) -> bool:
        value = node.value
        if node.kind == "integer":
            low, high = schema.get("minimum", value), schema.get("maximum", value)
            if low <= value <= high:
                return True
            return self._error(node, f"{place} can't be {value}", f"it is from {low} to {high}")
        if not isinstance(value, str):
            return True
        if len(value) < schema.get("minLength", 0):
            return self._error(node, f"{place} is empty")
        if len(value) > schema.get("maxLength", len(value)):
            return self._error(node, f"{place} is longer than {schema['maxLength']} characters")
        pattern = schema.get("pattern")
        if pattern and not _fits(pattern, value):
            return self._error(
                node, f"{place} can't be {shown(node)}", f"it takes {schema['expects']}"
            )
        return True

    def _check_sequence(self, node: Node, schema: dict[str, Any], place: str) -> bool:
        right = True
        elements = node.elements()
        if len(elements) < schema.get("minItems", 0):
            right = self._error(node, f"{place} is an empty list")
        for element in elements:
            right &= self._check(element, schema["items"], f"an entry of {place}")
        if schema.get("uniqueItems"):
            seen: list[Any] = []
            for element in elements:
                if element.plain() in seen:
                    right = self._error(element, f"{shown(element)} is in {place} twice")
                seen.append(element.plain())
        return right

    def _check_mapping(self, node: Node, schema: dict[str, Any], place: str) -> bool:
        right = True
        for key in schema.get("required", ()):
            if node.get(key) is None:
                right = self._error(node, f'{place} has no key "{key}"')
        if len(node.items()) < schema.get("minProperties", 0):
            right = self._error(node, f"{place} is empty")
        for key, value in node.items():
            found = self._schema_of(key, schema)
            if found is None:
                self.report.error(
                    node.line_of(key), f'{place} has an unknown key "{key}"', _hint(key, schema)
                )
                right = False
            else:
                right &= self._check(value, found, f'"{key}"')
        return right

    def _schema_of(self, key: str, schema: dict[str, Any]) -> dict[str, Any] | None:
        properties: dict[str, dict[str, Any]] = schema.get("properties", {})
        if key in properties:
            return properties[key]
        patterns: dict[str, dict[str, Any]] = schema.get("patternProperties", {})
        for pattern, found in patterns.items():
            if _fits(pattern, key):
                return found
        return schema.get("additionalProperties") or None


def _fits(pattern: str, value: str) -> bool:
    """Return whether a value fits a pattern of the schema, which all are about single lines.

    In Python, unlike in JSON Schema, ``$`` also stands before a last line feed.
    """
    return "\n" not in value and re.search(pattern, value) is not None


def shown(node: Node) -> str:
    """Return a value as a message shows it, shortened; for texts of policies only."""
    if node.kind in ("mapping", "sequence"):
        return _kind(node)
    if node.kind == "text":
        value = node.value
        short = value if len(value) <= SHOWN_LENGTH_MAX else value[:SHOWN_LENGTH_MAX] + "..."
        return f'"{short}"'
    return {True: "true", False: "false", None: "null"}.get(node.value, str(node.value))


def _kind(node: Node) -> str:
    return _WORDS[_KINDS[node.kind]] if node.kind != "text" else f"the text {shown(node)}"


def _quote_hint(node: Node, types: list[str]) -> str:
    if "string" in types and node.kind in ("integer", "boolean"):
        return f'write it in quotes: "{shown(node)}"'
    return ""


def _hint(key: str, schema: dict[str, Any]) -> str:
    known = list(schema.get("properties", {}))
    if key in schema.get("elsewhere", {}):
        return str(schema["elsewhere"][key])
    if ATTRIBUTE_PATTERN in schema.get("patternProperties", {}):
        near = nearest(key, [*known, *keywords()])
        return near or "an attribute is a keyword, (gggg,eeee) or (gggg,{CREATOR},ee)"
    return nearest(key, known)

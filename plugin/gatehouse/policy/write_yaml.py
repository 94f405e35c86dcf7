"""Write the YAML of policies and cases, in the subset that ``yaml_subset`` reads."""

from __future__ import annotations

import json
import re
from typing import Any, Final

_PLAIN: Final = re.compile(r"[A-Za-z0-9^_(][A-Za-z0-9 ^_.,/+*'()-]*")
_INTEGER: Final = re.compile(r"-?[0-9]+")
_WORDS: Final = frozenset({"true", "false", "null", "~"})
_LINE_LENGTH_MAX: Final = 96


def scalar(value: str | int | bool | None) -> str:
    """Return a value as it is written; text that would be read as something else in quotes."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    is_plain = _PLAIN.fullmatch(value) and value == value.strip()
    if is_plain and value not in _WORDS and not _INTEGER.fullmatch(value) and "," not in value:
        return value
    return json.dumps(value, ensure_ascii=False)


def flow(value: Any) -> str:
    """Return a value on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(key)}: {flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(flow(one) for one in value) + "]"
    return scalar(value)


def block(value: dict[str, Any], indent: int = 0) -> str:
    """Return a mapping on lines of its own; what is short enough stays on one line."""
    lines: list[str] = []
    for key, one in value.items():
        head = f"{' ' * indent}{scalar(key)}:"
        if not isinstance(one, (dict, list)) or not one or _is_short(head, one):
            lines.append(f"{head} {flow(one)}\n")
        elif isinstance(one, dict):
            lines += [f"{head}\n", block(one, indent + 2)]
        else:
            lines.append(f"{head}\n")
            lines += [_element(element, indent + 2) for element in one]
    return "".join(lines)


def _is_short(head: str, value: Any) -> bool:
    return (
        len(head) + len(flow(value)) < _LINE_LENGTH_MAX
        and (not isinstance(value, dict) or len(value) <= 3)
        and not any(isinstance(one, dict) for one in (value if isinstance(value, list) else []))
    )


def _element(element: Any, indent: int) -> str:
    dash = f"{' ' * indent}- "
    if isinstance(element, dict) and len(element) == 1:
        return dash + block(element, indent + 2)[indent + 2 :]
    if not isinstance(element, dict) or (len(element) <= 4 and _is_short(dash, [flow(element)])):
        return f"{dash}{flow(element)}\n"
    text = block(element, indent + 2)
    return dash + text[indent + 2 :]

"""Orthanc's configuration files: JSON with comments and ``${NAME}`` from the environment.

Reads them as Orthanc does, so that ``gatehouse up`` and the tests start from the same files that a
production site uses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from gatehouse.errors import ConfigurationError

_VARIABLE = re.compile(r"\$\{([^}:]*)(?::-([^}]*))?\}")

_STRING_OR_COMMENT = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\n]*|/\*.*?\*/', re.DOTALL)


def read_orthanc_json(text: str, environment: Mapping[str, str], name: str) -> dict[str, Any]:
    """Return the configuration that Orthanc would read from a text.

    Parameters
    ----------
    text : str
        The file's text.
    environment : Mapping
        Where ``${NAME}`` and ``${NAME:-default}`` are looked up. Without a default, a name that is
        not there is an empty text, as in Orthanc.
    name : str
        The file's name, for the error.

    Raises
    ------
    ConfigurationError
        The text is not such a file.
    """
    replaced = _VARIABLE.sub(
        lambda found: environment.get(found[1], found[2] if found[2] is not None else ""),
        _without_comments(text),
    )
    try:
        configuration = json.loads(replaced)
    except json.JSONDecodeError as error:
        raise ConfigurationError(f"{name}:{error.lineno}: not JSON: {error.msg}") from None
    if not isinstance(configuration, dict):
        raise ConfigurationError(f"{name}: must be an object")
    return configuration


def variables(text: str) -> dict[str, str | None]:
    """Return the names of the environment that a file asks for, with their defaults."""
    return {found[1]: found[2] for found in _VARIABLE.finditer(_without_comments(text))}


def merge(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with what ``overlay`` says; objects are merged, all else is replaced."""
    merged = dict(base)
    for key, value in overlay.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            merged[key] = merge(old, value)
        else:
            merged[key] = value
    return merged


def _without_comments(text: str) -> str:
    # A comment becomes a space and keeps its line breaks, so that an error's line is right.
    return _STRING_OR_COMMENT.sub(
        lambda found: found[0] if found[0].startswith('"') else " " + "\n" * found[0].count("\n"),
        text,
    )

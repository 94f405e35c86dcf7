"""Checks JSON objects of the settings, and says where in them something is wrong."""

from __future__ import annotations

import difflib
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from gatehouse.errors import ConfigurationError

Check = Callable[[object], Any]

T = TypeVar("T")

_WINDOW = re.compile(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d")


def text(value: object) -> str:
    """Return a text."""
    if not isinstance(value, str):
        raise ConfigurationError("must be a text")
    return value


def flag(value: object) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise ConfigurationError("must be true or false")
    return value


def path(value: object) -> Path:
    """Return an absolute path."""
    found = Path(text(value))
    if not found.is_absolute():
        raise ConfigurationError("must be an absolute path")
    return found


def whole(low: int, high: int) -> Check:
    """Return a check for a whole number between two."""

    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ConfigurationError(f"must be a whole number from {low} to {high}")
        return value

    return check


def number(high: float) -> Check:
    """Return a check for a number above 0 and up to another one."""

    def check(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= high:
            raise ConfigurationError(f"must be a number above 0 and up to {high:g}")
        return float(value)

    return check


def window(value: object) -> tuple[str, str]:
    """Return both ends of ``18:00-07:00``."""
    if not _WINDOW.fullmatch(text(value)):
        raise ConfigurationError('must be local times such as "18:00-07:00"')
    begin, _, end = text(value).partition("-")
    if begin == end:
        raise ConfigurationError("would never be open")
    return begin, end


def url(value: object) -> str:
    """Return an http or https URL without user and password."""
    parts = urlsplit(text(value))
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError("must be an http or https URL")
    if parts.username or parts.password:
        raise ConfigurationError("must not hold a user or a password")
    return text(value).rstrip("/")


def secret_file(value: object) -> str:
    """Return what is in a file that only its owner can read."""
    file = path(value)
    try:
        if file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ConfigurationError("can be read by others than its owner; run: chmod 0600 on it")
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError("can't be read") from None


def fields(value: object, checks: Mapping[str, tuple[str, Check]], *needed: str) -> dict[str, Any]:
    """Return the checked values of an object, by the names that the code has for them.

    Parameters
    ----------
    checks : Mapping
        Key in the settings -> name in the code, and check.
    needed : str
        Keys that must be there.
    """
    if not isinstance(value, dict):
        raise ConfigurationError("must be an object")
    found: dict[str, Any] = {}
    for key, part in value.items():
        if key not in checks:
            near = difflib.get_close_matches(key, checks, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ConfigurationError(f"has no key {key}{hint}")
        name, check = checks[key]
        try:
            found[name] = check(part)
        except ConfigurationError as error:
            raise ConfigurationError(f"{key} {error}") from None
    missing = [key for key in needed if key not in value]
    if missing:
        raise ConfigurationError(f"needs {', '.join(missing)}")
    return found


def named(check: Callable[[object], T]) -> Callable[[object], Mapping[str, T]]:
    """Return a check for an object whose keys are names of the administrator's choice."""

    def check_all(value: object) -> Mapping[str, T]:
        if not isinstance(value, dict):
            raise ConfigurationError("must be an object of names")
        found: dict[str, T] = {}
        for name, part in value.items():
            try:
                found[name] = check(part)
            except ConfigurationError as error:
                raise ConfigurationError(f"{name}: {error}") from None
        return found

    return check_all

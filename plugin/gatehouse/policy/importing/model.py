"""What is read of another de-identifier's rules: parts of a policy, and what was left out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal


@dataclass(frozen=True, slots=True)
class Left:
    """A line that was not carried over, or not as it was meant."""

    line: int
    what: str
    """The rule, shortened; from the file that is imported."""
    why: str
    severity: Literal["not carried over", "changed"] = "not carried over"


@dataclass
class Imported:
    """What was read."""

    options: set[str] = field(default_factory=set)
    attributes: dict[str, dict[str, Any]] = field(default_factory=dict)
    """As in a policy: attribute -> action, because and parameters."""
    conditions: list[dict[str, Any]] = field(default_factory=list)
    """Conditions of ``match`` that must all hold."""
    unlisted: Literal["profile", "remove"] = "profile"
    left: list[Left] = field(default_factory=list)
    is_filter_lost: bool = False
    """Whether the source says which studies it takes, and that could not be read."""
    rules: int = 0
    """How many rules the file has."""

    def leave(self, line: int, what: str, why: str) -> None:
        """Note that a line is not carried over."""
        self.left.append(Left(line, _shortened(what), _safe(why)))

    def change(self, line: int, what: str, why: str) -> None:
        """Note that a line is carried over with another meaning."""
        self.left.append(Left(line, _shortened(what), _safe(why), "changed"))


_SHOWN_LENGTH_MAX: Final = 80


def _shortened(text: str) -> str:
    safe = _safe(" ".join(text.split()))
    return safe if len(safe) <= _SHOWN_LENGTH_MAX else safe[: _SHOWN_LENGTH_MAX - 3] + "..."


def _safe(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)

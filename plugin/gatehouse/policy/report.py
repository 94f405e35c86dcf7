"""Collect the problems of a file, all of them, each with its line and a hint.

Does not print: commands do.
"""

from __future__ import annotations

from collections.abc import Iterable

from gatehouse.policy.model import Problem


class Report:
    """The problems of one file, in the order in which they are found."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def error(self, line: int, message: str, hint: str = "") -> None:
        """Add what makes the file unusable."""
        self.problems.append(Problem(self.file, line, _one_line(message), _one_line(hint)))

    def warning(self, line: int, message: str, hint: str = "") -> None:
        """Add what a person should look at; the file stays usable."""
        self.problems.append(
            Problem(self.file, line, _one_line(message), _one_line(hint), "warning")
        )

    @property
    def has_errors(self) -> bool:
        """True if one of the problems is an error."""
        return any(problem.severity == "error" for problem in self.problems)


def _one_line(text: str) -> str:
    """Return text that shows control characters instead of sending them to a terminal or log."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def render(problem: Problem) -> str:
    """Return a problem as it is printed: ``file:line: error: message`` and ``hint: ...``."""
    first = f"{problem.file}:{problem.line}: {problem.severity}: {problem.message}"
    return f"{first}\nhint: {problem.hint}" if problem.hint else first


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Sort problems by file and line; those of one line stay as they were found."""
    return tuple(sorted(problems, key=lambda problem: (problem.file, problem.line)))


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a hint that names the known word that is nearest, or all if these are few."""
    import difflib  # only where a policy has a mistake

    words = sorted(known)
    by_folded = {name.casefold(): name for name in words}
    close = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.7)
    if close:
        return f"did you mean {by_folded[close[0]]}?"
    return f"known here: {', '.join(words)}" if 1 <= len(words) <= 16 else ""


def line_of_key(text: str, key: str) -> int:
    """Return the line on which a top-level key of a policy's text stands; 1 if it does not."""
    lines = enumerate(text.splitlines(), 1)
    return next((number for number, line in lines if line.startswith(f"{key}:")), 1)

"""Registered elements of the policy language: comparisons, facts, actions, options, destinations.

An element is a small function that carries its documentation with it: the docstring becomes the
description in the JSON Schema and in the reference, ``source`` names the clause of the Standard or
the part of Orthanc it comes from, ``schema`` says what may be written. A name can't be registered
twice, and nothing is registered without a docstring.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Entry(Generic[F]):
    """One registered element."""

    name: str
    function: F
    source: str
    schema: Mapping[str, Any]
    description: str

    @property
    def summary(self) -> str:
        """The first sentence of the description, in one line."""
        return self.description.split("\n\n", 1)[0].replace("\n", " ")


class Registry(Generic[F]):
    """Names and what they stand for.

    Parameters
    ----------
    kind : str
        What the elements are, for messages: ``"comparison"``, ``"action"`` ...
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, Entry[F]] = {}

    def register(
        self, name: str, *, source: str, schema: Mapping[str, Any] | None = None
    ) -> Callable[[F], F]:
        """Return a decorator that registers a function under a name.

        Raises
        ------
        ValueError
            If the name is taken, or the function has no docstring.
        """

        def decorate(function: F) -> F:
            description = inspect.getdoc(function)
            if not description:
                raise ValueError(f"the {self.kind} {name} has no docstring")
            if name in self._entries:
                raise ValueError(f"the {self.kind} {name} is registered twice")
            self._entries[name] = Entry(name, function, source, schema or {}, description)
            return function

        return decorate

    def __getitem__(self, name: str) -> Entry[F]:
        return self._entries[name]

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[Entry[F]]:
        return iter(self._entries.values())

    def names(self) -> list[str]:
        """Return the names in the order of registration."""
        return list(self._entries)

"""What is to be done to an object, as the policy asks for it.

A ``Recipe`` is the neutral form of a policy's ``deidentify`` and ``pixels`` sections; ``plan``
compiles it, together with the Standard's tables, into what the engine runs. No logic here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

ActionName = Literal[
    "keep",
    "remove",
    "empty",
    "dummy",
    "replace",
    "pseudonym",
    "new-uid",
    "shift-date",
    "truncate-date",
    "generalize",
    "clean-text",
]


_NONE: Final[Mapping[str, str | int]] = {}


class AttributeRule(NamedTuple):
    """A policy's exception for one attribute.

    Parameters
    ----------
    path : str
        As written: a keyword, ``(gggg,eeee)``, ``(gggg,{CREATOR},ee)``, or a path of these joined
        with ``/``. A single attribute is meant at every depth, as a row of Table E.1-1 is; a path
        is anchored at the top of the data set.
    action : ActionName
        The action of the policy.
    because : str
        Why the profile is departed from.
    line : int
        Line of the rule in the policy file, for explanations; 0 if there is none.
    parameters : Mapping
        What the action needs besides: ``with`` for replace, ``to`` for truncate-date ...
    """

    path: str
    action: ActionName
    because: str
    line: int = 0
    parameters: Mapping[str, str | int] = _NONE


class Recipe(NamedTuple):
    """The ``deidentify`` and ``pixels`` sections of one version of a policy.

    Options are named after PS3.15 E.3 in kebab-case, e.g. ``"retain-uids"``.
    """

    project: str
    profile: Literal["basic", "none"] = "basic"
    """``"none"`` forwards instances as they are, with the patient's identity."""
    because: str = ""
    """Why nothing is de-identified, for the profile ``"none"``."""
    options: frozenset[str] = frozenset()
    attributes: tuple[AttributeRule, ...] = ()
    unlisted: Literal["profile", "remove"] = "profile"
    """What happens to attributes that the profile keeps and the policy does not name."""
    preserves_weekday: bool = False
    """Whether dates move by whole weeks, for studies in which the day of the week matters."""
    suspicious_pixels: Literal["hold", "accept"] = "hold"
    policy: str = ""
    version: int = 0
    digest: str = ""

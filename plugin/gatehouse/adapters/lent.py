"""Lends Orthanc's Python what the engine needs of the virtual environment in reception mode.

The engine is standard library but for two packages that it imports when it meets what they are for:
``anyascii`` (names in other scripts, in Latin letters) is pure Python and runs in any version;
``re2`` (the condition ``matches``) is compiled for the virtual environment's version. Nothing else
of the virtual environment is made importable inside Orthanc: a compiled library of another version
would end it.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from gatehouse.errors import PolicyError
from gatehouse.policy.comparisons import compile_pattern
from gatehouse.policy.conditions import comparisons_in
from gatehouse.policy.decide import conditions_of
from gatehouse.policy.model import Pack

PACKAGES = ("anyascii", "re2")


def packages_here() -> str:
    """Return where the Python that runs this has the packages to lend.

    Raises
    ------
    PolicyError
        If it does not have them.
    """
    found = find_spec(PACKAGES[0])
    if found is None or found.origin is None:
        raise PolicyError(f"{PACKAGES[0]} is not installed; `make setup` installs it")
    return str(Path(found.origin).parents[1])


def borrow(packages: str, pack: Pack) -> None:
    """Import what a pack needs, before any instance needs it.

    Parameters
    ----------
    packages : str
        Where the virtual environment has its packages, as `packages_here` gave it there.

    Raises
    ------
    PolicyError
        If it can't be had: the pack can't be used in reception mode here.
    """
    patterns = [
        str(leaf.expected)
        for policy in pack.policies
        for condition in conditions_of(policy)
        for leaf in comparisons_in(condition)
        if leaf.operator == "matches"
    ]
    for name in PACKAGES if patterns else PACKAGES[:1]:
        _import(name, packages)
    for pattern in patterns:
        compile_pattern(pattern)


def _import(name: str, packages: str) -> None:
    if name in sys.modules:
        return
    # At the end, and only for this import: what Orthanc's Python has of its own comes first.
    sys.path.append(packages)
    try:
        import_module(name)
    except Exception as error:  # noqa: BLE001  whatever it is: it can't be used
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise PolicyError(
            f"the policies can't be used in reception mode: {name} can't be loaded by Orthanc's "
            f"Python {version} ({type(error).__name__}); the virtual environment must be of the "
            "same version"
        ) from None
    finally:
        sys.path.remove(packages)

"""The options of PS3.15 section E.3: which exist, which go together, and who wins.

Decided in docs/adr/0003-options-that-disagree.md: an option overrides the profile; where two
options disagree on an attribute, C (clean) wins over K (keep).
"""

from __future__ import annotations

from collections.abc import Collection

from gatehouse.errors import PolicyError
from gatehouse.standard.table import Cell

METHOD_CODES = {
    "clean-pixel-data": "113101",
    "clean-recognizable-visual-features": "113102",
    "clean-graphics": "113103",
    "clean-structured-content": "113104",
    "clean-descriptors": "113105",
    "retain-full-dates": "113106",
    "retain-modified-dates": "113107",
    "retain-patient-characteristics": "113108",
    "retain-device-identity": "113109",
    "retain-uids": "113110",
    "retain-safe-private": "113111",
    "retain-institution-identity": "113112",
}
"""Option -> code value in CID 7050. All options of E.3, those that are refused included."""

BASIC_PROFILE_CODE = "113100"

REFUSED = ("clean-pixel-data", "clean-recognizable-visual-features")
"""Named by the Standard; Gatehouse can't do them yet, and must not say that it did."""

EXCLUSIVE = (("retain-full-dates", "retain-modified-dates"),)
"""E.3.6 defines them as alternatives: dates are either kept or changed."""


def check_options(options: Collection[str]) -> None:
    """Raise ``PolicyError`` if these options can't be carried out, or not together."""
    for option in sorted(options):
        if option not in METHOD_CODES:
            raise PolicyError(f"there is no option {option!r} in PS3.15 section E.3")
        if option in REFUSED:
            raise PolicyError(
                f"the option {option} can't be carried out by this version of Gatehouse; images "
                "that may carry burned-in text are held instead (pixels: suspicious: hold)"
            )
    for one, other in EXCLUSIVE:
        if one in options and other in options:
            raise PolicyError(f"the options {one} and {other} exclude each other (PS3.15 E.3.6)")


def longitudinal_marking(options: Collection[str]) -> str:
    """Return the value of Longitudinal Temporal Information Modified (0028,0303)."""
    if "retain-full-dates" in options:
        return "UNMODIFIED"
    return "MODIFIED" if "retain-modified-dates" in options else "REMOVED"


def method_codes(options: Collection[str]) -> tuple[str, ...]:
    """Return the code values of CID 7050 for the profile and these options, profile first."""
    return (BASIC_PROFILE_CODE, *sorted(METHOD_CODES[option] for option in options))


def choose(cell: Cell, options: Collection[str]) -> tuple[str, str]:
    """Return the action code for a row of Table E.1-1, and whose it is.

    Parameters
    ----------
    cell : Cell
        The row's codes.
    options : collection of str
        The options that the policy asks for.

    Returns
    -------
    tuple of str
        Code, maybe a compound one, and ``"profile"`` or the option's name.
    """
    asked = sorted((code, name) for name, code in cell.options.items() if name in options)
    # C sorts before K: cleaning keeps what both options are for, keeping would undo the cleaning.
    return asked[0] if asked else (cell.basic, "profile")

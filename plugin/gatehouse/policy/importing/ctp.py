"""Read the scripts of RSNA's CTP: the DICOM Anonymizer's (XML) and the DICOM Filter's.

The anonymizer's script has an element per attribute, ``<e en="T" t="00100010" n="PatientName">
@hash(this,10)</e>``, parameters ``<p t="UIDROOT">``, elements to keep by group ``<k>`` and what
happens to the rest ``<r t="privategroups">``. The filter is a boolean expression over
``Modality.equals("CT")``.

Source: the MIRC CTP wiki, "The CTP DICOM Anonymizer" and "The CTP DICOM Filter".
"""

from __future__ import annotations

import re
from typing import Final
from xml.parsers import expat

from gatehouse.errors import PolicyError
from gatehouse.policy.importing.attributes import tag_name, take_over
from gatehouse.policy.importing.model import Imported

_CALL: Final = re.compile(r"@(\w+)\((.*)\)", re.DOTALL)


def read_ctp(script: bytes) -> Imported:
    """Read an anonymizer script.

    Raises
    ------
    PolicyError
        If it is none.
    """
    imported = Imported()
    for line, kind, attributes, text in _elements(script):
        if kind == "e" and attributes.get("en", "T") == "T":
            imported.rules += 1
            _rule(imported, line, attributes, text.strip())
        elif kind == "p":
            imported.leave(
                line, f"p {attributes.get('t', '')} {text}", "a policy has no parameters"
            )
        elif kind in ("k", "r") and attributes.get("en") == "T":
            imported.rules += 1
            _general(imported, line, kind, attributes, text)
    if not imported.rules:
        raise PolicyError("this is no script of the CTP DICOM Anonymizer: it has no rule")
    return imported


def _elements(script: bytes) -> list[tuple[int, str, dict[str, str], str]]:
    """Return the elements of a script with their lines; entities of its own are refused."""
    found: list[tuple[int, str, dict[str, str], list[str]]] = []
    parser = expat.ParserCreate()

    def begin(name: str, attributes: dict[str, str]) -> None:
        found.append((parser.CurrentLineNumber, name, attributes, []))

    def characters(text: str) -> None:
        if found:
            found[-1][3].append(text)

    def refuse(*_: object) -> None:
        raise PolicyError("the script declares entities, which no CTP script does")

    parser.StartElementHandler = begin
    parser.CharacterDataHandler = characters
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(script, True)
    except expat.ExpatError as error:
        raise PolicyError(f"line {error.lineno}: this is no XML") from None
    return [(line, name, attributes, "".join(texts)) for line, name, attributes, texts in found]


def _rule(imported: Imported, line: int, attributes: dict[str, str], text: str) -> None:
    tag = attributes.get("t", "")
    shown = f"{tag} {attributes.get('n', '')} {text}"
    attribute = tag_name(tag)
    if attribute is None:
        imported.leave(line, shown, "it names no attribute that a policy can name")
        return
    found = _CALL.fullmatch(text)
    if not text:
        take_over(imported, line, shown, attribute, "empty")
    elif not text.startswith("@"):
        take_over(imported, line, shown, attribute, "replace", with_=text)
    elif found is None:
        imported.leave(line, shown, "this is no single function call")
    else:
        _call(imported, line, shown, attribute, found[1], found[2])


def _call(
    imported: Imported, line: int, shown: str, attribute: str, function: str, arguments: str
) -> None:
    """Take over a rule that is one function call."""
    match function:
        case "remove":
            take_over(imported, line, shown, attribute, "remove")
        case "empty":
            take_over(imported, line, shown, attribute, "empty")
        case "keep":
            take_over(imported, line, shown, attribute, "keep")
        case "hashuid":
            take_over(imported, line, shown, attribute, "new-uid")
        case "hash" | "hashname" | "hashptid" | "integer" | "lookup":
            _pseudonym(imported, line, shown, attribute, function)
        case "incrementdate" | "modifydate" | "hashdate":
            imported.change(line, shown, "dates are moved by a keyed offset of the patient")
            take_over(imported, line, shown, attribute, "shift-date")
        case "truncatedate" | "round":
            imported.leave(line, shown, f"@{function} has no action in a policy")
        case "require":
            imported.leave(line, shown, "an attribute that is absent is not added")
        case _:
            imported.leave(line, shown, f"@{function}({arguments}) has no action in a policy")


def _pseudonym(imported: Imported, line: int, shown: str, attribute: str, function: str) -> None:
    if attribute in ("PatientID", "PatientName"):
        imported.change(line, shown, "the profile replaces it by the patient's keyed pseudonym")
        return
    imported.change(line, shown, f"@{function} becomes a keyed pseudonym of the project")
    take_over(imported, line, shown, attribute, "pseudonym")


def _general(
    imported: Imported, line: int, kind: str, attributes: dict[str, str], text: str
) -> None:
    what = attributes.get("t", "")
    shown = f"{kind} {what} {text}"
    if kind == "k":
        imported.leave(
            line, shown, "whole groups are not kept; name the attributes that are needed"
        )
    elif what == "privategroups":
        return  # every policy removes private attributes that nothing names
    elif what == "unspecifiedelements":
        imported.unlisted = "remove"
    elif what in ("curves", "overlays"):
        return  # the profile removes them
    else:
        imported.leave(line, shown, "there is no such general rule in a policy")

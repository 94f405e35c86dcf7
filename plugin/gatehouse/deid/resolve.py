"""Resolve the action codes of Table E.1-1 for one attribute in one IOD.

A compound code (X/Z/D ...) is decided by the Type that the attribute has at its path in the
instance's IOD (docs/adr/0004-types-decide-compound-codes.md). Conditional Types count as their
strict siblings: whether a condition holds can't be known here, and the attribute is present.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import Enum
from typing import Any, NamedTuple

from gatehouse.deid.dummy_items import DUMMY_DOCUMENTS, DUMMY_ITEMS
from gatehouse.deid.options import choose
from gatehouse.deid.recipe import ActionName
from gatehouse.deid.rules import GROUP_LENGTH, KEEP, NO_PARAMETERS, PRIVATE, UNKNOWN, Rule
from gatehouse.deid.without_row import cell as cell_without_row
from gatehouse.standard import attribute_types, dictionary, table

Path = tuple[int, ...]

PATIENT_NAME = 0x00100010
PATIENT_ID = 0x00100020
ENCAPSULATED_DOCUMENT = 0x00420011
ENCAPSULATED_DOCUMENT_LENGTH = 0x00420015
LENGTH_TO_END = 0x00080001
ICON_IMAGE_SEQUENCE = 0x00880200
PIXELS = frozenset((0x7FE00008, 0x7FE00009, 0x7FE00010))

PSEUDONYMOUS = frozenset((PATIENT_NAME, PATIENT_ID))
"""Replaced by the patient's pseudonym, so that studies of a patient stay together (E.1.1)."""

_ALTERNATIVE_CALENDAR = frozenset((0x00100033, 0x00100034, 0x00100035))
"""Patient's Birth and Death Date in Alternative Calendar, and that calendar: without a row."""

_DATE_VRS = frozenset(("DA", "TM", "DT"))
_TEXT_VRS = frozenset(("AE", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"))

_CODED = frozenset((0x00080100, 0x00080102, 0x00080103, 0x00080119, 0x00080120))
"""Code Value, Coding Scheme Designator and Version, Long Code Value, URN Code Value: what a code
is; cleaned text in their place would be a code of nothing."""

_ZONE = 0x00080201
"""Timezone Offset From UTC: a date attribute by its meaning, though its VR is SH."""


class Mode(Enum):
    """What the sequences above an attribute mean for it (Table E.1-1a, notes on sequences)."""

    NORMAL = "normal"
    CLEANED = "cleaned"
    """Within a sequence with C: free text is cleaned also where it has no row of its own."""
    REPLACED = "replaced"
    """Within a sequence with D, Z or X: nothing of the original may be kept."""


class Context(NamedTuple):
    """Where an attribute is, apart from its path: what the sequences above mean, and by whom."""

    mode: Mode
    source: str


TOP = Context(Mode.NORMAL, "profile")


class Resolver:
    """The rules of one IOD under a set of options.

    Parameters
    ----------
    options : collection of str
        The options of the policy, checked.
    iod : str or None
        The IOD of the instance's SOP class; None if the Standard doesn't know that SOP class.
    """

    def __init__(self, options: Collection[str], iod: str | None) -> None:
        self._options = frozenset(options)
        self._iod = iod
        self._types = attribute_types.types_of(iod) if iod else {}

    def attribute_type(self, path: Path, tag: int) -> str:
        """Return ``"1"``, ``"2"`` or ``"3"`` for an attribute that is present.

        Not in the IOD at this path: the strictest Type that any IOD gives it in items of this
        sequence; else 3, because nothing that the Standard describes needs it.
        """
        found = self._types.get((*path, tag))
        if found is None and (path or self._iod is None):
            found = attribute_types.types_by_parent().get((*path[-1:], tag))
        return found[0] if found else "3"

    def public(self, path: Path, context: Context, tag: int) -> Rule:
        """Return the rule of the profile and the options for a public attribute."""
        if not tag & 0xFFFF or tag == LENGTH_TO_END:
            return GROUP_LENGTH
        cell = table.row(tag)
        if cell is None:
            return self._without_row(path, context, tag)
        return self._by_cell(path, context, tag, cell)

    def _by_cell(self, path: Path, context: Context, tag: int, cell: table.Cell) -> Rule:
        code, source = choose(cell, self._options)
        vr = dictionary.vr(tag) or "UN"
        if code == "C" and not _can_be_cleaned(tag, vr):
            code, source = cell.basic, "profile"
        if context.mode is Mode.REPLACED and code != "X":
            code, source = "D", "profile"
        return self._rule(tag, vr, self._settle(path, tag, code), source)

    def private(self, context: Context, vr: str) -> Rule:
        """Return the rule for a safe private attribute, which has this VR (E.3.10)."""
        if context.mode is Mode.REPLACED:
            return PRIVATE
        source = "retain-safe-private"
        if vr == "UI":
            kept = "retain-uids" in self._options
            return Rule("keep", "K", source) if kept else Rule("new-uid", "C", source)
        if vr in _DATE_VRS:
            return self._private_date(source)
        if vr in _TEXT_VRS:
            return Rule("clean-text", "C", source)
        return Rule("keep", "C" if vr == "SQ" else "K", source)

    def _private_date(self, source: str) -> Rule:
        if "retain-full-dates" in self._options:
            return Rule("keep", "K", source)
        if "retain-modified-dates" in self._options:
            return Rule("shift-date", "C", source)
        return Rule("remove", "X", source)

    def _without_row(self, path: Path, context: Context, tag: int) -> Rule:
        for mask, masked, _ in table.repeating():
            if tag & mask & 0xFF000000 == masked & 0xFF000000:
                # The rows remove curves whole, and of overlays the data and the comments. The rest
                # of an overlay is invalid without its data, and holds a label and a description.
                # Bitmaps can't be cleaned without being looked at: gone with clean-graphics, too.
                return Rule("remove", "X", "profile")
        vr = dictionary.vr(tag)
        if vr is None:
            return UNKNOWN
        if tag in _ALTERNATIVE_CALENDAR:
            return Rule("remove", "X", "profile")  # as Patient's Birth Date, of which it is one
        if tag == ENCAPSULATED_DOCUMENT_LENGTH:
            return Rule("remove", "X", "profile")  # of another document than the one that leaves
        if path[-1:] != (ICON_IMAGE_SEQUENCE,) and path and tag in PIXELS:
            return Rule("remove", "X", "profile")  # a picture by whose attributes nobody judges it
        cell = cell_without_row(tag)
        if cell is not None:
            return self._by_cell(path, context, tag, cell)
        if context.mode is Mode.REPLACED:
            return self._rule(tag, vr, ("D", "D"), "profile")
        if context.mode is Mode.CLEANED and vr in _TEXT_VRS and tag not in _CODED:
            return Rule("clean-text", "C", context.source)
        return KEEP

    def _settle(self, path: Path, tag: int, code: str) -> tuple[str, str]:
        """Return a simple code, and the code of what is done (D may carry out Z)."""
        if code in ("D", "U", "K", "C"):
            return code, code
        if code == "X":
            return self._removal(path, tag)
        required = self.attribute_type(path, tag)
        if code == "X/Z/U*":
            # Without items, the Referenced Series Sequence of the Common Instance Reference would
            # list what nothing refers to: U is required for conformance with Type 2, too.
            return ("X", "X") if required == "3" else ("U", "U")
        if required == "1":
            return ("Z", "D") if code in ("X/Z", "Z") else ("D", "D")
        if required == "2":
            return ("D", "D") if code == "X/D" else ("Z", "Z")
        return ("Z", "Z") if code in ("Z", "Z/D") else ("X", "X")

    def _removal(self, path: Path, tag: int) -> tuple[str, str]:
        """Settle X where the IOD always asks for the attribute: without it the object is invalid.

        Only for what the IOD says of this very path, and not for conditional Types.
        """
        required = self._types.get((*path, tag))
        if required == "1" and (tag in DUMMY_ITEMS or dictionary.vr(tag) != "SQ"):
            return "D", "D"
        return ("Z", "Z") if required == "2" else ("X", "X")

    def _rule(self, tag: int, vr: str, settled: tuple[str, str], source: str) -> Rule:
        code, done = settled
        if done in ("D", "Z") and tag in PSEUDONYMOUS:
            return Rule("pseudonym", code, source)
        if done == "D":
            return Rule("new-uid" if vr == "UI" else "dummy", code, source, 0, self._dummy(tag, vr))
        return Rule(_action(tag, vr, done), code, source)

    def _dummy(self, tag: int, vr: str) -> Mapping[str, Any]:
        if vr == "SQ" and tag in DUMMY_ITEMS:
            return {"items": DUMMY_ITEMS[tag]}
        if tag == _ZONE:
            return {"with": b"+0000"}
        if tag == ENCAPSULATED_DOCUMENT and self._iod is not None:
            # In an IOD without such a document its kind matters to nobody. Where the IOD is not
            # known, it may be all that the object is for: without a dummy, the object is held.
            return {"with": DUMMY_DOCUMENTS.get(self._iod, b"\0\0")}
        return NO_PARAMETERS


def _can_be_cleaned(tag: int, vr: str) -> bool:
    return vr == "SQ" or vr in _DATE_VRS or vr in _TEXT_VRS or tag == _ZONE


def _action(tag: int, vr: str, code: str) -> ActionName:
    if code == "X":
        return "remove"
    if code == "Z":
        return "empty"
    if code == "K" or vr == "SQ":
        return "keep"  # of a sequence: with all rules applied to its items
    if code == "U":
        return "new-uid"
    return "shift-date" if vr in _DATE_VRS or tag == _ZONE else "clean-text"

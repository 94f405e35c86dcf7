"""The plan's rules, prepared for the engine's loop.

A ``Level`` is a dictionary from tag to what is to be done, for the data set at one path of
sequences. It fills itself from the plan, so that the loop is one look-up; how much it remembers is
bounded, because a hostile file can name any tag.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from gatehouse.deid import (
    offset_tables,
    overlays,
    pixel_lengths,
    pixels,
    representations,
    stamp,
)
from gatehouse.deid.actions import (
    ACTIONS,
    PATIENT_ID,
    PATIENT_NAME,
    Action,
    Occurrence,
    empty,
    remove,
)
from gatehouse.deid.instance import ISSUER_OF_PATIENT_ID, STUDY_INSTANCE_UID
from gatehouse.deid.model import Change
from gatehouse.deid.plan import ObjectPlan, Plan
from gatehouse.deid.rules import Rule
from gatehouse.dicom import paths
from gatehouse.dicom.encodings import PIXEL_DATA, SHORT_VRS
from gatehouse.standard import dictionary, multiplicity
from gatehouse.standard._safe_private import ELEMENTS as SAFE_PRIVATE

SPECIFIC_CHARACTER_SET: Final = 0x00080005
SOP_CLASS_UID: Final = 0x00080016
SOP_INSTANCE_UID: Final = 0x00080018
SERIES_INSTANCE_UID: Final = 0x0020000E
_STAMPED: Final = frozenset(
    {
        stamp.PATIENT_IDENTITY_REMOVED,
        stamp.DEIDENTIFICATION_METHOD,
        stamp.DEIDENTIFICATION_METHOD_CODE_SEQUENCE,
        stamp.LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED,
    }
)
"""What the engine itself writes at the top of the data set."""

_NOTED_AT_TOP: Final = (
    pixels.TAGS
    | pixel_lengths.TAGS
    | offset_tables.TAGS
    | {
        PIXEL_DATA,
        SPECIFIC_CHARACTER_SET,
        SOP_INSTANCE_UID,
        PATIENT_NAME,
        PATIENT_ID,
        ISSUER_OF_PATIENT_ID,
        STUDY_INSTANCE_UID,
        SERIES_INSTANCE_UID,
    }
)

_EFFECTIVE: Final = frozenset({SPECIFIC_CHARACTER_SET, PIXEL_DATA})
"""Of these, the ones on which depends how the rest is read, or that are looked into."""

# Kinds of entries, in the order in which the engine's loop asks for them.
CUT: Final = 0
"""Remove, without looking."""
ACT: Final = 1
"""Call the action with the value."""
SEQUENCE: Final = 2
"""A sequence: keep it, and go into its items."""
ITEMS: Final = 3
"""A sequence: replace all of its items by a dummy."""
NOTE: Final = 4
"""Keep it, and remember where it is."""
PRIVATE: Final = 5
"""Ask the plan, with the private creator."""
STAMP: Final = 6
"""Remove it: the engine writes its own."""
FORBIDDEN: Final = 7
"""It can't be part of a data set."""
SEEN: Final = 8
"""Like NOTE, at the top of the data set, and it changes nothing for what comes after it."""
SPELLED: Final = 9
"""Keep it, if its VR is the attribute's and its value says nothing but a number, moment or UID."""
KEPT: Final = 10
"""Keep it, if its VR is the attribute's."""

_FIRST_GROUP: Final = 8
"""Even groups below are commands, file meta information and directories (PS3.5 section 7.1)."""

_REMEMBERED_MAX: Final = 100_000
"""Entries and levels of one plan and SOP class: what real objects ask for is a tenth of it."""


class Entry:
    """What is to be done with one attribute."""

    __slots__ = (
        "_is_top",
        "action",
        "change",
        "constant",
        "expected",
        "fitting",
        "is_noted",
        "is_single",
        "kind",
        "known",
        "longest",
        "occurrences",
        "parameters",
        "reads",
        "strange",
        "tag",
        "vr",
    )

    def __init__(
        self,
        tag: int,
        kind: int,
        rule: Rule,
        vr: str,
        *,
        is_noted: bool = False,
        is_top: bool = False,
    ) -> None:
        self.tag = tag
        self.kind = kind
        self.vr = vr.partition(" ")[0]
        # Of two VRs that are allowed ("US or SS") either will do where only one is needed.
        self.known = vr if representations.is_told(vr) else ""
        # What comes under its VR, with an even length up to this, and is kept, is just passed over.
        name = self.vr.encode("ascii")
        is_short = kind >= SEEN and name in SHORT_VRS
        self.expected = name if is_short else None
        self.is_single = multiplicity.is_single(tag)
        self.longest = representations.longest(vr, is_single=self.is_single) if is_short else -1
        self.strange = representations.strange(vr)
        self.fitting = representations.fitting(vr)
        self.is_noted = is_noted
        self.action: Action = ACTIONS.get(rule.action, remove)
        self.reads = self.action not in (remove, empty)
        # The new value where it does not depend on the old one; None removes the element.
        self.constant = b"" if self.action is empty else None
        self.parameters: Mapping[str, Any] = rule.parameters
        self.change = Change(paths.name(tag), rule.code, rule.source, rule.line)
        self.occurrences: dict[bytes, Occurrence] = {}
        self._is_top = is_top

    def occurrence(self, vr: bytes) -> Occurrence:
        """Return what actions take for an element of this attribute, and remember it.

        Parameters
        ----------
        vr : bytes
            As in the file. Where it says nothing (implicit VR, UN) the dictionary's is taken.
        """
        name = self.vr or "UN" if vr in (b"", b"UN") else vr.decode("ascii")
        made = Occurrence(self.tag, name, self._is_top, self.parameters)
        self.occurrences[vr] = made
        return made


class Level(dict[int, Entry]):
    """What is to be done with each attribute of the data set at one path."""

    __slots__ = ("_children", "_path", "_privates", "_root", "_rules")

    def __init__(self, root: Root, path: tuple[int, ...]) -> None:
        super().__init__()
        self._root = root
        self._path = path
        self._rules = root.object_plan.level(path)
        self._children: dict[int, Level] = {}
        self._privates: dict[tuple[int, str, bytes, bool], Entry] = {}

    def __missing__(self, tag: int) -> Entry:
        entry = self._compile(tag)
        if self._root.may_remember():
            self[tag] = entry
        return entry

    def child(self, tag: int) -> Level:
        """Return the level of the items of a sequence."""
        found = self._children.get(tag)
        if found is None:
            found = Level(self._root, (*self._path, tag))
            if self._root.may_remember():
                self._children[tag] = found
        return found

    def private(
        self, tag: int, creator: str, vr: bytes = b"", is_declared_safe: bool = False
    ) -> Entry:
        """Return what is to be done with a private element whose block has this creator."""
        key = (tag, creator, vr, is_declared_safe)
        if key in self._privates:
            return self._privates[key]
        name = vr.decode("latin-1")
        rule = self._root.object_plan.private(
            self._path, tag >> 16, creator, tag & 0xFF, name, is_declared_safe=is_declared_safe
        )
        known = SAFE_PRIVATE.get((creator, tag >> 16), {})
        entry = self._entry(tag, rule, known.get(tag & 0xFF, name if is_declared_safe else ""))
        if self._root.may_remember():
            self._privates[key] = entry
        return entry

    @property
    def keeps_safe_private(self) -> bool:
        """Whether private elements stay that are known, or declared, to be safe."""
        return self._root.keeps_safe_private

    def _compile(self, tag: int) -> Entry:
        rule = self._rules[tag]
        if tag >> 16 & 1:
            kind = PRIVATE if self._root.keeps_private else CUT
            return Entry(tag, kind, rule, "")
        if tag >> 16 < _FIRST_GROUP:
            return Entry(tag, FORBIDDEN, rule, "")
        if not self._path and tag in _STAMPED:
            return Entry(tag, STAMP, Rule("remove", "D", "stamp"), "", is_noted=True)
        return self._entry(tag, rule, dictionary.vr(tag) or "")

    def _entry(self, tag: int, rule: Rule, vr: str) -> Entry:
        is_noted = tag in _NOTED_AT_TOP if not self._path else tag == SPECIFIC_CHARACTER_SET
        if rule.action == "keep":
            if vr == "SQ":
                return Entry(tag, SEQUENCE, rule, vr)
            if is_noted and vr and tag not in _EFFECTIVE:
                return Entry(tag, SEEN, rule, vr, is_noted=True)
            if is_noted or not vr or vr == "AS":
                return Entry(tag, NOTE, rule, vr, is_noted=is_noted)
            return Entry(tag, SPELLED if representations.strange(vr) else KEPT, rule, vr)
        if rule.action == "remove" and not is_noted:
            is_telling = not self._path and overlays.is_telling(tag)
            return Entry(tag, ACT if is_telling else CUT, rule, vr, is_noted=is_telling)
        if "items" in rule.parameters:
            return Entry(tag, ITEMS, rule, vr)
        return Entry(tag, ACT, rule, vr, is_noted=is_noted, is_top=not self._path)


class Root:
    """The levels of the objects of one plan for one kind of SOP class."""

    def __init__(self, plan: Plan, object_plan: ObjectPlan) -> None:
        recipe = plan.recipe
        self.object_plan = object_plan
        self.keeps_safe_private = "retain-safe-private" in recipe.options
        self.keeps_private = self.keeps_safe_private or any(
            "{" in attribute.path for attribute in recipe.attributes
        )
        self._remembered = 0
        self.top = Level(self, ())

    @property
    def is_full(self) -> bool:
        """Whether nothing more is remembered."""
        return self._remembered >= _REMEMBERED_MAX

    def may_remember(self) -> bool:
        """Count one more thing to remember; tell if there is room for it."""
        self._remembered += 1
        return self._remembered <= _REMEMBERED_MAX


@lru_cache(maxsize=64)
def _root(plan: Plan, object_plan: ObjectPlan) -> Root:
    return Root(plan, object_plan)


def root(plan: Plan, object_plan: ObjectPlan) -> Root:
    """Return the levels for a plan's rules for a SOP class."""
    found = _root(plan, object_plan)
    if found.is_full:
        # Only hostile files get here. To forget all is cheap, and keeps honest ones fast.
        _root.cache_clear()
        found = _root(plan, object_plan)
    return found

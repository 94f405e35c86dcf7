"""The check itself: read both, search, judge.

A find is named by its place and by the kind of the value, never by the value.
"""

from __future__ import annotations

from gatehouse.deid.model import Deidentified, ProjectKeys, Verified
from gatehouse.deid.plan import Plan
from gatehouse.deid.rules import Rule
from gatehouse.deid.verify import reader
from gatehouse.deid.verify.forwarded import verify_forwarded
from gatehouse.deid.verify.identifiers import WORDS
from gatehouse.deid.verify.needles import Needle, fold
from gatehouse.deid.verify.numbers import are_numbers, is_number
from gatehouse.deid.verify.original import Original, collect
from gatehouse.deid.verify.ours import is_our_pseudonym, is_our_uid
from gatehouse.deid.verify.places import holds
from gatehouse.deid.verify.search import Suspects, find_long
from gatehouse.deid.verify.structure import (
    DEIDENTIFICATION_METHOD,
    OF_OUTPUT,
    PIXEL_DATA,
    PrivateRules,
    check_structure,
    is_replaced,
    place,
)
from gatehouse.deid.verify.walk import Buffer, Element, UnreadableError
from gatehouse.deid.verify.words import CODE_MEANING, MAKERS, MAKERS_PLACES
from gatehouse.errors import VerificationError
from gatehouse.standard import dictionary

_META_VRS = {0x00020000: b"UL", 0x00020001: b"OB", 0x00020013: b"SH"}
"""Those of group 0002 that are no UIDs."""

_DATE_CHANGES = frozenset({"shift-date", "truncate-date", "generalize"})
_DATE_KINDS = frozenset({"birth-date", "date"})


class _Everything(frozenset[int]):
    """Contains every tag."""

    def __contains__(self, tag: object) -> bool:
        return True


def verify(original: Buffer, deidentified: Deidentified, plan: Plan, keys: ProjectKeys) -> Verified:
    """Check a de-identified object against its original.

    Parameters
    ----------
    original : bytes or memoryview
        The DICOM file that the engine was given.
    deidentified : Deidentified
        What it made of it.
    plan : Plan
        The plan that it followed.
    keys : ProjectKeys
        The keys that it used: values that were made with them are no leak.

    Raises
    ------
    VerificationError
        If an identifying value is left, or if the output is not what the plan describes.
    """
    if plan.recipe.profile == "none":
        return verify_forwarded(original, deidentified)
    return verify_against(read_original(original, plan), deidentified, plan, keys)


def read_original(original: Buffer, plan: Plan) -> Original:
    """Return what the verification knows of an original.

    Raises
    ------
    VerificationError
        If it can't be read.
    """
    try:
        return collect(original, plan)
    except UnreadableError as error:
        raise _unreadable("original", error) from None


def verify_against(
    original: Original, deidentified: Deidentified, plan: Plan, keys: ProjectKeys
) -> Verified:
    """Check a de-identified object against what is known of its original; see `verify`."""
    try:
        reading = reader.read_output(deidentified.chunks, OF_OUTPUT, original.header_bytes)
    except UnreadableError as error:
        raise _unreadable("output", error) from None
    check_structure(reading, original, deidentified)
    if reading.has_long_number or not are_numbers(reading.numbers):
        _judge_numbers(original, deidentified)
    for suspects in (
        original.sieve.suspects(reading.values),
        find_long(original.own, reading.values),
    ):
        if suspects:
            _judge(suspects, original, deidentified, plan, keys)
    return Verified(deidentified, len(original.sieve.needles) + len(original.own))


def _unreadable(which: str, error: UnreadableError) -> VerificationError:
    where = place(error.path[:-1], error.path[-1]) if error.path else ""
    return VerificationError(
        "verify.unreadable", f"the {which} can't be read by the verification: {error.reason}", where
    )


def _judge(
    suspects: Suspects,
    original: Original,
    deidentified: Deidentified,
    plan: Plan,
    keys: ProjectKeys,
) -> None:
    """Look at the elements whose values may hold something; hold the object if one does."""
    reading = reader.read_output(deidentified.chunks, _Everything())
    elements: list[Element] = [
        ((), tag, _META_VRS.get(tag, b"UI"), value) for tag, value in reading.meta.items()
    ]
    elements += reading.elements
    # Fragments of an icon are values without an element of their own.
    without = suspects.keys() - {value for _, _, _, value in elements}
    elements += [((), PIXEL_DATA, b"OB", value) for value in without]
    private = PrivateRules(elements, original)
    for element in elements:
        path, tag, vr, value = element
        if value not in suspects:
            continue
        rule = (
            private.rule(path, tag, vr) if tag >> 16 & 1 else original.object_plan.level(path)[tag]
        )
        for needle in suspects[value]:
            if (
                holds(value, vr.decode("ascii") or (dictionary.vr(tag) or "UN")[:2], needle)
                and not _is_ours(needle, keys)
                and not _is_allowed(element, needle, rule, plan)
            ):
                raise VerificationError(
                    "verify.residual-identifier",
                    f"{WORDS[needle.kind]} of the original is left in the output",
                    place(path, tag),
                )


def _judge_numbers(original: Original, deidentified: Deidentified) -> None:
    """Hold the object if the plan keeps what is no number where one should be."""
    for path, tag, vr, value in reader.read_output(deidentified.chunks, _Everything()).elements:
        if is_number(tag, vr, value) or is_replaced(original.object_plan, path):
            continue
        if original.object_plan.level(path)[tag].action == "keep":
            raise VerificationError(
                "verify.not-a-number",
                "something else stands where a number should",
                place(path, tag),
            )


def _is_ours(needle: Needle, keys: ProjectKeys) -> bool:
    """Tell if the original's value was of our making already."""
    text = needle.folded.decode("latin-1")
    return is_our_uid(keys, text) if needle.kind == "uid" else is_our_pseudonym(keys, text)


def _is_allowed(element: Element, needle: Needle, rule: Rule, plan: Plan) -> bool:
    """Tell if a find is what the plan wants at this place."""
    path, tag, vr, _ = element
    if tag in MAKERS_PLACES:
        # A station or plan is often called like its maker.
        return (needle.kind == "text" and needle.match != "digits") or needle.folded in MAKERS
    if tag == CODE_MEANING and needle.kind == "description":
        return True
    if not path and tag == DEIDENTIFICATION_METHOD:
        return needle.folded in fold(plan.recipe.policy.encode("utf-8"))
    if rule.action in _DATE_CHANGES:
        # One date, moved, may be another one's original.
        return needle.kind in _DATE_KINDS
    if rule.action == "replace":
        return needle.folded in fold(str(rule.parameters.get("with", "")).encode("utf-8"))
    # Names are collected from private elements, too: one that is kept is found in itself.
    return bool(tag >> 16 & 1) and vr == b"PN" and rule.action == "keep"

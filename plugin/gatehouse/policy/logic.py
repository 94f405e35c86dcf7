"""What can be said of conditions without any study: contradictions, and one that implies another.

Structural and careful: what is reported is certain, and much that is true is not found.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gatehouse.policy.comparisons import Kind, fold, read
from gatehouse.policy.conditions import describe
from gatehouse.policy.model import Answer, Condition

_LOW = {"at-least": False, "after": True}
_HIGH = {"at-most": False, "before": True}
"""Orderings, and whether they leave out the bound itself."""


def implies(one: Condition, other: Condition) -> bool:
    """Return whether every study that one condition is answered yes for is so for another."""
    return _follows(other, list(_conjuncts(one)))


def contradiction(condition: Condition) -> tuple[Condition, Condition] | None:
    """Return two comparisons of which only one can be answered yes, and that must both be."""
    if condition.kind in ("all", "compare"):
        leaves = [part for part in _conjuncts(condition) if part.kind == "compare"]
        for number, one in enumerate(leaves):
            for other in leaves[number + 1 :]:
                if one.subject == other.subject and _exclude(one, other):
                    return one, other
    if condition.kind == "any":
        return None  # another branch may hold
    for child in condition.children:
        found = contradiction(child) if condition.kind != "not" else None
        if found is not None:
            return found
    return None


def words_of(pair: tuple[Condition, Condition]) -> str:
    """Return both comparisons for a message."""
    return f'"{describe(pair[0])}" and "{describe(pair[1])}"'


def _conjuncts(condition: Condition) -> Iterator[Condition]:
    """Yield what must all hold."""
    if condition.kind != "all":
        yield condition
        return
    for child in condition.children:
        yield from _conjuncts(child)


def _follows(wanted: Condition, given: list[Condition]) -> bool:
    if wanted.kind == "every-study":
        return True
    if wanted.kind == "all":
        return all(_follows(child, given) for child in wanted.children)
    if any(_same(wanted, one) or _narrower(one, wanted) for one in given):
        return True
    return wanted.kind == "any" and any(_follows(child, given) for child in wanted.children)


def _same(one: Condition, other: Condition) -> bool:
    """Return whether two conditions are alike but for their lines."""
    return (
        one.kind == other.kind
        and (one.subject, one.operator, one.expected, one.if_missing)
        == (other.subject, other.operator, other.expected, other.if_missing)
        and len(one.children) == len(other.children)
        and all(_same(a, b) for a, b in zip(one.children, other.children, strict=True))
    )


def _narrower(one: Condition, other: Condition) -> bool:
    """Return whether a comparison allows at most what another one allows."""
    if one.kind != "compare" or other.kind != "compare" or one.subject != other.subject:
        return False
    if one.if_missing is Answer.YES and other.if_missing is not Answer.YES:
        return False
    values, wider = _listed(one), _listed(other)
    if values is not None and wider is not None:
        return values <= wider
    if one.operator != other.operator or one.compared_as != other.compared_as:
        return False
    low, high = _bound(one), _bound(other)
    if low is None or high is None:
        return False
    if one.operator in _LOW:
        return bool(low >= high)
    return one.operator in _HIGH and bool(low <= high)


def _listed(leaf: Condition) -> frozenset[str] | None:
    """Return the texts that ``is`` and ``in`` allow; None for other comparisons."""
    if leaf.compared_as != "text" or leaf.operator not in ("is", "in"):
        return None
    several = leaf.expected if isinstance(leaf.expected, tuple) else (leaf.expected,)
    return frozenset(fold(str(one)) for one in several)


def _bound(leaf: Condition) -> Any | None:
    kind: Kind = leaf.compared_as
    return None if kind in ("text", "address") else read(str(leaf.expected), kind)


def _exclude(one: Condition, other: Condition) -> bool:
    """Return whether no value can be answered yes by both."""
    for absent, present in ((one, other), (other, one)):
        if absent.operator == "exists" and absent.expected is False:
            if present.operator == "exists":
                return present.expected is True
            return present.if_missing is not Answer.YES
    if Answer.YES in (one.if_missing, other.if_missing) or one.compared_as != other.compared_as:
        return False
    for low, high in ((one, other), (other, one)):
        if low.operator in _LOW and high.operator in _HIGH:
            bottom, top = _bound(low), _bound(high)
            if bottom is None or top is None:
                return False
            is_strict = _LOW[low.operator] or _HIGH[high.operator]
            return bool(bottom >= top) if is_strict else bool(bottom > top)
    return False
